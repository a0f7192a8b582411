package casework

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Evaluation is how far a goal was reached on a day, and why (duty D11). It is never changed: a later one
// says otherwise. The goal's progress is that of its last one.
type Evaluation struct {
	db.Record
	CaseID      uuid.UUID
	PlanID      uuid.UUID
	GoalID      uuid.UUID
	Progress    string // code list case_goal_progress
	Reason      string
	EvaluatedOn db.Date
	ReviewOn    *db.Date // when the goal is judged next
	EvaluatedBy *uuid.UUID
}

// TableName implements schema.Tabler.
func (Evaluation) TableName() string { return "case_evaluations" }

// Personal marks what an evaluation tells as personal data.
func (Evaluation) Personal() {}

// Restricted implements db.Restricted: the file may be, so its read line is on disk first.
func (Evaluation) Restricted() {}

// check judges an evaluation by itself. today is the date at the centre.
func (e *Evaluation) check(today db.Date) error {
	rules := fault.Rules()
	if e.EvaluatedOn.After(today.Time) {
		rules.Add("/evaluated_on", "in_the_future", "This is still to come.")
	}
	switch {
	case e.ReviewOn == nil && e.Progress == "in_progress":
		rules.Add("/review_on", "review_required", "Say when a goal in progress is judged next.")
	case e.ReviewOn != nil && !e.ReviewOn.After(e.EvaluatedOn.Time):
		rules.Add("/review_on", "before_evaluation", "The next review comes after this one.")
	}
	return rules.Err()
}

// judge stores an evaluation and gives its goal the progress that it tells.
func judge(ctx context.Context, c *Case, e *Evaluation) error {
	if _, err := one[Goal](ctx, c.ID, e.GoalID); fault.Is(err, fault.NotFound) {
		return fault.InvalidField("/goal_id", "unknown_goal", "The case has no such goal.")
	} else if err != nil {
		return err
	}
	g, err := db.LockAny[Goal](ctx, e.GoalID)
	if err != nil {
		return err
	}
	p, err := one[Plan](ctx, c.ID, g.PlanID)
	if err != nil {
		return err
	}
	if p.Status != active && p.Status != completed {
		return fault.State(p.Status, "A goal is judged once its plan is at work, and until another takes its place.").With("allowed_states", []string{active, completed})
	}
	e.PlanID = p.ID
	g.Progress, g.ProgressNote, g.ReviewOn = e.Progress, e.Reason, e.ReviewOn
	if err := db.Save(ctx, g); err != nil {
		return err
	}
	return db.Insert(ctx, e)
}

// judged checks that an evaluation which leads to a new version is of a goal of this one.
func (p *Plan) judged(ctx context.Context, evaluation *uuid.UUID) error {
	if evaluation == nil {
		return nil
	}
	e, err := one[Evaluation](ctx, p.CaseID, *evaluation)
	if fault.Is(err, fault.NotFound) || err == nil && e.PlanID != p.ID {
		return fault.InvalidField("/evaluation_id", "unknown_evaluation", "No goal of this plan was judged so.")
	}
	return err
}
