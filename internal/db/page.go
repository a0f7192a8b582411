package db

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/fault"
)

// Listing is what a caller may ask of any list.
type Listing struct {
	Limit  int    // rows a page
	Cursor string // where the last page ended; it carries the sort
	Sort   string // a key of Sorts, "-" before it for descending
	Total  bool   // count all rows too
}

// Sort says how one sort key is read from a row and compared in SQL. The expression is never
// null, and (expression, id) is unique: that makes the page boundary exact.
type Sort[T any] struct {
	SQL   string // expression over the table
	Cast  string // its PostgreSQL type: timestamptz, date, text, bigint, float8
	Value func(*T) any
}

// Sorts are the sort keys that the spec offers for a list.
type Sorts[T any] map[string]Sort[T]

// Paged is one page of rows.
type Paged[T any] struct {
	Rows  []T
	Next  string // cursor of the next page, empty on the last
	Total *int64
}

type cursor struct {
	Sort  string    `json:"s"`
	Value string    `json:"v"`
	ID    uuid.UUID `json:"i"`
}

// Row is what lists are made of: it tells its id, as Record and Global do.
type Row[T any] interface {
	*T
	RowID() uuid.UUID
}

// Page returns one keyset page of the rows that build selects.
// An unknown sort key or a cursor that is not ours is a 400.
func Page[T any, P Row[T]](ctx context.Context, l Listing, sorts Sorts[T], build Build) (Paged[T], error) {
	var page Paged[T]
	k, err := keysetOf(l, sorts)
	if err != nil {
		return page, err
	}
	page.Rows, err = Find[T](ctx, func(q *gorm.DB) *gorm.DB { return k.narrow(build(q)) })
	if err != nil {
		return page, err
	}
	if len(page.Rows) > l.Limit {
		page.Rows = page.Rows[:l.Limit]
		page.Next = k.cursor(&page.Rows[l.Limit-1], P(&page.Rows[l.Limit-1]).RowID())
		Current(ctx).NextCursor = page.Next
	}
	if l.Total {
		n, err := Count[T](ctx, build)
		if err != nil {
			return page, err
		}
		page.Total = &n
	}
	return page, nil
}

// keyset is where a page begins, and in which order it goes on.
type keyset[T any] struct {
	Listing
	after      cursor
	key        string
	sort       Sort[T]
	descending bool
}

func keysetOf[T any](l Listing, sorts Sorts[T]) (k keyset[T], err error) {
	k.Listing = l
	if k.after, err = decode(l); err != nil {
		return k, err
	}
	k.key, k.descending = strings.CutPrefix(k.after.Sort, "-")
	var ok bool
	if k.sort, ok = sorts[k.key]; !ok {
		return k, fault.New(fault.Malformed, "unknown_sort", "This list cannot be sorted that way.").Add("sort", "unknown_sort", "Not a sort key of this list.")
	}
	if l.Cursor != "" && !k.sort.accepts(k.after.Value) {
		return k, badCursor()
	}
	return k, nil
}

// narrow asks for one row more than the page has: it tells whether there is a next one.
func (k keyset[T]) narrow(q *gorm.DB) *gorm.DB {
	direction, comparison := "asc", ">"
	if k.descending {
		direction, comparison = "desc", "<"
	}
	if k.Cursor != "" {
		q = q.Where(fmt.Sprintf("(%s, id) %s (?::text::%s, ?::uuid)", k.sort.SQL, comparison, k.sort.Cast), k.after.Value, k.after.ID)
	}
	return q.Order(k.sort.SQL + " " + direction + ", id " + direction).Limit(k.Limit + 1)
}

// cursor is that of the page behind the row.
func (k keyset[T]) cursor(last *T, id uuid.UUID) string {
	return encode(cursor{k.after.Sort, format(k.sort.Value(last)), id})
}

// accepts keeps a forged cursor from becoming a database error.
func (s Sort[T]) accepts(value string) bool {
	at, err := time.Unix(0, 0), error(nil)
	switch s.Cast {
	case "timestamptz":
		at, err = time.Parse(time.RFC3339Nano, value)
	case "date":
		at, err = time.Parse(time.DateOnly, value)
	case "bigint":
		_, err = strconv.ParseInt(value, 10, 64)
	case "float8":
		_, err = strconv.ParseFloat(value, 64)
	}
	return err == nil && at.UTC().Year() > 0 && !strings.ContainsRune(value, 0) // PostgreSQL knows no year 0
}

func format(v any) string {
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case Date:
		return v.String()
	}
	return fmt.Sprint(v)
}

func encode(c cursor) string {
	raw, _ := json.Marshal(c)
	return base64.RawURLEncoding.EncodeToString(raw)
}

func decode(l Listing) (cursor, error) {
	if l.Cursor == "" {
		return cursor{Sort: l.Sort}, nil
	}
	var c cursor
	raw, err := base64.RawURLEncoding.DecodeString(l.Cursor)
	if err != nil || json.Unmarshal(raw, &c) != nil {
		return c, badCursor()
	}
	if l.Sort != "" && l.Sort != c.Sort {
		return c, fault.New(fault.Malformed, "cursor_sort", "The cursor belongs to another sort order. Leave sort out, or begin without a cursor.").Add("cursor", "cursor_sort", "Made for another sort order.")
	}
	return c, nil
}

func badCursor() error {
	return fault.New(fault.Malformed, "invalid_cursor", "The cursor is not one that this list gave out. Begin without a cursor.").Add("cursor", "invalid_cursor", "Not a cursor of this list.")
}
