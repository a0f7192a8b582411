package servicemap

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
)

// found is a service in a search.
type found struct {
	Service
	DistanceKm *float64 // to the nearest site of a known place; nil where nobody asked
}

// search is what a list is narrowed by beside plain conditions.
type search struct {
	db.Conditions
	near     *point
	radiusKm *float64
}

// The verification of a service is overdue from the day after it was due; only what is active, verified and given somewhere is suggested.
const (
	overdue     = "next_verification_due_on < (now() at time zone 'utc')::date"
	suggestible = "status = '" + active + "' and not " + overdue + " and not (" + retired + ")"
	retired     = "location_ids <> '{}' and not exists (select from service_locations l where l.id = any (location_ids) and l.retired_at is null)" // all of its sites
)

// inRegion compares a P-code, and the areas around it, with what a service covers, and it with the areas that its sites lie in.
const inRegion = `id = any (array(select service_id from service_coverage where pcode = any (cast(@around as text[])) union
	select t.service_id from service_sites t join service_locations l on l.id = t.location_id where l.areas @> array[cast(@pcode as text)] and l.retired_at is null))`

// from is the table that a search reads: services, each with its distance.
func (s search) from(q *gorm.DB) *gorm.DB {
	if s.near == nil {
		return q.Table("(select s.*, null::float8 as distance_km from services s) as services")
	}
	return q.Table(`(select s.*, (select min(distance_km(?, ?, l.latitude, l.longitude)) from service_locations l where l.id = any (s.location_ids) and not l.confidential and l.retired_at is null) as distance_km from services s) as services`,
		s.near.latitude, s.near.longitude).Where("distance_km is not null")
}

// build is the db.Build of the search. The box is what the index on places answers; the distance decides.
func (s search) build(q *gorm.DB) *gorm.DB {
	q = s.Apply(s.from(q))
	if s.near == nil || s.radiusKm == nil {
		return q
	}
	b := s.near.within(*s.radiusKm)
	return q.Where(`id = any (array(select t.service_id from service_sites t join service_locations l on l.id = t.location_id where not l.confidential and l.retired_at is null and l.latitude between ? and ?
		and (l.longitude between ? and ? or l.longitude between ? and ?)))`, b.south, b.north, b.west, b.east, b.beyondWest, b.beyondEast).
		Where("distance_km <= ?", *s.radiusKm)
}

// sorts are the sort keys of the search: by distance only from somewhere.
func (s search) sorts() db.Sorts[found] {
	all := db.Sorts[found]{
		"name":                     {SQL: "name", Cast: "text", Value: func(f *found) any { return f.Name }},
		"created_at":               {SQL: "created_at", Cast: "timestamptz", Value: func(f *found) any { return f.CreatedAt }},
		"next_verification_due_on": {SQL: "next_verification_due_on", Cast: "date", Value: func(f *found) any { return f.NextVerificationDueOn }},
	}
	if s.near != nil {
		all["distance"] = db.Sort[found]{SQL: "distance_km", Cast: "float8", Value: func(f *found) any { return *f.DistanceKm }}
	}
	return all
}

func (s search) page(ctx context.Context, l db.Listing) (db.Paged[found], error) {
	return db.Page(ctx, l, s.sorts(), s.build)
}

var locationSorts = db.Sorts[Location]{ // none by what a cursor must not carry of a confidential one
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(l *Location) any { return l.CreatedAt }},
}

// Change is a line of a service's history. The database writes it.
type Change struct {
	ID        uuid.UUID
	ServiceID uuid.UUID
	Version   int64 // that the change made
	At        time.Time
	ActorID   *uuid.UUID
	ActorKind string     // user | client | system
	Action    string     // created | updated | verified
	Fields    db.Strings // their names; none where the entry was made
	Note      string     // of a verification
}

// RowID implements db.Row.
func (c *Change) RowID() uuid.UUID { return c.ID }

// TableName implements schema.Tabler.
func (Change) TableName() string { return "service_changes" }

var changeSorts = db.Sorts[Change]{
	"version": {SQL: "version", Cast: "bigint", Value: func(c *Change) any { return c.Version }},
}
