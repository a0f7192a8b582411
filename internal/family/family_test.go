package family_test

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
)

type body map[string]any

func (b body) with(more body) body {
	out := maps.Clone(b)
	maps.Copy(out, more)
	return out
}

func people(h *apptest.House) string { return "/v1/centres/" + h.CentreA.String() + "/beneficiaries" }

// givenNames are unlike each other, so that nobody is taken for a duplicate of somebody else.
var givenNames = []string{"Fanta", "Ousmane", "Kadiatou", "Ibrahim", "Mariama", "Sékou", "Bintou", "Lansana", "Hawa", "Cheick", "Zeinab", "Yacouba"}

var registered atomic.Int32

// person registers somebody; more changes the registration.
func person(h *apptest.House, p apptest.Person, more body) (id uuid.UUID, at string) {
	h.T.Helper()
	r := h.Call(p, "POST", people(h), body{"registration_level": "basic", "reception_on": "2026-03-01", "given_name": givenNames[int(registered.Add(1))%len(givenNames)], "sex": "2", "population_type": "migrant",
		"basis": "vital_interest", "basis_reason": "alone"}.with(more)).Want(201)
	return r.ID(), r.Header.Get("Location")
}

func code(r *apptest.Response) string {
	return r.Text("errors", 0, "code") + " " + r.Text("errors", 0, "pointer")
}

func TestRelationship_ReadsFromBothEnds(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	child, from := person(h, p, body{"age": 9})
	mother, other := person(h, p, body{"age": 30})
	_, third := person(h, p, body{"age": 30})
	made := h.Call(p, "POST", from+"/relationships", body{"relative_id": mother, "kind": "parent", "care": "received", "primary_caregiver": true, "since": "2017-01-01"}).Want(201)
	id := "/relationships/" + made.ID().String()
	if got := h.Call(p, "GET", from+id, nil).Want(200); string(got.Raw) != string(made.Raw) || made.Header.Get("Location") != from+id {
		t.Errorf("create answered %s, read answers %s", made.Raw, got.Raw)
	}
	back := h.Call(p, "GET", other+id, nil).Want(200)
	if back.ID("beneficiary_id") != mother || back.ID("relative_id") != child || back.Text("kind") != "child" || back.Text("care") != "given" || back.Text("primary_caregiver") != "true" {
		t.Errorf("from the other end: %s", back.Raw)
	}
	if r := h.Call(p, "GET", other+"/relationships", nil).Want(200); r.Len("data") != 1 || r.Text("data", 0, "kind") != "child" {
		t.Errorf("her list: %s", r.Raw)
	}
	h.Call(p, "GET", third+id, nil).WantCode(404, "not_found")
	h.Call(p, "PATCH", third+id, body{"note": "x"}, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
	h.Call(p, "PATCH", other+id, body{"care": nil}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid")
	changed := h.Call(p, "PATCH", other+id, body{"care": "received", "primary_caregiver": false}, apptest.IfMatch(`"1"`)).Want(200)
	if changed.Text("care") != "received" || changed.Text("kind") != "child" || changed.ETag() != `"2"` {
		t.Errorf("changed from the other end: %s", changed.Raw)
	}
	if r := h.Call(p, "GET", from+id, nil).Want(200); r.Text("care") != "given" || r.Text("kind") != "parent" || r.ETag() != `"2"` {
		t.Errorf("seen from the child: %s", r.Raw)
	}
	if r := h.Call(p, "POST", other+id+"/verify", nil, apptest.IfMatch(`"2"`)).Want(200); r.Text("verified_by") != p.ID.String() {
		t.Errorf("verified: %s", r.Raw)
	}
	h.Call(p, "POST", from+id+"/verify", nil, apptest.IfMatch(`"3"`)).WantCode(409, "state_conflict")
	h.Call(p, "POST", from+id+"/end", body{"ended_on": "2016-12-31"}, apptest.IfMatch(`"3"`)).WantCode(422, "invalid")
	h.Call(p, "POST", from+id+"/end", body{"ended_on": "2999-01-01"}, apptest.IfMatch(`"3"`)).WantCode(422, "invalid")
	h.Call(p, "POST", from+id+"/end", body{}, apptest.IfMatch(`"3"`)).Want(200)
	h.Call(p, "POST", from+id+"/end", body{}, apptest.IfMatch(`"4"`)).WantCode(409, "state_conflict")
	h.Call(p, "PATCH", from+id, body{"note": "x"}, apptest.IfMatch(`"4"`)).WantCode(409, "state_conflict")
	for query, want := range map[string]int{"": 0, "?active=false": 1, "?active=false&voided=true": 0} {
		if n := h.Call(p, "GET", other+"/relationships"+query, nil).Want(200).Len("data"); n != want {
			t.Errorf("%q lists %d", query, n)
		}
	}
	h.Call(p, "POST", other+id+"/void", body{"reason": "x"}, apptest.IfMatch(`"4"`)).Want(200)
	h.Call(p, "POST", from+id+"/void", body{"reason": "x"}, apptest.IfMatch(`"5"`)).WantCode(409, "state_conflict")
}

func TestRelationship_RefusesWhatCannotBe(t *testing.T) {
	h := apptest.New(t)
	p, q := h.Staff(h.CentreA, "registrar"), h.Staff(h.CentreB, "registrar")
	a, atA := person(h, p, body{"age": 70})
	b, atB := person(h, p, body{"age": 40})
	c, atC := person(h, p, body{"age": 9})
	stranger := h.Call(q, "POST", "/v1/centres/"+h.CentreB.String()+"/beneficiaries", body{"registration_level": "basic", "reception_on": "2026-03-01", "sex": "2", "age": 30,
		"population_type": "migrant", "basis": "vital_interest", "basis_reason": "x"}).Want(201).ID()
	relate := func(at string, relative uuid.UUID, kind string, more body) *apptest.Response {
		return h.Call(p, "POST", at+"/relationships", body{"relative_id": relative, "kind": kind}.with(more))
	}
	if r := relate(atA, a, "sibling", nil).WantCode(422, "invalid"); code(r) != "self /relative_id" {
		t.Errorf("with oneself: %s", r.Raw)
	}
	if r := relate(atA, a, "parent", nil).WantCode(422, "invalid"); code(r) != "self /relative_id" {
		t.Errorf("one's own parent: %s", r.Raw)
	}
	for _, nobody := range []uuid.UUID{stranger, uuid.New()} {
		relate(atA, nobody, "sibling", nil).WantCode(404, "not_found")
	}
	relate(atA, b, "king", nil).WantCode(422, "invalid")
	relate(atA, b, "sibling", body{"since": "2999-01-01"}).WantCode(422, "invalid")
	relate(atA, b, "sibling", body{"primary_caregiver": true}).WantCode(422, "invalid")
	relate(atB, a, "parent", nil).Want(201) // a is b's parent
	relate(atC, b, "parent", body{"care": "received", "primary_caregiver": true}).Want(201)
	relate(atB, a, "parent", nil).WantCode(409, "already_related")
	relate(atA, b, "child", nil).WantCode(409, "already_related")
	relate(atC, a, "grandparent", body{"care": "received", "primary_caregiver": true}).WantCode(409, "primary_caregiver_taken")
	relate(atA, c, "grandchild", body{"care": "given", "primary_caregiver": true}).WantCode(409, "primary_caregiver_taken")
	if r := relate(atA, c, "parent", nil).WantCode(422, "invalid"); code(r) != "circle_of_parents /kind" {
		t.Errorf("a grandchild as parent: %s", r.Raw)
	}
	if r := relate(atC, a, "child", nil).WantCode(422, "invalid"); code(r) != "circle_of_parents /kind" {
		t.Errorf("the same from the other end: %s", r.Raw)
	}
	relate(atC, a, "grandparent", body{"care": "received"}).Want(201)
	h.Call(p, "POST", atB+"/void", body{"reason": "x"}, apptest.IfMatch(`"1"`)).Want(200)
	relate(atB, a, "cousin", nil).WantCode(409, "state_conflict")
	relate(atA, b, "cousin", nil).WantCode(409, "state_conflict")
	h.Call(h.Staff(h.CentreA, "storekeeper"), "GET", atA+"/relationships", nil).WantCode(403, "forbidden")
}

func TestRelationship_NoCircleClosesUnderParallelWriters(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	ids, ats := make([]uuid.UUID, 4), make([]string, 4)
	for i := range ids {
		ids[i], ats[i] = person(h, p, body{"age": 30})
	}
	statuses := apptest.AtOnce(len(ids), func(i int) *apptest.Response {
		return h.Call(p, "POST", ats[i]+"/relationships", body{"relative_id": ids[(i+1)%4], "kind": "parent"})
	})
	if !slices.Equal(statuses, []int{201, 201, 201, 422}) {
		t.Errorf("a circle of four: %v", statuses)
	}
}

func TestChild_OneIsCurrentAndTheRestIsHistory(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	id, at := person(h, p, body{"age": 9})
	aunt, _ := person(h, p, body{"age": 40})
	for kind, c := range map[string]struct{ first, next body }{
		"care-arrangements": {body{"arrangement": "none", "since": "2026-03-01"}, body{"arrangement": "kinship_care", "caregiver_id": aunt, "since": "2026-03-05"}},
		"separations":       {body{"status": "unaccompanied", "tracing_status": "open", "since": "2026-03-01"}, body{"status": "accompanied", "tracing_status": "reunified", "since": "2026-03-05"}},
	} {
		path := at + "/" + kind
		first := h.Call(p, "POST", path, c.first).Want(201)
		if r := h.Call(p, "POST", path, c.next.with(body{"since": "2026-02-01"})).WantCode(422, "invalid"); code(r) != "before_current /since" {
			t.Errorf("%s: %s", kind, r.Raw)
		}
		for day, want := range map[string]string{"2999-01-01": "in_the_future /since", "0001-01-01": "impossible_date /since"} {
			if r := h.Call(p, "POST", path, c.next.with(body{"since": day})).WantCode(422, "invalid"); code(r) != want {
				t.Errorf("%s %s: %s", kind, day, r.Raw)
			}
		}
		next := h.Call(p, "POST", path, c.next).Want(201)
		if got := h.Call(p, "GET", next.Header.Get("Location"), nil).Want(200); string(got.Raw) != string(next.Raw) {
			t.Errorf("%s: create answered %s, read answers %s", kind, next.Raw, got.Raw)
		}
		history := h.Call(p, "GET", path, nil).Want(200)
		if history.Len("data") != 2 || history.ID("data", 0, "id") != next.ID() || history.Value("data", 0, "ended_on") != nil || history.Text("data", 1, "ended_on") != "2026-03-05" {
			t.Errorf("%s: %s", kind, history.Raw)
		}
		h.Call(p, "POST", first.Header.Get("Location")+"/void", body{"reason": "x"}, apptest.IfMatch(`"1"`)).WantCode(412, "stale_version")
		h.Call(p, "POST", next.Header.Get("Location")+"/void", body{"reason": "x"}, apptest.IfMatch(`"1"`)).Want(200)
		if n := h.Call(p, "GET", path, nil).Want(200).Len("data"); n != 1 {
			t.Errorf("%s: %d after voiding one", kind, n)
		}
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() { h.Call(p, "POST", path, c.next).Want(201) })
		}
		wg.Wait()
		current := 0
		table := map[string]string{"care-arrangements": "care_arrangements", "separations": "separations"}[kind]
		h.Scan("select count(*) from "+table+" where beneficiary_id = $1 and ended_on is null and voided_at is null", []any{id}, &current)
		if current != 1 {
			t.Errorf("%s: %d are current", kind, current)
		}
		h.Call(h.Staff(h.CentreA, "centre_manager"), "GET", path, nil).WantCode(403, "forbidden")
	}
}

func TestChild_RefusesWhatBreaksARule(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	id, at := person(h, p, body{"age": 9})
	_, adult := person(h, p, body{"age": 40})
	_, ageless := person(h, p, body{"answers": body{"birth_date": "unknown"}})
	for name, c := range map[string]struct {
		path, want string
		send       body
	}{
		"arrangement that is none":   {"care-arrangements", "unknown_code /arrangement", body{"arrangement": "circus"}},
		"their own caregiver":        {"care-arrangements", "self /caregiver_id", body{"arrangement": "kinship_care", "caregiver_id": id}},
		"a caregiver nobody knows":   {"care-arrangements", "unknown_person /caregiver_id", body{"arrangement": "kinship_care", "caregiver_id": uuid.New()}},
		"against the caregiver":      {"care-arrangements", "best_interest_required /best_interest_note", body{"arrangement": "foster_care", "against_caregivers_will": true}},
		"traced though with parents": {"separations", "not_separated /tracing_status", body{"status": "accompanied", "tracing_status": "open"}},
		"a status that is none":      {"separations", "unknown_code /status", body{"status": "lost"}},
	} {
		if r := h.Call(p, "POST", at+"/"+c.path, c.send).WantCode(422, "invalid"); code(r) != c.want {
			t.Errorf("%s: %s", name, r.Raw)
		}
	}
	h.Call(p, "POST", at+"/care-arrangements", body{"arrangement": "foster_care", "against_caregivers_will": true, "best_interest_note": "He was beaten", "without_procedure_reason": "He fled tonight"}).Want(201)
	h.Call(p, "POST", adult+"/care-arrangements", body{"arrangement": "foster_care"}).WantCode(422, "not_a_child")
	h.Call(p, "POST", adult+"/separations", body{"status": "separated"}).WantCode(422, "not_a_child")
	h.Call(p, "POST", ageless+"/separations", body{"status": "separated"}).Want(201)
}

// open opens a case of a person with somebody on its team.
func open(h *apptest.House, person uuid.UUID, sensitivity string, owner apptest.Person) uuid.UUID {
	id := db.NewID()
	h.Exec(`insert into cases (centre_id, id, version, created_at, updated_at, number, beneficiary_id, status, risk_level, source, sensitivity, owner_id)
		values ($1, $2, 1, now(), now(), $3, $4, 'open', 'medium', 'walk_in', $5, $6)`, h.CentreA, id, id.String(), person, sensitivity, owner.ID)
	h.Exec(`insert into case_team (centre_id, id, version, created_at, updated_at, case_id, user_id, role) values ($1, $2, 1, now(), now(), $3, $4, 'owner')`, h.CentreA, db.NewID(), id, owner.ID)
	return id
}

func TestMajority_RaisesATaskBeforeAndOnTheDay(t *testing.T) {
	h := apptest.New(t)
	owner, supervisor := h.Staff(h.CentreA, "caseworker", "case_supervisor"), h.Staff(h.CentreA, "case_supervisor")
	desk := h.Staff(h.CentreA, "caseworker")
	zone, err := time.LoadLocation("Africa/Niamey")
	if err != nil {
		t.Fatal(err)
	}
	midnight := func(days int) time.Time {
		now := time.Now().In(zone)
		return time.Date(now.Year(), now.Month(), now.Day()+days, 0, 0, 0, 0, zone)
	}
	register := func(days int, registered string) uuid.UUID { // comes of age so many days from today
		id, _ := person(h, desk, body{"birth_date": midnight(days).AddDate(-18, 0, 0).Format(time.DateOnly)})
		h.Exec("update beneficiaries set registered_on = $2 where id = $1", id, registered)
		return id
	}
	kinds := func(p apptest.Person, about uuid.UUID) (list []string) {
		t.Helper()
		r := h.Call(p, "GET", fmt.Sprintf("/v1/centres/%s/tasks?beneficiary_id=%s&mine=true&sort=created_at", h.CentreA, about), nil).Want(200)
		for i := range r.Len("data") {
			list = append(list, r.Text("data", i, "kind"))
		}
		return list
	}
	early, soon, today, grown := register(120, "2026-03-01"), register(30, "2026-03-01"), register(0, "2026-03-01"), register(0, midnight(0).Format(time.DateOnly))
	cased, secret := register(0, "2026-03-01"), register(10, "2026-03-01")
	open(h, cased, "normal", owner)
	open(h, secret, "restricted", owner)
	for range 2 {
		h.Tick("family.majority")
	}
	for name, c := range map[string]struct {
		who   apptest.Person
		about uuid.UUID
		want  string
	}{
		"long before":                   {desk, early, "[]"},
		"within the notice":             {desk, soon, "[turning_18]"},
		"on the day":                    {desk, today, "[turning_18]"},
		"registered as of age":          {desk, grown, "[]"},
		"with a case: the supervisor":   {supervisor, cased, "[turning_18]"},
		"with a case: nobody else":      {desk, cased, "[]"},
		"with a case: its owner":        {owner, cased, "[turning_18 consent_renewal]"},
		"restricted: as if there is no": {desk, secret, "[turning_18]"},
		"restricted: not its reader":    {supervisor, secret, "[]"},
		"restricted: its team":          {owner, secret, "[turning_18 turning_18]"},
	} {
		if got := fmt.Sprint(kinds(c.who, c.about)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	r := h.Call(desk, "GET", fmt.Sprintf("/v1/centres/%s/tasks?beneficiary_id=%s", h.CentreA, soon), nil).Want(200)
	if at, err := time.Parse(time.RFC3339, r.Text("data", 0, "due_at")); err != nil || !at.Equal(midnight(30)) {
		t.Errorf("due %s, want %s", r.Text("data", 0, "due_at"), midnight(30))
	}
	h.Exec("update beneficiaries set birth_date = birth_date - 30 where id = $1", soon) // the day has come
	h.Tick("family.majority")
	if got := fmt.Sprint(kinds(desk, soon)); got != "[turning_18 turning_18]" {
		t.Errorf("before and on the day: %s", got)
	}
}

func TestMajority_EndsACareArrangement(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	child, at := person(h, p, body{"age": 9})
	younger, below := person(h, p, body{"age": 9, "given_name": "Issa", "family_name": "Moussa"})
	for _, path := range []string{at, below} {
		h.Call(p, "POST", path+"/care-arrangements", body{"arrangement": "kinship_care", "since": "2026-03-01"}).Want(201)
		h.Call(p, "POST", path+"/separations", body{"status": "separated", "since": "2026-03-01"}).Want(201)
	}
	turns := func(id uuid.UUID, on string) {
		h.Exec("update beneficiaries set birth_date = $2::date - interval '18 years', birth_date_precision = 'day' where id = $1", id, on)
	}
	turns(child, "2026-06-15")
	turns(younger, "2999-01-01")
	for range 2 {
		h.Tick("family.majority")
	}
	ended := h.Call(p, "GET", at+"/care-arrangements", nil).Want(200)
	if ended.Text("data", 0, "ended_on") != "2026-06-15" || ended.Text("data", 0, "version") != "2" {
		t.Errorf("of who came of age: %s", ended.Raw)
	}
	if still := h.Call(p, "GET", below+"/care-arrangements", nil).Want(200); still.Value("data", 0, "ended_on") != nil {
		t.Errorf("of a child: %s", still.Raw)
	}
	if apart := h.Call(p, "GET", at+"/separations", nil).Want(200); apart.Value("data", 0, "ended_on") != nil {
		t.Errorf("who is separated is still looked for: %s", apart.Raw)
	}
	turns(younger, "2026-01-05") // the birth date is corrected: they were of age when it began
	h.Tick("family.majority")
	if r := h.Call(p, "GET", below+"/care-arrangements", nil).Want(200); r.Text("data", 0, "ended_on") != "2026-03-01" {
		t.Errorf("ended before it began: %s", r.Raw)
	}
}

func TestCompleteness_TellsWhatIsMissingAndTheSOPRequiresIt(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	_, at := person(h, p, body{"age": 9})
	_, adult := person(h, p, body{"age": 40})
	missing := func(path, list string) (fields []string) {
		t.Helper()
		r := h.Call(p, "GET", path+"/completeness", nil).Want(200)
		for i := range r.Len(list) {
			fields = append(fields, r.Text(list, i, "required_by")+":"+r.Text(list, i, "field"))
		}
		return fields
	}
	if got := fmt.Sprint(missing(at, "missing")); got != "[child:caregiver child:separation_status child:care_arrangement]" {
		t.Errorf("of a child: %s", got)
	}
	if r := h.Call(p, "GET", adult+"/completeness", nil).Want(200); r.Text("complete") != "true" || r.Text("child") != "false" || r.Text("missing_for_full", 0, "field") != "nationalities" {
		t.Errorf("of an adult: %s", r.Raw)
	}
	h.Call(p, "POST", at+"/separations", body{"status": "separated"}).Want(201)
	h.Call(p, "POST", at+"/care-arrangements", body{"arrangement": "kinship_care"}).Want(201)
	if got := fmt.Sprint(missing(at, "missing")); got != "[child:caregiver]" {
		t.Errorf("without a caregiver: %s", got)
	}
	h.Call(p, "PATCH", at, body{"answers": body{"caregiver": "unknown"}}, apptest.IfMatch(`"1"`)).Want(200)
	if got := missing(at, "missing"); len(got) != 0 {
		t.Errorf("unknown is an answer: %v", got)
	}
	h.Exec(`insert into sops (centre_id, id, version, created_at, updated_at, number, title, status, policy, activated_by, activated_at)
		values ($1, $2, 1, now(), now(), 1, 'SOP', 'active', '{"registration": {"basic_requires": [], "full_requires": ["documents", "household", "caregiver"], "closed_in_phases": []}}', $3, now())`,
		h.CentreA, db.NewID(), h.Staff(h.CentreA, "tenant_admin").ID)
	if got := fmt.Sprint(missing(adult, "missing_for_full")); got != "[sop:documents sop:household]" { // a caregiver is asked of children
		t.Errorf("for a full registration: %s", got)
	}
	full := body{"registration_level": "full"}
	r := h.Call(p, "PATCH", adult, full, apptest.IfMatch(`"1"`)).WantCode(422, "invalid")
	if code(r) != "required_by_sop /documents" {
		t.Errorf("full too early: %s", r.Raw)
	}
	h.Call(p, "POST", adult+"/documents", body{"type": "passport", "number": "X1234"}).Want(201)
	h.Call(p, "PATCH", adult, full.with(body{"answers": body{"documents": "declined"}}), apptest.IfMatch(`"1"`)).WantCode(422, "invalid")
	h.Call(p, "PATCH", adult, full.with(body{"answers": body{"household": "declined"}}), apptest.IfMatch(`"1"`)).Want(200)
}
