package casework

import (
	"context"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

var problemSorts = db.Sorts[Problem]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(p *Problem) any { return p.CreatedAt }},
}

// ListCaseProblems returns one page of what a case is about.
func (Handlers) ListCaseProblems(ctx context.Context, req api.ListCaseProblemsRequestObject) (api.ListCaseProblemsResponseObject, error) {
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), problemSorts, func(q *gorm.DB) *gorm.DB {
		return where(where(q, "status = ?", p.Status), "assessment_id = ?", p.AssessmentID)
	})
	if err != nil {
		return nil, err
	}
	return api.ListCaseProblems200JSONResponse{Data: wire.Each(page.Rows, toProblem), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateCaseProblem names a problem.
func (Handlers) CreateCaseProblem(ctx context.Context, req api.CreateCaseProblemRequestObject) (api.CreateCaseProblemResponseObject, error) {
	c, err := lockUnderWay(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	p := fromProblemCreate(*req.Body, c, caller(ctx))
	p.classify()
	if err := p.found(ctx); err != nil {
		return nil, err
	}
	if err := db.Insert(ctx, p); err != nil {
		return nil, err
	}
	return api.CreateCaseProblem201JSONResponse{Body: toProblem(p), Headers: api.CreateCaseProblem201ResponseHeaders{ETag: wire.ETag(p.Version), Location: c.path() + "/problems/" + p.ID.String()}}, nil
}

// GetCaseProblem returns one problem.
func (Handlers) GetCaseProblem(ctx context.Context, req api.GetCaseProblemRequestObject) (api.GetCaseProblemResponseObject, error) {
	p, err := read[Problem](ctx, req.ID, req.ProblemID)
	if err != nil {
		return nil, err
	}
	return api.GetCaseProblem200JSONResponse{Body: toProblem(p), Headers: api.GetCaseProblem200ResponseHeaders{ETag: wire.ETag(p.Version)}}, nil
}

// UpdateCaseProblem applies a merge patch to a problem that is active.
func (Handlers) UpdateCaseProblem(ctx context.Context, req api.UpdateCaseProblemRequestObject) (api.UpdateCaseProblemResponseObject, error) {
	p, err := change(ctx, place{req.ID, req.ProblemID, req.Params.IfMatch}, lockUnderWay, func(_ *Case, p *Problem, _ *Act) error {
		if err := p.can(active, "changed"); err != nil {
			return err
		}
		p.patch(*req.Body)
		p.classify()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateCaseProblem200JSONResponse{Body: toProblem(p), Headers: api.UpdateCaseProblem200ResponseHeaders{ETag: wire.ETag(p.Version)}}, nil
}

// ResolveCaseProblem ends a problem.
func (Handlers) ResolveCaseProblem(ctx context.Context, req api.ResolveCaseProblemRequestObject) (api.ResolveCaseProblemResponseObject, error) {
	p, err := change(ctx, place{req.ID, req.ProblemID, req.Params.IfMatch}, lockUnderWay, func(c *Case, p *Problem, a *Act) error {
		if err := today(ctx, c, a); err != nil {
			return err
		}
		on := a.Today
		if req.Body.ResolvedOn != nil {
			on = wire.Date(*req.Body.ResolvedOn)
		}
		return p.resolve(on, wire.Value(req.Body.Resolution), a)
	})
	if err != nil {
		return nil, err
	}
	return api.ResolveCaseProblem200JSONResponse{Body: toProblem(p), Headers: api.ResolveCaseProblem200ResponseHeaders{ETag: wire.ETag(p.Version)}}, nil
}

// ReopenCaseProblem takes a resolution back.
func (Handlers) ReopenCaseProblem(ctx context.Context, req api.ReopenCaseProblemRequestObject) (api.ReopenCaseProblemResponseObject, error) {
	p, err := change(ctx, place{req.ID, req.ProblemID, req.Params.IfMatch}, lockUnderWay, func(_ *Case, p *Problem, _ *Act) error { return p.reopen() })
	if err != nil {
		return nil, err
	}
	return api.ReopenCaseProblem200JSONResponse{Body: toProblem(p), Headers: api.ReopenCaseProblem200ResponseHeaders{ETag: wire.ETag(p.Version)}}, nil
}
