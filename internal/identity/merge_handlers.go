package identity

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/beneficiary"
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
	m, t, err := merge(ctx, request{req.ID, req.Body.SurvivorID, req.Params.IfMatch, req.Body.SurvivorVersion, req.Body.Reason, names(req.Body.Take)})
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

// names of fields, as the spec lists them.
func names[S ~string](take []S) []string {
	return wire.Each(take, func(s *S) string { return string(*s) })
}

// ListMerges returns one page of what was merged into a person, directly or on the way.
func (Handlers) ListMerges(ctx context.Context, req api.ListMergesRequestObject) (api.ListMergesResponseObject, error) {
	p := req.Params
	page, err := listMerges(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), req.ID)
	if err == nil && len(page.Rows) == 0 {
		err = beneficiary.Here(ctx, req.ID)
	}
	if err != nil {
		return nil, err
	}
	policy, _, err := centre.ActivePolicy(ctx)
	data := wire.Each(page.Rows, func(m *Merge) api.Merge { return toMerge(m, undoUntil(m, policy)) })
	return api.ListMerges200JSONResponse{Data: data, NextCursor: wire.Next(page.Next), Total: page.Total}, err
}

// ListMergeRows returns one page of what a merge did to which row, as far as the caller sees the row.
func (Handlers) ListMergeRows(ctx context.Context, req api.ListMergeRowsRequestObject) (api.ListMergeRowsResponseObject, error) {
	p := req.Params
	m, page, err := listMergeRows(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "resource"), req.ID, req.MergeID, p.Resource)
	if err != nil {
		return nil, err
	}
	data := wire.Each(page.Rows, func(r *MergeRow) api.MergeRow { return toMergeRow(m, r) })
	return api.ListMergeRows200JSONResponse{Data: data, NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

func answer(ctx context.Context, m *Merge) (api.Merge, error) {
	policy, _, err := centre.ActivePolicy(ctx)
	return toMerge(m, undoUntil(m, policy)), err
}
