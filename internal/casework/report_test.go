package casework_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// reports of a period, and what is counted now.
var reports = []string{"timeliness", "outcomes", "reopened"}

// report reads a report of the days from and to so many days ago.
func (d *desk) report(p apptest.Person, name string, from, to int, headers ...apptest.Header) *apptest.Response {
	d.T.Helper()
	day := func(ago int) string { return time.Now().UTC().AddDate(0, 0, -ago).Format(time.DateOnly) }
	return d.Call(p, "GET", "/v1/centres/"+d.CentreA.String()+"/reports/"+name+"?from="+day(from)+"&to="+day(to), nil, headers...)
}

// past puts everything that reports count so many days back.
func (d *desk) past(days int) {
	d.Exec(`update case_states set at = at - make_interval(days => $1), assign_due_at = assign_due_at - make_interval(days => $1), response_due_at = response_due_at - make_interval(days => $1),
		assessment_due_at = assessment_due_at - make_interval(days => $1), plan_due_at = plan_due_at - make_interval(days => $1), followup_due_at = followup_due_at - make_interval(days => $1),
		followed_up_at = followed_up_at - make_interval(days => $1)`, days)
	d.Exec("update case_evaluations set created_at = created_at - make_interval(days => $1)", days)
}

// managed is a case with a note, a plan, a goal that was met and a follow-up, which was closed. The supervisor is on its team.
func (d *desk) managed(more obj) (id, note uuid.UUID) {
	d.T.Helper()
	id = d.open(more)
	d.Exec(`insert into case_team (centre_id, id, version, created_at, updated_at, case_id, user_id, role) values ($1, $2, 1, now(), now(), $3, $4, 'member')`, d.CentreA, uuid.New(), id, d.supervisor.ID)
	note = d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "Spoke with her"}).Want(201).ID()
	plan := d.plan(id)
	d.activate(id, plan)
	d.judge(id, plan.ID("goals", 0, "id"), "not_met").Want(201)
	d.judge(id, plan.ID("goals", 0, "id"), "met").Want(201)
	d.visited(id, "no_further_action")
	d.do(d.worker, id, "request-closure", obj{"reason": "plan_completed", "summary": "x", "justification": "Done by herself", "person_informed": true}).Want(200)
	d.do(d.supervisor, id, "approve-closure", obj{}).Want(200)
	return id, note
}

// duty D14: the same query on a period that is over answers the same figures, whatever happens since.
// rule 22
func TestD14_APeriodThatIsOverKeepsItsFigures(t *testing.T) {
	d := newDesk(t)
	done, note := d.managed(nil)
	waiting := d.open(nil)
	d.past(100)
	before := map[string]*apptest.Response{}
	for _, name := range reports {
		before[name] = d.report(d.supervisor, name, 110, 80).Want(200)
	}
	for i, timer := range []string{"first_response", "assessment", "plan", "follow_up"} {
		line := before["timeliness"].Value("data", i).(map[string]any)
		if got := fmt.Sprint(line["whose"], line["timer"], line["due"], line["on_time"], line["late"], line["not_done"], line["on_time_percent"]); got != "centre"+timer+"2 1 0 1 50" {
			t.Errorf("deadlines: %s", got)
		}
	}
	line := before["outcomes"].Value("data", 0).(map[string]any)
	if got := fmt.Sprint(line["closures"], line["positive_percent"], line["reasons"], line["goals_judged"], line["goals_met_percent"]); got != "1 100 map[plan_completed:1] 1 100" {
		t.Errorf("outcomes: %s", got)
	}

	d.do(d.worker, done, "reopen", obj{"reason": "Came back", "risk_level": "high"}).Want(200)
	d.Call(d.worker, "POST", d.at(done, "notes", note, "void"), obj{"reason": "Of another person"}, match(1)).Want(200)
	d.do(d.supervisor, waiting, "assign", obj{"owner_id": d.second.ID}).Want(200)
	var version int
	d.Scan("select version from cases where id = $1", []any{waiting}, &version)
	d.Call(d.second, "PATCH", d.at(waiting), obj{"risk_level": "high"}, match(version)).Want(200)
	d.Call(d.second, "POST", d.at(waiting, "follow-ups"), obj{"type": "home_visit", "done_at": time.Now(), "need": "no_further_action"}).Want(201)
	d.do(d.second, waiting, "request-closure", closing).Want(200)
	d.do(d.supervisor, waiting, "approve-closure", obj{}).Want(200)
	for _, name := range reports {
		after := d.report(d.supervisor, name, 110, 80).Want(200)
		if string(after.Raw) != string(before[name].Raw) || after.ETag() != before[name].ETag() || after.Text("frozen") != "true" {
			t.Errorf("%s was %s, is %s", name, before[name].Raw, after.Raw)
		}
		d.report(d.supervisor, name, 110, 80, apptest.Header{Name: "If-None-Match", Value: before[name].ETag()}).Want(304)
	}
	if now := d.report(d.supervisor, "reopened", 5, 0).Want(200); now.Text("data", 0, "reopened") != "1" || now.Text("data", 0, "reopened_within") != "0" || now.Text("frozen") != "false" {
		t.Errorf("now: %s", now.Raw)
	}
}

// What is restricted counts for nobody, and what is kept from somebody by name does not count for them: nobody subtracts.
func TestD14_ReportsTellNothingOfRestrictedCases(t *testing.T) {
	d := newDesk(t)
	manager, analyst := d.Staff(d.CentreA, "centre_manager"), d.Staff(d.CentreA, "me_analyst")
	normal, _ := d.managed(nil)
	d.open(nil)
	d.past(100)
	all := append([]string{"caseload"}, reports...)
	read := func(p apptest.Person, name string) string {
		return string(d.report(p, name, 110, 80).Want(200).Raw)
	}
	before := map[string]string{}
	for _, name := range reports {
		before[name] = read(d.supervisor, name)
	}
	before["caseload"] = string(d.Call(d.supervisor, "GET", "/v1/centres/"+d.CentreA.String()+"/reports/caseload", nil).Want(200).Raw)
	d.managed(obj{"sensitivity": "restricted"})
	d.open(obj{"sensitivity": "restricted"})
	d.Exec(`update case_states set at = at - interval '100 days', plan_due_at = plan_due_at - interval '100 days' where sensitivity = 'restricted'`)
	d.Exec("update case_evaluations set created_at = now() - interval '100 days' where created_at > now() - interval '1 day'")
	d.Exec(`insert into case_walls (centre_id, id, version, created_at, updated_at, case_id, user_id, reason) values ($1, $2, 1, now(), now(), $3, $4, 'A cousin')`, d.CentreA, uuid.New(), normal, d.second.ID)
	for _, name := range all {
		for who, p := range map[string]apptest.Person{"supervisor": d.supervisor, "manager": manager, "analyst": analyst} {
			var got string
			if name == "caseload" {
				got = string(d.Call(p, "GET", "/v1/centres/"+d.CentreA.String()+"/reports/caseload", nil).Want(200).Raw)
			} else {
				got = read(p, name)
			}
			if got != before[name] || !strings.Contains(got, `"excludes":["restricted_cases"]`) {
				t.Errorf("%s, %s: %s instead of %s", name, who, got, before[name])
			}
		}
	}
	if walled := d.report(d.second, "outcomes", 110, 80).Want(200); walled.Len("data") != 0 {
		t.Errorf("outcomes, to whom the file is kept from: %s", walled.Raw)
	}
	if walled := d.report(d.second, "timeliness", 110, 80).Want(200); walled.Text("data", 0, "due") != "1" {
		t.Errorf("timeliness, to whom the file is kept from: %s", walled.Raw)
	}
}

func TestD14_ACaseworkerReadsTheirOwnLines(t *testing.T) {
	d := newDesk(t)
	d.managed(nil)
	colleague := d.Staff(d.CentreA, "caseworker")
	for _, name := range append([]string{"caseload"}, reports[:2]...) {
		path := func(p apptest.Person) *apptest.Response {
			if name == "caseload" {
				return d.Call(p, "GET", "/v1/centres/"+d.CentreA.String()+"/reports/caseload", nil).Want(200)
			}
			return d.report(p, name, 5, 0).Want(200)
		}
		mine := path(d.worker)
		for i := range mine.Len("data") {
			if mine.Text("data", i, "whose") != "worker" || mine.ID("data", i, "user_id") != d.worker.ID {
				t.Errorf("%s: %s", name, mine.Raw)
			}
		}
		if theirs := path(colleague); strings.Contains(string(theirs.Raw), d.worker.ID.String()) {
			t.Errorf("%s: a colleague reads %s", name, theirs.Raw)
		}
	}
	if own := d.report(d.worker, "outcomes", 5, 0); own.Len("data") != 1 {
		t.Errorf("own: %s", own.Raw)
	}
}

func TestD14_ReportsAreTablesToo(t *testing.T) {
	d := newDesk(t)
	d.managed(nil)
	csv := apptest.Header{Name: "Accept", Value: "text/csv"}
	sheet := d.report(d.supervisor, "outcomes", 5, 0, csv).Want(200)
	want := "whose,user_id,closures,positive,positive_percent,reasons,goals_judged,goals_met,goals_met_percent\n" +
		"centre,,1,1,100,plan_completed=1,1,1,100\nworker," + d.worker.ID.String() + ",1,1,100,plan_completed=1,1,1,100\n"
	if string(sheet.Raw) != want || !strings.HasPrefix(sheet.Header.Get("Content-Type"), "text/csv") || sheet.ETag() == "" {
		t.Errorf("%s: %s", sheet.Header.Get("Content-Type"), sheet.Raw)
	}
	d.open(obj{"risk_level": "high"})
	load := d.Call(d.supervisor, "GET", "/v1/centres/"+d.CentreA.String()+"/reports/caseload", nil, csv).Want(200)
	if lines := strings.Split(string(load.Raw), "\n"); lines[1] != "centre,,,1,2,high=1," || !strings.Contains(string(load.Raw), d.worker.ID.String()) {
		t.Errorf("%s", load.Raw)
	}
}
