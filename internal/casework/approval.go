package casework

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Approval is what a second person is asked to decide about a case: its closure, work without
// consent, a plan. Requester and decider are never the same (the table's CHECK says so too).
type Approval struct {
	db.Record
	CaseID      uuid.UUID
	Kind        string     // closure | consent_override | plan | assessment | assessment_void
	SubjectID   *uuid.UUID // the plan or the assessment
	Status      string     // code list approval_status
	Reason      string
	Details     db.JSON[ApprovalDetails]
	RequestedBy *uuid.UUID // nil: the system
	DecidedBy   *uuid.UUID // nil: open, or the SOP asks for nobody
	DecidedAt   *time.Time
	Comment     string
}

// ApprovalDetails are the facts that a decider judges, by kind.
type ApprovalDetails struct {
	Basis            string   `json:"basis,omitempty"`              // consent_override: code list processing_basis
	ExpiresOn        *db.Date `json:"expires_on,omitempty"`         // consent_override: its last day
	ReasonCode       string   `json:"reason_code,omitempty"`        // closure: code list case_closure_reason
	PersonInformed   *bool    `json:"person_informed,omitempty"`    // closure
	Justification    string   `json:"justification,omitempty"`      // closure with an unfinished plan
	ReferralOverride string   `json:"referral_override,omitempty"`  // closure with open referrals
	BestInterestNote string   `json:"best_interest_note,omitempty"` // closure of a child's case
	GoalsMetPercent  *float64 `json:"goals_met_percent,omitempty"`  // closure: of the active plan's goals
	Checklist        []Answer `json:"checklist,omitempty"`          // closure: what was answered to the SOP's items
}

// TableName implements schema.Tabler.
func (Approval) TableName() string { return "case_approvals" }

// Personal marks what an approval tells as personal data.
func (Approval) Personal() {}

// Restricted implements db.Restricted: the file may be, so its read line is on disk first.
func (Approval) Restricted() {}

// of returns what the approval is about, where it is of a kind.
func (p *Approval) of(kind string) *uuid.UUID {
	if act(p.Kind) != kind {
		return nil
	}
	return p.SubjectID
}

// The statuses of an approval that the product itself uses.
const (
	requested = "requested"
	approved  = "approved"
	rejected  = "rejected"
)

var _ = db.Constraint("case_approvals_open_key", func() *fault.Error {
	return fault.New(fault.Conflict, "already_requested", "This approval is asked for already. It waits for its decision.")
})

func fourEyes() *fault.Error {
	return fault.New(fault.Invalid, "four_eyes", "Whoever asked for it cannot decide it. Another person must.")
}

var _ = db.Constraint("case_approvals_four_eyes_check", fourEyes)

// newApproval asks for a decision on what the act says.
func newApproval(c *Case, kind string, a *Act) *Approval {
	return &Approval{Record: db.NewRecord(nil), CaseID: c.ID, Kind: kind, Status: requested, Reason: a.Reason, RequestedBy: a.By,
		Details: db.JSON[ApprovalDetails]{V: ApprovalDetails{
			ReasonCode: a.ReasonCode, PersonInformed: a.PersonInformed, Justification: a.Justification, ReferralOverride: a.ReferralOverride,
			BestInterestNote: a.BestInterestNote, GoalsMetPercent: a.GoalsMetPercent, Checklist: a.Checklist,
		}}}
}

// decide closes the approval. Requester and decider differ: an act without a person decides what
// the SOP leaves to nobody.
func (p *Approval) decide(status, comment string, a *Act) error {
	if p.Status != requested {
		return fault.State(p.Status, "This was decided already.")
	}
	if p.RequestedBy != nil && a.By != nil && *p.RequestedBy == *a.By {
		return fourEyes()
	}
	p.Status, p.Comment, p.DecidedBy, p.DecidedAt = status, comment, a.By, a.now()
	return nil
}

// request finds the closure that waits for its decision.
func request(ctx context.Context, c *Case, a *Act) error {
	var open Approval
	err := db.Tx(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("case_id = ? and kind = 'closure' and status = ?", c.ID, requested).Take(&open).Error
	if err != nil {
		return fmt.Errorf("closure of case %s that nobody asked for: %w", c.ID, err)
	}
	a.Request = &open
	if a.BestInterestNote == "" {
		a.BestInterestNote = open.Details.V.BestInterestNote
	}
	a.supplement(open.Details.V.Checklist)
	return nil
}

// askApproval asks for the second person; where the SOP wants none, the case closes at once.
func askApproval(ctx context.Context, c *Case, a *Act) error {
	p := newApproval(c, "closure", a)
	if a.Policy.Approvals["closure"].Required {
		return db.Insert(ctx, p)
	}
	p.Status, p.DecidedAt = approved, a.now()
	if err := db.Insert(ctx, p); err != nil {
		return err
	}
	return closeAtOnce(ctx, c, a)
}

// decideClosure writes the decision on the case into the approval, too.
func decideClosure(ctx context.Context, c *Case, a *Act) error {
	status := rejected
	if c.Status == Closed {
		status = approved
	}
	if err := a.Request.decide(status, a.Reason, a); err != nil {
		return err
	}
	a.Request.Details.V.BestInterestNote, a.Request.Details.V.Checklist = a.BestInterestNote, a.Checklist
	return db.Save(ctx, a.Request)
}

// decideApproval decides what was asked for about a case other than its closure. An approved
// override gives the case its basis.
func decideApproval(ctx context.Context, at place, status, comment string) (*Approval, error) {
	return change(ctx, at, LockCase, func(c *Case, p *Approval, a *Act) error {
		if p.Kind == "closure" {
			return fault.State(p.Status, "A closure is decided on the case: approve-closure or reject-closure.")
		}
		if err := a.decides(p.Kind, p.RequestedBy); err != nil {
			return err
		}
		if status == approved && p.Status == requested { // what it is about may have changed
			if err := p.validate(ctx, c); err != nil {
				return err
			}
		}
		if err := p.decide(status, comment, a); err != nil || status != approved {
			return err
		}
		return p.grant(ctx, c, a)
	})
}

// grant does what was approved.
func (p *Approval) grant(ctx context.Context, c *Case, a *Act) error {
	switch p.Kind {
	case "consent_override":
		c.ConsentBasis, c.ConsentOverrideReason, c.ConsentOverrideUntil = p.Details.V.Basis, p.Reason, p.Details.V.ExpiresOn
		return db.Save(ctx, c)
	case voidAssessment:
		return voidCompleted(ctx, c, *p.SubjectID, p.Reason, a)
	}
	return nil
}

// voidAssessment is the kind of approval by which a completed assessment is taken back.
const voidAssessment = "assessment_void"

// act is what the SOP calls an approval of a kind: whoever decides on assessments decides on taking them back.
func act(kind string) string {
	if kind == voidAssessment {
		return "assessment"
	}
	return kind
}

// validate checks what the spec cannot say of what is asked for.
func (p *Approval) validate(ctx context.Context, c *Case) error {
	rules := fault.Rules()
	var err error
	switch p.Kind {
	case "consent_override":
		if basis := p.Details.V.Basis; basis == "" || basis == "consent" {
			rules.Add("/basis", "basis_required", "Name the basis, other than consent, on which the case is to be worked.")
		}
		err = p.limit(ctx, c, rules)
	case "plan":
		err = subject(ctx, c, p.SubjectID, func(plan *Plan) bool { return plan.Status == draft && plan.Agreed }, rules, "/plan_id", "draft_required", "Name the draft plan that is to be approved: one that the person agreed to.")
	case "assessment", voidAssessment:
		err = subject(ctx, c, p.SubjectID, func(x *Assessment) bool { return x.Status == completed }, rules, "/assessment_id", "completed_required", "Name a completed assessment of this case.")
	}
	if err != nil {
		return err
	}
	return rules.Err()
}

// limit bounds an override in time: no exception is for ever (handbook 9.1, principle 13). Where no last day is named it is
// the latest that the SOP allows.
func (p *Approval) limit(ctx context.Context, c *Case, rules *fault.Error) error {
	today, last, err := overridable(ctx, c)
	if err != nil {
		return err
	}
	switch on := p.Details.V.ExpiresOn; {
	case on == nil:
		p.Details.V.ExpiresOn = &last
	case on.Before(today.Time) || on.After(last.Time):
		rules.Add("/expires_on", "out_of_range", "From today to "+last.String()+": the SOP allows no longer at a time.")
	}
	return nil
}

// overridable are today and the last day that an override of consent may be allowed until.
func overridable(ctx context.Context, c *Case) (from, until db.Date, err error) {
	a, err := newAct(ctx, c)
	if err != nil {
		return from, until, err
	}
	err = today(ctx, c, a)
	return a.Today, db.NewDate(a.Today.AddDate(0, 0, a.Policy.Case.ConsentOverride())), err
}

// subject notes a broken rule unless what is asked about is of this case and fit for it.
func subject[T any](ctx context.Context, c *Case, id *uuid.UUID, fit func(*T) bool, rules *fault.Error, pointer, code, detail string) error {
	if id != nil {
		row, err := one[T](ctx, c.ID, *id)
		if err == nil && fit(row) {
			return nil
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	rules.Add(pointer, code, detail)
	return nil
}
