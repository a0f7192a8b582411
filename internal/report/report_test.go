package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
)

// desk is a centre with a case whose history a test tells.
type desk struct {
	*apptest.House
	worker, supervisor apptest.Person
	reports            string
	file               uuid.UUID
}

func newDesk(t *testing.T) *desk {
	h := apptest.New(t)
	d := &desk{h, h.Staff(h.CentreA, "caseworker"), h.Staff(h.CentreA, "case_supervisor"), "/v1/centres/" + h.CentreA.String() + "/reports/", db.NewID()}
	person := db.NewID()
	h.Exec(`insert into beneficiaries (centre_id, id, version, created_at, updated_at, reference, registration_level, registered_on, reception_on, sex, population_type, source, basis)
		values ($1, $2::uuid, 1, now(), now(), $2::text, 'basic', current_date, current_date, '1', 'migrant', 'api', 'consent')`, h.CentreA, person)
	h.Exec(`insert into cases (centre_id, id, version, created_at, updated_at, number, beneficiary_id, source, status, risk_level, sensitivity, owner_id)
		values ($1, $2::uuid, 1, now(), now(), $2::text, $3, 'walk_in', 'draft', 'medium', 'normal', $4)`, h.CentreA, d.file, person, d.worker.ID)
	h.Exec("delete from case_states")
	return d
}

// state is how the case stood from a number of days ago on; set are further columns, where "35 days ago" is a time.
type state struct {
	daysAgo int
	set     map[string]string
}

func (d *desk) stood(states []state) {
	d.T.Helper()
	d.Exec("delete from case_states")
	for _, s := range states {
		all := map[string]string{"status": "open", "sensitivity": "normal", "owner_id": d.worker.ID.String(), "closure_reason": "", "run": "0", "responded": "true", "assessed": "true", "planned": "false"}
		for column, value := range s.set {
			all[column] = value
		}
		columns, values := "centre_id, case_id, at", "$1, $2, now() - make_interval(days => $3)"
		for column, value := range all {
			columns += ", " + column
			if days, isTime := strings.CutSuffix(value, " days ago"); isTime {
				values += ", now() - interval '" + days + " days'"
			} else {
				values += ", '" + value + "'"
			}
		}
		d.Exec("insert into case_states ("+columns+") values ("+values+")", d.CentreA, d.file, s.daysAgo)
	}
}

// period is a query from and to so many days ago.
func period(from, to int) string {
	day := func(ago int) string { return time.Now().UTC().AddDate(0, 0, -ago).Format(time.DateOnly) }
	return "?from=" + day(from) + "&to=" + day(to)
}

// kept sums up the centre's line of one timer: due, on time, late, not done.
func (d *desk) kept(timer string) string {
	d.T.Helper()
	r := d.Call(d.supervisor, "GET", d.reports+"timeliness"+period(40, 30), nil).Want(200)
	for i := range r.Len("data") {
		if r.Text("data", i, "whose") == "centre" && r.Text("data", i, "timer") == timer {
			return fmt.Sprint(r.Value("data", i, "due"), r.Value("data", i, "on_time"), r.Value("data", i, "late"), r.Value("data", i, "not_done"))
		}
	}
	return ""
}

func TestTimeliness_JudgesADeadlineAsItStoodWhenItPassed(t *testing.T) {
	d := newDesk(t)
	type set = map[string]string
	plan := func(due string, more ...string) set {
		s := set{"plan_due_at": due + " days ago"}
		for i := 0; i+1 < len(more); i += 2 {
			s[more[i]] = more[i+1]
		}
		return s
	}
	for name, c := range map[string]struct {
		timer  string
		states []state
		want   string
	}{
		"done in time":                     {"plan", []state{{45, plan("35")}, {37, plan("35", "planned", "true")}}, "1 1 0 0"},
		"done before the period":           {"plan", []state{{45, plan("35")}, {42, plan("35", "planned", "true")}}, "1 1 0 0"},
		"done late":                        {"plan", []state{{45, plan("38")}, {35, plan("38", "planned", "true")}}, "1 0 1 0"},
		"done after the period":            {"plan", []state{{45, plan("38")}, {20, plan("38", "planned", "true")}}, "1 0 0 1"},
		"put off in time":                  {"plan", []state{{45, plan("38")}, {39, plan("20")}}, ""},
		"put off too late":                 {"plan", []state{{45, plan("38")}, {36, plan("20")}}, "1 0 0 1"},
		"moved into the past":              {"plan", []state{{45, plan("20")}, {35, plan("44")}}, "1 0 0 1"},
		"moved after it was done":          {"plan", []state{{45, plan("35")}, {42, plan("35", "planned", "true")}, {39, plan("20", "planned", "true")}}, "1 1 0 0"},
		"due before the period":            {"plan", []state{{50, plan("45")}}, ""},
		"due after the period":             {"plan", []state{{50, plan("25")}}, ""},
		"closed before it was due":         {"plan", []state{{45, plan("35")}, {40, plan("35", "status", "closed")}}, ""},
		"restricted at the end":            {"plan", []state{{45, plan("35")}, {33, plan("35", "sensitivity", "restricted")}}, ""},
		"restricted since":                 {"plan", []state{{45, plan("35")}, {20, plan("35", "sensitivity", "restricted")}}, "1 0 0 1"},
		"reopened, due in either run":      {"plan", []state{{45, plan("38")}, {37, plan("38", "status", "closed")}, {36, plan("33", "run", "1")}, {34, plan("33", "run", "1", "planned", "true")}}, "2 1 0 1"},
		"followed up once and not again":   {"follow_up", []state{{45, set{"followup_due_at": "38 days ago"}}, {39, set{"followup_due_at": "33 days ago", "followed_up_at": "39 days ago"}}}, "2 1 0 1"},
		"a follow-up backdated":            {"follow_up", []state{{45, set{"followup_due_at": "38 days ago"}}, {36, set{"followup_due_at": "25 days ago", "followed_up_at": "39 days ago"}}}, "1 0 1 0"},
		"a follow-up voided after the end": {"follow_up", []state{{45, set{"followup_due_at": "38 days ago"}}, {39, set{"followup_due_at": "25 days ago", "followed_up_at": "39 days ago"}}, {20, set{"followup_due_at": "38 days ago"}}}, "1 1 0 0"},
	} {
		t.Run(name, func(t *testing.T) {
			defer d.For(t)()
			d.stood(c.states)
			if got := d.kept(c.timer); got != c.want {
				t.Errorf("due, on time, late, not done: %q, want %q", got, c.want)
			}
		})
	}
}

func TestTimeliness_ACaseWaitsForAnOwner(t *testing.T) {
	d := newDesk(t)
	d.stood([]state{{39, map[string]string{"assign_due_at": "38 days ago"}}, {35, map[string]string{"assign_due_at": "38 days ago", "run": "1"}}})
	d.Exec("update case_states set owner_id = null where run = 0")
	r := d.Call(d.supervisor, "GET", d.reports+"timeliness"+period(40, 30), nil).Want(200)
	if r.Len("data") != 2 || r.Text("data", 0, "timer") != "assignment" || r.Text("data", 0, "late") != "1" || r.Text("data", 1, "whose") != "nobody" {
		t.Errorf("%s", r.Raw)
	}
}

func TestReopened_TellsWhatCameBackWithinTheDays(t *testing.T) {
	d := newDesk(t)
	type set = map[string]string
	d.stood([]state{{200, set{}}, {110, set{"status": "closed"}}, {35, set{"run": "1"}}, {34, set{"status": "closed", "run": "1"}}})
	for query, want := range map[string]string{
		period(40, 30):                     "1 1 0 0", // after 75 days
		period(25, 15):                     "0 0 1 1", // whose 90 days ended 20 days ago
		period(40, 30) + "&within_days=30": "1 0 0 0",
		period(85, 75) + "&within_days=30": "0 0 1 0",
		period(300, 250):                   "",
	} {
		r := d.Call(d.supervisor, "GET", d.reports+"reopened"+query, nil).Want(200)
		got := ""
		if r.Len("data") > 0 {
			got = fmt.Sprint(r.Value("data", 0, "reopened"), r.Value("data", 0, "reopened_within"), r.Value("data", 0, "closures_watched"), r.Value("data", 0, "closures_returned"))
		}
		if got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

// What counts as come back is the SOP's.
func TestReopened_WithinTheDaysOfTheSOP(t *testing.T) {
	d := newDesk(t)
	d.stood([]state{{200, map[string]string{}}, {110, map[string]string{"status": "closed"}}, {35, map[string]string{"run": "1"}}})
	d.Exec(`insert into sops (centre_id, id, version, created_at, updated_at, number, title, status, policy)
		values ($1, $2, 1, now(), now(), 1, 'SOP', 'active', '{"case": {"reopened_within_days": 60}}')`, d.CentreA, db.NewID())
	for query, want := range map[string]string{"": "60 0", "&within_days=90": "90 1"} {
		r := d.Call(d.supervisor, "GET", d.reports+"reopened"+period(40, 30)+query, nil).Want(200)
		if got := fmt.Sprint(r.Value("within_days"), " ", r.Value("data", 0, "reopened_within")); got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
	}
}

func TestReports_RefuseBadPeriods(t *testing.T) {
	d := newDesk(t)
	for query, want := range map[string]int{
		period(30, 40): 422, period(500, 10): 422, "": 400, "?from=2026-02-30&to=2026-03-01": 400, period(40, 30) + "&owner=x": 400,
	} {
		for _, name := range []string{"timeliness", "outcomes", "reopened"} {
			d.Call(d.supervisor, "GET", d.reports+name+query, nil).Want(want)
		}
	}
	d.Call(d.supervisor, "GET", d.reports+"reopened"+period(40, 30)+"&within_days=0", nil).Want(400)
	d.Call(d.Staff(d.CentreA, "registrar"), "GET", d.reports+"caseload", nil).WantCode(403, "forbidden")
}
