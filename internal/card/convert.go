package card

import (
	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/wire"
)

func toCard(c *Card) api.RegistrationCard {
	return api.RegistrationCard{
		ID: c.ID, Version: c.Version, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, BeneficiaryID: c.BeneficiaryID,
		Status: api.RegistrationCardStatus(c.Status), IssuedBy: c.IssuedBy, Prints: c.Prints, LastPrintedAt: c.LastPrintedAt,
		RevokeReason: wire.Opt(c.RevokeReason), RevokedAt: c.RevokedAt, RevokedBy: c.RevokedBy,
	}
}

func toHolder(c *Card, b *beneficiary.Beneficiary) api.RegistrationCardHolder {
	return api.RegistrationCardHolder{
		CardID: c.ID, BeneficiaryID: b.ID, Reference: b.Reference, GivenName: wire.Opt(b.GivenName), FamilyName: wire.Opt(b.FamilyName), Sex: b.Sex,
		BirthDate: wire.ToOptDate(b.BirthDate), BirthDatePrecision: b.BirthDatePrecision, MergedInto: b.MergedInto,
	}
}
