package reception

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/headcount"
	"github.com/waystation/waystation/internal/wire"
)

// ListServiceContacts returns one page of service contacts.
func (Handlers) ListServiceContacts(ctx context.Context, req api.ListServiceContactsRequestObject) (api.ListServiceContactsResponseObject, error) {
	p, f := req.Params, db.Conditions{}.And("status = ?", active)
	if p.Status != nil {
		f = db.Conditions{}.And("status = ?", *p.Status)
	}
	f = db.When(f, "service_type = ?", p.ServiceType)
	f = db.When(f, "occurred_on >= ?", wire.OptDate(p.OccurredFrom))
	f = db.When(f, "occurred_on <= ?", wire.OptDate(p.OccurredTo))
	page, err := listContacts(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-occurred_at"), f)
	if err != nil {
		return nil, err
	}
	tallies, err := talliesOf(ctx, ofContact, wire.Each(page.Rows, func(c *ServiceContact) uuid.UUID { return c.ID })...)
	if err != nil {
		return nil, err
	}
	data := wire.Each(page.Rows, func(c *ServiceContact) api.ServiceContact { return toContact(&contact{c, tallies[c.ID]}) })
	return api.ListServiceContacts200JSONResponse{Data: data, NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateServiceContact records something given to people without a name.
func (Handlers) CreateServiceContact(ctx context.Context, req api.CreateServiceContactRequestObject) (api.CreateServiceContactResponseObject, error) {
	c := fromContactCreate(*req.Body)
	if err := c.record(ctx); err != nil {
		return nil, err
	}
	return api.CreateServiceContact201JSONResponse{Body: toContact(c), Headers: api.CreateServiceContact201ResponseHeaders{ETag: wire.ETag(c.Version), Location: wire.Path(req.CentreID, "service-contacts", c.ID)}}, nil
}

// GetServiceContact returns one service contact.
func (Handlers) GetServiceContact(ctx context.Context, req api.GetServiceContactRequestObject) (api.GetServiceContactResponseObject, error) {
	row, err := db.Get[ServiceContact](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	c, err := wholeContact(ctx, row)
	if err != nil {
		return nil, err
	}
	return api.GetServiceContact200JSONResponse{Body: toContact(c), Headers: api.GetServiceContact200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// UpdateServiceContact applies a merge patch to a service contact.
func (Handlers) UpdateServiceContact(ctx context.Context, req api.UpdateServiceContactRequestObject) (api.UpdateServiceContactResponseObject, error) {
	c, err := changeContact(ctx, req.ID, req.Params.IfMatch, func(c *contact) error {
		return c.correct(ctx, func() { c.patch(*req.Body) }, headcount.From(req.Body.Headcounts))
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateServiceContact200JSONResponse{Body: toContact(c), Headers: api.UpdateServiceContact200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// VoidServiceContact voids a service contact made in error.
func (Handlers) VoidServiceContact(ctx context.Context, req api.VoidServiceContactRequestObject) (api.VoidServiceContactResponseObject, error) {
	c, err := changeContact(ctx, req.ID, req.Params.IfMatch, func(c *contact) error {
		c.Status, c.VoidReason = Void, req.Body.Reason
		return nil
	})
	if err != nil {
		return nil, err
	}
	return api.VoidServiceContact200JSONResponse{Body: toContact(c), Headers: api.VoidServiceContact200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}
