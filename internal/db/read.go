package db

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// Build narrows a query: conditions, joins, order. The tenant scope is added by the entity itself.
type Build func(q *gorm.DB) *gorm.DB

// Conditions are what a caller asked a list to be narrowed by.
type Conditions []condition

type condition struct {
	sql   string
	value any
}

// When adds a condition where the caller gave a value for it.
func When[T any](c Conditions, sql string, value *T) Conditions {
	if value == nil {
		return c
	}
	return c.And(sql, *value)
}

// And adds a condition that always holds.
func (c Conditions) And(sql string, value any) Conditions { return append(c, condition{sql, value}) }

// Apply narrows a query; it is a Build.
func (c Conditions) Apply(q *gorm.DB) *gorm.DB {
	for _, one := range c {
		q = q.Where(one.sql, one.value)
	}
	return q
}

// Find returns the rows of T that build selects.
//
// GORM writes the statement, tenant scope included, and pgx carries it: while the session has
// not begun, settings and statement travel as one pipeline, so a read costs one round trip
// instead of three. In an audited session the same statement leaves the line in the trail.
func Find[T any](ctx context.Context, build Build) ([]T, error) {
	s := Current(ctx)
	if s == nil {
		return nil, ErrOutsideSession
	}
	q, meta, err := statement[T](ctx, s, build)
	if err != nil {
		return nil, err
	}
	return collect[T](ctx, s, q, meta)
}

// One returns the only row that build selects, or the 404.
func One[T any](ctx context.Context, build Build) (*T, error) {
	rows, err := Find[T](ctx, func(q *gorm.DB) *gorm.DB { return build(q).Limit(1) })
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fault.Missing()
	}
	return &rows[0], nil
}

// Get returns one row by its id, or the 404.
func Get[T any](ctx context.Context, id uuid.UUID) (*T, error) {
	return One[T](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id = ?", id) })
}

// Select runs hand-written SQL in the session, for what GORM cannot say. Row-level security
// still scopes it. Columns are matched to the fields of T by name.
func Select[T any](ctx context.Context, sql string, args ...any) ([]T, error) {
	s := Current(ctx)
	if s == nil {
		return nil, ErrOutsideSession
	}
	meta, err := parse[T](s)
	if err != nil {
		return nil, err
	}
	return collect[T](ctx, s, query{sql: sql, args: args}, meta)
}

// Search is Find for words that a person typed. The trail keeps that somebody searched and how many
// they found, even none, and never the words.
func Search[T any](ctx context.Context, build Build) ([]T, error) {
	s := Current(ctx)
	if s == nil {
		return nil, ErrOutsideSession
	}
	q, meta, err := statement[T](ctx, s, build)
	if err != nil {
		return nil, err
	}
	s.Audited = true
	return scanAll[T](ctx, s, searched(q, meta.Table), meta)
}

// Told leaves the line of a search whose rows did not come through Search: what of a resource it
// told about, even nothing.
func Told(ctx context.Context, resource string, ids ...uuid.UUID) error {
	tx, err := Pgx(ctx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into audit_events (centre_id, action, resource, subject_ids, after)
		values ((scope_centres())[1], 'search', $1, coalesce($2, '{}'::uuid[]), jsonb_build_object('results', coalesce(cardinality($2::uuid[]), 0)))`, resource, ids)
	return err
}

// Exists tells whether build selects any row of T.
func Exists[T any](ctx context.Context, build Build) (bool, error) {
	rows, err := Find[T](ctx, func(q *gorm.DB) *gorm.DB { return build(q).Limit(1) })
	return len(rows) > 0, err
}

// Count returns how many rows build selects.
func Count[T any](ctx context.Context, build Build) (int64, error) {
	s := Current(ctx)
	if s == nil {
		return 0, ErrOutsideSession
	}
	q, _, err := statement[T](ctx, s, build)
	if err != nil {
		return 0, err
	}
	var n int64
	err = s.query(ctx, query{sql: "select count(*) from (" + q.sql + ") counted", args: q.args}, false, func(rows pgx.Rows) error {
		for rows.Next() {
			if err := rows.Scan(&n); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	return n, err
}

// Personal marks an entity that holds personal data. Reading one through Find, Get, Page or
// Select leaves a line in the trail; an operation that reads one must carry x-audit-read.
type Personal interface{ Personal() }

// Restricted marks a personal entity that may belong to a restricted file: the line in the
// trail is on disk before the row is answered. For others it may trail a crash by a moment.
type Restricted interface {
	Personal
	Restricted()
}

type query struct {
	sql  string
	args []any
	most int // rows to make room for
}

var schemas sync.Map

func parse[T any](s *Session) (*schema.Schema, error) {
	return schema.Parse(new(T), &schemas, s.db.gorm.NamingStrategy)
}

// columnList names the columns of an entity, quoted: quoting them anew costs more than all else that
// GORM does for a statement.
type columnList string

// Build implements clause.Expression.
func (l columnList) Build(b clause.Builder) { _, _ = b.WriteString(string(l)) }

var columnLists sync.Map // *schema.Schema → columnList

func columnsOf(meta *schema.Schema) columnList {
	if list, ok := columnLists.Load(meta); ok {
		return list.(columnList)
	}
	names := make([]string, len(meta.DBNames))
	for i, name := range meta.DBNames {
		names[i] = pgx.Identifier{meta.Table, name}.Sanitize()
	}
	list := columnList(strings.Join(names, ","))
	columnLists.Store(meta, list)
	return list
}

func statement[T any](ctx context.Context, s *Session, build Build) (query, *schema.Schema, error) {
	meta, err := parse[T](s)
	if err != nil {
		return query{}, nil, err
	}
	dry := s.db.gorm.Session(&gorm.Session{NewDB: true, DryRun: true, Context: ctx})
	dry.QueryFields = false // of this session alone: the columns are named here
	q := build(dry.Model(new(T)))
	if _, chosen := q.Statement.Clauses["SELECT"]; !chosen && len(q.Statement.Selects) == 0 {
		q.Statement.Clauses["SELECT"] = clause.Clause{Name: "SELECT", Expression: columnsOf(meta)}
	}
	var none []T
	done := q.Find(&none)
	if done.Error != nil {
		return query{}, nil, done.Error
	}
	made := query{sql: done.Statement.SQL.String(), args: done.Statement.Vars}
	if limit, ok := done.Statement.Clauses["LIMIT"].Expression.(clause.Limit); ok && limit.Limit != nil {
		made.most = min(*limit.Limit, 64) // a page, and not a fortune where a limit is large and matches are few
	}
	return made, meta, nil
}

func collect[T any](ctx context.Context, s *Session, q query, meta *schema.Schema) ([]T, error) {
	q, err := seen[T](s, q, meta)
	if err != nil {
		return nil, err
	}
	return scanAll[T](ctx, s, q, meta)
}

// seen makes a statement that reads personal data leave its line in the trail.
func seen[T any](s *Session, q query, meta *schema.Schema) (query, error) {
	if _, personal := any(new(T)).(Personal); !personal {
		return q, nil
	}
	switch {
	case s.scope.AuditReads:
		s.Audited = true
		return audited(q, meta.Table), nil
	case s.scope.ReadOnly && s.scope.ActorID != uuid.Nil:
		return q, fmt.Errorf("db: %s reads %s without x-audit-read", s.scope.Operation, meta.Table)
	}
	return q, nil
}

func scanAll[T any](ctx context.Context, s *Session, q query, meta *schema.Schema) ([]T, error) {
	_, durable := any(new(T)).(Restricted)
	out := slices.Grow([]T(nil), q.most)
	err := s.query(ctx, q, durable, func(rows pgx.Rows) error {
		fields, err := fieldsOf(meta, rows.FieldDescriptions())
		if err != nil {
			return err
		}
		var row, zero T
		to := destinations(ctx, fields, reflect.ValueOf(&row).Elem(), make([]any, len(fields)))
		for rows.Next() {
			row = zero
			if err := rows.Scan(to...); err != nil {
				return err
			}
			out = append(out, row)
		}
		return rows.Err()
	})
	return out, err
}

// audited makes the statement itself write who read which rows, in the same round trip.
func audited(q query, table string) query {
	q.sql = "with page as (" + q.sql + "), seen as (insert into audit_events (centre_id, action, resource, subject_ids) " +
		"select centre_id, 'read', '" + table + "', array_agg(id) from page group by centre_id) select * from page"
	return q
}

func searched(q query, table string) query {
	q.sql = "with page as (" + q.sql + "), seen as (insert into audit_events (centre_id, action, resource, subject_ids, after) " +
		"select (scope_centres())[1], 'search', '" + table + "', coalesce(array_agg(id), '{}'), jsonb_build_object('results', count(*)) from page) select * from page"
	return q
}

func fieldsOf(meta *schema.Schema, described []pgconn.FieldDescription) ([]*schema.Field, error) {
	fields := make([]*schema.Field, len(described))
	for i, d := range described {
		if fields[i] = meta.LookUpField(d.Name); fields[i] == nil {
			return nil, fmt.Errorf("db: %s has no field for column %q", meta.Name, d.Name)
		}
	}
	return fields, nil
}

// destinations fills to with where a row's values go.
func destinations(ctx context.Context, fields []*schema.Field, row reflect.Value, to []any) []any {
	for i, f := range fields {
		to[i] = destination(ctx, f, row)
	}
	return to
}

func destination(ctx context.Context, f *schema.Field, row reflect.Value) any {
	return native(f.ReflectValueOf(ctx, row).Addr().Interface())
}

// native spares our types the way through database/sql where pgx reads what they are made of.
func native(to any) any {
	switch to := to.(type) {
	case *Strings:
		return (*[]string)(to)
	case *UUIDs:
		return (*[]uuid.UUID)(to)
	case *tenant.ID:
		return (*[16]byte)(to)
	case *uuid.UUID:
		return (*plainUUID)(to)
	case *Date:
		return &to.Time
	}
	return to
}

// query runs one statement: inside the session's transaction if it has begun, else as a
// pipeline that is a transaction of its own.
func (s *Session) query(ctx context.Context, q query, durable bool, scan func(pgx.Rows) error) error {
	if s.tx != nil {
		rows, err := s.tx.Query(ctx, q.sql, q.args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		return scan(rows)
	}
	return s.pipelined(ctx, q, durable, scan)
}

// setAll sets the scope for one implicit transaction; it mirrors Scope.beginQuery.
var setAll = func() string {
	parts := make([]string, len(setNames)+2)
	for i, name := range setNames {
		parts[i] = fmt.Sprintf("set_config('%s', $%d, true)", name, i+1)
	}
	parts[len(setNames)] = fmt.Sprintf("set_config('transaction_read_only', $%d, true)", len(setNames)+1)
	parts[len(setNames)+1] = fmt.Sprintf("set_config('synchronous_commit', $%d, true)", len(setNames)+2)
	return "select " + strings.Join(parts, ", ")
}()

func (s *Session) pipelined(ctx context.Context, q query, durable bool, scan func(pgx.Rows) error) error {
	batch := &pgx.Batch{}
	s.queueScope(batch, durable || (!s.scope.ReadOnly && !s.scope.AuditReads))
	batch.Queue(q.sql, q.args...)
	results := s.db.Pool.SendBatch(ctx, batch)
	defer results.Close()
	if _, err := results.Exec(); err != nil {
		return err
	}
	rows, err := results.Query()
	if err != nil {
		return err
	}
	if err := scan(rows); err != nil {
		rows.Close()
		return err
	}
	return results.Close()
}

// queueScope begins a pipeline with the scope of the implicit transaction that it is. A durable one
// waits for the disk.
func (s *Session) queueScope(batch *pgx.Batch, durable bool) {
	values := s.scope.settings()
	readOnly, commit := "off", "off"
	if s.scope.ReadOnly && !s.scope.AuditReads {
		readOnly = "on"
	}
	if durable {
		commit = "on"
	}
	batch.Queue(setAll, values[0], values[1], values[2], values[3], values[4], readOnly, commit)
}
