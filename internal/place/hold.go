package place

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/referral"
	"github.com/waystation/waystation/internal/servicemap"
	"github.com/waystation/waystation/internal/task"
	"github.com/waystation/waystation/internal/tenant"
)

// The states of a hold. The last three have ended.
const (
	Waiting  = "waiting"
	Held     = "held"
	Taken    = "taken"
	Released = "released"
	Expired  = "expired"
	NoShow   = "no_show"
)

// freed is the kind of the task to use a place that the line brought.
const freed = "place_held"

// Standing is how a hold stands: nothing in it is about a person.
type Standing struct {
	ServiceID  uuid.UUID
	Places     int
	Status     string
	UntilAt    *time.Time // held: when the place is free again
	JoinedAt   time.Time  // the order of the line
	PromotedAt *time.Time // when the line brought it a place
	EndedAt    *time.Time
}

// Line is a hold in the network's books.
type Line struct {
	db.Global
	OrganisationID uuid.UUID // the provider
	PartyID        uuid.UUID // the centre whose hold it is
	Standing
}

// TableName implements schema.Tabler.
func (Line) TableName() string { return "service_holds" }

// Tie is for whom a centre holds a place.
type Tie struct {
	db.Record
	ReferralID *uuid.UUID
	CaseID     *uuid.UUID
	CreatedBy  *uuid.UUID
}

// TableName implements schema.Tabler.
func (Tie) TableName() string { return "place_holds" }

// Hold is a centre's hold: the tie, and how it stands.
type Hold struct {
	Tie
	OrganisationID uuid.UUID
	Standing
	Position *int // in the line, from 1
}

// TableName implements schema.Tabler.
func (Hold) TableName() string { return "holds" }

// ProviderHold is a hold as the provider of the service sees it.
type ProviderHold struct {
	db.Global
	Standing
	Position *int
}

// TableName implements schema.Tabler.
func (ProviderHold) TableName() string { return "provider_holds" }

var (
	_ = db.Constraint("service_holds_pkey", idTaken)
	_ = db.Constraint("place_holds_pkey", idTaken)
	_ = db.Constraint("service_holds_full_check", full)
)

func idTaken() *fault.Error {
	return fault.New(fault.Conflict, "id_taken", "A hold has this id already.").Add("/id", "id_taken", "Choose a new UUID.")
}

func full() *fault.Error {
	return fault.New(fault.Conflict, "no_place_free", "Not enough places of this service are free, or others wait for them. Ask again with wait, or choose another service.")
}

// moves are the states that a hold may be in before each act of centre or provider.
var moves = map[string][]string{Taken: {Held}, NoShow: {Held}, Released: {Waiting, Held, Taken}, Expired: {Held}}

// move makes one step of a hold's life, or answers the 409.
func (s *Standing) move(to string) error {
	if !slices.Contains(moves[to], s.Status) {
		return fault.State(s.Status, "A hold that is %s does not become %s.", s.Status, to).With("allowed_states", moves[to])
	}
	s.Status, s.UntilAt = to, nil
	if to != Taken {
		now := db.Now()
		s.EndedAt = &now
	}
	return nil
}

// wish is what a centre asks of a service.
type wish struct {
	service uuid.UUID
	places  int
	hours   *int // at most what the provider allows; nil: that
	wait    bool // where no place is free, in the line
}

// reserve gives a centre a place, or where it would wait one in the line.
func reserve(ctx context.Context, t *Tie, w wish) (*Hold, error) {
	if err := t.judge(ctx, w.service); err != nil {
		return nil, err
	}
	s, err := servicemap.Find(ctx, w.service)
	if fault.Is(err, fault.NotFound) || err == nil && !s.TakesReferrals() {
		return nil, fault.InvalidField("/service_id", "takes_no_referrals", "There is no such service, it is not active, or it takes no referrals.")
	}
	if err != nil {
		return nil, err
	}
	t.CreatedBy = &auth.From(ctx).ID
	if err := db.Insert(ctx, t); err != nil {
		return nil, err
	}
	c, err := db.LockAny[Capacity](ctx, w.service)
	if err != nil {
		return nil, err
	}
	l, err := w.line(ctx, t, c)
	if err != nil {
		return nil, err
	}
	if err := db.Insert(ctx, l); err != nil {
		return nil, err
	}
	return db.Get[Hold](ctx, t.ID)
}

// line is the hold that a wish becomes beside what is left.
func (w wish) line(ctx context.Context, t *Tie, c *Capacity) (*Line, error) {
	party, err := tenant.One(ctx)
	if err != nil {
		return nil, err
	}
	l := &Line{Global: db.NewGlobal(&t.ID), OrganisationID: c.OrganisationID, PartyID: party}
	l.Standing = Standing{ServiceID: c.ID, Places: w.places, Status: Held, JoinedAt: db.Now()}
	switch {
	case c.Maximum == nil:
		return nil, fault.InvalidField("/service_id", "no_capacity", "The provider publishes no places of this service.")
	case w.places > *c.Maximum:
		return nil, fault.InvalidField("/places", "more_than_there_are", "The service has not so many places.")
	case c.suffices(w.places):
		hours := c.HoldHours
		if w.hours != nil {
			hours = min(hours, *w.hours)
		}
		until := l.JoinedAt.Add(time.Duration(hours) * time.Hour)
		l.UntilAt = &until
	case !w.wait:
		return nil, full().With("free", *c.Free()).With("waiting", c.Waiting)
	default:
		l.Status = Waiting
	}
	return l, nil
}

// judge refuses a hold for what the caller may not work on, and for a referral that has ended or goes elsewhere.
func (t *Tie) judge(ctx context.Context, service uuid.UUID) error {
	if t.ReferralID != nil {
		r, err := referral.LockWorked(ctx, *t.ReferralID)
		switch {
		case fault.Is(err, fault.NotFound):
			return fault.InvalidField("/referral_id", "unknown_referral", "There is no such referral here.")
		case err != nil:
			return err
		case !r.UnderWay() || r.ServiceID == nil || *r.ServiceID != service:
			return fault.InvalidField("/referral_id", "not_for_this", "A place is held for a referral that asks for this service and has not ended.")
		}
		t.CaseID = r.CaseID
		return nil
	}
	if t.CaseID == nil {
		return nil
	}
	err := casework.MayWork(ctx, *t.CaseID)
	if fault.Is(err, fault.NotFound) {
		return fault.InvalidField("/case_id", "unknown_case", "There is no such case here.")
	}
	return err
}

// inView narrows a query on holds to those whose case the caller may know of, and to those of no case.
func inView(ctx context.Context, q *gorm.DB) *gorm.DB {
	return q.Where("(case_id is null or case_id in (?))", casework.IDsInView(ctx, q))
}

func find(ctx context.Context, id uuid.UUID) (*Hold, error) {
	return db.One[Hold](ctx, func(q *gorm.DB) *gorm.DB { return inView(ctx, q).Where("id = ?", id) })
}

// moveHold makes a step of a centre's hold.
func moveHold(ctx context.Context, id uuid.UUID, ifMatch, to string) (*Hold, error) {
	h, err := find(ctx, id)
	if err != nil {
		return nil, err
	}
	if h.CaseID != nil {
		if err := casework.MayWork(ctx, *h.CaseID); err != nil {
			return nil, err
		}
	}
	if _, err := db.LockAny[Capacity](ctx, h.ServiceID); err != nil {
		return nil, err
	}
	l, err := db.Lock[Line](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if err := l.move(to); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, l); err != nil {
		return nil, err
	}
	if err := task.Settle(ctx, freed, id, &auth.From(ctx).ID); err != nil {
		return nil, err
	}
	return find(ctx, id)
}

// moveOwn makes a step of a hold on a provider's own service.
func moveOwn(ctx context.Context, service, id uuid.UUID, ifMatch, to string) (*ProviderHold, error) {
	if _, err := db.LockAny[Capacity](ctx, service); err != nil {
		return nil, err
	}
	h, err := db.Lock[ProviderHold](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if h.ServiceID != service {
		return nil, fault.Missing()
	}
	if err := h.move(to); err != nil {
		return nil, err
	}
	h.Version, h.UpdatedAt, h.Position = h.Version+1, db.Now(), nil
	return h, db.Tx(ctx).Select("version", "updated_at", "status", "until_at", "ended_at").Updates(h).Error
}
