package referral

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/agreement"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/servicemap"
)

// candidate is a service that a person could be referred to, and on what terms.
type candidate struct {
	servicemap.Fit
	terms
}

// modes are how the person may be told of.
func (c candidate) modes() []string {
	if c.agreement == nil && !c.policy.IdentifiedWithoutAgreement {
		return []string{Coded, Anonymous}
	}
	return []string{Identified, Coded, Anonymous}
}

// eligible judges the services of a type for the person of a case. pcodes tell where the person is; without any, at the centre.
func eligible(ctx context.Context, caseID uuid.UUID, kind string, pcodes []string, limit int) ([]candidate, error) {
	c, err := casework.Find(ctx, caseID)
	if err != nil {
		return nil, err
	}
	person, err := beneficiary.Find(ctx, c.BeneficiaryID)
	if err != nil {
		return nil, err
	}
	asked, err := asks(ctx, person, c.CentreID.UUID(), pcodes)
	if err != nil {
		return nil, err
	}
	fits, err := servicemap.Fitting(ctx, kind, asked, limit)
	if err != nil {
		return nil, err
	}
	return onTerms(ctx, fits)
}

// asks is what the rules of services ask of a person.
func asks(ctx context.Context, b *beneficiary.Beneficiary, at uuid.UUID, pcodes []string) (servicemap.Person, error) {
	here, err := db.Get[centre.Centre](ctx, at)
	if err != nil {
		return servicemap.Person{}, err
	}
	zone, err := time.LoadLocation(here.TimeZone)
	if err != nil {
		return servicemap.Person{}, err
	}
	if len(pcodes) == 0 && here.Pcode != "" {
		pcodes = []string{here.Pcode}
	}
	p := servicemap.Person{Sex: b.Sex, PopulationType: b.PopulationType, Nationalities: b.Nationalities, Pcodes: pcodes}
	if b.BirthDate != nil {
		years := age(*b.BirthDate, db.Now().In(zone))
		p.Age = &years
	}
	return p, nil
}

// onTerms adds what is agreed with each provider.
func onTerms(ctx context.Context, fits []servicemap.Fit) ([]candidate, error) {
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return nil, err
	}
	providers := make([]uuid.UUID, len(fits))
	for i := range fits {
		providers[i] = fits[i].OrganisationID
	}
	agreed, err := agreement.AllInForce(ctx, providers)
	if err != nil {
		return nil, err
	}
	list := make([]candidate, len(fits))
	for i := range fits {
		list[i] = candidate{fits[i], terms{policy: policy.Referral, agreement: agreed[fits[i].OrganisationID], service: &fits[i].Service}}
	}
	return list, nil
}
