package casework

import (
	"context"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

var bestInterestSorts = db.Sorts[BestInterest]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(x *BestInterest) any { return x.CreatedAt }},
}

// ListBestInterests returns one page of a case's best-interest procedures.
func (Handlers) ListBestInterests(ctx context.Context, req api.ListBestInterestsRequestObject) (api.ListBestInterestsResponseObject, error) {
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), bestInterestSorts, func(q *gorm.DB) *gorm.DB {
		return where(where(q, "status = ?", p.Status), "trigger = ?", p.Trigger)
	})
	if err != nil {
		return nil, err
	}
	return api.ListBestInterests200JSONResponse{Data: wire.Each(page.Rows, toBestInterest), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateBestInterest begins a procedure.
func (Handlers) CreateBestInterest(ctx context.Context, req api.CreateBestInterestRequestObject) (api.CreateBestInterestResponseObject, error) {
	c, err := lockUnderWay(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	a := &Act{At: db.Now(), By: caller(ctx)}
	if err := ofChild(ctx, c, a); err != nil {
		return nil, err
	}
	x := fromBestInterestCreate(*req.Body, c, a.By)
	if err := x.documented(ctx); err != nil {
		return nil, err
	}
	if err := db.Insert(ctx, x); err != nil {
		return nil, err
	}
	return api.CreateBestInterest201JSONResponse{Body: toBestInterest(x), Headers: api.CreateBestInterest201ResponseHeaders{ETag: wire.ETag(x.Version), Location: c.path() + "/best-interests/" + x.ID.String()}}, nil
}

// GetBestInterest returns one procedure.
func (Handlers) GetBestInterest(ctx context.Context, req api.GetBestInterestRequestObject) (api.GetBestInterestResponseObject, error) {
	x, err := read[BestInterest](ctx, req.ID, req.ProcedureID)
	if err != nil {
		return nil, err
	}
	return api.GetBestInterest200JSONResponse{Body: toBestInterest(x), Headers: api.GetBestInterest200ResponseHeaders{ETag: wire.ETag(x.Version)}}, nil
}

// UpdateBestInterest applies a merge patch to a draft.
func (Handlers) UpdateBestInterest(ctx context.Context, req api.UpdateBestInterestRequestObject) (api.UpdateBestInterestResponseObject, error) {
	x, err := change(ctx, place{req.ID, req.ProcedureID, req.Params.IfMatch}, lockUnderWay, func(_ *Case, x *BestInterest, _ *Act) error {
		if err := x.can("changed", draft); err != nil {
			return err
		}
		x.patch(*req.Body)
		return x.documented(ctx)
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateBestInterest200JSONResponse{Body: toBestInterest(x), Headers: api.UpdateBestInterest200ResponseHeaders{ETag: wire.ETag(x.Version)}}, nil
}

// DecideBestInterest records the decision and fixes the procedure.
func (Handlers) DecideBestInterest(ctx context.Context, req api.DecideBestInterestRequestObject) (api.DecideBestInterestResponseObject, error) {
	b := req.Body
	x, err := change(ctx, place{req.ID, req.ProcedureID, req.Params.IfMatch}, lockUnderWay, func(_ *Case, x *BestInterest, a *Act) error {
		return x.decide(b.Outcome, b.Decision, moment(b.DecidedAt, a.At), a)
	}, func(c *Case, x *BestInterest, _ *Act) error {
		if err := x.supersedes(ctx); err != nil {
			return err
		}
		return c.tell(ctx, "case.best_interest_decided", map[string]any{"procedure_id": x.ID, "kind": x.Kind})
	})
	if err != nil {
		return nil, err
	}
	return api.DecideBestInterest200JSONResponse{Body: toBestInterest(x), Headers: api.DecideBestInterest200ResponseHeaders{ETag: wire.ETag(x.Version)}}, nil
}

// ReviewBestInterest begins to look at a decision again.
func (Handlers) ReviewBestInterest(ctx context.Context, req api.ReviewBestInterestRequestObject) (api.ReviewBestInterestResponseObject, error) {
	c, err := lockUnderWay(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	x, err := inFile[BestInterest](ctx, c, req.ProcedureID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	next, err := x.review(caller(ctx))
	if err != nil {
		return nil, err
	}
	if err := db.Insert(ctx, next); err != nil {
		return nil, err
	}
	return api.ReviewBestInterest200JSONResponse{Body: toBestInterest(next), Headers: api.ReviewBestInterest200ResponseHeaders{ETag: wire.ETag(next.Version)}}, nil
}

// VoidBestInterest takes back what was entered in error.
func (Handlers) VoidBestInterest(ctx context.Context, req api.VoidBestInterestRequestObject) (api.VoidBestInterestResponseObject, error) {
	x, err := change(ctx, place{req.ID, req.ProcedureID, req.Params.IfMatch}, lockUnderWay, func(_ *Case, x *BestInterest, a *Act) error { return x.void(req.Body.Reason, a) })
	if err != nil {
		return nil, err
	}
	return api.VoidBestInterest200JSONResponse{Body: toBestInterest(x), Headers: api.VoidBestInterest200ResponseHeaders{ETag: wire.ETag(x.Version)}}, nil
}
