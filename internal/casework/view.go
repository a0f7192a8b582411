package casework

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
)

// InView narrows a query on cases to those the caller may know of, for what belongs to a case in
// another domain: it is seen by whoever sees the case.
func InView(ctx context.Context) db.Build { return inView(ctx) }

// IDsInView is InView as a subquery, for a condition on a column of case ids in q.
func IDsInView(ctx context.Context, q *gorm.DB) *gorm.DB {
	return inView(ctx)(q.Session(&gorm.Session{NewDB: true, Context: ctx}).Model(&Case{}).Select("id"))
}

// MayWork answers the 404 of a case that the caller may not know of, and the 403 of one that they may
// only read: what belongs to a case in another domain is changed by whoever works on the case.
func MayWork(ctx context.Context, id uuid.UUID) error {
	_, err := worked(ctx, id)
	return err
}
