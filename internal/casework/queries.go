package casework

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// Who sees which files of a centre, beside the wall around restricted ones: supervisors and the
// centre's manager all, caseworkers those they work on and those nobody owns yet, everyone else
// with the right to read cases those whose team they are on. The system sees all.
var (
	seeAll        = []string{"case_supervisor", "centre_manager"}
	seeUnassigned = []string{"caseworker"}
)

// Sees tells which cases of their centre staff with these roles may know of beside their own: all of them,
// or those that nobody owns yet.
func Sees(roles []string) (all, unassigned bool) {
	return holdsAny(roles, seeAll), holdsAny(roles, seeUnassigned)
}

// inView narrows a query on cases to those the caller may know of.
func inView(ctx context.Context) db.Build { return within(ctx, "cases_of_actor") }

// inWork narrows a query on cases to those the caller may change: an invitation to a conference lets
// people read.
func inWork(ctx context.Context) db.Build {
	worked := within(ctx, "cases_worked_by_actor")
	return func(q *gorm.DB) *gorm.DB {
		return worked(q).Where("(sensitivity <> ? or (select need_to_know_lifted()) or id = any ((select cases_worked_by_actor())::uuid[]))", Restricted)
	}
}

// within is what inView and inWork share; mine is the function that knows whose files are the caller's own.
func within(ctx context.Context, mine string) db.Build {
	p := auth.From(ctx)
	roles := rolesOf(ctx)
	return func(q *gorm.DB) *gorm.DB {
		if p == nil || p.Kind == auth.System || holdsAny(roles, seeAll) {
			return q
		}
		own := "owner_id = ? or id = any ((select " + mine + "())::uuid[])"
		if holdsAny(roles, seeUnassigned) {
			own = "owner_id is null or " + own
		}
		return q.Where("("+own+")", p.ID)
	}
}

// rolesOf returns the caller's roles in the centre of the context.
func rolesOf(ctx context.Context) []string {
	p := auth.From(ctx)
	centre, err := tenant.One(ctx)
	if p == nil || err != nil {
		return nil
	}
	return slices.Concat(p.Centres[centre], p.NetworkRoles)
}

func holdsAny(roles, wanted []string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(wanted, r) })
}

// find returns a case that the caller may know of, or the 404.
func find(ctx context.Context, id uuid.UUID) (*Case, error) {
	return db.One[Case](ctx, func(q *gorm.DB) *gorm.DB { return inView(ctx)(q).Where("id = ?", id) })
}

// worked is find for whoever wants to change the case: 403 for a guest.
func worked(ctx context.Context, id uuid.UUID) (*Case, error) {
	c, err := db.One[Case](ctx, func(q *gorm.DB) *gorm.DB { return inWork(ctx)(q).Where("id = ?", id) })
	if !fault.Is(err, fault.NotFound) {
		return c, err
	}
	if _, err := find(ctx, id); err != nil {
		return nil, err
	}
	return nil, fault.Denied("You are invited to read this file. Only those who work on it change it.")
}

// lock is worked with the row held: 404 out of view, 412 when the caller has seen another version.
func lock(ctx context.Context, id uuid.UUID, ifMatch string) (*Case, error) {
	if _, err := worked(ctx, id); err != nil {
		return nil, err
	}
	return db.Lock[Case](ctx, id, ifMatch)
}

// lifted runs what the system itself does to a file, whether or not the caller may see it. Nothing
// that fn reads may reach the caller.
func lifted(ctx context.Context, fn func() error) error {
	set := func(value string) error {
		return db.Tx(ctx).Exec("select set_config('app.need_to_know', ?, true)", value).Error
	}
	if err := set("lifted"); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return err // the transaction is lost, and the setting with it
	}
	return set("")
}

// one returns a row of a case's file, or the 404.
func one[T any](ctx context.Context, caseID, id uuid.UUID) (*T, error) {
	return db.One[T](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("case_id = ? and id = ?", caseID, id) })
}

// read is one for a caller who has to see the case.
func read[T any](ctx context.Context, caseID, id uuid.UUID) (*T, error) {
	if _, err := find(ctx, caseID); err != nil {
		return nil, err
	}
	return one[T](ctx, caseID, id)
}

// entry is a row of a case's file.
type entry[T any] interface {
	*T
	db.Versioned
}

// inFile locks a row of a locked case's file for a change: 404 when it is not of this case, 412
// when the caller has seen another version.
func inFile[T any, P entry[T]](ctx context.Context, c *Case, id uuid.UUID, ifMatch string) (P, error) {
	if _, err := one[T](ctx, c.ID, id); err != nil {
		return nil, err
	}
	return db.Lock[T, P](ctx, id, ifMatch)
}

// lockUnderWay is LockCase for a change of the file: 409 when the case has ended.
func lockUnderWay(ctx context.Context, id uuid.UUID) (*Case, error) {
	c, err := LockCase(ctx, id)
	if err != nil {
		return nil, err
	}
	if !c.underWay() {
		return nil, fault.State(string(c.Status), "The case has ended; its file takes no more entries. Reopen it first.")
	}
	return c, nil
}

// place names an entry of a case's file that a caller changes, and the version they have seen.
type place struct {
	caseID, id uuid.UUID
	ifMatch    string
}

// change is the way of every change of an entry: admit locks the case and judges whether its file
// takes it, the entry is locked behind it, fn judges and makes the change under the case's rules, and the
// entry is stored. What follows from the stored entry comes then.
func change[T any, P entry[T]](ctx context.Context, at place, admit func(context.Context, uuid.UUID) (*Case, error), fn func(*Case, P, *Act) error, then ...func(*Case, P, *Act) error) (P, error) {
	c, err := admit(ctx, at.caseID)
	if err != nil {
		return nil, err
	}
	row, err := inFile[T, P](ctx, c, at.id, at.ifMatch)
	if err != nil {
		return nil, err
	}
	a, err := newAct(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := fn(c, row, a); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, row); err != nil {
		return nil, err
	}
	for _, follow := range then {
		if err := follow(c, row, a); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// pageOf returns a page of what a case's file holds of one kind: 404 when the case is out of view.
func pageOf[T any, P entry[T]](ctx context.Context, caseID uuid.UUID, l db.Listing, sorts db.Sorts[T], narrow db.Build) (db.Paged[T], error) {
	if _, err := find(ctx, caseID); err != nil {
		return db.Paged[T]{}, err
	}
	return db.Page[T, P](ctx, l, sorts, func(q *gorm.DB) *gorm.DB {
		return narrow(q.Where("case_id = ?", caseID))
	})
}

// Filter narrows a list of cases; nil leaves a field alone.
type Filter struct {
	Status, RiskLevel                   *string
	OwnerID, BeneficiaryID, DuplicateOf *uuid.UUID
	Mine, Overdue                       *bool
	UpdatedSince                        *time.Time
}

// never is where a case without a due date sorts: after all others.
var never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

var caseSorts = db.Sorts[Case]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(c *Case) any { return c.CreatedAt }},
	"updated_at": {SQL: "updated_at", Cast: "timestamptz", Value: func(c *Case) any { return c.UpdatedAt }},
	"number":     {SQL: "number", Cast: "text", Value: func(c *Case) any { return c.Number }},
	"followup_due_at": {SQL: "coalesce(followup_due_at, '9999-12-31T00:00:00Z')", Cast: "timestamptz", Value: func(c *Case) any {
		if c.FollowupDueAt == nil {
			return never
		}
		return *c.FollowupDueAt
	}},
}

// overdue is true of a case that is worked on and has a clock run out.
const overdue = `((status in ('draft', 'open', 'on_hold', 'pending_closure') and (
	(owner_id is null and assign_due_at < now()) or (responded_at is null and response_due_at < now())
	or (assessed_at is null and assessment_due_at < now()) or (planned_at is null and plan_due_at < now()) or followup_due_at < now() or (hold_review_on is not null and hold_review_on < centre_today(centre_id)))) is true)`

func listCases(ctx context.Context, l db.Listing, f Filter) (db.Paged[Case], error) {
	view, by := inView(ctx), caller(ctx)
	return db.Page(ctx, l, caseSorts, func(q *gorm.DB) *gorm.DB {
		return f.narrow(view(q), by)
	})
}

func (f Filter) narrow(q *gorm.DB, by *uuid.UUID) *gorm.DB {
	q = where(q, "status = ?", f.Status)
	q = where(q, "risk_level = ?", f.RiskLevel)
	q = where(q, "owner_id = ?", f.OwnerID)
	q = where(q, "beneficiary_id = ?", f.BeneficiaryID)
	q = where(q, "duplicate_of = ?", f.DuplicateOf)
	q = where(q, overdue+" = ?", f.Overdue)
	q = where(q, "updated_at >= ?", f.UpdatedSince)
	if f.Mine != nil {
		q = q.Where("(owner_id is not distinct from ?) = ?", by, *f.Mine)
	}
	return q
}

// where adds a condition on a filter that the caller set.
func where[T any](q *gorm.DB, condition string, value *T) *gorm.DB {
	if value == nil {
		return q
	}
	return q.Where(condition, *value)
}
