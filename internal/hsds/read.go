package hsds

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/servicemap"
)

// filter is what the lists of services, sites and organisations are narrowed by; what is given adds up.
type filter struct {
	search, term, taxonomy, organisation, place *string
	modified                                    *time.Time
}

const worded = "strpos(lower(unaccent(name || ' ' || description)), lower(unaccent(?))) > 0"

// services narrows to public entries.
func (f filter) services(q *gorm.DB) *gorm.DB {
	q = q.Table(public)
	c := db.When(db.Conditions{}, worded, f.search)
	c = db.When(c, "last_modified >= ?", f.modified)
	return f.classed(named(c.Apply(q), "organisation_id", f.organisation))
}

// classed keeps to a term, those below it, and a taxonomy. One that is unknown classifies nothing.
func (f filter) classed(q *gorm.DB) *gorm.DB {
	if f.term != nil {
		t := shipped().find(*f.term)
		if t == nil {
			return q.Where("false")
		}
		q = q.Where("("+t.column+" = ? or "+t.column+" like ?)", t.code, t.code+".%")
	}
	if f.taxonomy != nil {
		column := "''"
		for _, l := range lists {
			if derived(namespace, l.list).String() == *f.taxonomy {
				column = l.column
			}
		}
		q = q.Where(column + " <> ''")
	}
	return q
}

// named keeps to an id; what is none names nothing.
func named(q *gorm.DB, column string, id *string) *gorm.DB {
	if id == nil {
		return q
	}
	parsed, err := uuid.Parse(*id)
	if err != nil {
		return q.Where("false")
	}
	return q.Where(column+" = ?", parsed)
}

// sites narrows to where such services are given, but for retired locations.
func (f filter) sites(q *gorm.DB) *gorm.DB {
	of := f.services(q.Session(&gorm.Session{NewDB: true})).Select("id")
	q = q.Table(given).Where("service_id in (?)", of)
	if f.place != nil {
		q = q.Where("location_id in (select id from service_locations where areas @> ?::text[])", db.Strings{*f.place})
	}
	return q
}

// providers narrows to organisations that offer such services.
func (f filter) providers(q *gorm.DB) *gorm.DB {
	of := filter{term: f.term, taxonomy: f.taxonomy}.services(q.Session(&gorm.Session{NewDB: true})).Select("organisation_id")
	q = q.Select("id", "name", "email", "phone", "website", "description").Where("active and id in (?)", of)
	if f.search != nil {
		q = q.Where(worded, *f.search)
	}
	return q
}

// nest is what belongs to some services: their providers, where they are given, and the locations.
type nest struct {
	providers map[uuid.UUID]*provider
	sites     map[uuid.UUID][]site // by service
	locations map[uuid.UUID]*servicemap.Location
}

// around reads what belongs to services, each kind at once.
func around(ctx context.Context, list []service) (n nest, err error) {
	ids, organisations := make([]uuid.UUID, len(list)), make([]uuid.UUID, len(list))
	for i := range list {
		ids[i], organisations[i] = list[i].ID, list[i].OrganisationID
	}
	found, err := db.Find[provider](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Select("id", "name", "email", "phone", "website", "description").Where("id in ?", organisations)
	})
	if err != nil {
		return n, err
	}
	n.providers = byID(found, func(p *provider) uuid.UUID { return p.ID })
	sites, err := db.Find[site](ctx, func(q *gorm.DB) *gorm.DB { return q.Table(given).Where("service_id in ?", ids).Order("id") })
	if err != nil {
		return n, err
	}
	n.sites = map[uuid.UUID][]site{}
	for _, s := range sites {
		n.sites[s.ServiceID] = append(n.sites[s.ServiceID], s)
	}
	n.locations, err = places(ctx, sites)
	return n, err
}

// places reads the locations of sites, as the façade shows them.
func places(ctx context.Context, sites []site) (map[uuid.UUID]*servicemap.Location, error) {
	ids := make([]uuid.UUID, len(sites))
	for i, s := range sites {
		ids[i] = s.LocationID
	}
	found, err := db.Find[servicemap.Location](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id in ?", ids) })
	for i := range found {
		found[i] = *found[i].Shown()
	}
	return byID(found, func(l *servicemap.Location) uuid.UUID { return l.ID }), err
}

// served reads the public services of providers.
func served(ctx context.Context, list []provider) (map[uuid.UUID][]service, error) {
	ids := make([]uuid.UUID, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	found, err := db.Find[service](ctx, func(q *gorm.DB) *gorm.DB {
		return filter{}.services(q).Where("organisation_id in ?", ids).Order("name, id")
	})
	by := map[uuid.UUID][]service{}
	for _, s := range found {
		by[s.OrganisationID] = append(by[s.OrganisationID], s)
	}
	return by, err
}
