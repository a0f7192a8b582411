package casework_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
)

type obj = map[string]any

// desk is a centre with the people who work on cases.
type desk struct {
	*apptest.House
	worker, supervisor, second apptest.Person // a caseworker and two supervisors
	cases                      string         // path of the centre's cases
}

func newDesk(t *testing.T) *desk {
	h := apptest.New(t)
	return &desk{h, h.Staff(h.CentreA, "caseworker"), h.Staff(h.CentreA, "case_supervisor"), h.Staff(h.CentreA, "case_supervisor"), "/v1/centres/" + h.CentreA.String() + "/cases"}
}

// at is the path of a case, or of something in its file.
func (d *desk) at(id uuid.UUID, more ...any) string {
	path := d.cases + "/" + id.String()
	for _, m := range more {
		path += "/" + fmt.Sprint(m)
	}
	return path
}

// do calls a transition with the version that is there now.
func (d *desk) do(p apptest.Person, id uuid.UUID, verb string, body any) *apptest.Response {
	d.T.Helper()
	var version int
	d.Scan("select version from cases where id = $1", []any{id}, &version)
	return d.Call(p, "POST", d.at(id, verb), body, match(version))
}

func match(version int) apptest.Header {
	return apptest.IfMatch(fmt.Sprintf("%q", fmt.Sprint(version)))
}

// draft begins a case of the worker's through the API.
func (d *desk) draft(more obj) uuid.UUID {
	d.T.Helper()
	body := obj{"beneficiary_id": person(d.House, true), "source": "walk_in", "risk_level": "medium", "owner_id": d.worker.ID}
	for k, v := range more {
		body[k] = v
	}
	return d.Call(d.worker, "POST", d.cases, body).Want(201).ID()
}

// open is a draft that was opened.
func (d *desk) open(more obj) uuid.UUID {
	d.T.Helper()
	id := d.draft(more)
	d.do(d.worker, id, "open", nil).Want(200)
	return id
}

// assessed has an assessment of the case completed, which planning begins with.
func (d *desk) assessed(id uuid.UUID) *apptest.Response {
	d.T.Helper()
	x := d.start(id, "closing_evaluation", obj{"achieved": "Papers", "safe_to_close": "yes", "knows_how_to_return": true})
	return d.Call(d.worker, "POST", x.Header.Get("Location")+"/complete", obj{"summary": "Well"}, match(1)).Want(200)
}

// start begins an assessment on a shipped form.
func (d *desk) start(id uuid.UUID, key string, answers obj) *apptest.Response {
	d.T.Helper()
	return d.Call(d.worker, "POST", d.at(id, "assessments"), obj{"form_id": d.form(key), "answers": answers}).Want(201)
}

// form finds the shipped form of a key.
func (d *desk) form(key string) (id uuid.UUID) {
	d.Scan("select id from shipped_forms where key = $1", []any{key}, &id)
	return id
}

// visited records a follow-up that took place.
func (d *desk) visited(id uuid.UUID, need string) *apptest.Response {
	d.T.Helper()
	return d.Call(d.worker, "POST", d.at(id, "follow-ups"), obj{"type": "home_visit", "done_at": time.Now(), "need": need}).Want(201)
}

var closing = obj{"reason": "plan_completed", "summary": "All is well", "person_informed": true}

// pending is an open case whose closure was asked for.
func (d *desk) pending(more obj) uuid.UUID {
	d.T.Helper()
	id := d.open(more)
	d.visited(id, "no_further_action")
	d.do(d.worker, id, "request-closure", closing).Want(200)
	return id
}

func (d *desk) closed() uuid.UUID {
	d.T.Helper()
	id := d.pending(nil)
	d.do(d.supervisor, id, "approve-closure", obj{}).Want(200)
	return id
}

// policy puts a SOP into force whose policy differs from the default.
func (d *desk) policy(change string) {
	policy := `(select jsonb_build_object(
		'risk', '{"high":{"assign_hours":1,"first_response_hours":24,"assessment_hours":24,"plan_days":3,"follow_up_days":7},"medium":{"follow_up_days":5},"low":{"follow_up_days":30}}'::jsonb,
		'case', '{"hold_max_days":30,"reopen_within_months":60,"lost_contact_attempts":3,"lost_contact_min_days":14,"undo_merge_within_days":30,"closure_needs_follow_up":true,"late_note_hours":48}'::jsonb,
		'approvals', '{"closure":{"required":true,"roles":["case_supervisor"]},"plan":{"required":false,"roles":["case_supervisor"]}}'::jsonb) || $3::jsonb)`
	d.Exec("update sops set status = 'superseded' where centre_id = $1", d.CentreA)
	d.Exec(`insert into sops (centre_id, id, version, created_at, updated_at, number, title, status, policy)
		values ($1, $2, 1, now(), now(), (select count(*) + 1 from sops), 'SOP', 'active', `+policy+`)`, d.CentreA, db.NewID(), change)
}

func ids(page *apptest.Response) []uuid.UUID {
	list := []uuid.UUID{}
	for i := range page.Len("data") {
		list = append(list, page.ID("data", i, "id"))
	}
	return list
}

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
