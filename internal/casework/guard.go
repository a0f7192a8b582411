package casework

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Act is a transition about to happen: who asks for it, when, under which rules, what they say,
// and the facts that the guard judges.
type Act struct {
	From   Status     // where the case stood
	By     *uuid.UUID // nil: the system
	Roles  []string   // the caller's, in this centre
	At     time.Time
	Today  db.Date // in the centre's time zone
	Policy centre.Policy
	SOPID  *uuid.UUID // of Policy

	Reason           string
	ReasonCode       string  // of a closure: code list case_closure_reason
	ReviewOn         db.Date // of a hold
	RiskLevel        string  // the new one
	OwnerID          *uuid.UUID
	Justification    string // why to close although the plan is not finished
	ReferralOverride string // why to close although referrals are open
	BestInterestNote string
	PersonInformed   *bool
	Checklist        []Answer   // of the closure
	CaseloadOverride string     // why the owner gets more than the SOP allows
	ToSOP            *uuid.UUID // that the case is to live by
	SurvivorID       uuid.UUID  // of a merge
	Survivor         *Case      // likewise

	Consent         bool // case_management is effectively given
	Burden          burden
	Overrides       bool // the caseload override was needed, and may be given
	OwnerFits       bool // the owner is an active member of staff with a case role
	Minor           bool // the person is, or may be, under 18
	Undecided       int  // best-interest procedures
	OpenActions     int  // of the active plan, neither done nor dropped
	FollowedUp      bool // a follow-up since the opening, and the last one does not ask for urgent action
	Attempts        int  // to reach the person since the last contact
	LastAttempt     time.Time
	GoalsMetPercent *float64  // of the plan's goals
	Request         *Approval // the closure that was asked for
	SamePerson      bool      // both cases of a merge are of one person
}

// now is the moment of the act, for a column that may be empty.
func (a *Act) now() *time.Time {
	at := a.At
	return &at
}

// unreachable are the closure reasons after which nobody can be followed up any more.
var unreachable = []string{"lost_contact", "deceased", "consent_withdrawn"}

func always(*Case, *Act) error { return nil }

func mayOpen(c *Case, a *Act) error {
	rules := fault.Rules()
	a.knownRisk(c.RiskLevel, rules)
	a.fitOwner(c.OwnerID, rules)
	a.fitLoad(c, c.RiskLevel, rules)
	a.basis(c, rules)
	return rules.Err()
}

func mayAssign(c *Case, a *Act) error {
	rules := fault.Rules()
	if c.OwnerID != nil && *c.OwnerID == *a.OwnerID {
		rules.Add("/owner_id", "already_owner", "This person owns the case already.")
	}
	a.fitOwner(a.OwnerID, rules)
	a.fitLoad(c, c.RiskLevel, rules)
	return rules.Err()
}

func mayChangeRisk(c *Case, a *Act) error {
	rules := fault.Rules()
	if c.Status != Draft {
		a.knownRisk(a.RiskLevel, rules)
	}
	return rules.Err()
}

func mayHold(_ *Case, a *Act) error {
	last := a.Today.AddDate(0, 0, a.Policy.Case.HoldMaxDays)
	if !a.ReviewOn.After(a.Today.Time) || a.ReviewOn.After(last) {
		return fault.InvalidField("/review_on", "review_out_of_range", "A hold is reviewed within %d days: choose a day after today, up to %s.", a.Policy.Case.HoldMaxDays, last.Format(time.DateOnly))
	}
	return nil
}

// mayRequestClosure is the closure guard of handbook 3.3.
func mayRequestClosure(c *Case, a *Act) error {
	rules := fault.Rules()
	if a.OpenActions > 0 && a.Justification == "" {
		rules.Add("/justification", "unfinished_plan", "Actions of the plan are neither done nor dropped. Finish them, or say why the case closes without them.")
	}
	if a.Undecided > 0 && a.Justification == "" {
		rules.Add("/justification", "undecided_procedure", "A best-interest procedure of this child is not decided. Decide or void it, or say why the case closes without.")
	}
	if c.OpenReferrals > 0 && a.ReferralOverride == "" {
		rules.Add("/referral_override", "open_referrals", "Referrals of this case have not ended. End or revoke them, or say why the case closes all the same.")
	}
	if a.Policy.Case.ClosureNeedsFollowUp && !a.FollowedUp && !slices.Contains(unreachable, a.ReasonCode) {
		rules.Add("/reason", "final_follow_up_required", "Record a final follow-up first, one that does not ask for urgent action.")
	}
	if a.ReasonCode == "lost_contact" {
		a.lostContact(rules)
	}
	a.checkChecklist(a.ReasonCode, c.RiskLevel, rules)
	return rules.Err()
}

func (a *Act) lostContact(rules *fault.Error) {
	need, wait := a.Policy.Case.LostContactAttempts, days(a.Policy.Case.LostContactMinDays)
	if a.Attempts < need {
		rules.Add("/reason", "too_few_attempts", "Losing contact takes documented attempts to reach the person: this SOP asks for more than are recorded since the last contact.")
	}
	if a.Attempts > 0 && a.LastAttempt.Add(wait).After(a.At) {
		rules.Add("/reason", "last_attempt_too_recent", "Give the person time: the last attempt is too recent for this SOP.")
	}
}

// mayApproveClosure keeps the second pair of eyes (rule 8).
func mayApproveClosure(c *Case, a *Act) error {
	if err := a.decides("closure", a.Request.RequestedBy); err != nil {
		return err
	}
	rules := fault.Rules()
	a.checkChecklist(c.ClosureReason, c.RiskLevel, rules) // the risk may have changed, or nobody was asked
	if err := rules.Err(); err != nil {
		return err
	}
	return mayClose(c, a)
}

// mayClose is what holds however a case closes: a child's best interests (rule 9), and no
// referral left open unseen (rule 7).
func mayClose(c *Case, a *Act) error {
	rules := fault.Rules()
	if a.Minor && a.BestInterestNote == "" {
		rules.Add("/best_interest_note", "best_interest_required", "The person is under 18: note how closing the case serves the child's best interests.")
	}
	if c.OpenReferrals > 0 && c.ReferralOverride == "" {
		rules.Add("/referral_override", "open_referrals", "Referrals of this case have not ended. Reject the closure, then end or revoke them.")
	}
	return rules.Err()
}

func mayRejectClosure(c *Case, a *Act) error {
	if err := a.decides("closure", a.Request.RequestedBy); err != nil {
		return err
	}
	rules := fault.Rules()
	a.basis(c, rules)
	return rules.Err()
}

func mayReopen(c *Case, a *Act) error {
	rules := fault.Rules()
	a.knownRisk(a.RiskLevel, rules)
	a.fitOwner(a.OwnerID, rules)
	a.fitLoad(c, a.RiskLevel, rules)
	a.basis(c, rules)
	if months := a.Policy.Case.ReopenWithinMonths; c.ClosedAt != nil && c.ClosedAt.AddDate(0, months, 0).Before(a.At) {
		rules.Add("/reason", "retention_over", fmt.Sprintf("A case can be reopened within %d months of its closure. Make a new case.", months))
	}
	return rules.Err()
}

func mayMerge(c *Case, a *Act) error {
	rules := fault.Rules()
	if a.Survivor.ID == c.ID || slices.Contains(of(Draft, NotOpened, Transferred, Duplicate), a.Survivor.Status) {
		rules.Add("/survivor_id", "unfit_survivor", "The survivor is another case that was opened here and is itself no duplicate.")
	}
	if a.Survivor.Sensitivity == Restricted && c.Sensitivity != Restricted {
		rules.Add("/survivor_id", "restricted_survivor", "The duplicate would lead to a case that not everybody may know of. Restrict it first.")
	}
	if !a.SamePerson {
		rules.Add("/survivor_id", "other_person", "The cases are of two people. Merge the people first if they are one.")
	}
	if c.OpenReferrals > 0 {
		rules.Add("/survivor_id", "open_referrals", "Referrals of this case have not ended. End or revoke them first.")
	}
	return rules.Err()
}

func mayUndoMerge(c *Case, a *Act) error {
	rules := fault.Rules()
	within := a.Policy.Case.UndoMergeWithinDays
	if c.MergedAt == nil || c.MergedAt.Add(days(within)).Before(a.At) {
		rules.Add("", "too_late", fmt.Sprintf("A merge can be undone within %d days.", within))
	}
	if c.MergedFrom != Closed {
		a.basis(c, rules)
	}
	return rules.Err()
}

func withoutOtherBasis(c *Case, _ *Act) error {
	if c.ConsentBasis != "consent" {
		return fault.InvalidField("", "other_basis", "The case is worked on another basis than consent.")
	}
	return nil
}

func (a *Act) knownRisk(level string, rules *fault.Error) {
	if _, ok := a.Policy.Risk[level]; !ok {
		rules.Add("/risk_level", "risk_level_required", "A case is opened for a risk that the SOP has timers for.")
	}
}

func (a *Act) fitOwner(owner *uuid.UUID, rules *fault.Error) {
	switch {
	case owner == nil:
		rules.Add("/owner_id", "owner_required", "Assign the case to a caseworker first.")
	case !a.OwnerFits:
		rules.Add("/owner_id", "unfit_owner", "The owner must be active staff of this centre with a role in case management.")
	}
}

// basis asks what the work rests on: effective consent, or a basis that a second person approved.
func (a *Act) basis(c *Case, rules *fault.Error) {
	over := c.ConsentOverrideUntil != nil && c.ConsentOverrideUntil.Before(a.Today.Time)
	if !a.Consent && (c.ConsentBasis == "consent" || over) {
		rules.Add("/beneficiary_id", "consent_required", "The person has not consented to case management. Record the consent, or have another basis approved (approvals, kind consent_override).")
	}
}

// decides tells whether the caller may decide what requester asked for: another person, with
// a role that the SOP names for it.
func (a *Act) decides(kind string, requester *uuid.UUID) error {
	named := a.Policy.Approvals[act(kind)].Roles
	if len(named) == 0 {
		named = centre.DefaultPolicy().Approvals[act(kind)].Roles
	}
	if !slices.ContainsFunc(a.Roles, func(role string) bool { return slices.Contains(named, role) }) {
		return fault.Denied("The SOP lets other roles decide this.").With("roles", named)
	}
	if requester != nil && a.By != nil && *requester == *a.By {
		return fourEyes()
	}
	return nil
}
