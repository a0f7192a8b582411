package db

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/waystation/waystation/internal/fault"
)

// Shape tells how rows of T answer without a detour through structs: the members of an API type in
// their order, each from the column of its name. What an answer leaves out is not even read.
// It is for the few reads that carry the load; a page costs half of what it costs otherwise.
type Shape[T any] struct {
	meta    *schema.Schema
	columns columnList // centre_id, then those of the members
	members []member
	where   string                 // which rows GetJSON answers; empty: any
	byID    atomic.Pointer[string] // the audited statement of GetJSON in one centre, as GORM wrote it the first time
	layout  atomic.Pointer[layout] // of the columns, as PostgreSQL told it last
}

// layout is how the members come from the database.
type layout struct {
	columns []pgconn.FieldDescription
	fields  []*schema.Field              // by column, as the rest
	write   []func(b, raw []byte) []byte // its JSON
	version int                          // which column is the row's version
}

type member struct {
	name     string // with its quotes and colon
	optional bool   // left out where it is empty, as omitempty says
}

// NewShape reads the members of R from its JSON tags, but for those that are left out. A member
// without a column is a mistake of the program and panics.
func NewShape[T, R any](leave ...string) *Shape[T] {
	meta, err := schema.Parse(new(T), &schemas, schema.NamingStrategy{})
	if err != nil {
		panic(err)
	}
	s := &Shape[T]{meta: meta}
	columns := []string{pgx.Identifier{meta.Table, "centre_id"}.Sanitize()}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[R]()) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if slices.Contains(leave, name) {
			continue
		}
		if meta.LookUpField(name) == nil {
			panic(fmt.Sprintf("db: %s has no column for the member %q", meta.Table, name))
		}
		columns = append(columns, pgx.Identifier{meta.Table, name}.Sanitize())
		s.members = append(s.members, member{strconv.Quote(name) + ":", strings.Contains(options, "omitempty")})
	}
	s.columns = columnList(strings.Join(columns, ","))
	return s
}

// Where keeps GetJSON from rows for which a condition in SQL does not hold.
func (s *Shape[T]) Where(condition string) *Shape[T] { s.where = condition; return s }

func (s *Shape[T]) narrow(q *gorm.DB) *gorm.DB {
	if s.where == "" {
		return q
	}
	return q.Where(s.where)
}

func (s *Shape[T]) selects(q *gorm.DB) *gorm.DB {
	q.Statement.Clauses["SELECT"] = clause.Clause{Name: "SELECT", Expression: s.columns}
	return q
}

// Document is an answer that is JSON already.
type Document struct {
	Version int64 // of the row that it shows; 0 for a page
	buf     *[]byte
}

var documents = sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }}

// WriteTo implements io.WriterTo. A document is written once.
func (d Document) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(*d.buf)
	*d.buf = (*d.buf)[:0]
	documents.Put(d.buf)
	return int64(n), err
}

// PageJSON is Page for a shape: {"data": […], "next_cursor": …}, with "total" where it was asked for.
// What a sort key is read from must be among the members.
func PageJSON[T any, P Row[T]](ctx context.Context, l Listing, sorts Sorts[T], shape *Shape[T], build Build) (Document, error) {
	k, err := keysetOf(l, sorts)
	if err != nil {
		return Document{}, err
	}
	d := Document{buf: documents.Get().(*[]byte)}
	b, next, n := append(*d.buf, `{"data":[`...), "", 0
	err = documentRows(ctx, shape, func(q *gorm.DB) *gorm.DB { return k.narrow(shape.selects(build(q))) }, func(r *renderer[T]) error {
		if n++; n > l.Limit {
			next = k.cursor(r.row, P(r.row).RowID())
			return nil
		}
		if n > 1 {
			b = append(b, ',')
		}
		if b = r.append(b); n == l.Limit {
			return r.scan(ctx, k.key) // the next page begins behind this row
		}
		return nil
	})
	if err != nil {
		return Document{}, err
	}
	b = append(b, `],"next_cursor":`...)
	if next == "" {
		b = append(b, "null"...)
	} else {
		Current(ctx).NextCursor = next
		b = strconv.AppendQuote(b, next) // base64: nothing in it is escaped
	}
	if l.Total {
		total, err := Count[T](ctx, build)
		if err != nil {
			return Document{}, err
		}
		b = strconv.AppendInt(append(b, `,"total":`...), total, 10)
	}
	*d.buf = append(b, "}\n"...)
	return d, nil
}

// GetJSON is Get for a shape: one row by its id with its version, or the 404.
func GetJSON[T any](ctx context.Context, id uuid.UUID, shape *Shape[T]) (Document, error) {
	d := Document{buf: documents.Get().(*[]byte)}
	found := false
	err := documentRow(ctx, shape, id, func(r *renderer[T]) error {
		found = true
		d.Version = r.versionOf()
		*d.buf = append(r.append(*d.buf), '\n')
		return nil
	})
	if err == nil && !found {
		err = fault.Missing()
	}
	if err != nil {
		return Document{}, err
	}
	return d, nil
}

func documentRows[T any](ctx context.Context, shape *Shape[T], build Build, each func(*renderer[T]) error) error {
	s := Current(ctx)
	if s == nil {
		return ErrOutsideSession
	}
	q, _, err := statement[T](ctx, s, build)
	if err != nil {
		return err
	}
	if q, err = seen[T](s, q, shape.meta); err != nil {
		return err
	}
	return render(ctx, s, q, shape, each)
}

func documentRow[T any](ctx context.Context, shape *Shape[T], id uuid.UUID, each func(*renderer[T]) error) error {
	s := Current(ctx)
	if s == nil {
		return ErrOutsideSession
	}
	usual := s.scope.AuditReads && len(s.scope.Centres) == 1
	if known := shape.byID.Load(); known != nil && usual {
		s.Audited = true
		return render(ctx, s, query{sql: *known, args: []any{id, s.scope.Centres[0], 1}}, shape, each)
	}
	q, _, err := statement[T](ctx, s, func(q *gorm.DB) *gorm.DB { return shape.narrow(shape.selects(q).Where("id = ?", id)).Limit(1) })
	if err != nil {
		return err
	}
	if q, err = seen[T](s, q, shape.meta); err != nil {
		return err
	}
	if usual && s.Audited && slices.Equal(q.args, []any{id, s.scope.Centres[0], 1}) {
		shape.byID.Store(&q.sql)
	}
	return render(ctx, s, q, shape, each)
}

func render[T any](ctx context.Context, s *Session, q query, shape *Shape[T], each func(*renderer[T]) error) error {
	_, durable := any(new(T)).(Restricted)
	return s.query(ctx, q, durable, func(rows pgx.Rows) error {
		laid, err := shape.lie(rows.FieldDescriptions())
		if err != nil {
			return err
		}
		r := &renderer[T]{shape: shape, rows: rows, layout: laid}
		for rows.Next() {
			r.raw = rows.RawValues()
			if err := each(r); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// renderer writes the rows of one result.
type renderer[T any] struct {
	shape *Shape[T]
	rows  pgx.Rows
	*layout
	raw [][]byte // of the current row; the first is the centre
	row *T       // once scanned
}

// lie answers how the columns of a result lie: as those of the last one, unless a migration came between.
func (s *Shape[T]) lie(described []pgconn.FieldDescription) (*layout, error) {
	same := func(a, b pgconn.FieldDescription) bool { return a.DataTypeOID == b.DataTypeOID && a.Format == b.Format }
	if known := s.layout.Load(); known != nil && slices.EqualFunc(known.columns, described, same) {
		return known, nil
	}
	fields, err := fieldsOf(s.meta, described)
	if err != nil {
		return nil, err
	}
	laid := &layout{columns: slices.Clone(described), fields: fields}
	for i, d := range described {
		w := writers[d.DataTypeOID]
		if w.write == nil || w.format != d.Format {
			return nil, fmt.Errorf("db: no JSON for column %q", d.Name)
		}
		if d.Name == "version" {
			laid.version = i
		}
		laid.write = append(laid.write, w.write)
	}
	s.layout.Store(laid)
	return laid, nil
}

func (r *renderer[T]) append(b []byte) []byte {
	b = append(b, '{')
	for i, m := range r.shape.members {
		if m.optional && len(r.raw[i+1]) == 0 { // null, or a text without a letter: most of what is optional
			continue
		}
		start := len(b)
		b = append(b, m.name...)
		valued := len(b)
		b = r.write[i+1](b, r.raw[i+1])
		if m.optional && empty(b[valued:]) {
			b = b[:start]
			continue
		}
		b = append(b, ',')
	}
	b[len(b)-1] = '}' // in the place of the last comma: a row has an id
	return b
}

// empty tells what omitempty leaves out, and an empty text too.
func empty(value []byte) bool {
	switch string(value) {
	case "null", `""`, "[]", "{}":
		return true
	}
	return false
}

// scan fills row with what a cursor tells: the id and the sort key's column; all that was read where the
// key is no column.
func (r *renderer[T]) scan(ctx context.Context, key string) error {
	r.row = new(T)
	whole := !slices.ContainsFunc(r.fields, func(f *schema.Field) bool { return f.DBName == key })
	types, row := r.rows.Conn().TypeMap(), reflect.ValueOf(r.row).Elem()
	for i, f := range r.fields {
		if !whole && f.DBName != key && f.DBName != "id" {
			continue
		}
		if err := types.Scan(r.columns[i].DataTypeOID, r.columns[i].Format, r.raw[i], destination(ctx, f, row)); err != nil {
			return err
		}
	}
	return nil
}

func (r *renderer[T]) versionOf() int64 { return int64(binary.BigEndian.Uint64(r.raw[r.version])) }

// writer writes a value as JSON that came in one of PostgreSQL's formats: the one that pgx asks for.
type writer struct {
	format int16
	write  func(b, raw []byte) []byte
}

// writers are by the type's OID.
var writers = map[uint32]writer{
	pgtype.TextOID:        {pgtype.TextFormatCode, nullable(appendText[[]byte])},
	pgtype.JSONBOID:       {pgtype.TextFormatCode, nullable(appendJSON)},
	pgtype.TextArrayOID:   {pgtype.BinaryFormatCode, appendTexts},
	pgtype.UUIDOID:        {pgtype.BinaryFormatCode, nullable(appendUUID)},
	pgtype.DateOID:        {pgtype.BinaryFormatCode, nullable(appendDate)},
	pgtype.TimestamptzOID: {pgtype.BinaryFormatCode, nullable(appendInstant)},
	pgtype.BoolOID:        {pgtype.BinaryFormatCode, nullable(func(b, raw []byte) []byte { return strconv.AppendBool(b, raw[0] != 0) })},
	pgtype.Int4OID: {pgtype.BinaryFormatCode, nullable(func(b, raw []byte) []byte {
		return strconv.AppendInt(b, int64(int32(binary.BigEndian.Uint32(raw))), 10)
	})},
	pgtype.Int8OID: {pgtype.BinaryFormatCode, nullable(func(b, raw []byte) []byte { return strconv.AppendInt(b, int64(binary.BigEndian.Uint64(raw)), 10) })},
}

func nullable(write func(b, raw []byte) []byte) func(b, raw []byte) []byte {
	return func(b, raw []byte) []byte {
		if raw == nil {
			return append(b, "null"...)
		}
		return write(b, raw)
	}
}

func appendJSON(b, raw []byte) []byte {
	if len(raw) == 2 { // {} or [], as mostly
		return append(b, raw...)
	}
	compact := bytes.NewBuffer(b)
	_ = json.Compact(compact, raw) // the database keeps valid JSON only
	return compact.Bytes()
}

func appendUUID(b, raw []byte) []byte {
	b = hex.AppendEncode(append(b, '"'), raw[:4])
	for _, part := range [][]byte{raw[4:6], raw[6:8], raw[8:10], raw[10:]} {
		b = hex.AppendEncode(append(b, '-'), part)
	}
	return append(b, '"')
}

// epoch is where PostgreSQL begins to count days and microseconds.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// appendDate cuts an instant off behind its day: package time has a short way for RFC 3339 alone.
func appendDate(b, raw []byte) []byte {
	day := time.Unix(epoch.Unix()+int64(int32(binary.BigEndian.Uint32(raw)))*24*60*60, 0).UTC()
	b = day.AppendFormat(append(b, '"'), time.RFC3339)
	return append(b[:len(b)-len("T00:00:00Z")], '"')
}

func appendInstant(b, raw []byte) []byte {
	at := time.UnixMicro(epoch.UnixMicro() + int64(binary.BigEndian.Uint64(raw))).UTC()
	return append(at.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// appendTexts writes an array of texts: dimensions, whether any is null, type; length and lower bound
// of the one dimension; then each text behind its length.
func appendTexts(b, raw []byte) []byte {
	b = append(b, '[')
	if len(raw) < 20 || binary.BigEndian.Uint32(raw) != 1 {
		return append(b, ']')
	}
	for i, rest := binary.BigEndian.Uint32(raw[12:]), raw[20:]; i > 0; i-- {
		n := binary.BigEndian.Uint32(rest)
		b = append(appendText(b, rest[4:4+n]), ',')
		rest = rest[4+n:]
	}
	b[len(b)-1] = ']'
	return b
}

// special marks the bytes for which a text needs escaping, as encoding/json would: 0xe2 begins the line
// separators that a script must not hold.
var special = func() (marked [256]bool) {
	for _, c := range []byte("\"\\<>&\xe2") {
		marked[c] = true
	}
	for c := range ' ' {
		marked[c] = true
	}
	return marked
}()

func appendText[T []byte | string](b []byte, raw T) []byte {
	for i := range len(raw) {
		if special[raw[i]] {
			escaped, _ := json.Marshal(string(raw)) // a text always has JSON
			return append(b, escaped...)
		}
	}
	return append(append(append(b, '"'), raw...), '"')
}
