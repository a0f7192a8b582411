// Package casework manages cases: their states, teams, plans, notes and follow-ups.
//
// A case is one person's managed relationship with the centre. It is opened only where need or
// risk warrants it and lives by the rules of the SOP it was opened under. Read this file first:
// the table moves is the whole state machine. Guards stand in guard.go, effects in
// effect.go; they need no database. act.go gathers the facts they judge and keeps what follows.
package casework

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Status is where a case stands: code list case_status.
type Status string

// The statuses. Closed, NotOpened, Transferred and Duplicate are terminal; a closed case may be reopened.
const (
	Draft          Status = "draft"
	Open           Status = "open"
	OnHold         Status = "on_hold"
	PendingClosure Status = "pending_closure"
	Closed         Status = "closed"
	NotOpened      Status = "not_opened"
	Transferred    Status = "transferred"
	Duplicate      Status = "duplicate"
)

// Sensitivities of a file (handbook 9.3). A restricted one is seen by its team only; the
// database keeps that wall (need_to_know in the migrations).
const (
	Normal     = "normal"
	Sensitive  = "sensitive"
	Restricted = "restricted"
)

// Case is the managed relationship with one person: it has an owner, a plan and a follow-up.
type Case struct {
	db.Record
	Number                string // AGZ-C-000045
	BeneficiaryID         uuid.UUID
	Status                Status
	RiskLevel             string // code list case_risk_level; empty on a draft that was not assessed
	Sensitivity           string // normal | sensitive | restricted
	Source                string // code list case_source
	Summary               string
	OwnerID               *uuid.UUID // the caseworker who answers for it
	CreatedBy             *uuid.UUID
	SOPID                 *uuid.UUID `gorm:"column:sop_id"` // the SOP it was opened under; nil: the default policy
	OpenedAt              *time.Time
	ReopenedAt            *time.Time // the last time
	ReopenedCount         int
	AssignedAt            *time.Time // to the present owner
	CaseloadOverriddenAt  *time.Time // a supervisor let the present owner have it above their limit
	CaseloadOverride      string     `gorm:"-"` // why, while it begins
	ClosedAt              *time.Time
	ClosureReason         string // code list case_closure_reason, from the request on
	ReferralOverride      string // why it may close although referrals are open
	HeldAt                *time.Time
	HoldReason            string
	HoldReviewOn          *db.Date
	ConsentBasis          string // "consent", or the basis (code list processing_basis) of an approved override
	ConsentOverrideReason string
	ConsentOverrideUntil  *db.Date   // its last day
	DuplicateOf           *uuid.UUID // the case that survived a merge
	MergedAt              *time.Time
	MergedFrom            Status // what it was before
	OpenReferrals         int    // not yet ended; see ReferralOpened
	AssignDueAt           *time.Time
	ResponseDueAt         *time.Time
	AssessmentDueAt       *time.Time
	PlanDueAt             *time.Time
	FollowupDueAt         *time.Time
	RespondedAt           *time.Time // the first note or follow-up since it was opened
	AssessedAt            *time.Time // the first assessment completed since it was opened
	PlanDraftedAt         *time.Time // a plan was begun …
	PlannedAt             *time.Time // … and agreed with the person
	FollowedUpAt          *time.Time // the last completed follow-up
	FollowupFromAt        *time.Time // the cadence of follow-ups counts from here
	UrgentDueAt           *time.Time // the last follow-up asked for urgent intervention by then
}

// Personal marks what a case tells as personal data.
func (Case) Personal() {}

// Restricted implements db.Restricted: the file may be, so its read line is on disk first.
func (Case) Restricted() {}

var _ = db.Constraint("cases_beneficiary_fk", unknownBeneficiary)

func unknownBeneficiary() *fault.Error {
	return fault.InvalidField("/beneficiary_id", "unknown_beneficiary", "Nobody is registered here under this id.")
}

// Verb names a transition, as the path of its operation does.
type Verb string

// The transitions. Those that no operation offers come about by themselves: Close where the SOP asks
// for no approval, WithdrawConsent by the ledger of consents, ChangeRisk by a change of the risk level.
const (
	VerbCreate          Verb = "create" // the first line of a history; no transition
	VerbOpen            Verb = "open"
	VerbScreenOut       Verb = "screen-out"
	VerbAssign          Verb = "assign"
	VerbChangeRisk      Verb = "change-risk"
	VerbHold            Verb = "hold"
	VerbResume          Verb = "resume"
	VerbRequestClosure  Verb = "request-closure"
	VerbApproveClosure  Verb = "approve-closure"
	VerbRejectClosure   Verb = "reject-closure"
	VerbClose           Verb = "close"
	VerbReopen          Verb = "reopen"
	VerbMerge           Verb = "merge"
	VerbUndoMerge       Verb = "undo-merge"
	VerbWithdrawConsent Verb = "withdraw-consent"
)

// arrow is one row of the state machine: from these states to that one, if the guard lets it
// through, with this effect.
type arrow struct {
	from   []Status
	to     Status // empty: the effect decides, or it stays
	guard  func(*Case, *Act) error
	effect func(*Case, *Act)
	event  string
}

// moves is the state machine of a case (handbook 3.3). What is not here is refused with a 409.
var moves = map[Verb]arrow{
	VerbOpen:            {of(Draft), Open, mayOpen, open, "case.opened"},
	VerbScreenOut:       {of(Draft), NotOpened, always, nothing, "case.screened_out"},
	VerbAssign:          {of(Draft, Open, OnHold, PendingClosure), "", mayAssign, assign, "case.assigned"},
	VerbChangeRisk:      {of(Draft, Open, OnHold, PendingClosure), "", mayChangeRisk, changeRisk, "case.risk_changed"},
	VerbHold:            {of(Open), OnHold, mayHold, hold, "case.held"},
	VerbResume:          {of(OnHold), Open, always, resume, "case.resumed"},
	VerbRequestClosure:  {of(Open), PendingClosure, mayRequestClosure, requestClosure, "case.closure_requested"},
	VerbApproveClosure:  {of(PendingClosure), Closed, mayApproveClosure, closeCase, "case.closed"},
	VerbClose:           {of(PendingClosure), Closed, mayClose, closeCase, "case.closed"},
	VerbRejectClosure:   {of(PendingClosure), Open, mayRejectClosure, stayOpen, "case.closure_rejected"},
	VerbReopen:          {of(Closed), Open, mayReopen, reopen, "case.reopened"},
	VerbChangeSOP:       {opened, "", mayChangeSOP, changeSOP, "case.sop_changed"},
	VerbMerge:           {of(Open, Closed), Duplicate, mayMerge, merge, "case.merged"},
	VerbUndoMerge:       {of(Duplicate), "", mayUndoMerge, undoMerge, "case.unmerged"},
	VerbWithdrawConsent: {of(Open, OnHold), PendingClosure, withoutOtherBasis, endConsent, "case.closure_requested"},
}

func of(s ...Status) []Status { return s }

// can tells whether the case's state allows a transition; 409 with the state if not.
func (c *Case) can(v Verb) error {
	if slices.Contains(moves[v].from, c.Status) {
		return nil
	}
	return fault.State(string(c.Status), "A case that is %s does not take %s.", c.Status, v).With("allowed_states", moves[v].from)
}

// apply judges a transition and carries it out on the case. It returns the row of the history.
// A wrong state is a 409, a broken guard a 422 that names the rule and the way out.
func (c *Case) apply(v Verb, a *Act) (*Transition, error) {
	if err := c.can(v); err != nil {
		return nil, err
	}
	m := moves[v]
	a.From = c.Status
	if err := m.guard(c, a); err != nil {
		return nil, err
	}
	if m.to != "" {
		c.Status = m.to
	}
	m.effect(c, a)
	return &Transition{CaseloadOverride: a.overrode(),
		Record: db.NewRecord(nil), CaseID: c.ID, Verb: v, FromStatus: a.From, ToStatus: c.Status, ByID: a.By,
		Reason: a.Reason, ReasonCode: a.ReasonCode, RiskLevel: c.RiskLevel, OwnerID: c.OwnerID,
	}, nil
}

// underWay tells that the file is being worked on: notes, plans and follow-ups may be added.
func (c *Case) underWay() bool {
	return slices.Contains(of(Draft, Open, OnHold, PendingClosure), c.Status)
}

// startedAt is when the present run of the case began; nil before it was opened.
func (c *Case) startedAt() *time.Time {
	if c.ReopenedAt != nil {
		return c.ReopenedAt
	}
	return c.OpenedAt
}

// Stage is the step of case management that the file has reached: code list case_stage, derived
// from what is recorded (handbook 3.1).
func (c *Case) Stage() string {
	switch {
	case c.Status == Draft:
		return "identification_registration"
	case !c.underWay() || c.Status == PendingClosure:
		return "closure"
	case c.PlannedAt != nil && c.FollowedUpAt != nil:
		return "follow_up_review"
	case c.PlannedAt != nil:
		return "implementation"
	case c.PlanDraftedAt != nil:
		return "case_planning"
	}
	return "assessment"
}

// Transition is one row of a case's history. It is never changed.
type Transition struct {
	db.Record
	CaseID     uuid.UUID
	Verb       Verb
	FromStatus Status
	ToStatus   Status
	ByID       *uuid.UUID // nil: the system
	Reason     string
	ReasonCode string     // of a closure: code list case_closure_reason
	RiskLevel  string     // as it was then
	OwnerID    *uuid.UUID // likewise

	CaseloadOverride string // why the owner got more than the SOP allows
}

// TableName implements schema.Tabler.
func (Transition) TableName() string { return "case_transitions" }

// Personal marks the reasons of a history as personal data.
func (Transition) Personal() {}

// Restricted implements db.Restricted: the file may be, so its read line is on disk first.
func (Transition) Restricted() {}
