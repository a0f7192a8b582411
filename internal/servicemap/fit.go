package servicemap

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
)

// Person is what the rules of services ask of somebody: nothing by which they are known.
type Person struct {
	Sex            string // code list sex; empty: not known
	Age            *int   // in completed years; nil: not known
	PopulationType string
	Nationalities  []string
	Pcodes         []string // of where they are, in any depth; none: not known
}

// Fit is a service, and why it does not suit somebody.
type Fit struct {
	Service
	ProviderName string
	OpenNow      bool       // any of its sites
	Reasons      db.Strings // none: it suits
}

// fitting judges services for a person, rule by rule. What is not known of the person breaks no rule but that of age, which must not
// be guessed.
const fitting = `(select s.*, o.name as provider_name, sites_open_at(s.sites, now()) as open_now, array_remove(array[
	case when s.status <> 'active' then 'not_active' end,
	case when not o.active then 'provider_inactive' end,
	case when s.next_verification_due_on < (now() at time zone 'utc')::date then 'not_verified' end,
	case when 'not_accepted' = any (s.referral_methods) then 'takes_no_referrals' end,
	case when s.sexes <> '{}' and ?::text <> '' and ? <> all (s.sexes) then 'sex' end,
	case when coalesce(s.minimum_age, s.maximum_age) is null then null when ?::int is null then 'age_unknown'
		when ?::int not between coalesce(s.minimum_age, 0) and coalesce(s.maximum_age, 1000) then 'age' end,
	case when s.population_types <> '{}' and ?::text <> '' and ? <> all (s.population_types) then 'population_type' end,
	case when s.nationalities <> '{}' and cardinality(?::text[]) > 0 and not s.nationalities && ?::text[] then 'nationality' end,
	case when s.coverage_pcodes <> '{}' and cardinality(?::text[]) > 0 and not s.coverage_pcodes && ?::text[] then 'coverage' end
	], null) as reasons from services s join organisations o on o.id = s.organisation_id) as services`

// Fitting returns the services of a type, of any type below it, or of every type where kind is empty, that suit a person and those that do not, the best first.
func Fitting(ctx context.Context, kind string, p Person, limit int) ([]Fit, error) {
	nationalities, pcodes := db.Strings(p.Nationalities), db.Strings(p.Pcodes)
	return db.Find[Fit](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Table(fitting, p.Sex, p.Sex, p.Age, p.Age, p.PopulationType, p.PopulationType, nationalities, nationalities, pcodes, pcodes).
			Where("? in ('', type, split_part(type, '.', 1)) and status <> ?", kind, defunct).
			Order("cardinality(reasons), open_now desc, name, id").Limit(limit)
	})
}

// Find returns a service that the caller may see.
func Find(ctx context.Context, id uuid.UUID) (*Service, error) { return db.Get[Service](ctx, id) }

// TakesReferrals tells whether the service works and takes referrals at all.
func (s *Service) TakesReferrals() bool {
	return s.Status == active && !slices.Contains(s.ReferralMethods, notAccepted)
}
