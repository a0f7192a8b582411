package beneficiary

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/wire"
)

// ListContacts returns one page of how a person can be reached.
func (Handlers) ListContacts(ctx context.Context, req api.ListContactsRequestObject) (api.ListContactsResponseObject, error) {
	p := req.Params
	page, err := Entries(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), contactSorts, req.ID, wire.Value(p.Voided))
	if err != nil {
		return nil, err
	}
	return api.ListContacts200JSONResponse{Data: wire.Each(page.Rows, toContact), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// RecordContact adds one.
func (Handlers) RecordContact(ctx context.Context, req api.RecordContactRequestObject) (api.RecordContactResponseObject, error) {
	e := fromContactCreate(*req.Body)
	if err := Record(ctx, req.ID, &e); err != nil {
		return nil, err
	}
	return api.RecordContact201JSONResponse{Body: toContact(&e), Headers: api.RecordContact201ResponseHeaders{
		ETag: wire.ETag(e.Version), Location: wire.Path(req.CentreID, "beneficiaries", req.ID, "contacts", e.ID),
	}}, nil
}

// GetContact returns one.
func (Handlers) GetContact(ctx context.Context, req api.GetContactRequestObject) (api.GetContactResponseObject, error) {
	e, err := EntryOf[Contact](ctx, req.ID, req.ContactID)
	if err != nil {
		return nil, err
	}
	return api.GetContact200JSONResponse{Body: toContact(e), Headers: api.GetContact200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// UpdateContact applies a merge patch.
func (Handlers) UpdateContact(ctx context.Context, req api.UpdateContactRequestObject) (api.UpdateContactResponseObject, error) {
	e, err := Change(ctx, req.ID, req.ContactID, req.Params.IfMatch, func(e *Contact) error {
		e.patch(*req.Body)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateContact200JSONResponse{Body: toContact(e), Headers: api.UpdateContact200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// VoidContact hides one that was recorded in error.
func (Handlers) VoidContact(ctx context.Context, req api.VoidContactRequestObject) (api.VoidContactResponseObject, error) {
	e, err := VoidEntry[Contact](ctx, req.ID, req.ContactID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.VoidContact200JSONResponse{Body: toContact(e), Headers: api.VoidContact200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}
