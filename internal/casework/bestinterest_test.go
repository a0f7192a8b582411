package casework_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// child is a registered child who consented to case management.
func (d *desk) child() uuid.UUID {
	id := person(d.House, true)
	d.Exec("update beneficiaries set birth_date = current_date - interval '10 years', birth_date_precision = 'day' where id = $1", id)
	return id
}

var procedure = obj{"kind": "BID", "agency": "UNHCR", "known_as": "Évaluation de l’intérêt supérieur", "trigger": "care_arrangement", "question": "Where he lives",
	"options": []obj{{"option": "Foster care", "considerations": "Safe"}, {"option": "With his uncle"}}, "childs_views": "Away from his uncle", "panel": []obj{{"name": "A. Maïga", "role": "Chair"}}}

// procedure begins a best-interest procedure; more changes it.
func (d *desk) procedure(id uuid.UUID, more obj) *apptest.Response {
	d.T.Helper()
	body := obj{}
	for _, from := range []obj{procedure, more} {
		for k, v := range from {
			body[k] = v
		}
	}
	return d.Call(d.worker, "POST", d.at(id, "best-interests"), body).Want(201)
}

var inFavour = obj{"outcome": "in_favour", "decision": "Foster care"}

func TestBestInterest_Life(t *testing.T) {
	d := newDesk(t)
	id := d.open(obj{"beneficiary_id": d.child()})
	made := d.procedure(id, nil)
	at := made.Header.Get("Location")
	if read := d.Call(d.worker, "GET", at, nil).Want(200); string(read.Raw) != string(made.Raw) || made.Text("status") != "draft" || made.Text("known_as") == "" || made.Len("options") != 2 || made.Len("panel") != 1 {
		t.Errorf("made %s, read %s", made.Raw, read.Raw)
	}
	d.Call(d.worker, "POST", at+"/review", nil, match(1)).WantCode(409, "state_conflict")
	for name, c := range map[string]struct {
		draft obj
		send  obj
		want  string
	}{
		"no options": {obj{"options": []obj{}}, inFavour, "/options"},
		"no views":   {obj{"childs_views": nil}, inFavour, "/childs_views"},
		"no panel":   {obj{"panel": []obj{}}, inFavour, "/panel"},
		"review":     {obj{"review_on": "2020-01-01"}, inFavour, "/review_on"},
		"to come":    {obj{"agency": "x"}, obj{"outcome": "in_favour", "decision": "x", "decided_at": time.Now().Add(time.Hour)}, "/decided_at"},
		"no outcome": {obj{"agency": "x"}, obj{"decision": "x"}, "/outcome"},
		"odd":        {obj{"agency": "x"}, obj{"outcome": "fine", "decision": "x"}, "/outcome"},
	} {
		x := d.procedure(id, nil).Header.Get("Location")
		d.Call(d.worker, "PATCH", x, c.draft, match(1)).Want(200)
		if r := d.Call(d.worker, "POST", x+"/decide", c.send, match(2)).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != c.want {
			t.Errorf("%s: %s", name, r.Raw)
		}
	}
	d.Call(d.worker, "PATCH", at, obj{"review_on": "2030-01-01", "kind": "BIA", "panel": []obj{}}, match(1)).Want(200)
	decided := d.Call(d.worker, "POST", at+"/decide", inFavour, match(2)).Want(200)
	if decided.Text("status") != "decided" || decided.Text("decided_at") == "" || decided.ID("decided_by") != d.worker.ID || decided.Text("outcome") != "in_favour" {
		t.Errorf("decided: %s", decided.Raw)
	}
	d.Call(d.worker, "PATCH", at, obj{"question": "x"}, match(3)).WantCode(409, "state_conflict")
	d.Call(d.worker, "POST", at+"/decide", inFavour, match(3)).WantCode(409, "state_conflict")
	if err := asServer(d, "update best_interest_procedures set decision = 'x' where status = 'decided'"); err == nil || !strings.Contains(err.Error(), "23001") {
		t.Errorf("what was decided was changed: %v", err)
	}
	next := d.Call(d.worker, "POST", at+"/review", nil, match(3)).Want(200)
	if next.ID("reviews_id") != made.ID() || next.Text("status") != "draft" || next.Value("childs_views") != nil || next.Len("options") != 2 {
		t.Errorf("reviewed: %s", next.Raw)
	}
	d.Call(d.worker, "POST", at+"/review", nil, match(3)).WantCode(409, "review_exists")
	second := d.at(id, "best-interests", next.ID())
	d.Call(d.worker, "PATCH", second, obj{"childs_views": "Likes it there"}, match(1)).Want(200)
	d.Call(d.worker, "POST", second+"/decide", obj{"outcome": "against", "decision": "Back home"}, match(2)).Want(200)
	if first := d.Call(d.worker, "GET", at, nil).Want(200); first.Text("status") != "superseded" || first.Text("decision") != "Foster care" {
		t.Errorf("the decision before: %s", first.Raw)
	}
	d.Call(d.worker, "POST", at+"/void", obj{"reason": "x"}, match(4)).WantCode(409, "state_conflict")
	if r := d.Call(d.worker, "POST", second+"/void", obj{"reason": "Of another child"}, match(3)).Want(200); r.Text("status") != "void" || r.Text("void_reason") != "Of another child" || r.Text("decision") != "Back home" {
		t.Errorf("void: %s", r.Raw)
	}
	for query, want := range map[string]int{"": 9, "?status=superseded": 1, "?status=void": 1, "?trigger=other": 0} {
		if n := d.Call(d.worker, "GET", d.at(id, "best-interests")+query, nil).Want(200).Len("data"); n != want {
			t.Errorf("%q: %d", query, n)
		}
	}
	d.Call(d.Staff(d.CentreA, "registrar"), "GET", at, nil).WantCode(403, "forbidden")
}

func TestBestInterest_IsOfAChildAndItsDocumentOfTheCase(t *testing.T) {
	d := newDesk(t)
	id, other := d.open(obj{"beneficiary_id": d.child()}), d.open(obj{"beneficiary_id": d.child()})
	grown := person(d.House, true)
	d.Exec("update beneficiaries set birth_date = current_date - interval '30 years', birth_date_precision = 'day' where id = $1", grown)
	d.Call(d.worker, "POST", d.at(d.open(obj{"beneficiary_id": grown}), "best-interests"), procedure).WantCode(422, "not_a_child")
	attach := func(id uuid.UUID) uuid.UUID {
		sheet, contentType := d.Form(apptest.Part{Name: "kind", Content: []byte("document_scan")}, apptest.Part{Name: "file", FileName: "a.pdf", Type: "application/pdf", Content: []byte("%PDF-1.7")})
		return d.Call(d.worker, "POST", d.at(id, "attachments"), sheet, contentType).Want(201).ID()
	}
	theirs, ours := attach(other), attach(id)
	at := d.procedure(id, nil).Header.Get("Location")
	for _, stranger := range []uuid.UUID{theirs, uuid.New()} {
		if r := d.Call(d.worker, "PATCH", at, obj{"document_id": stranger}, match(1)).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != "/document_id" {
			t.Errorf("a document of another case: %s", r.Raw)
		}
	}
	if r := d.Call(d.worker, "PATCH", at, obj{"document_id": ours}, match(1)).Want(200); r.ID("document_id") != ours {
		t.Errorf("documented: %s", r.Raw)
	}
}

// rule 9: what a procedure must precede waits for a decision in the child's favour, that is not due for review.
func TestRule9_CareAgainstTheCaregiversWillWaitsForADecision(t *testing.T) {
	d := newDesk(t)
	child := d.child()
	id := d.open(obj{"beneficiary_id": child})
	care := "/v1/centres/" + d.CentreA.String() + "/beneficiaries/" + child.String() + "/care-arrangements"
	against := obj{"arrangement": "foster_care", "against_caregivers_will": true, "best_interest_note": "He was beaten"}
	refused := func(why string) {
		t.Helper()
		if r := d.Call(d.worker, "POST", care, against).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "best_interest_procedure_required" || r.Text("errors", 0, "pointer") != "/without_procedure_reason" {
			t.Errorf("%s: %s", why, r.Raw)
		}
	}
	refused("no procedure")
	at := d.procedure(id, nil).Header.Get("Location")
	refused("a draft")
	d.Call(d.worker, "POST", at+"/decide", obj{"outcome": "against", "decision": "He stays"}, match(1)).Want(200)
	refused("decided against")
	elsewhere := d.procedure(d.open(obj{"beneficiary_id": d.child()}), nil).Header.Get("Location")
	d.Call(d.worker, "POST", elsewhere+"/decide", inFavour, match(1)).Want(200)
	refused("of another child")
	fine := d.procedure(id, obj{"review_on": time.Now().AddDate(0, 0, 3).Format(time.DateOnly)}).Header.Get("Location")
	d.Call(d.worker, "POST", fine+"/decide", inFavour, match(1)).Want(200)
	d.Exec("update best_interest_procedures set review_on = current_date - 2 where outcome = 'in_favour' and review_on is not null")
	refused("due for review")
	d.Exec("update best_interest_procedures set review_on = current_date + 2 where outcome = 'in_favour' and review_on is not null")
	d.Call(d.worker, "POST", care, against).Want(201)
	var tasks int
	if d.Scan("select count(*) from tasks where kind = 'best_interest_review'", nil, &tasks); tasks != 0 {
		t.Errorf("%d tasks, though it was decided", tasks)
	}
}

// What cannot wait goes through with its reason, and a supervisor is to review it.
func TestBestInterest_APendingDecisionNeverBlocksWhatIsUrgent(t *testing.T) {
	d := newDesk(t)
	d.policy(`{"case": {"hold_max_days":30, "best_interest_review_hours": 5}}`)
	child := d.child()
	care := "/v1/centres/" + d.CentreA.String() + "/beneficiaries/" + child.String() + "/care-arrangements"
	d.Call(d.worker, "POST", care, obj{"arrangement": "parent_s", "since": "2026-01-01"}).Want(201)
	if r := d.Call(d.worker, "POST", care, obj{"arrangement": "residential_care"}).WantCode(422, "invalid"); !strings.Contains(string(r.Raw), "separation_from_parents") {
		t.Errorf("away from the parents: %s", r.Raw)
	}
	urgent := d.Call(d.worker, "POST", care, obj{"arrangement": "residential_care", "without_procedure_reason": "Both parents were taken to hospital"}).Want(201)
	if urgent.Text("without_procedure_reason") != "Both parents were taken to hospital" {
		t.Errorf("urgent: %s", urgent.Raw)
	}
	list := d.Call(d.supervisor, "GET", fmt.Sprintf("/v1/centres/%s/tasks?beneficiary_id=%s", d.CentreA, child), nil).Want(200)
	if list.Len("data") != 1 || list.Text("data", 0, "kind") != "best_interest_review" || list.ID("data", 0, "resource_id") != urgent.ID() {
		t.Fatalf("for review: %s", list.Raw)
	}
	if due := time.Until(instant(t, list.Text("data", 0, "due_at"))); due < 4*time.Hour || due > 5*time.Hour {
		t.Errorf("due in %s", due)
	}
	d.Call(d.worker, "POST", care, obj{"arrangement": "foster_care"}).Want(201) // nobody leaves their parents
	var told string
	d.Scan("select coalesce(string_agg(to_jsonb(a)::text, ''), '') from audit_events a where to_jsonb(a)::text like '%hospital%'", nil, &told)
	if told != "" {
		t.Errorf("the trail tells why: %s", told)
	}
}

// The decision of a file that the caller may not know of opens no way: what passes would tell of the file.
func TestBestInterest_ARestrictedFileIsNotToldByWhatPasses(t *testing.T) {
	d := newDesk(t)
	child := d.child()
	id := d.open(obj{"beneficiary_id": child, "sensitivity": "restricted"})
	x := d.procedure(id, nil).Header.Get("Location")
	d.Call(d.worker, "POST", x+"/decide", inFavour, match(1)).Want(200)
	d.Call(d.supervisor, "GET", x, nil).WantCode(404, "not_found")
	care := "/v1/centres/" + d.CentreA.String() + "/beneficiaries/" + child.String() + "/care-arrangements"
	against := obj{"arrangement": "foster_care", "against_caregivers_will": true, "best_interest_note": "He was beaten"}
	d.Call(d.Staff(d.CentreA, "caseworker"), "POST", care, against).WantCode(422, "invalid")
	d.Call(d.worker, "POST", care, against).Want(201)
}

// rule 9
func TestRule9_AChildsCaseDoesNotCloseOverAnUndecidedProcedure(t *testing.T) {
	d := newDesk(t)
	id := d.open(obj{"beneficiary_id": d.child()})
	at := d.procedure(id, nil).Header.Get("Location")
	d.visited(id, "no_further_action")
	if r := d.do(d.worker, id, "request-closure", closing).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "undecided_procedure" {
		t.Errorf("undecided: %s", r.Raw)
	}
	d.Call(d.worker, "POST", at+"/decide", inFavour, match(1)).Want(200)
	d.do(d.worker, id, "request-closure", closing).Want(200)
	d.do(d.supervisor, id, "approve-closure", obj{}).WantCode(422, "invalid")
	d.do(d.supervisor, id, "approve-closure", obj{"best_interest_note": "Safe in foster care"}).Want(200)
}

func TestRace_TwoReviewsOfADecision(t *testing.T) {
	d := newDesk(t)
	id := d.open(obj{"beneficiary_id": d.child()})
	at := d.procedure(id, nil).Header.Get("Location")
	d.Call(d.worker, "POST", at+"/decide", inFavour, match(1)).Want(200)
	answers := apptest.AtOnce(4, func(int) *apptest.Response { return d.Call(d.worker, "POST", at+"/review", nil, match(2)) })
	if !slices.Equal(answers, []int{200, 409, 409, 409}) {
		t.Errorf("answers %v", answers)
	}
}
