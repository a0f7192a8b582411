package casework_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// plan drafts a plan of one goal with one action, and one action beside.
func (d *desk) plan(id uuid.UUID) *apptest.Response {
	d.T.Helper()
	return d.Call(d.worker, "POST", d.at(id, "plans"), obj{"review_on": "2030-01-01", "goals": []obj{
		{"description": "Has a travel document", "actions": []obj{{"description": "Appointment at the consulate", "due_on": "2029-06-01", "responsible_id": d.worker.ID}}},
	}, "actions": []obj{{"service_type": "case_management.home_visit", "due_on": "2029-05-01"}}}).Want(201)
}

var agreement = obj{"agreed": true, "agreed_on": "2029-01-01", "copy_given": true}

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
	d.Call(d.worker, "PATCH", d.at(id, "goals", next.ID("goals", 0, "id")), obj{"progress": "met"}, match(1)).WantCode(409, "state_conflict")
}

func TestPlan_OneIsActiveAtATime(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	statuses := make([]int, 6)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() { statuses[i] = d.Call(d.worker, "POST", d.at(id, "plans"), obj{}).Status })
	}
	wg.Wait()
	slices.Sort(statuses)
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
	d.Call(d.worker, "PATCH", d.at(id, "actions", action.ID()), obj{"due_on": "2029-04-01", "status": "in_progress"}, match(2)).Want(200)
	if met := d.Call(d.worker, "PATCH", d.at(id, "goals", goal.ID()), obj{"progress": "met", "progress_note": "Passed"}, match(2)).Want(200); met.Text("progress") != "met" {
		t.Errorf("goal: %s", met.Raw)
	}
	d.Call(d.worker, "PATCH", d.at(id, "goals", goal.ID()), obj{"progress": "splendid"}, match(3)).WantCode(422, "invalid")
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

func TestNote_KeepsWhatItSaid(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	made := d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "Slept well"}).Want(201)
	at := made.Header.Get("Location")
	if made.ID("author_id") != d.worker.ID || made.Text("late") != "false" || made.Text("edited_at") != "" {
		t.Errorf("made: %s", made.Raw)
	}
	if d.Call(d.worker, "GET", d.at(id), nil).Want(200).Text("responded_at") == "" {
		t.Error("the first note answers the first response")
	}
	edited := d.Call(d.worker, "PATCH", at, obj{"text": "Slept little"}, match(1)).Want(200)
	d.Call(d.worker, "PATCH", at, obj{"text": "Slept well"}, match(1)).WantCode(412, "stale_version")
	d.Call(d.supervisor, "PATCH", at, obj{"text": "x"}, match(2)).WantCode(403, "forbidden")
	if edited.Text("edited_at") == "" || edited.Text("text") != "Slept little" {
		t.Errorf("edited: %s", edited.Raw)
	}
	versions := d.Call(d.supervisor, "GET", at+"/versions", nil).Want(200)
	if versions.Len("data") != 1 || versions.Text("data", 0, "text") != "Slept well" || versions.Text("data", 0, "number") != "1" || versions.Text("data", 0, "written_at") != made.Text("created_at") {
		t.Errorf("versions: %s", versions.Raw)
	}
	colleague := d.Staff(d.CentreA, "caseworker")
	d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": colleague.ID}).Want(201)
	d.Call(colleague, "POST", at+"/void", obj{"reason": "x"}, match(2)).WantCode(403, "forbidden")
	void := d.Call(d.supervisor, "POST", at+"/void", obj{"reason": "Of another case"}, match(2)).Want(200)
	if void.Value("text") != nil || void.Text("void_reason") != "Of another case" || void.ID("voided_by") != d.supervisor.ID {
		t.Errorf("void: %s", void.Raw)
	}
	d.Call(d.worker, "POST", at+"/void", obj{"reason": "x"}, match(3)).WantCode(409, "state_conflict")
	d.Call(d.worker, "PATCH", at, obj{"text": "x"}, match(3)).WantCode(409, "state_conflict")
	if n := d.Call(d.worker, "GET", d.at(id, "notes"), nil).Want(200).Len("data"); n != 0 {
		t.Errorf("%d notes are listed", n)
	}
	if all := d.Call(d.worker, "GET", d.at(id, "notes")+"?include_voided=true", nil).Want(200); all.Len("data") != 1 || all.Value("data", 0, "text") != nil {
		t.Errorf("with the voided: %s", all.Raw)
	}
	if n := d.Call(d.worker, "GET", at+"/versions", nil).Want(200).Len("data"); n != 2 {
		t.Errorf("%d versions: nothing is ever lost", n)
	}
	d.Call(d.worker, "DELETE", at, nil).Want(405)
}

func TestNote_LateEntryIsMarked(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	for hours, late := range map[int]string{47: "false", 49: "true"} {
		n := d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "x", "occurred_at": time.Now().Add(-time.Duration(hours) * time.Hour)}).Want(201)
		if n.Text("late") != late {
			t.Errorf("%d hours behind: %s", hours, n.Raw)
		}
	}
	d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "x", "occurred_at": time.Now().Add(time.Hour)}).WantCode(422, "invalid")
	page := d.Call(d.worker, "GET", d.at(id, "notes")+"?sort=occurred_at&limit=1", nil).Want(200)
	if page.Text("data", 0, "late") != "true" || page.Text("next_cursor") == "" {
		t.Errorf("oldest first: %s", page.Raw)
	}
}

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

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
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
