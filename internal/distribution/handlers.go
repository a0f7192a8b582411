package distribution

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// ListDistributions returns one page of distributions.
func (Handlers) ListDistributions(ctx context.Context, req api.ListDistributionsRequestObject) (api.ListDistributionsResponseObject, error) {
	p := req.Params
	f := db.When(db.Conditions{}, "status = ?", p.Status)
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-scheduled_on"), distributionSorts, f.Apply)
	if err != nil {
		return nil, err
	}
	return api.ListDistributions200JSONResponse{Data: wire.Each(page.Rows, toDistribution), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateDistribution plans a distribution.
func (Handlers) CreateDistribution(ctx context.Context, req api.CreateDistributionRequestObject) (api.CreateDistributionResponseObject, error) {
	d := fromDistributionCreate(*req.Body)
	if err := d.plan(ctx); err != nil {
		return nil, err
	}
	return api.CreateDistribution201JSONResponse{Body: toDistribution(d), Headers: api.CreateDistribution201ResponseHeaders{ETag: wire.ETag(d.Version), Location: wire.Path(req.CentreID, "distributions", d.ID)}}, nil
}

// GetDistribution returns one distribution.
func (Handlers) GetDistribution(ctx context.Context, req api.GetDistributionRequestObject) (api.GetDistributionResponseObject, error) {
	d, err := db.Get[Distribution](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetDistribution200JSONResponse{Body: toDistribution(d), Headers: api.GetDistribution200ResponseHeaders{ETag: wire.ETag(d.Version)}}, nil
}

// UpdateDistribution applies a merge patch to a plan.
func (Handlers) UpdateDistribution(ctx context.Context, req api.UpdateDistributionRequestObject) (api.UpdateDistributionResponseObject, error) {
	d, err := change(ctx, req.ID, req.Params.IfMatch, func(d *Distribution) error {
		d.patch(*req.Body)
		return d.judge(ctx)
	}, planned)
	if err != nil {
		return nil, err
	}
	return api.UpdateDistribution200JSONResponse{Body: toDistribution(d), Headers: api.UpdateDistribution200ResponseHeaders{ETag: wire.ETag(d.Version)}}, nil
}

// ApproveDistribution approves a plan.
func (Handlers) ApproveDistribution(ctx context.Context, req api.ApproveDistributionRequestObject) (api.ApproveDistributionResponseObject, error) {
	d, err := approve(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	return api.ApproveDistribution200JSONResponse{Body: toDistribution(d), Headers: api.ApproveDistribution200ResponseHeaders{ETag: wire.ETag(d.Version)}}, nil
}

// OpenDistribution opens the counter.
func (Handlers) OpenDistribution(ctx context.Context, req api.OpenDistributionRequestObject) (api.OpenDistributionResponseObject, error) {
	d, err := begin(ctx, req.ID, req.Params.IfMatch, wire.Each(req.Body.Brought, fromQuantity))
	if err != nil {
		return nil, err
	}
	return api.OpenDistribution200JSONResponse{Body: toDistribution(d), Headers: api.OpenDistribution200ResponseHeaders{ETag: wire.ETag(d.Version)}}, nil
}

// CancelDistribution cancels a distribution that has not opened.
func (Handlers) CancelDistribution(ctx context.Context, req api.CancelDistributionRequestObject) (api.CancelDistributionResponseObject, error) {
	d, err := change(ctx, req.ID, req.Params.IfMatch, func(d *Distribution) error {
		d.Status, d.Reason = cancelled, req.Body.Reason
		return nil
	}, planned, approved)
	if err != nil {
		return nil, err
	}
	return api.CancelDistribution200JSONResponse{Body: toDistribution(d), Headers: api.CancelDistribution200ResponseHeaders{ETag: wire.ETag(d.Version)}}, nil
}

// CloseDistribution closes the counter.
func (Handlers) CloseDistribution(ctx context.Context, req api.CloseDistributionRequestObject) (api.CloseDistributionResponseObject, error) {
	d, err := change(ctx, req.ID, req.Params.IfMatch, func(d *Distribution) error {
		now := db.Now()
		d.Status, d.ClosedBy, d.ClosedAt = closed, caller(ctx), &now
		return nil
	}, open)
	if err != nil {
		return nil, err
	}
	return api.CloseDistribution200JSONResponse{Body: toDistribution(d), Headers: api.CloseDistribution200ResponseHeaders{ETag: wire.ETag(d.Version)}}, nil
}

// ReconcileDistribution counts what came back.
func (Handlers) ReconcileDistribution(ctx context.Context, req api.ReconcileDistributionRequestObject) (api.ReconcileDistributionResponseObject, error) {
	d, err := reconcile(ctx, req.ID, req.Params.IfMatch, wire.Each(req.Body.Items, fromCounted))
	if err != nil {
		return nil, err
	}
	return api.ReconcileDistribution200JSONResponse{Body: toDistribution(d), Headers: api.ReconcileDistribution200ResponseHeaders{ETag: wire.ETag(d.Version)}}, nil
}
