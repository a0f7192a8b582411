package referral

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

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

// wanted is what is asked for somebody.
type wanted struct {
	kind     string   // of service, or the head of its branch; empty: any
	pcodes   []string // where the person is; none: at the centre
	near     string   // where distances are from; empty: the centre
	radiusKm *float64
}

// eligible judges services for the person of a case.
func eligible(ctx context.Context, caseID uuid.UUID, w wanted, limit int) ([]candidate, error) {
	c, err := casework.Find(ctx, caseID)
	if err != nil {
		return nil, err
	}
	person, err := beneficiary.Find(ctx, c.BeneficiaryID)
	if err != nil {
		return nil, err
	}
	asked, err := asks(ctx, person, c, w)
	if err != nil {
		return nil, err
	}
	fits, err := servicemap.Fitting(ctx, w.kind, asked, limit)
	if err != nil {
		return nil, err
	}
	return onTerms(ctx, fits)
}

// asks is what the rules of services ask of the person of a case.
func asks(ctx context.Context, b *beneficiary.Beneficiary, c *casework.Case, w wanted) (p servicemap.Person, err error) {
	here, err := db.Get[centre.Centre](ctx, c.CentreID.UUID())
	if err != nil {
		return p, err
	}
	zone, err := time.LoadLocation(here.TimeZone)
	if err != nil {
		return p, err
	}
	p = servicemap.Person{Sex: b.Sex, PopulationType: b.PopulationType, MigrationStatus: b.MigrationStatus, Nationalities: b.Nationalities, Languages: b.Languages,
		Pcodes: w.pcodes, RadiusKm: w.radiusKm}
	if len(p.Pcodes) == 0 {
		p.Pcodes = []string{here.Pcode}
	}
	if b.BirthDate != nil {
		years := age(*b.BirthDate, db.Now().In(zone))
		p.Age = &years
	}
	switch {
	case w.near != "":
		err = p.Place(w.near)
	case here.Latitude != nil:
		p.Near, p.Placed = [2]float64{*here.Latitude, *here.Longitude}, true
	}
	if err != nil {
		return p, err
	}
	if p.Needs, err = needCodes(ctx, b.ID); err != nil {
		return p, err
	}
	err = db.Tx(ctx).Raw("select coalesce(array_agg(service_id), '{}') from holds where case_id = ? and status in ('held', 'taken')", c.ID).Row().Scan(&p.Held)
	return p, err
}

// needCodes are the needs of somebody that the caller may see.
func needCodes(ctx context.Context, person uuid.UUID) ([]string, error) {
	needs, err := db.Find[beneficiary.SpecificNeed](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("beneficiary_id = ? and code_system = 'specific_need_unhcr' and ended_on is null", person)
	})
	codes := make([]string, len(needs))
	for i, n := range needs {
		codes[i] = n.Code
	}
	return codes, err
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
