package casework_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// limited puts a SOP into force under which a caseworker carries three weighted cases.
func (d *desk) limited() {
	d.policy(`{"caseload":{"limit":3,"warn_percent":80,"weights":{"high":2,"medium":1,"low":0.5}}}`)
}

func (d *desk) load(p apptest.Person, of uuid.UUID) string {
	d.T.Helper()
	page := d.Call(p, "GET", "/v1/centres/"+d.CentreA.String()+"/caseloads?user_id="+of.String(), nil).Want(200)
	return fmt.Sprintf("%s of %s, %s", page.Text("data", 0, "load"), page.Text("data", 0, "limit"), page.Text("data", 0, "state"))
}

func TestCaseload_WeighsCasesByRiskAndWarns(t *testing.T) {
	d := newDesk(t)
	d.limited()
	if got := d.load(d.supervisor, d.worker.ID); got != "0 of 3, ok" {
		t.Errorf("to begin with: %s", got)
	}
	file(d.House, person(d.House, true), "open", "normal", &d.worker.ID)
	for i, want := range []string{"1.5 of 3, ok", "2 of 3, ok", "2.5 of 3, warning", "3 of 3, full"} {
		d.open(obj{"risk_level": "low"})
		if got := d.load(d.supervisor, d.worker.ID); got != want {
			t.Errorf("after %d: %s, want %s", i+1, got, want)
		}
	}
	d.Exec("update cases set status = 'closed' where risk_level = 'low'")
	if got := d.load(d.supervisor, d.worker.ID); got != "1 of 3, ok" {
		t.Errorf("once they closed: %s", got)
	}
	all := d.Call(d.Staff(d.CentreA, "centre_manager"), "GET", "/v1/centres/"+d.CentreA.String()+"/caseloads?include_total=true", nil).Want(200)
	if all.Text("total") != "3" || all.ID("data", 0, "user_id") != d.worker.ID || all.Text("data", 0, "ratio")[:4] != "0.33" {
		t.Errorf("all: %s", all.Raw)
	}
	if first := d.Call(d.supervisor, "GET", "/v1/centres/"+d.CentreA.String()+"/caseloads?limit=1&sort=name", nil).Want(200); first.Len("data") != 1 || first.Text("next_cursor") == "" {
		t.Errorf("a page: %s", first.Raw)
	}
	d.Call(d.worker, "GET", "/v1/centres/"+d.CentreA.String()+"/caseloads", nil).WantCode(403, "forbidden")
}

func TestCaseload_AboveTheLimitASupervisorSaysWhy(t *testing.T) {
	d := newDesk(t)
	d.limited()
	waiting, closed := d.draft(obj{"owner_id": d.supervisor.ID}), d.closed() // the worker's
	d.open(obj{"risk_level": "high"})
	d.open(nil)
	full := func(r *apptest.Response, code string) {
		t.Helper()
		if r.WantCode(422, "invalid"); r.Text("errors", 0, "code") != code {
			t.Errorf("refused with %s", r.Raw)
		}
	}
	full(d.Call(d.worker, "POST", d.cases, obj{"beneficiary_id": person(d.House, true), "source": "walk_in", "risk_level": "low", "owner_id": d.worker.ID}), "caseload_full")
	full(d.do(d.supervisor, waiting, "assign", obj{"owner_id": d.worker.ID}), "caseload_full")
	full(d.do(d.supervisor, closed, "reopen", obj{"reason": "Came back", "risk_level": "low"}), "caseload_full")
	full(d.do(d.worker, waiting, "assign", obj{"owner_id": d.worker.ID, "caseload_override": "I can"}), "supervisor_required")
	given := d.do(d.supervisor, waiting, "assign", obj{"owner_id": d.worker.ID, "reason": "Speaks Hausa", "caseload_override": "Nobody else speaks Hausa"}).Want(200)
	if given.ID("owner_id") != d.worker.ID || given.Text("caseload_overridden_at") == "" {
		t.Errorf("given: %s", given.Raw)
	}
	history := d.Call(d.supervisor, "GET", d.at(waiting, "history"), nil).Want(200)
	if history.Text("data", 1, "caseload_override") != "Nobody else speaks Hausa" || history.Text("data", 1, "reason") != "Speaks Hausa" {
		t.Errorf("history: %s", history.Raw)
	}
	d.do(d.worker, waiting, "open", nil).Want(200) // let once is enough
	back := d.do(d.supervisor, waiting, "assign", obj{"owner_id": d.second.ID, "caseload_override": "not needed"}).Want(200)
	if back.Text("caseload_overridden_at") != "" {
		t.Errorf("an override that nobody needed was kept: %s", back.Raw)
	}
	full(d.do(d.supervisor, waiting, "assign", obj{"owner_id": d.worker.ID}), "caseload_full")
	d.do(d.supervisor, closed, "reopen", obj{"reason": "Came back", "risk_level": "low", "caseload_override": "Knows her"}).Want(200)
}

// A draft that was given when there was room is opened when there is none.
func TestCaseload_OpeningAsksToo(t *testing.T) {
	d := newDesk(t)
	d.limited()
	id := d.draft(nil)
	d.Exec("update cases set owner_id = null where id = $1", id)
	d.open(obj{"risk_level": "high"})
	d.open(nil)
	d.Exec("update cases set owner_id = $2 where id = $1", id, d.worker.ID)
	if r := d.do(d.worker, id, "open", nil).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "caseload_full" {
		t.Errorf("refused with %s", r.Raw)
	}
	d.do(d.supervisor, id, "open", obj{"caseload_override": "Only for a week"}).Want(200)
}

func TestRace_TheLastPlaceIsGivenOnce(t *testing.T) {
	d := newDesk(t)
	d.limited()
	d.open(obj{"risk_level": "high"})
	for _, given := range []string{"draft", "open"} {
		t.Run(given, func(t *testing.T) {
			colleague := d.Staff(d.CentreA, "caseworker")
			for range 2 {
				file(d.House, person(d.House, true), "open", "normal", &colleague.ID)
			}
			cases := make([]uuid.UUID, 4)
			for i := range cases {
				cases[i] = file(d.House, person(d.House, true), given, "normal", nil)
			}
			statuses := apptest.AtOnce(len(cases), func(i int) *apptest.Response {
				return d.Call(d.supervisor, "POST", d.at(cases[i], "assign"), obj{"owner_id": colleague.ID}, match(1))
			})
			if !slices.Equal(statuses, []int{200, 422, 422, 422}) {
				t.Errorf("answers %v", statuses)
			}
			if got := d.load(d.supervisor, colleague.ID); got != "3 of 3, full" {
				t.Errorf("carries %s", got)
			}
		})
	}
}

// rule 26: neither a load beside the list of cases or the report, nor a refusal, tells of a restricted case; who knows of it
// counts it.
func TestCaseload_TellsNothingOfRestrictedCases(t *testing.T) {
	d := newDesk(t)
	d.limited()
	manager := d.Staff(d.CentreA, "centre_manager")
	d.open(nil)
	for range 2 {
		d.open(obj{"sensitivity": "restricted"})
	}
	d.Exec(`insert into case_team (centre_id, id, version, created_at, updated_at, case_id, user_id, role)
		select centre_id, gen_random_uuid(), 1, now(), now(), id, $1, 'member' from cases where sensitivity = 'restricted'`, d.second.ID)
	if got := d.load(d.second, d.worker.ID); got != "3 of 3, full" {
		t.Errorf("of the team: %s", got)
	}
	for _, p := range []apptest.Person{d.supervisor, manager} {
		load := d.load(p, d.worker.ID)
		report := d.Call(p, "GET", "/v1/centres/"+d.CentreA.String()+"/reports/caseload", nil).Want(200)
		list := d.Call(p, "GET", d.cases+"?owner_id="+d.worker.ID.String(), nil).Want(200)
		if load != "1 of 3, ok" || report.Text("data", 0, "load") != "1" || list.Len("data") != 1 {
			t.Errorf("load %s, report %s, %d cases in the list", load, report.Raw, list.Len("data"))
		}
	}
	given := d.draft(obj{"owner_id": d.second.ID})
	d.do(d.supervisor, given, "assign", obj{"owner_id": d.worker.ID}).Want(200)
	if r := d.Call(d.worker, "POST", d.cases, obj{"beneficiary_id": person(d.House, true), "source": "walk_in", "risk_level": "low", "owner_id": d.worker.ID}).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "caseload_full" {
		t.Errorf("who carries them takes no more: %s", r.Raw)
	}
}
