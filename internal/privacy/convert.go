package privacy

import (
	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

func toConsent(c *beneficiary.Consent) api.Consent {
	return api.Consent{
		ID: c.ID, Version: c.Version, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, BeneficiaryID: c.BeneficiaryID,
		Scope: c.Scope, Decision: c.Decision, Giver: c.Giver, GiverName: wire.Opt(c.GiverName), Method: c.Method, Language: wire.Opt(c.Language),
		InterpreterUsed: c.InterpreterUsed, StatementVersion: wire.Opt(c.StatementVersion), ValidUntil: wire.ToOptDate(c.ValidUntil), GivenAt: c.GivenAt,
		CertifiedBy: wire.Opt(c.CertifiedBy), CertifiedAt: c.CertifiedAt, Note: wire.Opt(c.Note),
		RecipientIds: wire.List([]uuid.UUID(c.RecipientIDs)), ExcludedIds: wire.List([]uuid.UUID(c.ExcludedIDs)),
		ExclusionReason: wire.Opt(c.ExclusionReason), EvidenceID: c.EvidenceID, RecordedBy: c.RecordedBy,
	}
}

func fromConsentCreate(b api.ConsentCreate) beneficiary.Consent {
	c := beneficiary.Consent{
		Record: db.NewRecord(b.ID), Scope: b.Scope, Decision: b.Decision, Giver: b.Giver, GiverName: wire.Value(b.GiverName), Method: b.Method,
		Language: wire.Value(b.Language), InterpreterUsed: b.InterpreterUsed, StatementVersion: wire.Value(b.StatementVersion),
		ValidUntil: wire.OptDate(b.ValidUntil), CertifiedBy: wire.Value(b.CertifiedBy), Note: wire.Value(b.Note),
		RecipientIDs: b.RecipientIds, ExcludedIDs: b.ExcludedIds, ExclusionReason: wire.Value(b.ExclusionReason), EvidenceID: b.EvidenceID,
	}
	if b.GivenAt != nil {
		c.GivenAt = wire.Moment(*b.GivenAt)
	}
	if b.CertifiedAt != nil {
		c.CertifiedAt = wire.Ptr(wire.Moment(*b.CertifiedAt))
	}
	return c
}

func toEffective(s beneficiary.Standing) api.EffectiveConsent {
	out := api.EffectiveConsent{Scope: s.Scope}
	if s.Entry != nil {
		out.Status = wire.Ptr(api.EffectiveConsentStatus(s.Status))
		out.ConsentID, out.DecidedAt, out.ValidUntil = &s.Entry.ID, &s.Entry.GivenAt, wire.ToOptDate(s.Entry.ValidUntil)
	}
	for _, r := range s.Recipients {
		if r.Entry != nil {
			out.Recipients = append(out.Recipients, api.EffectiveConsentTowards{
				OrganisationID: r.OrganisationID, Status: api.EffectiveConsentTowardsStatus(r.Status), ConsentID: r.Entry.ID,
			})
		}
	}
	return out
}
