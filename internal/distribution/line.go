package distribution

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Line is somebody on a distribution's list, with what they may receive on the day.
type Line struct {
	db.Record
	DistributionID uuid.UUID
	BeneficiaryID  uuid.UUID
	HouseholdID    *uuid.UUID
	Items          db.JSON[[]Issued]
	IssueID        *uuid.UUID // what they received, once they did
	RemovedAt      *time.Time
	Reason         string // why they were taken off the list
}

// TableName implements schema.Tabler.
func (Line) TableName() string { return "distribution_lines" }

// Personal implements db.Personal.
func (Line) Personal() {}

var _ = db.Constraint("distribution_lines_once_key", func() *fault.Error {
	return fault.New(fault.Conflict, "listed", "Somebody else put one of them on the list a moment ago. Read the list again.")
})

// leftOut is somebody who was not put on a list, and why.
type leftOut struct {
	id     uuid.UUID
	reason string
}

// enlist puts people on the list of a plan, each with what they may receive on its day. What is for a household stands on
// the line of the first of it.
func enlist(ctx context.Context, id uuid.UUID, people []uuid.UUID) (lines []Line, left []leftOut, err error) {
	d, err := db.LockAny[Distribution](ctx, id) // one at a time
	if err != nil {
		return nil, nil, err
	}
	if err := d.in(planned); err != nil {
		return nil, nil, err
	}
	if d.Mode != named {
		return nil, nil, fault.State(d.Mode, "A distribution by headcount has no list.")
	}
	l := &list{counter: d}
	if err := l.read(ctx, people); err != nil {
		return nil, nil, err
	}
	for _, p := range people {
		if reason := l.add(p); reason != "" {
			left = append(left, leftOut{p, reason})
		}
	}
	if len(l.added) > 0 {
		err = db.InsertAll(ctx, l.added)
	}
	return l.added, left, err
}

// list is a list that is drawn up.
type list struct {
	counter *Distribution
	crowd   crowd
	rules   map[uuid.UUID]Rule
	lines   []Line // that are there
	added   []Line
}

func (l *list) read(ctx context.Context, people []uuid.UUID) (err error) {
	if l.crowd, err = gather(ctx, l.counter.ScheduledOn, people...); err != nil {
		return err
	}
	if l.rules, err = l.counter.rules(ctx); err != nil {
		return err
	}
	l.lines, err = db.Find[Line](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("distribution_id = ? and removed_at is null", l.counter.ID) })
	return err
}

// add puts one on the list, or answers why not.
func (l *list) add(id uuid.UUID) (reason string) {
	p := l.crowd.find(id)
	switch {
	case p == nil:
		return "unknown"
	case p.Status != beneficiary.Active:
		return "ended"
	case l.has(func(o *Line) bool { return p.is(o.BeneficiaryID) }):
		return "listed"
	}
	line := Line{Record: db.NewRecord(nil), DistributionID: l.counter.ID, BeneficiaryID: p.ID, HouseholdID: p.HouseholdID}
	for _, o := range l.counter.Offers.V {
		r := l.rules[*o.RuleID]
		if r.ID == uuid.Nil {
			continue
		}
		v := l.crowd.decide(&r, p)
		if v.allowed && r.Per != perPerson && l.plannedFor(p, r.ID) {
			v.allowed, v.reason = false, "listed"
		}
		if v.allowed {
			line.Items.V = append(line.Items.V, Issued{ItemID: r.ItemID, RuleID: &r.ID, Quantity: v.quantity})
		} else {
			reason = v.reason
		}
	}
	if len(line.Items.V) == 0 {
		return reason
	}
	l.added = append(l.added, line)
	return ""
}

// plannedFor tells whether what is for a household stands on the line of another of it.
func (l *list) plannedFor(p *person, rule uuid.UUID) bool {
	return p.HouseholdID != nil && l.has(func(o *Line) bool { return o.HouseholdID != nil && *o.HouseholdID == *p.HouseholdID && o.plans(rule) })
}

func (l *list) has(is func(*Line) bool) bool {
	for _, lines := range [][]Line{l.lines, l.added} {
		for i := range lines {
			if is(&lines[i]) {
				return true
			}
		}
	}
	return false
}

func (o *Line) plans(rule uuid.UUID) bool {
	for _, i := range o.Items.V {
		if i.RuleID != nil && *i.RuleID == rule {
			return true
		}
	}
	return false
}

// removeLine takes somebody off the list of a plan.
func removeLine(ctx context.Context, distribution, id uuid.UUID, ifMatch, reason string) (*Line, error) {
	d, err := db.LockAny[Distribution](ctx, distribution)
	if err != nil {
		return nil, err
	}
	o, err := db.Lock[Line](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	switch {
	case o.DistributionID != d.ID:
		return nil, fault.Missing()
	case o.RemovedAt != nil:
		return nil, fault.State("removed", "They were taken off the list already.")
	}
	if err := d.in(planned); err != nil {
		return nil, err
	}
	now := db.Now()
	o.RemovedAt, o.Reason = &now, reason
	return o, db.Save(ctx, o)
}

// tick finds the recipient's line; where only the list is served they must be on it.
func (t *hand) tick(ctx context.Context) error {
	if t.person == nil {
		return nil
	}
	lines, err := db.Find[Line](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Clauses(clause.Locking{Strength: "UPDATE"}).Where("distribution_id = ? and beneficiary_id = any (?) and removed_at is null", t.counter.ID, append(t.person.Records, t.person.ID)).Order("id")
	})
	if err != nil {
		return err
	}
	if len(lines) == 0 && !t.counter.OpenList {
		return fault.InvalidField("/beneficiary_id", "not_on_list", "They are not on the list, and only the list is served.")
	}
	t.lines = lines
	return nil
}

var lineSorts = db.Sorts[Line]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(o *Line) any { return o.CreatedAt }},
}
