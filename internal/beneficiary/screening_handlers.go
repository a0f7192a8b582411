package beneficiary

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// ListVulnerabilityScreenings returns one page of a person's vulnerability screenings.
func (Handlers) ListVulnerabilityScreenings(ctx context.Context, req api.ListVulnerabilityScreeningsRequestObject) (api.ListVulnerabilityScreeningsResponseObject, error) {
	p := req.Params
	page, err := Entries(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-screened_at"), screeningSorts, req.ID, wire.Value(p.Voided))
	if err != nil {
		return nil, err
	}
	return api.ListVulnerabilityScreenings200JSONResponse{Data: wire.Each(page.Rows, toScreening), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// RecordVulnerabilityScreening adds one.
func (Handlers) RecordVulnerabilityScreening(ctx context.Context, req api.RecordVulnerabilityScreeningRequestObject) (api.RecordVulnerabilityScreeningResponseObject, error) {
	e := fromScreeningCreate(*req.Body)
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return nil, err
	}
	e.suggest(policy.People)
	if err := Record(ctx, req.ID, &e); err != nil {
		return nil, err
	}
	return api.RecordVulnerabilityScreening201JSONResponse{Body: toScreening(&e), Headers: api.RecordVulnerabilityScreening201ResponseHeaders{
		ETag: wire.ETag(e.Version), Location: wire.Path(req.CentreID, "beneficiaries", req.ID, "screenings", e.ID),
	}}, nil
}

// GetVulnerabilityScreening returns one.
func (Handlers) GetVulnerabilityScreening(ctx context.Context, req api.GetVulnerabilityScreeningRequestObject) (api.GetVulnerabilityScreeningResponseObject, error) {
	e, err := EntryOf[VulnerabilityScreening](ctx, req.ID, req.ScreeningID)
	if err != nil {
		return nil, err
	}
	return api.GetVulnerabilityScreening200JSONResponse{Body: toScreening(e), Headers: api.GetVulnerabilityScreening200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// ConfirmVulnerabilityScreening records the level that a person decided on.
func (Handlers) ConfirmVulnerabilityScreening(ctx context.Context, req api.ConfirmVulnerabilityScreeningRequestObject) (api.ConfirmVulnerabilityScreeningResponseObject, error) {
	e, err := Change(ctx, req.ID, req.ScreeningID, req.Params.IfMatch, func(s *VulnerabilityScreening) error {
		return s.confirm(req.Body.RiskLevel, wire.Value(req.Body.Note), actor(ctx), db.Now())
	})
	if err != nil {
		return nil, err
	}
	return api.ConfirmVulnerabilityScreening200JSONResponse{Body: toScreening(e), Headers: api.ConfirmVulnerabilityScreening200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// VoidVulnerabilityScreening hides one that was recorded in error.
func (Handlers) VoidVulnerabilityScreening(ctx context.Context, req api.VoidVulnerabilityScreeningRequestObject) (api.VoidVulnerabilityScreeningResponseObject, error) {
	e, err := VoidEntry[VulnerabilityScreening](ctx, req.ID, req.ScreeningID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.VoidVulnerabilityScreening200JSONResponse{Body: toScreening(e), Headers: api.VoidVulnerabilityScreening200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}
