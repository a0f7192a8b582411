package beneficiary

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// SpecificNeed is something about a person that protection must take into account (handbook 11).
// A restricted one is seen by the person's case team only, not even as a number; whoever finds it
// out may write it down.
type SpecificNeed struct {
	db.Record
	BeneficiaryID     uuid.UUID
	CodeSystem        string // code list: migrant_vulnerability | specific_need_unhcr
	CodeSystemVersion string // the list's version when the code was taken from it
	Code              string
	Sensitivity       string // of the code: normal | sensitive | restricted
	Confidence        string // self_reported | observed | assessed
	Since             *db.Date
	IdentifiedBy      *uuid.UUID
	EndedOn           *db.Date
	ReviewOn          *db.Date
	Note              string
}

// Personal implements db.Personal.
func (SpecificNeed) Personal() {}

// Restricted implements db.Restricted.
func (SpecificNeed) Restricted() {}

var _ = db.Constraint("specific_needs_pkey", func() *fault.Error {
	return fault.New(fault.Conflict, "id_taken", "A need is recorded under this id already.").Add("/id", "id_taken", "Choose a new UUID.")
})

// Validate checks what the spec cannot say and settles the sensitivity, which comes with the code.
func (n *SpecificNeed) Validate(latest db.Date) error {
	rules := fault.Rules()
	codes, _ := codelist.Get(n.CodeSystem)
	code, known := codes.Entry(n.Code)
	if !known {
		rules.Add("/code", "unknown_code", "Not a code of the list "+n.CodeSystem+".")
	}
	if n.Sensitivity = code.Extra["sensitivity"]; n.Sensitivity == "" {
		n.Sensitivity = "normal"
	}
	if n.CodeSystemVersion == "" {
		n.CodeSystemVersion = codes.Version
	}
	CheckPast(rules, "/since", n.Since, latest)
	if n.ReviewOn != nil && (n.ReviewOn.Year() < firstYear || n.ReviewOn.Year() > lastYear) {
		rules.Add("/review_on", "impossible_date", "Use a date between 1900 and 2199.")
	}
	return rules.Err()
}

// End closes a need on a day: 409 when it has ended, 422 for a day that cannot be.
func (n *SpecificNeed) End(on, latest db.Date) error {
	switch {
	case n.EndedOn != nil:
		return n.open()
	case on.After(latest.Time):
		return fault.InvalidField("/ended_on", "in_the_future", "The day lies in the future.")
	case n.Since != nil && on.Before(n.Since.Time):
		return fault.InvalidField("/ended_on", "before_since", "The need cannot end before it began.")
	}
	n.EndedOn = &on
	return nil
}

// open answers the 409 of a need that has ended.
func (n *SpecificNeed) open() error {
	if n.EndedOn == nil {
		return nil
	}
	return fault.State("ended", "The need has ended. Record another where it is there again.")
}

var needSorts = db.Sorts[SpecificNeed]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(n *SpecificNeed) any { return n.CreatedAt }},
}

func listNeeds(ctx context.Context, l db.Listing, beneficiaryID uuid.UUID, active *bool) (db.Paged[SpecificNeed], error) {
	return db.Page(ctx, l, needSorts, func(q *gorm.DB) *gorm.DB {
		q = q.Where("beneficiary_id = ?", beneficiaryID)
		if active != nil {
			q = q.Where("(ended_on is null) = ?", *active)
		}
		return q
	})
}

var reviewSorts = db.Sorts[SpecificNeed]{
	"review_on": {SQL: "review_on", Cast: "date", Value: func(n *SpecificNeed) any { return n.ReviewOn }},
}

// listReviews lists the needs of all people that somebody has to look at again.
func listReviews(ctx context.Context, l db.Listing, to *db.Date, codeSystem *string) (db.Paged[SpecificNeed], error) {
	return db.Page(ctx, l, reviewSorts, func(q *gorm.DB) *gorm.DB {
		q = q.Where("review_on is not null and ended_on is null")
		if to != nil {
			q = q.Where("review_on <= ?", *to)
		}
		if codeSystem != nil {
			q = q.Where("code_system = ?", *codeSystem)
		}
		return q
	})
}

// lockNeed holds the person of the path, whose record takes changes, and a need of theirs.
func lockNeed(ctx context.Context, beneficiaryID, id uuid.UUID, ifMatch string) (*SpecificNeed, error) {
	b, err := db.LockAny[Beneficiary](ctx, beneficiaryID)
	if err != nil {
		return nil, err
	}
	n, err := db.Lock[SpecificNeed](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if n.BeneficiaryID != b.ID {
		return nil, fault.Missing()
	}
	return n, b.open()
}

// findNeed returns a need that belongs to the person of the path.
func findNeed(ctx context.Context, beneficiaryID, id uuid.UUID) (*SpecificNeed, error) {
	return db.One[SpecificNeed](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("beneficiary_id = ? and id = ?", beneficiaryID, id) })
}
