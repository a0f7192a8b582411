package casework

import (
	"context"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

var evaluationSorts = db.Sorts[Evaluation]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(e *Evaluation) any { return e.CreatedAt }},
}

// ListCaseEvaluations returns one page of how a case's goals were judged.
func (Handlers) ListCaseEvaluations(ctx context.Context, req api.ListCaseEvaluationsRequestObject) (api.ListCaseEvaluationsResponseObject, error) {
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), evaluationSorts, func(q *gorm.DB) *gorm.DB {
		return where(where(q, "plan_id = ?", p.PlanID), "goal_id = ?", p.GoalID)
	})
	if err != nil {
		return nil, err
	}
	return api.ListCaseEvaluations200JSONResponse{Data: wire.Each(page.Rows, toEvaluation), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateCaseEvaluation judges how far a goal is reached.
func (Handlers) CreateCaseEvaluation(ctx context.Context, req api.CreateCaseEvaluationRequestObject) (api.CreateCaseEvaluationResponseObject, error) {
	c, err := lockUnderWay(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	a := &Act{At: db.Now(), By: caller(ctx)}
	if err := today(ctx, c, a); err != nil {
		return nil, err
	}
	e := fromEvaluationCreate(*req.Body, c, a.Today, a.By)
	if err := e.check(a.Today); err != nil {
		return nil, err
	}
	if err := judge(ctx, c, e); err != nil {
		return nil, err
	}
	return api.CreateCaseEvaluation201JSONResponse{Body: toEvaluation(e), Headers: api.CreateCaseEvaluation201ResponseHeaders{ETag: wire.ETag(e.Version), Location: c.path() + "/evaluations/" + e.ID.String()}}, nil
}

// GetCaseEvaluation returns one evaluation.
func (Handlers) GetCaseEvaluation(ctx context.Context, req api.GetCaseEvaluationRequestObject) (api.GetCaseEvaluationResponseObject, error) {
	e, err := read[Evaluation](ctx, req.ID, req.EvaluationID)
	if err != nil {
		return nil, err
	}
	return api.GetCaseEvaluation200JSONResponse{Body: toEvaluation(e), Headers: api.GetCaseEvaluation200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}
