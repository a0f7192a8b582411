package servicemap

import (
	"cmp"
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/export"
	"github.com/waystation/waystation/internal/wire"
)

// ListLocations returns one page of where providers work.
func (h Handlers) ListLocations(ctx context.Context, req api.ListLocationsRequestObject) (api.ListLocationsResponseObject, error) {
	p, f := req.Params, db.Conditions{}
	f = db.When(f, "organisation_id = ?", p.OrganisationID)
	f = db.When(f, "admin1_pcode = ?", p.Admin1Pcode)
	if export.Wanted(ctx) {
		return exportLocations(ctx, f.Apply, cmp.Or(string(wire.Value(p.Sort)), "created_at")), export.Whole(p.Cursor, p.IncludeTotal)
	}
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), locationSorts, f.Apply)
	if err != nil {
		return nil, err
	}
	shown := wire.Each(page.Rows, func(l *Location) api.ServiceLocation { return toLocation(h.told(ctx, l)) })
	return api.ListLocations200JSONResponse{Data: shown, NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateLocation enters a location.
func (h Handlers) CreateLocation(ctx context.Context, req api.CreateLocationRequestObject) (api.CreateLocationResponseObject, error) {
	l, err := h.enterLocation(ctx, *req.Body)
	if err != nil {
		return nil, err
	}
	return api.CreateLocation201JSONResponse{Body: toLocation(h.told(ctx, l)), Headers: api.CreateLocation201ResponseHeaders{
		ETag: wire.ETag(l.Version), Location: "/v1/locations/" + l.ID.String()}}, nil
}

// enterLocation stores a new location.
func (Handlers) enterLocation(ctx context.Context, b api.ServiceLocationCreate) (*Location, error) {
	provider, err := providerOf(ctx, b.OrganisationID)
	if err != nil {
		return nil, err
	}
	l := fromLocationCreate(b, provider)
	if err := l.judge(); err != nil {
		return nil, err
	}
	return l, db.Insert(ctx, l)
}

// GetLocation returns what the caller may know of one location.
func (h Handlers) GetLocation(ctx context.Context, req api.GetLocationRequestObject) (api.GetLocationResponseObject, error) {
	l, err := db.Get[Location](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetLocation200JSONResponse{Body: toLocation(h.told(ctx, l)), Headers: api.GetLocation200ResponseHeaders{ETag: wire.ETag(l.Version)}}, nil
}

// UpdateLocation applies a merge patch to a location.
func (h Handlers) UpdateLocation(ctx context.Context, req api.UpdateLocationRequestObject) (api.UpdateLocationResponseObject, error) {
	l, err := h.relocate(ctx, req.ID, req.Params.IfMatch, func(l *Location) error { l.patch(*req.Body); return nil })
	if err != nil {
		return nil, err
	}
	return api.UpdateLocation200JSONResponse{Body: toLocation(h.told(ctx, l)), Headers: api.UpdateLocation200ResponseHeaders{ETag: wire.ETag(l.Version)}}, nil
}

// RetireLocation takes a location out of use.
func (h Handlers) RetireLocation(ctx context.Context, req api.RetireLocationRequestObject) (api.RetireLocationResponseObject, error) {
	l, err := h.relocate(ctx, req.ID, req.Params.IfMatch, (*Location).retire)
	if err != nil {
		return nil, err
	}
	return api.RetireLocation200JSONResponse{Body: toLocation(h.told(ctx, l)), Headers: api.RetireLocation200ResponseHeaders{ETag: wire.ETag(l.Version)}}, nil
}

// ReopenLocation takes a retired location into use again.
func (h Handlers) ReopenLocation(ctx context.Context, req api.ReopenLocationRequestObject) (api.ReopenLocationResponseObject, error) {
	l, err := h.relocate(ctx, req.ID, req.Params.IfMatch, (*Location).reopen)
	if err != nil {
		return nil, err
	}
	return api.ReopenLocation200JSONResponse{Body: toLocation(h.told(ctx, l)), Headers: api.ReopenLocation200ResponseHeaders{ETag: wire.ETag(l.Version)}}, nil
}
