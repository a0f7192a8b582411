package beneficiary

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// ListIdentityDocuments returns one page of a person's identity documents.
func (Handlers) ListIdentityDocuments(ctx context.Context, req api.ListIdentityDocumentsRequestObject) (api.ListIdentityDocumentsResponseObject, error) {
	p := req.Params
	page, err := Entries(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), documentSorts, req.ID, wire.Value(p.Voided))
	if err != nil {
		return nil, err
	}
	return api.ListIdentityDocuments200JSONResponse{Data: wire.Each(page.Rows, toDocument), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// RecordIdentityDocument adds one.
func (Handlers) RecordIdentityDocument(ctx context.Context, req api.RecordIdentityDocumentRequestObject) (api.RecordIdentityDocumentResponseObject, error) {
	e := fromDocumentCreate(*req.Body)
	if err := Record(ctx, req.ID, &e, func(*Beneficiary) error { return e.shown(ctx) }); err != nil {
		return nil, err
	}
	return api.RecordIdentityDocument201JSONResponse{Body: toDocument(&e), Headers: api.RecordIdentityDocument201ResponseHeaders{
		ETag: wire.ETag(e.Version), Location: wire.Path(req.CentreID, "beneficiaries", req.ID, "documents", e.ID),
	}}, nil
}

// GetIdentityDocument returns one.
func (Handlers) GetIdentityDocument(ctx context.Context, req api.GetIdentityDocumentRequestObject) (api.GetIdentityDocumentResponseObject, error) {
	e, err := EntryOf[IdentityDocument](ctx, req.ID, req.DocumentID)
	if err != nil {
		return nil, err
	}
	return api.GetIdentityDocument200JSONResponse{Body: toDocument(e), Headers: api.GetIdentityDocument200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// UpdateIdentityDocument applies a merge patch.
func (Handlers) UpdateIdentityDocument(ctx context.Context, req api.UpdateIdentityDocumentRequestObject) (api.UpdateIdentityDocumentResponseObject, error) {
	e, err := Change(ctx, req.ID, req.DocumentID, req.Params.IfMatch, func(d *IdentityDocument) error {
		d.amend(func() { d.patch(*req.Body) })
		if !req.Body.AttachmentID.IsSpecified() { // what is voided since stays named
			return nil
		}
		return d.shown(ctx)
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateIdentityDocument200JSONResponse{Body: toDocument(e), Headers: api.UpdateIdentityDocument200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// VerifyIdentityDocument records that the caller saw the document itself.
func (Handlers) VerifyIdentityDocument(ctx context.Context, req api.VerifyIdentityDocumentRequestObject) (api.VerifyIdentityDocumentResponseObject, error) {
	e, err := Change(ctx, req.ID, req.DocumentID, req.Params.IfMatch, func(d *IdentityDocument) error {
		return d.verify(actor(ctx), db.Now())
	})
	if err != nil {
		return nil, err
	}
	return api.VerifyIdentityDocument200JSONResponse{Body: toDocument(e), Headers: api.VerifyIdentityDocument200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// VoidIdentityDocument hides one that was recorded in error.
func (Handlers) VoidIdentityDocument(ctx context.Context, req api.VoidIdentityDocumentRequestObject) (api.VoidIdentityDocumentResponseObject, error) {
	e, err := VoidEntry[IdentityDocument](ctx, req.ID, req.DocumentID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.VoidIdentityDocument200JSONResponse{Body: toDocument(e), Headers: api.VoidIdentityDocument200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}
