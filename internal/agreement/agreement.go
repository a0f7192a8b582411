// Package agreement keeps what a centre, or the whole network, agrees with an organisation about the people whom it
// refers there: which facts may be told, how sensitive, by which way and for how long (handbook 5.4).
package agreement

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// States of an agreement.
const (
	draft     = "draft"
	active    = "active"
	suspended = "suspended"
	ended     = "ended"
)

// Agreement is between a centre or the network and an organisation. What was activated stays as it was agreed.
type Agreement struct {
	db.Global
	PartyID            *uuid.UUID `gorm:"<-:create"` // a centre; nil: the network
	OrganisationID     uuid.UUID  `gorm:"<-:create"`
	Purpose            string
	Fields             db.Strings // that may be told beside code, age group and sex
	SensitivityCeiling string     // normal | sensitive | restricted
	Channels           db.Strings // code list referral_channel
	RetentionDays      int        // at the receiver
	SubSharing         bool
	AuditRight         bool
	BreachContact      db.JSON[Contact]
	BreachNoticeHours  int
	AcknowledgeHours   db.JSON[map[string]int] // by priority; so is the next
	DecisionHours      db.JSON[map[string]int]
	StartsOn           db.Date
	EndsOn             *db.Date // the last day
	Status             string
}

// TableName implements schema.Tabler.
func (Agreement) TableName() string { return "agreements" }

// Contact is an office, never a person.
type Contact struct {
	Office string `json:"office"`
	Email  string `json:"email,omitempty"`
	Phone  string `json:"phone,omitempty"`
}

var (
	_ = db.Constraint("agreements_pkey", func() *fault.Error {
		return fault.New(fault.Conflict, "id_taken", "An agreement has this id already.").Add("/id", "id_taken", "Choose a new UUID.")
	})
	_ = db.Constraint("agreements_one_excl", func() *fault.Error {
		return fault.New(fault.Conflict, "overlapping_agreement", "Another agreement between the same parties is active in these days. End it first.")
	})
	_ = db.Constraint("agreements_days_check", func() *fault.Error {
		return fault.InvalidField("/ends_on", "out_of_order", "The agreement ends before it begins.")
	})
)

// always may be told: by these nobody is known, and a receiver sees them before it accepts.
var always = []string{"age_group", "sex"}

// Allows tells whether a fact may be told.
func (a *Agreement) Allows(field string) bool {
	return slices.Contains(always, field) || slices.Contains(a.Fields, field)
}

// sensitivities in their order (handbook 9.3).
var sensitivities = []string{"normal", "sensitive", "restricted"}

// Covers tells whether something of a sensitivity may be told.
func (a *Agreement) Covers(sensitivity string) bool {
	at := slices.Index(sensitivities, sensitivity)
	return at >= 0 && at <= slices.Index(sensitivities, a.SensitivityCeiling) // what is not known is not told
}

// inForce tells whether the agreement holds on a day.
func (a *Agreement) inForce(day db.Date) bool {
	return a.Status == active && !day.Before(a.StartsOn.Time) && (a.EndsOn == nil || !day.After(a.EndsOn.Time))
}

// inForceSQL is inForce, today.
const inForceSQL = "(status = 'active' and (now() at time zone 'utc')::date between starts_on and coalesce(ends_on, 'infinity'))"

// InForce returns the agreement with an organisation under which the centre of the session refers people there today, nil where there is
// none: its own before the network's.
func InForce(ctx context.Context, organisation uuid.UUID) (*Agreement, error) {
	found, err := db.Find[Agreement](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("organisation_id = ? and "+inForceSQL, organisation).Order("party_id nulls last").Limit(1)
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// AllInForce is InForce for many organisations at once.
func AllInForce(ctx context.Context, organisations []uuid.UUID) (map[uuid.UUID]*Agreement, error) {
	found, err := db.Find[Agreement](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("organisation_id in ? and "+inForceSQL, organisations).Order("party_id nulls first")
	})
	by := map[uuid.UUID]*Agreement{}
	for i := range found {
		by[found[i].OrganisationID] = &found[i]
	}
	return by, err
}

// concludes refuses whoever does not act for the party: a centre's people for their centre, network officers for all.
func (a *Agreement) concludes(ctx context.Context) error {
	scope := db.Current(ctx).Scope()
	switch {
	case a.PartyID == nil && !scope.Network:
		return fault.Denied("The network's own agreements are concluded by its officers.")
	case a.PartyID != nil && !slices.Contains(scope.Centres, *a.PartyID):
		return fault.InvalidField("/centre_id", "unknown_reference", "There is no such centre that the caller concludes agreements for.")
	}
	return nil
}

// judgeOrganisation refuses an organisation that takes no part in the network.
func (a *Agreement) judgeOrganisation(ctx context.Context) error {
	var works bool
	err := db.Tx(ctx).Raw("select exists (select from organisations where id = ? and active)", a.OrganisationID).Scan(&works).Error
	if err == nil && !works {
		err = fault.InvalidField("/organisation_id", "unknown_organisation", "The other party is an active organisation of the network.")
	}
	return err
}

// drafted is the 409 of what was activated.
func (a *Agreement) drafted() error {
	if a.Status != draft {
		return fault.State(a.Status, "What was agreed stays. End the agreement and draft another one.")
	}
	return nil
}

// become makes a move that the state allows.
func (a *Agreement) become(status string, from ...string) error {
	if !slices.Contains(from, a.Status) {
		return fault.State(a.Status, "The agreement's state does not allow this.").With("allowed_states", from)
	}
	a.Status = status
	return nil
}

// change holds an agreement that the caller may conclude, applies an act and stores it.
func change(ctx context.Context, id uuid.UUID, ifMatch string, act func(*Agreement) error) (*Agreement, error) {
	a, err := db.Lock[Agreement](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if err := a.concludes(ctx); err != nil {
		return nil, err
	}
	if err := act(a); err != nil {
		return nil, err
	}
	return a, db.Save(ctx, a)
}

var sorts = db.Sorts[Agreement]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(a *Agreement) any { return a.CreatedAt }},
	"starts_on":  {SQL: "starts_on", Cast: "date", Value: func(a *Agreement) any { return a.StartsOn }},
}
