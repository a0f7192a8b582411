package casework

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/task"
)

// Grant is the glass that somebody broke: they see a restricted file until it ends, and somebody
// else judges whether they had to (handbook 9.3).
type Grant struct {
	db.Record
	CaseID      uuid.UUID
	OpenedBy    uuid.UUID
	Reason      string
	UntilAt     time.Time
	ReviewDueAt time.Time
	Outcome     string // justified | not_justified; empty until it was reviewed
	Comment     string
	ReviewedBy  *uuid.UUID
	ReviewedAt  *time.Time
}

// Personal marks the reason as personal data.
func (Grant) Personal() {}

// Restricted implements db.Restricted: a grant tells that a file is.
func (Grant) Restricted() {}

// TableName implements schema.Tabler.
func (Grant) TableName() string { return "break_glass_grants" }

// breakGlass opens a restricted file to the caller for as long as the SOP allows. 404 where there is
// no such file for them, as ever; 409 where they see it already.
func breakGlass(ctx context.Context, caseID uuid.UUID, g *Grant) error {
	var c *Case
	err := lifted(ctx, func() (err error) {
		if c, err = db.LockAny[Case](ctx, caseID); err != nil {
			return err
		}
		walled, err := walledOff(ctx, c, *caller(ctx))
		if err == nil && walled {
			return fault.Missing()
		}
		return err
	})
	if err != nil {
		return err
	}
	if _, err := find(ctx, caseID); err == nil || !fault.Is(err, fault.NotFound) {
		return inSight(err)
	}
	if c.Sensitivity != Restricted {
		return fault.Missing() // out of view, but not behind glass: its owner or a supervisor lets others in
	}
	policy, err := centre.PolicyOf(ctx, c.SOPID)
	if err != nil {
		return err
	}
	now := db.Now()
	g.CaseID, g.OpenedBy = c.ID, *caller(ctx)
	g.UntilAt, g.ReviewDueAt = now.Add(policy.Case.BreakGlass()), now.Add(policy.Case.BreakGlassReview())
	if err := db.Insert(ctx, g); err != nil {
		return err
	}
	return g.askReview(ctx)
}

// askReview raises the task to judge it, for each role that may.
func (g *Grant) askReview(ctx context.Context) error {
	for _, role := range reviewerRoles {
		err := task.Raise(ctx, task.Task{Key: task.ReviewGlass + ":" + g.ID.String() + ":" + role, Kind: task.ReviewGlass, Resource: "break_glass_grant",
			ResourceID: g.ID, CaseID: &g.CaseID, Role: role, DueAt: g.ReviewDueAt})
		if err != nil {
			return err
		}
	}
	return nil
}

func inSight(err error) error {
	if err != nil {
		return err
	}
	return fault.State("in_sight", "You see this file already.")
}

// review judges a broken glass: once, and by somebody else.
func (g *Grant) review(outcome, comment string, by *uuid.UUID, at time.Time) error {
	if g.ReviewedAt != nil {
		return fault.State("reviewed", "This was reviewed already.")
	}
	if by == nil || *by == g.OpenedBy {
		return fault.Denied("Whoever broke the glass does not review it. Ask another supervisor or the data-protection officer.")
	}
	if outcome == notJustified && at.Before(g.UntilAt) {
		g.UntilAt = at // whoever had no reason to look stops looking
	}
	g.Outcome, g.Comment, g.ReviewedBy, g.ReviewedAt = outcome, comment, by, &at
	return nil
}

const notJustified = "not_justified"

// reviewerRoles judge a broken glass (handbook 9.3).
var reviewerRoles = []string{"case_supervisor", "dpo"}
