package casework_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
)

// shorter is a policy with a quick plan and a slow follow-up for cases of medium risk.
const shorter = `{"risk":{"high":{"plan_days":3,"follow_up_days":7},"medium":{"assessment_hours":1000,"plan_days":2,"follow_up_days":20},"low":{"follow_up_days":30}}}`

// drafted is policy with a SOP that waits to be activated.
func (d *desk) drafted(change string) (id uuid.UUID) {
	d.policy(change)
	d.Exec("update sops set status = 'draft' where status = 'active'")
	d.Exec("update sops set status = 'active' where number = 1 and status = 'superseded'")
	d.Scan("select id from sops where status = 'draft'", nil, &id)
	return id
}

func TestSOP_IsTriedBeforeItHolds(t *testing.T) {
	d := newDesk(t)
	d.policy(`{"risk":{"medium":{"assessment_hours":72,"plan_days":7,"follow_up_days":14}}}`)
	three, one := d.open(nil), d.open(nil)
	d.Exec("update cases set opened_at = now() - interval '3 days', followup_from_at = now() - interval '3 days', assessed_at = now() where id = $1", three)
	d.open(obj{"sensitivity": "restricted"}) // the worker's
	d.closed()
	draft := d.drafted(shorter)
	path := "/v1/centres/" + d.CentreA.String() + "/sops/" + draft.String()
	effect := d.Call(d.supervisor, "GET", path+"/effect", nil).Want(200)
	if effect.Text("cases") != "2" || effect.Text("become_overdue") != "1" || effect.Text("due_earlier") != "2" {
		t.Errorf("effect: %s", effect.Raw)
	}
	for i, want := range []struct{ clock, before, after, earlier, later string }{
		{"assignment", "0", "0", "0", "0"}, {"first_response", "0", "0", "0", "0"}, {"assessment", "0", "0", "0", "1"}, {"plan", "0", "1", "2", "0"}, {"follow_up", "0", "0", "0", "2"},
	} {
		got := func(name string) string { return effect.Text("clocks", i, name) }
		if got("clock") != want.clock || got("overdue_before") != want.before || got("overdue_after") != want.after || got("earlier") != want.earlier || got("later") != want.later {
			t.Errorf("%v: %v", want, effect.Value("clocks", i))
		}
	}
	if mine := d.Call(d.Staff(d.CentreA, "centre_manager"), "GET", path+"/effect", nil).Want(200); mine.Text("cases") != "2" {
		t.Errorf("a manager counts %s", mine.Raw)
	}
	var touched int
	d.Scan("select count(*) from cases where id in ($1, $2) and version <> 2", []any{three, one}, &touched)
	if touched > 0 {
		t.Error("a dry run changed a case")
	}
	d.Call(d.worker, "GET", path+"/effect", nil).WantCode(403, "forbidden")
}

func TestSOP_ACaseMovesToTheOneInForce(t *testing.T) {
	d := newDesk(t)
	d.policy(`{"risk":{"medium":{"assessment_hours":72,"plan_days":7,"follow_up_days":14}}}`)
	id := d.open(nil)
	draft := d.drafted(shorter)
	if r := d.do(d.supervisor, id, "sop", obj{"sop_id": draft}).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "not_in_force" {
		t.Errorf("to a draft: %s", r.Raw)
	}
	d.Exec("update sops set status = 'superseded' where status = 'active'")
	d.Exec("update sops set status = 'active' where id = $1", draft)
	before := d.Call(d.worker, "GET", d.at(id), nil).Want(200)
	moved := d.do(d.supervisor, id, "sop", obj{"sop_id": draft, "reason": "Shorter deadlines"}).Want(200)
	if moved.ID("sop_id") != draft || instant(t, before.Text("plan_due_at")).Sub(instant(t, moved.Text("plan_due_at"))) != 5*24*time.Hour ||
		instant(t, moved.Text("followup_due_at")).Sub(instant(t, before.Text("followup_due_at"))) != 6*24*time.Hour {
		t.Errorf("moved: %s from %s", moved.Raw, before.Raw)
	}
	if r := d.do(d.supervisor, id, "sop", obj{"sop_id": draft}).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "already_there" {
		t.Errorf("again: %s", r.Raw)
	}
	history := d.Call(d.worker, "GET", d.at(id, "history"), nil).Want(200)
	if n := history.Len("data"); history.Text("data", n-1, "verb") != "sop" || history.Text("data", n-1, "reason") != "Shorter deadlines" {
		t.Errorf("history: %s", history.Raw)
	}
	d.do(d.worker, id, "sop", obj{"sop_id": draft}).WantCode(403, "forbidden")
	d.do(d.supervisor, d.draft(nil), "sop", obj{"sop_id": draft}).WantCode(409, "state_conflict")
}

func TestSOP_AllCasesMoveAtOnce(t *testing.T) {
	d := newDesk(t)
	d.policy(`{"risk":{"medium":{"assessment_hours":72,"plan_days":7,"follow_up_days":14}}}`)
	open, hidden, draft, ended := d.open(nil), d.open(obj{"sensitivity": "restricted"}), d.draft(nil), d.closed()
	d.policy(shorter)
	var sop uuid.UUID
	d.Scan("select id from sops where status = 'active'", nil, &sop)
	manager := d.Staff(d.CentreA, "centre_manager")
	path := "/v1/centres/" + d.CentreA.String() + "/sops/" + sop.String() + "/adopt"
	d.Call(manager, "POST", path, obj{"reason": "From today"}, match(9)).WantCode(412, "stale_version")
	d.Call(d.supervisor, "POST", path, obj{"reason": "From today"}, match(1)).WantCode(403, "forbidden")
	if moved := d.Call(manager, "POST", path, obj{"reason": "From today"}, match(1)).Want(200); moved.Text("moved") != "1" { // of two, one is restricted
		t.Errorf("moved: %s", moved.Raw)
	}
	for id, want := range map[uuid.UUID]bool{open: true, hidden: true, draft: false, ended: false} {
		var there bool
		d.Scan("select coalesce(sop_id = $2, false) and exists (select from case_transitions t where t.case_id = $1 and t.verb = 'sop') from cases where id = $1", []any{id, sop}, &there)
		if there != want {
			t.Errorf("%s lives by it: %v", id, there)
		}
	}
	if again := d.Call(manager, "POST", path, obj{"reason": "From today"}, match(1)).Want(200); again.Text("moved") != "0" {
		t.Errorf("again: %s", again.Raw)
	}
	d.Exec("update sops set status = 'superseded'")
	d.Call(manager, "POST", path, obj{"reason": "From today"}, match(1)).WantCode(409, "state_conflict")
}
