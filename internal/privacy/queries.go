package privacy

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
)

var consentSorts = db.Sorts[beneficiary.Consent]{
	"given_at": {SQL: "given_at", Cast: "timestamptz", Value: func(c *beneficiary.Consent) any { return c.GivenAt }},
}

func listConsents(ctx context.Context, l db.Listing, beneficiaryID uuid.UUID, scope *string) (db.Paged[beneficiary.Consent], error) {
	return db.Page(ctx, l, consentSorts, func(q *gorm.DB) *gorm.DB {
		q = q.Where("beneficiary_id = ?", beneficiaryID)
		if scope != nil {
			q = q.Where("scope = ?", *scope)
		}
		return q
	})
}

// findConsent returns a decision of the person of the path.
func findConsent(ctx context.Context, beneficiaryID, id uuid.UUID) (*beneficiary.Consent, error) {
	return db.One[beneficiary.Consent](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("beneficiary_id = ? and id = ?", beneficiaryID, id) })
}
