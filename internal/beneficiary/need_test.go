package beneficiary_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/codelist"
)

func need(more body) body {
	return body{"code_system": "migrant_vulnerability", "code": "stranded", "confidence": "self_reported"}.with(more)
}

func TestSpecificNeed_Life(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	at := register(h, p, nil).Header.Get("Location") + "/needs"
	made := h.Call(p, "POST", at, need(body{"since": "2026-02-20", "note": "at the border"})).Want(201)
	one := made.Header.Get("Location")
	if one != at+"/"+made.ID().String() || made.Text("sensitivity") != "normal" || made.Text("identified_by") != p.ID.String() {
		t.Fatalf("%v %s", made.Header, made.Raw)
	}
	if got := h.Call(p, "GET", one, nil).Want(200); string(got.Raw) != string(made.Raw) {
		t.Errorf("create answered %s, read answers %s", made.Raw, got.Raw)
	}
	h.Call(p, "PATCH", one, body{"confidence": "assessed"}).WantCode(428, "if_match_required")
	changed := h.Call(p, "PATCH", one, body{"confidence": "assessed", "note": nil, "review_on": "2026-06-01"}, apptest.IfMatch(`"1"`)).Want(200)
	if changed.Text("confidence") != "assessed" || changed.Value("note") != nil || changed.Text("review_on") != "2026-06-01" {
		t.Errorf("patched %s", changed.Raw)
	}
	h.Call(p, "PATCH", one, body{"note": "x"}, apptest.IfMatch(`"1"`)).WantCode(412, "stale_version")
	for day, code := range map[string]string{"2026-02-19": "before_since", "2999-01-01": "in_the_future"} {
		r := h.Call(p, "POST", one+"/end", body{"ended_on": day}, apptest.IfMatch(`"2"`)).WantCode(422, "invalid")
		if r.Text("errors", 0, "code") != code {
			t.Errorf("%s: %s", day, r.Raw)
		}
	}
	ended := h.Call(p, "POST", one+"/end", body{}, apptest.IfMatch(`"2"`)).Want(200)
	if ended.Text("ended_on") == "" {
		t.Errorf("ended %s", ended.Raw)
	}
	h.Call(p, "POST", one+"/end", body{}, apptest.IfMatch(`"3"`)).WantCode(409, "state_conflict")
	h.Call(p, "PATCH", one, body{"note": "x"}, apptest.IfMatch(`"3"`)).WantCode(409, "state_conflict")
	for filter, want := range map[string]int{"": 1, "?active=true": 0, "?active=false": 1} {
		if n := h.Call(p, "GET", at+filter, nil).Want(200).Len("data"); n != want {
			t.Errorf("%q lists %d", filter, n)
		}
	}
	other := register(h, p, nil).Header.Get("Location") + "/needs/" + made.ID().String()
	h.Call(p, "GET", other, nil).WantCode(404, "not_found")
	h.Call(p, "PATCH", other, body{"note": "x"}, apptest.IfMatch(`"3"`)).WantCode(404, "not_found")
	h.Call(p, "POST", other+"/end", body{}, apptest.IfMatch(`"3"`)).WantCode(404, "not_found")
}

func TestSpecificNeed_RefusesBadInput(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	at := register(h, p, nil).Header.Get("Location")
	for name, c := range map[string]struct {
		more body
		want string
	}{
		"a code of the other list": {body{"code": "CR-AF"}, "unknown_code /code"},
		"no such code":             {body{"code_system": "specific_need_unhcr", "code": "XX"}, "unknown_code /code"},
		"no such list":             {body{"code_system": "sex", "code": "1"}, "unknown_value /code_system"},
		"from tomorrow":            {body{"since": "2999-01-01"}, "in_the_future /since"},
		"sensitivity of one's own": {body{"sensitivity": "normal"}, "unknown_field /sensitivity"},
		"NUL":                      {body{"note": "\x00"}, "invalid_text /note"},
	} {
		if got := found(h.Call(p, "POST", at+"/needs", need(c.more)).WantCode(422, "invalid")); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	h.Call(p, "POST", at+"/void", body{"reason": "x"}, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(p, "POST", at+"/needs", need(nil)).WantCode(409, "state_conflict")
	h.Call(h.Staff(h.CentreA, "centre_manager"), "GET", at+"/needs", nil).WantCode(403, "forbidden")
	h.Call(h.Staff(h.CentreA, "case_supervisor"), "POST", at+"/needs", need(nil)).WantCode(403, "forbidden")
}

// rule 26
func TestSpecificNeed_ARestrictedOneIsForTheCaseTeam(t *testing.T) {
	h := apptest.New(t)
	writer, member, colleague := h.Staff(h.CentreA, "registrar"), h.Staff(h.CentreA, "caseworker"), h.Staff(h.CentreA, "case_supervisor", "caseworker", "tenant_admin")
	person := register(h, writer, nil).ID()
	at := people(h) + "/" + person.String() + "/needs"
	openCase(h, person, member)
	h.Call(writer, "POST", at, need(nil)).Want(201)
	secret := h.Call(writer, "POST", at, need(body{"code": "vot", "note": "told in confidence"})).Want(201)
	if secret.Text("code") != "vot" || secret.Text("sensitivity") != "restricted" || secret.Text("note") != "told in confidence" {
		t.Errorf("the writer is answered %s", secret.Raw)
	}
	one := at + "/" + secret.ID().String()
	nowhere := h.Call(colleague, "GET", at+"/"+uuid.NewString(), nil).WantCode(404, "not_found")
	for name, p := range map[string]apptest.Person{"writer": writer, "colleague": colleague} {
		list := h.Call(p, "GET", at+"?include_total=true", nil).Want(200)
		if list.Len("data") != 1 || list.Text("total") != "1" || strings.Contains(string(list.Raw), "vot") {
			t.Errorf("%s reads %s", name, list.Raw)
		}
		if r := h.Call(p, "GET", one, nil).WantCode(404, "not_found"); r.Text("detail") != nowhere.Text("detail") {
			t.Errorf("%s learns that it exists: %s", name, r.Raw)
		}
		h.Call(p, "PATCH", one, body{"note": "x"}, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
		h.Call(p, "POST", one+"/end", body{}, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
	}
	if n := h.Call(member, "GET", at, nil).Want(200).Len("data"); n != 2 {
		t.Errorf("the case team reads %d", n)
	}
	h.Call(member, "GET", one, nil).Want(200)
	h.Call(member, "PATCH", one, body{"confidence": "assessed"}, apptest.IfMatch(`"1"`)).Want(200)
	h.Exec("update case_team set ended_at = now() where user_id = $1", member.ID)
	h.Call(member, "GET", one, nil).WantCode(404, "not_found")
	var told int
	h.Scan("select count(*) from events where subject_id = $1", []any{secret.ID()}, &told)
	if told != 0 {
		t.Errorf("%d events tell of it", told)
	}
	h.Scan("select count(*) from audit_events where to_jsonb(audit_events)::text like '%vot%' or to_jsonb(audit_events)::text like '%confidence%told%'", nil, &told)
	if told != 0 {
		t.Error("the trail tells what it was")
	}
}

func TestSpecificNeed_SensitivityComesWithTheCode(t *testing.T) {
	seen := map[string]int{}
	for _, system := range []string{"migrant_vulnerability", "specific_need_unhcr"} {
		l, _ := codelist.Get(system)
		for _, e := range l.Entries {
			n := beneficiary.SpecificNeed{CodeSystem: system, Code: e.Code}
			if err := n.Validate(nDate("2026-01-01")); err != nil {
				t.Errorf("%s %s: %v", system, e.Code, err)
			}
			seen[n.Sensitivity]++
		}
	}
	if len(seen) != 3 || seen["normal"]*seen["sensitive"]*seen["restricted"] == 0 {
		t.Errorf("sensitivities %v", seen)
	}
}
