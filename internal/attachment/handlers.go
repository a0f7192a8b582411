package attachment

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct{ *Service }

// ListAttachments returns one page of what is attached to a person.
func (Handlers) ListAttachments(ctx context.Context, req api.ListAttachmentsRequestObject) (api.ListAttachmentsResponseObject, error) {
	p := req.Params
	page, err := list(ctx, ofPerson(req.ID), wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), db.When(nil, "kind = ?", p.Kind), wire.Value(p.IncludeVoided))
	if err != nil {
		return nil, err
	}
	return api.ListAttachments200JSONResponse(toPage(page)), nil
}

// UploadAttachment attaches a file to a person.
func (h Handlers) UploadAttachment(ctx context.Context, req api.UploadAttachmentRequestObject) (api.UploadAttachmentResponseObject, error) {
	u := upload{Service: h.Service, in: within(ctx), owner: ofPerson(req.ID), key: req.Params.IdempotencyKey}
	a, err := u.receive(ctx, req.Body)
	if err != nil {
		return nil, err
	}
	return api.UploadAttachment201JSONResponse{Body: toAttachment(a), Headers: api.UploadAttachment201ResponseHeaders{
		ETag: wire.ETag(a.Version), Location: u.owner.path(a.CentreID) + a.ID.String(),
	}}, nil
}

// GetAttachment returns what is known of an attachment of a person.
func (Handlers) GetAttachment(ctx context.Context, req api.GetAttachmentRequestObject) (api.GetAttachmentResponseObject, error) {
	a, err := find(ctx, ofPerson(req.ID), req.AttachmentID)
	if err != nil {
		return nil, err
	}
	return api.GetAttachment200JSONResponse{Body: toAttachment(a), Headers: api.GetAttachment200ResponseHeaders{ETag: wire.ETag(a.Version)}}, nil
}

// UpdateAttachment applies a merge patch.
func (Handlers) UpdateAttachment(ctx context.Context, req api.UpdateAttachmentRequestObject) (api.UpdateAttachmentResponseObject, error) {
	a, err := change(ctx, ofPerson(req.ID), req.AttachmentID, req.Params.IfMatch, func(a *Attachment) error { return a.relabel(fromPatch(*req.Body)) })
	if err != nil {
		return nil, err
	}
	return api.UpdateAttachment200JSONResponse{Body: toAttachment(a), Headers: api.UpdateAttachment200ResponseHeaders{ETag: wire.ETag(a.Version)}}, nil
}

// VerifyAttachment records that a scan was compared with the document.
func (Handlers) VerifyAttachment(ctx context.Context, req api.VerifyAttachmentRequestObject) (api.VerifyAttachmentResponseObject, error) {
	a, err := change(ctx, ofPerson(req.ID), req.AttachmentID, req.Params.IfMatch, func(a *Attachment) error { return a.verify(auth.From(ctx).ID, db.Now()) })
	if err != nil {
		return nil, err
	}
	return api.VerifyAttachment200JSONResponse{Body: toAttachment(a), Headers: api.VerifyAttachment200ResponseHeaders{ETag: wire.ETag(a.Version)}}, nil
}

// VoidAttachment hides an attachment made in error.
func (Handlers) VoidAttachment(ctx context.Context, req api.VoidAttachmentRequestObject) (api.VoidAttachmentResponseObject, error) {
	a, err := change(ctx, ofPerson(req.ID), req.AttachmentID, req.Params.IfMatch, func(a *Attachment) error { return a.void(req.Body.Reason, auth.From(ctx).ID, db.Now()) })
	if err != nil {
		return nil, err
	}
	return api.VoidAttachment200JSONResponse{Body: toAttachment(a), Headers: api.VoidAttachment200ResponseHeaders{ETag: wire.ETag(a.Version)}}, nil
}

// DownloadAttachment streams an attachment of a person.
func (h Handlers) DownloadAttachment(ctx context.Context, req api.DownloadAttachmentRequestObject) (api.DownloadAttachmentResponseObject, error) {
	p := req.Params
	return h.download(ctx, ofPerson(req.ID), req.AttachmentID, forContent, conditions{p.Range, p.IfRange, p.IfNoneMatch})
}

// GetAttachmentThumbnail streams the thumbnail of an attachment of a person.
func (h Handlers) GetAttachmentThumbnail(ctx context.Context, req api.GetAttachmentThumbnailRequestObject) (api.GetAttachmentThumbnailResponseObject, error) {
	p := req.Params
	return h.download(ctx, ofPerson(req.ID), req.AttachmentID, forThumbnail, conditions{p.Range, p.IfRange, p.IfNoneMatch})
}

// CreateAttachmentLink makes a link to an attachment of a person.
func (h Handlers) CreateAttachmentLink(ctx context.Context, req api.CreateAttachmentLinkRequestObject) (api.CreateAttachmentLinkResponseObject, error) {
	out, err := h.link(ctx, ofPerson(req.ID), req.AttachmentID, req.Body.Purpose)
	if err != nil {
		return nil, err
	}
	return api.CreateAttachmentLink200JSONResponse(out), nil
}

// FollowAttachmentLink streams what a link leads to.
func (h Handlers) FollowAttachmentLink(ctx context.Context, req api.FollowAttachmentLinkRequestObject) (api.FollowAttachmentLinkResponseObject, error) {
	p := req.Params
	return h.follow(ctx, req.Link, conditions{p.Range, p.IfRange, p.IfNoneMatch})
}

func (h Handlers) download(ctx context.Context, o owner, id uuid.UUID, p purpose, asked conditions) (*download, error) {
	return h.open(ctx, within(ctx), p, asked, func(ctx context.Context) (*Attachment, error) { return find(ctx, o, id) })
}

func (h Handlers) link(ctx context.Context, o owner, id uuid.UUID, p api.AttachmentLinkPurpose) (api.AttachmentLink, error) {
	a, err := find(ctx, o, id)
	if err != nil {
		return api.AttachmentLink{}, err
	}
	l, err := newLink(ctx, a, purpose(p))
	if err != nil {
		return api.AttachmentLink{}, err
	}
	return api.AttachmentLink{URL: h.PublicURL + "/v1/links/" + l.write(h.signer), Purpose: p, ExpiresAt: l.until}, nil
}
