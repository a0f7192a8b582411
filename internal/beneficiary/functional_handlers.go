package beneficiary

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/wire"
)

// ListFunctionalAssessments returns one page of a person's functional assessments.
func (Handlers) ListFunctionalAssessments(ctx context.Context, req api.ListFunctionalAssessmentsRequestObject) (api.ListFunctionalAssessmentsResponseObject, error) {
	p := req.Params
	page, err := Entries(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-assessed_at"), functionalSorts, req.ID, wire.Value(p.Voided))
	if err != nil {
		return nil, err
	}
	return api.ListFunctionalAssessments200JSONResponse{Data: wire.Each(page.Rows, toFunctional), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// RecordFunctionalAssessment adds one.
func (Handlers) RecordFunctionalAssessment(ctx context.Context, req api.RecordFunctionalAssessmentRequestObject) (api.RecordFunctionalAssessmentResponseObject, error) {
	e := fromFunctionalCreate(*req.Body)
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return nil, err
	}
	e.measure(policy.People)
	if err := Record(ctx, req.ID, &e); err != nil {
		return nil, err
	}
	return api.RecordFunctionalAssessment201JSONResponse{Body: toFunctional(&e), Headers: api.RecordFunctionalAssessment201ResponseHeaders{
		ETag: wire.ETag(e.Version), Location: wire.Path(req.CentreID, "beneficiaries", req.ID, "functional-difficulties", e.ID),
	}}, nil
}

// GetFunctionalAssessment returns one.
func (Handlers) GetFunctionalAssessment(ctx context.Context, req api.GetFunctionalAssessmentRequestObject) (api.GetFunctionalAssessmentResponseObject, error) {
	e, err := EntryOf[FunctionalAssessment](ctx, req.ID, req.AssessmentID)
	if err != nil {
		return nil, err
	}
	return api.GetFunctionalAssessment200JSONResponse{Body: toFunctional(e), Headers: api.GetFunctionalAssessment200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// VoidFunctionalAssessment hides one that was recorded in error.
func (Handlers) VoidFunctionalAssessment(ctx context.Context, req api.VoidFunctionalAssessmentRequestObject) (api.VoidFunctionalAssessmentResponseObject, error) {
	e, err := VoidEntry[FunctionalAssessment](ctx, req.ID, req.AssessmentID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.VoidFunctionalAssessment200JSONResponse{Body: toFunctional(e), Headers: api.VoidFunctionalAssessment200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}
