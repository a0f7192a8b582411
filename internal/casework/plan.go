package casework

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"golang.org/x/text/currency"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Plan is one version of what is agreed with the person: goals, and actions with who and by when
// (duty D4). A draft becomes active with the person's agreement; a new version supersedes it.
type Plan struct {
	db.Record
	CaseID         uuid.UUID
	Number         int    // the version of the plan, from 1
	Status         string // draft | active | superseded | completed
	Summary        string
	ReviewOn       *db.Date
	Agreed         bool // by the person
	AgreedOn       *db.Date
	CopyGiven      bool       // the person has a copy
	CopyGivenOn    *db.Date   // the last one
	CopyGivenBy    *uuid.UUID // who handed it over
	CopyLanguage   string     // one of codelist.Languages
	RevisesID      *uuid.UUID // the version it was copied from
	RevisionReason string
	EvaluationID   *uuid.UUID // the evaluation that led to this version
	CreatedBy      *uuid.UUID
	ActivatedBy    *uuid.UUID
	ActivatedAt    *time.Time
	EndedAt        *time.Time // superseded or completed

	AgreementRecordedAt *time.Time // an approval counts from here on
	Goals               []Goal     `gorm:"-"`
	Actions             []Action   `gorm:"-"`
}

// TableName implements schema.Tabler.
func (Plan) TableName() string { return "case_plans" }

// Personal marks what a plan tells as personal data.
func (Plan) Personal() {}

// Restricted implements db.Restricted: the file may be, so its read line is on disk first.
func (Plan) Restricted() {}

// The statuses of a plan.
const (
	draft      = "draft"
	active     = "active"
	superseded = "superseded"
	completed  = "completed"
)

// Goal is what a plan is to reach for the person.
type Goal struct {
	db.Record
	CaseID       uuid.UUID
	PlanID       uuid.UUID
	ProblemID    *uuid.UUID // that it answers
	Description  string
	Progress     string   // code list case_goal_progress
	ProgressNote string   // the reason of its last evaluation
	ReviewOn     *db.Date // when its progress is judged next
	TargetOn     *db.Date
	CopiedFrom   *uuid.UUID // the same goal in the version before
}

// TableName implements schema.Tabler.
func (Goal) TableName() string { return "case_goals" }

// Personal marks what a goal tells as personal data.
func (Goal) Personal() {}

// Restricted implements db.Restricted: the file may be, so its read line is on disk first.
func (Goal) Restricted() {}

// Action is one thing to do: what or which service, who, by when.
type Action struct {
	db.Record
	CaseID        uuid.UUID
	PlanID        uuid.UUID
	GoalID        *uuid.UUID
	Description   string
	ServiceType   string     // code list service_type
	ResponsibleID *uuid.UUID // staff of the centre
	Responsible   string     // who else: the person, a partner
	DueOn         db.Date
	Cost          *decimal.Decimal // in Currency; nil: nobody said
	Currency      string           // ISO 4217
	FundingSource string
	Status        string // planned | in_progress | done | dropped
	DoneOn        *db.Date
	Outcome       string
	CopiedFrom    *uuid.UUID
}

// TableName implements schema.Tabler.
func (Action) TableName() string { return "case_actions" }

// Personal marks what an action tells as personal data.
func (Action) Personal() {}

// Restricted implements db.Restricted: the file may be, so its read line is on disk first.
func (Action) Restricted() {}

var _ = db.Constraint("case_plans_draft_key", func() *fault.Error {
	return fault.New(fault.Conflict, "draft_exists", "There is a draft already. Change or activate it.")
})

// can tells that the plan is in the state that a change needs; 409 if not.
func (p *Plan) can(need string, what string) error {
	if p.Status == need {
		return nil
	}
	return fault.State(p.Status, "A plan that is %s cannot be %s.", p.Status, what).With("allowed_states", []string{need})
}

// changeable tells that what the plan says may change: it is a draft that the person has not agreed to
// yet; 409 if not.
func (p *Plan) changeable(what string) error {
	if err := p.can(draft, what); err != nil || !p.Agreed {
		return err
	}
	return fault.State("agreed", "The person agreed to this draft as it is. Take the agreement back (agreed: false), change it, and ask them again.")
}

// agree records that the person agreed on a day, or takes it back.
func (p *Plan) agree(is bool, on *db.Date, a *Act) error {
	switch {
	case !is:
		p.Agreed, p.AgreedOn, p.AgreementRecordedAt = false, nil, nil
		return nil
	case on == nil:
		return fault.InvalidField("/agreed_on", "agreement_required", "Say on which day the person agreed.")
	case on.After(a.Today.Time):
		return fault.InvalidField("/agreed_on", "in_the_future", "This is still to come.")
	}
	if !p.Agreed {
		p.AgreementRecordedAt = a.now()
	}
	p.Agreed, p.AgreedOn = true, on
	return nil
}

// handOver records that the person was given a copy of what they agreed to.
func (p *Plan) handOver(on db.Date, language string, a *Act) error {
	if err := p.copyable(); err != nil {
		return err
	}
	if on.After(a.Today.Time) {
		return fault.InvalidField("/on", "in_the_future", "This is still to come.")
	}
	p.CopyGiven, p.CopyGivenOn, p.CopyGivenBy, p.CopyLanguage = true, &on, a.By, language
	return nil
}

// copyable answers the 409 of a plan that the person has not agreed to.
func (p *Plan) copyable() error {
	if p.Agreed {
		return nil
	}
	return fault.State(p.Status, "The person has not agreed to this draft yet. They get a copy of what they agreed to.")
}

// costs sums up what the actions cost, those that were dropped left out, by currency.
func (p *Plan) costs() map[string]decimal.Decimal {
	sums := map[string]decimal.Decimal{}
	for _, x := range p.Actions {
		if x.Cost != nil && x.Status != "dropped" {
			sums[x.Currency] = sums[x.Currency].Add(*x.Cost)
		}
	}
	return sums
}

// activate puts a draft to work. goals are those it has now; approved says whether a second
// person approved it, where the SOP asks for one.
func (p *Plan) activate(goals int, approved bool, a *Act) error {
	if err := p.can(draft, "activated"); err != nil {
		return err
	}
	rules := fault.Rules()
	if !p.Agreed || p.AgreedOn == nil {
		rules.Add("/agreed_on", "agreement_required", "A plan is made with the person: record that they agreed, and when.")
	}
	if goals == 0 {
		rules.Add("/goals", "goal_required", "A plan has at least one goal.")
	}
	if p.ReviewOn == nil {
		rules.Add("/review_on", "review_required", "Say when the plan is to be reviewed.")
	}
	if a.Policy.Approvals["plan"].Required && !approved {
		rules.Add("", "approval_required", "The SOP asks for the approval of a second person (approvals, kind plan).")
	}
	if err := rules.Err(); err != nil {
		return err
	}
	p.Status, p.ActivatedBy, p.ActivatedAt = active, a.By, a.now()
	return nil
}

// complete ends an active plan that is carried out.
func (p *Plan) complete(at time.Time) error {
	if err := p.can(active, "completed"); err != nil {
		return err
	}
	if slices.ContainsFunc(p.Actions, Action.unfinished) {
		return fault.InvalidField("/actions", "unfinished_plan", "Finish or drop every action first.")
	}
	p.Status, p.EndedAt = completed, &at
	return nil
}

// revise copies the active version into a new draft, progress included.
func (p *Plan) revise(reason string, evaluation, by *uuid.UUID) (*Plan, error) {
	if err := p.can(active, "revised"); err != nil {
		return nil, err
	}
	next := &Plan{Record: db.NewRecord(nil), CaseID: p.CaseID, Status: draft, Summary: p.Summary, ReviewOn: p.ReviewOn, RevisesID: &p.ID, RevisionReason: reason, EvaluationID: evaluation, CreatedBy: by,
		Goals: []Goal{}, Actions: []Action{}}
	goals := map[uuid.UUID]uuid.UUID{}
	for _, g := range p.Goals {
		from := g.ID
		g.Record, g.PlanID, g.CopiedFrom = db.NewRecord(nil), next.ID, &from
		goals[from] = g.ID
		next.Goals = append(next.Goals, g)
	}
	for _, x := range p.Actions {
		from := x.ID
		x.Record, x.PlanID, x.CopiedFrom = db.NewRecord(nil), next.ID, &from
		if x.GoalID != nil {
			id := goals[*x.GoalID]
			x.GoalID = &id
		}
		next.Actions = append(next.Actions, x)
	}
	return next, nil
}

// check judges an action by itself.
func (x *Action) check(rules *fault.Error) {
	if x.Description == "" && x.ServiceType == "" {
		rules.Add("/description", "required", "Say what is to be done, or which service.")
	}
	if (x.Status == "done") != (x.DoneOn != nil) {
		rules.Add("/done_on", "done_on_required", "An action that is done has the day it was done; no other has.")
	}
	if _, err := currency.ParseISO(x.Currency); x.Cost != nil && err != nil {
		rules.Add("/cost/currency", "unknown_currency", "Not a currency of ISO 4217.")
	}
}

// validate checks actions that come together: each by itself, and who is to do them.
func validate(ctx context.Context, actions ...*Action) error {
	rules, staff := fault.Rules(), []uuid.UUID{}
	for _, x := range actions {
		x.check(rules)
		if x.ResponsibleID != nil {
			staff = append(staff, *x.ResponsibleID)
		}
	}
	if err := rules.Err(); err != nil {
		return err
	}
	return areStaff(ctx, "/responsible_id", staff...)
}

// mayBegin keeps what is planned from being begun before the person agreed to the plan, as far as the SOP
// says (handbook 3.3).
func (x *Action) mayBegin(ctx context.Context, status string, a *Act) error {
	if !a.Policy.Case.ActionNeedsAgreement || status != "in_progress" && status != "done" {
		return nil
	}
	p, err := one[Plan](ctx, x.CaseID, x.PlanID)
	if err == nil && p.Status == draft {
		return fault.InvalidField("/status", "agreement_required", "The plan is not agreed with the person yet. Record their agreement and activate it first.")
	}
	return err
}

// fits judges an action that is entered by itself.
func (x *Action) fits(ctx context.Context) error {
	if err := validate(ctx, x); err != nil {
		return err
	}
	return x.hasGoal(ctx)
}

// hasGoal checks that an action serves a goal of its own plan.
func (x *Action) hasGoal(ctx context.Context) error {
	if x.GoalID == nil {
		return nil
	}
	g, err := one[Goal](ctx, x.CaseID, *x.GoalID)
	if fault.Is(err, fault.NotFound) || (err == nil && g.PlanID != x.PlanID) {
		return fault.InvalidField("/goal_id", "unknown_goal", "The plan has no such goal.")
	}
	return err
}

// unfinished tells that an action still has to be done or dropped.
func (x Action) unfinished() bool { return x.Status == "planned" || x.Status == "in_progress" }

// lockPlannable locks a case that may be planned.
func lockPlannable(ctx context.Context, id uuid.UUID) (*Case, error) {
	c, err := LockCase(ctx, id)
	if err == nil && c.Status != Open && c.Status != OnHold {
		return nil, fault.State(string(c.Status), "A case is planned while it is open or on hold.").With("allowed_states", of(Open, OnHold))
	}
	return c, err
}

// addPlan stores a new draft with all that comes with it.
func addPlan(ctx context.Context, c *Case, p *Plan) error {
	actions := make([]*Action, len(p.Actions))
	for i := range p.Actions {
		actions[i] = &p.Actions[i]
	}
	if err := validate(ctx, actions...); err != nil {
		return err
	}
	err := db.Tx(ctx).Raw("select coalesce(max(number), 0) + 1 from case_plans where centre_id = ? and case_id = ?", c.CentreID.UUID(), c.ID).Scan(&p.Number).Error
	if err != nil {
		return err
	}
	rows := []any{p}
	if len(p.Goals) > 0 {
		rows = append(rows, &p.Goals)
	}
	if len(p.Actions) > 0 {
		rows = append(rows, &p.Actions)
	}
	if err := db.InsertAll(ctx, rows...); err != nil {
		return err
	}
	if c.PlanDraftedAt != nil {
		return nil
	}
	now := db.Now()
	c.PlanDraftedAt = &now
	return db.Save(ctx, c)
}

// putToWork activates a draft in the place of the version before.
func putToWork(ctx context.Context, c *Case, p *Plan, a *Act) error {
	if c.Status != Open && c.Status != OnHold {
		return fault.State(string(c.Status), "A plan is put to work while the case is open or on hold.").With("allowed_states", of(Open, OnHold))
	}
	agreed, err := db.Exists[Approval](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("case_id = ? and kind = 'plan' and subject_id = ? and status = ? and created_at >= ?", c.ID, p.ID, approved, p.AgreementRecordedAt)
	})
	if err != nil {
		return err
	}
	if err := p.activate(len(p.Goals), agreed, a); err != nil {
		return err
	}
	err = db.Tx(ctx).Model(&Plan{}).Where("case_id = ? and status = ?", c.ID, active).
		Updates(map[string]any{"status": superseded, "ended_at": a.At, "updated_at": a.At, "version": gorm.Expr("version + 1")}).Error
	if err != nil {
		return err
	}
	if c.PlannedAt == nil {
		c.PlannedAt = a.now()
		if err := db.Save(ctx, c); err != nil {
			return err
		}
	}
	return c.tell(ctx, "case.plan_activated", map[string]any{"plan_id": p.ID})
}

// withContents loads the goals and actions of plans.
func withContents(ctx context.Context, plans []Plan) error {
	ids, at := make([]uuid.UUID, len(plans)), map[uuid.UUID]*Plan{}
	for i := range plans {
		ids[i], at[plans[i].ID] = plans[i].ID, &plans[i]
		plans[i].Goals, plans[i].Actions = []Goal{}, []Action{}
	}
	if len(ids) == 0 {
		return nil
	}
	byAge := func(q *gorm.DB) *gorm.DB { return q.Where("plan_id in ?", ids).Order("id") }
	goals, err := db.Find[Goal](ctx, byAge)
	if err != nil {
		return err
	}
	if err := hideProblems(ctx, goals); err != nil {
		return err
	}
	actions, err := db.Find[Action](ctx, byAge)
	if err != nil {
		return err
	}
	for _, g := range goals {
		at[g.PlanID].Goals = append(at[g.PlanID].Goals, g)
	}
	for _, x := range actions {
		at[x.PlanID].Actions = append(at[x.PlanID].Actions, x)
	}
	return nil
}

// planOf returns the plan that a goal or an action belongs to; 422 where the case has none such.
func planOf(ctx context.Context, c *Case, id uuid.UUID) (*Plan, error) {
	p, err := one[Plan](ctx, c.ID, id)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.InvalidField("/plan_id", "unknown_plan", "The case has no such plan.")
	}
	return p, err
}
