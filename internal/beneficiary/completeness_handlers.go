package beneficiary

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/wire"
)

// GetCompleteness tells what a registration still lacks.
func (Handlers) GetCompleteness(ctx context.Context, req api.GetCompletenessRequestObject) (api.GetCompletenessResponseObject, error) {
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return nil, err
	}
	c, err := CompletenessOf(ctx, req.ID, Terms{Policy: policy.Registration})
	if err != nil {
		return nil, err
	}
	return api.GetCompleteness200JSONResponse(toCompleteness(c)), nil
}

// ListNeedsToReview returns one page of needs that somebody has to look at again.
func (Handlers) ListNeedsToReview(ctx context.Context, req api.ListNeedsToReviewRequestObject) (api.ListNeedsToReviewResponseObject, error) {
	p := req.Params
	page, err := listReviews(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "review_on"), wire.OptDate(p.ReviewTo), (*string)(p.CodeSystem))
	if err != nil {
		return nil, err
	}
	return api.ListNeedsToReview200JSONResponse{Data: wire.Each(page.Rows, toNeed), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}
