package bundle

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this package.
type Handlers struct {
	Part Part
}

// CreateBundle creates what a device gathered, or nothing.
func (h Handlers) CreateBundle(ctx context.Context, req api.CreateBundleRequestObject) (api.CreateBundleResponseObject, error) {
	entries := make([]Entry, len(req.Body.Entries))
	for i, e := range req.Body.Entries {
		entries[i] = Entry{As: wire.Value(e.As), Path: e.Path, Body: e.Body}
	}
	made, err := Create(ctx, h.Part, req.CentreID, entries)
	if err != nil {
		return nil, err
	}
	out := api.Bundle{Entries: make([]api.BundleEntry, len(made))}
	for i, c := range made {
		out.Entries[i] = api.BundleEntry{As: wire.Opt(c.As), ID: c.ID, Version: c.Version, Location: c.Location, Resource: c.Resource}
	}
	return api.CreateBundle200JSONResponse(out), nil
}
