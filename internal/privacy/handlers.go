// Package privacy is where a person's decisions about their data take effect everywhere: recording
// consent, and withdrawing it from whoever holds it.
package privacy

import (
	"context"
	"time"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/referral"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct{}

// ListConsents returns one page of a person's ledger.
func (Handlers) ListConsents(ctx context.Context, req api.ListConsentsRequestObject) (api.ListConsentsResponseObject, error) {
	p := req.Params
	page, err := listConsents(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-given_at"), req.ID, p.Scope)
	if err == nil && len(page.Rows) == 0 {
		err = beneficiary.Here(ctx, req.ID)
	}
	if err != nil {
		return nil, err
	}
	out := api.ConsentPage{Data: make([]api.Consent, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toConsent(&page.Rows[i])
	}
	return api.ListConsents200JSONResponse(out), nil
}

// RecordConsent adds a decision to the ledger and makes it felt wherever consent was relied upon.
func (Handlers) RecordConsent(ctx context.Context, req api.RecordConsentRequestObject) (api.RecordConsentResponseObject, error) {
	c := fromConsentCreate(*req.Body)
	c.BeneficiaryID = req.ID
	if err := beneficiary.RecordConsent(ctx, &c); err != nil {
		return nil, err
	}
	if err := takeEffect(ctx, &c); err != nil {
		return nil, err
	}
	return api.RecordConsent201JSONResponse{Body: toConsent(&c), Headers: api.RecordConsent201ResponseHeaders{
		ETag: wire.ETag(c.Version), Location: "/v1/centres/" + req.CentreID.String() + "/beneficiaries/" + req.ID.String() + "/consents/" + c.ID.String(),
	}}, nil
}

// takeEffect ends, in the same transaction, what rested on a consent that is taken back: withdrawn
// or refused, towards the organisations it names or all; or given, but withheld from some. Towards
// some only, the person's cases go on.
func takeEffect(ctx context.Context, c *beneficiary.Consent) error {
	all, from, err := beneficiary.TakenBack(ctx, c)
	if err != nil || !all && len(from) == 0 {
		return err
	}
	if all {
		if err := casework.ConsentWithdrawn(ctx, c.BeneficiaryID, c.Scope); err != nil {
			return err
		}
	}
	if err := referral.ConsentWithdrawn(ctx, c.BeneficiaryID, c.Scope, from); err != nil {
		return err
	}
	return events.Emit(ctx, events.Event{
		CentreID: c.CentreID.UUID(), Type: "consent.withdrawn", Resource: "beneficiary", SubjectID: c.BeneficiaryID,
		Data: map[string]any{"scope": c.Scope, "consent_id": c.ID},
	})
}

// GetConsent returns one decision.
func (Handlers) GetConsent(ctx context.Context, req api.GetConsentRequestObject) (api.GetConsentResponseObject, error) {
	c, err := findConsent(ctx, req.ID, req.ConsentID)
	if err != nil {
		return nil, err
	}
	return api.GetConsent200JSONResponse{Body: toConsent(c), Headers: api.GetConsent200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// ListEffectiveConsents returns what a person's decisions come to, scope by scope.
func (Handlers) ListEffectiveConsents(ctx context.Context, req api.ListEffectiveConsentsRequestObject) (api.ListEffectiveConsentsResponseObject, error) {
	standings, err := beneficiary.Standings(ctx, req.ID, at(req.Params.At))
	if err == nil && len(standings) == 0 {
		err = beneficiary.Here(ctx, req.ID)
	}
	if err != nil {
		return nil, err
	}
	out := api.EffectiveConsentList{Data: make([]api.EffectiveConsent, len(standings))}
	for i, s := range standings {
		out.Data[i] = toEffective(s)
	}
	return api.ListEffectiveConsents200JSONResponse(out), nil
}

func at(asked *time.Time) time.Time {
	if asked != nil {
		return *asked
	}
	return db.Now()
}
