package referral

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// ListPartnerReferrals returns one page of the organisation's referrals, without a word on the people.
func (Handlers) ListPartnerReferrals(ctx context.Context, req api.ListPartnerReferralsRequestObject) (api.ListPartnerReferralsResponseObject, error) {
	p := req.Params
	page, err := partnerList(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), filter{
		status: p.Status, priority: p.Priority, direction: (*string)(p.Direction), overdue: p.Overdue,
	})
	if err != nil {
		return nil, err
	}
	out := api.PartnerReferralPage{Data: make([]api.PartnerReferral, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toPartnerReferral(&page.Rows[i], nil)
	}
	return api.ListPartnerReferrals200JSONResponse(out), nil
}

// SubmitReferral takes a referral in from a partner.
func (Handlers) SubmitReferral(ctx context.Context, req api.SubmitReferralRequestObject) (api.SubmitReferralResponseObject, error) {
	s := fromSubmission(*req.Body)
	if err := submit(ctx, s, req.Body.CentreID, req.Body.CentreCode); err != nil {
		return nil, err
	}
	return api.SubmitReferral201JSONResponse{Body: toPartnerReferral(s.partner(), nil), Headers: api.SubmitReferral201ResponseHeaders{
		ETag: wire.ETag(s.Version), Location: "/v1/partner/referrals/" + s.ID.String(),
	}}, nil
}

// GetPartnerReferral opens what the organisation may read of the person now.
func (Handlers) GetPartnerReferral(ctx context.Context, req api.GetPartnerReferralRequestObject) (api.GetPartnerReferralResponseObject, error) {
	p, err := db.Get[PartnerReferral](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	content, err := p.opened(ctx)
	if err != nil {
		return nil, err
	}
	return api.GetPartnerReferral200JSONResponse{Body: toPartnerReferral(p, content), Headers: api.GetPartnerReferral200ResponseHeaders{ETag: wire.ETag(p.Version)}}, nil
}

// ListPartnerMessages returns one page of what centre and organisation wrote.
func (Handlers) ListPartnerMessages(ctx context.Context, req api.ListPartnerMessagesRequestObject) (api.ListPartnerMessagesResponseObject, error) {
	p := req.Params
	r, err := db.Get[PartnerReferral](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	page, err := messages(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), r.CentreID, r.ID)
	if err != nil {
		return nil, err
	}
	if err := r.readMessages(ctx); err != nil {
		return nil, err
	}
	return api.ListPartnerMessages200JSONResponse(toMessagePage(page, false)), nil
}

// CreatePartnerMessage writes to the centre.
func (Handlers) CreatePartnerMessage(ctx context.Context, req api.CreatePartnerMessageRequestObject) (api.CreatePartnerMessageResponseObject, error) {
	r, err := db.Get[PartnerReferral](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	m, err := post(ctx, req.Body.ID, "partner", r.CentreID, r.ID, r.OrganisationID, req.Body.Body)
	if err != nil {
		return nil, err
	}
	return api.CreatePartnerMessage201JSONResponse(toMessage(m, false)), nil
}

// ListDeletionRequests returns one page of what the organisation was asked to delete.
func (Handlers) ListDeletionRequests(ctx context.Context, req api.ListDeletionRequestsRequestObject) (api.ListDeletionRequestsResponseObject, error) {
	p := req.Params
	page, err := deletions(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), p.Confirmed)
	if err != nil {
		return nil, err
	}
	out := api.DeletionRequestPage{Data: make([]api.DeletionRequest, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toDeletionRequest(&page.Rows[i])
	}
	return api.ListDeletionRequests200JSONResponse(out), nil
}

// ConfirmReferralDeletion takes the organisation's word that it deleted the content.
func (Handlers) ConfirmReferralDeletion(ctx context.Context, req api.ConfirmReferralDeletionRequestObject) (api.ConfirmReferralDeletionResponseObject, error) {
	d, err := confirmDeletion(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.ConfirmReferralDeletion200JSONResponse(toDeletionRequest(d)), nil
}

// AcknowledgeReferral stops the clock of the acknowledgement.
func (Handlers) AcknowledgeReferral(ctx context.Context, req api.AcknowledgeReferralRequestObject) (api.AcknowledgeReferralResponseObject, error) {
	r, err := partnerMoves(ctx, req.ID, req.Params.IfMatch, VerbAcknowledge, Act{})
	if err != nil {
		return nil, err
	}
	return api.AcknowledgeReferral200JSONResponse{Body: toPartnerReferral(r, nil), Headers: api.AcknowledgeReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// AcceptReferral takes a referral on and opens its content.
func (Handlers) AcceptReferral(ctx context.Context, req api.AcceptReferralRequestObject) (api.AcceptReferralResponseObject, error) {
	r, err := partnerMoves(ctx, req.ID, req.Params.IfMatch, VerbAccept, Act{AppointmentAt: wire.Value(req.Body).AppointmentAt})
	if err != nil {
		return nil, err
	}
	return api.AcceptReferral200JSONResponse{Body: toPartnerReferral(r, nil), Headers: api.AcceptReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// WaitlistReferral lets an accepted referral wait.
func (Handlers) WaitlistReferral(ctx context.Context, req api.WaitlistReferralRequestObject) (api.WaitlistReferralResponseObject, error) {
	r, err := partnerMoves(ctx, req.ID, req.Params.IfMatch, VerbWaitlist, Act{})
	if err != nil {
		return nil, err
	}
	return api.WaitlistReferral200JSONResponse{Body: toPartnerReferral(r, nil), Headers: api.WaitlistReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// DeclineReferral refuses a referral.
func (Handlers) DeclineReferral(ctx context.Context, req api.DeclineReferralRequestObject) (api.DeclineReferralResponseObject, error) {
	r, err := partnerMoves(ctx, req.ID, req.Params.IfMatch, VerbDecline, Act{Reason: req.Body.Reason, Note: wire.Value(req.Body.Note)})
	if err != nil {
		return nil, err
	}
	return api.DeclineReferral200JSONResponse{Body: toPartnerReferral(r, nil), Headers: api.DeclineReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// StartReferral begins the service.
func (Handlers) StartReferral(ctx context.Context, req api.StartReferralRequestObject) (api.StartReferralResponseObject, error) {
	r, err := partnerMoves(ctx, req.ID, req.Params.IfMatch, VerbStart, Act{})
	if err != nil {
		return nil, err
	}
	return api.StartReferral200JSONResponse{Body: toPartnerReferral(r, nil), Headers: api.StartReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// CompleteReferral closes a referral with feedback.
func (Handlers) CompleteReferral(ctx context.Context, req api.CompleteReferralRequestObject) (api.CompleteReferralResponseObject, error) {
	r, err := partnerMoves(ctx, req.ID, req.Params.IfMatch, VerbComplete, Act{Note: req.Body.Feedback, DeliveredOn: wire.Ptr(wire.Date(req.Body.DeliveredOn))})
	if err != nil {
		return nil, err
	}
	return api.CompleteReferral200JSONResponse{Body: toPartnerReferral(r, nil), Headers: api.CompleteReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// FailReferral closes a referral without the service.
func (Handlers) FailReferral(ctx context.Context, req api.FailReferralRequestObject) (api.FailReferralResponseObject, error) {
	r, err := partnerMoves(ctx, req.ID, req.Params.IfMatch, VerbNotDelivered, Act{Reason: req.Body.Reason, Note: wire.Value(req.Body.Note)})
	if err != nil {
		return nil, err
	}
	return api.FailReferral200JSONResponse{Body: toPartnerReferral(r, nil), Headers: api.FailReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// RevokePartnerReferral takes back what the organisation handed in.
func (Handlers) RevokePartnerReferral(ctx context.Context, req api.RevokePartnerReferralRequestObject) (api.RevokePartnerReferralResponseObject, error) {
	r, err := partnerMoves(ctx, req.ID, req.Params.IfMatch, VerbRevoke, Act{Note: req.Body.Reason})
	if err != nil {
		return nil, err
	}
	return api.RevokePartnerReferral200JSONResponse{Body: toPartnerReferral(r, nil), Headers: api.RevokePartnerReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}
