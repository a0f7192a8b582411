package casework

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/fault"
)

// scopeCaseManagement is the scope of consent that casework rests on: code list consent_scope.
const scopeCaseManagement = "case_management"

type step func(context.Context, *Case, *Act) error

// before are the facts that have to be looked up before the guard of a transition can judge.
var before = map[Verb][]step{
	VerbOpen:           {consented, ownerFits, loaded},
	VerbAssign:         {ownerMayStay, ownerFits, loaded},
	VerbHold:           {today},
	VerbRequestClosure: {progressed},
	VerbApproveClosure: {request, minor},
	VerbRejectClosure:  {request, consented},
	VerbReopen:         {ownerMayStay, consented, ownerFits, loaded, todaysRules},
	VerbChangeSOP:      {inForce},
	VerbMerge:          {survivor},
	VerbUndoMerge:      {consented},
}

// afterwards is what a transition brings about beside the case itself.
var afterwards = map[Verb]step{
	VerbAssign:         ownerJoins,
	VerbReopen:         ownerJoins,
	VerbRequestClosure: askApproval,
	VerbApproveClosure: decideClosure,
	VerbRejectClosure:  decideClosure,
}

// move takes a case through one transition that the caller asks for: 404 out of view, 412 stale,
// 409 in the wrong state, 422 and 403 from the guard. say puts what the caller says into the act.
func move(ctx context.Context, id uuid.UUID, ifMatch string, v Verb, say func(*Act)) (*Case, error) {
	c, err := lock(ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	return c, carry(ctx, c, v, say)
}

// carry is move for a case that is locked already.
func carry(ctx context.Context, c *Case, v Verb, say func(*Act)) error {
	if err := c.can(v); err != nil {
		return err
	}
	a, err := newAct(ctx, c)
	if err != nil {
		return err
	}
	say(a)
	for _, gather := range before[v] {
		if err := gather(ctx, c, a); err != nil {
			return err
		}
	}
	if err := enact(ctx, c, v, a); err != nil {
		return err
	}
	if follow := afterwards[v]; follow != nil {
		return follow(ctx, c, a)
	}
	return nil
}

// enact carries out a transition on a locked case, with its history and its event.
func enact(ctx context.Context, c *Case, v Verb, a *Act) error {
	row, err := c.apply(v, a)
	if err != nil {
		return err
	}
	if err := db.Save(ctx, c); err != nil {
		return err
	}
	if err := db.Insert(ctx, row); err != nil {
		return err
	}
	return c.tell(ctx, moves[v].event, map[string]any{"from": a.From, "to": c.Status})
}

// tell emits an event about the case; a restricted one is not even said to exist.
func (c *Case) tell(ctx context.Context, event string, data map[string]any) error {
	if c.Sensitivity == Restricted {
		return nil
	}
	return events.Emit(ctx, events.Event{CentreID: c.CentreID.UUID(), Type: event, Resource: "case", SubjectID: c.ID, Version: c.Version, Data: data})
}

// newAct begins an act of the caller under the rules that the case lives by: those of its SOP,
// or, before it is opened, of the centre's active one.
func newAct(ctx context.Context, c *Case) (*Act, error) {
	a := &Act{At: db.Now(), By: caller(ctx), Roles: rolesOf(ctx), SOPID: c.SOPID, OwnerID: c.OwnerID}
	var err error
	if c.OpenedAt == nil {
		a.Policy, a.SOPID, err = centre.ActivePolicy(ctx)
	} else {
		a.Policy, err = centre.PolicyOf(ctx, c.SOPID)
	}
	return a, err
}

// caller is nil where the system acts.
func caller(ctx context.Context) *uuid.UUID {
	p := auth.From(ctx)
	if p == nil || p.Kind == auth.System {
		return nil
	}
	return &p.ID
}

// consented holds the person's record while it looks: a consent that is being withdrawn is waited
// for, and one that is relied on cannot be withdrawn meanwhile.
func consented(ctx context.Context, c *Case, a *Act) error {
	if err := db.Tx(ctx).Exec("select from beneficiaries where centre_id = ? and id = ? for share", c.CentreID.UUID(), c.BeneficiaryID).Error; err != nil {
		return err
	}
	ahead := db.Now().Add(skew) // a decision counts from when it is recorded, by whatever clock
	consent, err := beneficiary.EffectiveConsent(ctx, c.BeneficiaryID, scopeCaseManagement, nil, ahead)
	a.Consent = consent != nil
	if err != nil {
		return err
	}
	return today(ctx, c, a)
}

func ownerFits(ctx context.Context, c *Case, a *Act) (err error) {
	if a.OwnerID == nil {
		return nil
	}
	if a.OwnerFits, err = worksAs(ctx, *a.OwnerID, ownerRoles); err != nil {
		return err
	}
	return letIn(ctx, c, *a.OwnerID, "/owner_id")
}

// today is the date where the centre is.
func today(ctx context.Context, c *Case, a *Act) (err error) {
	a.Today, err = centre.Today(ctx, c.CentreID.UUID())
	return err
}

func minor(ctx context.Context, c *Case, a *Act) error {
	if err := today(ctx, c, a); err != nil {
		return err
	}
	b, err := beneficiary.Find(ctx, c.BeneficiaryID)
	if err != nil {
		return err
	}
	a.Minor = b.ChildOn(a.Today.Time)
	return nil
}

// todaysRules lets a reopened case live by the SOP of today; how long it may be reopened is still
// a matter of the one it was closed under.
func todaysRules(ctx context.Context, _ *Case, a *Act) error {
	within := a.Policy.Case.ReopenWithinMonths
	var err error
	a.Policy, a.SOPID, err = centre.ActivePolicy(ctx)
	a.Policy.Case.ReopenWithinMonths = within
	return err
}

func survivor(ctx context.Context, c *Case, a *Act) error {
	other, err := LockCase(ctx, a.SurvivorID)
	if fault.Is(err, fault.NotFound) {
		return fault.InvalidField("/survivor_id", "unknown_case", "There is no such case here.")
	}
	if err != nil {
		return err
	}
	a.Survivor = other
	a.SamePerson, err = samePerson(ctx, c.BeneficiaryID, other.BeneficiaryID)
	return err
}

// progressed sums up what a closure is judged by.
func progressed(ctx context.Context, c *Case, a *Act) error {
	var sum struct {
		Undecided       int
		OpenActions     int
		GoalsMetPercent *float64
		FollowedUp      bool
		Attempts        int
		LastAttempt     *time.Time
	}
	err := db.Tx(ctx).Raw(`
		with plan as (select id, status from case_plans where centre_id = @centre and case_id = @case and status in ('active', 'completed')
				order by number desc limit 1),
			heard as (select need, done_at from case_followups where centre_id = @centre and case_id = @case and voided_at is null
				and done_at >= @start order by done_at desc, id desc limit 1)
		select (select count(*) from case_actions x join plan on plan.id = x.plan_id where x.centre_id = @centre
				and plan.status = 'active' and x.status in ('planned', 'in_progress')) as open_actions,
			(select count(*) from best_interest_procedures where centre_id = @centre and case_id = @case and status = 'draft') as undecided,
			(select (100.0 * count(*) filter (where progress = 'met') / nullif(count(*), 0))::float8 from case_goals g join plan on plan.id = g.plan_id
				where g.centre_id = @centre and progress not in ('n_a', 'dropped')) as goals_met_percent,
			coalesce((select need <> 'urgent_intervention' from heard), false) as followed_up,
			count(*) as attempts, max(at) as last_attempt
		from case_contact_attempts x where centre_id = @centre and case_id = @case and at > coalesce((select done_at from heard), @start)
			and exists (select from case_followups f where f.centre_id = @centre and f.id = x.followup_id and f.voided_at is null)
			and not exists (select from case_visits v where v.centre_id = @centre and v.id = x.visit_id and v.voided_at is not null)`,
		map[string]any{"centre": c.CentreID.UUID(), "case": c.ID, "start": c.startedAt()}).Scan(&sum).Error
	if err != nil {
		return err
	}
	a.Undecided, a.OpenActions, a.GoalsMetPercent, a.FollowedUp, a.Attempts = sum.Undecided, sum.OpenActions, sum.GoalsMetPercent, sum.FollowedUp, sum.Attempts
	if sum.LastAttempt != nil {
		a.LastAttempt = *sum.LastAttempt
	}
	return nil
}

// closeAtOnce is the closure that the SOP leaves to one person.
func closeAtOnce(ctx context.Context, c *Case, a *Act) error {
	if err := minor(ctx, c, a); err != nil {
		return err
	}
	return enact(ctx, c, VerbClose, a)
}
