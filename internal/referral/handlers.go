package referral

import (
	"bytes"
	"cmp"
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/export"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain: here those of the centre on what it sends; the inbox
// and the partner's side have files of their own.
type Handlers struct{}

// ListReferrals returns one page of what the centre sent and received.
func (Handlers) ListReferrals(ctx context.Context, req api.ListReferralsRequestObject) (api.ListReferralsResponseObject, error) {
	p := req.Params
	f := filter{
		status: p.Status, priority: p.Priority, direction: (*string)(p.Direction), caseID: p.CaseID, organisationID: p.OrganisationID,
		overdue: p.Overdue, needsAttention: p.NeedsAttention,
	}
	if export.Wanted(ctx) {
		return exportReferrals(ctx, f, cmp.Or(string(wire.Value(p.Sort)), "-created_at")), export.Whole(p.Cursor, p.IncludeTotal)
	}
	page, err := list(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), f)
	if err != nil {
		return nil, err
	}
	out := api.ReferralPage{Data: make([]api.Referral, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toReferral(&page.Rows[i])
	}
	return api.ListReferrals200JSONResponse(out), nil
}

// ListEligibleReceivers tells which services suit the person of a case, and why others do not.
func (Handlers) ListEligibleReceivers(ctx context.Context, req api.ListEligibleReceiversRequestObject) (api.ListEligibleReceiversResponseObject, error) {
	p := req.Params
	list, err := eligible(ctx, req.ID, wanted{wire.Value(p.Service), p.Pcodes, wire.Value(p.Near), p.RadiusKm}, wire.Value(p.Limit))
	if err != nil {
		return nil, err
	}
	return api.ListEligibleReceivers200JSONResponse(toCandidates(list, cmp.Or(wire.Value(p.Priority), "normal"))), nil
}

// CreateReferral drafts a referral.
func (Handlers) CreateReferral(ctx context.Context, req api.CreateReferralRequestObject) (api.CreateReferralResponseObject, error) {
	r := fromReferralCreate(*req.Body)
	if err := r.address(ctx, req.Body.OrganisationID, req.Body.CentreCode); err != nil {
		return nil, err
	}
	if err := draft(ctx, r, req.Body.CaseID, req.Body.NeedIds); err != nil {
		return nil, err
	}
	return api.CreateReferral201JSONResponse{Body: toReferral(r), Headers: api.CreateReferral201ResponseHeaders{ETag: wire.ETag(r.Version), Location: r.path()}}, nil
}

func (r *Referral) path() string {
	return "/v1/centres/" + r.CentreID.String() + "/referrals/" + r.ID.String()
}

// GetReferral returns one referral.
func (Handlers) GetReferral(ctx context.Context, req api.GetReferralRequestObject) (api.GetReferralResponseObject, error) {
	r, err := find(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetReferral200JSONResponse{Body: toReferral(r), Headers: api.GetReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// UpdateReferral applies a merge patch to a draft.
func (Handlers) UpdateReferral(ctx context.Context, req api.UpdateReferralRequestObject) (api.UpdateReferralResponseObject, error) {
	r, err := lock(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := r.drafted(); err != nil {
		return nil, err
	}
	r.patch(*req.Body)
	if req.Body.CentreCode != nil {
		if err := r.goTo(ctx, *req.Body.CentreCode); err != nil {
			return nil, err
		}
	}
	if err := r.rewrite(ctx, req.Body.NeedIds); err != nil {
		return nil, err
	}
	return api.UpdateReferral200JSONResponse{Body: toReferral(r), Headers: api.UpdateReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// PreviewReferral shows exactly what would be disclosed, or what was.
func (Handlers) PreviewReferral(ctx context.Context, req api.PreviewReferralRequestObject) (api.PreviewReferralResponseObject, error) {
	r, err := find(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if r.Direction == Inbound {
		return nil, fault.Missing() // the centre discloses nothing by it
	}
	if r.Snapshot != nil {
		return api.PreviewReferral200JSONResponse(toPreview(r.ClientMode, true, r.whole())), nil
	}
	person, err := beneficiary.Find(ctx, *r.BeneficiaryID)
	if err != nil {
		return nil, err
	}
	f, _, err := r.facts(ctx, person)
	if err != nil {
		return nil, err
	}
	return api.PreviewReferral200JSONResponse(toPreview(r.ClientMode, false, f.content())), nil
}

// PrintReferralForm returns a referral that was sent as a form on paper.
func (Handlers) PrintReferralForm(ctx context.Context, req api.PrintReferralFormRequestObject) (api.PrintReferralFormResponseObject, error) {
	r, sheet, err := printed(ctx, req.ID, string(wire.Value(req.Params.Language)))
	if err != nil {
		return nil, err
	}
	return api.PrintReferralForm200ApplicationPdfResponse{Body: bytes.NewReader(sheet), ContentLength: int64(len(sheet)), Headers: api.PrintReferralForm200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// SendReferral freezes what is disclosed and opens it to the receiver.
func (Handlers) SendReferral(ctx context.Context, req api.SendReferralRequestObject) (api.SendReferralResponseObject, error) {
	r, err := sendReferral(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	return api.SendReferral200JSONResponse{Body: toReferral(r), Headers: api.SendReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// RevokeReferral closes the receiver's access.
func (Handlers) RevokeReferral(ctx context.Context, req api.RevokeReferralRequestObject) (api.RevokeReferralResponseObject, error) {
	r, err := revokeReferral(ctx, req.ID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.RevokeReferral200JSONResponse{Body: toReferral(r), Headers: api.RevokeReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// ResendReferral drafts a referral again that ended without the service.
func (Handlers) ResendReferral(ctx context.Context, req api.ResendReferralRequestObject) (api.ResendReferralResponseObject, error) {
	r, err := resend(ctx, req.ID, wire.Value(req.Body).OrganisationID)
	if err != nil {
		return nil, err
	}
	return api.ResendReferral201JSONResponse{Body: toReferral(r), Headers: api.ResendReferral201ResponseHeaders{ETag: wire.ETag(r.Version), Location: r.path()}}, nil
}

// ResolveReferral notes what was done about a referral that was not served.
func (Handlers) ResolveReferral(ctx context.Context, req api.ResolveReferralRequestObject) (api.ResolveReferralResponseObject, error) {
	r, err := lock(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if !r.NeedsAttention() {
		return nil, fault.State(string(r.Status), "This referral needs no attention.")
	}
	r.resolve(ctx, req.Body.Resolution)
	if err := db.Save(ctx, r); err != nil {
		return nil, err
	}
	return api.ResolveReferral200JSONResponse{Body: toReferral(r), Headers: api.ResolveReferral200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// RequestReferralOverride asks to send without consent.
func (Handlers) RequestReferralOverride(ctx context.Context, req api.RequestReferralOverrideRequestObject) (api.RequestReferralOverrideResponseObject, error) {
	r, err := lock(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := r.requestOverride(ctx, req.Body.Basis, req.Body.Reason); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, r); err != nil {
		return nil, err
	}
	return api.RequestReferralOverride200JSONResponse{Body: toReferral(r), Headers: api.RequestReferralOverride200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// ApproveReferralOverride lets a referral be sent without consent.
func (Handlers) ApproveReferralOverride(ctx context.Context, req api.ApproveReferralOverrideRequestObject) (api.ApproveReferralOverrideResponseObject, error) {
	r, err := decide(ctx, req.ID, req.Params.IfMatch, "approved")
	if err != nil {
		return nil, err
	}
	return api.ApproveReferralOverride200JSONResponse{Body: toReferral(r), Headers: api.ApproveReferralOverride200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// RejectReferralOverride does not.
func (Handlers) RejectReferralOverride(ctx context.Context, req api.RejectReferralOverrideRequestObject) (api.RejectReferralOverrideResponseObject, error) {
	r, err := decide(ctx, req.ID, req.Params.IfMatch, "rejected")
	if err != nil {
		return nil, err
	}
	return api.RejectReferralOverride200JSONResponse{Body: toReferral(r), Headers: api.RejectReferralOverride200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// decide is the second person's word on an override.
func decide(ctx context.Context, id api.ID, ifMatch, decision string) (*Referral, error) {
	r, err := lock(ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.decideOverride(auth.From(ctx).ID, rolesOf(ctx), policy, decision); err != nil {
		return nil, err
	}
	return r, db.Save(ctx, r)
}

// ListReferralHistory returns one page of a referral's moves.
func (Handlers) ListReferralHistory(ctx context.Context, req api.ListReferralHistoryRequestObject) (api.ListReferralHistoryResponseObject, error) {
	p := req.Params
	page, err := history(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), req.ID)
	if err != nil {
		return nil, err
	}
	out := api.ReferralMovePage{Data: make([]api.ReferralMove, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toMove(&page.Rows[i])
	}
	return api.ListReferralHistory200JSONResponse(out), nil
}

// ListReferralMessages returns one page of what centre and partner wrote.
func (Handlers) ListReferralMessages(ctx context.Context, req api.ListReferralMessagesRequestObject) (api.ListReferralMessagesResponseObject, error) {
	p := req.Params
	r, err := find(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	page, err := messages(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), r.CentreID.UUID(), r.ID)
	if err != nil {
		return nil, err
	}
	return api.ListReferralMessages200JSONResponse(toMessagePage(page, true)), nil
}

// CreateReferralMessage writes to the partner.
func (Handlers) CreateReferralMessage(ctx context.Context, req api.CreateReferralMessageRequestObject) (api.CreateReferralMessageResponseObject, error) {
	m, err := writeToPartner(ctx, req.ID, req.Body.ID, req.Body.Body)
	if err != nil {
		return nil, err
	}
	return api.CreateReferralMessage201JSONResponse(toMessage(m, true)), nil
}

// ListDisclosures returns one page of the disclosure ledger of a person.
func (Handlers) ListDisclosures(ctx context.Context, req api.ListDisclosuresRequestObject) (api.ListDisclosuresResponseObject, error) {
	p := req.Params
	page, err := disclosures(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), req.ID, p.OrganisationID)
	if err != nil {
		return nil, err
	}
	return api.ListDisclosures200JSONResponse{Data: wire.Each(page.Rows, toDisclosure), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}
