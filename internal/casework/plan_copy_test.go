package casework_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// duty D4: goals, actions, who, by when, at what cost, agreed with the person on a day; without it the
// plan does not become active. The person has a copy in their language, and it is known who gave it and when.
func TestD4_ThePlanIsAgreedWithThePersonWhoHasACopy(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	d.assessed(id)
	made := d.Call(d.worker, "POST", d.at(id, "plans"), obj{"review_on": "2030-01-01", "goals": []obj{{"description": "Has a passport", "target_on": "2029-09-01", "actions": []obj{
		{"description": "Consulate", "due_on": "2029-06-01", "responsible_id": d.worker.ID, "responsible": "Aminata", "cost": obj{"amount": "4500.50", "currency": "XOF"}, "funding_source": "ECHO"},
		{"description": "Photographs", "due_on": "2029-05-01", "cost": obj{"amount": "1000", "currency": "XOF"}},
	}}}, "actions": []obj{{"service_type": "case_management.home_visit", "due_on": "2029-05-01", "cost": obj{"amount": "3", "currency": "EUR"}}}}).Want(201)
	if fmt.Sprint(made.Value("costs")) != "[map[amount:3 currency:EUR] map[amount:5500.5 currency:XOF]]" || made.Text("actions", 0, "cost", "amount") != "4500.5" || made.Text("actions", 0, "funding_source") != "ECHO" {
		t.Errorf("costs: %s", made.Raw)
	}
	at := made.Header.Get("Location")
	if read := d.Call(d.worker, "GET", at, nil).Want(200); string(read.Raw) != string(made.Raw) {
		t.Errorf("create answered %s, read answers %s", made.Raw, read.Raw)
	}
	bad := obj{"plan_id": made.ID(), "description": "x", "due_on": "2029-05-01", "cost": obj{"amount": "1", "currency": "XXQ"}}
	if r := d.Call(d.worker, "POST", d.at(id, "actions"), bad).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != "/cost/currency" {
		t.Errorf("an unknown currency: %s", r.Raw)
	}
	d.Call(d.worker, "POST", d.at(id, "actions"), obj{"plan_id": made.ID(), "description": "x", "due_on": "2029-05-01", "cost": obj{"amount": "-1", "currency": "EUR"}}).WantCode(422, "invalid")
	action := d.at(id, "actions", made.ID("actions", 1, "id"))
	if r := d.Call(d.worker, "PATCH", action, obj{"cost": nil}, match(1)).Want(200); r.Value("cost") != nil {
		t.Errorf("cost: %s", r.Raw)
	}

	d.Call(d.worker, "POST", at+"/activate", nil, match(1)).WantCode(422, "invalid")
	d.Call(d.worker, "GET", at+"/copy", nil).WantCode(409, "state_conflict")
	d.Call(d.worker, "POST", at+"/hand-over", obj{"language": "fr"}, match(1)).WantCode(409, "state_conflict")
	d.Call(d.worker, "PATCH", at, obj{"agreed": true}, match(1)).WantCode(422, "invalid")
	d.Call(d.worker, "PATCH", at, obj{"agreed": true, "agreed_on": time.Now().AddDate(0, 0, 2).Format(time.DateOnly)}, match(1)).WantCode(422, "invalid")
	d.activate(id, made)

	d.Exec("update beneficiaries set languages = '{ff,ar-SD,en}' where id = (select beneficiary_id from cases where id = $1)", id)
	var name string
	d.Scan("select name from users where id = $1", []any{d.worker.ID}, &name)
	for query, want := range map[string][]string{
		"?language=en": {"Our plan", "Goal 1: Has a passport (Until 2029-09-01)", "Consulate", "By 2029-06-01", "Who: Aminata, " + name, "Cost: 4500.5 XOF (paid by ECHO)", "Outreach or home visit", "This plan is yours"},
		"?language=fr": {"Notre plan", "Pour le 2029-06-01", "payé par ECHO", "Visite à domicile"},
		"?language=es": {"Nuestro plan", "Para el 2029-06-01"},
		"":             {"\uFE8E\uFEE8\uFE98\uFEC4\uFEA7", "01-06-2029", "Consulate"}, // the Arabic of the person, shaped and from the right: خطتنا
	} {
		sheet := d.Call(d.worker, "GET", at+"/copy"+query, nil).Want(200)
		text := apptest.Printed(sheet.Raw)
		for _, words := range want {
			if !strings.Contains(text, words) {
				t.Errorf("%q does not say %q: %q", query, words, text)
			}
		}
		if sheet.Header.Get("Content-Type") != "application/pdf" || strings.Contains(text, "\uFFFD") {
			t.Errorf("%s: %v %q", query, sheet.Header, text)
		}
	}
	d.Call(d.worker, "GET", at+"/copy?language=de", nil).Want(400)
	var lines int
	if d.Scan("select count(*) from audit_events where operation = 'printCasePlan' and action = 'read' and resource = 'case_plans'", nil, &lines); lines < 4 {
		t.Errorf("%d prints left a line", lines)
	}

	d.Call(d.worker, "POST", at+"/hand-over", obj{"language": "ar", "on": time.Now().AddDate(0, 0, 2).Format(time.DateOnly)}, match(3)).WantCode(422, "invalid")
	given := d.Call(d.worker, "POST", at+"/hand-over", obj{"language": "ar", "on": "2026-01-02"}, match(3)).Want(200)
	if given.Text("copy_given") != "true" || given.Text("copy_given_on") != "2026-01-02" || given.ID("copy_given_by") != d.worker.ID || given.Text("copy_language") != "ar" {
		t.Errorf("given: %s", given.Raw)
	}
}

func TestPlan_CopyGoesOnOnTheNextPage(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	d.assessed(id)
	actions := []obj{}
	for i := range 60 {
		actions = append(actions, obj{"description": fmt.Sprintf("Step %d of the way home", i), "due_on": "2029-06-01"})
	}
	made := d.Call(d.worker, "POST", d.at(id, "plans"), obj{"review_on": "2030-01-01", "goals": []obj{{"description": "Is home"}}, "actions": actions}).Want(201)
	d.activate(id, made)
	sheet := d.Call(d.worker, "GET", made.Header.Get("Location")+"/copy", nil).Want(200)
	if pages := bytes.Count(sheet.Raw, []byte("/Type /Page\n")); pages < 2 || pages > 6 || !strings.Contains(apptest.Printed(sheet.Raw), "Step 59") {
		t.Errorf("%d pages", pages)
	}
}

// What was agreed stays as it was agreed, for the API and for the database.
func TestPlan_IsFixedOnceItIsAgreed(t *testing.T) {
	d := newDesk(t)
	d.policy(`{"approvals": {"plan": {"required": true, "roles": ["case_supervisor"]}}}`)
	id := d.open(nil)
	made := d.plan(id)
	at := made.Header.Get("Location")
	goal, action := d.at(id, "goals", made.ID("goals", 0, "id")), d.at(id, "actions", made.ID("actions", 0, "id"))
	ask := obj{"kind": "plan", "reason": "x", "plan_id": made.ID()}
	d.Call(d.worker, "POST", d.at(id, "approvals"), ask).WantCode(422, "invalid") // nobody agreed yet
	d.Call(d.worker, "PATCH", at, agreement, match(1)).Want(200)
	d.Call(d.worker, "PATCH", at, obj{"summary": "x"}, match(2)).WantCode(409, "state_conflict")
	d.Call(d.worker, "PATCH", goal, obj{"description": "x"}, match(1)).WantCode(409, "state_conflict")
	d.Call(d.worker, "PATCH", action, obj{"due_on": "2029-07-01"}, match(1)).WantCode(409, "state_conflict")
	d.Call(d.worker, "POST", d.at(id, "goals"), obj{"plan_id": made.ID(), "description": "x"}).WantCode(409, "state_conflict")
	asked := d.Call(d.worker, "POST", d.at(id, "approvals"), ask).Want(201)
	d.Call(d.supervisor, "POST", asked.Header.Get("Location")+"/approve", obj{}, match(1)).Want(200)

	changed := d.Call(d.worker, "PATCH", at, obj{"agreed": false, "summary": "Something else"}, match(2)).Want(200)
	if changed.Text("agreed") != "false" || changed.Value("agreed_on") != nil || changed.Text("summary") != "Something else" {
		t.Errorf("taken back: %s", changed.Raw)
	}
	d.Call(d.worker, "PATCH", at, agreement, match(3)).Want(200)
	if r := d.Call(d.worker, "POST", at+"/activate", nil, match(4)).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "approval_required" {
		t.Errorf("approved was what she agreed to before: %s", r.Raw)
	}
	again := d.Call(d.worker, "POST", d.at(id, "approvals"), ask).Want(201)
	d.Call(d.supervisor, "POST", again.Header.Get("Location")+"/approve", obj{}, match(1)).Want(200)
	d.Call(d.worker, "POST", at+"/activate", nil, match(4)).Want(200)

	for name, sql := range map[string]string{
		"its agreement":   "update case_plans set agreed_on = agreed_on - 1",
		"a goal":          "update case_goals set description = 'x'",
		"a cost":          "update case_actions set cost = 1, currency = 'EUR'",
		"a new action":    "insert into case_actions (centre_id, id, version, created_at, updated_at, case_id, plan_id, description, due_on, status) select centre_id, gen_random_uuid(), 1, now(), now(), case_id, id, 'x', current_date, 'planned' from case_plans",
		"the plan's life": "delete from case_actions",
	} {
		if err := asServer(d, sql); err == nil || !strings.Contains(err.Error(), "23001") {
			t.Errorf("%s was changed: %v", name, err)
		}
	}
	if err := asServer(d, "update case_goals set progress = 'met'"); err != nil {
		t.Errorf("progress: %v", err)
	}
}

// asServer runs a statement as the server's role does, on the desk's centre, and takes it back.
func asServer(d *desk, sql string) error {
	tx, err := d.Owner.Begin(d.T.Context())
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(d.T.Context()) }()
	if _, err := tx.Exec(d.T.Context(), fmt.Sprintf("set local role waystation_app; set local app.centre_ids = '%s'; set local app.need_to_know = 'lifted'", d.CentreA)); err != nil {
		return err
	}
	_, err = tx.Exec(d.T.Context(), sql)
	return err
}

func TestPlan_DiffTellsWhatDiffersBetweenVersions(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	first := d.plan(id)
	d.activate(id, first)
	at := first.Header.Get("Location")
	if r := d.Call(d.worker, "GET", at+"/diff", nil).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "required" {
		t.Errorf("the first version: %s", r.Raw)
	}
	d.judge(id, first.ID("goals", 0, "id"), "met").Want(201)
	next := d.Call(d.worker, "POST", at+"/revise", obj{"reason": "Wants to go home"}, match(3)).Want(200)
	second := d.at(id, "plans", next.ID())
	if same := d.Call(d.worker, "GET", second+"/diff", nil).Want(200); same.Len("changes")+same.Len("goals")+same.Len("actions") != 1 || same.Text("changes", 0, "field") != "agreed_on" {
		t.Errorf("a copy differs: %s", same.Raw)
	}
	d.Call(d.worker, "PATCH", second, obj{"review_on": "2031-01-01", "summary": "Home"}, match(1)).Want(200)
	d.Call(d.worker, "PATCH", d.at(id, "actions", next.ID("actions", 0, "id")), obj{"due_on": "2029-09-01", "cost": obj{"amount": "10", "currency": "EUR"}}, match(1)).Want(200)
	added := d.Call(d.worker, "POST", d.at(id, "goals"), obj{"plan_id": next.ID(), "description": "Is back with his family"}).Want(201)
	diff := d.Call(d.worker, "GET", second+"/diff", nil).Want(200)
	if diff.ID("from_id") != first.ID() || diff.Text("to_number") != "2" || fmt.Sprint(diff.Value("changes")) != "[map[after:Home field:summary] map[after:2031-01-01 before:2030-01-01 field:review_on] map[before:2026-01-01 field:agreed_on]]" {
		t.Errorf("plan: %s", diff.Raw)
	}
	if diff.Len("goals") != 1 || diff.Text("goals", 0, "change") != "added" || diff.ID("goals", 0, "id") != added.ID() || diff.Text("goals", 0, "changes", 0, "after") != "Is back with his family" {
		t.Errorf("goals: %s", diff.Raw)
	}
	if diff.Len("actions") != 1 || diff.Text("actions", 0, "change") != "changed" || fmt.Sprint(diff.Value("actions", 0, "changes")) != "[map[after:2029-09-01 before:2029-06-01 field:due_on] map[after:map[amount:10 currency:EUR] field:cost]]" {
		t.Errorf("actions: %s", diff.Raw)
	}
	back := d.Call(d.worker, "GET", at+"/diff?from="+next.ID().String(), nil).Want(200)
	if back.Text("goals", 0, "change") != "removed" || back.ID("goals", 0, "id") != added.ID() || back.Text("actions", 0, "changes", 0, "after") != "2029-06-01" {
		t.Errorf("backwards: %s", back.Raw)
	}
	foreign := d.plan(d.open(nil))
	d.Call(d.worker, "GET", at+"/diff?from="+foreign.ID().String(), nil).WantCode(422, "invalid")
	d.Call(d.worker, "GET", at+"/diff?from="+uuid.NewString(), nil).WantCode(422, "invalid")
}
