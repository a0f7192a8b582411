package task

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
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
	q = v.narrow(q).Where("status = ?", f.status)
	if f.mine {
		q = q.Where("(user_id = ? or user_id is null and role = any (?))", v.id, v.roles)
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

func list(ctx context.Context, v viewer, l db.Listing, f filter) (db.Paged[Task], error) {
	return db.Page(ctx, l, sorts, func(q *gorm.DB) *gorm.DB { return f.where(q, v) })
}

// find returns a task that is the viewer's to read, or the 404.
func find(ctx context.Context, v viewer, id uuid.UUID) (*Task, error) {
	return db.One[Task](ctx, func(q *gorm.DB) *gorm.DB { return v.narrow(q).Where("id = ?", id) })
}

// change holds a task that is the viewer's to read, lets do change it and stores it.
func change(ctx context.Context, v viewer, id uuid.UUID, ifMatch string, do func(*Task) error) (*Task, error) {
	if _, err := find(ctx, v, id); err != nil {
		return nil, err
	}
	t, err := db.Lock[Task](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if err := do(t); err != nil {
		return nil, err
	}
	return t, db.Save(ctx, t)
}
