package beneficiary

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/wire"
)

// ListJourneyLegs returns one page of the legs of a person's journey.
func (Handlers) ListJourneyLegs(ctx context.Context, req api.ListJourneyLegsRequestObject) (api.ListJourneyLegsResponseObject, error) {
	p := req.Params
	page, err := Entries(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "position"), legSorts, req.ID, wire.Value(p.Voided))
	if err != nil {
		return nil, err
	}
	return api.ListJourneyLegs200JSONResponse{Data: wire.Each(page.Rows, toLeg), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// RecordJourneyLeg adds one.
func (Handlers) RecordJourneyLeg(ctx context.Context, req api.RecordJourneyLegRequestObject) (api.RecordJourneyLegResponseObject, error) {
	e := fromLegCreate(*req.Body)
	place := func(*Beneficiary) error {
		if req.Body.Position != nil {
			return nil
		}
		return e.next(ctx)
	}
	if err := Record(ctx, req.ID, &e, place); err != nil {
		return nil, err
	}
	return api.RecordJourneyLeg201JSONResponse{Body: toLeg(&e), Headers: api.RecordJourneyLeg201ResponseHeaders{
		ETag: wire.ETag(e.Version), Location: wire.Path(req.CentreID, "beneficiaries", req.ID, "journey", e.ID),
	}}, nil
}

// GetJourneyLeg returns one.
func (Handlers) GetJourneyLeg(ctx context.Context, req api.GetJourneyLegRequestObject) (api.GetJourneyLegResponseObject, error) {
	e, err := EntryOf[JourneyLeg](ctx, req.ID, req.LegID)
	if err != nil {
		return nil, err
	}
	return api.GetJourneyLeg200JSONResponse{Body: toLeg(e), Headers: api.GetJourneyLeg200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// UpdateJourneyLeg applies a merge patch.
func (Handlers) UpdateJourneyLeg(ctx context.Context, req api.UpdateJourneyLegRequestObject) (api.UpdateJourneyLegResponseObject, error) {
	e, err := Change(ctx, req.ID, req.LegID, req.Params.IfMatch, func(e *JourneyLeg) error {
		e.patch(*req.Body)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateJourneyLeg200JSONResponse{Body: toLeg(e), Headers: api.UpdateJourneyLeg200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// VoidJourneyLeg hides one that was recorded in error.
func (Handlers) VoidJourneyLeg(ctx context.Context, req api.VoidJourneyLegRequestObject) (api.VoidJourneyLegResponseObject, error) {
	e, err := VoidEntry[JourneyLeg](ctx, req.ID, req.LegID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.VoidJourneyLeg200JSONResponse{Body: toLeg(e), Headers: api.VoidJourneyLeg200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}
