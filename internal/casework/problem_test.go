package casework_test

import (
	"testing"

	"github.com/google/uuid"
)

// duty D3
func TestProblem_RegistrarsCannotReadIt(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	made := d.Call(d.worker, "POST", d.at(id, "problems"), obj{"code": "documentation", "description": "Robbed at the border"}).Want(201)
	registrar := d.Staff(d.CentreA, "registrar")
	d.Call(registrar, "GET", d.at(id, "problems"), nil).WantCode(403, "forbidden")
	d.Call(registrar, "GET", made.Header.Get("Location"), nil).WantCode(403, "forbidden")
	d.Call(registrar, "POST", d.at(id, "problems"), obj{"code": "documentation"}).WantCode(403, "forbidden")
}

func TestProblem_Life(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	x := d.assessed(id)
	made := d.Call(d.worker, "POST", d.at(id, "problems"), obj{"code": "documentation", "assessment_id": x.ID(), "since": "2026-01-01"}).Want(201)
	at := made.Header.Get("Location")
	if made.Text("status") != "active" || made.Text("sensitivity") != "normal" || made.ID("recorded_by") != d.worker.ID {
		t.Errorf("made: %s", made.Raw)
	}
	if read := d.Call(d.worker, "GET", at, nil).Want(200); string(read.Raw) != string(made.Raw) {
		t.Errorf("create answered %s, read answers %s", made.Raw, read.Raw)
	}
	d.Call(d.worker, "PATCH", at, obj{"description": "Passport lost", "since": nil}, match(1)).Want(200)
	d.Call(d.worker, "POST", at+"/reopen", nil, match(2)).WantCode(409, "state_conflict")
	d.Call(d.worker, "POST", at+"/resolve", obj{"resolved_on": "2999-01-01"}, match(2)).WantCode(422, "invalid")
	if r := d.Call(d.worker, "POST", at+"/resolve", obj{"resolution": "Found"}, match(2)).Want(200); r.Text("status") != "resolved" || r.Text("resolved_on") == "" {
		t.Errorf("resolved: %s", r.Raw)
	}
	d.Call(d.worker, "PATCH", at, obj{"description": "x"}, match(3)).WantCode(409, "state_conflict")
	d.Call(d.worker, "POST", at+"/reopen", nil, match(3)).Want(200)
	if n := d.Call(d.worker, "GET", d.at(id, "problems")+"?status=active&assessment_id="+x.ID().String(), nil).Want(200).Len("data"); n != 1 {
		t.Errorf("%d problems", n)
	}
	for name, body := range map[string]obj{"unknown code": {"code": "boredom"}, "unknown assessment": {"code": "shelter", "assessment_id": uuid.New()}, "assessment of another case": {"code": "shelter", "assessment_id": d.assessed(d.open(nil)).ID()}} {
		if r := d.Call(d.worker, "POST", d.at(id, "problems"), body); r.Status != 422 {
			t.Errorf("%s: %d %s", name, r.Status, r.Raw)
		}
	}
}

// rule 26
func TestProblem_RestrictedIsForTheCaseTeamAlone(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	made := d.Call(d.worker, "POST", d.at(id, "problems"), obj{"code": "gender_based_violence", "sensitivity": "normal"}).Want(201)
	if made.Text("sensitivity") != "restricted" {
		t.Errorf("as sensitive as its code, at least: %s", made.Raw)
	}
	d.Call(d.worker, "POST", d.at(id, "problems"), obj{"code": "shelter"}).Want(201)
	d.Call(d.supervisor, "GET", made.Header.Get("Location"), nil).WantCode(404, "not_found")
	if list := d.Call(d.supervisor, "GET", d.at(id, "problems")+"?include_total=true", nil).Want(200); list.Len("data") != 1 || list.Text("total") != "1" {
		t.Errorf("a supervisor beside the team sees %s", list.Raw)
	}
	if n := d.Call(d.worker, "GET", d.at(id, "problems"), nil).Want(200).Len("data"); n != 2 {
		t.Errorf("the team sees %d", n)
	}
	d.assessed(id)
	plan := d.Call(d.worker, "POST", d.at(id, "plans"), obj{"goals": []obj{{"description": "Is safe", "problem_id": made.ID()}}}).Want(201)
	if plan.ID("goals", 0, "problem_id") != made.ID() {
		t.Errorf("plan: %s", plan.Raw)
	}
	goal := plan.ID("goals", 0, "id")
	for path, at := range map[string][]any{d.at(id, "plans", plan.ID()): {"goals", 0, "problem_id"}, d.at(id, "goals"): {"data", 0, "problem_id"}, d.at(id, "goals", goal): {"problem_id"}} {
		if seen := d.Call(d.supervisor, "GET", path, nil).Want(200); seen.Value(at...) != nil {
			t.Errorf("%s tells that there is a problem: %s", path, seen.Raw)
		}
		if seen := d.Call(d.worker, "GET", path, nil).Want(200); seen.Value(at...) == nil {
			t.Errorf("%s hides the problem from the team: %s", path, seen.Raw)
		}
	}
	other := d.open(nil)
	d.assessed(other)
	d.Call(d.worker, "POST", d.at(other, "plans"), obj{"goals": []obj{{"description": "x", "problem_id": made.ID()}}}).WantCode(422, "invalid")
	var told int
	d.Scan("select count(*) from events where subject_id = $1", []any{made.ID()}, &told)
	if told != 0 {
		t.Errorf("the feed told of it %d times", told)
	}
}

func TestProblem_ThatBecomesRestrictedIsGoneFromTheFeed(t *testing.T) {
	d := newDesk(t)
	made := d.Call(d.worker, "POST", d.at(d.open(nil), "problems"), obj{"code": "shelter"}).Want(201)
	d.Call(d.worker, "PATCH", made.Header.Get("Location"), obj{"sensitivity": "restricted"}, match(1)).Want(200)
	d.Call(d.worker, "PATCH", made.Header.Get("Location"), obj{"description": "x"}, match(2)).Want(200)
	var types string
	d.Scan("select string_agg(type, ' ' order by id) from events where subject_id = $1", []any{made.ID()}, &types)
	if types != "case_problem.created case_problem.deleted" {
		t.Errorf("the feed: %s", types)
	}
}
