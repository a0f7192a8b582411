package distribution

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

func fromReplay(b *api.DistributionIssueReplay) api.DistributionIssueCreate {
	return api.DistributionIssueCreate{
		ID: &b.ID, BeneficiaryID: b.BeneficiaryID, Token: b.Token, Headcounts: b.Headcounts, Items: b.Items, Proof: b.Proof, Proxy: b.Proxy, IssuedAt: &b.IssuedAt, OverrideReason: b.OverrideReason,
	}
}

func toOutcome(o *outcome) api.DistributionOutcome {
	out := api.DistributionOutcome{ID: o.id, Outcome: "issued"}
	switch {
	case o.refused != nil:
		out.Outcome, out.Code, out.Detail = "refused", &o.refused.Code, &o.refused.Public
		out.Errors = wire.Each(o.refused.Fields, func(f *fault.Field) api.FieldError {
			return api.FieldError{Pointer: f.Pointer, Code: f.Code, Detail: f.Detail}
		})
		return out
	case o.known:
		out.Outcome = "known"
	}
	issue := toIssue(o.issue)
	out.Issue = &issue
	return out
}

// ReplayDistributionIssues replays what a counter issued without a connection.
func (h Handlers) ReplayDistributionIssues(ctx context.Context, req api.ReplayDistributionIssuesRequestObject) (api.ReplayDistributionIssuesResponseObject, error) {
	requests := make([]request, len(req.Body.Issues))
	for i := range req.Body.Issues {
		var err error
		if requests[i], err = fromIssueCreate(fromReplay(&req.Body.Issues[i])); err != nil {
			return nil, err
		}
	}
	out, err := h.replay(ctx, req.ID, requests)
	if err != nil {
		return nil, err
	}
	return api.ReplayDistributionIssues200JSONResponse{Outcomes: wire.Each(out, toOutcome)}, nil
}
