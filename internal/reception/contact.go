package reception

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/headcount"
)

// ServiceContact is something given or told to people who are counted and not named: the way in for
// whoever refuses to be registered (handbook 9.2). It names nobody, so it is kept without limit (9.5).
type ServiceContact struct {
	db.Record
	OccurredAt  time.Time
	OccurredOn  db.Date // the centre's day of OccurredAt
	ServiceType string  // code list service_type
	AccessMode  string  // code list centre_access_mode
	Reason      string  // code list anonymous_contact_reason: why nobody was registered
	Place       string
	Persons     int // the sum of its headcounts
	Note        string
	Status      string // active | void
	VoidReason  string
	CreatedBy   *uuid.UUID
}

var _ = db.Constraint("service_contacts_pkey", idTaken)

// contact is a service contact with those it counts.
type contact struct {
	*ServiceContact
	tallies []headcount.Tally
}

// judge fills in what follows from a contact and checks it.
func (c *contact) judge(d desk) error {
	rules := fault.Rules()
	past(rules, "/occurred_at", "The contact", c.OccurredAt, d.now)
	c.Persons, c.OccurredOn = headcount.Sum(rules, "/headcounts", c.tallies), d.day(c.OccurredAt)
	return rules.Err()
}

// record stores a new contact.
func (c *contact) record(ctx context.Context) error {
	d, err := deskOf(ctx)
	if err != nil {
		return err
	}
	c.Status, c.CreatedBy = active, d.by
	if err := c.judge(d); err != nil {
		return err
	}
	return insert(ctx, c.ServiceContact, headcounts(c.tallies, Headcount{ContactID: &c.ID}))
}

// wholeContact reads those whom a contact counts.
func wholeContact(ctx context.Context, row *ServiceContact) (*contact, error) {
	tallies, err := talliesOf(ctx, ofContact, row.ID)
	return &contact{row, tallies[row.ID]}, err
}

// changeContact holds a contact of a version, applies an act and stores the result.
func changeContact(ctx context.Context, id uuid.UUID, ifMatch string, act func(*contact) error) (*contact, error) {
	row, err := db.Lock[ServiceContact](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	c, err := wholeContact(ctx, row)
	if err != nil {
		return nil, err
	}
	if c.Status == Void {
		return nil, fault.State(c.Status, "This contact was voided; it takes no more changes.")
	}
	if err := act(c); err != nil {
		return nil, err
	}
	return c, db.Save(ctx, c.ServiceContact)
}

// correct applies what changed in a contact and judges it; tallies are nil where they stay.
func (c *contact) correct(ctx context.Context, edit func(), tallies []headcount.Tally) error {
	d, err := deskOf(ctx)
	if err != nil {
		return err
	}
	edit()
	if tallies != nil {
		c.tallies = tallies
	}
	if err := c.judge(d); err != nil || tallies == nil {
		return err
	}
	return recount(ctx, ofContact, c.ID, headcounts(tallies, Headcount{ContactID: &c.ID}))
}
