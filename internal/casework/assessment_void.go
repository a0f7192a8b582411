package casework

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// void takes an assessment back that was entered in error, and keeps what it said. Of a completed one,
// a second person decides (approval of the kind assessment_void); one that was superseded is history.
func (x *Assessment) void(reason string, a *Act) {
	x.Status, x.VoidReason, x.VoidedAt, x.VoidedBy = void, reason, a.now(), a.By
}

// mayVoidAlone judges whether the caller takes the assessment back without a second person: a draft, by
// its assessor or a supervisor.
func (x *Assessment) mayVoidAlone(a *Act) error {
	if x.Status == completed {
		return fault.New(fault.Invalid, "approval_required", "A completed assessment is taken back by two people. Ask for it (approvals, kind assessment_void), or amend it.")
	}
	if err := x.can(draft, "taken back"); err != nil {
		return err
	}
	if (a.By == nil || x.AssessorID != *a.By) && !holdsAny(a.Roles, supervisors) {
		return fault.Denied("A draft is taken back by its assessor or a supervisor.")
	}
	return nil
}

// voidCompleted carries out what two people decided: the assessment is taken back, the version that it
// corrected holds again, and the case is as assessed as the rest of its file makes it.
func voidCompleted(ctx context.Context, c *Case, id uuid.UUID, reason string, a *Act) error {
	x, err := db.LockAny[Assessment](ctx, id)
	if err != nil {
		return err
	}
	if err := x.can(completed, "taken back"); err != nil {
		return err
	}
	amended, err := db.Exists[Assessment](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("amends_id = ? and status = ?", x.ID, draft) })
	if err != nil {
		return err
	}
	if amended {
		return fault.New(fault.Conflict, "amendment_exists", "This version is being amended. Complete or take back the amendment first.")
	}
	x.void(reason, a)
	if err := db.Save(ctx, x); err != nil {
		return err
	}
	if err := restore(ctx, x); err != nil {
		return err
	}
	return reassessed(ctx, c)
}

// restore lets the version hold again that x had superseded.
func restore(ctx context.Context, x *Assessment) error {
	if x.AmendsID == nil {
		return nil
	}
	before, err := db.LockAny[Assessment](ctx, *x.AmendsID)
	if err != nil {
		return err
	}
	before.Status = completed
	return db.Save(ctx, before)
}

// reassessed sets the clock of the assessment by what is left of the present run: where nothing is, it runs again.
func reassessed(ctx context.Context, c *Case) error {
	left, err := db.Find[Assessment](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("case_id = ? and status in ? and completed_at >= ?", c.ID, []string{completed, superseded}, c.startedAt()).Order("completed_at, id").Limit(1)
	})
	if err != nil {
		return err
	}
	c.AssessedAt = nil
	if len(left) > 0 {
		c.AssessedAt = left[0].CompletedAt
	}
	return db.Save(ctx, c)
}

// AssessmentTakes tells whether something can be attached to an assessment of a case: 422 where the case has no such
// assessment, 409 once it was completed or taken back.
func AssessmentTakes(ctx context.Context, caseID, id uuid.UUID) error {
	x, err := one[Assessment](ctx, caseID, id)
	if fault.Is(err, fault.NotFound) {
		return fault.InvalidField("assessment_id", "unknown_assessment", "The case has no such assessment.")
	}
	if err != nil {
		return err
	}
	return x.can(draft, "added to")
}
