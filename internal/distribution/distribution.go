package distribution

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/stock"
)

// Distribution is a plan to hand goods out, and the counter at which it is done.
type Distribution struct {
	db.Record
	Title          string
	Mode           string // named | headcount
	Route          string // general | health_nutrition
	Status         string
	LocationID     uuid.UUID // the store that it is issued from
	ScheduledOn    db.Date
	OpenList       bool // people who are on no line receive too
	Offers         db.JSON[[]Offer]
	Note           string
	PlannedBy      *uuid.UUID
	ApprovedBy     *uuid.UUID
	ApprovedAt     *time.Time
	OpenedBy       *uuid.UUID
	OpenedAt       *time.Time
	Brought        db.JSON[[]Quantity] // handed to the counter
	ClosedBy       *uuid.UUID
	ClosedAt       *time.Time
	ReconciledBy   *uuid.UUID
	ReconciledAt   *time.Time
	Reconciliation db.JSON[[]Variance]
	AdjustmentID   *uuid.UUID // the document that posts what is explained
	Reason         string     // why it was cancelled
}

// TableName implements schema.Tabler.
func (Distribution) TableName() string { return "distributions" }

// Offer is what a distribution hands out: of a named one by a rule; by headcount so much for each person.
type Offer struct {
	RuleID   *uuid.UUID       `json:"rule_id,omitempty"`
	ItemID   uuid.UUID        `json:"item_id"`
	Quantity *decimal.Decimal `json:"quantity,omitempty"` // in the item's base unit
}

// Quantity is so much of an item, in its base unit.
type Quantity struct {
	ItemID   uuid.UUID       `json:"item_id"`
	Quantity decimal.Decimal `json:"quantity"`
}

// The states of a distribution.
const (
	planned    = "planned"
	approved   = "approved"
	open       = "open"
	closed     = "closed"
	reconciled = "reconciled"
	cancelled  = "cancelled"
)

const (
	named      = "named"
	headcounts = "headcount"
	general    = "general"
	nutrition  = "health_nutrition"
)

var _ = db.Constraint("distributions_pkey", idTaken)

func fourEyes(public string) *fault.Error { return fault.New(fault.Invalid, "four_eyes", public) }

// plan stores a new distribution.
func (d *Distribution) plan(ctx context.Context) error {
	d.Status, d.PlannedBy = planned, caller(ctx)
	if err := d.judge(ctx); err != nil {
		return err
	}
	return db.Insert(ctx, d)
}

// judge checks what the spec cannot say of a plan, and fills in the items of its rules.
func (d *Distribution) judge(ctx context.Context) error {
	if _, err := db.Pgx(ctx); err != nil { // begin: more follows
		return err
	}
	rules := fault.Rules()
	place, err := db.Exists[stock.Location](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id = ? and active and kind <> 'transit'", d.LocationID) })
	if err != nil {
		return err
	}
	if !place {
		rules.Add("/location_id", "unknown_location", "There is no such store open here.")
	}
	if err := d.judgeOffers(ctx, rules); err != nil {
		return err
	}
	return rules.Err()
}

func (d *Distribution) judgeOffers(ctx context.Context, rules *fault.Error) error {
	byRule, err := d.rules(ctx)
	if err != nil {
		return err
	}
	items, err := d.items(ctx)
	if err != nil {
		return err
	}
	seen := map[uuid.UUID]bool{}
	for i := range d.Offers.V {
		o, pointer := &d.Offers.V[i], fmt.Sprintf("/offers/%d", i)
		key := o.ItemID
		if d.Mode == named {
			key = d.byRule(rules, pointer, o, byRule)
		} else if o.RuleID != nil || o.Quantity == nil || !o.Quantity.IsPositive() || !slices.Contains(items, o.ItemID) {
			rules.Add(pointer, "quantity_a_person", "By headcount an offer is an item in use here and its quantity for each person.")
		}
		if seen[key] {
			rules.Add(pointer, "repeated", "This is offered already.")
		}
		seen[key] = true
	}
	return d.judgeRoute(ctx, rules)
}

// byRule fills in an offer's item and answers by what it must be the only one.
func (d *Distribution) byRule(rules *fault.Error, pointer string, o *Offer, byRule map[uuid.UUID]Rule) (key uuid.UUID) {
	switch {
	case o.RuleID == nil || o.Quantity != nil:
		rules.Add(pointer, "rule", "A named distribution offers by a rule, which says how much.")
		return uuid.Nil
	case byRule[*o.RuleID].ID == uuid.Nil:
		rules.Add(pointer+"/rule_id", "unknown_rule", "There is no such rule in force here.")
	}
	o.ItemID = byRule[*o.RuleID].ItemID
	return *o.RuleID
}

// rules reads the rules in force that are offered.
func (d *Distribution) rules(ctx context.Context) (map[uuid.UUID]Rule, error) {
	var ids db.UUIDs
	for _, o := range d.Offers.V {
		if o.RuleID != nil {
			ids = append(ids, *o.RuleID)
		}
	}
	out := map[uuid.UUID]Rule{}
	if len(ids) == 0 {
		return out, nil
	}
	rows, err := db.Find[Rule](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id = any (?) and active", ids) })
	for _, r := range rows {
		out[r.ID] = r
	}
	return out, err
}

// items lists the items in use among those offered by headcount.
func (d *Distribution) items(ctx context.Context) (out []uuid.UUID, err error) {
	if d.Mode == named {
		return nil, nil
	}
	rows, err := db.Find[stock.Item](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id = any (?) and active", d.offered()) })
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out, err
}

func (d *Distribution) offered() (ids db.UUIDs) {
	for _, o := range d.Offers.V {
		ids = append(ids, o.ItemID)
	}
	return ids
}

// judgeRoute keeps what the SOP says to the health and nutrition route, inside kits too (handbook 7.2).
func (d *Distribution) judgeRoute(ctx context.Context, rules *fault.Error) error {
	if d.Route == nutrition {
		return nil
	}
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return err
	}
	contents, err := stock.Contents(ctx, d.offered()...)
	if err != nil {
		return err
	}
	for i, o := range d.Offers.V {
		if slices.ContainsFunc(contents[o.ItemID], func(code string) bool { return slices.Contains(policy.Stock.NutritionItems, code) }) {
			rules.Add(fmt.Sprintf("/offers/%d", i), "health_route_only", "This is issued by health workers in the health and nutrition route only.")
		}
	}
	return nil
}

// in answers the 409 of a distribution that is in none of these states.
func (d *Distribution) in(states ...string) error {
	if slices.Contains(states, d.Status) {
		return nil
	}
	return fault.State(d.Status, "A distribution that is %s does not take this step.", d.Status)
}

// change holds a distribution of a version that is in one of some states, applies an act and stores the result.
func change(ctx context.Context, id uuid.UUID, ifMatch string, act func(*Distribution) error, states ...string) (*Distribution, error) {
	d, err := db.Lock[Distribution](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if err := d.in(states...); err != nil {
		return nil, err
	}
	if err := act(d); err != nil {
		return nil, err
	}
	return d, db.Save(ctx, d)
}

// approve lets a plan be carried out: by another person than who made it.
func approve(ctx context.Context, id uuid.UUID, ifMatch string) (*Distribution, error) {
	return change(ctx, id, ifMatch, func(d *Distribution) error {
		by, now := caller(ctx), db.Now()
		if err := apart(ctx, d.PlannedBy, by, "Whoever planned a distribution does not approve it. Another person must."); err != nil {
			return err
		}
		d.Status, d.ApprovedBy, d.ApprovedAt = approved, by, &now
		return nil
	}, planned)
}

// apart answers the 422 of one person with two duties, unless the SOP lets them have both.
func apart(ctx context.Context, one, other *uuid.UUID, public string) error {
	if one == nil || other == nil || *one != *other {
		return nil
	}
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil || policy.Stock.SharedDuties {
		return err
	}
	return fourEyes(public)
}

// begin opens the counter with what was brought to it.
func begin(ctx context.Context, id uuid.UUID, ifMatch string, brought []Quantity) (*Distribution, error) {
	return change(ctx, id, ifMatch, func(d *Distribution) error {
		rules := fault.Rules()
		seen := map[uuid.UUID]bool{}
		for i, b := range brought {
			if seen[b.ItemID] || !slices.Contains(d.offered(), b.ItemID) {
				rules.Add(fmt.Sprintf("/brought/%d/item_id", i), "not_offered", "The distribution does not offer this, or it is named twice.")
			}
			seen[b.ItemID] = true
		}
		if err := d.judgeRoute(ctx, rules); err != nil { // a kit may have changed
			return err
		}
		if err := rules.Err(); err != nil {
			return err
		}
		now := db.Now()
		d.Status, d.OpenedBy, d.OpenedAt, d.Brought.V = open, caller(ctx), &now, brought
		return nil
	}, approved)
}

var distributionSorts = db.Sorts[Distribution]{
	"scheduled_on": {SQL: "scheduled_on", Cast: "date", Value: func(d *Distribution) any { return d.ScheduledOn }},
}

var ruleSorts = db.Sorts[Rule]{
	"name": {SQL: "name", Cast: "text", Value: func(r *Rule) any { return r.Name }},
}
