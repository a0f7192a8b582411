// Package wire holds the small conversions between the contract's types and ours that every
// resource needs: versions, cursors, merge patches, optional values.
package wire

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"
	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/waystation/waystation/internal/db"
)

// ETag writes a version as a strong entity tag.
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// Send answers a document, with its version as the entity tag where it has one.
func Send(w http.ResponseWriter, d db.Document) error {
	w.Header().Set("Content-Type", JSON)
	if d.Version > 0 {
		w.Header().Set("ETag", ETag(d.Version))
	}
	w.WriteHeader(http.StatusOK)
	_, err := d.WriteTo(w)
	return err
}

// Listing collects the parameters that every list takes. standard is the sort key of a caller
// who names none; a cursor carries its own.
func Listing[S ~string](limit *int, cursor *string, sort *S, total *bool, standard string) db.Listing {
	l := db.Listing{Limit: Value(limit), Cursor: Value(cursor), Sort: string(Value(sort)), Total: Value(total)}
	if l.Sort == "" && l.Cursor == "" {
		l.Sort = standard
	}
	return l
}

// Next writes a page's cursor; null on the last page.
func Next(cursor string) nullable.Nullable[string] {
	if cursor == "" {
		return nullable.NewNullNullable[string]()
	}
	return nullable.NewNullableWithValue(cursor)
}

// Value reads an optional field; absent is the zero value.
func Value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// Opt writes a field that is left out when empty.
func Opt[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// Ptr returns a pointer to v.
func Ptr[T any](v T) *T { return &v }

// List writes a list that is never null.
func List[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Set applies a field of a merge patch: absent leaves what is there.
func Set[T any](to *T, patch *T) {
	if patch != nil {
		*to = *patch
	}
}

// SetList applies a list of a merge patch; a list is replaced as a whole.
func SetList[L ~[]T, T any](to *L, patch []T) {
	if patch != nil {
		*to = L(patch)
	}
}

// Clear applies a nullable field of a merge patch to a column that is empty rather than null.
func Clear[T any](to *T, patch nullable.Nullable[T]) {
	if !patch.IsSpecified() {
		return
	}
	var zero T
	*to = zero
	if v, err := patch.Get(); err == nil {
		*to = v
	}
}

// SetNull applies a nullable field of a merge patch to a nullable column.
func SetNull[T any](to **T, patch nullable.Nullable[T]) {
	if !patch.IsSpecified() {
		return
	}
	*to = nil
	if v, err := patch.Get(); err == nil {
		*to = &v
	}
}

// Date reads a calendar date.
func Date(d openapi_types.Date) db.Date { return db.NewDate(d.Time) }

// OptDate reads an optional calendar date.
func OptDate(d *openapi_types.Date) *db.Date {
	if d == nil {
		return nil
	}
	return Ptr(Date(*d))
}

// ToDate writes a calendar date.
func ToDate(d db.Date) openapi_types.Date { return openapi_types.Date{Time: d.Time} }

// ToOptDate writes an optional calendar date.
func ToOptDate(d *db.Date) *openapi_types.Date {
	if d == nil {
		return nil
	}
	return Ptr(ToDate(*d))
}

// Each writes a page's rows; the list is never null.
func Each[T, U any](rows []T, to func(*T) U) []U {
	out := make([]U, len(rows))
	for i := range rows {
		out[i] = to(&rows[i])
	}
	return out
}

// Moment is as precise as the database keeps it.
func Moment(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Path is where a resource of a centre is; steps are words and ids in turn.
func Path(centre uuid.UUID, steps ...any) string {
	path := "/v1/centres/" + centre.String()
	for _, step := range steps {
		path += "/" + url.PathEscape(fmt.Sprint(step))
	}
	return path
}
