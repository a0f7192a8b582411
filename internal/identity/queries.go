package identity

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
)

// filter narrows the queue; nil leaves a field alone.
type filter struct {
	status, level *string
	scoreFrom     *float64
	beneficiaryID *uuid.UUID
}

var duplicateSorts = db.Sorts[beneficiary.Duplicate]{
	"score":      {SQL: "score", Cast: "float8", Value: func(d *beneficiary.Duplicate) any { return d.Score }},
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(d *beneficiary.Duplicate) any { return d.CreatedAt }},
}

// waits is true of a pair that somebody has to look at: its day has come, neither record was voided, and the two are not one already.
const waits = `(status = 'pending' or status = 'later' and (review_on is null or review_on <= centre_today(centre_id)))
	and not exists (select 1 from beneficiaries b where b.centre_id = duplicates.centre_id and b.id in (duplicates.one_id, duplicates.other_id) and b.status = 'void')
	and not exists (select 1 from beneficiaries a join beneficiaries b on b.centre_id = a.centre_id where a.centre_id = duplicates.centre_id
		and a.id = one_id and b.id = other_id and coalesce(a.merged_into, a.id) = coalesce(b.merged_into, b.id))`

func (f filter) narrow(q *gorm.DB) *gorm.DB {
	if f.status == nil {
		q = q.Where(waits)
	} else {
		q = q.Where("status = ?", *f.status)
	}
	if f.level != nil {
		q = q.Where("level = ?", *f.level)
	}
	if f.scoreFrom != nil {
		q = q.Where("score >= ?", *f.scoreFrom)
	}
	if f.beneficiaryID != nil {
		q = q.Where("? in (one_id, other_id)", *f.beneficiaryID)
	}
	return q
}

func listDuplicates(ctx context.Context, l db.Listing, f filter) (db.Paged[beneficiary.Duplicate], error) {
	return db.Page(ctx, l, duplicateSorts, f.narrow)
}

var decisionSorts = db.Sorts[DuplicateDecision]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(d *DuplicateDecision) any { return d.CreatedAt }},
}

// listDecisions returns a page of a pair's history: 404 when there is no such pair.
func listDecisions(ctx context.Context, l db.Listing, duplicateID uuid.UUID) (db.Paged[DuplicateDecision], error) {
	if _, err := db.Get[beneficiary.Duplicate](ctx, duplicateID); err != nil {
		return db.Paged[DuplicateDecision]{}, err
	}
	return db.Page(ctx, l, decisionSorts, func(q *gorm.DB) *gorm.DB {
		return q.Where("duplicate_id = ?", duplicateID)
	})
}
