package casework_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// visit plans a visit for tomorrow.
func (d *desk) visit(id uuid.UUID, more obj) *apptest.Response {
	d.T.Helper()
	body := obj{"kind": "home", "planned_at": time.Now().Add(24 * time.Hour), "admin2_pcode": "NER001001"}
	for k, v := range more {
		body[k] = v
	}
	return d.Call(d.worker, "POST", d.at(id, "visits"), body)
}

// checked plans a visit that was found safe some hours ago.
func (d *desk) checked(id uuid.UUID, more obj) string {
	d.T.Helper()
	at := d.visit(id, more).Want(201).Header.Get("Location")
	d.Call(d.worker, "POST", at+"/check-safety", obj{"worker": "safe", "person": "precautions", "note": "Calls first", "checked_at": time.Now().Add(-6 * time.Hour)}, match(1)).Want(200)
	return at
}

// duty D6: date, place as coarse as the person wants it, safety check, outcome, next date.
func TestVisit_IsCheckedForSafetyMadeAndFollowed(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	d.Exec("update cases set opened_at = opened_at - interval '1 day' where id = $1", id)
	planned := d.visit(id, nil).Want(201)
	at, followup := planned.Header.Get("Location"), d.at(id, "follow-ups", planned.Text("followup_id"))
	if planned.Text("admin2_pcode") != "NER001001" || planned.ID("visitor_id") != d.worker.ID || planned.Text("status") != "planned" {
		t.Errorf("planned: %s", planned.Raw)
	}
	if due := d.Call(d.worker, "GET", followup, nil).Want(200); due.Text("due_at") != planned.Text("planned_at") || due.Text("type") != "home_visit" {
		t.Errorf("its follow-up: %s", due.Raw)
	}
	record := obj{"result": "met", "visited_at": time.Now().Add(-time.Minute), "need": "ongoing_monitoring", "outcome": "Settled", "next_at": time.Now().Add(72 * time.Hour)}
	d.refused(at+"/record", record, 1, "safety_check_required")
	d.Call(d.worker, "POST", at+"/check-safety", obj{"worker": "safe", "person": "unsafe", "checked_at": time.Now().Add(-2 * time.Hour)}, match(1)).Want(200)
	d.refused(at+"/record", record, 2, "unsafe")
	d.Call(d.worker, "POST", at+"/check-safety", obj{"worker": "safe", "person": "safe", "checked_at": time.Now().Add(-time.Hour)}, match(2)).Want(200)
	d.refused(at+"/record", obj{"result": "met", "need": "ongoing_monitoring", "visited_at": time.Now().Add(-90 * time.Minute)}, 3, "safety_check_required")
	d.refused(at+"/record", obj{"result": "met", "need": "ongoing_monitoring", "visited_at": time.Now().Add(time.Hour)}, 3, "in_the_future")
	d.refused(at+"/record", obj{"result": "met"}, 3, "incomplete")
	d.refused(at+"/record", obj{"result": "met", "need": "ongoing_monitoring", "next_at": time.Now().Add(-2 * time.Hour)}, 3, "out_of_order")
	made := d.Call(d.worker, "POST", at+"/record", record, match(3)).Want(200)
	if made.Text("status") != "met" || made.Text("outcome") != "Settled" || made.ID("safety", "checked_by") != d.worker.ID {
		t.Errorf("made: %s", made.Raw)
	}
	if done := d.Call(d.worker, "GET", followup, nil).Want(200); done.Text("done_at") != made.Text("visited_at") || done.Text("need") != "ongoing_monitoring" {
		t.Errorf("its follow-up: %s", done.Raw)
	}
	if next := d.Call(d.worker, "GET", d.at(id, "follow-ups", made.Text("next_followup_id")), nil).Want(200); next.ID("responsible_id") != d.worker.ID || next.Text("due_at") == "" {
		t.Errorf("next: %s", next.Raw)
	}
	if head := d.Call(d.worker, "GET", d.at(id), nil).Want(200); head.Text("followed_up_at") != made.Text("visited_at") {
		t.Errorf("the case's clock: %s", head.Raw)
	}
	for verb, body := range map[string]obj{"check-safety": {"worker": "safe", "person": "safe"}, "record": record, "cancel": {"reason": "x"}} {
		d.Call(d.worker, "POST", at+"/"+verb, body, match(4)).WantCode(409, "state_conflict")
	}
	d.Call(d.worker, "PATCH", at, obj{"planned_at": time.Now()}, match(4)).WantCode(409, "state_conflict")
	d.Call(d.worker, "PATCH", at, obj{"planned_at": time.Now()}, match(3)).WantCode(412, "stale_version")
	d.Call(d.Staff(d.CentreA, "registrar"), "GET", at, nil).WantCode(403, "forbidden")
}

// refused wants a 422 that names a rule.
func (d *desk) refused(at string, body obj, version int, code string) {
	d.T.Helper()
	if r := d.Call(d.worker, "POST", at, body, match(version)).WantCode(422, "invalid"); r.Text("errors", 0, "code") != code {
		d.T.Errorf("want %s: %s", code, r.Raw)
	}
}

// duty D6: nobody learns where exactly somebody lives unless they agreed, and then the case's team alone.
func TestVisit_PlaceIsTheDistrictUnlessThePersonAgreed(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	if r := d.visit(id, obj{"place": "Behind the mosque"}).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "not_agreed" {
		t.Errorf("not agreed: %s", r.Raw)
	}
	d.visit(id, obj{"place": "Behind the mosque", "place_agreed_on": "2099-01-01"}).WantCode(422, "invalid")
	at := d.checked(id, obj{"place": "Behind the mosque", "place_agreed_on": "2026-01-02"})
	if v := d.Call(d.worker, "GET", at, nil).Want(200); v.Text("place") != "Behind the mosque" {
		t.Errorf("the team reads %s", v.Raw)
	}
	for _, path := range []string{at, d.at(id, "visits")} {
		if v := d.Call(d.supervisor, "GET", path, nil).Want(200); strings.Contains(string(v.Raw), "mosque") || !strings.Contains(string(v.Raw), "NER001001") {
			t.Errorf("a supervisor reads %s", v.Raw)
		}
	}
	var told int
	if d.Scan("select count(*) from audit_events a where to_jsonb(a)::text ~ 'mosque'", nil, &told); told != 0 {
		t.Errorf("the trail tells of the place %d times", told)
	}
	moved := d.Call(d.worker, "PATCH", at, obj{"place": "At the market"}, match(2)).Want(200)
	if moved.Value("safety") != nil {
		t.Errorf("a visit elsewhere was found safe: %s", moved.Raw)
	}
	d.Call(d.worker, "POST", at+"/cancel", obj{"reason": "She travels"}, match(3)).Want(200)
	back := d.Call(d.worker, "PATCH", at, obj{"place_agreed_on": nil}, match(4)).Want(200)
	var kept string
	if d.Scan("select place from case_visits where id = $1", []any{back.ID()}, &kept); kept != "" || back.Text("place") != "" {
		t.Errorf("kept %q: %s", kept, back.Raw)
	}
	if _, err := d.Owner.Exec(t.Context(), "update case_visits set place = 'x' where id = $1", back.ID()); err == nil {
		t.Error("the database keeps a place that nobody agreed to")
	}
}

// duty D6: who is not met was sought, and that is evidence.
func TestVisit_ThatMetNobodyIsAnAttempt(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	followup := d.Call(d.worker, "POST", d.at(id, "follow-ups"), obj{"type": "in_care"}).Want(201)
	more := obj{"followup_id": followup.ID(), "companion_id": d.supervisor.ID, "kind": "outreach"}
	var last string
	for i := range 3 {
		last = d.checked(id, more)
		d.visit(id, more).WantCode(409, "already_planned")
		missed := d.Call(d.worker, "POST", last+"/record", obj{"result": "not_met", "outcome": "Door closed", "next_at": time.Now().Add(48 * time.Hour)}, match(2)).Want(200)
		now := d.Call(d.worker, "GET", followup.Header.Get("Location"), nil).Want(200)
		if now.Len("attempts") != i+1 || now.Text("attempts", i, "visit_id") != missed.Text("id") || now.Text("attempts", i, "method") != "visit" || now.Text("due_at") == followup.Text("due_at") || now.Text("done_at") != "" {
			t.Errorf("after visit %d: %s", i, now.Raw)
		}
	}
	d.Exec("alter table case_contact_attempts disable trigger all")
	d.Exec("update case_contact_attempts set at = at - interval '20 days' where case_id = $1", id)
	d.Exec("alter table case_contact_attempts enable trigger all")
	d.Exec("update cases set opened_at = opened_at - interval '30 days' where id = $1", id)
	d.Call(d.worker, "POST", last+"/void", obj{"reason": "Another house"}, match(3)).Want(200)
	lost := obj{"reason": "lost_contact", "summary": "Nobody knows"}
	if r := d.do(d.worker, id, "request-closure", lost).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "too_few_attempts" {
		t.Errorf("with a void visit: %s", r.Raw)
	}
	d.Call(d.worker, "POST", followup.Header.Get("Location")+"/attempts", obj{"method": "phone", "at": time.Now().Add(-15 * 24 * time.Hour)}, match(4)).Want(200)
	d.do(d.worker, id, "request-closure", lost).Want(200)
}

func TestVisit_TakenBackTakesItsFollowupAlong(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	at := d.checked(id, nil)
	made := d.Call(d.worker, "POST", at+"/record", obj{"result": "met", "need": "urgent_intervention", "next_at": time.Now().Add(time.Hour)}, match(2)).Want(200)
	d.Call(d.worker, "POST", at+"/void", obj{"reason": "Of another case"}, match(3)).Want(200)
	d.Call(d.worker, "POST", at+"/void", obj{"reason": "x"}, match(4)).WantCode(409, "state_conflict")
	for _, f := range []string{made.Text("followup_id"), made.Text("next_followup_id")} {
		if read := d.Call(d.worker, "GET", d.at(id, "follow-ups", f), nil).Want(200); read.Text("voided_at") == "" {
			t.Errorf("%s", read.Raw)
		}
	}
	if head := d.Call(d.worker, "GET", d.at(id), nil).Want(200); head.Text("followed_up_at") != "" {
		t.Errorf("the case's clock: %s", head.Raw)
	}
	if n := d.Call(d.worker, "GET", d.at(id, "visits"), nil).Want(200).Len("data"); n != 0 {
		t.Errorf("%d are listed", n)
	}
	if n := d.Call(d.worker, "GET", d.at(id, "visits")+"?status=void", nil).Want(200).Len("data"); n != 1 {
		t.Errorf("%d are void", n)
	}
}

func TestVisit_IsForStaffAndFollowupsOfTheCase(t *testing.T) {
	d := newDesk(t)
	id, other := d.open(nil), d.open(nil)
	theirs := d.Call(d.worker, "POST", d.at(other, "follow-ups"), obj{"type": "home_visit"}).Want(201).ID()
	done := d.visited(id, "ongoing_monitoring").ID()
	for code, body := range map[string]obj{
		"unknown_staff": {"visitor_id": uuid.New()}, "unknown_staff ": {"companion_id": d.Staff(d.CentreB, "caseworker").ID},
		"same_person": {"companion_id": d.worker.ID}, "unknown_followup": {"followup_id": theirs},
	} {
		if r := d.visit(id, body).WantCode(422, "invalid"); r.Text("errors", 0, "code") != strings.TrimSpace(code) {
			t.Errorf("%v: %s", body, r.Raw)
		}
	}
	d.visit(id, obj{"followup_id": done}).WantCode(409, "state_conflict")
	d.visit(d.draft(nil), nil).WantCode(409, "state_conflict")
}
