package events

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct {
	Hub         *Hub
	Permissions *auth.Permissions
	Kept        time.Duration // how long changes are kept
}

// ListChanges returns the next changes of a centre that the caller may see.
func (h Handlers) ListChanges(ctx context.Context, req api.ListChangesRequestObject) (api.ListChangesResponseObject, error) {
	p := req.Params
	s := selection{[]uuid.UUID{req.CentreID}, readable(h.Permissions, auth.From(ctx), req.CentreID, p.Resource), p.Types}
	page, err := h.list(ctx, s, p)
	return api.ListChanges200JSONResponse(page), err
}

// ListNetworkChanges returns the next changes of all centres in reach and of the network's directory.
func (h Handlers) ListNetworkChanges(ctx context.Context, req api.ListNetworkChangesRequestObject) (api.ListNetworkChangesResponseObject, error) {
	p := api.ListChangesParams{Limit: req.Params.Limit, Cursor: req.Params.Cursor, Resource: req.Params.Resource, Types: req.Params.Types}
	if req.Params.Since != nil {
		p.Since = wire.Ptr(api.ListChangesParamsSince(*req.Params.Since))
	}
	caller := auth.From(ctx)
	overall := &auth.Principal{Kind: caller.Kind, ID: caller.ID, NetworkRoles: caller.NetworkRoles} // roles in one centre say nothing of others
	s := selection{append([]uuid.UUID{uuid.Nil}, db.Current(ctx).Scope().Centres...), readable(h.Permissions, overall, uuid.Nil, p.Resource), p.Types}
	page, err := h.list(ctx, s, p)
	return api.ListNetworkChanges200JSONResponse(page), err
}

func (h Handlers) list(ctx context.Context, s selection, p api.ListChangesParams) (api.ChangePage, error) {
	var page Page
	var err error
	switch {
	case p.Since != nil && p.Cursor != nil:
		err = fault.New(fault.Malformed, "cursor_and_since", "since=now gives a first cursor; with a cursor it makes no sense.").
			Add("since", "cursor_and_since", "Leave one of cursor and since out.")
	case p.Since != nil:
		page.Next, err = Now(ctx)
	default:
		page, err = s.page(ctx, wire.Value(p.Cursor), h.Kept, wire.Value(p.Limit))
	}
	out := api.ChangePage{Data: make([]api.Change, len(page.Changes)), NextCursor: page.Next, HasMore: page.More}
	for i := range page.Changes {
		out.Data[i] = toAPI(&page.Changes[i])
	}
	return out, err
}

// StreamEvents follows a centre's changes as they happen.
func (h Handlers) StreamEvents(ctx context.Context, req api.StreamEventsRequestObject) (api.StreamEventsResponseObject, error) {
	p, caller := req.Params, auth.From(ctx)
	cursor := wire.Value(p.LastEventID)
	if cursor == "" {
		cursor = wire.Value(p.Cursor)
	}
	var from position
	session := db.Current(ctx)
	err := session.DB().InTx(ctx, session.Scope(), func(ctx context.Context) error {
		end, err := horizon(ctx)
		if from = end; err == nil && cursor != "" {
			from, err = parse(cursor, h.Kept, end)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	leave, err := h.Hub.admit(caller.ID)
	if err != nil {
		return nil, err
	}
	sees := selection{[]uuid.UUID{req.CentreID}, readable(h.Permissions, caller, req.CentreID, p.Resource), p.Types}
	return stream{ctx, h.Hub, sees, from, leave}, nil
}

func toAPI(c *Change) api.Change {
	return api.Change{
		ID: strconv.FormatInt(c.ID, 10), Type: c.Type, Resource: c.Resource, ResourceID: c.SubjectID, CentreID: wire.Opt(c.CentreID),
		Version: c.Version, At: c.At.UTC(), Gone: c.Gone(), Data: c.Data,
	}
}
