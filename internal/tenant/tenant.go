// Package tenant keeps every statement inside the centres of its request. A model
// with a tenant.ID column is scoped on read, update and delete and stamped on create;
// row-level security in the database is the second, independent lock.
package tenant

import (
	"context"
	"database/sql/driver"
	"errors"
	"reflect"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

var (
	errNoScope = errors.New("tenant: statement on tenant data outside any centre")
	errForeign = errors.New("tenant: write for a centre outside the request's scope")
)

type key struct{}

// With narrows a context to the given centres.
func With(ctx context.Context, centres ...uuid.UUID) context.Context {
	return context.WithValue(ctx, key{}, centres)
}

// Centres returns the centres of the context; none means that tenant data is out of reach.
func Centres(ctx context.Context) []uuid.UUID {
	c, _ := ctx.Value(key{}).([]uuid.UUID)
	return c
}

// One returns the single centre of the context, as on every path below /v1/centres/{centre_id}.
func One(ctx context.Context) (uuid.UUID, error) {
	if c := Centres(ctx); len(c) == 1 {
		return c[0], nil
	}
	return uuid.Nil, errNoScope
}

// ID is the column that says which centre owns a row.
type ID uuid.UUID

// UUID returns the plain id.
func (id ID) UUID() uuid.UUID { return uuid.UUID(id) }

func (id ID) String() string { return uuid.UUID(id).String() }

// Value implements driver.Valuer.
func (id ID) Value() (driver.Value, error) { return uuid.UUID(id).Value() }

// Scan implements sql.Scanner.
func (id *ID) Scan(src any) error { return (*uuid.UUID)(id).Scan(src) }

// GormDataType implements schema.GormDataTypeInterface.
func (ID) GormDataType() string { return "uuid" }

// QueryClauses scopes reads.
func (ID) QueryClauses(f *schema.Field) []clause.Interface { return []clause.Interface{scope{f}} }

// UpdateClauses scopes updates.
func (ID) UpdateClauses(f *schema.Field) []clause.Interface { return []clause.Interface{scope{f}} }

// DeleteClauses scopes deletes.
func (ID) DeleteClauses(f *schema.Field) []clause.Interface { return []clause.Interface{scope{f}} }

// CreateClauses stamps new rows.
func (ID) CreateClauses(f *schema.Field) []clause.Interface { return []clause.Interface{stamp{f}} }

// scope adds "centre_id = …" to a statement.
type scope struct{ field *schema.Field }

func (scope) Name() string               { return "" }
func (scope) Build(clause.Builder)       {}
func (scope) MergeClause(*clause.Clause) {}

// ModifyStatement runs once per statement; OR conditions already there are parenthesised.
func (s scope) ModifyStatement(stmt *gorm.Statement) {
	if _, done := stmt.Clauses["tenant"]; done {
		return
	}
	centres := Centres(stmt.Context)
	if len(centres) == 0 {
		_ = stmt.AddError(errNoScope)
		return
	}
	if c, ok := stmt.Clauses["WHERE"]; ok {
		if where, ok := c.Expression.(clause.Where); ok && len(where.Exprs) > 0 {
			where.Exprs = []clause.Expression{clause.And(where.Exprs...)}
			c.Expression = where
			stmt.Clauses["WHERE"] = c
		}
	}
	column := clause.Column{Table: clause.CurrentTable, Name: s.field.DBName}
	var in clause.Expression = clause.Eq{Column: column, Value: centres[0]}
	if len(centres) > 1 {
		values := make([]any, len(centres))
		for i, c := range centres {
			values[i] = c
		}
		in = clause.IN{Column: column, Values: values}
	}
	stmt.AddClause(clause.Where{Exprs: []clause.Expression{in}})
	stmt.Clauses["tenant"] = clause.Clause{}
}

// stamp writes the request's centre into new rows and refuses any other.
type stamp struct{ field *schema.Field }

func (stamp) Name() string               { return "" }
func (stamp) Build(clause.Builder)       {}
func (stamp) MergeClause(*clause.Clause) {}

func (s stamp) ModifyStatement(stmt *gorm.Statement) {
	rows := stmt.ReflectValue
	if rows.Kind() != reflect.Slice && rows.Kind() != reflect.Array {
		s.row(stmt, rows)
		return
	}
	for i := range rows.Len() {
		s.row(stmt, reflect.Indirect(rows.Index(i)))
	}
}

func (s stamp) row(stmt *gorm.Statement, row reflect.Value) {
	value, zero := s.field.ValueOf(stmt.Context, row)
	if !zero {
		if id, ok := value.(ID); !ok || !slices.Contains(Centres(stmt.Context), id.UUID()) {
			_ = stmt.AddError(errForeign)
		}
		return
	}
	centre, err := One(stmt.Context)
	if err != nil {
		_ = stmt.AddError(err)
		return
	}
	_ = stmt.AddError(s.field.Set(stmt.Context, row, ID(centre)))
}
