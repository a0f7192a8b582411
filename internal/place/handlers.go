package place

import (
	"context"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct{}

var holdSorts = db.Sorts[Hold]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(h *Hold) any { return h.CreatedAt }},
}

var providerSorts = db.Sorts[ProviderHold]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(h *ProviderHold) any { return h.CreatedAt }},
}

// GetServiceCapacity returns how many places a service has, and how many are left.
func (Handlers) GetServiceCapacity(ctx context.Context, req api.GetServiceCapacityRequestObject) (api.GetServiceCapacityResponseObject, error) {
	c, err := db.Get[Capacity](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetServiceCapacity200JSONResponse{Body: toCapacity(c), Headers: api.GetServiceCapacity200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// UpdateServiceCapacity applies a merge patch to the places of a service.
func (Handlers) UpdateServiceCapacity(ctx context.Context, req api.UpdateServiceCapacityRequestObject) (api.UpdateServiceCapacityResponseObject, error) {
	c, err := publish(ctx, req.ID, req.Params.IfMatch, func(c *Capacity) { c.patch(*req.Body) })
	if err != nil {
		return nil, err
	}
	return api.UpdateServiceCapacity200JSONResponse{Body: toCapacity(c), Headers: api.UpdateServiceCapacity200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// ListHolds returns one page of the places that a centre holds or waits for.
func (Handlers) ListHolds(ctx context.Context, req api.ListHoldsRequestObject) (api.ListHoldsResponseObject, error) {
	p, f := req.Params, db.Conditions{}
	f = db.When(f, "status = ?", p.Status)
	f = db.When(f, "service_id = ?", p.ServiceID)
	f = db.When(f, "referral_id = ?", p.ReferralID)
	f = db.When(f, "case_id = ?", p.CaseID)
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), holdSorts, func(q *gorm.DB) *gorm.DB { return f.Apply(inView(ctx, q)) })
	if err != nil {
		return nil, err
	}
	return api.ListHolds200JSONResponse{Data: wire.Each(page.Rows, toHold), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateHold holds a place of a service.
func (Handlers) CreateHold(ctx context.Context, req api.CreateHoldRequestObject) (api.CreateHoldResponseObject, error) {
	b := req.Body
	t := &Tie{Record: db.NewRecord(b.ID), ReferralID: b.ReferralID, CaseID: b.CaseID}
	h, err := reserve(ctx, t, wish{service: b.ServiceID, places: max(1, wire.Value(b.Places)), hours: b.Hours, wait: wire.Value(b.Wait)})
	if err != nil {
		return nil, err
	}
	return api.CreateHold201JSONResponse{Body: toHold(h), Headers: api.CreateHold201ResponseHeaders{ETag: wire.ETag(h.Version), Location: wire.Path(req.CentreID, "holds", h.ID)}}, nil
}

// GetHold returns one hold of a centre.
func (Handlers) GetHold(ctx context.Context, req api.GetHoldRequestObject) (api.GetHoldResponseObject, error) {
	h, err := find(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetHold200JSONResponse{Body: toHold(h), Headers: api.GetHold200ResponseHeaders{ETag: wire.ETag(h.Version)}}, nil
}

// ReleaseHold gives a place back, or leaves the line.
func (Handlers) ReleaseHold(ctx context.Context, req api.ReleaseHoldRequestObject) (api.ReleaseHoldResponseObject, error) {
	h, err := moveHold(ctx, req.ID, req.Params.IfMatch, Released)
	if err != nil {
		return nil, err
	}
	return api.ReleaseHold200JSONResponse{Body: toHold(h), Headers: api.ReleaseHold200ResponseHeaders{ETag: wire.ETag(h.Version)}}, nil
}

// TakeUpHold notes that the person came.
func (Handlers) TakeUpHold(ctx context.Context, req api.TakeUpHoldRequestObject) (api.TakeUpHoldResponseObject, error) {
	h, err := moveHold(ctx, req.ID, req.Params.IfMatch, Taken)
	if err != nil {
		return nil, err
	}
	return api.TakeUpHold200JSONResponse{Body: toHold(h), Headers: api.TakeUpHold200ResponseHeaders{ETag: wire.ETag(h.Version)}}, nil
}

// MissHold notes that the person did not come.
func (Handlers) MissHold(ctx context.Context, req api.MissHoldRequestObject) (api.MissHoldResponseObject, error) {
	h, err := moveHold(ctx, req.ID, req.Params.IfMatch, NoShow)
	if err != nil {
		return nil, err
	}
	return api.MissHold200JSONResponse{Body: toHold(h), Headers: api.MissHold200ResponseHeaders{ETag: wire.ETag(h.Version)}}, nil
}

// ListServiceHolds returns one page of the holds on a provider's own service.
func (Handlers) ListServiceHolds(ctx context.Context, req api.ListServiceHoldsRequestObject) (api.ListServiceHoldsResponseObject, error) {
	p, f := req.Params, db.Conditions{}.And("service_id = ?", req.ID)
	f = db.When(f, "status = ?", p.Status)
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), providerSorts, f.Apply)
	if err != nil {
		return nil, err
	}
	return api.ListServiceHolds200JSONResponse{Data: wire.Each(page.Rows, toProviderHold), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// ReleaseServiceHold takes a place back that a provider cannot give.
func (Handlers) ReleaseServiceHold(ctx context.Context, req api.ReleaseServiceHoldRequestObject) (api.ReleaseServiceHoldResponseObject, error) {
	h, err := moveOwn(ctx, req.ID, req.HoldID, req.Params.IfMatch, Released)
	if err != nil {
		return nil, err
	}
	return api.ReleaseServiceHold200JSONResponse{Body: toProviderHold(h), Headers: api.ReleaseServiceHold200ResponseHeaders{ETag: wire.ETag(h.Version)}}, nil
}

// TakeUpServiceHold notes at the provider's that the person came.
func (Handlers) TakeUpServiceHold(ctx context.Context, req api.TakeUpServiceHoldRequestObject) (api.TakeUpServiceHoldResponseObject, error) {
	h, err := moveOwn(ctx, req.ID, req.HoldID, req.Params.IfMatch, Taken)
	if err != nil {
		return nil, err
	}
	return api.TakeUpServiceHold200JSONResponse{Body: toProviderHold(h), Headers: api.TakeUpServiceHold200ResponseHeaders{ETag: wire.ETag(h.Version)}}, nil
}

// MissServiceHold notes at the provider's that nobody came.
func (Handlers) MissServiceHold(ctx context.Context, req api.MissServiceHoldRequestObject) (api.MissServiceHoldResponseObject, error) {
	h, err := moveOwn(ctx, req.ID, req.HoldID, req.Params.IfMatch, NoShow)
	if err != nil {
		return nil, err
	}
	return api.MissServiceHold200JSONResponse{Body: toProviderHold(h), Headers: api.MissServiceHold200ResponseHeaders{ETag: wire.ETag(h.Version)}}, nil
}
