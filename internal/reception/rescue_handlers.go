package reception

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// ListRescueEvents returns one page of rescue events with their counts.
func (Handlers) ListRescueEvents(ctx context.Context, req api.ListRescueEventsRequestObject) (api.ListRescueEventsResponseObject, error) {
	p, f := req.Params, db.Conditions{}.And("status = ?", active)
	if p.Status != nil {
		f = db.Conditions{}.And("status = ?", *p.Status)
	}
	page, err := listConvoys(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-occurred_at"), db.When(f, "kind = ?", p.Kind))
	if err != nil {
		return nil, err
	}
	return api.ListRescueEvents200JSONResponse{Data: wire.Each(page.Rows, toRescueEvent), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateRescueEvent receives a convoy.
func (Handlers) CreateRescueEvent(ctx context.Context, req api.CreateRescueEventRequestObject) (api.CreateRescueEventResponseObject, error) {
	e, groups := fromRescueEventCreate(*req.Body)
	if err := receiveConvoy(ctx, e, wire.Value(req.Body.ExceptionReason), groups); err != nil {
		return nil, err
	}
	c, err := findConvoy(ctx, e.ID)
	if err != nil {
		return nil, err
	}
	return api.CreateRescueEvent201JSONResponse{Body: toRescueEvent(c), Headers: api.CreateRescueEvent201ResponseHeaders{ETag: wire.ETag(c.Version), Location: wire.Path(req.CentreID, "rescue-events", c.ID)}}, nil
}

// GetRescueEvent returns one rescue event with its counts.
func (Handlers) GetRescueEvent(ctx context.Context, req api.GetRescueEventRequestObject) (api.GetRescueEventResponseObject, error) {
	e, err := findConvoy(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetRescueEvent200JSONResponse{Body: toRescueEvent(e), Headers: api.GetRescueEvent200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// UpdateRescueEvent applies a merge patch to a rescue event.
func (Handlers) UpdateRescueEvent(ctx context.Context, req api.UpdateRescueEventRequestObject) (api.UpdateRescueEventResponseObject, error) {
	e, err := amend(ctx, req.ID, req.Params.IfMatch, func(e *RescueEvent) error {
		e.patch(*req.Body)
		return e.Validate(db.Now())
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateRescueEvent200JSONResponse{Body: toRescueEvent(e), Headers: api.UpdateRescueEvent200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// VoidRescueEvent voids a rescue event made in error.
func (Handlers) VoidRescueEvent(ctx context.Context, req api.VoidRescueEventRequestObject) (api.VoidRescueEventResponseObject, error) {
	e, err := voidConvoy(ctx, req.ID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.VoidRescueEvent200JSONResponse{Body: toRescueEvent(e), Headers: api.VoidRescueEvent200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// ListRescueEventPeople returns one page of the registered people of a rescue event.
func (Handlers) ListRescueEventPeople(ctx context.Context, req api.ListRescueEventPeopleRequestObject) (api.ListRescueEventPeopleResponseObject, error) {
	p := req.Params
	page, err := listLinks(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), req.ID)
	if err != nil {
		return nil, err
	}
	return api.ListRescueEventPeople200JSONResponse{Data: wire.Each(page.Rows, toLink), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// LinkRescueEventPerson links a registered person to a rescue event.
func (Handlers) LinkRescueEventPerson(ctx context.Context, req api.LinkRescueEventPersonRequestObject) (api.LinkRescueEventPersonResponseObject, error) {
	p := &RescueEventPerson{Record: db.NewRecord(req.Body.ID), BeneficiaryID: req.Body.BeneficiaryID}
	if err := link(ctx, req.ID, p); err != nil {
		return nil, err
	}
	return api.LinkRescueEventPerson201JSONResponse{Body: toLink(p), Headers: api.LinkRescueEventPerson201ResponseHeaders{
		ETag: wire.ETag(p.Version), Location: wire.Path(req.CentreID, "rescue-events", req.ID, "people", p.ID),
	}}, nil
}

// GetRescueEventPerson returns one link.
func (Handlers) GetRescueEventPerson(ctx context.Context, req api.GetRescueEventPersonRequestObject) (api.GetRescueEventPersonResponseObject, error) {
	p, err := findLink(ctx, req.ID, req.PersonID)
	if err != nil {
		return nil, err
	}
	return api.GetRescueEventPerson200JSONResponse{Body: toLink(p), Headers: api.GetRescueEventPerson200ResponseHeaders{ETag: wire.ETag(p.Version)}}, nil
}

// VoidRescueEventPerson voids a link made in error.
func (Handlers) VoidRescueEventPerson(ctx context.Context, req api.VoidRescueEventPersonRequestObject) (api.VoidRescueEventPersonResponseObject, error) {
	p, err := unlink(ctx, req.ID, req.PersonID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.VoidRescueEventPerson200JSONResponse{Body: toLink(p), Headers: api.VoidRescueEventPerson200ResponseHeaders{ETag: wire.ETag(p.Version)}}, nil
}
