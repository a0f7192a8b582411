package distribution

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// ListDistributionIssues returns one page of what was issued at a distribution.
func (Handlers) ListDistributionIssues(ctx context.Context, req api.ListDistributionIssuesRequestObject) (api.ListDistributionIssuesResponseObject, error) {
	if _, err := db.Get[Distribution](ctx, req.ID); err != nil {
		return nil, err
	}
	p := req.Params
	f := db.When(db.Conditions{}.And("distribution_id = ?", req.ID), "beneficiary_id = ?", p.BeneficiaryID)
	f = db.When(f, "overridden = ?", p.Overridden)
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-issued_at"), issueSorts, f.Apply)
	if err != nil {
		return nil, err
	}
	return api.ListDistributionIssues200JSONResponse{Data: wire.Each(page.Rows, toIssue), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// IssueDistribution issues to one recipient, or to people who are counted.
func (h Handlers) IssueDistribution(ctx context.Context, req api.IssueDistributionRequestObject) (api.IssueDistributionResponseObject, error) {
	r, err := fromIssueCreate(*req.Body)
	if err != nil {
		return nil, err
	}
	i, err := h.issueTo(ctx, req.ID, r)
	if err != nil {
		return nil, err
	}
	return api.IssueDistribution201JSONResponse{Body: toIssue(i), Headers: api.IssueDistribution201ResponseHeaders{ETag: wire.ETag(i.Version), Location: wire.Path(req.CentreID, "distributions", req.ID, "issues", i.ID)}}, nil
}

// GetDistributionIssue returns one issue.
func (Handlers) GetDistributionIssue(ctx context.Context, req api.GetDistributionIssueRequestObject) (api.GetDistributionIssueResponseObject, error) {
	i, err := findIssue(ctx, req.ID, req.IssueID)
	if err != nil {
		return nil, err
	}
	return api.GetDistributionIssue200JSONResponse{Body: toIssue(i), Headers: api.GetDistributionIssue200ResponseHeaders{ETag: wire.ETag(i.Version)}}, nil
}

// ReverseDistributionIssue takes an issue back.
func (Handlers) ReverseDistributionIssue(ctx context.Context, req api.ReverseDistributionIssueRequestObject) (api.ReverseDistributionIssueResponseObject, error) {
	i, err := takeBack(ctx, req.ID, req.IssueID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.ReverseDistributionIssue200JSONResponse{Body: toIssue(i), Headers: api.ReverseDistributionIssue200ResponseHeaders{ETag: wire.ETag(i.Version)}}, nil
}
