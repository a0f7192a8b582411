package bundle_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

type body = map[string]any

func person(more body) body {
	b := body{"registration_level": "basic", "reception_on": "2026-03-01", "given_name": "Fanta", "sex": "2", "age": 31, "population_type": "migrant",
		"consent": body{"decision": "given", "giver": "individual", "method": "written"}}
	for k, v := range more {
		b[k] = v
	}
	return b
}

func entry(as, path string, b body) body {
	e := body{"path": path, "body": b}
	if as != "" {
		e["as"] = as
	}
	return e
}

// family is a person with consent, household and case.
func family() []any {
	return []any{
		entry("$mother", "/beneficiaries", person(nil)),
		entry("$son", "/beneficiaries", person(body{"given_name": "Ibrahim", "sex": "1", "age": 19})),
		entry("", "/beneficiaries/$mother/consents", body{"scope": "case_management", "decision": "given", "giver": "individual", "method": "written"}),
		entry("", "/beneficiaries/$mother/needs", body{"code_system": "migrant_vulnerability", "code": "stranded", "confidence": "self_reported"}),
		entry("$home", "/households", body{"members": []any{body{"beneficiary_id": "$mother", "relationship": "head"}}}),
		entry("", "/households/$home/members", body{"beneficiary_id": "$son", "relationship": "son"}),
		entry("$case", "/cases", body{"beneficiary_id": "$mother", "source": "walk_in"}),
	}
}

func bundles(h *apptest.House) string { return "/v1/centres/" + h.CentreA.String() + "/bundles" }

func send(h *apptest.House, p apptest.Person, entries []any, headers ...apptest.Header) *apptest.Response {
	h.T.Helper()
	return h.Call(p, "POST", bundles(h), body{"entries": entries}, headers...)
}

// people counts who is registered, in whatever state.
func people(h *apptest.House) (n int) {
	h.Scan("select (select count(*) from beneficiaries) + (select count(*) from households) + (select count(*) from cases)", nil, &n)
	return n
}

func TestBundle_CreatesAllWithTheirTies(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	r := send(h, p, family()).Want(200)
	mother, home := r.ID("entries", 0, "id"), r.ID("entries", 4, "id")
	if r.Len("entries") != 7 || r.Text("entries", 0, "as") != "$mother" || r.Text("entries", 0, "resource", "reference") != "AGZ-000001" || r.Text("entries", 6, "version") != "1" {
		t.Fatalf("created %s", r.Raw)
	}
	for i := range r.Len("entries") {
		if got := h.Call(p, "GET", r.Text("entries", i, "location"), nil).Want(200); got.ID() != r.ID("entries", i, "id") {
			t.Errorf("entry %d is not at %s", i, r.Text("entries", i, "location"))
		}
	}
	if kase := h.Call(p, "GET", r.Text("entries", 6, "location"), nil).Want(200); kase.ID("beneficiary_id") != mother {
		t.Errorf("the case is of %s", kase.Text("beneficiary_id"))
	}
	if household := h.Call(p, "GET", r.Text("entries", 4, "location"), nil).Want(200); household.ID("head_id") != mother || household.Text("size") != "2" || household.ID() != home {
		t.Errorf("the household is %s", household.Raw)
	}
}

func TestBundle_IsAllOrNothing(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	taken := h.Call(p, "POST", "/v1/centres/"+h.CentreA.String()+"/beneficiaries", person(nil)).Want(201).ID()
	before := people(h)
	for name, c := range map[string]struct {
		last    body
		status  int
		code    string
		pointer string
	}{
		"a rule of the last one":   {entry("", "/beneficiaries", person(body{"birth_date": "2026-05-01", "age": nil})), 422, "", ""},
		"refused consent":          {entry("", "/beneficiaries", person(body{"consent": body{"decision": "refused", "giver": "individual", "method": "written"}})), 422, "consent_refused", "/entries/7/body/consent/decision"},
		"an id that is taken":      {entry("", "/beneficiaries", person(body{"id": taken})), 409, "id_taken", "/entries/7/body/id"},
		"somebody who is not here": {entry("", "/beneficiaries/"+uuid.NewString()+"/consents", body{"scope": "case_management", "decision": "given", "giver": "individual", "method": "written"}), 404, "not_found", "/entries/7"},
		"a member twice":           {entry("", "/households", body{"members": []any{body{"beneficiary_id": "$mother", "relationship": "head"}}}), 409, "in_another_household", "/entries/7/body/beneficiary_id"},
	} {
		t.Run(name, func(t *testing.T) {
			defer h.For(t)()
			r := send(h, p, append(family(), c.last)).Want(c.status)
			if c.code != "" && (r.Text("errors", 0, "code") != c.code || r.Text("errors", 0, "pointer") != c.pointer) {
				t.Errorf("told %s", r.Raw)
			}
			if n := people(h); n != before {
				t.Errorf("%d rows were left behind", n-before)
			}
		})
	}
}

func TestBundle_TellsTheFaultsOfAllBodiesAtOnce(t *testing.T) {
	h := apptest.New(t)
	r := send(h, h.Staff(h.CentreA, "caseworker"), []any{
		entry("$a", "/beneficiaries", person(body{"sex": "7"})),
		entry("", "/beneficiaries/$a/consents", body{"scope": "case_management", "decision": "given", "giver": "individual"}),
		entry("", "/beneficiaries", person(body{"given_name": "A\x00B", "shoe_size": 44})),
	}).WantCode(422, "invalid")
	got := map[string]string{}
	for i := range r.Len("errors") {
		got[r.Text("errors", i, "pointer")] = r.Text("errors", i, "code")
	}
	if fmt.Sprint(got) != "map[/entries/2/body/given_name:invalid_text]" { // NUL is refused with the bundle itself
		t.Errorf("told %v", got)
	}
	r = send(h, h.Staff(h.CentreA, "caseworker"), []any{
		entry("$a", "/beneficiaries", person(body{"sex": "7"})),
		entry("", "/beneficiaries/$a/consents", body{"scope": "case_management", "decision": "given", "giver": "individual"}),
		entry("", "/beneficiaries", person(body{"shoe_size": 44})),
	}).WantCode(422, "invalid")
	clear(got)
	for i := range r.Len("errors") {
		got[r.Text("errors", i, "pointer")] = r.Text("errors", i, "code")
	}
	if fmt.Sprint(got) != "map[/entries/0/body/sex:unknown_code /entries/1/body/method:required /entries/2/body/shoe_size:unknown_field]" {
		t.Errorf("told %v", got)
	}
}

func TestBundle_NeedsTheScopeOfEveryEntry(t *testing.T) {
	h := apptest.New(t)
	registrar := h.Staff(h.CentreA, "registrar") // begins no cases
	r := send(h, registrar, family()).WantCode(403, "forbidden")
	if r.Text("errors", 0, "pointer") != "/entries/6" || people(h) != 0 {
		t.Errorf("%d rows; told %s", people(h), r.Raw)
	}
	send(h, registrar, family()[:6]).Want(200)
	send(h, h.Staff(h.CentreA, "case_supervisor"), family()[6:]).WantCode(403, "forbidden")
	send(h, h.Staff(h.CentreB, "caseworker"), family()).WantCode(404, "not_found")
}

func TestBundle_RefusesWhatNobodyCouldMean(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker", "centre_manager")
	many := make([]any, 101)
	for i := range many {
		many[i] = entry("", "/beneficiaries", person(nil))
	}
	for name, c := range map[string]struct {
		entries []any
		pointer string
		code    string
	}{
		"no entry":                 {[]any{}, "/entries", "too_few"},
		"too many":                 {many, "/entries", "too_many"},
		"an unknown name":          {[]any{entry("", "/beneficiaries/$nobody/consents", body{})}, "/entries/0/path", "unknown_name"},
		"a name that comes later":  {[]any{entry("", "/beneficiaries/$a/needs", body{}), entry("$a", "/beneficiaries", person(nil))}, "/entries/0/path", "unknown_name"},
		"a name twice":             {[]any{entry("$a", "/beneficiaries", person(nil)), entry("$a", "/beneficiaries", person(nil))}, "/entries/1/as", "repeated"},
		"what is not bundled":      {[]any{entry("", "/sops", body{"title": "SOP"})}, "/entries/0", "not_bundled"},
		"a path that is not there": {[]any{entry("", "/nowhere", body{})}, "/entries/0", "not_bundled"},
		"a way out of the centre":  {[]any{entry("", "/../"+h.CentreB.String()+"/beneficiaries", person(nil))}, "/entries/0/path", "wrong_format"},
		"a bundle in a bundle":     {[]any{entry("", "/bundles", body{"entries": []any{}})}, "/entries/0", "not_bundled"},
	} {
		t.Run(name, func(t *testing.T) {
			defer h.For(t)()
			if r := send(h, p, c.entries).Want(422); r.Text("errors", 0, "pointer") != c.pointer || r.Text("errors", 0, "code") != c.code {
				t.Errorf("told %s", r.Raw)
			}
		})
	}
	if people(h) != 0 {
		t.Error("something was left behind")
	}
}

func TestBundle_KeepsToTheCodesTheCentreUses(t *testing.T) {
	h := apptest.New(t)
	h.Exec(`insert into centre_codes (centre_id, id, version, created_at, updated_at, list, code, active) values ($1, gen_random_uuid(), 1, now(), now(), 'population_type', 'migrant', false)`, h.CentreA)
	if r := send(h, h.Staff(h.CentreA, "caseworker"), family()).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "inactive_code" || r.Text("errors", 0, "pointer") != "/entries/0/body/population_type" {
		t.Errorf("told %s", r.Raw)
	}
}

func TestBundle_ARepeatCreatesNothingMore(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	first := send(h, p, family(), apptest.Key("night-1")).Want(200)
	again := send(h, p, family(), apptest.Key("night-1")).Want(200)
	if string(first.Raw) != string(again.Raw) || people(h) != 4 {
		t.Errorf("%d rows", people(h))
	}
	send(h, p, family()[:1], apptest.Key("night-1")).WantCode(422, "idempotency_key_reused")
	whole := body{"id": uuid.NewString(), "entries": family()[:1]}
	one := h.Call(p, "POST", bundles(h), whole).Want(200)
	if two := h.Call(p, "POST", bundles(h), whole).Want(200); string(one.Raw) != string(two.Raw) {
		t.Error("a bundle of one id was created twice")
	}
}

// Devices that send at once wait for each other where they must and lose nothing.
func TestBundle_ManyAtOnce(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() { send(h, p, family()).Want(200) })
	}
	all.Wait()
	if n := people(h); n != 6*4 {
		t.Errorf("%d rows, want %d", n, 6*4)
	}
}
