package referral

import (
	"cmp"
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// GetReferralFHIR returns a referral of the centre in the terms of FHIR.
func (Handlers) GetReferralFHIR(ctx context.Context, req api.GetReferralFHIRRequestObject) (api.GetReferralFHIRResponseObject, error) {
	r, err := find(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if err := read(ctx, *r); err != nil {
		return nil, err
	}
	owner := r.Destination.V.Name
	if r.Direction == Outbound && owner == "" {
		if owner, err = nameOf(ctx, r.OrganisationID); err != nil {
			return nil, err
		}
	}
	record := db.Global{CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
	return api.GetReferralFHIR200ApplicationFhirPlusJSONResponse{
		Body: seen{&r.Envelope, r.ID, record, r.readable(), owner}.bundle(), Headers: api.GetReferralFHIR200ResponseHeaders{ETag: wire.ETag(r.Version)},
	}, nil
}

// readable is what the centre reads of the person in a referral: what it froze, or what it was told.
func (r *Referral) readable() Content {
	switch {
	case r.Direction == Outbound && r.Snapshot != nil:
		return r.whole()
	case r.TwinCentreID != nil && r.Direction == Inbound:
		return *cmp.Or(r.disclosedHere(), &Content{})
	case r.Direction == Outbound || r.Person == nil:
		return Content{} // nothing is frozen
	}
	p := r.Person.V
	return Content{
		GivenName: p.GivenName, FamilyName: p.FamilyName, OtherNames: p.OtherNames, Sex: p.Sex, BirthDate: p.BirthDate, BirthDatePrecision: p.BirthDatePrecision,
		Nationalities: p.Nationalities, Languages: p.Languages, Phone: p.Phone, DocumentType: p.DocumentType, DocumentNumber: p.DocumentNumber,
		Explanation: r.Explanation, Background: r.Background, ServicesProvided: r.ServicesProvided,
	}
}

// GetPartnerReferralFHIR returns what the organisation may read now in the terms of FHIR.
func (Handlers) GetPartnerReferralFHIR(ctx context.Context, req api.GetPartnerReferralFHIRRequestObject) (api.GetPartnerReferralFHIRResponseObject, error) {
	p, err := db.Get[PartnerReferral](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	content, err := p.opened(ctx)
	if err != nil {
		return nil, err
	}
	owner := ""
	if p.Direction == Outbound {
		if owner, err = nameOf(ctx, p.OrganisationID); err != nil {
			return nil, err
		}
	}
	return api.GetPartnerReferralFHIR200ApplicationFhirPlusJSONResponse{
		Body: seen{&p.Envelope, p.ID, p.Global, *cmp.Or(content, &Content{}), owner}.bundle(), Headers: api.GetPartnerReferralFHIR200ResponseHeaders{ETag: wire.ETag(p.Version)},
	}, nil
}

// nameOf is that of an organisation.
func nameOf(ctx context.Context, id uuid.UUID) (string, error) {
	found, err := db.Find[receiver](ctx, func(q *gorm.DB) *gorm.DB { return q.Select("id", "name").Where("id = ?", id) })
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0].Name, nil
}
