// Package distribution says who may receive what, and keeps what was given to whom (handbook 7.1 and 7.2).
//
// A Rule entitles; an Issue hands goods out at the counter of a Distribution and uses the entitlement up (Use) for each
// person whom they are for. Whether somebody may receive is decided when it is issued: under a lock on those people,
// and against the database's own word that nobody uses a rule up twice at once. The goods leave the stock ledger in
// the same transaction.
//
// Locks are taken in one order: people, distribution, line, what stock locks.
package distribution

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/card"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/stock"
)

// Handlers answers the operations on entitlements and distributions.
type Handlers struct{ Vault card.Vault }

// Rule says who may receive an item, how much and how often.
type Rule struct {
	db.Record
	Name          string
	ItemID        uuid.UUID
	Trigger       string          // arrival | monthly | departure | assessment
	Per           string          // person | household | group
	GroupSize     *int            // of a group: one quantity for so many
	Quantity      decimal.Decimal // in the item's base unit
	IntervalDays  *int            // after so many days again; nil: once
	Sexes         db.Strings      // code list sex; empty: everybody
	AgeFrom       *int            // in completed years
	AgeTo         *int
	Needs         db.JSON[[]Need] // any of these
	HouseholdFrom *int            // members
	HouseholdTo   *int
	SeasonFrom    string // MM-DD, every year
	SeasonTo      string
	Active        bool
	Note          string
}

// TableName implements schema.Tabler.
func (Rule) TableName() string { return "entitlement_rules" }

// Need is a specific need that a rule is for.
type Need struct {
	CodeSystem string `json:"code_system"` // migrant_vulnerability | specific_need_unhcr
	Code       string `json:"code"`
}

func (n Need) key() string { return n.CodeSystem + ":" + n.Code }

// What entitles, and for whom.
const (
	monthly    = "monthly"
	assessment = "assessment"
	perPerson  = "person"
	perGroup   = "group"
)

func idTaken() *fault.Error {
	return fault.New(fault.Conflict, "id_taken", "There is another entry with this id. Leave the id out, or send another.")
}

var _ = db.Constraint("entitlement_rules_pkey", idTaken)

// monthDay is how a season's days are written.
const monthDay = "01-02"

// judge checks what the spec cannot say of a rule.
func (r *Rule) judge(ctx context.Context) error {
	rules := fault.Rules()
	if (r.Per == perGroup) != (r.GroupSize != nil) {
		rules.Add("/group_size", "group_size", "A group has a size, a person or household has none.")
	}
	if r.Trigger == monthly && r.IntervalDays != nil {
		rules.Add("/interval_days", "monthly", "What is given each month follows the calendar. Leave the interval out.")
	}
	if !r.Quantity.IsPositive() {
		rules.Add("/quantity", "not_positive", "Nothing is no entitlement.")
	}
	span(rules, "/age_to", r.AgeFrom, r.AgeTo)
	span(rules, "/household_to", r.HouseholdFrom, r.HouseholdTo)
	for field, day := range map[string]string{"from": r.SeasonFrom, "to": r.SeasonTo} {
		if _, err := time.Parse("2006-"+monthDay, "2024-"+day); err != nil && day != "" {
			rules.Add("/season/"+field, "no_such_day", "The calendar has no such day.")
		}
	}
	r.judgeNeeds(rules)
	known, err := db.Exists[stock.Item](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id = ? and active", r.ItemID) })
	if err != nil {
		return err
	}
	if !known {
		rules.Add("/item_id", "unknown_item", "There is no such item in use here.")
	}
	return rules.Err()
}

func span(rules *fault.Error, pointer string, from, to *int) {
	if from != nil && to != nil && *to < *from {
		rules.Add(pointer, "out_of_order", "It ends before it begins.")
	}
}

// judgeNeeds refuses what is no need, and a restricted one: whoever is given the goods would be known to have it.
func (r *Rule) judgeNeeds(rules *fault.Error) {
	for i, n := range r.Needs.V {
		list, _ := codelist.Get(n.CodeSystem)
		entry, known := list.Entry(n.Code)
		switch pointer := fmt.Sprintf("/needs/%d/code", i); {
		case !known:
			rules.Add(pointer, "unknown_code", "Not a code of the list "+n.CodeSystem+".")
		case entry.Extra["sensitivity"] == "restricted":
			rules.Add(pointer, "restricted_need", "The counter would learn of this need. Give these goods through the case instead.")
		}
	}
}

func addRule(ctx context.Context, r *Rule) error {
	r.Active = true
	if err := r.judge(ctx); err != nil {
		return err
	}
	return db.Insert(ctx, r)
}

func changeRule(ctx context.Context, id uuid.UUID, ifMatch string, edit func(*Rule)) (*Rule, error) {
	r, err := db.Lock[Rule](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	edit(r)
	if err := r.judge(ctx); err != nil {
		return nil, err
	}
	return r, db.Save(ctx, r)
}

// inSeason tells whether a day lies in the rule's season; one that ends before it begins reaches over the turn of the year.
func (r *Rule) inSeason(on db.Date) bool {
	day := on.Format(monthDay)
	switch {
	case r.SeasonFrom == "":
		return true
	case r.SeasonFrom <= r.SeasonTo:
		return r.SeasonFrom <= day && day <= r.SeasonTo
	}
	return r.SeasonFrom <= day || day <= r.SeasonTo
}

// next is the first day after another that is written so; the first of March for the 29th of February of most years.
func next(after db.Date, day string) *db.Date {
	at, _ := time.Parse("2006-"+monthDay, "2024-"+day)
	for year := after.Year(); ; year++ {
		if d := db.NewDate(time.Date(year, at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)); !d.Before(after.Time) {
			return &d
		}
	}
}

// period is what an issue on a day uses up: from its day until the first day that is free again; nil: until the next
// arrival or assessment.
func (r *Rule) period(on db.Date) (from db.Date, until *db.Date) {
	switch {
	case r.Trigger == monthly:
		from = db.NewDate(time.Date(on.Year(), on.Month(), 1, 0, 0, 0, 0, time.UTC))
		end := db.NewDate(from.AddDate(0, 1, 0))
		return from, &end
	case r.IntervalDays != nil:
		end := db.NewDate(on.AddDate(0, 0, *r.IntervalDays))
		return on, &end
	}
	return on, nil
}

// meant tells whether a rule is for a person; why says what is not known.
func (r *Rule) meant(p *person, on db.Date) (yes bool, why string) {
	if len(r.Sexes) > 0 && !slices.Contains(r.Sexes, p.Sex) {
		return false, notMeant
	}
	if len(r.Needs.V) > 0 && !slices.ContainsFunc(r.Needs.V, func(n Need) bool { return slices.Contains(p.Needs, n.key()) }) {
		return false, notMeant
	}
	if r.AgeFrom == nil && r.AgeTo == nil {
		return true, ""
	}
	youngest, oldest, known := p.ages(on)
	switch {
	case !known:
		return false, ageUnknown
	case r.AgeFrom != nil && oldest < *r.AgeFrom, r.AgeTo != nil && youngest > *r.AgeTo:
		return false, notMeant
	}
	return true, ""
}

func caller(ctx context.Context) *uuid.UUID {
	if p := auth.From(ctx); p != nil {
		return &p.ID
	}
	return nil
}
