package worklist_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/worklist"
)

// alerts returns "kind@role-or-owner" of somebody's open tasks.
func (d *desk) alerts(p apptest.Person) string {
	d.T.Helper()
	page := d.Call(p, "GET", strings.Replace(d.path, "worklist", "tasks", 1)+"?mine=true", nil).Want(200)
	list := []string{}
	for i := range page.Len("data") {
		list = append(list, page.Text("data", i, "kind")+"/"+page.Text("data", i, "level"))
	}
	return strings.Join(list, " ")
}

// rule 5
func TestAlert_IsRaisedOncePerCaseAndClock(t *testing.T) {
	d := newDesk(t)
	id := d.file(&d.worker.ID, map[string]string{"assessment_due_at": "now() - interval '2 hours'", "plan_due_at": "now() + interval '1 hour'"})
	unowned := d.file(nil, map[string]string{"status": "'draft'", "risk_level": "'high'", "assign_due_at": "now() - interval '1 minute'"})
	d.file(nil, map[string]string{"status": "'draft'", "risk_level": "''"}) // no clock yet
	d.Tick("worklist.alert")
	d.Tick("worklist.alert")
	if got := d.alerts(d.worker); got != "assessment_overdue/0" {
		t.Errorf("the owner is told %q", got)
	}
	if got := d.alerts(d.supervisor); got != "assignment_overdue/0" {
		t.Errorf("supervisors are told %q", got)
	}
	if got := d.alerts(d.colleague); got != "" {
		t.Errorf("a colleague is told %q", got)
	}
	d.Settle()
	feed := d.Call(d.supervisor, "GET", "/v1/centres/"+d.CentreA.String()+"/changes?types=case.overdue", nil).Want(200)
	if feed.Len("data") != 2 || feed.ID("data", 0, "resource_id") != id || feed.Text("data", 0, "data", "clock") != "assessment" || feed.ID("data", 1, "resource_id") != unowned {
		t.Errorf("the feed tells %s", feed.Raw)
	}
	for key := range feed.Value("data", 0, "data").(map[string]any) {
		if !strings.Contains("clock resource resource_id level", key) {
			t.Errorf("the feed tells of %s", key)
		}
	}
	d.Exec("update cases set assessed_at = now() where id = $1", id)
	d.Tick("worklist.alert")
	if got := d.alerts(d.worker); got != "" {
		t.Errorf("after the assessment the owner has %q", got)
	}
}

func TestAlert_ClimbsWhileNobodySettlesIt(t *testing.T) {
	d := newDesk(t)
	id := d.file(&d.worker.ID, map[string]string{"plan_due_at": "now() - interval '23 hours'"})
	waits := func(hours, owner, supervisor, manager string) {
		t.Helper()
		d.Tick("worklist.alert")
		for _, c := range []struct {
			who  apptest.Person
			want string
		}{{d.worker, owner}, {d.supervisor, supervisor}, {d.manager, manager}} {
			if got := d.alerts(c.who); got != c.want {
				t.Errorf("after %s hours: %q, want %q", hours, got, c.want)
			}
		}
	}
	waits("23", "plan_overdue/0", "", "")
	if got := d.ask(d.supervisor, "?whose=mine"); got != "" {
		t.Errorf("a supervisor is to do %q", got)
	}
	d.Exec("update cases set plan_due_at = plan_due_at - interval '2 hours' where id = $1", id)
	d.Exec("delete from tasks") // of the clock as it was
	waits("25", "plan_overdue/0", "plan_overdue/1", "")
	if got := d.ask(d.supervisor, "?whose=mine"); got != "task:overdue" {
		t.Errorf("a supervisor is to do %q", got)
	}
	d.Exec("update cases set plan_due_at = plan_due_at - interval '50 hours' where id = $1", id)
	d.Exec("delete from tasks")
	waits("75", "plan_overdue/0", "plan_overdue/1", "plan_overdue/2")
	d.Exec("update cases set owner_id = $2 where id = $1", id, d.colleague.ID)
	d.Tick("worklist.alert")
	if got := d.alerts(d.worker) + d.alerts(d.colleague); got != "plan_overdue/0" {
		t.Errorf("in other hands: %q", got)
	}
	d.Exec("update cases set status = 'closed' where id = $1", id)
	d.Tick("worklist.alert")
	if got := d.alerts(d.colleague) + d.alerts(d.supervisor) + d.alerts(d.manager); got != "" {
		t.Errorf("closed: %q", got)
	}
}

func TestAlert_ClimbsAsTheSOPSays(t *testing.T) {
	d := newDesk(t)
	d.Exec(`insert into sops (centre_id, id, version, created_at, updated_at, number, title, status, policy)
		values ($1, $2, 1, now(), now(), 1, 'SOP', 'active', '{"alerts": {"supervisor_after_hours": 2, "manager_after_hours": 0, "approval_hours": 1}}')`, d.CentreA, db.NewID())
	id := d.file(&d.worker.ID, map[string]string{"plan_due_at": "now() - interval '100 hours'", "sop_id": "(select id from sops)"})
	d.Exec(`insert into case_approvals (centre_id, id, version, created_at, updated_at, case_id, kind, status, requested_by) values ($1, $2, 1, now() - interval '61 minutes', now(), $3, 'closure', 'requested', $4)`, d.CentreA, db.NewID(), id, d.worker.ID)
	d.Tick("worklist.alert")
	if got := d.alerts(d.supervisor); got != "plan_overdue/1 approval_overdue/0" {
		t.Errorf("supervisors are told %q", got)
	}
	if got := d.alerts(d.manager); got != "" {
		t.Errorf("the manager is told %q", got)
	}
}

// rule 26
func TestAlert_OnARestrictedCaseShowsForItsTeamAlone(t *testing.T) {
	d := newDesk(t)
	d.file(&d.worker.ID, map[string]string{"plan_due_at": "now() - interval '100 hours'", "sensitivity": "'restricted'"})
	d.Tick("worklist.alert")
	d.Settle()
	if got := d.alerts(d.worker); got != "plan_overdue/0" {
		t.Errorf("the owner is told %q", got)
	}
	if got := d.alerts(d.supervisor) + d.alerts(d.manager); got != "" {
		t.Errorf("others are told %q", got)
	}
	if feed := d.Call(d.supervisor, "GET", "/v1/centres/"+d.CentreA.String()+"/changes?resource=case,task", nil).Want(200); feed.Len("data") != 0 {
		t.Errorf("the feed tells %s", feed.Raw)
	}
}

func TestRace_TwoProcessesRaiseOneAlert(t *testing.T) {
	d := newDesk(t)
	for range 20 {
		d.file(&d.worker.ID, map[string]string{"plan_due_at": "now() - interval '1 hours'"})
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := d.App.DB.InTx(context.Background(), db.Scope{ActorKind: "system"}, worklist.Alert); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var tasks, told int
	d.Scan("select (select count(*) from tasks), (select count(*) from events where type = 'case.overdue')", nil, &tasks, &told)
	if tasks != 20 || told != 20 {
		t.Errorf("%d alerts, told %d times", tasks, told)
	}
}

func TestAlert_IsRaisedForNoCaseThatHasEnded(t *testing.T) {
	d := newDesk(t)
	d.ended(500)
	d.file(&d.worker.ID, map[string]string{"plan_due_at": "now() - interval '1 hours'"})
	d.Tick("worklist.alert")
	var raised int
	d.Scan("select count(*) from tasks where level is not null", nil, &raised)
	if raised != 1 {
		t.Errorf("%d alerts", raised)
	}
}

// rule 26: a restricted file that runs late while nobody of its team is left reaches those who may let somebody in, and tells them no
// more than its id; whom it is kept from learns nothing.
func TestAlert_OfARestrictedCaseWithoutATeamReachesSomebody(t *testing.T) {
	d := newDesk(t)
	id := d.file(&d.worker.ID, map[string]string{"plan_due_at": "now() - interval '2 hours'", "sensitivity": "'restricted'"})
	officer, walled := d.Staff(d.CentreA, "dpo"), d.Staff(d.CentreA, "case_supervisor")
	d.Exec(`insert into case_walls (centre_id, id, version, created_at, updated_at, case_id, user_id, reason) values ($1, $2, 1, now(), now(), $3, $4, 'A cousin')`, d.CentreA, db.NewID(), id, walled.ID)
	told := func(p apptest.Person) int {
		return d.Call(p, "GET", strings.Replace(d.path, "worklist", "tasks", 1)+"?kind=unattended_case", nil).Want(200).Len("data")
	}
	d.Tick("worklist.alert")
	if told(d.supervisor)+told(officer) != 0 {
		t.Error("a file with a team is told of")
	}
	d.Exec("update users set active = false where id = $1", d.worker.ID)
	d.Tick("worklist.alert")
	d.Tick("worklist.alert")
	waits := func(p apptest.Person) int {
		return d.Call(p, "GET", d.path+"?kind=unattended_case", nil).Want(200).Len("data")
	}
	for who, want := range map[string]struct {
		apptest.Person
		n int
	}{"supervisor": {d.supervisor, 1}, "officer": {officer, 1}, "manager": {d.manager, 0}, "colleague": {d.colleague, 0}, "walled": {walled, 0}} {
		if got := told(want.Person); got != want.n {
			t.Errorf("%s is told %d times, want %d", who, got, want.n)
		}
		if want.Person.ID != officer.ID { // who has no work list
			if got := waits(want.Person); got != want.n {
				t.Errorf("%s finds it %d times on the work list, want %d", who, got, want.n)
			}
		}
	}
	one := d.Call(d.supervisor, "GET", strings.Replace(d.path, "worklist", "tasks", 1)+"?kind=unattended_case", nil)
	if one.ID("data", 0, "resource_id") != id || one.Value("data", 0, "beneficiary_id") != nil {
		t.Errorf("told: %s", one.Raw)
	}
	listed := d.Call(d.supervisor, "GET", d.path+"?whose=mine", nil).Want(200)
	if listed.Len("data") != 1 || listed.Text("data", 0, "kind") != "unattended_case" || listed.Text("data", 0, "resource") != "task" || listed.Text("data", 0, "resource_id") != one.Text("data", 0, "id") {
		t.Errorf("listed: %s", listed.Raw)
	}
	for _, untold := range []string{"case_id", "case_number", "beneficiary_id", "risk_level", "owner_id"} {
		if listed.Value("data", 0, untold) != nil {
			t.Errorf("the work list tells %s: %s", untold, listed.Raw)
		}
	}
	d.Call(d.supervisor, "GET", strings.Replace(d.path, "worklist", "cases/"+id.String(), 1), nil).WantCode(404, "not_found")
	d.Exec("update users set active = true where id = $1", d.worker.ID)
	d.Tick("worklist.alert")
	if told(d.supervisor)+told(officer)+waits(d.supervisor) != 0 {
		t.Error("with a team again it is told of still")
	}
}
