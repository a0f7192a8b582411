package casework

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

var planSorts = db.Sorts[Plan]{
	"number": {SQL: "number", Cast: "bigint", Value: func(p *Plan) any { return p.Number }},
}

// ListCasePlans returns one page of the versions of a case's plan.
func (Handlers) ListCasePlans(ctx context.Context, req api.ListCasePlansRequestObject) (api.ListCasePlansResponseObject, error) {
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-number"), planSorts, func(q *gorm.DB) *gorm.DB {
		return where(q, "status = ?", p.Status)
	})
	if err != nil {
		return nil, err
	}
	if err := withContents(ctx, page.Rows); err != nil {
		return nil, err
	}
	return api.ListCasePlans200JSONResponse{Data: wire.Each(page.Rows, toPlan), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateCasePlan drafts a plan, with the goals and actions that come with it.
func (Handlers) CreateCasePlan(ctx context.Context, req api.CreateCasePlanRequestObject) (api.CreateCasePlanResponseObject, error) {
	c, err := lockPlannable(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	a, err := newAct(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := mayPlan(ctx, c, a); err != nil {
		return nil, err
	}
	if err := today(ctx, c, a); err != nil {
		return nil, err
	}
	p, err := fromPlanCreate(*req.Body, c, a)
	if err != nil {
		return nil, err
	}
	for i := range p.Goals {
		if err := p.Goals[i].answers(ctx); err != nil {
			return nil, err
		}
	}
	if err := addPlan(ctx, c, p); err != nil {
		return nil, err
	}
	return api.CreateCasePlan201JSONResponse{Body: toPlan(p), Headers: api.CreateCasePlan201ResponseHeaders{ETag: wire.ETag(p.Version), Location: c.path() + "/plans/" + p.ID.String()}}, nil
}

// GetCasePlan returns one version of the plan.
func (Handlers) GetCasePlan(ctx context.Context, req api.GetCasePlanRequestObject) (api.GetCasePlanResponseObject, error) {
	p, err := read[Plan](ctx, req.ID, req.PlanID)
	if err != nil {
		return nil, err
	}
	if err := p.load(ctx); err != nil {
		return nil, err
	}
	return api.GetCasePlan200JSONResponse{Body: toPlan(p), Headers: api.GetCasePlan200ResponseHeaders{ETag: wire.ETag(p.Version)}}, nil
}

// load fills in the goals and actions.
func (p *Plan) load(ctx context.Context) error {
	plans := []Plan{*p}
	err := withContents(ctx, plans)
	p.Goals, p.Actions = plans[0].Goals, plans[0].Actions
	return err
}

// changePlan changes a plan of a case that is under way; fn sees what it holds.
func changePlan(ctx context.Context, at place, fn func(*Case, *Plan, *Act) error) (*Plan, error) {
	return change(ctx, at, lockUnderWay, func(c *Case, p *Plan, a *Act) error {
		if err := p.load(ctx); err != nil {
			return err
		}
		return fn(c, p, a)
	})
}

// UpdateCasePlan applies a merge patch to a draft.
func (Handlers) UpdateCasePlan(ctx context.Context, req api.UpdateCasePlanRequestObject) (api.UpdateCasePlanResponseObject, error) {
	p, err := changePlan(ctx, place{req.ID, req.PlanID, req.Params.IfMatch}, func(c *Case, p *Plan, a *Act) error {
		if err := p.can(draft, "changed"); err != nil {
			return err
		}
		if err := today(ctx, c, a); err != nil {
			return err
		}
		return p.patch(*req.Body, a)
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateCasePlan200JSONResponse{Body: toPlan(p), Headers: api.UpdateCasePlan200ResponseHeaders{ETag: wire.ETag(p.Version)}}, nil
}

// ActivateCasePlan puts a draft to work.
func (Handlers) ActivateCasePlan(ctx context.Context, req api.ActivateCasePlanRequestObject) (api.ActivateCasePlanResponseObject, error) {
	p, err := changePlan(ctx, place{req.ID, req.PlanID, req.Params.IfMatch}, func(c *Case, p *Plan, a *Act) error {
		return putToWork(ctx, c, p, a)
	})
	if err != nil {
		return nil, err
	}
	return api.ActivateCasePlan200JSONResponse{Body: toPlan(p), Headers: api.ActivateCasePlan200ResponseHeaders{ETag: wire.ETag(p.Version)}}, nil
}

// CompleteCasePlan ends the active plan.
func (Handlers) CompleteCasePlan(ctx context.Context, req api.CompleteCasePlanRequestObject) (api.CompleteCasePlanResponseObject, error) {
	p, err := changePlan(ctx, place{req.ID, req.PlanID, req.Params.IfMatch}, func(_ *Case, p *Plan, a *Act) error { return p.complete(a.At) })
	if err != nil {
		return nil, err
	}
	return api.CompleteCasePlan200JSONResponse{Body: toPlan(p), Headers: api.CompleteCasePlan200ResponseHeaders{ETag: wire.ETag(p.Version)}}, nil
}

// ReviseCasePlan begins a new version of the active plan.
func (Handlers) ReviseCasePlan(ctx context.Context, req api.ReviseCasePlanRequestObject) (api.ReviseCasePlanResponseObject, error) {
	c, err := lockPlannable(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	p, err := inFile[Plan](ctx, c, req.PlanID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := p.load(ctx); err != nil {
		return nil, err
	}
	if err := p.judged(ctx, req.Body.EvaluationID); err != nil {
		return nil, err
	}
	next, err := p.revise(req.Body.Reason, req.Body.EvaluationID, caller(ctx))
	if err != nil {
		return nil, err
	}
	if err := addPlan(ctx, c, next); err != nil {
		return nil, err
	}
	return api.ReviseCasePlan200JSONResponse{Body: toPlan(next), Headers: api.ReviseCasePlan200ResponseHeaders{ETag: wire.ETag(next.Version)}}, nil
}

var goalSorts = db.Sorts[Goal]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(g *Goal) any { return g.CreatedAt }},
}

// ListCaseGoals returns one page of a case's goals.
func (Handlers) ListCaseGoals(ctx context.Context, req api.ListCaseGoalsRequestObject) (api.ListCaseGoalsResponseObject, error) {
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), goalSorts, func(q *gorm.DB) *gorm.DB {
		return where(q, "plan_id = ?", p.PlanID)
	})
	if err != nil {
		return nil, err
	}
	if err := hideProblems(ctx, page.Rows); err != nil {
		return nil, err
	}
	return api.ListCaseGoals200JSONResponse{Data: wire.Each(page.Rows, toGoal), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// draftOf locks the case and finds the draft plan that something is added to.
func draftOf(ctx context.Context, caseID, planID uuid.UUID) (*Case, *Plan, error) {
	c, err := lockUnderWay(ctx, caseID)
	if err != nil {
		return nil, nil, err
	}
	p, err := planOf(ctx, c, planID)
	if err != nil {
		return nil, nil, err
	}
	return c, p, p.changeable("added to")
}

// CreateCaseGoal adds a goal to a draft plan.
func (Handlers) CreateCaseGoal(ctx context.Context, req api.CreateCaseGoalRequestObject) (api.CreateCaseGoalResponseObject, error) {
	c, _, err := draftOf(ctx, req.ID, req.Body.PlanID)
	if err != nil {
		return nil, err
	}
	g := fromGoalCreate(*req.Body, c)
	if err := g.answers(ctx); err != nil {
		return nil, err
	}
	if err := db.Insert(ctx, g); err != nil {
		return nil, err
	}
	return api.CreateCaseGoal201JSONResponse{Body: toGoal(g), Headers: api.CreateCaseGoal201ResponseHeaders{ETag: wire.ETag(g.Version), Location: c.path() + "/goals/" + g.ID.String()}}, nil
}

// GetCaseGoal returns one goal.
func (Handlers) GetCaseGoal(ctx context.Context, req api.GetCaseGoalRequestObject) (api.GetCaseGoalResponseObject, error) {
	g, err := read[Goal](ctx, req.ID, req.GoalID)
	if err != nil {
		return nil, err
	}
	goals := []Goal{*g}
	if err := hideProblems(ctx, goals); err != nil {
		return nil, err
	}
	return api.GetCaseGoal200JSONResponse{Body: toGoal(&goals[0]), Headers: api.GetCaseGoal200ResponseHeaders{ETag: wire.ETag(g.Version)}}, nil
}

// UpdateCaseGoal changes a goal of a draft.
func (Handlers) UpdateCaseGoal(ctx context.Context, req api.UpdateCaseGoalRequestObject) (api.UpdateCaseGoalResponseObject, error) {
	b := req.Body
	g, err := change(ctx, place{req.ID, req.GoalID, req.Params.IfMatch}, lockUnderWay, func(c *Case, g *Goal, _ *Act) error {
		p, err := one[Plan](ctx, c.ID, g.PlanID)
		if err != nil {
			return err
		}
		if err := p.changeable("changed"); err != nil {
			return err
		}
		g.patch(*b)
		return g.answers(ctx)
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateCaseGoal200JSONResponse{Body: toGoal(g), Headers: api.UpdateCaseGoal200ResponseHeaders{ETag: wire.ETag(g.Version)}}, nil
}

// takes judges a change of an action: what was agreed is fixed, and everything once the plan ended.
func (p *Plan) takes(b api.CaseActionPatch) error {
	agreed := b.Description.IsSpecified() || b.ServiceType.IsSpecified() || b.GoalID.IsSpecified() || b.DueOn != nil ||
		b.Responsible.IsSpecified() || b.Cost.IsSpecified() || b.FundingSource.IsSpecified()
	switch {
	case p.Status == draft && agreed:
		return p.changeable("changed")
	case p.Status == active && agreed:
		return fault.State(p.Status, "What was agreed in an active plan is fixed. Revise the plan.")
	case p.Status != draft && p.Status != active:
		return fault.State(p.Status, "The plan has ended.")
	}
	return nil
}

var actionSorts = db.Sorts[Action]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(x *Action) any { return x.CreatedAt }},
	"due_on":     {SQL: "due_on", Cast: "date", Value: func(x *Action) any { return x.DueOn }},
}

// ListCaseActions returns one page of a case's actions.
func (Handlers) ListCaseActions(ctx context.Context, req api.ListCaseActionsRequestObject) (api.ListCaseActionsResponseObject, error) {
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "due_on"), actionSorts, func(q *gorm.DB) *gorm.DB {
		return where(where(q, "plan_id = ?", p.PlanID), "status = ?", p.Status)
	})
	if err != nil {
		return nil, err
	}
	return api.ListCaseActions200JSONResponse{Data: wire.Each(page.Rows, toAction), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateCaseAction adds an action to a draft plan.
func (Handlers) CreateCaseAction(ctx context.Context, req api.CreateCaseActionRequestObject) (api.CreateCaseActionResponseObject, error) {
	c, p, err := draftOf(ctx, req.ID, req.Body.PlanID)
	if err != nil {
		return nil, err
	}
	x := fromActionCreate(*req.Body, p)
	if err := x.fits(ctx); err != nil {
		return nil, err
	}
	if err := db.Insert(ctx, x); err != nil {
		return nil, err
	}
	return api.CreateCaseAction201JSONResponse{Body: toAction(x), Headers: api.CreateCaseAction201ResponseHeaders{ETag: wire.ETag(x.Version), Location: c.path() + "/actions/" + x.ID.String()}}, nil
}

// GetCaseAction returns one action.
func (Handlers) GetCaseAction(ctx context.Context, req api.GetCaseActionRequestObject) (api.GetCaseActionResponseObject, error) {
	x, err := read[Action](ctx, req.ID, req.ActionID)
	if err != nil {
		return nil, err
	}
	return api.GetCaseAction200JSONResponse{Body: toAction(x), Headers: api.GetCaseAction200ResponseHeaders{ETag: wire.ETag(x.Version)}}, nil
}

// UpdateCaseAction changes an action of a draft, or records what became of it in an active plan.
func (Handlers) UpdateCaseAction(ctx context.Context, req api.UpdateCaseActionRequestObject) (api.UpdateCaseActionResponseObject, error) {
	b := req.Body
	x, err := change(ctx, place{req.ID, req.ActionID, req.Params.IfMatch}, lockUnderWay, func(c *Case, x *Action, a *Act) error {
		if err := x.mayBegin(ctx, string(wire.Value(b.Status)), a); err != nil {
			return err
		}
		p, err := one[Plan](ctx, c.ID, x.PlanID)
		if err != nil {
			return err
		}
		if err := p.takes(*b); err != nil {
			return err
		}
		x.patch(*b)
		return x.fits(ctx)
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateCaseAction200JSONResponse{Body: toAction(x), Headers: api.UpdateCaseAction200ResponseHeaders{ETag: wire.ETag(x.Version)}}, nil
}
