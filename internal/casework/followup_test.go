package casework_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestFollowup_CompletedSetsTheNextByTheSOP(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	planned := d.Call(d.worker, "POST", d.at(id, "follow-ups"), obj{"type": "home_visit"}).Want(201)
	at := planned.Header.Get("Location")
	head := d.Call(d.worker, "GET", d.at(id), nil).Want(200)
	if planned.Text("due_at") != head.Text("followup_due_at") {
		t.Errorf("due %s, the case is due %s", planned.Text("due_at"), head.Text("followup_due_at"))
	}
	moved := d.Call(d.worker, "PATCH", at, obj{"due_at": "2029-05-01T08:00:00Z", "responsible_id": d.worker.ID}, match(1)).Want(200)
	if read := d.Call(d.worker, "GET", at, nil).Want(200); string(read.Raw) != string(moved.Raw) {
		t.Errorf("patched %s, read %s", moved.Raw, read.Raw)
	}
	d.Call(d.worker, "PATCH", at, obj{"responsible_id": uuid.New()}, match(2)).WantCode(422, "invalid")
	d.Call(d.worker, "POST", at+"/complete", obj{"need": "ongoing_monitoring", "done_at": time.Now().Add(time.Hour)}, match(2)).WantCode(422, "invalid")
	d.Call(d.worker, "POST", at+"/complete", obj{"need": "applause"}, match(2)).WantCode(422, "invalid")
	done := d.Call(d.worker, "POST", at+"/complete", obj{"need": "ongoing_monitoring", "outcome": "Settled"}, match(2)).Want(200)
	if done.Text("done_at") == "" || done.ID("done_by") != d.worker.ID {
		t.Errorf("done: %s", done.Raw)
	}
	head = d.Call(d.worker, "GET", d.at(id), nil).Want(200)
	if due := instant(t, head.Text("followup_due_at")).Sub(instant(t, done.Text("done_at"))); due != 14*24*time.Hour || head.Text("followed_up_at") == "" || head.Text("responded_at") == "" {
		t.Errorf("next after %s: %s", due, head.Raw)
	}
	d.Call(d.worker, "POST", at+"/complete", obj{"need": "ongoing_monitoring"}, match(3)).WantCode(409, "state_conflict")
	d.Call(d.worker, "PATCH", at, obj{"type": "in_care"}, match(3)).WantCode(409, "state_conflict")
	d.Call(d.worker, "POST", at+"/attempts", obj{"method": "phone"}, match(3)).WantCode(409, "state_conflict")
}

func TestFollowup_UrgentNeedBringsTheNextForward(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	urgent := d.visited(id, "urgent_intervention")
	head := d.Call(d.worker, "GET", d.at(id), nil).Want(200)
	if due := instant(t, head.Text("followup_due_at")).Sub(instant(t, urgent.Text("done_at"))); due != 24*time.Hour {
		t.Errorf("next after %s", due)
	}
	var told int
	if d.Scan("select count(*) from events where subject_id = $1 and type = 'case.urgent_need'", []any{id}, &told); told != 1 {
		t.Errorf("told %d times", told)
	}
	d.Call(d.worker, "POST", urgent.Header.Get("Location")+"/void", obj{"reason": "Of another case"}, match(1)).Want(200)
	head = d.Call(d.worker, "GET", d.at(id), nil).Want(200)
	if due := instant(t, head.Text("followup_due_at")).Sub(instant(t, head.Text("opened_at"))); due != 14*24*time.Hour || head.Text("followed_up_at") != "" {
		t.Errorf("voided, and the clock is %s", head.Raw)
	}
	d.Call(d.worker, "POST", urgent.Header.Get("Location")+"/void", obj{"reason": "x"}, match(2)).WantCode(409, "state_conflict")
	if n := d.Call(d.worker, "GET", d.at(id, "follow-ups"), nil).Want(200).Len("data"); n != 0 {
		t.Errorf("%d follow-ups are listed", n)
	}
}

func TestFollowup_RefusesBadInput(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	for name, body := range map[string]obj{
		"no type":            {},
		"unknown type":       {"type": "séance"},
		"done without need":  {"type": "home_visit", "done_at": time.Now()},
		"need without done":  {"type": "home_visit", "need": "ongoing_monitoring"},
		"done in the future": {"type": "home_visit", "done_at": time.Now().Add(time.Hour), "need": "ongoing_monitoring"},
		"stranger":           {"type": "home_visit", "responsible_id": uuid.New()},
	} {
		if r := d.Call(d.worker, "POST", d.at(id, "follow-ups"), body); r.Status != 422 {
			t.Errorf("%s: %d %s", name, r.Status, r.Raw)
		}
	}
	d.Call(d.worker, "POST", d.at(d.draft(nil), "follow-ups"), obj{"type": "home_visit"}).WantCode(409, "state_conflict")
	d.visited(id, "ongoing_monitoring")
	d.Call(d.worker, "POST", d.at(id, "follow-ups"), obj{"type": "in_care", "due_at": "2029-01-01T00:00:00Z"}).Want(201)
	for query, want := range map[string]int{"": 2, "?done=true": 1, "?done=false": 1, "?sort=-due_at": 2} {
		if n := d.Call(d.worker, "GET", d.at(id, "follow-ups")+query, nil).Want(200).Len("data"); n != want {
			t.Errorf("%q: %d", query, n)
		}
	}
}
