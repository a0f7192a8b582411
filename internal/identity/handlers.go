package identity

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct{}

// ListDuplicates returns one page of the queue.
func (Handlers) ListDuplicates(ctx context.Context, req api.ListDuplicatesRequestObject) (api.ListDuplicatesResponseObject, error) {
	p := req.Params
	page, err := listDuplicates(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-score"), filter{
		status: (*string)(p.Status), level: (*string)(p.Level), scoreFrom: p.ScoreFrom, beneficiaryID: p.BeneficiaryID,
	})
	if err != nil {
		return nil, err
	}
	out := api.DuplicatePage{Data: make([]api.Duplicate, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toDuplicate(&page.Rows[i])
	}
	return api.ListDuplicates200JSONResponse(out), nil
}

// CheckDuplicates answers who of those registered may be somebody.
func (Handlers) CheckDuplicates(ctx context.Context, req api.CheckDuplicatesRequestObject) (api.CheckDuplicatesResponseObject, error) {
	found, err := candidates(ctx, fromCheck(*req.Body), req.Body.Age, req.Body.HouseholdID)
	if err != nil {
		return nil, err
	}
	out := api.DuplicateCandidates{Data: make([]api.DuplicateCandidate, len(found))}
	for i := range found {
		out.Data[i] = toCandidate(&found[i])
	}
	return api.CheckDuplicates200JSONResponse(out), nil
}

// GetDuplicate returns one pair.
func (Handlers) GetDuplicate(ctx context.Context, req api.GetDuplicateRequestObject) (api.GetDuplicateResponseObject, error) {
	d, err := db.Get[beneficiary.Duplicate](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetDuplicate200JSONResponse{Body: toDuplicate(d), Headers: api.GetDuplicate200ResponseHeaders{ETag: wire.ETag(d.Version)}}, nil
}

// DecideDuplicate records a decision on a pair.
func (Handlers) DecideDuplicate(ctx context.Context, req api.DecideDuplicateRequestObject) (api.DecideDuplicateResponseObject, error) {
	b := req.Body
	if b.Decision == api.DuplicateDecisionCreateDecisionMerge {
		return decidedMerge(ctx, req)
	}
	d, err := decide(ctx, req.ID, req.Params.IfMatch, decision{verdict: string(b.Decision), reason: b.Reason, reviewOn: wire.OptDate(b.ReviewOn)})
	if err != nil {
		return nil, err
	}
	return api.DecideDuplicate200JSONResponse{Body: toDuplicate(d), Headers: api.DecideDuplicate200ResponseHeaders{ETag: wire.ETag(d.Version)}}, nil
}

func decidedMerge(ctx context.Context, req api.DecideDuplicateRequestObject) (api.DecideDuplicateResponseObject, error) {
	b := req.Body
	d, err := decideMerge(ctx, req.ID, req.Params.IfMatch, request{survivorID: wire.Value(b.SurvivorID), survivorVersion: wire.Value(b.SurvivorVersion), reason: b.Reason, take: names(b.Take)}, wire.Value(b.DuplicateVersion))
	if err != nil {
		return nil, err
	}
	return api.DecideDuplicate200JSONResponse{Body: toDuplicate(d), Headers: api.DecideDuplicate200ResponseHeaders{ETag: wire.ETag(d.Version)}}, nil
}

// ListDuplicateDecisions returns one page of what was decided on a pair.
func (Handlers) ListDuplicateDecisions(ctx context.Context, req api.ListDuplicateDecisionsRequestObject) (api.ListDuplicateDecisionsResponseObject, error) {
	p := req.Params
	page, err := listDecisions(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), req.ID)
	if err != nil {
		return nil, err
	}
	out := api.DuplicateDecisionPage{Data: make([]api.DuplicateDecision, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toDecision(&page.Rows[i])
	}
	return api.ListDuplicateDecisions200JSONResponse(out), nil
}
