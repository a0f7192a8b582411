package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// rule 26: whatever somebody may ask answers the same before a file that they must not know of is there, and while it is
// worked on: a list, a search, a count, a report, a caseload, a history, the feed, an export, a refusal.
func TestNeedToKnow_NobodyFindsAFileBySubtraction(t *testing.T) {
	for name, c := range map[string]struct {
		sensitivity string
		roles       []string
		walled      bool
	}{
		"a manager, of a restricted file":        {"restricted", []string{"centre_manager", "me_analyst", "tenant_admin"}, false},
		"a supervisor, of a restricted file":     {"restricted", []string{"case_supervisor", "registrar"}, false},
		"a supervisor, of one kept from them":    {"normal", []string{"case_supervisor", "registrar", "centre_manager", "me_analyst"}, true},
		"an officer, of a restricted one":        {"restricted", []string{"dpo", "auditor"}, false},
		"a restricted one, that is kept as well": {"restricted", []string{"case_supervisor", "dpo"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := apptest.New(t)
			worker, other, asks := h.Staff(h.CentreA, "caseworker"), h.Staff(h.CentreA, "case_supervisor"), h.Staff(h.CentreA, c.roles...)
			at := "/v1/centres/" + h.CentreA.String()
			person := h.Call(h.Staff(h.CentreA, "registrar"), "POST", at+"/beneficiaries", map[string]any{"registration_level": "basic", "reception_on": "2026-03-01", "given_name": "Fanta", "family_name": "Diallo",
				"sex": "2", "age": 27, "population_type": "migrant", "consent": map[string]any{"decision": "given", "giver": "individual", "method": "written", "language": "fr"}}).Want(201).ID()
			h.Call(worker, "POST", at+"/beneficiaries/"+person.String()+"/consents", map[string]any{"scope": "case_management", "decision": "given", "giver": "individual", "method": "written", "language": "fr"}).Want(201)
			file := func(sensitivity string) (string, uuid.UUID) {
				id := h.Call(worker, "POST", at+"/cases", map[string]any{"beneficiary_id": person, "source": "walk_in", "risk_level": "high", "owner_id": worker.ID, "summary": "Fears her uncle", "sensitivity": sensitivity}).Want(201).ID()
				return at + "/cases/" + id.String(), id
			}
			seen, _ := file("normal")
			h.Call(worker, "POST", seen+"/open", nil, apptest.IfMatch(`"1"`)).Want(200)
			h.Settle()
			before := everything(h, asks, at, person)

			hidden, id := file(c.sensitivity)
			if c.walled {
				h.Exec(`insert into case_walls (centre_id, id, version, created_at, updated_at, case_id, user_id, reason) values ($1, gen_random_uuid(), 1, now(), now(), $2, $3, 'A cousin')`, h.CentreA, id, asks.ID)
			}
			if c.sensitivity == "restricted" { // nor by an alert that nobody of the team could answer
				h.Call(worker, "POST", hidden+"/team", map[string]any{"user_id": other.ID}).Want(201)
			}
			h.Call(worker, "POST", hidden+"/open", nil, apptest.IfMatch(`"1"`)).Want(200)
			h.Call(worker, "POST", hidden+"/notes", map[string]any{"text": "Fears her uncle", "mentions": []uuid.UUID{}}).Want(201)
			h.Call(worker, "POST", hidden+"/problems", map[string]any{"code": "documentation"}).Want(201)
			h.Call(worker, "POST", hidden+"/follow-ups", map[string]any{"type": "home_visit", "done_at": time.Now(), "need": "no_further_action"}).Want(201)
			h.Exec("update cases set response_due_at = now() - interval '3 days', plan_due_at = now() - interval '4 days' where id = $1", id)
			h.Call(worker, "POST", hidden+"/approvals", map[string]any{"kind": "consent_override", "basis": "vital_interest", "reason": "Needs an evacuation"}).Want(201)
			h.Exec("update case_approvals set created_at = now() - interval '9 days' where case_id = $1", id)
			h.Tick("worklist.alert")
			h.Settle()
			for path, answer := range everything(h, asks, at, person) {
				if answer != before[path] {
					t.Errorf("%s tells of the file:\n%s\n%s", path, before[path], answer)
				}
			}
			for _, path := range []string{"", "/history", "/notes", "/team", "/plans", "/approvals", "/closure-checklist"} {
				r := h.Call(asks, "GET", hidden+path, nil)
				unknown := h.Call(asks, "GET", at+"/cases/"+uuid.NewString()+path, nil)
				if r.Status != unknown.Status || r.Status < 400 || r.Text("detail") != unknown.Text("detail") {
					t.Errorf("%s: %s, and of none %s", path, r.Raw, unknown.Raw)
				}
			}
		})
	}
}

// everything is what somebody is answered wherever files are listed, counted or told of; what they may not ask says so.
func everything(h *apptest.House, asks apptest.Person, at string, person uuid.UUID) map[string]string {
	h.T.Helper()
	today := time.Now().UTC()
	period := fmt.Sprintf("?from=%s&to=%s", today.AddDate(0, -1, 0).Format(time.DateOnly), today.AddDate(0, 0, 1).Format(time.DateOnly))
	answers := map[string]string{}
	ask := func(path string, headers ...apptest.Header) {
		r := h.Call(asks, "GET", path, nil, headers...)
		said := string(r.Raw)
		if r.Status >= 400 {
			said = fmt.Sprint(r.Status, r.Text("code"))
		}
		if strings.HasSuffix(path, "/changes") && r.Status == 200 {
			said = ""
			for i := range r.Len("data") {
				said += fmt.Sprintln(r.Text("data", i, "type"), r.Text("data", i, "resource_id"))
			}
		}
		if strings.HasSuffix(path, "/disclosures") && r.Status == 200 { // but what the caller took away while asking
			said = ""
			for i := range r.Len("data") {
				if r.ID("data", i, "actor_id") != asks.ID {
					said += fmt.Sprintln(r.Value("data", i))
				}
			}
		}
		answers[path+fmt.Sprint(headers)] = said
	}
	for _, path := range []string{
		"/cases?include_total=true", "/cases?overdue=true&include_total=true", "/cases?beneficiary_id=" + person.String(), "/approvals?include_total=true",
		"/caseloads?include_total=true", "/reports/caseload", "/reports/timeliness" + period, "/reports/outcomes" + period, "/reports/reopened" + period,
		"/worklist?include_total=true", "/worklist?whose=team", "/tasks?include_total=true", "/tasks?mine=true", "/changes",
		"/beneficiaries/" + person.String() + "/timeline", "/beneficiaries/" + person.String(), "/beneficiaries/" + person.String() + "/needs", "/beneficiaries/" + person.String() + "/disclosures",
		"/beneficiaries?q=Diallo&include_total=true", "/transfers?include_total=true", "/referrals?include_total=true", "/supervision-sessions", "/mhpss/sessions", "/break-glass-reviews?include_total=true",
	} {
		ask(at + path)
	}
	ask("/v1/worklist?include_total=true")
	for _, media := range []string{"text/csv", "application/x-ndjson"} {
		ask(at+"/cases", apptest.Header{Name: "Accept", Value: media})
		ask(at+"/reports/caseload", apptest.Header{Name: "Accept", Value: media})
	}
	return answers
}
