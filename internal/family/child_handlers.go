package family

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/wire"
)

// ListCareArrangements returns one page of who took care of a child.
func (Handlers) ListCareArrangements(ctx context.Context, req api.ListCareArrangementsRequestObject) (api.ListCareArrangementsResponseObject, error) {
	p := req.Params
	page, err := beneficiary.Entries(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-since"), careSorts, req.ID, wire.Value(p.Voided))
	if err != nil {
		return nil, err
	}
	return api.ListCareArrangements200JSONResponse{Data: wire.Each(page.Rows, toCare), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// RecordCareArrangement records what is so from a day on.
func (Handlers) RecordCareArrangement(ctx context.Context, req api.RecordCareArrangementRequestObject) (api.RecordCareArrangementResponseObject, error) {
	since, err := dayOr(ctx, req.Body.Since)
	if err != nil {
		return nil, err
	}
	e := fromCareCreate(*req.Body, since)
	if err := e.known(ctx); err != nil {
		return nil, err
	}
	if err := record(ctx, req.ID, &e, func() error { return e.inBestInterests(ctx, req.ID) }); err != nil {
		return nil, err
	}
	return api.RecordCareArrangement201JSONResponse{Body: toCare(&e), Headers: api.RecordCareArrangement201ResponseHeaders{
		ETag: wire.ETag(e.Version), Location: wire.Path(req.CentreID, "beneficiaries", req.ID, "care-arrangements", e.ID),
	}}, nil
}

// GetCareArrangement returns one entry.
func (Handlers) GetCareArrangement(ctx context.Context, req api.GetCareArrangementRequestObject) (api.GetCareArrangementResponseObject, error) {
	e, err := beneficiary.EntryOf[CareArrangement](ctx, req.ID, req.ArrangementID)
	if err != nil {
		return nil, err
	}
	return api.GetCareArrangement200JSONResponse{Body: toCare(e), Headers: api.GetCareArrangement200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// VoidCareArrangement hides one that was recorded in error.
func (Handlers) VoidCareArrangement(ctx context.Context, req api.VoidCareArrangementRequestObject) (api.VoidCareArrangementResponseObject, error) {
	e, err := beneficiary.VoidEntry[CareArrangement](ctx, req.ID, req.ArrangementID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.VoidCareArrangement200JSONResponse{Body: toCare(e), Headers: api.VoidCareArrangement200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// ListSeparations returns one page of where a child stood.
func (Handlers) ListSeparations(ctx context.Context, req api.ListSeparationsRequestObject) (api.ListSeparationsResponseObject, error) {
	p := req.Params
	page, err := beneficiary.Entries(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-since"), separationSorts, req.ID, wire.Value(p.Voided))
	if err != nil {
		return nil, err
	}
	return api.ListSeparations200JSONResponse{Data: wire.Each(page.Rows, toSeparation), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// RecordSeparation records what is so from a day on.
func (Handlers) RecordSeparation(ctx context.Context, req api.RecordSeparationRequestObject) (api.RecordSeparationResponseObject, error) {
	since, err := dayOr(ctx, req.Body.Since)
	if err != nil {
		return nil, err
	}
	e := fromSeparationCreate(*req.Body, since)
	if err := record(ctx, req.ID, &e); err != nil {
		return nil, err
	}
	return api.RecordSeparation201JSONResponse{Body: toSeparation(&e), Headers: api.RecordSeparation201ResponseHeaders{
		ETag: wire.ETag(e.Version), Location: wire.Path(req.CentreID, "beneficiaries", req.ID, "separations", e.ID),
	}}, nil
}

// GetSeparation returns one entry.
func (Handlers) GetSeparation(ctx context.Context, req api.GetSeparationRequestObject) (api.GetSeparationResponseObject, error) {
	e, err := beneficiary.EntryOf[Separation](ctx, req.ID, req.SeparationID)
	if err != nil {
		return nil, err
	}
	return api.GetSeparation200JSONResponse{Body: toSeparation(e), Headers: api.GetSeparation200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// VoidSeparation hides one that was recorded in error.
func (Handlers) VoidSeparation(ctx context.Context, req api.VoidSeparationRequestObject) (api.VoidSeparationResponseObject, error) {
	e, err := beneficiary.VoidEntry[Separation](ctx, req.ID, req.SeparationID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.VoidSeparation200JSONResponse{Body: toSeparation(e), Headers: api.VoidSeparation200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}
