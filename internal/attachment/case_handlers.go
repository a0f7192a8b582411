package attachment

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// ListCaseAttachments returns one page of what is attached to a case.
func (Handlers) ListCaseAttachments(ctx context.Context, req api.ListCaseAttachmentsRequestObject) (api.ListCaseAttachmentsResponseObject, error) {
	p := req.Params
	narrow := db.When(db.When(nil, "kind = ?", p.Kind), "assessment_id = ?", p.AssessmentID)
	page, err := list(ctx, ofCase(req.ID), wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), narrow, wire.Value(p.IncludeVoided))
	if err != nil {
		return nil, err
	}
	return api.ListCaseAttachments200JSONResponse(toPage(page)), nil
}

// UploadCaseAttachment attaches a file to a case.
func (h Handlers) UploadCaseAttachment(ctx context.Context, req api.UploadCaseAttachmentRequestObject) (api.UploadCaseAttachmentResponseObject, error) {
	u := upload{Service: h.Service, in: within(ctx), owner: ofCase(req.ID), key: req.Params.IdempotencyKey}
	a, err := u.receive(ctx, req.Body)
	if err != nil {
		return nil, err
	}
	return api.UploadCaseAttachment201JSONResponse{Body: toAttachment(a), Headers: api.UploadCaseAttachment201ResponseHeaders{
		ETag: wire.ETag(a.Version), Location: u.owner.path(a.CentreID) + a.ID.String(),
	}}, nil
}

// GetCaseAttachment returns what is known of an attachment of a case.
func (Handlers) GetCaseAttachment(ctx context.Context, req api.GetCaseAttachmentRequestObject) (api.GetCaseAttachmentResponseObject, error) {
	a, err := find(ctx, ofCase(req.ID), req.AttachmentID)
	if err != nil {
		return nil, err
	}
	return api.GetCaseAttachment200JSONResponse{Body: toAttachment(a), Headers: api.GetCaseAttachment200ResponseHeaders{ETag: wire.ETag(a.Version)}}, nil
}

// UpdateCaseAttachment applies a merge patch.
func (Handlers) UpdateCaseAttachment(ctx context.Context, req api.UpdateCaseAttachmentRequestObject) (api.UpdateCaseAttachmentResponseObject, error) {
	a, err := change(ctx, ofCase(req.ID), req.AttachmentID, req.Params.IfMatch, func(a *Attachment) error { return a.relabel(fromCasePatch(*req.Body)) })
	if err != nil {
		return nil, err
	}
	return api.UpdateCaseAttachment200JSONResponse{Body: toAttachment(a), Headers: api.UpdateCaseAttachment200ResponseHeaders{ETag: wire.ETag(a.Version)}}, nil
}

// VerifyCaseAttachment records that a scan was compared with the document.
func (Handlers) VerifyCaseAttachment(ctx context.Context, req api.VerifyCaseAttachmentRequestObject) (api.VerifyCaseAttachmentResponseObject, error) {
	a, err := change(ctx, ofCase(req.ID), req.AttachmentID, req.Params.IfMatch, func(a *Attachment) error { return a.verify(auth.From(ctx).ID, db.Now()) })
	if err != nil {
		return nil, err
	}
	return api.VerifyCaseAttachment200JSONResponse{Body: toAttachment(a), Headers: api.VerifyCaseAttachment200ResponseHeaders{ETag: wire.ETag(a.Version)}}, nil
}

// VoidCaseAttachment hides an attachment made in error.
func (Handlers) VoidCaseAttachment(ctx context.Context, req api.VoidCaseAttachmentRequestObject) (api.VoidCaseAttachmentResponseObject, error) {
	a, err := change(ctx, ofCase(req.ID), req.AttachmentID, req.Params.IfMatch, func(a *Attachment) error { return a.void(req.Body.Reason, auth.From(ctx).ID, db.Now()) })
	if err != nil {
		return nil, err
	}
	return api.VoidCaseAttachment200JSONResponse{Body: toAttachment(a), Headers: api.VoidCaseAttachment200ResponseHeaders{ETag: wire.ETag(a.Version)}}, nil
}

// DownloadCaseAttachment streams an attachment of a case.
func (h Handlers) DownloadCaseAttachment(ctx context.Context, req api.DownloadCaseAttachmentRequestObject) (api.DownloadCaseAttachmentResponseObject, error) {
	p := req.Params
	return h.download(ctx, ofCase(req.ID), req.AttachmentID, forContent, conditions{p.Range, p.IfRange, p.IfNoneMatch})
}

// GetCaseAttachmentThumbnail streams the thumbnail of an attachment of a case.
func (h Handlers) GetCaseAttachmentThumbnail(ctx context.Context, req api.GetCaseAttachmentThumbnailRequestObject) (api.GetCaseAttachmentThumbnailResponseObject, error) {
	p := req.Params
	return h.download(ctx, ofCase(req.ID), req.AttachmentID, forThumbnail, conditions{p.Range, p.IfRange, p.IfNoneMatch})
}

// CreateCaseAttachmentLink makes a link to an attachment of a case.
func (h Handlers) CreateCaseAttachmentLink(ctx context.Context, req api.CreateCaseAttachmentLinkRequestObject) (api.CreateCaseAttachmentLinkResponseObject, error) {
	out, err := h.link(ctx, ofCase(req.ID), req.AttachmentID, req.Body.Purpose)
	if err != nil {
		return nil, err
	}
	return api.CreateCaseAttachmentLink200JSONResponse(out), nil
}
