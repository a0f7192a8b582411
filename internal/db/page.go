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
	Cast  string // its PostgreSQL type: timestamptz, date, text, bigint
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

// Page returns one keyset page of the rows that build selects. id tells a row's id.
// An unknown sort key or a cursor that is not ours is a 400.
func Page[T any](ctx context.Context, l Listing, sorts Sorts[T], id func(*T) uuid.UUID, build Build) (Paged[T], error) {
	after, err := decode(l)
	if err != nil {
		return Paged[T]{}, err
	}
	key, descending := strings.CutPrefix(after.Sort, "-")
	sort, ok := sorts[key]
	if !ok {
		return Paged[T]{}, fault.New(fault.Malformed, "unknown_sort", "This list cannot be sorted that way.").Add("sort", "unknown_sort", "Not a sort key of this list.")
	}
	if l.Cursor != "" && !sort.accepts(after.Value) {
		return Paged[T]{}, badCursor()
	}
	var page Paged[T]
	rows, err := Find[T](ctx, func(q *gorm.DB) *gorm.DB {
		return sort.keyset(build(q), l, after, descending)
	})
	if err != nil {
		return page, err
	}
	if len(rows) > l.Limit {
		rows = rows[:l.Limit]
		last := &rows[l.Limit-1]
		page.Next = encode(cursor{after.Sort, format(sort.Value(last)), id(last)})
		Current(ctx).NextCursor = page.Next
	}
	page.Rows = rows
	if l.Total {
		n, err := Count[T](ctx, build)
		if err != nil {
			return page, err
		}
		page.Total = &n
	}
	return page, nil
}

func (s Sort[T]) keyset(q *gorm.DB, l Listing, after cursor, descending bool) *gorm.DB {
	direction, comparison := "asc", ">"
	if descending {
		direction, comparison = "desc", "<"
	}
	if l.Cursor != "" {
		q = q.Where(fmt.Sprintf("(%s, id) %s (?::text::%s, ?::uuid)", s.SQL, comparison, s.Cast), after.Value, after.ID)
	}
	return q.Order(s.SQL + " " + direction + ", id " + direction).Limit(l.Limit + 1)
}

// accepts keeps a forged cursor from becoming a database error.
func (s Sort[T]) accepts(value string) bool {
	var err error
	switch s.Cast {
	case "timestamptz":
		_, err = time.Parse(time.RFC3339Nano, value)
	case "date":
		_, err = time.Parse(time.DateOnly, value)
	case "bigint":
		_, err = strconv.ParseInt(value, 10, 64)
	}
	return err == nil && !strings.ContainsRune(value, 0)
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
