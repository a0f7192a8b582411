package casework

import (
	"bytes"
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/wire"
)

// planWhole returns a case in view and a version of its plan, contents included.
func planWhole(ctx context.Context, caseID, planID uuid.UUID) (*Case, *Plan, error) {
	c, err := find(ctx, caseID)
	if err != nil {
		return nil, nil, err
	}
	p, err := one[Plan](ctx, caseID, planID)
	if err != nil {
		return nil, nil, err
	}
	return c, p, p.load(ctx)
}

// DiffCasePlans tells what differs between two versions of a plan.
func (Handlers) DiffCasePlans(ctx context.Context, req api.DiffCasePlansRequestObject) (api.DiffCasePlansResponseObject, error) {
	c, p, err := planWhole(ctx, req.ID, req.PlanID)
	if err != nil {
		return nil, err
	}
	from, err := p.other(ctx, req.Params.From)
	if err != nil {
		return nil, err
	}
	if err := from.load(ctx); err != nil {
		return nil, err
	}
	d, err := p.diff(ctx, c, from)
	if err != nil {
		return nil, err
	}
	return api.DiffCasePlans200JSONResponse(toPlanDiff(from, p, d)), nil
}

// PrintCasePlan returns the plan as it is handed to the person.
func (Handlers) PrintCasePlan(ctx context.Context, req api.PrintCasePlanRequestObject) (api.PrintCasePlanResponseObject, error) {
	c, p, err := planWhole(ctx, req.ID, req.PlanID)
	if err != nil {
		return nil, err
	}
	if err := p.copyable(); err != nil {
		return nil, err
	}
	l, err := newLeaflet(ctx, c, p, string(wire.Value(req.Params.Language)))
	if err != nil {
		return nil, err
	}
	sheet, err := l.draw()
	return api.PrintCasePlan200ApplicationPdfResponse{Body: bytes.NewReader(sheet), ContentLength: int64(len(sheet)), Headers: api.PrintCasePlan200ResponseHeaders{ETag: wire.ETag(p.Version)}}, err
}

// HandOverCasePlan records that the person was given a copy.
func (Handlers) HandOverCasePlan(ctx context.Context, req api.HandOverCasePlanRequestObject) (api.HandOverCasePlanResponseObject, error) {
	p, err := changePlan(ctx, place{req.ID, req.PlanID, req.Params.IfMatch}, func(c *Case, p *Plan, a *Act) error {
		if err := today(ctx, c, a); err != nil {
			return err
		}
		on := a.Today
		if req.Body.On != nil {
			on = wire.Date(*req.Body.On)
		}
		return p.handOver(on, string(req.Body.Language), a)
	})
	if err != nil {
		return nil, err
	}
	return api.HandOverCasePlan200JSONResponse{Body: toPlan(p), Headers: api.HandOverCasePlan200ResponseHeaders{ETag: wire.ETag(p.Version)}}, nil
}
