package casework

import (
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Approval is what a second person is asked to decide about a case: its closure, work without
// consent, a plan. Requester and decider are never the same (the table's CHECK says so too).
type Approval struct {
	db.Record
	CaseID      uuid.UUID
	Kind        string     // closure | consent_override | plan
	SubjectID   *uuid.UUID // the plan
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
	ReasonCode       string   `json:"reason_code,omitempty"`        // closure: code list case_closure_reason
	PersonInformed   *bool    `json:"person_informed,omitempty"`    // closure
	Justification    string   `json:"justification,omitempty"`      // closure with an unfinished plan
	ReferralOverride string   `json:"referral_override,omitempty"`  // closure with open referrals
	BestInterestNote string   `json:"best_interest_note,omitempty"` // closure of a child's case
	GoalsMetPercent  *float64 `json:"goals_met_percent,omitempty"`  // closure: of the active plan's goals
}

// TableName implements schema.Tabler.
func (Approval) TableName() string { return "case_approvals" }

// Personal marks what an approval tells as personal data.
func (Approval) Personal() {}

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
		Details: db.JSON[ApprovalDetails]{V: ApprovalDetails{ReasonCode: a.ReasonCode, Justification: a.Justification, ReferralOverride: a.ReferralOverride, BestInterestNote: a.BestInterestNote}}}
}
