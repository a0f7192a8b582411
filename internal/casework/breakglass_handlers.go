package casework

import (
	"context"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/task"
	"github.com/waystation/waystation/internal/wire"
)

// BreakGlass opens a restricted file to the caller for some hours.
func (Handlers) BreakGlass(ctx context.Context, req api.BreakGlassRequestObject) (api.BreakGlassResponseObject, error) {
	g := &Grant{Record: db.NewRecord(req.Body.ID), Reason: req.Body.Reason}
	if err := breakGlass(ctx, req.ID, g); err != nil {
		return nil, err
	}
	return api.BreakGlass201JSONResponse{Body: toGrant(g), Headers: api.BreakGlass201ResponseHeaders{ETag: wire.ETag(g.Version),
		Location: "/v1/centres/" + req.CentreID.String() + "/break-glass-reviews/" + g.ID.String()}}, nil
}

var grantSorts = db.Sorts[Grant]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(g *Grant) any { return g.CreatedAt }},
}

// ListBreakGlassReviews returns one page of the glass that was broken.
func (Handlers) ListBreakGlassReviews(ctx context.Context, req api.ListBreakGlassReviewsRequestObject) (api.ListBreakGlassReviewsResponseObject, error) {
	p := req.Params
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), grantSorts, func(q *gorm.DB) *gorm.DB {
		q = where(q, "(reviewed_at is not null) = ?", p.Reviewed)
		return where(q, "(reviewed_at is null and review_due_at < now()) = ?", p.Overdue)
	})
	if err != nil {
		return nil, err
	}
	return api.ListBreakGlassReviews200JSONResponse{Data: wire.Each(page.Rows, toGrant), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// GetBreakGlassReview returns one broken glass.
func (Handlers) GetBreakGlassReview(ctx context.Context, req api.GetBreakGlassReviewRequestObject) (api.GetBreakGlassReviewResponseObject, error) {
	g, err := db.Get[Grant](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetBreakGlassReview200JSONResponse{Body: toGrant(g), Headers: api.GetBreakGlassReview200ResponseHeaders{ETag: wire.ETag(g.Version)}}, nil
}

// CompleteBreakGlassReview judges a broken glass.
func (Handlers) CompleteBreakGlassReview(ctx context.Context, req api.CompleteBreakGlassReviewRequestObject) (api.CompleteBreakGlassReviewResponseObject, error) {
	g, err := db.Lock[Grant](ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := g.review(string(req.Body.Outcome), wire.Value(req.Body.Comment), caller(ctx), db.Now()); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, g); err != nil {
		return nil, err
	}
	if err := task.Settle(ctx, task.ReviewGlass, g.ID, g.ReviewedBy); err != nil {
		return nil, err
	}
	return api.CompleteBreakGlassReview200JSONResponse{Body: toGrant(g), Headers: api.CompleteBreakGlassReview200ResponseHeaders{ETag: wire.ETag(g.Version)}}, nil
}

func toGrant(g *Grant) api.BreakGlassReview {
	return api.BreakGlassReview{
		ID: g.ID, Version: g.Version, CreatedAt: g.CreatedAt, UpdatedAt: g.UpdatedAt, CaseID: g.CaseID, OpenedBy: g.OpenedBy, Reason: g.Reason,
		UntilAt: g.UntilAt, ReviewDueAt: g.ReviewDueAt, Outcome: wire.Opt(api.BreakGlassReviewOutcome(g.Outcome)), Comment: wire.Opt(g.Comment),
		ReviewedBy: g.ReviewedBy, ReviewedAt: g.ReviewedAt,
	}
}
