package agreement

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct{}

// ListAgreements returns one page of the agreements in the caller's reach.
func (Handlers) ListAgreements(ctx context.Context, req api.ListAgreementsRequestObject) (api.ListAgreementsResponseObject, error) {
	p := req.Params
	f := db.When(db.Conditions{}, "organisation_id = ?", p.OrganisationID)
	f = db.When(f, "party_id = ?", p.CentreID)
	f = db.When(f, "status = ?", p.Status)
	f = db.When(f, inForceSQL+" = ?", p.InForce)
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), sorts, f.Apply)
	if err != nil {
		return nil, err
	}
	return api.ListAgreements200JSONResponse{Data: wire.Each(page.Rows, toAgreement), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateAgreement drafts an agreement.
func (Handlers) CreateAgreement(ctx context.Context, req api.CreateAgreementRequestObject) (api.CreateAgreementResponseObject, error) {
	a := fromCreate(*req.Body)
	if err := a.concludes(ctx); err != nil {
		return nil, err
	}
	if err := a.judgeOrganisation(ctx); err != nil {
		return nil, err
	}
	if err := db.Insert(ctx, a); err != nil {
		return nil, err
	}
	return api.CreateAgreement201JSONResponse{Body: toAgreement(a), Headers: api.CreateAgreement201ResponseHeaders{
		ETag: wire.ETag(a.Version), Location: "/v1/agreements/" + a.ID.String(),
	}}, nil
}

// GetAgreement returns one agreement.
func (Handlers) GetAgreement(ctx context.Context, req api.GetAgreementRequestObject) (api.GetAgreementResponseObject, error) {
	a, err := db.Get[Agreement](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetAgreement200JSONResponse{Body: toAgreement(a), Headers: api.GetAgreement200ResponseHeaders{ETag: wire.ETag(a.Version)}}, nil
}

// UpdateAgreement applies a merge patch to a draft.
func (Handlers) UpdateAgreement(ctx context.Context, req api.UpdateAgreementRequestObject) (api.UpdateAgreementResponseObject, error) {
	a, err := change(ctx, req.ID, req.Params.IfMatch, func(a *Agreement) error {
		if err := a.drafted(); err != nil {
			return err
		}
		a.patch(*req.Body)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateAgreement200JSONResponse{Body: toAgreement(a), Headers: api.UpdateAgreement200ResponseHeaders{ETag: wire.ETag(a.Version)}}, nil
}

// ActivateAgreement puts an agreement into force.
func (Handlers) ActivateAgreement(ctx context.Context, req api.ActivateAgreementRequestObject) (api.ActivateAgreementResponseObject, error) {
	a, err := change(ctx, req.ID, req.Params.IfMatch, func(a *Agreement) error { return a.become(active, draft, suspended) })
	if err != nil {
		return nil, err
	}
	return api.ActivateAgreement200JSONResponse{Body: toAgreement(a), Headers: api.ActivateAgreement200ResponseHeaders{ETag: wire.ETag(a.Version)}}, nil
}

// SuspendAgreement takes an agreement out of force until it is activated again.
func (Handlers) SuspendAgreement(ctx context.Context, req api.SuspendAgreementRequestObject) (api.SuspendAgreementResponseObject, error) {
	a, err := change(ctx, req.ID, req.Params.IfMatch, func(a *Agreement) error { return a.become(suspended, active) })
	if err != nil {
		return nil, err
	}
	return api.SuspendAgreement200JSONResponse{Body: toAgreement(a), Headers: api.SuspendAgreement200ResponseHeaders{ETag: wire.ETag(a.Version)}}, nil
}

// EndAgreement takes an agreement out of force for good.
func (Handlers) EndAgreement(ctx context.Context, req api.EndAgreementRequestObject) (api.EndAgreementResponseObject, error) {
	a, err := change(ctx, req.ID, req.Params.IfMatch, func(a *Agreement) error { return a.become(ended, draft, active, suspended) })
	if err != nil {
		return nil, err
	}
	return api.EndAgreement200JSONResponse{Body: toAgreement(a), Headers: api.EndAgreement200ResponseHeaders{ETag: wire.ETag(a.Version)}}, nil
}
