package beneficiary

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/wire"
)

// ListBeneficiaryNames returns one page of a person's further names.
func (Handlers) ListBeneficiaryNames(ctx context.Context, req api.ListBeneficiaryNamesRequestObject) (api.ListBeneficiaryNamesResponseObject, error) {
	p := req.Params
	page, err := Entries(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), nameSorts, req.ID, wire.Value(p.Voided))
	if err != nil {
		return nil, err
	}
	return api.ListBeneficiaryNames200JSONResponse{Data: wire.Each(page.Rows, toName), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// RecordBeneficiaryName adds one.
func (Handlers) RecordBeneficiaryName(ctx context.Context, req api.RecordBeneficiaryNameRequestObject) (api.RecordBeneficiaryNameResponseObject, error) {
	e := fromNameCreate(*req.Body)
	if err := Record(ctx, req.ID, &e); err != nil {
		return nil, err
	}
	return api.RecordBeneficiaryName201JSONResponse{Body: toName(&e), Headers: api.RecordBeneficiaryName201ResponseHeaders{
		ETag: wire.ETag(e.Version), Location: wire.Path(req.CentreID, "beneficiaries", req.ID, "names", e.ID),
	}}, nil
}

// GetBeneficiaryName returns one.
func (Handlers) GetBeneficiaryName(ctx context.Context, req api.GetBeneficiaryNameRequestObject) (api.GetBeneficiaryNameResponseObject, error) {
	e, err := EntryOf[Name](ctx, req.ID, req.NameID)
	if err != nil {
		return nil, err
	}
	return api.GetBeneficiaryName200JSONResponse{Body: toName(e), Headers: api.GetBeneficiaryName200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// UpdateBeneficiaryName applies a merge patch.
func (Handlers) UpdateBeneficiaryName(ctx context.Context, req api.UpdateBeneficiaryNameRequestObject) (api.UpdateBeneficiaryNameResponseObject, error) {
	e, err := Change(ctx, req.ID, req.NameID, req.Params.IfMatch, func(e *Name) error {
		e.patch(*req.Body)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateBeneficiaryName200JSONResponse{Body: toName(e), Headers: api.UpdateBeneficiaryName200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// VoidBeneficiaryName hides one that was recorded in error.
func (Handlers) VoidBeneficiaryName(ctx context.Context, req api.VoidBeneficiaryNameRequestObject) (api.VoidBeneficiaryNameResponseObject, error) {
	e, err := VoidEntry[Name](ctx, req.ID, req.NameID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.VoidBeneficiaryName200JSONResponse{Body: toName(e), Headers: api.VoidBeneficiaryName200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}
