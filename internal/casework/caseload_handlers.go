package casework

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/wire"
)

// ListCaseloads returns one page of what each caseworker carries.
func (Handlers) ListCaseloads(ctx context.Context, req api.ListCaseloadsRequestObject) (api.ListCaseloadsResponseObject, error) {
	p := req.Params
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return nil, err
	}
	page, err := listCaseloads(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-load"), policy.Caseload, p.UserID)
	if err != nil {
		return nil, err
	}
	return api.ListCaseloads200JSONResponse{Data: wire.Each(page.Rows, func(l *Caseload) api.Caseload { return toCaseload(l, policy.Caseload) }),
		NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

func toCaseload(l *Caseload, p centre.CaseloadPolicy) api.Caseload {
	return api.Caseload{UserID: l.ID, Name: l.Name, Load: l.Load, Limit: p.Limit, Ratio: l.Load / float64(p.Limit), State: api.CaseloadState(l.State(p))}
}
