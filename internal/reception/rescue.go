package reception

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/headcount"
)

// RescueEvent is a rescue and the convoy that it brought. Its headcount is that of its visits.
type RescueEvent struct {
	db.Record
	Kind           string    // code list rescue_event_kind
	OccurredAt     time.Time // of the rescue, not of the arrival
	Place          string
	OrganisationID *uuid.UUID // who brought them
	Note           string
	Status         string // active | void
	VoidReason     string
	CreatedBy      *uuid.UUID
}

// RescueEventPerson says that a registered person came with a convoy.
type RescueEventPerson struct {
	db.Record
	RescueEventID uuid.UUID
	BeneficiaryID uuid.UUID
	LinkedBy      *uuid.UUID
	VoidedAt      *time.Time
	VoidReason    string
}

// Personal implements db.Personal.
func (RescueEventPerson) Personal() {}

// TableName implements schema.Tabler.
func (RescueEventPerson) TableName() string { return "rescue_event_people" }

// Convoy is a rescue event with its counts, worked out when it is read: whatever two desks do at
// once, none is lost.
type Convoy struct {
	RescueEvent
	Headcount  int                        `gorm:"->"` // people counted on arrival
	Tallies    db.JSON[[]headcount.Tally] `gorm:"->"` // the same by sex and age group
	Registered int                        `gorm:"->"` // people linked; a merged record once, a void one never
	VisitIDs   db.UUIDs                   `gorm:"->"` // of its groups
}

// TableName implements schema.Tabler.
func (Convoy) TableName() string { return "rescue_events" }

// active is the state of what was not voided.
const active = "active"

var (
	_ = db.Constraint("rescue_events_pkey", idTaken)
	_ = db.Constraint("rescue_events_organisation_id_fkey", unknownOrganisation)
	_ = db.Constraint("rescue_event_people_pkey", idTaken)
)

func alreadyLinked() *fault.Error {
	return fault.New(fault.Conflict, "already_linked", "The person is linked to this rescue event already.").Add("/beneficiary_id", "already_linked", "Linked already.")
}

var _ = db.Constraint("rescue_event_people_key", alreadyLinked)

// Validate checks what the spec cannot say.
func (e *RescueEvent) Validate(now time.Time) error {
	rules := fault.Rules()
	past(rules, "/occurred_at", "The rescue", e.OccurredAt, now)
	return rules.Err()
}

// kept answers the 409 of an event that was voided.
func (e *RescueEvent) kept() error {
	if e.Status == Void {
		return fault.State(e.Status, "This rescue event was voided; it takes no more changes.")
	}
	return nil
}

// receiveConvoy stores an event with the visits of its groups: all of it, or nothing.
func receiveConvoy(ctx context.Context, e *RescueEvent, exception string, groups []arrival) error {
	d, err := deskOf(ctx)
	if err != nil {
		return err
	}
	if err := open(ctx, &exception); err != nil {
		return err
	}
	rules := fault.Rules()
	merge(rules, "", e.Validate(d.now))
	for i, g := range groups {
		g.visit.RescueEventID, g.visit.ExceptionReason = &e.ID, exception
		merge(rules, "", d.judge(g, fmt.Sprintf("/visits/%d", i)))
	}
	if err := rules.Err(); err != nil {
		return err
	}
	e.Status, e.CreatedBy = active, d.by
	if err := db.InsertAll(ctx, e); err != nil {
		return err
	}
	for _, g := range groups {
		if err := d.rank(ctx, g); err != nil { // by its headcount: nobody has a name yet
			return err
		}
		if err := insert(ctx, g.visit, headcounts(g.tallies, Headcount{VisitID: &g.visit.ID})); err != nil {
			return err
		}
	}
	return nil
}

// touch gives an event whose counts change its next version. It waits for whoever changes it now.
func touch(ctx context.Context, id *uuid.UUID) error {
	if id == nil {
		return nil
	}
	e, err := db.LockAny[RescueEvent](ctx, *id)
	if err != nil {
		return err
	}
	return db.Save(ctx, e)
}

// enlist links a person to an event that is held. A person is linked once: the link that is there
// is returned instead, and nothing changes.
func (d desk) enlist(ctx context.Context, e *RescueEvent, p *RescueEventPerson) (*RescueEventPerson, error) {
	if err := e.kept(); err != nil {
		return nil, err
	}
	there, err := db.Find[RescueEventPerson](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("rescue_event_id = ? and beneficiary_id = ? and voided_at is null", e.ID, p.BeneficiaryID)
	})
	if err != nil || len(there) > 0 {
		return first(there), err
	}
	p.RescueEventID, p.LinkedBy = e.ID, d.by
	if err := db.InsertAll(ctx, p); err != nil {
		return nil, err
	}
	return p, db.Save(ctx, e)
}

func first[T any](rows []T) *T {
	if len(rows) == 0 {
		return nil
	}
	return &rows[0]
}

// link links a registered person to an event; 409 where they are linked already.
func link(ctx context.Context, event uuid.UUID, p *RescueEventPerson) error {
	d, err := deskOf(ctx)
	if err != nil {
		return err
	}
	if err := hold(ctx, p.BeneficiaryID); err != nil {
		return err
	}
	e, err := db.LockAny[RescueEvent](ctx, event)
	if err != nil {
		return err
	}
	made, err := d.enlist(ctx, e, p)
	if err == nil && made != p {
		return alreadyLinked()
	}
	return err
}

// unlink voids a link made in error.
func unlink(ctx context.Context, event, id uuid.UUID, ifMatch, reason string) (*RescueEventPerson, error) {
	p, err := db.Lock[RescueEventPerson](ctx, id, ifMatch)
	if err == nil && p.RescueEventID != event {
		err = fault.Missing()
	}
	if err != nil {
		return nil, err
	}
	if p.VoidedAt != nil {
		return nil, fault.State(Void, "The link was voided already.")
	}
	now := db.Now()
	p.VoidedAt, p.VoidReason = &now, reason
	if err := touch(ctx, &event); err != nil {
		return nil, err
	}
	return p, db.Save(ctx, p)
}

// amend holds an event of a version, applies an act and stores the result.
func amend(ctx context.Context, id uuid.UUID, ifMatch string, act func(*RescueEvent) error) (*Convoy, error) {
	e, err := db.Lock[RescueEvent](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if err := e.kept(); err != nil {
		return nil, err
	}
	if err := act(e); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, e); err != nil {
		return nil, err
	}
	return findConvoy(ctx, id)
}

// voidConvoy voids an event made in error, and the visits of its groups with it. Visits are held
// before their event.
func voidConvoy(ctx context.Context, id uuid.UUID, ifMatch, reason string) (*Convoy, error) {
	var groups []Visit
	err := db.Tx(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("rescue_event_id = ? and status <> 'void'", id).Order("id").Find(&groups).Error
	if err != nil {
		return nil, err
	}
	return amend(ctx, id, ifMatch, func(e *RescueEvent) error {
		linked, err := db.Exists[RescueEventPerson](ctx, func(q *gorm.DB) *gorm.DB {
			return q.Where("rescue_event_id = ? and voided_at is null", id)
		})
		if err != nil {
			return err
		}
		if linked {
			return fault.New(fault.Invalid, "people_linked", "Registered people are linked to this rescue event. Void their links, then the event.")
		}
		for i := range groups {
			groups[i].Status, groups[i].VoidReason = Void, reason
			if err := db.Save(ctx, &groups[i]); err != nil {
				return err
			}
		}
		e.Status, e.VoidReason = Void, reason
		return nil
	})
}
