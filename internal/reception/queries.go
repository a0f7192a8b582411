package reception

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
)

var visitSorts = db.Sorts[Visit]{
	"arrived_at": {SQL: "arrived_at", Cast: "timestamptz", Value: func(v *Visit) any { return v.ArrivedAt }},
}

func listVisits(ctx context.Context, l db.Listing, f db.Conditions) (db.Paged[Visit], error) {
	return db.Page(ctx, l, visitSorts, f.Apply)
}

// queueSort is the order of the queue, as the index visits_queue keeps it.
const queueSort = "queue"

var queueSorts = db.Sorts[Visit]{
	queueSort: {SQL: "queue_key", Cast: "bigint", Value: func(v *Visit) any { return v.QueueKey }},
}

// listQueue returns who waits, the first to be seen first. Those who were seen cost nothing: the
// index holds only those who wait.
func listQueue(ctx context.Context, l db.Listing, f db.Conditions) (db.Paged[Visit], error) {
	return db.Page(ctx, l, queueSorts, func(q *gorm.DB) *gorm.DB {
		return f.Apply(q.Where("status = 'waiting'")) // as the index has it
	})
}

// peopleOf returns the registered people of visits, by id.
func peopleOf(ctx context.Context, visits []Visit) (map[uuid.UUID]beneficiary.Beneficiary, error) {
	ids := db.UUIDs{}
	for _, v := range visits {
		if v.BeneficiaryID != nil {
			ids = append(ids, *v.BeneficiaryID)
		}
	}
	out := map[uuid.UUID]beneficiary.Beneficiary{}
	if len(ids) == 0 {
		return out, nil
	}
	people, err := db.Find[beneficiary.Beneficiary](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id = any (?)", ids) })
	for _, b := range people {
		out[b.ID] = b
	}
	return out, err
}

// counted works out the counts of rescue events beside their rows.
const counted = `
cross join lateral (
  select coalesce(sum(t.persons), 0)::bigint as headcount,
    coalesce(jsonb_agg(jsonb_build_object('sex', t.sex, 'age_group', t.age_group, 'persons', t.persons) order by t.sex, t.age_group), '[]') as tallies
  from (select h.sex, h.age_group, sum(h.persons) as persons
    from visits v join headcounts h on h.centre_id = v.centre_id and h.visit_id = v.id
    where v.centre_id = rescue_events.centre_id and v.rescue_event_id = rescue_events.id and v.status <> 'void' group by 1, 2) t) arrived
cross join lateral (
  select coalesce(array_agg(v.id order by v.arrived_at, v.id), '{}') as visit_ids
  from visits v where v.centre_id = rescue_events.centre_id and v.rescue_event_id = rescue_events.id and v.status <> 'void' and v.headcount is not null) came
cross join lateral (
  select count(distinct coalesce(b.merged_into, b.id)) as registered
  from rescue_event_people p join beneficiaries b on b.centre_id = p.centre_id and b.id = p.beneficiary_id
  where p.centre_id = rescue_events.centre_id and p.rescue_event_id = rescue_events.id and p.voided_at is null and b.status <> 'void') known`

func withCounts(q *gorm.DB) *gorm.DB {
	return q.Select("rescue_events.*, arrived.headcount, arrived.tallies, came.visit_ids, known.registered").Joins(counted)
}

var convoySorts = db.Sorts[Convoy]{
	"occurred_at": {SQL: "occurred_at", Cast: "timestamptz", Value: func(e *Convoy) any { return e.OccurredAt }},
}

func listConvoys(ctx context.Context, l db.Listing, f db.Conditions) (db.Paged[Convoy], error) {
	return db.Page(ctx, l, convoySorts, func(q *gorm.DB) *gorm.DB { return f.Apply(withCounts(q)) })
}

// findConvoy returns an event with its counts, or the 404.
func findConvoy(ctx context.Context, id uuid.UUID) (*Convoy, error) {
	return db.One[Convoy](ctx, func(q *gorm.DB) *gorm.DB { return withCounts(q).Where("rescue_events.id = ?", id) })
}

var linkSorts = db.Sorts[RescueEventPerson]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(p *RescueEventPerson) any { return p.CreatedAt }},
}

func listLinks(ctx context.Context, l db.Listing, event uuid.UUID) (db.Paged[RescueEventPerson], error) {
	page, err := db.Page(ctx, l, linkSorts, func(q *gorm.DB) *gorm.DB {
		return q.Where("rescue_event_id = ? and voided_at is null", event)
	})
	if err == nil && len(page.Rows) == 0 {
		_, err = db.Get[RescueEvent](ctx, event)
	}
	return page, err
}

// findLink returns a link of the event of the path, or the 404.
func findLink(ctx context.Context, event, id uuid.UUID) (*RescueEventPerson, error) {
	return db.One[RescueEventPerson](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("rescue_event_id = ? and id = ?", event, id) })
}

var contactSorts = db.Sorts[ServiceContact]{
	"occurred_at": {SQL: "occurred_at", Cast: "timestamptz", Value: func(c *ServiceContact) any { return c.OccurredAt }},
}

func listContacts(ctx context.Context, l db.Listing, f db.Conditions) (db.Paged[ServiceContact], error) {
	return db.Page(ctx, l, contactSorts, f.Apply)
}
