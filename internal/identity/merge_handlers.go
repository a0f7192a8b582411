package identity

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// PreviewMerge tells what a merge would do.
func (Handlers) PreviewMerge(ctx context.Context, req api.PreviewMergeRequestObject) (api.PreviewMergeResponseObject, error) {
	p, err := previewOf(ctx, req.ID, req.Body.SurvivorID)
	if err != nil {
		return nil, err
	}
	if err := db.Told(ctx, "beneficiaries", p.duplicate.ID, p.survivor.ID); err != nil {
		return nil, err
	}
	return api.PreviewMerge200JSONResponse(toPreview(p)), nil
}

// MergeBeneficiary ends a record in another of the same person.
func (Handlers) MergeBeneficiary(ctx context.Context, req api.MergeBeneficiaryRequestObject) (api.MergeBeneficiaryResponseObject, error) {
	m, t, err := merge(ctx, request{req.ID, req.Body.SurvivorID, req.Params.IfMatch, req.Body.SurvivorVersion, req.Body.Reason})
	if err != nil {
		return nil, err
	}
	out, err := answer(ctx, m)
	return api.MergeBeneficiary200JSONResponse{Body: out, Headers: api.MergeBeneficiary200ResponseHeaders{ETag: wire.ETag(t.duplicate.Version)}}, err
}

// UnmergeBeneficiary undoes a merge.
func (Handlers) UnmergeBeneficiary(ctx context.Context, req api.UnmergeBeneficiaryRequestObject) (api.UnmergeBeneficiaryResponseObject, error) {
	m, t, err := unmerge(ctx, req.ID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	out, err := answer(ctx, m)
	return api.UnmergeBeneficiary200JSONResponse{Body: out, Headers: api.UnmergeBeneficiary200ResponseHeaders{ETag: wire.ETag(t.duplicate.Version)}}, err
}

func answer(ctx context.Context, m *Merge) (api.Merge, error) {
	policy, _, err := centre.ActivePolicy(ctx)
	return toMerge(m, undoUntil(m, policy)), err
}
