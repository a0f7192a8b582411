package casework

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// clock is one due date of a case, as the work list names it; due is nil where it does not run.
type clock struct {
	name string
	due  *time.Time
}

// clocks are those that a SOP sets, as far as what they wait for has not happened.
func (c *Case) clocks() []clock {
	return []clock{
		{"assignment", waiting(c.OwnerID == nil, c.AssignDueAt)}, {"first_response", waiting(c.RespondedAt == nil, c.ResponseDueAt)},
		{"assessment", waiting(c.AssessedAt == nil, c.AssessmentDueAt)}, {"plan", waiting(c.PlannedAt == nil, c.PlanDueAt)}, {"follow_up", c.FollowupDueAt},
	}
}

func waiting(waits bool, due *time.Time) *time.Time {
	if !waits {
		return nil
	}
	return due
}

// Effect is what moving the cases under way to another SOP would do to their clocks.
type Effect struct {
	Cases         int
	BecomeOverdue int // cases without an overdue clock now and with one then
	DueEarlier    int // cases with a clock that would run out earlier than now
	Clocks        []ClockEffect
}

// ClockEffect is the effect on one clock: how many cases each counts.
type ClockEffect struct {
	Clock                       string
	OverdueBefore, OverdueAfter int
	Earlier, Later              int // a clock that begins to run is earlier, one that stops is later
}

// weigh adds what the policy would do to one case.
func (e *Effect) weigh(c *Case, p centre.Policy, now time.Time) {
	then := *c
	then.reckon(p)
	before, after := c.clocks(), then.clocks()
	var wasLate, willBeLate, sooner bool
	for i := range before {
		was, will, x := before[i].due, after[i].due, &e.Clocks[i]
		x.OverdueBefore += count(late(was, now))
		x.OverdueAfter += count(late(will, now))
		x.Earlier += count(earlier(will, was))
		x.Later += count(earlier(was, will))
		wasLate, willBeLate, sooner = wasLate || late(was, now), willBeLate || late(will, now), sooner || earlier(will, was)
	}
	e.Cases++
	e.BecomeOverdue += count(willBeLate && !wasLate)
	e.DueEarlier += count(sooner)
}

func late(due *time.Time, now time.Time) bool { return due != nil && due.Before(now) }

// earlier tells whether a runs out before b; what does not run never does.
func earlier(a, b *time.Time) bool { return a != nil && (b == nil || a.Before(*b)) }

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// underWayStatuses are those of Case.underWay.
var underWayStatuses = of(Draft, Open, OnHold, PendingClosure)

// effectOf reckons what a SOP would do to the cases under way that the caller may know of. A figure must
// not tell of a restricted case to somebody outside its team.
func effectOf(ctx context.Context, sop uuid.UUID) (Effect, error) {
	e := Effect{}
	for _, c := range new(Case).clocks() {
		e.Clocks = append(e.Clocks, ClockEffect{Clock: c.name})
	}
	policy, err := centre.PolicyOf(ctx, &sop)
	if err != nil {
		return e, err
	}
	now, batch := db.Now(), []Case{}
	err = db.Tx(ctx).Where("status in ?", underWayStatuses).FindInBatches(&batch, 1000, func(*gorm.DB, int) error {
		for i := range batch {
			e.weigh(&batch[i], policy, now)
		}
		return nil
	}).Error
	return e, err
}

// VerbChangeSOP lets a case live by the SOP in force.
const VerbChangeSOP Verb = "sop"

func mayChangeSOP(c *Case, a *Act) error {
	rules := fault.Rules()
	switch {
	case a.ToSOP == nil || a.SOPID == nil || *a.ToSOP != *a.SOPID:
		rules.Add("/sop_id", "not_in_force", "A case moves to the version that is in force. Activate it first.")
	case c.SOPID != nil && *c.SOPID == *a.SOPID:
		rules.Add("/sop_id", "already_there", "The case lives by this version already.")
	default:
		a.knownRisk(c.RiskLevel, rules)
	}
	return rules.Err()
}

func changeSOP(c *Case, a *Act) {
	c.SOPID = a.SOPID
	c.reckon(a.Policy)
}

// inForce lets an act be judged by the SOP in force instead of the one that the case lives by.
func inForce(ctx context.Context, _ *Case, a *Act) (err error) {
	a.Policy, a.SOPID, err = centre.ActivePolicy(ctx)
	return err
}

// adopt moves every opened case under way to the SOP in force, whether or not the caller sees it, and
// tells how many of those that they may know of moved.
func adopt(ctx context.Context, sop uuid.UUID, ifMatch, reason string) (int, error) {
	s, err := db.Lock[centre.SOP](ctx, sop, ifMatch)
	if err != nil {
		return 0, err
	}
	if s.Status != "active" {
		return 0, fault.State(s.Status, "Cases move to the version that is in force.")
	}
	const behind = "status in ? and sop_id is distinct from ?"
	var seen int64
	if err := db.Tx(ctx).Model(&Case{}).Where(behind, opened, sop).Count(&seen).Error; err != nil {
		return 0, err
	}
	return int(seen), lifted(ctx, func() error {
		var cases []Case
		if err := db.Tx(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where(behind, opened, sop).Order("id").Find(&cases).Error; err != nil {
			return err
		}
		for i := range cases {
			a := &Act{At: db.Now(), By: caller(ctx), Policy: s.Policy.V, SOPID: &sop, ToSOP: &sop, Reason: reason}
			if err := enact(ctx, &cases[i], VerbChangeSOP, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// opened are the statuses of a case that was opened and has not ended.
var opened = of(Open, OnHold, PendingClosure)
