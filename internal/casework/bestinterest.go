package casework

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// BestInterest is a best-interest procedure of a child (handbook 3.7): an assessment (BIA) or a formal
// determination by a panel (BID), held here or by another agency, under whatever name. Once decided it
// never changes, and the database holds to that; a review is a new one that supersedes it.
type BestInterest struct {
	db.Record
	CaseID      uuid.UUID
	Kind        string // BIA | BID
	KnownAs     string // what whoever held it calls it
	Agency      string // that held it, where it was not the centre
	Trigger     string // code list best_interest_trigger
	Question    string // what is to be decided
	Options     db.JSON[[]BestInterestOption]
	ChildsViews string
	Panel       db.JSON[[]Panellist]
	DocumentID  *uuid.UUID // attached to the case
	ReviewOn    *db.Date
	Status      string // draft | decided | superseded | void
	Outcome     string // code list best_interest_outcome
	Decision    string
	DecidedAt   *time.Time
	DecidedBy   *uuid.UUID // who recorded it
	ReviewsID   *uuid.UUID // the decision that is looked at again
	CreatedBy   *uuid.UUID
	VoidReason  string
	VoidedAt    *time.Time
	VoidedBy    *uuid.UUID
}

// BestInterestOption is one that was considered.
type BestInterestOption struct {
	Option         string `json:"option"`
	Considerations string `json:"considerations,omitempty"`
}

// Panellist sits on the panel that decides.
type Panellist struct {
	Name         string `json:"name"`
	Role         string `json:"role,omitempty"`
	Organisation string `json:"organisation,omitempty"`
}

// TableName implements schema.Tabler.
func (BestInterest) TableName() string { return "best_interest_procedures" }

// Personal marks what a procedure tells as personal data.
func (BestInterest) Personal() {}

// Restricted implements db.Restricted: the file may be, so its read line is on disk first.
func (BestInterest) Restricted() {}

const (
	decided = "decided"
	void    = "void"
)

var _ = db.Constraint("best_interest_procedures_review_key", func() *fault.Error {
	return fault.New(fault.Conflict, "review_exists", "This decision is being reviewed already.")
})

// can tells that the procedure is in the state that a change needs; 409 if not.
func (x *BestInterest) can(what string, need ...string) error {
	for _, s := range need {
		if x.Status == s {
			return nil
		}
	}
	return fault.State(x.Status, "A procedure that is %s cannot be %s.", x.Status, what).With("allowed_states", need)
}

// decide judges the procedure as a whole and fixes it.
func (x *BestInterest) decide(outcome, decision string, at time.Time, a *Act) error {
	if err := x.can("decided", draft); err != nil {
		return err
	}
	rules := fault.Rules()
	if len(x.Options.V) == 0 {
		rules.Add("/options", "option_required", "Say which options were considered.")
	}
	if x.ChildsViews == "" {
		rules.Add("/childs_views", "views_required", "Say what the child thinks, or why nobody could ask.")
	}
	if x.Kind == "BID" && len(x.Panel.V) == 0 {
		rules.Add("/panel", "panel_required", "A determination is made by a panel: say by whom.")
	}
	if x.ReviewOn != nil && !x.ReviewOn.After(at) {
		rules.Add("/review_on", "before_decision", "The decision is reviewed after it was made.")
	}
	if err := rules.Err(); err != nil {
		return err
	}
	if err := happened("/decided_at", at, a.At); err != nil {
		return err
	}
	x.Status, x.Outcome, x.Decision, x.DecidedAt, x.DecidedBy = decided, outcome, decision, &at, a.By
	return nil
}

// review copies a decided procedure into a draft that will take its place. What the child thinks is asked
// again.
func (x *BestInterest) review(by *uuid.UUID) (*BestInterest, error) {
	if err := x.can("reviewed", decided); err != nil {
		return nil, err
	}
	return &BestInterest{Record: db.NewRecord(nil), CaseID: x.CaseID, Kind: x.Kind, KnownAs: x.KnownAs, Agency: x.Agency, Trigger: x.Trigger, Question: x.Question,
		Options: x.Options, Panel: x.Panel, Status: draft, ReviewsID: &x.ID, CreatedBy: by}, nil
}

// void takes back a procedure that was entered in error.
func (x *BestInterest) void(reason string, a *Act) error {
	if err := x.can("voided", draft, decided); err != nil {
		return err
	}
	x.Status, x.VoidReason, x.VoidedAt, x.VoidedBy = void, reason, a.now(), a.By
	return nil
}

// documented checks that the document is attached to the procedure's case.
func (x *BestInterest) documented(ctx context.Context) error {
	if x.DocumentID == nil {
		return nil
	}
	return attached(ctx, x.CaseID, "/document_id", *x.DocumentID)
}

// attached refuses what is not attached to a case, or was voided.
func attached(ctx context.Context, caseID uuid.UUID, pointer string, ids ...uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	var strangers int
	err := db.Tx(ctx).Raw(`select count(*) from unnest(?::uuid[]) asked (id) where not exists (select 1 from attachments a
		where a.centre_id = any (scope_centres()) and a.id = asked.id and a.case_id = ? and a.voided_at is null)`, db.UUIDs(ids), caseID).Scan(&strangers).Error
	if err == nil && strangers > 0 {
		return fault.InvalidField(pointer, "unknown_attachment", "No such thing is attached to the case.")
	}
	return err
}

// ofChild answers the 422 of a procedure for somebody who is known to be of age.
func ofChild(ctx context.Context, c *Case, a *Act) error {
	if err := today(ctx, c, a); err != nil {
		return err
	}
	b, err := beneficiary.Find(ctx, c.BeneficiaryID)
	if err != nil {
		return err
	}
	if b.BirthDate != nil && !b.ChildOn(a.Today.Time) {
		return fault.New(fault.Invalid, "not_a_child", "The person is of age: they decide for themselves.")
	}
	return nil
}

// supersedes ends the decision that a procedure reviewed.
func (x *BestInterest) supersedes(ctx context.Context) error {
	if x.ReviewsID == nil {
		return nil
	}
	before, err := db.LockAny[BestInterest](ctx, *x.ReviewsID)
	if err != nil {
		return err
	}
	if err := before.can("superseded", decided); err != nil {
		return err
	}
	before.Status = superseded
	return db.Save(ctx, before)
}
