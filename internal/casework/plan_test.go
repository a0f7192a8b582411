package casework_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// plan drafts a plan of one goal with one action, and one action beside.
func (d *desk) plan(id uuid.UUID) *apptest.Response {
	d.T.Helper()
	d.Exec("update cases set assessed_at = coalesce(assessed_at, now()) where id = $1", id)
	return d.Call(d.worker, "POST", d.at(id, "plans"), obj{"review_on": "2030-01-01", "goals": []obj{
		{"description": "Has a travel document", "actions": []obj{{"description": "Appointment at the consulate", "due_on": "2029-06-01", "responsible_id": d.worker.ID}}},
	}, "actions": []obj{{"service_type": "case_management.home_visit", "due_on": "2029-05-01"}}}).Want(201)
}

var agreement = obj{"agreed": true, "agreed_on": "2026-01-01"}

// activate records the agreement and puts a plan to work.
func (d *desk) activate(id uuid.UUID, plan *apptest.Response) *apptest.Response {
	d.T.Helper()
	at := d.at(id, "plans", plan.ID())
	d.Call(d.worker, "PATCH", at, agreement, match(1)).Want(200)
	return d.Call(d.worker, "POST", at+"/activate", nil, match(2)).Want(200)
}

func TestPlan_Life(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	made := d.plan(id)
	at := made.Header.Get("Location")
	if made.Text("number") != "1" || made.Text("status") != "draft" || made.Len("goals") != 1 || made.Len("actions") != 2 || made.ID("actions", 0, "goal_id") != made.ID("goals", 0, "id") {
		t.Fatalf("made: %s", made.Raw)
	}
	if read := d.Call(d.worker, "GET", at, nil).Want(200); string(read.Raw) != string(made.Raw) {
		t.Errorf("create answered %s, read answers %s", made.Raw, read.Raw)
	}
	if stage := d.Call(d.worker, "GET", d.at(id), nil).Want(200).Text("stage"); stage != "case_planning" {
		t.Errorf("stage %s", stage)
	}
	d.Call(d.worker, "POST", d.at(id, "plans"), obj{}).WantCode(409, "draft_exists")
	if r := d.Call(d.worker, "POST", at+"/activate", nil, match(1)).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "agreement_required" {
		t.Errorf("without agreement: %s", r.Raw)
	}
	d.Call(d.worker, "POST", at+"/complete", nil, match(1)).WantCode(409, "state_conflict")
	d.Call(d.worker, "POST", at+"/revise", obj{"reason": "x"}, match(1)).WantCode(409, "state_conflict")
	active := d.activate(id, made)
	if active.Text("status") != "active" || active.ID("activated_by") != d.worker.ID || active.Len("goals") != 1 {
		t.Errorf("active: %s", active.Raw)
	}
	if stage := d.Call(d.worker, "GET", d.at(id), nil).Want(200); stage.Text("stage") != "implementation" || stage.Text("planned_at") == "" {
		t.Errorf("stage: %s", stage.Raw)
	}
	d.Call(d.worker, "PATCH", at, obj{"summary": "x"}, match(3)).WantCode(409, "state_conflict")
	d.Call(d.worker, "POST", d.at(id, "goals"), obj{"plan_id": made.ID(), "description": "x"}).WantCode(409, "state_conflict")
	next := d.Call(d.worker, "POST", at+"/revise", obj{"reason": "Wants to go home"}, match(3)).Want(200)
	if next.Text("number") != "2" || next.Text("status") != "draft" || next.Text("agreed") != "false" || next.ID("revises_id") != made.ID() || next.Len("actions") != 2 || next.ID("goals", 0, "copied_from") != made.ID("goals", 0, "id") {
		t.Errorf("revised: %s", next.Raw)
	}
	d.Call(d.worker, "POST", at+"/revise", obj{"reason": "x"}, match(3)).WantCode(409, "draft_exists")
	if d.Call(d.worker, "GET", d.at(id, "plans")+"?status=active", nil).Want(200).ID("data", 0, "id") != made.ID() {
		t.Error("the version before does not stay active while the next is drafted")
	}
	d.activate(id, next)
	plans := d.Call(d.worker, "GET", d.at(id, "plans"), nil).Want(200)
	if plans.Len("data") != 2 || plans.Text("data", 0, "status") != "active" || plans.Text("data", 1, "status") != "superseded" || plans.Text("data", 1, "ended_at") == "" || plans.Len("data", 1, "goals") != 1 {
		t.Errorf("plans: %s", plans.Raw)
	}
	second := d.at(id, "plans", next.ID())
	d.Call(d.worker, "POST", second+"/complete", nil, match(3)).WantCode(422, "invalid")
	for i := range 2 {
		d.Call(d.worker, "PATCH", d.at(id, "actions", next.ID("actions", i, "id")), obj{"status": "done", "done_on": "2029-02-01"}, match(1)).Want(200)
	}
	if done := d.Call(d.worker, "POST", second+"/complete", nil, match(3)).Want(200); done.Text("status") != "completed" {
		t.Errorf("completed: %s", done.Raw)
	}
	d.Call(d.worker, "PATCH", d.at(id, "goals", next.ID("goals", 0, "id")), obj{"description": "x"}, match(1)).WantCode(409, "state_conflict")
}

func TestPlan_OneIsActiveAtATime(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	d.assessed(id)
	statuses := apptest.AtOnce(6, func(int) *apptest.Response { return d.Call(d.worker, "POST", d.at(id, "plans"), obj{}) })
	if !slices.Equal(statuses, []int{201, 409, 409, 409, 409, 409}) {
		t.Errorf("drafts: %v", statuses)
	}
}

func TestPlan_SOPMayAskForApproval(t *testing.T) {
	d := newDesk(t)
	d.policy(`{"approvals": {"plan": {"required": true, "roles": ["case_supervisor"]}}}`)
	id := d.open(nil)
	plan := d.plan(id)
	at := plan.Header.Get("Location")
	d.Call(d.worker, "PATCH", at, agreement, match(1)).Want(200)
	if r := d.Call(d.worker, "POST", at+"/activate", nil, match(2)).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "approval_required" {
		t.Errorf("refused: %s", r.Raw)
	}
	d.Call(d.worker, "POST", d.at(id, "approvals"), obj{"kind": "plan", "reason": "x"}).WantCode(422, "invalid")
	d.Call(d.worker, "POST", d.at(id, "approvals"), obj{"kind": "plan", "reason": "x", "plan_id": uuid.New()}).WantCode(422, "invalid")
	asked := d.Call(d.worker, "POST", d.at(id, "approvals"), obj{"kind": "plan", "reason": "Agreed with her", "plan_id": plan.ID()}).Want(201)
	d.Call(d.worker, "POST", at+"/activate", nil, match(2)).WantCode(422, "invalid")
	d.Call(d.supervisor, "POST", asked.Header.Get("Location")+"/approve", obj{}, match(1)).Want(200)
	d.Call(d.worker, "POST", at+"/activate", nil, match(2)).Want(200)
}

func TestPlan_GoalsAndActionsChangeAsTheirPlanAllows(t *testing.T) {
	d := newDesk(t)
	id, other := d.open(nil), d.open(nil)
	plan, foreign := d.plan(id), d.plan(other)
	goal := d.Call(d.worker, "POST", d.at(id, "goals"), obj{"plan_id": plan.ID(), "description": "Learns French", "target_on": "2029-09-01"}).Want(201)
	action := d.Call(d.worker, "POST", d.at(id, "actions"), obj{"plan_id": plan.ID(), "goal_id": goal.ID(), "service_type": "case_management", "due_on": "2029-03-01", "responsible": "The teacher"}).Want(201)
	for _, made := range []*apptest.Response{goal, action} {
		if read := d.Call(d.worker, "GET", made.Header.Get("Location"), nil).Want(200); string(read.Raw) != string(made.Raw) {
			t.Errorf("create answered %s, read answers %s", made.Raw, read.Raw)
		}
	}
	for name, c := range map[string]struct {
		body obj
		at   string
	}{
		"neither text nor service": {obj{"plan_id": plan.ID(), "due_on": "2029-03-01"}, "/description"},
		"unknown plan":             {obj{"plan_id": uuid.New(), "due_on": "2029-03-01", "description": "x"}, "/plan_id"},
		"plan of another case":     {obj{"plan_id": foreign.ID(), "due_on": "2029-03-01", "description": "x"}, "/plan_id"},
		"unknown goal":             {obj{"plan_id": plan.ID(), "goal_id": uuid.New(), "due_on": "2029-03-01", "description": "x"}, "/goal_id"},
		"goal of another case":     {obj{"plan_id": plan.ID(), "goal_id": foreign.ID("goals", 0, "id"), "due_on": "2029-03-01", "description": "x"}, "/goal_id"},
		"unknown service":          {obj{"plan_id": plan.ID(), "due_on": "2029-03-01", "service_type": "sorcery"}, "/service_type"},
		"staff of another centre":  {obj{"plan_id": plan.ID(), "due_on": "2029-03-01", "description": "x", "responsible_id": d.Staff(d.CentreB, "caseworker").ID}, "/responsible_id"},
	} {
		if r := d.Call(d.worker, "POST", d.at(id, "actions"), c.body); r.Status != 422 || r.Text("errors", 0, "pointer") != c.at {
			t.Errorf("%s: %d %s", name, r.Status, r.Raw)
		}
	}
	d.Call(d.worker, "PATCH", d.at(id, "goals", goal.ID()), obj{"description": "Speaks French", "target_on": nil}, match(1)).Want(200)
	d.Call(d.worker, "PATCH", d.at(id, "actions", action.ID()), obj{"goal_id": nil, "description": "Class"}, match(1)).Want(200)
	d.Call(d.worker, "PATCH", d.at(id, "actions", foreign.ID("actions", 0, "id")), obj{"description": "x"}, match(1)).WantCode(404, "not_found")
	d.activate(id, plan)
	d.Call(d.worker, "PATCH", d.at(id, "goals", goal.ID()), obj{"description": "x"}, match(2)).WantCode(409, "state_conflict")
	d.Call(d.worker, "PATCH", d.at(id, "actions", action.ID()), obj{"description": "x"}, match(2)).WantCode(409, "state_conflict")
	d.Call(d.worker, "PATCH", d.at(id, "actions", action.ID()), obj{"status": "done"}, match(2)).WantCode(422, "invalid")
	d.Call(d.worker, "PATCH", d.at(id, "actions", action.ID()), obj{"due_on": "2029-04-01"}, match(2)).WantCode(409, "state_conflict")
	d.Call(d.worker, "PATCH", d.at(id, "actions", action.ID()), obj{"responsible_id": d.worker.ID, "status": "in_progress"}, match(2)).Want(200)
	if n := d.Call(d.worker, "GET", d.at(id, "actions")+"?status=planned", nil).Want(200).Len("data"); n != 2 {
		t.Errorf("%d planned actions", n)
	}
	due := d.Call(d.worker, "GET", d.at(id, "actions")+"?plan_id="+plan.ID().String(), nil).Want(200)
	if due.Len("data") != 3 || due.ID("data", 0, "id") != action.ID() {
		t.Errorf("actions by due date: %s", due.Raw)
	}
	if n := d.Call(d.worker, "GET", d.at(id, "goals"), nil).Want(200).Len("data"); n != 2 {
		t.Errorf("%d goals", n)
	}
}
