package task

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

var sorts = db.Sorts[Task]{
	"due_at":     {SQL: "due_at", Cast: "timestamptz", Value: func(t *Task) any { return t.DueAt }},
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(t *Task) any { return t.CreatedAt }},
}

// filter narrows a list of tasks. A field left nil narrows nothing.
type filter struct {
	mine                  bool
	status                string
	role, kind            *string
	dueBefore             *time.Time
	beneficiaryID, caseID *uuid.UUID
}

func (f filter) where(q *gorm.DB, v viewer) *gorm.DB {
	q = q.Where("status = ?", f.status)
	switch {
	case f.mine:
		q = q.Where("(user_id = ? or user_id is null and role = any (?))", v.id, v.roles)
	case !v.oversees():
		q = q.Where("(user_id = ? or role = any (?))", v.id, v.roles)
	}
	if f.role != nil {
		q = q.Where("role = ?", *f.role)
	}
	if f.kind != nil {
		q = q.Where("kind = ?", *f.kind)
	}
	if f.dueBefore != nil {
		q = q.Where("due_at < ?", *f.dueBefore)
	}
	if f.beneficiaryID != nil {
		q = q.Where("beneficiary_id = ?", *f.beneficiaryID)
	}
	if f.caseID != nil {
		q = q.Where("case_id = ?", *f.caseID)
	}
	return q
}

func list(ctx context.Context, l db.Listing, f filter) (db.Paged[Task], error) {
	v, err := viewerOf(ctx)
	if err != nil {
		return db.Paged[Task]{}, err
	}
	return db.Page(ctx, l, sorts, func(t *Task) uuid.UUID { return t.ID }, func(q *gorm.DB) *gorm.DB { return f.where(q, v) })
}

// find returns a task that is the caller's to read, or the 404.
func find(ctx context.Context, id uuid.UUID) (*Task, error) {
	v, err := viewerOf(ctx)
	if err != nil {
		return nil, err
	}
	t, err := db.Get[Task](ctx, id)
	if err == nil && !v.sees(t) {
		return nil, fault.Missing()
	}
	return t, err
}

// change holds a task that is the caller's to read, lets do change it and stores it.
func change(ctx context.Context, id uuid.UUID, ifMatch string, do func(*Task, viewer) error) (*Task, error) {
	v, err := viewerOf(ctx)
	if err != nil {
		return nil, err
	}
	t, err := db.LockAny[Task](ctx, id)
	if err != nil {
		return nil, err
	}
	if !v.sees(t) {
		return nil, fault.Missing()
	}
	if err := db.Expect(ctx, t, id, ifMatch); err != nil {
		return nil, err
	}
	if err := do(t, v); err != nil {
		return nil, err
	}
	return t, db.Save(ctx, t)
}
