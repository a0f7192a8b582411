package privacy

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// LegalHold keeps what is held of a person, their cases included, or of one case, although its time is over (handbook
// 9.1, 9.5): whatever deletes asks on_legal_hold (migration 00022).
type LegalHold struct {
	db.Record
	BeneficiaryID *uuid.UUID
	CaseID        *uuid.UUID
	Reason        string
	UntilOn       *db.Date // its last day; nil: until somebody ends it
	PlacedBy      *uuid.UUID
	EndReason     string
	EndedAt       *time.Time
	EndedBy       *uuid.UUID
}

// Personal implements db.Personal.
func (LegalHold) Personal() {}

var _ = beneficiary.IDTaken("legal_holds_pkey")

// check answers the 422 of a hold of nothing, of two things, or of a time that is over.
func (h *LegalHold) check(today db.Date) error {
	rules := fault.Rules()
	if (h.BeneficiaryID == nil) == (h.CaseID == nil) {
		rules.Add("/beneficiary_id", "one_of", "Name the person or the case, and not both.")
	}
	if h.UntilOn != nil && h.UntilOn.Before(today.Time) {
		rules.Add("/until_on", "in_the_past", "The last day has passed.")
	}
	return rules.Err()
}

// placeHold stores a hold: 409 when the person was merged, 422 when there is no such person or case.
func placeHold(ctx context.Context, h *LegalHold) error {
	today, err := beneficiary.Today(ctx)
	if err != nil {
		return err
	}
	if err := h.check(today); err != nil {
		return err
	}
	h.PlacedBy = &auth.From(ctx).ID
	return db.InsertAll(ctx, h)
}

// endHold lets what was kept go the way of the rest: 404, 412, 409 when it has ended.
func endHold(ctx context.Context, id uuid.UUID, ifMatch, reason string) (*LegalHold, error) {
	h, err := db.Lock[LegalHold](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if h.EndedAt != nil {
		return nil, fault.State("ended", "The hold has ended already.")
	}
	now := db.Now()
	h.EndedAt, h.EndedBy, h.EndReason = &now, &auth.From(ctx).ID, reason
	return h, db.Save(ctx, h)
}

var holdSorts = db.Sorts[LegalHold]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(h *LegalHold) any { return h.CreatedAt }},
}

func listHolds(ctx context.Context, l db.Listing, person, kase *uuid.UUID, ended *bool) (db.Paged[LegalHold], error) {
	narrow := db.When(db.When(db.When(nil, "beneficiary_id = ?", person), "case_id = ?", kase), "(ended_at is not null) = ?", ended)
	return db.Page(ctx, l, holdSorts, func(q *gorm.DB) *gorm.DB { return narrow.Apply(q) })
}
