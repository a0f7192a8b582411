package servicemap

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/pcode"
)

// Person is what the rules of services ask of somebody: nothing by which they are known.
type Person struct {
	Sex             string // code list sex; empty: not known
	Age             *int   // in completed years; nil: not known
	PopulationType  string
	MigrationStatus string
	Nationalities   []string
	Languages       []string   // BCP 47
	Needs           []string   // code list specific_need_unhcr
	Pcodes          []string   // of where they are, in any depth; none: not known
	Held            db.UUIDs   // services of which a place is held for them
	Near            [2]float64 // where distances are from: latitude and longitude
	Placed          bool       // Near is known
	RadiusKm        *float64   // what is farther does not suit; nil: everything is near enough
}

// Fit is a service, and why it does not suit somebody.
type Fit struct {
	Service
	ProviderName string
	OpenNow      bool       // any of its sites
	DistanceKm   *float64   // to the nearest site of a known place
	Free         *int       // places that are left; nil: none are published
	Held         bool       // a place is held for them
	Reasons      db.Strings // none: it suits
}

// fitting judges services for a person, rule by rule. What is not known of the person breaks no rule but that of age, which must not
// be guessed. Who speaks no language of a service is still served where somebody interprets.
const fitting = `(select s.*, o.name as provider_name, sites_open_at(s.sites, now()) as open_now, d.distance_km, case when c.maximum is not null then places_free(c) end as free,
	s.id = any (p.held) as held, array_remove(array[
	case when s.status <> 'active' then 'not_active' end,
	case when not o.active then 'provider_inactive' end,
	case when s.next_verification_due_on < (now() at time zone 'utc')::date then 'not_verified' end,
	case when 'not_accepted' = any (s.referral_methods) then 'takes_no_referrals' end,
	case when s.sexes <> '{}' and p.sex <> '' and p.sex <> all (s.sexes) then 'sex' end,
	case when coalesce(s.minimum_age, s.maximum_age) is null then null when p.age is null then 'age_unknown'
		when p.age not between coalesce(s.minimum_age, 0) and coalesce(s.maximum_age, 1000) then 'age' end,
	case when s.population_types <> '{}' and p.population_type <> '' and p.population_type <> all (s.population_types) then 'population_type' end,
	case when s.nationalities <> '{}' and p.nationalities <> '{}' and not s.nationalities && p.nationalities then 'nationality' end,
	case when s.migration_statuses <> '{}' and p.migration_status <> '' and p.migration_status <> all (s.migration_statuses) then 'migration_status' end,
	case when s.specific_needs <> '{}' and p.needs <> '{}' and not s.specific_needs && p.needs then 'specific_need' end,
	case when s.languages <> '{}' and p.languages <> '{}' and not s.languages && p.languages and s.interpretation = '' then 'language' end,
	case when s.coverage_pcodes <> '{}' and p.pcodes <> '{}' and not s.coverage_pcodes && p.pcodes then 'coverage' end,
	case when ` + retired + ` then 'no_site' end,
	case when d.distance_km > p.radius_km then 'too_far' end,
	case when c.maximum is not null and (places_free(c) = 0 or c.waiting > 0) and s.id <> all (p.held) then 'full' end
	], null) as reasons
	from services s join organisations o on o.id = s.organisation_id join service_capacities c on c.id = s.id
	cross join (select ?::text as sex, ?::int as age, ?::text as population_type, ?::text as migration_status, ?::text[] as nationalities, ?::text[] as languages, ?::text[] as needs,
		?::text[] as pcodes, ?::uuid[] as held, ?::float8 as latitude, ?::float8 as longitude, ?::bool as placed, ?::float8 as radius_km) p
	left join lateral (select min(distance_km(p.latitude, p.longitude, l.latitude, l.longitude)) as distance_km from service_locations l
		where p.placed and l.id = any (s.location_ids) and not l.confidential and l.retired_at is null) d on true) as services`

// Fitting returns the services of a type, of any type below it, or of every type where kind is empty, that suit a person and those
// that do not, the best first: those that break the least, that are open, that are near.
func Fitting(ctx context.Context, kind string, p Person, limit int) ([]Fit, error) {
	return db.Find[Fit](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Table(fitting, p.Sex, p.Age, p.PopulationType, p.MigrationStatus, db.Strings(p.Nationalities), db.Strings(p.Languages), db.Strings(p.Needs),
			db.Strings(pcode.Around(p.Pcodes...)), p.Held, p.Near[0], p.Near[1], p.Placed, p.RadiusKm).
			Where("? in ('', type, split_part(type, '.', 1)) and status <> ?", kind, defunct).
			Order("cardinality(reasons), open_now desc, distance_km nulls last, name, id").Limit(limit)
	})
}

// Find returns a service that the caller may see.
func Find(ctx context.Context, id uuid.UUID) (*Service, error) { return db.Get[Service](ctx, id) }

// TakesReferrals tells whether the service works and takes referrals at all.
func (s *Service) TakesReferrals() bool {
	return s.Status == active && !slices.Contains(s.ReferralMethods, notAccepted)
}

// Place reads where distances are from: "latitude,longitude".
func (p *Person) Place(text string) error {
	at, err := parsePoint(text)
	p.Near, p.Placed = [2]float64{at.latitude, at.longitude}, err == nil
	return err
}
