package beneficiary_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
)

// policy puts a policy into force in centre A, changed from the default.
func policy(h *apptest.House, change func(*centre.Policy)) {
	h.T.Helper()
	p := centre.DefaultPolicy()
	change(&p)
	h.Exec("update sops set status = 'superseded', superseded_at = now() where centre_id = $1 and status = 'active'", h.CentreA)
	h.Exec(`insert into sops (centre_id, id, version, created_at, updated_at, number, title, status, policy, activated_by, activated_at)
		values ($1, $2, 1, now(), now(), (select count(*) + 1 from sops), 'SOP', 'active', $3, $4, now())`, h.CentreA, db.NewID(), p, h.Staff(h.CentreA, "tenant_admin").ID)
}

func TestFunctional_TheCutOffIsTheCentres(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "health_worker")
	at := register(h, h.Staff(h.CentreA, "registrar"), nil).Header.Get("Location") + "/functional-difficulties"
	answer := func(seeing, walking string) *apptest.Response {
		t.Helper()
		return h.Call(p, "POST", at, body{"answered_by": "proxy", "levels": body{"seeing": seeing, "hearing": "1", "walking": walking, "remembering": "2", "self_care": "declined", "communicating": "unknown"}}).Want(201)
	}
	for _, c := range []struct {
		seeing, walking string
		level           string
		domains         int
		want            string
	}{
		{"2", "2", "3", 1, "false"}, {"3", "1", "3", 1, "true"}, {"4", "1", "3", 1, "true"}, {"unknown", "declined", "3", 1, "false"},
		{"3", "1", "3", 2, "false"}, {"3", "4", "3", 2, "true"}, {"3", "1", "4", 1, "false"}, {"2", "1", "2", 2, "true"},
	} {
		policy(h, func(p *centre.Policy) {
			p.People.FunctionalCutOffLevel, p.People.FunctionalCutOffDomains = c.level, c.domains
		})
		if r := answer(c.seeing, c.walking); r.Text("reaches_cut_off") != c.want || r.Text("cut_off_level") != c.level {
			t.Errorf("%+v: %s", c, r.Raw)
		}
	}
	r := h.Call(p, "GET", at+"?limit=1", nil).Want(200)
	if r.Text("data", 0, "levels", "self_care") != "declined" || r.Text("data", 0, "cut_off_domains") != "2" {
		t.Errorf("the latest is %s", r.Raw)
	}
}

func TestScreening_SuggestsAndAPersonConfirms(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	at := register(h, p, nil).Header.Get("Location") + "/screenings"
	screen := func(severities ...int) *apptest.Response { // negative: protective
		t.Helper()
		factors := []body{{"factor": "structural.economy", "polarity": "neutral"}}
		for i, s := range severities {
			f := body{"factor": []string{"individual.resources", "household_family.family_size", "community.health_access", "individual.literacy"}[i], "polarity": "risk", "severity": s}
			if s < 0 {
				f["polarity"], f["severity"] = "protective", -s
			}
			factors = append(factors, f)
		}
		return h.Call(p, "POST", at, body{"factors": factors}).Want(201)
	}
	for _, c := range []struct {
		severities []int
		want       string
	}{{nil, "low"}, {[]int{2}, "low"}, {[]int{3}, "medium"}, {[]int{3, 2}, "medium"}, {[]int{3, 3}, "high"}, {[]int{3, 3, -1}, "medium"}, {[]int{3, -3}, "low"}} {
		if r := screen(c.severities...); r.Text("suggested_level") != c.want || r.Value("confirmed_level") != nil {
			t.Errorf("%v suggests %s, want %s", c.severities, r.Raw, c.want)
		}
	}
	policy(h, func(p *centre.Policy) { p.People.ScreeningMediumFrom, p.People.ScreeningHighFrom = 1, 2 })
	r := screen(2)
	if r.Text("suggested_level") != "high" || r.Text("factors", 0, "level") != "structural" {
		t.Errorf("by the centre's own weights: %s", r.Raw)
	}
	one := r.Header.Get("Location")
	h.Call(p, "POST", one+"/confirm", body{"risk_level": "extreme"}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid")
	confirmed := h.Call(p, "POST", one+"/confirm", body{"risk_level": "medium", "note": "Has friends here"}, apptest.IfMatch(`"1"`)).Want(200)
	if confirmed.Text("confirmed_level") != "medium" || confirmed.Text("suggested_level") != "high" || confirmed.Text("confirmed_by") != p.ID.String() {
		t.Errorf("confirmed %s", confirmed.Raw)
	}
	h.Call(p, "POST", one+"/confirm", body{"risk_level": "low"}, apptest.IfMatch(`"2"`)).WantCode(409, "state_conflict")
	var cases int
	h.Scan("select count(*) from cases", nil, &cases)
	if cases != 0 {
		t.Error("a screening opened a case")
	}
}

// rules 26, 37
func TestScreening_WithARestrictedFactorIsForTheCaseTeam(t *testing.T) {
	h := apptest.New(t)
	writer, member, colleague := h.Staff(h.CentreA, "registrar"), h.Staff(h.CentreA, "caseworker"), h.Staff(h.CentreA, "case_supervisor", "caseworker", "tenant_admin")
	person := register(h, writer, nil).ID()
	at := people(h) + "/" + person.String() + "/screenings"
	openCase(h, person, member)
	h.Call(writer, "POST", at, kinds["screenings"].create).Want(201)
	secret := body{"factors": []body{{"factor": "individual.sogi", "polarity": "risk", "severity": 3, "note": "told in confidence"}}}
	if got := found(h.Call(writer, "POST", at, secret).WantCode(422, "invalid")); got != "required /interpreter_used, required /interview_language" {
		t.Errorf("without its language: %s", got)
	}
	made := h.Call(writer, "POST", at, secret.with(body{"interview_language": "ff", "interpreter_used": false})).Want(201)
	if made.Text("sensitivity") != "restricted" {
		t.Errorf("recorded %s", made.Raw)
	}
	one := at + "/" + made.ID().String()
	nowhere := h.Call(colleague, "GET", at+"/"+uuid.NewString(), nil).WantCode(404, "not_found")
	for name, p := range map[string]apptest.Person{"writer": writer, "colleague": colleague} {
		if list := h.Call(p, "GET", at+"?include_total=true", nil).Want(200); list.Len("data") != 1 || list.Text("total") != "1" || strings.Contains(string(list.Raw), "sogi") {
			t.Errorf("%s reads %s", name, list.Raw)
		}
		if r := h.Call(p, "GET", one, nil).WantCode(404, "not_found"); r.Text("detail") != nowhere.Text("detail") {
			t.Errorf("%s learns that it exists: %s", name, r.Raw)
		}
		h.Call(p, "POST", one+"/confirm", body{"risk_level": "high"}, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
	}
	h.Call(member, "POST", one+"/confirm", body{"risk_level": "high"}, apptest.IfMatch(`"1"`)).Want(200)
	var told int
	h.Scan("select count(*) from events where subject_id = $1", []any{made.ID()}, &told)
	if told != 0 {
		t.Errorf("%d events tell of it", told)
	}
	h.Scan("select count(*) from audit_events where to_jsonb(audit_events)::text ~ 'sogi|told in confidence'", nil, &told)
	if told != 0 {
		t.Error("the trail tells what it was")
	}
}

func TestNeed_KeepsTheVersionOfItsCodeSystem(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	at := register(h, p, nil).Header.Get("Location") + "/needs"
	list, _ := codelist.Get("migrant_vulnerability")
	made := h.Call(p, "POST", at, need(nil)).Want(201)
	if made.Text("code_system_version") != list.Version {
		t.Errorf("recorded %s", made.Raw)
	}
	h.Exec("update specific_needs set code_system_version = 'older'")
	if r := h.Call(p, "PATCH", made.Header.Get("Location"), body{"confidence": "assessed"}, apptest.IfMatch(`"1"`)).Want(200); r.Text("code_system_version") != "older" {
		t.Errorf("a change took the code from another version: %s", r.Raw)
	}
}

func TestNeed_ReviewsAreListedAndRaisedOnTheirDay(t *testing.T) {
	h := apptest.New(t)
	p, member := h.Staff(h.CentreA, "registrar"), h.Staff(h.CentreA, "caseworker")
	person := register(h, p, nil)
	at := person.Header.Get("Location") + "/needs"
	openCase(h, person.ID(), member)
	due := h.Call(p, "POST", at, need(body{"review_on": "2026-03-01"})).Want(201)
	h.Call(p, "POST", at, need(body{"code": "vot", "review_on": "2026-03-02"})).Want(201)
	h.Call(p, "POST", at, need(body{"code_system": "specific_need_unhcr", "code": "CR-AF", "review_on": "2100-01-01"})).Want(201)
	h.Call(p, "POST", at, need(nil)).Want(201)
	ended := h.Call(p, "POST", at, need(body{"review_on": "2026-03-01"})).Want(201)
	h.Call(p, "POST", ended.Header.Get("Location")+"/end", body{}, apptest.IfMatch(`"1"`)).Want(200)
	list := "/v1/centres/" + h.CentreA.String() + "/needs"
	for query, want := range map[string]int{"": 2, "?review_to=2026-12-31": 1, "?code_system=specific_need_unhcr": 1, "?review_to=2026-02-28": 0} {
		if r := h.Call(p, "GET", list+query, nil).Want(200); r.Len("data") != want {
			t.Errorf("%q lists %s", query, r.Raw)
		}
	}
	if r := h.Call(member, "GET", list, nil).Want(200); r.Len("data") != 3 || r.Text("data", 0, "id") != due.ID().String() {
		t.Errorf("the case team reads %s", r.Raw)
	}
	h.Tick("beneficiary.need_reviews")
	h.Tick("beneficiary.need_reviews")
	tasks := h.Call(member, "GET", "/v1/centres/"+h.CentreA.String()+"/tasks?kind=need_review", nil).Want(200)
	if tasks.Len("data") != 1 || tasks.ID("data", 0, "resource_id") != due.ID() || tasks.ID("data", 0, "beneficiary_id") != person.ID() || tasks.Text("data", 0, "due_at") != "2026-02-28T23:00:00Z" {
		t.Errorf("raised %s", tasks.Raw)
	}
	h.Call(p, "PATCH", due.Header.Get("Location"), body{"review_on": "2026-04-01"}, apptest.IfMatch(`"1"`)).Want(200)
	h.Tick("beneficiary.need_reviews")
	if r := h.Call(member, "GET", "/v1/centres/"+h.CentreA.String()+"/tasks", nil).Want(200); r.Len("data") != 2 {
		t.Errorf("another day of review raises %s", r.Raw)
	}
	for day, want := range map[string]string{"0001-01-01": "impossible_date /review_on", "9999-12-31": "impossible_date /review_on", "2026-02-30": "wrong_format /review_on"} {
		if got := found(h.Call(p, "POST", at, need(body{"review_on": day})).WantCode(422, "invalid")); got != want {
			t.Errorf("%s: %s", day, got)
		}
	}
}
