package distribution

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// Why somebody may not receive.
const (
	notMeant          = "not_meant"
	ageUnknown        = "age_unknown"
	outOfSeason       = "out_of_season"
	notAssessed       = "not_assessed"
	alreadyReceived   = "already_received"
	householdReceived = "household_received"
)

// Use is what an issue used up of a rule for one of the people whom the goods are for.
type Use struct {
	db.Record
	RuleID        uuid.UUID
	IssueID       uuid.UUID
	BeneficiaryID uuid.UUID
	IssuedOn      db.Date
	FromOn        db.Date
	UntilOn       *db.Date // the first day that is free again; nil: until the next arrival or assessment
	Overridden    bool     // it was given against the rule
	ReversedAt    *time.Time
}

// TableName implements schema.Tabler.
func (Use) TableName() string { return "entitlement_uses" }

// Personal implements db.Personal.
func (Use) Personal() {}

// person is what entitlements ask of somebody.
type person struct {
	CentreID           tenant.ID
	ID                 uuid.UUID
	Status             string
	Sex                string
	BirthDate          *db.Date
	BirthDatePrecision *string
	HouseholdID        *uuid.UUID `gorm:"->"` // of today
	ArrivedOn          db.Date    `gorm:"->"` // last
	ScreenedOn         *db.Date   `gorm:"->"` // last
	Needs              db.Strings `gorm:"->"` // that have not ended; see Need.key
	Records            db.UUIDs   `gorm:"->"` // that ended in this one
}

// TableName implements schema.Tabler.
func (person) TableName() string { return "beneficiaries" }

// Personal implements db.Personal.
func (person) Personal() {}

func (p *person) ages(on db.Date) (youngest, oldest int, known bool) {
	b := beneficiary.Beneficiary{BirthDate: p.BirthDate, BirthDatePrecision: p.BirthDatePrecision}
	return b.AgesOn(on)
}

// since is the day from which a person is entitled anew by what a rule is triggered by.
func (p *person) since(r *Rule) *db.Date {
	switch r.Trigger {
	case assessment:
		return p.ScreenedOn
	case monthly:
		return nil
	}
	return &p.ArrivedOn
}

// crowd are people, those whom they live with, and what stands for any of them.
type crowd struct {
	on     db.Date
	people []person
	uses   []Use
}

// gather reads some people with their households, on a day.
func gather(ctx context.Context, on db.Date, ids ...uuid.UUID) (c crowd, err error) {
	c.on = on
	if _, err := db.Pgx(ctx); err != nil { // begin: two reads
		return c, err
	}
	c.people, err = db.Select[person](ctx, `with homes as (
			select household_id from household_members where centre_id = any ((select scope_centres())::uuid[]) and beneficiary_id = any ($1) and left_on is null)
		select b.centre_id, b.id, b.status, b.sex, b.birth_date, b.birth_date_precision, m.household_id,
			coalesce((select max(v.arrived_on) from visits v where v.centre_id = b.centre_id and v.beneficiary_id = b.id and v.status <> 'void'), b.reception_on) as arrived_on,
			(select max((s.screened_at at time zone c.time_zone)::date) from vulnerability_screenings s where s.centre_id = b.centre_id and s.beneficiary_id = b.id and s.voided_at is null) as screened_on,
			array(select n.code_system || ':' || n.code from specific_needs n where n.centre_id = b.centre_id and n.beneficiary_id = b.id and n.ended_on is null) as needs,
			array(select d.id from beneficiaries d where d.centre_id = b.centre_id and d.merged_into = b.id) as records
		from beneficiaries b join centres c on c.id = b.centre_id
			left join household_members m on m.centre_id = b.centre_id and m.beneficiary_id = b.id and m.left_on is null
		where b.centre_id = any ((select scope_centres())::uuid[]) and (b.id = any ($1) or b.status = 'active' and b.id in (
			select o.beneficiary_id from household_members o where o.centre_id = b.centre_id and o.left_on is null and o.household_id in (select household_id from homes)))
		order by b.id`, ids)
	if err != nil {
		return c, err
	}
	var all db.UUIDs
	for _, p := range c.people {
		all = append(append(all, p.ID), p.Records...)
	}
	c.uses, err = db.Find[Use](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("beneficiary_id = any (?) and reversed_at is null", all).Order("id")
	})
	return c, err
}

// find returns one of the crowd; nil where nobody has this id.
func (c *crowd) find(id uuid.UUID) *person {
	i := slices.IndexFunc(c.people, func(p person) bool { return p.ID == id })
	if i < 0 {
		return nil
	}
	return &c.people[i]
}

// home are those who live with a person, the person among them.
func (c *crowd) home(p *person) []*person {
	list := []*person{p}
	for i := range c.people {
		if o := &c.people[i]; o.ID != p.ID && p.HouseholdID != nil && o.HouseholdID != nil && *o.HouseholdID == *p.HouseholdID {
			list = append(list, o)
		}
	}
	return list
}

// covered are the people whom goods are for that a person receives by a rule.
func (c *crowd) covered(r *Rule, p *person) []*person {
	if r.Per == perPerson {
		return []*person{p}
	}
	return c.home(p)
}

// verdict is what a rule says of a person on a day.
type verdict struct {
	rule     *Rule
	allowed  bool
	reason   string
	quantity decimal.Decimal // in the item's base unit
	from     *db.Date        // not allowed: from when
	until    *db.Date        // allowed: the last day
	received *Use
}

// decide judges a person by a rule: whom it is for, its season and trigger, and what was received. rule 17
func (c *crowd) decide(r *Rule, p *person) verdict {
	v := verdict{rule: r, quantity: r.Quantity}
	who := c.covered(r, p)
	meant, why := c.meant(r, who)
	if r.Per == perGroup {
		groups := (max(meant, 1) + *r.GroupSize - 1) / *r.GroupSize
		v.quantity = r.Quantity.Mul(decimal.NewFromInt(int64(groups)))
	}
	switch {
	case meant == 0 || !r.sized(len(c.home(p))):
		v.reason = why
	case !r.inSeason(c.on):
		v.reason, v.from = outOfSeason, next(c.on, r.SeasonFrom)
	case r.Trigger == assessment && !slices.ContainsFunc(who, func(p *person) bool { return p.ScreenedOn != nil }):
		v.reason = notAssessed
	default:
		c.used(&v, r, who)
	}
	return v
}

// meant counts for whom of these people a rule is.
func (c *crowd) meant(r *Rule, who []*person) (n int, why string) {
	why = notMeant
	for _, p := range who {
		switch yes, reason := r.meant(p, c.on); {
		case yes:
			n++
		case reason == ageUnknown:
			why = ageUnknown
		}
	}
	return n, why
}

// sized tells whether a rule is for households of so many.
func (r *Rule) sized(members int) bool {
	return (r.HouseholdFrom == nil || members >= *r.HouseholdFrom) && (r.HouseholdTo == nil || members <= *r.HouseholdTo)
}

// used looks for what stands against an issue of today.
func (c *crowd) used(v *verdict, r *Rule, who []*person) {
	from, until := r.period(c.on)
	for _, p := range who {
		for i := range c.uses {
			u := &c.uses[i]
			if u.RuleID != r.ID || !p.is(u.BeneficiaryID) {
				continue
			}
			end := u.end(r, p)
			if (end != nil && !end.After(from.Time)) || (until != nil && !u.FromOn.Before(until.Time)) {
				continue
			}
			if v.reason = alreadyReceived; len(who) > 1 {
				v.reason = householdReceived
			}
			v.received, v.from = u, end
			return
		}
	}
	v.allowed = true
	if v.until = r.seasonEnd(c.on); until != nil && r.Trigger == monthly {
		last := db.NewDate(until.AddDate(0, 0, -1))
		if v.until == nil || last.Before(v.until.Time) {
			v.until = &last
		}
	}
}

// is tells whether an id is a person's, or of a record that ended in theirs.
func (p *person) is(id uuid.UUID) bool { return p.ID == id || slices.Contains(p.Records, id) }

// end is the first day on which a use stands in the way no more: a new arrival or assessment ends what came before it.
func (u *Use) end(r *Rule, p *person) *db.Date {
	if since := p.since(r); since != nil && u.IssuedOn.Before(since.Time) && (u.UntilOn == nil || since.Before(u.UntilOn.Time)) {
		return since
	}
	return u.UntilOn
}

func (r *Rule) seasonEnd(on db.Date) *db.Date {
	if r.SeasonTo == "" {
		return nil
	}
	return next(on, r.SeasonTo)
}

// checked is the answer to whether a person may receive.
type checked struct {
	crowd
	person   *person
	verdicts []verdict
	others   map[uuid.UUID][]verdict // of the household: what each may still get
}

// check judges a person, and what their household may still get, by every rule in force or by one.
func check(ctx context.Context, id uuid.UUID, rule *uuid.UUID, on db.Date) (*checked, error) {
	c, err := gather(ctx, on, id)
	if err != nil {
		return nil, err
	}
	k := &checked{crowd: c, person: c.find(id), others: map[uuid.UUID][]verdict{}}
	if k.person == nil {
		return nil, fault.Missing()
	}
	if k.person.Status != beneficiary.Active {
		return nil, ended(k.person.Status)
	}
	rules, err := db.Find[Rule](ctx, func(q *gorm.DB) *gorm.DB {
		if rule != nil {
			return q.Where("id = ?", *rule)
		}
		return q.Where("active").Order("name, id").Limit(mostRules)
	})
	if err != nil {
		return nil, err
	}
	if rule != nil && len(rules) == 0 {
		return nil, fault.Missing()
	}
	for i := range rules {
		k.verdicts = append(k.verdicts, c.decide(&rules[i], k.person))
		if rules[i].Per != perPerson { // one of them receives for all
			continue
		}
		for _, o := range c.home(k.person)[1:] {
			if v := c.decide(&rules[i], o); v.allowed {
				k.others[o.ID] = append(k.others[o.ID], v)
			}
		}
	}
	return k, nil
}

// mostRules is how many rules one answer tells of.
const mostRules = 200

func ended(status string) error {
	return fault.State(status, "This record was merged into another or voided; nothing is issued to it. Read it to be led to the survivor.")
}
