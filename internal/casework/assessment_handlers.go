package casework

import (
	"context"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/form"
	"github.com/waystation/waystation/internal/wire"
)

var assessmentSorts = db.Sorts[Assessment]{
	"started_at": {SQL: "started_at", Cast: "timestamptz", Value: func(x *Assessment) any { return x.StartedAt }},
}

// ListCaseAssessments returns one page of a case's assessments.
func (Handlers) ListCaseAssessments(ctx context.Context, req api.ListCaseAssessmentsRequestObject) (api.ListCaseAssessmentsResponseObject, error) {
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-started_at"), assessmentSorts, func(q *gorm.DB) *gorm.DB {
		if p.Status == nil {
			q = q.Where("status <> ?", void)
		}
		return where(where(q, "kind = ?", p.Kind), "status = ?", p.Status)
	})
	if err != nil {
		return nil, err
	}
	return api.ListCaseAssessments200JSONResponse{Data: wire.Each(page.Rows, toAssessment), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// StartCaseAssessment begins an assessment on a form.
func (Handlers) StartCaseAssessment(ctx context.Context, req api.StartCaseAssessmentRequestObject) (api.StartCaseAssessmentResponseObject, error) {
	c, err := lockUnderWay(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	x := fromAssessmentCreate(*req.Body, c)
	x.AssessorID = *caller(ctx)
	if err := happened("/started_at", x.StartedAt, db.Now()); err != nil {
		return nil, err
	}
	if err := startAssessment(ctx, x); err != nil {
		return nil, err
	}
	return api.StartCaseAssessment201JSONResponse{Body: toAssessment(x), Headers: api.StartCaseAssessment201ResponseHeaders{ETag: wire.ETag(x.Version), Location: c.path() + "/assessments/" + x.ID.String()}}, nil
}

// GetCaseAssessment returns one assessment.
func (Handlers) GetCaseAssessment(ctx context.Context, req api.GetCaseAssessmentRequestObject) (api.GetCaseAssessmentResponseObject, error) {
	x, err := read[Assessment](ctx, req.ID, req.AssessmentID)
	if err != nil {
		return nil, err
	}
	return api.GetCaseAssessment200JSONResponse{Body: toAssessment(x), Headers: api.GetCaseAssessment200ResponseHeaders{ETag: wire.ETag(x.Version)}}, nil
}

// UpdateCaseAssessment saves a draft: what is answered must be right, what is missing may wait.
func (Handlers) UpdateCaseAssessment(ctx context.Context, req api.UpdateCaseAssessmentRequestObject) (api.UpdateCaseAssessmentResponseObject, error) {
	x, err := changeAssessment(ctx, place{req.ID, req.AssessmentID, req.Params.IfMatch}, func(_ *Case, x *Assessment, f *form.Form, a *Act) error {
		if err := x.can(draft, "changed"); err != nil {
			return err
		}
		x.patch(*req.Body)
		x.SuggestedRisk = suggest(x.Answers.V, a)
		return f.Check(x.Answers.V, true)
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateCaseAssessment200JSONResponse{Body: toAssessment(x), Headers: api.UpdateCaseAssessment200ResponseHeaders{ETag: wire.ETag(x.Version)}}, nil
}

// CompleteCaseAssessment fixes a draft for good.
func (Handlers) CompleteCaseAssessment(ctx context.Context, req api.CompleteCaseAssessmentRequestObject) (api.CompleteCaseAssessmentResponseObject, error) {
	x, err := changeAssessment(ctx, place{req.ID, req.AssessmentID, req.Params.IfMatch}, func(c *Case, x *Assessment, f *form.Form, a *Act) error {
		x.Summary, x.Outcome, x.RiskLevel = req.Body.Summary, wire.Value(req.Body.Outcome), wire.Value(req.Body.RiskLevel)
		return x.complete(c, f, a)
	}, func(c *Case, x *Assessment, a *Act) error { return assessed(ctx, c, x, a) })
	if err != nil {
		return nil, err
	}
	return api.CompleteCaseAssessment200JSONResponse{Body: toAssessment(x), Headers: api.CompleteCaseAssessment200ResponseHeaders{ETag: wire.ETag(x.Version)}}, nil
}

// AmendCaseAssessment begins the next version of a completed assessment.
func (Handlers) AmendCaseAssessment(ctx context.Context, req api.AmendCaseAssessmentRequestObject) (api.AmendCaseAssessmentResponseObject, error) {
	c, err := lockUnderWay(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	x, err := inFile[Assessment](ctx, c, req.AssessmentID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	next, err := x.amend(req.Body.Reason, *caller(ctx))
	if err != nil {
		return nil, err
	}
	if err := db.Insert(ctx, next); err != nil {
		return nil, err
	}
	return api.AmendCaseAssessment200JSONResponse{Body: toAssessment(next), Headers: api.AmendCaseAssessment200ResponseHeaders{ETag: wire.ETag(next.Version)}}, nil
}

// VoidCaseAssessment takes a draft back that was begun in error.
func (Handlers) VoidCaseAssessment(ctx context.Context, req api.VoidCaseAssessmentRequestObject) (api.VoidCaseAssessmentResponseObject, error) {
	x, err := change(ctx, place{req.ID, req.AssessmentID, req.Params.IfMatch}, lockUnderWay, func(_ *Case, x *Assessment, a *Act) error {
		if err := x.mayVoidAlone(a); err != nil {
			return err
		}
		x.void(req.Body.Reason, a)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return api.VoidCaseAssessment200JSONResponse{Body: toAssessment(x), Headers: api.VoidCaseAssessment200ResponseHeaders{ETag: wire.ETag(x.Version)}}, nil
}
