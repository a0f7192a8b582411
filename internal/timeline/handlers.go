package timeline

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct {
	Permissions *auth.Permissions
}

// ListTimeline returns one page of what happened with a person, as far as the caller may know.
func (h Handlers) ListTimeline(ctx context.Context, req api.ListTimelineRequestObject) (api.ListTimelineResponseObject, error) {
	p := req.Params
	if err := known(p.Resource); err != nil {
		return nil, err
	}
	resources := readable(h.Permissions, auth.From(ctx), req.CentreID, p.Resource)
	page, err := list(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-at"), req.ID, resources, p.CaseID)
	if err == nil && len(page.Rows) == 0 {
		err = beneficiary.Here(ctx, req.ID)
	}
	if err != nil {
		return nil, err
	}
	out := api.TimelinePage{Data: make([]api.TimelineEntry, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toEntry(&page.Rows[i])
	}
	return api.ListTimeline200JSONResponse(out), nil
}

// known refuses a filter by something that no timeline has.
func known(resources []string) error {
	bad := fault.New(fault.Malformed, "invalid_parameter", "A parameter of the request is not understood; see errors.")
	for _, r := range resources {
		if scopes[r] == "" {
			return bad.Add("resource", "unknown_value", "There is no such resource on a timeline.")
		}
	}
	return nil
}

func toEntry(e *Entry) api.TimelineEntry {
	return api.TimelineEntry{
		ID: e.ID, At: e.At.UTC(), Resource: e.Resource, ResourceID: e.ResourceID, Moment: e.Moment, CaseID: e.CaseID,
		Codes: e.Codes.V, Voided: e.Voided,
	}
}
