package casework

import (
	"time"

	"github.com/waystation/waystation/internal/centre"
)

// reckon sets every due date of the case from its risk level (handbook 3.4), under the SOP it
// lives by. It is called whenever something that a clock depends on has changed.
func (c *Case) reckon(p centre.Policy) {
	t, start := p.Risk[c.RiskLevel], c.startedAt()
	if c.OwnerID == nil {
		c.AssignDueAt = after(&c.CreatedAt, hours(t.AssignHours))
	}
	c.ResponseDueAt = after(start, hours(t.FirstResponseHours))
	c.AssessmentDueAt = after(start, hours(t.AssessmentHours))
	c.PlanDueAt = after(start, days(t.PlanDays))
	c.FollowupDueAt = after(c.FollowupFromAt, days(t.FollowUpDays))
	if c.paused() {
		c.FollowupDueAt = nil
	}
	if c.UrgentDueAt != nil && (c.FollowupDueAt == nil || c.UrgentDueAt.Before(*c.FollowupDueAt)) {
		c.FollowupDueAt = c.UrgentDueAt
	}
}

// paused tells that nobody is expected to follow up: the case is on hold and the risk is not high.
func (c *Case) paused() bool { return c.Status == OnHold && c.RiskLevel != "high" }

func hours(n int) time.Duration { return time.Duration(n) * time.Hour }
func days(n int) time.Duration  { return time.Duration(n) * 24 * time.Hour }

// after is nil where there is nothing to count from, or no clock.
func after(from *time.Time, d time.Duration) *time.Time {
	if from == nil || d == 0 {
		return nil
	}
	at := from.Add(d)
	return &at
}
