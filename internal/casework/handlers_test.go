package casework_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/casework"
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

// visited records a follow-up that took place.
func (d *desk) visited(id uuid.UUID, need string) *apptest.Response {
	d.T.Helper()
	return d.Call(d.worker, "POST", d.at(id, "follow-ups"), obj{"type": "home_visit", "done_at": time.Now(), "need": need}).Want(201)
}

var closing = obj{"reason": "plan_completed", "summary": "All is well"}

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

func TestCase_Life(t *testing.T) {
	d := newDesk(t)
	who := person(d.House, true)
	made := d.Call(d.worker, "POST", d.cases, obj{"beneficiary_id": who, "source": "walk_in", "summary": "Lost her papers"}).Want(201)
	id := made.ID()
	if made.Text("number") != "AGZ-C-000001" || made.Text("status") != "draft" || made.Text("stage") != "identification_registration" || made.ETag() != `"1"` || made.Header.Get("Location") != d.at(id) {
		t.Fatalf("made: %s", made.Raw)
	}
	if read := d.Call(d.worker, "GET", d.at(id), nil).Want(200); string(read.Raw) != string(made.Raw) {
		t.Errorf("create answered %s, read answers %s", made.Raw, read.Raw)
	}
	d.do(d.supervisor, id, "assign", obj{"owner_id": d.worker.ID, "reason": "Speaks Hausa"}).Want(200)
	d.Call(d.worker, "PATCH", d.at(id), obj{"risk_level": "medium"}, match(2)).Want(200)
	opened := d.do(d.worker, id, "open", nil).Want(200)
	if opened.Text("status") != "open" || opened.Text("stage") != "assessment" || opened.Text("followup_due_at") == "" || opened.ETag() != `"4"` {
		t.Errorf("opened: %s", opened.Raw)
	}
	d.do(d.worker, id, "hold", obj{"reason": "In hospital", "review_on": time.Now().AddDate(0, 0, 10).Format(time.DateOnly)}).Want(200)
	d.do(d.worker, id, "resume", nil).Want(200)
	d.visited(id, "no_further_action")
	d.do(d.worker, id, "request-closure", closing).Want(200)
	d.do(d.supervisor, id, "reject-closure", obj{"comment": "Not yet"}).Want(200)
	d.do(d.worker, id, "request-closure", closing).Want(200)
	closed := d.do(d.supervisor, id, "approve-closure", obj{"comment": "Fine"}).Want(200)
	if closed.Text("status") != "closed" || closed.Text("closed_at") == "" || closed.Text("closure_reason") != "plan_completed" || closed.Text("followup_due_at") != "" {
		t.Errorf("closed: %s", closed.Raw)
	}
	reopened := d.do(d.worker, id, "reopen", obj{"reason": "Came back", "risk_level": "high"}).Want(200)
	if reopened.Text("number") != "AGZ-C-000001" || reopened.Text("reopened_count") != "1" || reopened.Text("risk_level") != "high" || reopened.Text("closed_at") != "" {
		t.Errorf("reopened: %s", reopened.Raw)
	}
	history := d.Call(d.worker, "GET", d.at(id, "history"), nil).Want(200)
	verbs := []string{}
	for i := range history.Len("data") {
		verbs = append(verbs, history.Text("data", i, "verb"))
	}
	if got := strings.Join(verbs, " "); got != "create assign change-risk open hold resume request-closure reject-closure request-closure approve-closure reopen" {
		t.Errorf("history: %s", got)
	}
	if history.Text("data", 1, "reason") != "Speaks Hausa" || history.ID("data", 1, "by_id") != d.supervisor.ID || history.Text("data", 9, "from_status") != "pending_closure" || history.Text("data", 9, "to_status") != "closed" || history.Text("data", 6, "reason_code") != "plan_completed" {
		t.Errorf("history: %s", history.Raw)
	}
}

func TestCase_EventsTellWhatHappened(t *testing.T) {
	d := newDesk(t)
	id := d.closed()
	d.do(d.worker, id, "reopen", obj{"reason": "Came back", "risk_level": "high"}).Want(200)
	var types string
	d.Scan("select string_agg(type, ' ' order by id) from events where subject_id = $1 and type not in ('case.created', 'case.updated')", []any{id}, &types)
	if types != "case.opened case.closure_requested case.closed case.reopened" {
		t.Errorf("events: %s", types)
	}
}

func TestCase_RefusesBadInput(t *testing.T) {
	d := newDesk(t)
	who, gone := person(d.House, true), person(d.House, true)
	d.Exec("update beneficiaries set status = 'void' where id = $1", gone)
	stranger := d.Staff(d.CentreB, "caseworker")
	for name, c := range map[string]struct {
		body   obj
		status int
		at     string
		code   string
	}{
		"nobody":           {obj{"source": "walk_in"}, 422, "/beneficiary_id", "required"},
		"unknown person":   {obj{"beneficiary_id": uuid.New(), "source": "walk_in"}, 422, "/beneficiary_id", "unknown_beneficiary"},
		"void record":      {obj{"beneficiary_id": gone, "source": "walk_in"}, 422, "/beneficiary_id", "record_ended"},
		"unknown source":   {obj{"beneficiary_id": who, "source": "rumour"}, 422, "/source", "unknown_code"},
		"unknown risk":     {obj{"beneficiary_id": who, "source": "walk_in", "risk_level": "extreme"}, 422, "/risk_level", "unknown_code"},
		"owner elsewhere":  {obj{"beneficiary_id": who, "source": "walk_in", "owner_id": stranger.ID}, 422, "/owner_id", "unfit_owner"},
		"owner unknown":    {obj{"beneficiary_id": who, "source": "walk_in", "owner_id": uuid.New()}, 422, "/owner_id", "unfit_owner"},
		"owner registrar":  {obj{"beneficiary_id": who, "source": "walk_in", "owner_id": d.Staff(d.CentreA, "registrar").ID}, 422, "/owner_id", "unfit_owner"},
		"own status":       {obj{"beneficiary_id": who, "source": "walk_in", "status": "open"}, 422, "/status", "unknown_field"},
		"text with a NUL":  {obj{"beneficiary_id": who, "source": "walk_in", "summary": "a\x00b"}, 422, "/summary", "invalid_text"},
		"sensitivity typo": {obj{"beneficiary_id": who, "source": "walk_in", "sensitivity": "secret"}, 422, "/sensitivity", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := d.Call(d.worker, "POST", d.cases, c.body)
			if r.Status != c.status || r.Text("errors", 0, "pointer") != c.at || (c.code != "" && r.Text("errors", 0, "code") != c.code) {
				t.Errorf("got %d %s", r.Status, r.Raw)
			}
		})
	}
	left := d.Staff(d.CentreA, "caseworker")
	d.Exec("update members set ended_at = now() where user_id = $1", left.ID)
	d.Call(d.worker, "POST", d.cases, obj{"beneficiary_id": who, "source": "walk_in", "owner_id": left.ID}).WantCode(422, "invalid")
	id := d.draft(nil)
	d.Call(d.worker, "PATCH", d.at(id), obj{"summary": "x"}).WantCode(428, "if_match_required")
	d.Call(d.worker, "POST", d.at(id, "open"), nil).WantCode(428, "if_match_required")
	d.Call(d.worker, "PATCH", d.at(id), obj{"summary": "x"}, match(9)).WantCode(412, "stale_version")
	d.Call(d.worker, "PATCH", d.at(id), obj{"number": "x"}, match(1)).WantCode(422, "invalid")
	d.Call(d.worker, "GET", d.cases+"?sort=risk_level", nil).WantCode(400, "invalid_parameter")
	d.Call(d.worker, "GET", d.cases+"?status=lost", nil).WantCode(400, "invalid_parameter")
	d.Call(d.worker, "GET", d.cases+"?colour=red", nil).WantCode(400, "invalid_parameter")
}

// Each transition is called in each wrong state: the state answers, and nothing changed.
func TestCase_WrongStateIsA409(t *testing.T) {
	d := newDesk(t)
	who := person(d.House, true)
	bodies := map[string]struct {
		from []string
		body obj
	}{
		"open":            {[]string{"draft"}, nil},
		"screen-out":      {[]string{"draft"}, obj{"reason": "x"}},
		"assign":          {[]string{"draft", "open", "on_hold", "pending_closure"}, obj{"owner_id": d.supervisor.ID}},
		"hold":            {[]string{"open"}, obj{"reason": "x", "review_on": time.Now().AddDate(0, 0, 3).Format(time.DateOnly)}},
		"resume":          {[]string{"on_hold"}, nil},
		"request-closure": {[]string{"open"}, closing},
		"approve-closure": {[]string{"pending_closure"}, obj{}},
		"reject-closure":  {[]string{"pending_closure"}, obj{"comment": "x"}},
		"reopen":          {[]string{"closed"}, obj{"reason": "x", "risk_level": "low"}},
		"merge":           {[]string{"open", "closed"}, obj{"survivor_id": uuid.New(), "reason": "x"}},
		"undo-merge":      {[]string{"duplicate"}, obj{"reason": "x"}},
	}
	for _, status := range []string{"draft", "open", "on_hold", "pending_closure", "closed", "not_opened", "transferred", "duplicate"} {
		id := file(d.House, who, status, "normal", &d.worker.ID)
		for verb, c := range bodies {
			if slices.Contains(c.from, status) {
				continue
			}
			var body any
			if c.body != nil {
				body = c.body
			}
			r := d.Call(d.supervisor, "POST", d.at(id, verb), body, match(1))
			if r.Status != 409 || r.Text("code") != "state_conflict" || r.Text("current_state") != status {
				t.Errorf("%s in %s: %d %s", verb, status, r.Status, r.Raw)
			}
		}
		if slices.Contains([]string{"closed", "not_opened", "transferred", "duplicate"}, status) {
			d.Call(d.worker, "PATCH", d.at(id), obj{"summary": "x"}, match(1)).WantCode(409, "state_conflict")
			d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "x"}).WantCode(409, "state_conflict")
			d.Call(d.worker, "POST", d.at(id, "plans"), obj{}).WantCode(409, "state_conflict")
			d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": d.second.ID}).WantCode(409, "state_conflict")
			d.Call(d.worker, "POST", d.at(id, "follow-ups"), obj{"type": "home_visit"}).WantCode(409, "state_conflict")
		}
	}
	var rows int
	if d.Scan("select count(*) from case_transitions", nil, &rows); rows != 0 {
		t.Errorf("%d refused transitions are in the history", rows)
	}
}

func TestCase_OpensOnlyWithRiskOwnerAndConsent(t *testing.T) {
	d := newDesk(t)
	who := person(d.House, false)
	id := d.Call(d.worker, "POST", d.cases, obj{"beneficiary_id": who, "source": "walk_in"}).Want(201).ID()
	refused := d.do(d.worker, id, "open", nil).WantCode(422, "invalid")
	if refused.Len("errors") != 3 {
		t.Errorf("all three rules at once: %s", refused.Raw)
	}
	d.do(d.worker, id, "assign", obj{"owner_id": d.worker.ID}).Want(200)
	d.Call(d.worker, "PATCH", d.at(id), obj{"risk_level": "none"}, match(2)).Want(200)
	d.do(d.worker, id, "open", nil).WantCode(422, "invalid")
	d.Call(d.worker, "PATCH", d.at(id), obj{"risk_level": "high"}, match(3)).Want(200)
	if r := d.do(d.worker, id, "open", nil).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "consent_required" {
		t.Errorf("refused: %s", r.Raw)
	}
	consent(d.House, who, "given")
	consent(d.House, who, "withdrawn")
	d.do(d.worker, id, "open", nil).WantCode(422, "invalid")
	consent(d.House, who, "given")
	d.do(d.worker, id, "open", nil).Want(200)
}

func TestCase_ConsentOverrideTakesASecondPerson(t *testing.T) {
	d := newDesk(t)
	id := d.Call(d.supervisor, "POST", d.cases, obj{"beneficiary_id": person(d.House, false), "source": "walk_in", "risk_level": "high", "owner_id": d.worker.ID}).Want(201).ID()
	ask := obj{"kind": "consent_override", "basis": "vital_interest", "reason": "Unconscious"}
	d.Call(d.supervisor, "POST", d.at(id, "approvals"), obj{"kind": "consent_override", "reason": "x"}).WantCode(422, "invalid")
	d.Call(d.supervisor, "POST", d.at(id, "approvals"), obj{"kind": "consent_override", "basis": "consent", "reason": "x"}).WantCode(422, "invalid")
	asked := d.Call(d.supervisor, "POST", d.at(id, "approvals"), ask).Want(201)
	d.Call(d.worker, "POST", d.at(id, "approvals"), ask).WantCode(409, "already_requested")
	at := asked.Header.Get("Location")
	d.do(d.worker, id, "open", nil).WantCode(422, "invalid")
	d.Call(d.worker, "POST", at+"/approve", obj{}, match(1)).WantCode(403, "forbidden")
	d.Call(d.supervisor, "POST", at+"/approve", obj{}, match(1)).WantCode(422, "four_eyes")
	d.Call(d.supervisor, "POST", at+"/reject", obj{}, match(1)).WantCode(422, "four_eyes")
	d.Call(d.Staff(d.CentreA, "centre_manager"), "POST", at+"/approve", obj{}, match(1)).WantCode(403, "forbidden")
	d.Call(d.second, "POST", at+"/approve", obj{"comment": "Agreed"}, match(2)).WantCode(412, "stale_version")
	granted := d.Call(d.second, "POST", at+"/approve", obj{"comment": "Agreed"}, match(1)).Want(200)
	if granted.Text("status") != "approved" || granted.ID("decided_by") != d.second.ID {
		t.Errorf("granted: %s", granted.Raw)
	}
	d.Call(d.second, "POST", at+"/reject", obj{}, match(2)).WantCode(409, "state_conflict")
	opened := d.do(d.worker, id, "open", nil).Want(200)
	if opened.Text("consent_basis") != "vital_interest" || opened.Text("consent_override_reason") != "Unconscious" {
		t.Errorf("opened: %s", opened.Raw)
	}
	if got := d.Call(d.worker, "GET", at, nil).Want(200); string(got.Raw) != string(granted.Raw) {
		t.Errorf("read: %s", got.Raw)
	}
	if n := d.Call(d.worker, "GET", d.at(id, "approvals")+"?status=approved", nil).Want(200).Len("data"); n != 1 {
		t.Errorf("%d approvals", n)
	}
	d.Call(d.worker, "POST", d.at(id, "approvals"), ask).Want(201)
}

// rule 7
func TestCase_ClosureIsBlockedByWhatIsUnfinished(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	d.Exec("update cases set open_referrals = 1 where id = $1", id)
	plan := d.plan(id)
	d.activate(id, plan)
	refused := d.do(d.worker, id, "request-closure", closing).WantCode(422, "invalid")
	codes := []string{}
	for i := range refused.Len("errors") {
		codes = append(codes, refused.Text("errors", i, "code"))
	}
	if strings.Join(codes, " ") != "unfinished_plan open_referrals final_follow_up_required" {
		t.Errorf("refused: %s", refused.Raw)
	}
	d.visited(id, "urgent_intervention")
	d.do(d.worker, id, "request-closure", closing).WantCode(422, "invalid")
	d.visited(id, "ongoing_monitoring")
	d.do(d.worker, id, "request-closure", obj{"reason": "plan_completed", "summary": "x", "justification": "Left"}).WantCode(422, "invalid")
	asked := d.do(d.worker, id, "request-closure", obj{"reason": "plan_completed", "summary": "x", "justification": "Left", "referral_override": "Never answered", "person_informed": false}).Want(200)
	if asked.Text("referral_override") != "Never answered" || asked.Text("stage") != "closure" {
		t.Errorf("asked: %s", asked.Raw)
	}
	approval := d.Call(d.supervisor, "GET", d.at(id, "approvals"), nil).Want(200)
	if approval.Text("data", 0, "kind") != "closure" || approval.Text("data", 0, "justification") != "Left" || approval.Text("data", 0, "person_informed") != "false" || approval.Text("data", 0, "goals_met_percent") != "0" {
		t.Errorf("what the supervisor reads: %s", approval.Raw)
	}
	d.Call(d.supervisor, "POST", d.at(id, "approvals", approval.ID("data", 0, "id"), "approve"), obj{}, match(1)).WantCode(409, "state_conflict")
	d.do(d.supervisor, id, "approve-closure", obj{}).Want(200)
}

func TestCase_FinishedPlanCloses(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	plan := d.plan(id)
	d.activate(id, plan)
	for i := range plan.Len("actions") {
		d.Call(d.worker, "PATCH", d.at(id, "actions", plan.ID("actions", i, "id")), obj{"status": "dropped"}, match(1)).Want(200)
	}
	d.Call(d.worker, "PATCH", d.at(id, "goals", plan.ID("goals", 0, "id")), obj{"progress": "met"}, match(1)).Want(200)
	d.visited(id, "no_further_action")
	d.do(d.worker, id, "request-closure", closing).Want(200)
	approval := d.Call(d.supervisor, "GET", d.at(id, "approvals"), nil).Want(200)
	if approval.Text("data", 0, "goals_met_percent") != "100" {
		t.Errorf("approval: %s", approval.Raw)
	}
}

func TestCase_LostContactNeedsDocumentedAttempts(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	d.Exec("update cases set opened_at = now() - interval '60 days' where id = $1", id)
	lost := obj{"reason": "lost_contact", "summary": "Not seen since April"}
	d.do(d.worker, id, "request-closure", lost).WantCode(422, "invalid")
	f := d.Call(d.worker, "POST", d.at(id, "follow-ups"), obj{"type": "home_visit"}).Want(201)
	at := f.Header.Get("Location") + "/attempts"
	for i, daysAgo := range []int{40, 30} {
		d.Call(d.worker, "POST", at, obj{"method": "phone", "at": time.Now().AddDate(0, 0, -daysAgo)}, match(i+1)).Want(200)
	}
	if r := d.do(d.worker, id, "request-closure", lost).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "too_few_attempts" {
		t.Errorf("two attempts: %s", r.Raw)
	}
	third := d.Call(d.worker, "POST", at, obj{"method": "visit", "note": "Neighbours know nothing"}, match(3)).Want(200)
	if third.Len("attempts") != 3 || third.Text("attempts", 2, "note") == "" || third.ID("attempts", 0, "by_id") != d.worker.ID {
		t.Errorf("attempts: %s", third.Raw)
	}
	if r := d.do(d.worker, id, "request-closure", lost).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "last_attempt_too_recent" {
		t.Errorf("an attempt today: %s", r.Raw)
	}
	d.Exec("update case_contact_attempts set at = at - interval '14 days' where case_id = $1", id)
	d.do(d.worker, id, "request-closure", lost).Want(200)
}

// rule 8
func TestCase_WhoAskedForTheClosureCannotApproveIt(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	d.visited(id, "no_further_action")
	d.do(d.supervisor, id, "request-closure", closing).Want(200)
	d.do(d.supervisor, id, "approve-closure", obj{}).WantCode(422, "four_eyes")
	d.do(d.supervisor, id, "reject-closure", obj{"comment": "x"}).WantCode(422, "four_eyes")
	d.do(d.worker, id, "approve-closure", obj{}).WantCode(403, "forbidden")
	d.do(d.Staff(d.CentreA, "centre_manager"), id, "approve-closure", obj{}).WantCode(403, "forbidden")
	d.do(d.second, id, "approve-closure", obj{}).Want(200)
	var decided int
	d.Scan("select count(*) from case_approvals where case_id = $1 and status = 'approved' and requested_by = $2 and decided_by = $3", []any{id, d.supervisor.ID, d.second.ID}, &decided)
	if decided != 1 {
		t.Errorf("%d approvals", decided)
	}
}

// rule 9
func TestCase_AChildsCaseClosesInItsBestInterest(t *testing.T) {
	d := newDesk(t)
	for precision, birth := range map[string]string{
		"day":  time.Now().AddDate(-18, 0, 2).Format(time.DateOnly),
		"year": fmt.Sprintf("%d-01-01", time.Now().Year()-18), // may still turn 18 this year
	} {
		who := person(d.House, true)
		d.Exec("update beneficiaries set birth_date = $2, birth_date_precision = $3 where id = $1", who, birth, precision)
		id := d.pending(obj{"beneficiary_id": who})
		if precision == "year" && time.Now().YearDay() >= 365 {
			continue
		}
		if r := d.do(d.supervisor, id, "approve-closure", obj{}).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "best_interest_required" {
			t.Errorf("%s: %s", precision, r.Raw)
		}
		d.do(d.supervisor, id, "approve-closure", obj{"best_interest_note": "With her aunt in Niamey"}).Want(200)
		if r := d.Call(d.supervisor, "GET", d.at(id, "approvals"), nil).Want(200); r.Text("data", 0, "best_interest_note") == "" {
			t.Errorf("the note is not kept: %s", r.Raw)
		}
	}
	grown := person(d.House, true)
	d.Exec("update beneficiaries set birth_date = current_date - interval '18 years 2 days', birth_date_precision = 'day' where id = $1", grown)
	d.do(d.supervisor, d.pending(obj{"beneficiary_id": grown}), "approve-closure", obj{}).Want(200)
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

func TestCase_SOPMaySwitchTheApprovalOff(t *testing.T) {
	d := newDesk(t)
	d.policy(`{"approvals": {"closure": {"required": false}}}`)
	id := d.open(nil)
	d.visited(id, "no_further_action")
	if r := d.do(d.worker, id, "request-closure", closing).Want(200); r.Text("status") != "closed" || r.Text("closed_at") == "" {
		t.Errorf("asked: %s", r.Raw)
	}
	history := d.Call(d.worker, "GET", d.at(id, "history")+"?sort=-created_at&limit=2", nil).Want(200)
	if history.Text("data", 0, "verb") != "close" || history.Text("data", 1, "verb") != "request-closure" {
		t.Errorf("history: %s", history.Raw)
	}
	child := person(d.House, true)
	d.Exec("update beneficiaries set birth_date = current_date - interval '10 years', birth_date_precision = 'day' where id = $1", child)
	id = d.open(obj{"beneficiary_id": child})
	d.visited(id, "no_further_action")
	d.do(d.worker, id, "request-closure", closing).WantCode(422, "invalid")
	d.do(d.worker, id, "request-closure", obj{"reason": "family_reunified", "summary": "x", "best_interest_note": "With her mother"}).Want(200)
}

func TestCase_LivesByTheSOPItWasOpenedUnder(t *testing.T) {
	d := newDesk(t)
	d.policy(`{}`)
	before := d.open(nil)
	d.policy(`{"case": {"hold_max_days": 3}, "risk": {"medium": {"follow_up_days": 50}}}`)
	after := d.open(nil)
	week := obj{"reason": "x", "review_on": time.Now().AddDate(0, 0, 7).Format(time.DateOnly)}
	d.do(d.worker, before, "hold", week).Want(200)
	d.do(d.worker, after, "hold", week).WantCode(422, "invalid")
	for id, days := range map[uuid.UUID]int{before: 5, after: 50} {
		var got int
		d.do(d.worker, id, "resume", nil)
		d.Scan("select extract(day from followup_due_at - opened_at)::int from cases where id = $1", []any{id}, &got)
		if got != days {
			t.Errorf("follow-up after %d days, want %d", got, days)
		}
	}
}

func TestCase_ReopensWithinRetentionAndWithConsent(t *testing.T) {
	d := newDesk(t)
	id := d.closed()
	again := obj{"reason": "Came back", "risk_level": "low"}
	d.do(d.worker, id, "reopen", obj{"reason": "x", "risk_level": "none"}).WantCode(422, "invalid")
	d.do(d.worker, id, "reopen", obj{"reason": "x", "risk_level": "low", "owner_id": uuid.New()}).WantCode(422, "invalid")
	d.Exec("update cases set closed_at = now() - interval '61 months' where id = $1", id)
	if r := d.do(d.worker, id, "reopen", again).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "retention_over" {
		t.Errorf("late: %s", r.Raw)
	}
	d.Exec("update cases set closed_at = now() where id = $1", id)
	d.Exec("update members set ended_at = now() where user_id = $1", d.worker.ID)
	d.do(d.supervisor, id, "reopen", again).WantCode(422, "invalid")
	r := d.do(d.supervisor, id, "reopen", obj{"reason": "x", "risk_level": "low", "owner_id": d.supervisor.ID}).Want(200)
	if r.ID("owner_id") != d.supervisor.ID {
		t.Errorf("reopened: %s", r.Raw)
	}
	if n := d.Call(d.supervisor, "GET", d.at(id, "team")+"?current=true", nil).Want(200); n.Len("data") != 1 || n.ID("data", 0, "user_id") != d.supervisor.ID {
		t.Errorf("team: %s", n.Raw)
	}
}

func TestCase_MergedLeadsToTheSurvivorAndBack(t *testing.T) { // rule 29
	d := newDesk(t)
	who := person(d.House, true)
	survivor, other := d.open(obj{"beneficiary_id": who}), d.open(nil)
	id := d.open(obj{"beneficiary_id": who})
	body := obj{"survivor_id": survivor, "reason": "Registered twice"}
	d.do(d.worker, id, "merge", body).WantCode(403, "forbidden")
	for name, to := range map[string]uuid.UUID{"another person": other, "itself": id, "unknown": uuid.New()} {
		d.do(d.supervisor, id, "merge", obj{"survivor_id": to, "reason": "x"}).WantCode(422, "invalid")
		_ = name
	}
	merged := d.do(d.supervisor, id, "merge", body).Want(200)
	if merged.Text("status") != "duplicate" || merged.ID("duplicate_of") != survivor {
		t.Errorf("merged: %s", merged.Raw)
	}
	if led := d.Call(d.worker, "GET", d.at(id), nil).Want(200); led.ID() != survivor {
		t.Errorf("the duplicate leads to %s", led.Raw)
	}
	location := d.location(d.worker, d.at(id))
	if location != "308 "+d.at(survivor) {
		t.Errorf("redirect: %s", location)
	}
	if n := d.Call(d.worker, "GET", d.cases+"?duplicate_of="+survivor.String(), nil).Want(200); n.Len("data") != 1 || n.ID("data", 0, "id") != id {
		t.Errorf("duplicates: %s", n.Raw)
	}
	d.do(d.supervisor, survivor, "merge", obj{"survivor_id": id, "reason": "x"}).WantCode(422, "invalid")
	if back := d.do(d.supervisor, id, "undo-merge", obj{"reason": "Two cases after all"}).Want(200); back.Text("status") != "open" || back.Text("duplicate_of") != "" || back.Text("followup_due_at") == "" {
		t.Errorf("back: %s", back.Raw)
	}
	d.do(d.supervisor, id, "merge", body).Want(200)
	d.Exec("update cases set merged_at = now() - interval '31 days' where id = $1", id)
	d.do(d.supervisor, id, "undo-merge", obj{"reason": "x"}).WantCode(422, "invalid")
}

func TestCase_MergesCasesOfPeopleWhoWereMerged(t *testing.T) {
	d := newDesk(t)
	kept, middle, gone := person(d.House, true), person(d.House, true), person(d.House, true)
	survivor, id := d.open(obj{"beneficiary_id": kept}), d.open(obj{"beneficiary_id": gone})
	d.Exec("update beneficiaries set status = 'merged', merged_into = $2 where id = $1", gone, middle)
	d.do(d.supervisor, id, "merge", obj{"survivor_id": survivor, "reason": "x"}).WantCode(422, "invalid")
	d.Exec("update beneficiaries set status = 'merged', merged_into = $2 where id = $1", middle, kept)
	d.do(d.supervisor, id, "merge", obj{"survivor_id": survivor, "reason": "x"}).Want(200)
}

// location asks without following a redirect.
func (d *desk) location(p apptest.Person, path string) string {
	d.T.Helper()
	req, err := http.NewRequest("GET", d.URL+path, nil)
	if err != nil {
		d.T.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.Token)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		d.T.Fatal(err)
	}
	defer res.Body.Close()
	return fmt.Sprint(res.StatusCode, " ", res.Header.Get("Location"))
}

func TestCase_ListsFilterAndSort(t *testing.T) {
	d := newDesk(t)
	who := person(d.House, true)
	draft, open := d.draft(obj{"risk_level": "low"}), d.open(obj{"beneficiary_id": who, "risk_level": "high"})
	unassigned := d.Call(d.supervisor, "POST", d.cases, obj{"beneficiary_id": person(d.House, true), "source": "outreach", "risk_level": "high"}).Want(201).ID()
	late := d.open(nil)
	d.Exec("update cases set followup_due_at = now() - interval '1 day' where id = $1", late)
	for query, want := range map[string][]uuid.UUID{
		"?sort=created_at":                      {draft, open, unassigned, late},
		"":                                      {late, unassigned, open, draft},
		"?sort=-number":                         {late, unassigned, open, draft},
		"?sort=followup_due_at&status=open":     {late, open},
		"?status=draft&sort=number":             {draft, unassigned},
		"?risk_level=high&sort=number":          {open, unassigned},
		"?beneficiary_id=" + who.String():       {open},
		"?owner_id=" + d.supervisor.ID.String(): {},
		"?mine=true&sort=number":                {draft, open, late},
		"?mine=false":                           {unassigned},
		"?overdue=true":                         {late},
		"?overdue=false&sort=number":            {draft, open, unassigned},
	} {
		page := d.Call(d.worker, "GET", d.cases+query, nil).Want(200)
		if got := ids(page); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	d.Exec("update cases set assign_due_at = now() - interval '1 hour' where id = $1", unassigned)
	if got := ids(d.Call(d.worker, "GET", d.cases+"?overdue=true&sort=number", nil).Want(200)); !slices.Equal(got, []uuid.UUID{unassigned, late}) { // rule 5
		t.Errorf("a high risk that nobody owns is overdue: %v", got)
	}
	seen, path := []uuid.UUID{}, d.cases+"?sort=-followup_due_at&limit=1&include_total=true"
	for path != "" {
		page := d.Call(d.worker, "GET", path, nil).Want(200)
		seen = append(seen, ids(page)...)
		if page.Text("total") != "4" {
			t.Errorf("total %s", page.Text("total"))
		}
		if next := page.Text("next_cursor"); next != "" {
			path = d.cases + "?limit=1&include_total=true&cursor=" + next
		} else {
			path = ""
		}
	}
	if len(seen) != 4 || seen[3] != late {
		t.Errorf("pages: %v", seen)
	}
}

func ids(page *apptest.Response) []uuid.UUID {
	list := []uuid.UUID{}
	for i := range page.Len("data") {
		list = append(list, page.ID("data", i, "id"))
	}
	return list
}

func TestCase_EachSeesTheCasesOfTheirWork(t *testing.T) {
	d := newDesk(t)
	colleague := d.Staff(d.CentreA, "caseworker")
	own, others := d.open(nil), file(d.House, person(d.House, true), "open", "sensitive", &colleague.ID)
	nobodys := file(d.House, person(d.House, true), "draft", "normal", nil)
	for name, c := range map[string]struct {
		who  apptest.Person
		sees []uuid.UUID
	}{
		"caseworker": {d.worker, []uuid.UUID{own, nobodys}},
		"colleague":  {colleague, []uuid.UUID{others, nobodys}},
		"supervisor": {d.supervisor, []uuid.UUID{own, others, nobodys}},
		"manager":    {d.Staff(d.CentreA, "centre_manager"), []uuid.UUID{own, others, nobodys}},
		"nurse":      {d.Staff(d.CentreA, "health_worker"), nil},
		"lawyer":     {d.Staff(d.CentreA, "legal_officer"), nil},
	} {
		page := d.Call(c.who, "GET", d.cases+"?sort=created_at&include_total=true", nil).Want(200)
		if got := ids(page); !slices.Equal(got, append([]uuid.UUID{}, c.sees...)) || page.Text("total") != fmt.Sprint(len(c.sees)) {
			t.Errorf("%s sees %v, want %v", name, got, c.sees)
		}
		unknown := d.Call(c.who, "GET", d.at(uuid.New()), nil).WantCode(404, "not_found")
		for _, id := range []uuid.UUID{own, others, nobodys} {
			r := d.Call(c.who, "GET", d.at(id), nil)
			if slices.Contains(c.sees, id) {
				r.Want(200)
			} else if r.WantCode(404, "not_found"); r.Text("detail") != unknown.Text("detail") {
				t.Errorf("%s: hidden is %s, unknown is %s", name, r.Raw, unknown.Raw)
			}
		}
	}
	for _, role := range []string{"registrar", "dpo", "auditor", "tenant_admin", "storekeeper", "me_analyst", "feedback_focal_point"} {
		p := d.Staff(d.CentreA, role)
		d.Call(p, "GET", d.cases, nil).WantCode(403, "forbidden")
		d.Call(p, "GET", d.at(own), nil).WantCode(403, "forbidden")
	}
	manager := d.Staff(d.CentreA, "centre_manager")
	d.Call(manager, "GET", d.at(own, "notes"), nil).WantCode(403, "forbidden")
	d.Call(manager, "GET", d.at(own, "plans"), nil).WantCode(403, "forbidden")
	d.Call(d.worker, "POST", d.at(others, "hold"), obj{"reason": "x", "review_on": "2030-01-01"}, match(7)).WantCode(404, "not_found")
	d.Call(d.worker, "PATCH", d.at(others), obj{"summary": "x"}, match(1)).WantCode(404, "not_found")
	d.Call(d.worker, "POST", d.at(others, "notes"), obj{"text": "x"}).WantCode(404, "not_found")
}

func TestCase_TeamMemberFromAnotherProfessionSeesTheFile(t *testing.T) {
	d := newDesk(t)
	nurse := d.Staff(d.CentreA, "health_worker")
	id := d.open(nil)
	d.Call(nurse, "GET", d.at(id), nil).WantCode(404, "not_found")
	place := d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": nurse.ID}).Want(201)
	d.Call(nurse, "GET", d.at(id), nil).Want(200)
	d.Call(nurse, "POST", d.at(id, "notes"), obj{"text": "Dressing changed"}).Want(201)
	d.Call(nurse, "POST", d.at(id, "hold"), obj{"reason": "x", "review_on": "2030-01-01"}, match(1)).WantCode(403, "forbidden")
	d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": nurse.ID}).WantCode(409, "already_on_team")
	d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": d.Staff(d.CentreA, "registrar").ID}).WantCode(422, "invalid")
	d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": d.Staff(d.CentreB, "caseworker").ID}).WantCode(422, "invalid")
	team := d.Call(d.worker, "GET", d.at(id, "team"), nil).Want(200)
	if team.Len("data") != 2 || team.Text("data", 0, "role") != "owner" || team.ID("data", 1, "user_id") != nurse.ID {
		t.Errorf("team: %s", team.Raw)
	}
	d.Call(d.worker, "POST", d.at(id, "team", team.ID("data", 0, "id"), "end"), nil, match(1)).WantCode(422, "owner_stays")
	at := place.Header.Get("Location")
	d.Call(d.worker, "POST", at+"/end", nil, match(4)).WantCode(412, "stale_version")
	ended := d.Call(d.worker, "POST", at+"/end", nil, match(1)).Want(200)
	if got := d.Call(d.worker, "GET", at, nil).Want(200); string(got.Raw) != string(ended.Raw) || ended.Text("ended_at") == "" {
		t.Errorf("ended: %s, read: %s", ended.Raw, got.Raw)
	}
	d.Call(d.worker, "POST", at+"/end", nil, match(2)).WantCode(409, "state_conflict")
	d.Call(nurse, "GET", d.at(id), nil).WantCode(404, "not_found")
	d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": nurse.ID}).Want(201)
}

func TestCase_ReassignedFileGoesToTheNewOwner(t *testing.T) {
	d := newDesk(t)
	colleague := d.Staff(d.CentreA, "caseworker")
	for _, sensitivity := range []string{"normal", "restricted"} {
		id := d.open(obj{"sensitivity": sensitivity})
		d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": colleague.ID}).Want(201)
		d.do(d.worker, id, "assign", obj{"owner_id": d.worker.ID}).WantCode(422, "invalid")
		d.do(d.worker, id, "assign", obj{"owner_id": d.Staff(d.CentreA, "health_worker").ID}).WantCode(422, "invalid")
		d.do(d.worker, id, "assign", obj{"owner_id": colleague.ID}).Want(200)
		d.Call(d.worker, "GET", d.at(id), nil).WantCode(404, "not_found")
		team := d.Call(colleague, "GET", d.at(id, "team")+"?current=true", nil).Want(200)
		if team.Len("data") != 1 || team.Text("data", 0, "role") != "owner" || team.ID("data", 0, "user_id") != colleague.ID {
			t.Errorf("%s: team %s", sensitivity, team.Raw)
		}
	}
}

// rule 26
func TestRestrictedCase_IsSeenByItsTeamAlone(t *testing.T) {
	d := newDesk(t)
	id := d.open(obj{"sensitivity": "restricted"})
	plan := d.plan(id)
	d.activate(id, plan)
	note := d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "x"}).Want(201).ID()
	d.Call(d.worker, "PATCH", d.at(id, "notes", note), obj{"text": "y"}, match(1)).Want(200)
	followup := d.Call(d.worker, "POST", d.at(id, "follow-ups"), obj{"type": "home_visit"}).Want(201)
	d.Call(d.worker, "POST", followup.Header.Get("Location")+"/attempts", obj{"method": "phone"}, match(1)).Want(200)
	approval := d.Call(d.worker, "POST", d.at(id, "approvals"), obj{"kind": "consent_override", "basis": "vital_interest", "reason": "x"}).Want(201).ID()
	place := d.Call(d.worker, "GET", d.at(id, "team"), nil).Want(200).ID("data", 0, "id")

	unknown := d.Call(d.supervisor, "GET", d.at(uuid.New()), nil).WantCode(404, "not_found").Text("detail")
	hidden := map[string]string{
		"GET":   " /history /team /approvals /plans /goals /actions /notes /follow-ups /team/" + place.String() + " /approvals/" + approval.String() + " /plans/" + plan.ID().String() + " /notes/" + note.String() + " /notes/" + note.String() + "/versions /follow-ups/" + followup.ID().String() + " /goals/" + plan.ID("goals", 0, "id").String() + " /actions/" + plan.ID("actions", 0, "id").String(),
		"PATCH": "",
	}
	for _, p := range []apptest.Person{d.supervisor, d.Staff(d.CentreA, "centre_manager", "case_supervisor", "caseworker")} {
		for _, path := range strings.Split(hidden["GET"], " ") {
			if r := d.Call(p, "GET", d.at(id)+path, nil).WantCode(404, "not_found"); r.Text("detail") != unknown {
				t.Errorf("%s: %s", path, r.Raw)
			}
		}
		d.Call(p, "PATCH", d.at(id), obj{"sensitivity": "normal"}, match(1)).WantCode(404, "not_found")
		d.Call(p, "POST", d.at(id, "assign"), obj{"owner_id": p.ID}, match(1)).WantCode(404, "not_found")
		d.Call(p, "POST", d.at(id, "team"), obj{"user_id": p.ID}).WantCode(404, "not_found")
		d.Call(p, "POST", d.at(id, "notes"), obj{"text": "x"}).WantCode(404, "not_found")
		d.Call(p, "POST", d.at(id, "approvals", approval, "approve"), obj{}, match(1)).WantCode(404, "not_found")
		d.Call(p, "PATCH", d.at(id, "notes", note), obj{"text": "z"}, match(2)).WantCode(404, "not_found")
		if page := d.Call(p, "GET", d.cases+"?include_total=true", nil).Want(200); page.Len("data") != 0 || page.Text("total") != "0" {
			t.Errorf("listed: %s", page.Raw)
		}
	}
	var told int
	d.Scan("select count(*) from events where centre_id = $1 and resource like 'case%'", []any{d.CentreA}, &told)
	if told != 0 {
		t.Errorf("the change feed tells %d times of what belongs to a restricted case", told)
	}
	d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": d.supervisor.ID}).Want(201)
	for _, path := range strings.Split(hidden["GET"], " ") {
		d.Call(d.supervisor, "GET", d.at(id)+path, nil).Want(200)
	}
	if d.Call(d.supervisor, "GET", d.cases, nil).Want(200).Len("data") != 1 {
		t.Error("the team does not find its case")
	}
}

// The wall stands in the database too: raw SQL of somebody else finds no row of the file.
func TestRestrictedCase_RawSQLFindsNothing(t *testing.T) {
	d := newDesk(t)
	id := d.open(obj{"sensitivity": "restricted"})
	plan := d.plan(id)
	d.activate(id, plan)
	note := d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "x"}).Want(201).ID()
	d.Call(d.worker, "PATCH", d.at(id, "notes", note), obj{"text": "y"}, match(1)).Want(200)
	followup := d.Call(d.worker, "POST", d.at(id, "follow-ups"), obj{"type": "home_visit"}).Want(201)
	d.Call(d.worker, "POST", followup.Header.Get("Location")+"/attempts", obj{"method": "phone"}, match(1)).Want(200)
	d.Call(d.worker, "POST", d.at(id, "approvals"), obj{"kind": "consent_override", "basis": "vital_interest", "reason": "x"}).Want(201)
	tables := tablesOf(d)
	if len(tables) < 10 {
		t.Fatalf("tables of a file: %v", tables)
	}
	for _, table := range tables {
		column := "case_id"
		if table == "cases" {
			column = "id"
		}
		for who, want := range map[apptest.Person]bool{d.supervisor: false, d.worker: true} {
			var n, changed int64
			err := as(d.House, who, "case_supervisor", func(ctx context.Context) error {
				if err := db.Tx(ctx).Raw("select count(*) from "+table+" where "+column+" = ?", id).Scan(&n).Error; err != nil || want || strings.Contains("case_transitions case_note_versions case_contact_attempts", table) {
					return err
				}
				done := db.Tx(ctx).Exec("update "+table+" set version = version where "+column+" = ?", id)
				changed = done.RowsAffected
				return done.Error
			})
			if err != nil || (n > 0) != want || changed != 0 {
				t.Errorf("%s: %d rows seen, %d changed, %v", table, n, changed, err)
			}
		}
	}
}

// tablesOf lists every table that holds a part of a case's file.
func tablesOf(d *desk) (tables []string) {
	rows, err := d.Owner.Query(context.Background(), `select distinct table_name from information_schema.columns
		where table_schema = 'public' and (column_name = 'case_id' and table_name like 'case%' or table_name = 'cases')`)
	if err != nil {
		d.T.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			d.T.Fatal(err)
		}
		tables = append(tables, name)
	}
	return tables
}

func TestRestrictedCase_OnlyItsTeamRaisesTheWall(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	if r := d.Call(d.supervisor, "PATCH", d.at(id), obj{"sensitivity": "restricted"}, match(2)).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "not_on_team" {
		t.Errorf("refused: %s", r.Raw)
	}
	d.Call(d.worker, "PATCH", d.at(id), obj{"sensitivity": "restricted"}, match(2)).Want(200)
	d.Call(d.supervisor, "GET", d.at(id), nil).WantCode(404, "not_found")
	var tombstones int
	if d.Scan("select count(*) from events where subject_id = $1 and type = 'case.deleted'", []any{id}, &tombstones); tombstones != 1 {
		t.Errorf("%d tombstones for those who had the case on their devices", tombstones)
	}
	d.Call(d.worker, "PATCH", d.at(id), obj{"sensitivity": "sensitive"}, match(3)).Want(200)
	d.Call(d.supervisor, "GET", d.at(id), nil).Want(200)
}

func TestRestrictedCase_IsNeverLeftWithoutATeam(t *testing.T) {
	d := newDesk(t)
	id := d.Call(d.worker, "POST", d.cases, obj{"beneficiary_id": person(d.House, true), "source": "walk_in", "sensitivity": "restricted"}).Want(201).ID()
	place := d.Call(d.worker, "GET", d.at(id, "team"), nil).Want(200).ID("data", 0, "id")
	d.Call(d.worker, "POST", d.at(id, "team", place, "end"), nil, match(1)).WantCode(422, "last_on_team")
	d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": d.supervisor.ID}).Want(201)
	d.Call(d.worker, "POST", d.at(id, "team", place, "end"), nil, match(1)).Want(200)
	d.Call(d.worker, "GET", d.at(id), nil).WantCode(404, "not_found")
}

func TestRestrictedCase_IsNotToldByItsDuplicates(t *testing.T) {
	d := newDesk(t)
	who := person(d.House, true)
	secret, survivor := d.open(obj{"beneficiary_id": who, "sensitivity": "restricted"}), d.open(obj{"beneficiary_id": who})
	id := d.open(obj{"beneficiary_id": who})
	d.do(d.supervisor, id, "merge", obj{"survivor_id": secret, "reason": "x"}).WantCode(422, "invalid")
	d.Call(d.worker, "POST", d.at(secret, "team"), obj{"user_id": d.supervisor.ID}).Want(201)
	if r := d.do(d.supervisor, id, "merge", obj{"survivor_id": secret, "reason": "x"}).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "restricted_survivor" {
		t.Errorf("refused: %s", r.Raw)
	}
	d.do(d.supervisor, id, "merge", obj{"survivor_id": survivor, "reason": "x"}).Want(200)
	d.Call(d.worker, "PATCH", d.at(survivor), obj{"sensitivity": "restricted"}, match(2)).Want(200)
	if r := d.location(d.second, d.at(id)); r != "404 " {
		t.Errorf("the duplicate leads a stranger to %s", r)
	}
	if r := d.location(d.worker, d.at(id)); r != "308 "+d.at(survivor) {
		t.Errorf("the duplicate leads its team to %s", r)
	}
}

// rule 25
func TestCase_OfAnotherCentreDoesNotExist(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	there := d.Staff(d.CentreB, "case_supervisor")
	elsewhere := "/v1/centres/" + d.CentreB.String() + "/cases/"
	for _, path := range []string{"", "/history", "/team", "/notes", "/plans", "/follow-ups", "/approvals", "/goals", "/actions"} {
		foreign := d.Call(there, "GET", elsewhere+id.String()+path, nil).WantCode(404, "not_found")
		unknown := d.Call(there, "GET", elsewhere+uuid.NewString()+path, nil).WantCode(404, "not_found")
		if foreign.Text("detail") != unknown.Text("detail") || foreign.Text("title") != unknown.Text("title") {
			t.Errorf("%s: %s and %s", path, foreign.Raw, unknown.Raw)
		}
	}
	d.Call(there, "PATCH", elsewhere+id.String(), obj{"summary": "x"}, match(2)).WantCode(404, "not_found")
	d.Call(there, "POST", elsewhere+id.String()+"/assign", obj{"owner_id": there.ID}, match(2)).WantCode(404, "not_found")
	who := person(d.House, true)
	d.Call(there, "POST", strings.TrimSuffix(elsewhere, "/"), obj{"beneficiary_id": who, "source": "walk_in"}).WantCode(422, "invalid")
}

func TestCase_ReadingLeavesALine(t *testing.T) { // rule 27
	d := newDesk(t)
	id := d.open(nil)
	d.Call(d.worker, "GET", d.at(id), nil).Want(200)
	d.Call(d.worker, "GET", d.at(id, "notes"), nil).Want(200)
	var lines int
	d.Scan("select count(*) from audit_events where action = 'read' and resource = 'cases' and $1 = any (subject_ids) and actor_id = $2", []any{id, d.worker.ID}, &lines)
	if lines != 2 {
		t.Errorf("%d lines in the trail", lines)
	}
	var told int
	d.Scan("select count(*) from audit_events where coalesce(before::text, '') || coalesce(after::text, '') like '%All is well%'", nil, &told)
	if told != 0 {
		t.Error("the trail tells what the file says")
	}
}

func TestCase_HistoryIsNeverRewritten(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	for _, sql := range []string{"update case_transitions set reason = 'other' where case_id = ?", "delete from case_transitions where case_id = ?"} {
		err := as(d.House, d.worker, "caseworker", func(ctx context.Context) error { return db.Tx(ctx).Exec(sql, id).Error })
		if err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestCase_RepeatedRequestActsOnce(t *testing.T) { // rule 33
	d := newDesk(t)
	body := obj{"id": db.NewID(), "beneficiary_id": person(d.House, true), "source": "walk_in", "risk_level": "low", "owner_id": d.worker.ID}
	first := d.Call(d.worker, "POST", d.cases, body).Want(201)
	if again := d.Call(d.worker, "POST", d.cases, body).Want(201); string(again.Raw) != string(first.Raw) {
		t.Errorf("%s, then %s", first.Raw, again.Raw)
	}
	id := first.ID()
	opened := d.Call(d.worker, "POST", d.at(id, "open"), nil, match(1), apptest.Key("k")).Want(200)
	if again := d.Call(d.worker, "POST", d.at(id, "open"), nil, match(1), apptest.Key("k")).Want(200); string(again.Raw) != string(opened.Raw) {
		t.Errorf("%s, then %s", opened.Raw, again.Raw)
	}
}

func TestRace_NumbersAreUniqueAndWithoutGaps(t *testing.T) {
	d := newDesk(t)
	who := person(d.House, true)
	numbers := make([]string, 20)
	var wg sync.WaitGroup
	for i := range numbers {
		wg.Go(func() {
			numbers[i] = d.Call(d.worker, "POST", d.cases, obj{"beneficiary_id": who, "source": "walk_in"}).Text("number")
		})
	}
	wg.Wait()
	slices.Sort(numbers)
	for i, n := range numbers {
		if n != fmt.Sprintf("AGZ-C-%06d", i+1) {
			t.Fatalf("numbers: %v", numbers)
		}
	}
}

func TestRace_TwoApproversCloseOnce(t *testing.T) {
	d := newDesk(t)
	for range 5 {
		id := d.pending(nil)
		var version int
		d.Scan("select version from cases where id = $1", []any{id}, &version)
		statuses := make([]int, 2)
		var wg sync.WaitGroup
		for i, p := range []apptest.Person{d.supervisor, d.second} {
			wg.Go(func() { statuses[i] = d.Call(p, "POST", d.at(id, "approve-closure"), obj{}, match(version)).Status })
		}
		wg.Wait()
		slices.Sort(statuses)
		if !slices.Equal(statuses, []int{200, 412}) {
			t.Errorf("answers %v", statuses)
		}
		var rows int
		if d.Scan("select count(*) from case_transitions where case_id = $1 and verb = 'approve-closure'", []any{id}, &rows); rows != 1 {
			t.Errorf("%d approvals in the history", rows)
		}
	}
}

func TestRace_ACaseNeverClosesWithANewReferral(t *testing.T) {
	d := newDesk(t)
	d.policy(`{"approvals": {"closure": {"required": false}}}`)
	closedFirst := 0
	for range 12 {
		id := d.open(nil)
		d.visited(id, "no_further_action")
		var opened error
		var wg sync.WaitGroup
		wg.Go(func() { d.do(d.worker, id, "request-closure", closing) })
		wg.Go(func() {
			opened = as(d.House, d.worker, "caseworker", func(ctx context.Context) error { return casework.ReferralOpened(ctx, id) })
		})
		wg.Wait()
		var status string
		var open int
		d.Scan("select status, open_referrals from cases where id = $1", []any{id}, &status, &open)
		if status == "closed" && open > 0 {
			t.Fatal("closed with an open referral")
		}
		if (opened == nil) != (open == 1) || (status == "closed") == (open == 1) {
			t.Errorf("%s with %d referrals; opening answered %v", status, open, opened)
		}
		if status == "closed" {
			closedFirst++
		}
	}
	t.Logf("the closure came first in %d of 12", closedFirst)
}

func TestRace_NoCaseOpensOnAConsentThatIsBeingWithdrawn(t *testing.T) {
	d := newDesk(t)
	for range 8 {
		who := person(d.House, true)
		id := d.draft(obj{"beneficiary_id": who})
		var wg sync.WaitGroup
		wg.Go(func() { d.do(d.worker, id, "open", nil) })
		wg.Go(func() {
			err := as(d.House, d.worker, "registrar", func(ctx context.Context) error {
				err := beneficiary.RecordConsent(ctx, &beneficiary.Consent{BeneficiaryID: who, Scope: "case_management", Decision: "withdrawn", Giver: "person", Method: "written"})
				if err != nil {
					return err
				}
				return casework.ConsentWithdrawn(ctx, who, "case_management")
			})
			if err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		var status string
		if d.Scan("select status from cases where id = $1", []any{id}, &status); status != "draft" && status != "pending_closure" {
			t.Errorf("%s without consent", status)
		}
	}
}

func TestRace_TwoAssignmentsOneWins(t *testing.T) {
	d := newDesk(t)
	colleague := d.Staff(d.CentreA, "caseworker")
	id := d.open(nil)
	statuses := make([]int, 2)
	var wg sync.WaitGroup
	for i, to := range []uuid.UUID{colleague.ID, d.second.ID} {
		wg.Go(func() {
			statuses[i] = d.Call(d.supervisor, "POST", d.at(id, "assign"), obj{"owner_id": to}, match(2)).Status
		})
	}
	wg.Wait()
	slices.Sort(statuses)
	var owners int
	d.Scan("select count(*) from case_team t join cases c on c.id = t.case_id and c.owner_id = t.user_id where t.case_id = $1 and t.role = 'owner' and t.ended_at is null", []any{id}, &owners)
	if !slices.Equal(statuses, []int{200, 412}) || owners != 1 {
		t.Errorf("answers %v, %d owners", statuses, owners)
	}
}
