package identity

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// The states of a pair; each but Pending is also the decision that led to it.
const (
	Pending      = "pending"
	Later        = "later"
	NotDuplicate = "not_duplicate"
	Merged       = "merged"
)

// DuplicateDecision is one decision on a pair. Decisions are only ever added.
type DuplicateDecision struct {
	db.Record
	DuplicateID uuid.UUID
	Decision    string // not_duplicate | later | merge | unmerge
	Reason      string
	ReviewOn    *db.Date
	DecidedBy   *uuid.UUID
}

// Personal implements db.Personal.
func (DuplicateDecision) Personal() {}

// decision is what somebody makes of a pair that is neither merged nor to be.
type decision struct {
	verdict  string // NotDuplicate | Later
	reason   string
	reviewOn *db.Date
}

// check answers the 422 of a day that has no meaning.
func (d decision) check(today db.Date) error {
	rules := fault.Rules()
	switch {
	case d.reviewOn != nil && d.verdict != Later:
		rules.Add("/review_on", "only_later", "Only what is put off is looked at again on a day.")
	case d.reviewOn != nil && d.reviewOn.Before(today.Time):
		rules.Add("/review_on", "in_the_past", "The day has passed.")
	}
	return rules.Err()
}

// decide records a decision on a pair: 404, 412, 409 when its records were merged, 422.
func decide(ctx context.Context, id uuid.UUID, ifMatch string, d decision) (*beneficiary.Duplicate, error) {
	pair, err := db.Lock[beneficiary.Duplicate](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if pair.Status == Merged {
		return nil, fault.State(pair.Status, "The two records are one. Undo the merge if they are of two people.")
	}
	day, err := beneficiary.Today(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.check(day); err != nil {
		return nil, err
	}
	return pair, settle(ctx, pair, d.verdict, d)
}

// decideMerge merges the records of a pair: what merge answers, 412 of the pair too.
func decideMerge(ctx context.Context, id uuid.UUID, ifMatch string, r request, duplicateVersion int64) (*beneficiary.Duplicate, error) {
	pair, err := db.Get[beneficiary.Duplicate](ctx, id)
	if err != nil {
		return nil, err
	}
	if err := db.Expect(ctx, pair, id, ifMatch); err != nil {
		return nil, err
	}
	switch r.survivorID {
	case pair.OneID:
		r.duplicateID = pair.OtherID
	case pair.OtherID:
		r.duplicateID = pair.OneID
	default:
		return nil, fault.InvalidField("/survivor_id", "not_of_the_pair", "The survivor is one of the two records.")
	}
	r.duplicateTag = fmt.Sprintf(`"%d"`, duplicateVersion)
	if _, _, err := merge(ctx, r); err != nil {
		return nil, err
	}
	return db.Get[beneficiary.Duplicate](ctx, id)
}

// settle writes a pair's new state and the line of its history.
func settle(ctx context.Context, pair *beneficiary.Duplicate, status string, d decision) error {
	now := db.Now()
	pair.Status, pair.ReviewOn, pair.DecidedBy, pair.DecidedAt = status, d.reviewOn, actor(ctx), &now
	line := DuplicateDecision{Record: db.NewRecord(nil), DuplicateID: pair.ID, Decision: d.verdict, Reason: d.reason, ReviewOn: d.reviewOn, DecidedBy: pair.DecidedBy}
	if err := db.Save(ctx, pair); err != nil {
		return err
	}
	return db.InsertAll(ctx, &line)
}

// actor is who calls; nil: the system.
func actor(ctx context.Context) *uuid.UUID {
	if caller := auth.From(ctx); caller != nil && caller.Kind != auth.System {
		return &caller.ID
	}
	return nil
}

// candidates answers who of those registered may be somebody, and leaves the line of a search.
func candidates(ctx context.Context, b beneficiary.Beneficiary, age *int, household *uuid.UUID) ([]beneficiary.Candidate, error) {
	described, err := beneficiary.Described(b, age)
	if err != nil {
		return nil, err
	}
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return nil, err
	}
	found, err := beneficiary.Candidates(ctx, policy.Registration.DuplicateRules(), beneficiary.Seeking{Person: described, HouseholdID: household})
	if err != nil {
		return nil, err
	}
	ids := make([]uuid.UUID, len(found[0]))
	for i, c := range found[0] {
		ids[i] = c.ID
	}
	return found[0], db.Told(ctx, "beneficiaries", ids...)
}
