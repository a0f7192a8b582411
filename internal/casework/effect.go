package casework

import "github.com/google/uuid"

func nothing(*Case, *Act) {}

func open(c *Case, a *Act) {
	c.SOPID, c.OpenedAt, c.FollowupFromAt = a.SOPID, a.now(), a.now()
	c.carried(a)
	c.reckon(a.Policy)
}

func assign(c *Case, a *Act) { c.assignTo(a.OwnerID, a) }

func (c *Case) assignTo(owner *uuid.UUID, a *Act) {
	c.OwnerID, c.AssignedAt, c.CaseloadOverriddenAt = owner, a.now(), nil
	c.carried(a)
}

// changeRisk also moves the follow-up cadence (rule 6).
func changeRisk(c *Case, a *Act) {
	c.RiskLevel = a.RiskLevel
	c.reckon(a.Policy)
}

func hold(c *Case, a *Act) {
	review := a.ReviewOn
	c.HeldAt, c.HoldReason, c.HoldReviewOn = a.now(), a.Reason, &review
	c.reckon(a.Policy)
}

// resume lets the paused clock go on where it stood.
func resume(c *Case, a *Act) {
	if c.HeldAt != nil && c.FollowupFromAt != nil && c.RiskLevel != "high" {
		c.FollowupFromAt = after(c.FollowupFromAt, a.At.Sub(*c.HeldAt))
	}
	c.endHold()
	c.reckon(a.Policy)
}

func (c *Case) endHold() { c.HeldAt, c.HoldReason, c.HoldReviewOn = nil, "", nil }

func requestClosure(c *Case, a *Act) {
	c.ClosureReason, c.ReferralOverride = a.ReasonCode, a.ReferralOverride
}

func endConsent(c *Case, _ *Act) {
	c.endHold()
	c.ClosureReason = "consent_withdrawn"
}

func closeCase(c *Case, a *Act) {
	c.ClosedAt, c.FollowupDueAt, c.CaseloadOverriddenAt = a.now(), nil, nil
}

func stayOpen(c *Case, a *Act) {
	c.ClosureReason, c.ReferralOverride = "", ""
	c.reckon(a.Policy)
}

// reopen keeps the number and begins again, under the SOP of today.
func reopen(c *Case, a *Act) {
	if c.OwnerID == nil || *c.OwnerID != *a.OwnerID {
		c.assignTo(a.OwnerID, a)
	}
	c.SOPID, c.ReopenedAt, c.FollowupFromAt, c.RiskLevel = a.SOPID, a.now(), a.now(), a.RiskLevel
	c.ReopenedCount++
	c.carried(a)
	c.ClosedAt, c.ClosureReason, c.ReferralOverride = nil, "", ""
	c.RespondedAt, c.AssessedAt, c.PlanDraftedAt, c.PlannedAt, c.FollowedUpAt, c.UrgentDueAt = nil, nil, nil, nil, nil, nil
	c.reckon(a.Policy)
}

func merge(c *Case, a *Act) {
	c.DuplicateOf, c.MergedAt, c.MergedFrom, c.FollowupDueAt = &a.Survivor.ID, a.now(), a.From, nil
}

func undoMerge(c *Case, a *Act) {
	c.Status, c.MergedFrom = c.MergedFrom, ""
	c.DuplicateOf, c.MergedAt = nil, nil
	if c.Status == Open {
		c.reckon(a.Policy)
	}
}
