package privacy

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// ListLegalHolds returns one page of holds.
func (Handlers) ListLegalHolds(ctx context.Context, req api.ListLegalHoldsRequestObject) (api.ListLegalHoldsResponseObject, error) {
	p := req.Params
	page, err := listHolds(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), p.BeneficiaryID, p.CaseID, p.Ended)
	if err != nil {
		return nil, err
	}
	return api.ListLegalHolds200JSONResponse{Data: wire.Each(page.Rows, toHold), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// PlaceLegalHold keeps what is held of a person or a case.
func (Handlers) PlaceLegalHold(ctx context.Context, req api.PlaceLegalHoldRequestObject) (api.PlaceLegalHoldResponseObject, error) {
	b := req.Body
	h := LegalHold{Record: db.NewRecord(b.ID), BeneficiaryID: b.BeneficiaryID, CaseID: b.CaseID, Reason: b.Reason, UntilOn: wire.OptDate(b.UntilOn)}
	if err := placeHold(ctx, &h); err != nil {
		return nil, err
	}
	return api.PlaceLegalHold201JSONResponse{Body: toHold(&h), Headers: api.PlaceLegalHold201ResponseHeaders{
		ETag: wire.ETag(h.Version), Location: wire.Path(req.CentreID, "legal-holds", h.ID),
	}}, nil
}

// GetLegalHold returns one hold.
func (Handlers) GetLegalHold(ctx context.Context, req api.GetLegalHoldRequestObject) (api.GetLegalHoldResponseObject, error) {
	h, err := db.Get[LegalHold](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetLegalHold200JSONResponse{Body: toHold(h), Headers: api.GetLegalHold200ResponseHeaders{ETag: wire.ETag(h.Version)}}, nil
}

// EndLegalHold ends one.
func (Handlers) EndLegalHold(ctx context.Context, req api.EndLegalHoldRequestObject) (api.EndLegalHoldResponseObject, error) {
	h, err := endHold(ctx, req.ID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.EndLegalHold200JSONResponse{Body: toHold(h), Headers: api.EndLegalHold200ResponseHeaders{ETag: wire.ETag(h.Version)}}, nil
}

func toHold(h *LegalHold) api.LegalHold {
	return api.LegalHold{
		ID: h.ID, Version: h.Version, CreatedAt: h.CreatedAt, UpdatedAt: h.UpdatedAt, BeneficiaryID: h.BeneficiaryID, CaseID: h.CaseID, Reason: h.Reason,
		UntilOn: wire.ToOptDate(h.UntilOn), PlacedBy: h.PlacedBy, EndedAt: h.EndedAt, EndedBy: h.EndedBy, EndReason: wire.Opt(h.EndReason),
	}
}
