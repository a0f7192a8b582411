package db

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// Record is what every tenant table begins with. The primary key is (centre_id, id): no
// foreign key can point into another centre.
type Record struct {
	CentreID  tenant.ID `gorm:"type:uuid;primaryKey;<-:create"`
	ID        uuid.UUID `gorm:"type:uuid;primaryKey;<-:create"`
	Version   int64     `gorm:"not null"`
	CreatedAt time.Time `gorm:"not null;<-:create"`
	UpdatedAt time.Time `gorm:"not null"`
}

// Global is what a table of the whole network begins with.
type Global struct {
	ID        uuid.UUID `gorm:"type:uuid;primaryKey;<-:create"`
	Version   int64     `gorm:"not null"`
	CreatedAt time.Time `gorm:"not null;<-:create"`
	UpdatedAt time.Time `gorm:"not null"`
}

// NewID returns a UUIDv7: unguessable, and in order of time.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// NewRecord starts a row. A client that works offline brings its own id.
func NewRecord(id *uuid.UUID) Record {
	now := Now()
	return Record{ID: idOr(id), Version: 1, CreatedAt: now, UpdatedAt: now}
}

// NewGlobal starts a row of a network table.
func NewGlobal(id *uuid.UUID) Global {
	now := Now()
	return Global{ID: idOr(id), Version: 1, CreatedAt: now, UpdatedAt: now}
}

func idOr(id *uuid.UUID) uuid.UUID {
	if id != nil && *id != uuid.Nil {
		return *id
	}
	return NewID()
}

// Versioned is a row that is changed under optimistic locking.
type Versioned interface {
	RowID() uuid.UUID
	CurrentVersion() int64
	bump()
}

// RowID is the id of the row within its centre.
func (r *Record) RowID() uuid.UUID { return r.ID }

// RowID is the id of the row.
func (g *Global) RowID() uuid.UUID { return g.ID }

// CurrentVersion is what the ETag says.
func (r *Record) CurrentVersion() int64 { return r.Version }
func (r *Record) bump()                 { r.Version++; r.UpdatedAt = Now() }

// CurrentVersion is what the ETag says.
func (g *Global) CurrentVersion() int64 { return g.Version }
func (g *Global) bump()                 { g.Version++; g.UpdatedAt = Now() }

// Insert stores a new row.
func Insert(ctx context.Context, row any) error { return Tx(ctx).Create(row).Error }

// Lock loads a row for a change and holds it until the transaction ends: 404 when it is not
// here, 412 when the caller has seen another version than expected.
func Lock[T any, P interface {
	*T
	Versioned
}](ctx context.Context, id uuid.UUID, ifMatch string) (P, error) {
	if _, err := version(ifMatch); err != nil { // before anything is locked
		return nil, err
	}
	row, err := LockAny[T](ctx, id)
	if err != nil {
		return nil, err
	}
	return row, Expect[T, P](ctx, row, id, ifMatch)
}

// Expect answers the 412 of a caller who has seen another version of a row, and the 400 of a tag
// that is none of ours. Work that takes other locks first asks it before it judges the row's state.
func Expect[T any, P interface {
	*T
	Versioned
}](ctx context.Context, row P, id uuid.UUID, ifMatch string) error {
	expected, err := version(ifMatch)
	if err != nil {
		return err
	}
	if v := row.CurrentVersion(); v != expected {
		return stale(ctx, row, id, v, expected)
	}
	return nil
}

// version reads the entity tag that a caller expects; see wire.ETag.
func version(ifMatch string) (int64, error) {
	unquoted, opened := strings.CutPrefix(ifMatch, `"`)
	unquoted, closed := strings.CutSuffix(unquoted, `"`)
	v, err := strconv.ParseInt(unquoted, 10, 64)
	if err != nil || !opened || !closed {
		return 0, fault.New(fault.Malformed, "invalid_if_match", "If-Match takes the ETag that was read, such as \"3\".").Add("If-Match", "invalid_if_match", "Not an ETag of this API.")
	}
	return v, nil
}

// stale names the fields that changed since the caller read the row, as the trail recorded them.
func stale(ctx context.Context, row any, id uuid.UUID, current, expected int64) error {
	f := fault.Changed().
		With("current_version", current)
	meta, err := schema.Parse(row, &schemas, Tx(ctx).NamingStrategy)
	if err != nil {
		return err
	}
	changed := []string{}
	err = Tx(ctx).Raw(`select distinct jsonb_object_keys(after - array['version', 'updated_at']) from audit_events
		join trail_of(?) concerned (event_id) on concerned.event_id = id where resource = ? and action = 'update' and (after->>'version')::bigint > ? order by 1`,
		id, meta.Table, expected).Scan(&changed).Error
	if err != nil {
		return err
	}
	return f.With("changed_fields", changed)
}

// LockAny is Lock for changes that no caller's version guards: effects of another transition.
func LockAny[T any](ctx context.Context, id uuid.UUID) (*T, error) {
	var row T
	err := Tx(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("id = ?", id).Take(&row).Error
	if err != nil {
		return nil, Fault(err)
	}
	return &row, nil
}

// Save stores every column of a locked row under the next version.
func Save(ctx context.Context, row Versioned) error {
	row.bump()
	done := Tx(ctx).Select("*").Omit(clause.Associations).Updates(row)
	if done.Error == nil && done.RowsAffected != 1 {
		return gorm.ErrRecordNotFound
	}
	return done.Error
}

// Attempt runs work inside a savepoint. What the data itself is refused for (409, 422) is undone and returned apart
// from failures of the database.
func Attempt(ctx context.Context, work func() error) (refused, failed error) {
	tx, err := Pgx(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, "savepoint attempt"); err != nil {
		return nil, err
	}
	if err = work(); err == nil {
		_, err = tx.Exec(ctx, "release savepoint attempt")
		return nil, err
	}
	told := Fault(err)
	if Retryable(err) || !fault.Is(told, fault.Invalid) && !fault.Is(told, fault.Conflict) {
		return nil, err
	}
	if _, err := tx.Exec(ctx, "rollback to savepoint attempt"); err != nil {
		return nil, err
	}
	return told, nil
}
