package worklist

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/jobs"
	"github.com/waystation/waystation/internal/task"
	"github.com/waystation/waystation/internal/tenant"
)

// Jobs registers what the work list needs done beside requests.
func Jobs(r *jobs.Registry) { r.Every(time.Minute, "worklist.alert", Alert) }

// Alert raises, in every centre, an alert for each clock that ran out, once; lets those climb that
// nobody has settled, as the SOP says; and ends those whose clock stopped (rule 5). An alert is a task:
// for the owner of the case, then for the supervisors, then for the centre's manager. One about a
// restricted case shows for its team alone, whoever it climbs to; where nobody of the team is left, see watch.
func Alert(ctx context.Context) error { return centre.Each(ctx, alert) }

func alert(ctx context.Context) error {
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return err
	}
	here, err := tenant.One(ctx)
	if err != nil {
		return err
	}
	return casework.Lifted(ctx, func() error {
		for _, step := range []string{settle, readdress} {
			if err := db.Tx(ctx).Exec(step, here).Error; err != nil {
				return err
			}
		}
		var found []overdue
		args := map[string]any{"centre": here, "supervisor": policy.Alerts.SupervisorAfterHours, "manager": policy.Alerts.ManagerAfterHours}
		if err := db.Tx(ctx).Raw(unalerted, args).Scan(&found).Error; err != nil {
			return err
		}
		for _, o := range found {
			if err := o.raise(ctx); err != nil {
				return err
			}
		}
		return watch(ctx, here)
	})
}

// key names an alert by what it is about: a clock that begins anew is another one.
const key = `w.kind || ':' || w.id || ':' || extract(epoch from w.due_at)::bigint`

// clocked are the entries that alerts are raised for. A planned follow-up is an appointment: the clock is the
// case's.
const clocked = `w.state = 'overdue' and w.resource in ('case', 'case_approval')`

// settle ends the alerts of clocks that stopped: what was due was done, or is due later.
const settle = `update tasks t set status = 'done', reason = 'settled', closed_at = now(), version = version + 1, updated_at = now()
	where t.centre_id = ? and t.status = 'open' and t.level is not null and not exists (
		select from worklist w where w.centre_id = t.centre_id and ` + clocked + ` and t.key = ` + key + ` || ':' || t.level)`

// readdress gives the alerts of a case that changed hands to its owner.
const readdress = `update tasks t set user_id = c.owner_id, version = t.version + 1, updated_at = now()
	from cases c where t.centre_id = ? and c.centre_id = t.centre_id and c.id = t.case_id and t.status = 'open' and t.level = 0
	and t.user_id is not null and c.owner_id is not null and t.user_id <> c.owner_id`

// unalerted finds the steps of clocks that ran out and were not told yet. What is for supervisors from the
// beginning does not climb to them.
const unalerted = `select w.kind, w.resource, w.id, w.case_id, w.beneficiary_id, w.user_id, coalesce(w.roles[1], '') as role, w.due_at, s.level, s.role as climbs_to,
		` + key + ` || ':' || s.level as key, c.version, c.sensitivity = 'restricted' as restricted
	from worklist w join cases c on c.centre_id = w.centre_id and c.id = w.case_id
	cross join lateral (values (0, '', 0), (1, 'case_supervisor', nullif(cast(@supervisor as int), 0)), (2, 'centre_manager', nullif(cast(@manager as int), 0))) s (level, role, hours)
	where w.centre_id = @centre and ` + clocked + ` and w.due_at + make_interval(hours => s.hours) <= now()
		and (w.kind <> 'assignment' or c.assign_due_at is not null) and s.role <> all (w.roles)
		and not exists (select from tasks t where t.centre_id = w.centre_id and t.key = ` + key + ` || ':' || s.level)
	order by s.level, w.place`

// overdue is a step of a clock that ran out.
type overdue struct {
	Kind, Resource string
	ID, CaseID     uuid.UUID
	BeneficiaryID  uuid.UUID
	UserID         *uuid.UUID
	Role           string
	DueAt          time.Time
	Level          int
	ClimbsTo       string
	Key            string
	Version        int64
	Restricted     bool
}

// raise tells it as a task and, unless the case is restricted, in the change feed. Of two processes
// that found the same one raises it.
func (o overdue) raise(ctx context.Context) error {
	t := task.Task{Key: o.Key, Kind: o.Kind + "_overdue", Resource: o.Resource, ResourceID: o.ID, CaseID: &o.CaseID, BeneficiaryID: &o.BeneficiaryID,
		UserID: o.UserID, Role: o.Role, DueAt: o.DueAt, Level: &o.Level}
	if o.Level > 0 {
		t.UserID, t.Role = nil, o.ClimbsTo
	}
	if t.UserID == nil && t.Role == "" {
		t.Role = "case_supervisor"
	}
	raised, err := task.RaiseNew(ctx, t)
	if err != nil || !raised || o.Restricted {
		return err
	}
	here, err := tenant.One(ctx)
	if err != nil {
		return err
	}
	return events.Emit(ctx, events.Event{CentreID: here, Type: "case.overdue", Resource: "case", SubjectID: o.CaseID, Version: o.Version,
		Data: map[string]any{"clock": o.Kind, "resource": o.Resource, "resource_id": o.ID, "level": o.Level}})
}
