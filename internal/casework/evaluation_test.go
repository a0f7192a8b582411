package casework_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// judge records how far a goal is reached.
func (d *desk) judge(id, goal uuid.UUID, progress string) *apptest.Response {
	return d.Call(d.worker, "POST", d.at(id, "evaluations"), obj{"goal_id": goal, "progress": progress, "reason": "As she sees it", "review_on": "2030-02-01"})
}

// duty D11: what was reached is judged with a reason and the day of the next review, the plan is amended
// as a new version, and the versions can be compared.
func TestD11_OutcomesAreEvaluatedAndThePlanAmended(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	plan := d.plan(id)
	goal := plan.ID("goals", 0, "id")
	d.judge(id, goal, "in_progress").WantCode(409, "state_conflict") // a draft
	d.activate(id, plan)
	for name, c := range map[string]struct {
		body obj
		want string
	}{
		"no review":        {obj{"goal_id": goal, "progress": "in_progress", "reason": "x"}, "/review_on"},
		"review before":    {obj{"goal_id": goal, "progress": "in_progress", "reason": "x", "review_on": "2026-01-01"}, "/review_on"},
		"to come":          {obj{"goal_id": goal, "progress": "met", "reason": "x", "evaluated_on": "2030-01-01"}, "/evaluated_on"},
		"unknown goal":     {obj{"goal_id": uuid.New(), "progress": "met", "reason": "x"}, "/goal_id"},
		"unknown progress": {obj{"goal_id": goal, "progress": "splendid", "reason": "x"}, "/progress"},
		"no reason":        {obj{"goal_id": goal, "progress": "met"}, "/reason"},
	} {
		if r := d.Call(d.worker, "POST", d.at(id, "evaluations"), c.body).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != c.want {
			t.Errorf("%s: %s", name, r.Raw)
		}
	}
	judged := d.judge(id, goal, "not_met").Want(201)
	if read := d.Call(d.worker, "GET", judged.Header.Get("Location"), nil).Want(200); string(read.Raw) != string(judged.Raw) || read.ID("evaluated_by") != d.worker.ID {
		t.Errorf("judged %s, read %s", judged.Raw, read.Raw)
	}
	if g := d.Call(d.worker, "GET", d.at(id, "goals", goal), nil).Want(200); g.Text("progress") != "not_met" || g.Text("review_on") != "2030-02-01" || g.Text("progress_note") != "As she sees it" {
		t.Errorf("goal: %s", g.Raw)
	}
	if _, err := d.Owner.Exec(t.Context(), "set role waystation_app; update case_evaluations set progress = 'met'"); err == nil {
		t.Error("what was judged was changed")
	}
	d.Exec("reset role")
	other := d.open(nil)
	foreign := d.plan(other)
	d.activate(other, foreign)
	elsewhere := d.judge(other, foreign.ID("goals", 0, "id"), "met").Want(201)
	at := plan.Header.Get("Location")
	d.Call(d.worker, "POST", at+"/revise", obj{"reason": "x", "evaluation_id": elsewhere.ID()}, match(3)).WantCode(422, "invalid")
	next := d.Call(d.worker, "POST", at+"/revise", obj{"reason": "The consulate refused", "evaluation_id": judged.ID()}, match(3)).Want(200)
	if next.ID("evaluation_id") != judged.ID() || next.Text("goals", 0, "progress") != "not_met" || next.Text("number") != "2" {
		t.Errorf("amended: %s", next.Raw)
	}
	d.activate(id, next)
	d.judge(id, goal, "met").WantCode(409, "state_conflict") // superseded
	d.judge(id, next.ID("goals", 0, "id"), "met").Want(201)
	for query, want := range map[string]int{"": 2, "?plan_id=" + plan.ID().String(): 1, "?goal_id=" + goal.String(): 1} {
		if n := d.Call(d.worker, "GET", d.at(id, "evaluations")+query, nil).Want(200).Len("data"); n != want {
			t.Errorf("%q: %d", query, n)
		}
	}
	d.visited(id, "no_further_action")
	d.do(d.worker, id, "request-closure", obj{"reason": "plan_completed", "summary": "x", "justification": "Done by herself", "person_informed": true}).Want(200)
	if asked := d.Call(d.supervisor, "GET", d.at(id, "approvals"), nil).Want(200); asked.Text("data", 0, "goals_met_percent") != "100" {
		t.Errorf("what the supervisor reads: %s", asked.Raw)
	}
}
