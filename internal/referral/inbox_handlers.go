package referral

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/wire"
)

// ListReferralInbox returns one page of what partners handed in.
func (Handlers) ListReferralInbox(ctx context.Context, req api.ListReferralInboxRequestObject) (api.ListReferralInboxResponseObject, error) {
	p := req.Params
	page, err := inbox(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), filter{
		status: p.Status, priority: p.Priority, organisationID: p.OrganisationID, overdue: p.Overdue,
	})
	if err != nil {
		return nil, err
	}
	if err := read(ctx, page.Rows...); err != nil {
		return nil, err
	}
	out := api.InboxItemPage{Data: make([]api.InboxItem, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toInboxItem(&page.Rows[i])
	}
	return api.ListReferralInbox200JSONResponse(out), nil
}

// GetReferralInboxItem returns one inbound referral.
func (Handlers) GetReferralInboxItem(ctx context.Context, req api.GetReferralInboxItemRequestObject) (api.GetReferralInboxItemResponseObject, error) {
	r, err := findReceived(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if err := read(ctx, *r); err != nil {
		return nil, err
	}
	return api.GetReferralInboxItem200JSONResponse{Body: toInboxItem(r), Headers: api.GetReferralInboxItem200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// ListReferralInboxMatches returns who of those registered here may be the person.
func (Handlers) ListReferralInboxMatches(ctx context.Context, req api.ListReferralInboxMatchesRequestObject) (api.ListReferralInboxMatchesResponseObject, error) {
	r, err := findReceived(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	found, err := matches(ctx, r.described())
	if err != nil {
		return nil, err
	}
	out := api.ReferralMatchList{Data: make([]api.ReferralMatch, len(found))}
	for i := range found {
		out.Data[i] = toMatch(found[i])
	}
	return api.ListReferralInboxMatches200JSONResponse(out), nil
}

// AcknowledgeInboundReferral tells the partner that the referral was read.
func (Handlers) AcknowledgeInboundReferral(ctx context.Context, req api.AcknowledgeInboundReferralRequestObject) (api.AcknowledgeInboundReferralResponseObject, error) {
	r, err := answer(ctx, req.ID, req.Params.IfMatch, VerbAcknowledge, Act{})
	if err != nil {
		return nil, err
	}
	return api.AcknowledgeInboundReferral200JSONResponse{Body: toInboxItem(r), Headers: api.AcknowledgeInboundReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// AcceptInboundReferral takes the person in.
func (Handlers) AcceptInboundReferral(ctx context.Context, req api.AcceptInboundReferralRequestObject) (api.AcceptInboundReferralResponseObject, error) {
	r, err := acceptReceived(ctx, req.ID, req.Params.IfMatch, fromInboxAccept(*req.Body))
	if err != nil {
		return nil, err
	}
	return api.AcceptInboundReferral200JSONResponse{Body: toInboxItem(r), Headers: api.AcceptInboundReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// DeclineInboundReferral refuses a referral.
func (Handlers) DeclineInboundReferral(ctx context.Context, req api.DeclineInboundReferralRequestObject) (api.DeclineInboundReferralResponseObject, error) {
	r, err := answer(ctx, req.ID, req.Params.IfMatch, VerbDecline, Act{Reason: req.Body.Reason, Note: wire.Value(req.Body.Note)})
	if err != nil {
		return nil, err
	}
	return api.DeclineInboundReferral200JSONResponse{Body: toInboxItem(r), Headers: api.DeclineInboundReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// WaitlistInboundReferral lets an accepted referral wait.
func (Handlers) WaitlistInboundReferral(ctx context.Context, req api.WaitlistInboundReferralRequestObject) (api.WaitlistInboundReferralResponseObject, error) {
	r, err := answer(ctx, req.ID, req.Params.IfMatch, VerbWaitlist, Act{})
	if err != nil {
		return nil, err
	}
	return api.WaitlistInboundReferral200JSONResponse{Body: toInboxItem(r), Headers: api.WaitlistInboundReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// StartInboundReferral begins the service.
func (Handlers) StartInboundReferral(ctx context.Context, req api.StartInboundReferralRequestObject) (api.StartInboundReferralResponseObject, error) {
	r, err := answer(ctx, req.ID, req.Params.IfMatch, VerbStart, Act{})
	if err != nil {
		return nil, err
	}
	return api.StartInboundReferral200JSONResponse{Body: toInboxItem(r), Headers: api.StartInboundReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// CompleteInboundReferral closes a referral with feedback.
func (Handlers) CompleteInboundReferral(ctx context.Context, req api.CompleteInboundReferralRequestObject) (api.CompleteInboundReferralResponseObject, error) {
	r, err := answer(ctx, req.ID, req.Params.IfMatch, VerbComplete, Act{Note: req.Body.Feedback, DeliveredOn: wire.Ptr(wire.Date(req.Body.DeliveredOn))})
	if err != nil {
		return nil, err
	}
	return api.CompleteInboundReferral200JSONResponse{Body: toInboxItem(r), Headers: api.CompleteInboundReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// FailInboundReferral closes a referral without the service.
func (Handlers) FailInboundReferral(ctx context.Context, req api.FailInboundReferralRequestObject) (api.FailInboundReferralResponseObject, error) {
	r, err := answer(ctx, req.ID, req.Params.IfMatch, VerbNotDelivered, Act{Reason: req.Body.Reason, Note: wire.Value(req.Body.Note)})
	if err != nil {
		return nil, err
	}
	return api.FailInboundReferral200JSONResponse{Body: toInboxItem(r), Headers: api.FailInboundReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// ConfirmInboundDeletion tells the sending centre that what it disclosed is deleted here.
func (Handlers) ConfirmInboundDeletion(ctx context.Context, req api.ConfirmInboundDeletionRequestObject) (api.ConfirmInboundDeletionResponseObject, error) {
	r, err := deleted(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	return api.ConfirmInboundDeletion200JSONResponse{Body: toInboxItem(r), Headers: api.ConfirmInboundDeletion200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}
