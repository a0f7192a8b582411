package worklist

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct {
	Permissions *auth.Permissions
}

// ListWorklist returns one page of what waits in a centre.
func (h Handlers) ListWorklist(ctx context.Context, req api.ListWorklistRequestObject) (api.ListWorklistResponseObject, error) {
	p := req.Params
	page, err := h.page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "due_at"), filterOf(p.Kind, p.Whose, p.State, p.RiskLevel))
	return api.ListWorklist200JSONResponse(page), err
}

// ListNetworkWorklist returns one page of what waits in all centres of the caller.
func (h Handlers) ListNetworkWorklist(ctx context.Context, req api.ListNetworkWorklistRequestObject) (api.ListNetworkWorklistResponseObject, error) {
	p := req.Params
	page, err := h.page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "due_at"), filterOf(p.Kind, p.Whose, p.State, p.RiskLevel))
	return api.ListNetworkWorklist200JSONResponse(page), err
}

// filter is what a caller narrows the list by.
type filter struct {
	kinds []string
	whose string
	also  db.Conditions
}

func filterOf[K, W, S ~string](kinds []K, whose *W, state *S, risk *string) filter {
	f := filter{whose: string(wire.Value(whose))}
	for _, k := range kinds {
		f.kinds = append(f.kinds, string(k))
	}
	f.also = db.When(db.When(nil, "state = ?", state), "risk_level = ?", risk)
	return f
}

func (h Handlers) page(ctx context.Context, l db.Listing, f filter) (api.WorklistPage, error) {
	page, err := list(ctx, l, sights(ctx, h.Permissions, f.kinds), f.whose, f.also)
	if err != nil {
		return api.WorklistPage{}, err
	}
	return api.WorklistPage{Data: wire.Each(page.Rows, toEntry), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

func toEntry(e *Entry) api.WorklistEntry {
	return api.WorklistEntry{
		ID: e.ID, CentreID: e.CentreID.UUID(), Kind: api.WorklistEntryKind(e.Kind), State: api.WorklistEntryState(e.State), DueAt: e.DueAt.UTC(),
		Resource: e.Resource, ResourceID: e.ID, Code: wire.Opt(e.Code), CaseID: e.CaseID, CaseNumber: wire.Opt(e.CaseNumber), BeneficiaryID: e.BeneficiaryID,
		RiskLevel: wire.Opt(e.RiskLevel), UserID: e.UserID, Roles: wire.List([]string(e.Roles)),
	}
}
