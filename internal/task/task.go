// Package task keeps what somebody has to do: other domains raise tasks, staff complete, dismiss and
// pass them on. A task carries ids, a kind and times, never a fact about a person.
package task

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// Task is something to be done by a role or by one of its members.
type Task struct {
	db.Record
	Key           string     // what it is raised for, once a centre: "turning_18:<person>:2026-06-01"; ids and dates only
	Kind          string     // code list task_kind
	Resource      string     // what it is about, as the change feed calls it: beneficiary, specific_need
	ResourceID    uuid.UUID  // and which
	CaseID        *uuid.UUID // the file that it belongs to: who cannot read that, cannot read this
	BeneficiaryID *uuid.UUID
	Role          string     // code list staff_role; empty where it is for one user alone
	UserID        *uuid.UUID // nil: for whoever has the role
	DueAt         time.Time
	Level         *int   // of an alert: how often it has climbed
	Status        string // open | done | dismissed
	Reason        string // why it was dismissed, or what was done
	ClosedBy      *uuid.UUID
	ClosedAt      *time.Time
}

// Personal implements db.Personal: a task says about whom something is to be done.
func (Task) Personal() {}

// Restricted implements db.Restricted.
func (Task) Restricted() {}

// The states of a task.
const (
	Open      = "open"
	Done      = "done"
	Dismissed = "dismissed"
)

// ReviewGlass is the kind of the task to judge who opened a restricted case.
const ReviewGlass = "break_glass_review"

// Unattended is the kind of the task to find a team for a restricted file that runs late and has none.
const Unattended = "unattended_case"

// Raise stores an open task in the context's centre, unless one was raised under its key before,
// whatever became of that. Key, Kind, Resource, ResourceID, DueAt and a Role or UserID are needed;
// the rest is filled in. Its effects are the transaction's.
func Raise(ctx context.Context, t Task) error {
	_, err := RaiseNew(ctx, t)
	return err
}

// RaiseNew is Raise and tells whether the task is new.
func RaiseNew(ctx context.Context, t Task) (bool, error) {
	if t.Key == "" || !codelist.Known("task_kind", t.Kind) || t.Role != "" && !codelist.Known("staff_role", t.Role) {
		return false, fmt.Errorf("task: cannot raise %q of kind %q for role %q", t.Key, t.Kind, t.Role)
	}
	t.Record, t.Status = db.NewRecord(nil), Open
	t.Reason, t.ClosedBy, t.ClosedAt = "", nil, nil
	done := db.Tx(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&t)
	return done.RowsAffected == 1, done.Error
}

// Settle ends the open tasks of a kind about a resource: what they ask for was done.
func Settle(ctx context.Context, kind string, resourceID uuid.UUID, by *uuid.UUID) error {
	return db.Tx(ctx).Model(&Task{}).Where("kind = ? and resource_id = ? and status = ?", kind, resourceID, Open).
		Updates(map[string]any{"status": Done, "closed_by": by, "closed_at": db.Now(), "version": gorm.Expr("version + 1"), "updated_at": db.Now()}).Error
}

// close ends an open task: done with a note or dismissed with a reason.
func (t *Task) close(status, reason string, by uuid.UUID, at time.Time) error {
	if err := t.open(); err != nil {
		return err
	}
	t.Status, t.Reason, t.ClosedBy, t.ClosedAt = status, reason, &by, &at
	return nil
}

// open answers the 409 of a task that was done or dismissed.
func (t *Task) open() error {
	if t.Status == Open {
		return nil
	}
	return fault.State(t.Status, "The task is %s; it takes no more changes.", t.Status)
}

// assign gives the task to a user, a role, or with no user back to its role.
func (t *Task) assign(ctx context.Context, user *uuid.UUID, role string) error {
	if err := t.open(); err != nil {
		return err
	}
	if t.UserID = user; role != "" {
		t.Role = role
	}
	if t.UserID != nil {
		return t.checkUser(ctx)
	}
	if t.Role == "" {
		return fault.InvalidField("/role", "required", "The task was for one person alone: name the role that it goes to.")
	}
	return nil
}

// checkUser wants active staff of the centre, and for a restricted case somebody of its team.
func (t *Task) checkUser(ctx context.Context) error {
	var staff, sees, walled bool
	err := db.Tx(ctx).Raw(`select exists (select 1 from members m join users u on u.id = m.user_id and u.active
			where m.centre_id in ? and m.user_id = ? and m.ended_at is null
			and centre_today(m.centre_id) between m.starts_on and coalesce(m.expires_on, 'infinity')),
		not exists (select 1 from cases c where c.centre_id in ? and c.id = ? and c.sensitivity = 'restricted'
			and not exists (select 1 from case_team t where t.centre_id = c.centre_id and t.case_id = c.id and t.user_id = ? and t.ended_at is null)),
		exists (select 1 from case_walls w where w.centre_id in ? and w.case_id = ? and w.user_id = ? and w.ended_at is null)`,
		tenant.Centres(ctx), t.UserID, tenant.Centres(ctx), t.CaseID, t.UserID, tenant.Centres(ctx), t.CaseID, t.UserID).Row().Scan(&staff, &sees, &walled)
	switch {
	case err != nil:
		return err
	case !staff:
		return fault.InvalidField("/user_id", "unknown_staff", "There is no such member of staff here.")
	case walled:
		return fault.InvalidField("/user_id", "walled_off", "The case is kept from them. Choose another colleague.")
	case !sees:
		return fault.InvalidField("/user_id", "not_on_team", "The case is restricted to its team. Add the colleague to it first.")
	}
	return nil
}

// overseers see the tasks of everybody in their centre.
var overseers = []string{"case_supervisor", "centre_manager"}

// viewer is who looks at tasks.
type viewer struct {
	id    uuid.UUID
	roles db.Strings              // in the centre
	cases func(*gorm.DB) *gorm.DB // a subquery: the ids of those that they may know of
}

func (h Handlers) viewerOf(ctx context.Context) (viewer, error) {
	centre, err := tenant.One(ctx)
	if err != nil {
		return viewer{}, err
	}
	caller := auth.From(ctx)
	return viewer{caller.ID, caller.Centres[centre], func(q *gorm.DB) *gorm.DB { return h.CasesInView(ctx, q) }}, nil
}

func (v viewer) oversees() bool {
	return slices.ContainsFunc(overseers, func(role string) bool { return slices.Contains(v.roles, role) })
}

// narrow leaves the tasks that are the viewer's to read: what is theirs by name, and by role what
// belongs to no case or to one that they may know of. Who reviews a broken glass, or finds a file a team, by
// their role, need not know of the case. The wall around restricted cases comes on top.
func (v viewer) narrow(q *gorm.DB) *gorm.DB {
	q = q.Where("(user_id = ? or case_id is null or (kind in ? and role = any (?)) or case_id in (?))", v.id, []string{ReviewGlass, Unattended}, v.roles, v.cases(q))
	if v.oversees() {
		return q
	}
	return q.Where("(user_id = ? or role = any (?))", v.id, v.roles)
}
