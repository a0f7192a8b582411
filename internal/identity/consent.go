package identity

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/referral"
)

// no is one side's refusal or withdrawal, in general or towards an organisation.
type no struct {
	side      *beneficiary.Beneficiary
	scope     string
	recipient *uuid.UUID
	entry     *beneficiary.Consent
}

// standingNoes lists what either record of a merge says no to.
func standingNoes(ctx context.Context, t two) ([]no, error) {
	var list []no
	for _, b := range []*beneficiary.Beneficiary{t.duplicate, t.survivor} {
		standings, err := beneficiary.Standings(ctx, b.ID, db.Now())
		if err != nil {
			return nil, err
		}
		for _, s := range standings {
			if s.Status == beneficiary.Refused || s.Status == beneficiary.Withdrawn {
				list = append(list, no{b, s.Scope, nil, s.Entry})
			}
			for _, r := range s.Recipients {
				if r.Status == beneficiary.Refused || r.Status == beneficiary.Withdrawn {
					list = append(list, no{b, s.Scope, &r.OrganisationID, r.Entry})
				}
			}
		}
	}
	return list, nil
}

// endSharing ends what is under way with one side's data against the other side's no, as if the person had said it
// of both (rule 4): referrals that were sent are revoked, and their receivers asked to delete. What one side's own no
// left standing, such as a referral sent on an override that knew of it, stays. An undo does not send anew.
func endSharing(ctx context.Context, t two, noes []no) error {
	for _, n := range noes {
		other := t.survivor
		if n.side == t.survivor {
			other = t.duplicate
		}
		var towards []uuid.UUID
		if n.recipient != nil {
			towards = []uuid.UUID{*n.recipient}
		}
		if err := referral.ConsentWithdrawn(ctx, other.ID, n.scope, towards); err != nil {
			return err
		}
	}
	return nil
}

// holdNoes lets a no of either side outlive the other side's yes: where both ledgers together would
// come to given, one more line takes it back until the person decides anew. Nothing is taken out.
func holdNoes(ctx context.Context, m *Merge, noes []no) error {
	for _, n := range noes {
		given, err := beneficiary.EffectiveConsent(ctx, m.SurvivorID, n.scope, n.recipient, db.Now())
		if err != nil {
			return err
		}
		if given == nil {
			continue
		}
		line := *n.entry
		line.Record, line.BeneficiaryID, line.Decision, line.GivenAt, line.RecordedBy = db.NewRecord(nil), m.SurvivorID, beneficiary.Withdrawn, db.Now(), m.MergedBy
		line.RecipientIDs, line.ExcludedIDs, line.ExclusionReason, line.ValidUntil = nil, nil, "", nil
		if n.recipient != nil {
			line.RecipientIDs = db.UUIDs{*n.recipient}
		}
		line.Note = "Two records of the person were merged; the no of one of them holds until the person decides anew."
		if err := db.InsertAll(ctx, &line); err != nil {
			return err
		}
		if err := db.Tx(ctx).Exec("select merge_made(?, ?, 'consents', ?)", m.ID, m.CentreID, line.ID).Error; err != nil {
			return err
		}
	}
	return nil
}

// contradictions are the scopes in which one side's no will hold against the other side's yes.
func contradictions(ctx context.Context, t two, noes []no) ([]string, error) {
	var scopes []string
	seen := map[string]bool{}
	for _, n := range noes {
		for _, b := range []*beneficiary.Beneficiary{t.duplicate, t.survivor} {
			given, err := beneficiary.EffectiveConsent(ctx, b.ID, n.scope, n.recipient, db.Now())
			if err != nil {
				return nil, err
			}
			if given != nil && !seen[n.scope] {
				seen[n.scope] = true
				scopes = append(scopes, n.scope)
			}
		}
	}
	return scopes, nil
}
