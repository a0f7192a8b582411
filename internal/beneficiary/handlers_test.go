package beneficiary_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
)

// body is a JSON object, of which a test changes what it is about.
type body map[string]any

func (b body) with(more body) body {
	out := maps.Clone(b)
	for k, v := range more {
		if out[k] = v; v == nil {
			delete(out, k)
		}
	}
	return out
}

var written = body{"decision": "given", "giver": "individual", "method": "written"}

func basic() body {
	return body{"registration_level": "basic", "reception_on": "2026-03-01", "given_name": "Mamadou", "family_name": "Diallo", "sex": "1", "age": 27,
		"population_type": "migrant", "consent": written}
}

func people(h *apptest.House) string { return "/v1/centres/" + h.CentreA.String() + "/beneficiaries" }

func register(h *apptest.House, p apptest.Person, more body) *apptest.Response {
	h.T.Helper()
	return h.Call(p, "POST", people(h), basic().with(more)).Want(201)
}

func TestBeneficiary_Life(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	made := register(h, p, body{"other_names": []string{"مامادو ديالو", "Mamadu 😀"}, "nationalities": []string{"GIN", "SEN"}, "answers": body{"phone": "declined"},
		"remarks": "tab\t quote\" back\\slash <b>&amp; \u2028 line", "migration_reasons": []string{"economic", "family"}, "interpreter_used": false, "gender_identity": "woman"})
	at := made.Header.Get("Location")
	if made.ETag() != `"1"` || at != people(h)+"/"+made.ID().String() || made.Text("reference") != "AGZ-000001" || made.Text("basis") != "consent" {
		t.Fatalf("%v %s", made.Header, made.Raw)
	}
	if made.Text("birth_date") != "1999-03-01" || made.Text("birth_date_precision") != "estimated" || made.Text("other_names", 1) != "Mamadu 😀" {
		t.Errorf("registered %s", made.Raw)
	}
	got := h.Call(p, "GET", at, nil).Want(200)
	if string(got.Raw) != string(made.Raw) {
		t.Errorf("create answered %s, read answers %s", made.Raw, got.Raw)
	}
	h.Call(p, "PATCH", at, body{"phone": "+227 90 12 34 56"}).WantCode(428, "if_match_required")
	changed := h.Call(p, "PATCH", at, body{"phone": "+227 90 12 34 56", "family_name": nil, "birth_date": "1999-05-17", "birth_date_precision": "month", "answers": body{"education_level": "unknown"}}, apptest.IfMatch(`"1"`)).Want(200)
	if changed.Text("phone") == "" || changed.Value("family_name") != nil || changed.Value("answers", "phone") != nil || changed.Text("answers", "education_level") != "unknown" || changed.Text("birth_date") != "1999-05-01" {
		t.Errorf("patched: %s", changed.Raw)
	}
	h.Call(p, "PATCH", at, body{"phone": "1"}, apptest.IfMatch(`"1"`)).WantCode(412, "stale_version")
	back := h.Call(p, "PATCH", at, body{"answers": body{"education_level": nil}}, apptest.IfMatch(`"2"`)).Want(200)
	if back.Value("answers") != nil {
		t.Errorf("an answer taken back: %s", back.Raw)
	}
	if r := h.Call(p, "PATCH", at, body{"registered_on": "0001-01-01"}, apptest.IfMatch(`"3"`)).WantCode(422, "invalid"); found(r) != "impossible_date /registered_on" {
		t.Errorf("registered in the year 1: %s", r.Raw)
	}
	void := h.Call(p, "POST", at+"/void", body{"reason": "twice"}, apptest.IfMatch(`"3"`)).Want(200)
	if void.Text("status") != "void" || void.Text("void_reason") != "twice" {
		t.Errorf("voided: %s", void.Raw)
	}
	h.Call(p, "POST", at+"/void", body{"reason": "twice"}, apptest.IfMatch(`"4"`)).WantCode(409, "state_conflict")
	h.Call(p, "PATCH", at, body{"phone": "1"}, apptest.IfMatch(`"4"`)).WantCode(409, "state_conflict")
	h.Call(p, "GET", at, nil).Want(200)
	if n := h.Call(p, "GET", people(h), nil).Want(200).Len("data"); n != 0 {
		t.Errorf("%d void records in the list", n)
	}
	if n := h.Call(p, "GET", people(h)+"?status=void", nil).Want(200).Len("data"); n != 1 {
		t.Errorf("%d void records where they were asked for", n)
	}
}

func TestBeneficiary_VoidWaitsForWhatHangsOnIt(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	id := register(h, p, nil).ID()
	at := people(h) + "/" + id.String() + "/void"
	caseID := openCase(h, id, apptest.Person{})
	h.Call(p, "POST", at, body{"reason": "x"}, apptest.IfMatch(`"1"`)).WantCode(422, "has_dependents")
	h.Exec("update cases set status = 'closed' where id = $1", caseID)
	h.Call(p, "POST", households(h), body{"members": []body{{"beneficiary_id": id, "relationship": "head"}}}).Want(201)
	h.Call(p, "POST", at, body{"reason": "x"}, apptest.IfMatch(`"1"`)).WantCode(422, "has_dependents")
}

// rule 26
func TestBeneficiary_VoidTellsNothingOfACaseThatIsKeptFromTheCaller(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar", "caseworker")
	refusal := func(arrange func(id uuid.UUID)) string {
		id := register(h, p, body{"given_name": uuid.NewString()}).ID()
		arrange(id)
		var doc map[string]any
		if err := json.Unmarshal(h.Call(p, "POST", people(h)+"/"+id.String()+"/void", body{"reason": "x"}, apptest.IfMatch(`"1"`)).WantCode(422, "has_dependents").Raw, &doc); err != nil {
			t.Fatal(err)
		}
		delete(doc, "instance")
		return fmt.Sprint(doc)
	}
	file := func(id uuid.UUID) uuid.UUID { return openCase(h, id, h.Staff(h.CentreA, "caseworker")) }
	normal := refusal(func(id uuid.UUID) { file(id) })
	for name, arrange := range map[string]func(uuid.UUID){
		"restricted": func(id uuid.UUID) { h.Exec("update cases set sensitivity = 'restricted' where id = $1", file(id)) },
		"walled": func(id uuid.UUID) {
			h.Exec("insert into case_walls (centre_id, id, version, created_at, updated_at, case_id, user_id, reason) values ($1, gen_random_uuid(), 1, now(), now(), $2, $3, 'x')", h.CentreA, file(id), p.ID)
		},
		"a household": func(id uuid.UUID) {
			h.Call(p, "POST", households(h), body{"members": []body{{"beneficiary_id": id, "relationship": "head"}}}).Want(201)
		},
		"a visit": func(id uuid.UUID) {
			h.Call(h.Staff(h.CentreA, "registrar", "centre_manager"), "POST", "/v1/centres/"+h.CentreA.String()+"/visits", body{"beneficiary_id": id, "arrived_at": "2026-03-01T06:00:00Z", "access_mode": "always_open"}).Want(201)
		},
	} {
		if got := refusal(arrange); got != normal {
			t.Errorf("%s: refused with %s, otherwise with %s", name, got, normal)
		}
	}
}

// openCase opens a case of a person; team is a member of its team, or nobody.
func openCase(h *apptest.House, person uuid.UUID, team apptest.Person) uuid.UUID {
	id := db.NewID()
	h.Exec(`insert into cases (centre_id, id, version, created_at, updated_at, number, beneficiary_id, status, risk_level, source)
		values ($1, $2, 1, now(), now(), $3, $4, 'open', 'medium', 'walk_in')`, h.CentreA, id, id.String(), person)
	if team.ID != uuid.Nil {
		h.Exec(`insert into case_team (centre_id, id, version, created_at, updated_at, case_id, user_id, role)
			values ($1, $2, 1, now(), now(), $3, $4, 'member')`, h.CentreA, db.NewID(), id, team.ID)
	}
	return id
}

func TestRegistration_RefusesWhatBreaksARule(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	refused := written.with(body{"decision": "refused"})
	child := body{"age": 12}
	for name, c := range map[string]struct {
		more     body
		pointers string // code at pointer, in order of the pointers
	}{
		// rule 1
		"neither consent nor basis":  {body{"consent": nil}, "consent_or_basis_required /consent"},
		"consent refused":            {body{"consent": refused}, "consent_refused /consent/decision"},
		"refused, basis consent":     {body{"consent": refused, "basis": "consent"}, "consent_refused /consent/decision"},
		"basis without a reason":     {body{"consent": nil, "basis": "vital_interest"}, "required /basis_reason"},
		"basis consent without one":  {body{"consent": nil, "basis": "consent"}, "required /consent"},
		"best interests of an adult": {body{"consent": nil, "basis": "best_interests_child", "basis_reason": "x"}, "not_a_child /basis"},
		"withdrawn at registration":  {body{"consent": written.with(body{"decision": "withdrawn"})}, "unknown_value /consent/decision"},
		// rule 2
		"verbal without certifier": {body{"consent": written.with(body{"method": "verbal_certified"})}, "required /consent/certified_at, required /consent/certified_by"},
		"certified in the future": {body{"consent": written.with(body{"method": "verbal_certified", "certified_by": "A", "certified_at": "2999-01-01T00:00:00Z"})},
			"in_the_future /consent/certified_at"},
		"given in the future":          {body{"consent": written.with(body{"given_at": "2999-01-01T00:00:00Z"})}, "in_the_future /consent/given_at"},
		"over before it was given":     {body{"consent": written.with(body{"valid_until": "2020-01-01"})}, "before_decision /consent/valid_until"},
		"child consents alone":         {child, "child_needs_caregiver /consent/giver"},
		"child of 17 by year of birth": {body{"age": nil, "birth_date": "2008-01-01", "birth_date_precision": "year"}, "child_needs_caregiver /consent/giver"},
		"child with an odd basis":      {body{"age": 12, "consent": nil, "basis": "contract", "basis_reason": "x"}, "child_basis /basis"},
		"assent alone":                 {child.with(body{"consent": written.with(body{"giver": "assent_child"})}), "assent_is_not_consent /consent/giver"},
		"assent that is none":          {child.with(body{"consent": written.with(body{"giver": "guardian"}), "assent": written.with(body{"giver": "caregiver"})}), "not_assent /assent/giver"},
		"assent of an adult":           {body{"assent": written.with(body{"giver": "assent_child"})}, "not_a_child /assent/giver"},

		"neither age nor birth date":  {body{"age": nil}, "required /birth_date"},
		"age and birth date":          {body{"birth_date": "1999-01-01"}, "age_and_birth_date /age"},
		"precision without a date":    {body{"age": nil, "birth_date_precision": "year", "answers": body{"birth_date": "unknown"}}, "without_birth_date /birth_date_precision"},
		"born after reception":        {body{"age": nil, "birth_date": "2026-03-02", "consent": written.with(body{"giver": "caregiver"})}, "in_the_future /birth_date"},
		"130 years old":               {body{"age": nil, "birth_date": "1896-03-01"}, "impossible_date /birth_date"},
		"a day that never was":        {body{"age": nil, "birth_date": "1999-02-30"}, "wrong_format /birth_date"},
		"age of 121":                  {body{"age": 121}, "too_large /age"},
		"received in the future":      {body{"reception_on": "2999-01-01"}, "in_the_future /reception_on"},
		"received before 1900":        {body{"reception_on": "0001-01-01"}, "impossible_date /reception_on"},
		"registered in the future":    {body{"registered_on": "2999-01-01"}, "in_the_future /registered_on"},
		"registered before 1900":      {body{"registered_on": "0001-01-02"}, "impossible_date /registered_on"},
		"born in the year 1":          {body{"age": nil, "birth_date": "0001-01-01"}, "impossible_date /birth_date"},
		"born in 9999":                {body{"age": nil, "birth_date": "9999-12-31", "consent": written.with(body{"giver": "caregiver"})}, "in_the_future /birth_date"},
		"29 February of no leap year": {body{"age": nil, "birth_date": "1999-02-29"}, "wrong_format /birth_date"},
		"no such question":            {body{"answers": body{"shoe_size": "unknown"}}, "unknown_field /answers/shoe_size"},
		"value and answer":            {body{"phone": "1", "answers": body{"phone": "declined"}}, "answered_twice /answers/phone"},
		"no such answer":              {body{"answers": body{"phone": "perhaps"}}, "unknown_value /answers/phone"},
		"unknown code":                {body{"sex": "7"}, "unknown_code /sex"},
		"NUL":                         {body{"family_name": "a\x00b"}, "invalid_text /family_name"},
		"name too long":               {body{"family_name": strings.Repeat("x", 201)}, "too_long /family_name"},
		"unknown country":             {body{"nationalities": []string{"GIN", "XQX"}}, "unknown_code /nationalities/1"},
		"a country twice":             {body{"nationalities": []string{"GIN", "GIN"}}, "repeated /nationalities"},
		"unknown field":               {body{"status": "merged"}, "unknown_field /status"},
		"full with nothing": {body{"registration_level": "full"}, "required_by_sop /country_of_origin, required_by_sop /education_level, required_by_sop /languages, " +
			"required_by_sop /marital_status, required_by_sop /migration_status, required_by_sop /nationalities"},
	} {
		t.Run(name, func(t *testing.T) {
			r := h.Call(p, "POST", people(h), basic().with(c.more)).WantCode(422, "invalid")
			if got := found(r); got != c.pointers {
				t.Errorf("got %s\nwant %s", got, c.pointers)
			}
		})
	}
	h.Call(p, "POST", people(h), `{"given_name":"`+strings.Repeat("x", 10<<20)+`"}`).WantCode(413, "body_too_large")
	if !strings.Contains(h.Call(p, "POST", people(h), basic().with(body{"consent": refused})).Text("errors", 0, "detail"), "anonymous service contact") {
		t.Error("a refusal does not say what may be recorded instead")
	}
	var n int
	h.Scan("select count(*) from beneficiaries", nil, &n)
	if n != 0 {
		t.Errorf("%d people registered all the same", n)
	}
}

// found lists a problem's errors as "code pointer", sorted.
func found(r *apptest.Response) string {
	var all []string
	for i := range r.Len("errors") {
		all = append(all, r.Text("errors", i, "code")+" "+r.Text("errors", i, "pointer"))
	}
	slices.SortStableFunc(all, func(a, b string) int {
		return strings.Compare(a[strings.Index(a, "/"):], b[strings.Index(b, "/"):])
	})
	return strings.Join(all, ", ")
}

func TestRegistration_TakesPeopleAsTheyCome(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	caregiver := written.with(body{"giver": "caregiver", "giver_name": "Aunt"})
	for name, more := range map[string]body{
		"without a name":             {"given_name": nil, "family_name": nil},
		"one name":                   {"given_name": nil, "family_name": "Awa"},
		"Arabic":                     {"given_name": "محمد", "family_name": "ولد أحمد"},
		"emoji and marks":            {"given_name": "Zo\u0308e\u0301 \u200f😀\u202e", "family_name": "=1+1"},
		"age unknown":                {"age": nil, "answers": body{"birth_date": "unknown", "given_name": "declined"}, "given_name": nil},
		"newborn":                    {"age": 0, "consent": caregiver},
		"born on the day":            {"age": nil, "birth_date": "2026-03-01", "consent": caregiver},
		"child and assent":           {"age": 15, "consent": caregiver, "assent": written.with(body{"giver": "assent_child"})},
		"child in its best interest": {"age": 9, "consent": nil, "basis": "best_interests_child", "basis_reason": "unaccompanied, no caregiver here"},
		"vital interest":             {"consent": nil, "basis": "vital_interest", "basis_reason": "unconscious on arrival"},
		"refused, vital interest":    {"consent": written.with(body{"decision": "refused"}), "basis": "vital_interest", "basis_reason": "dehydrated"},
		"consent and a basis":        {"basis": "public_interest_mandate", "basis_reason": "mandate"},
		"verbal, certified":          {"consent": written.with(body{"method": "verbal_certified", "certified_by": "A. Moussa", "certified_at": "2026-03-01T10:00:00Z"})},
		"of 18 today":                {"age": nil, "birth_date": "2008-03-01", "reception_on": "2026-03-01"},
		"on paper long ago":          {"reception_on": "2018-06-01", "registered_on": "2018-06-02"},
		"sex not stated":             {"sex": "9"},
		"full":                       {"registration_level": "full", "nationalities": []string{"MLI"}, "country_of_origin": "MLI", "languages": []string{"bm"}, "marital_status": "MA", "answers": body{"education_level": "unknown", "migration_status": "declined"}},
		"stateless, many languages":  {"nationalities": []string{}, "population_type": "stateless", "languages": []string{"ff", "ha", "ar-LY", "zgh"}},
	} {
		t.Run(name, func(t *testing.T) {
			made := register(h, p, more)
			got := h.Call(p, "GET", made.Header.Get("Location"), nil).Want(200)
			if string(got.Raw) != string(made.Raw) {
				t.Errorf("create answered %s, read answers %s", made.Raw, got.Raw)
			}
			for _, field := range []string{"given_name", "family_name"} {
				if sent, ok := basic().with(more)[field]; ok && made.Text(field) != sent {
					t.Errorf("%s was %q, is %q", field, sent, made.Text(field))
				}
			}
		})
	}
	var consents, assents int
	h.Scan("select count(*), count(*) filter (where giver = 'assent_child') from consents", nil, &consents, &assents)
	if consents != 17 || assents != 1 {
		t.Errorf("%d consents, %d assents", consents, assents)
	}
}

func TestRegistration_TheSOPSaysWhatIsRequired(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	h.Exec(`insert into sops (centre_id, id, version, created_at, updated_at, number, title, status, policy) values ($1, $2, 1, now(), now(), 1, 'x', 'active',
		'{"registration": {"basic_requires": ["phone"], "full_requires": ["languages"]}}')`, h.CentreA, db.NewID())
	r := h.Call(p, "POST", people(h), basic()).WantCode(422, "invalid")
	if found(r) != "required_by_sop /phone" {
		t.Errorf("basic: %s", found(r))
	}
	made := register(h, p, body{"answers": body{"phone": "declined"}})
	at := made.Header.Get("Location")
	r = h.Call(p, "PATCH", at, body{"registration_level": "full"}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid")
	if found(r) != "required_by_sop /languages" {
		t.Errorf("full: %s", found(r))
	}
	h.Call(p, "PATCH", at, body{"registration_level": "full", "languages": []string{"ha"}}, apptest.IfMatch(`"1"`)).Want(200)
	r = h.Call(p, "PATCH", at, body{"registration_level": "basic"}, apptest.IfMatch(`"2"`)).WantCode(422, "invalid")
	if found(r) != "level_only_rises /registration_level" {
		t.Errorf("down: %s", found(r))
	}
}

// rule 31
func TestRegistration_EndsInPhaseOutAndRecordsStayTrue(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	at := register(h, p, nil).Header.Get("Location")
	h.Exec("update centres set phase = 'phase_out' where id = $1", h.CentreA)
	r := h.Call(p, "POST", people(h), basic()).WantCode(409, "state_conflict")
	if r.Text("current_state") != "phase_out" {
		t.Errorf("state %s", r.Raw)
	}
	h.Call(p, "PATCH", at, body{"phone": "1234567"}, apptest.IfMatch(`"1"`)).Want(200)
}

// rule 33
func TestRegistration_ARepeatedOneRegistersOnce(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	id := db.NewID()
	first := h.Call(p, "POST", people(h), basic().with(body{"id": id})).Want(201)
	if again := h.Call(p, "POST", people(h), basic().with(body{"id": id})).Want(201); string(again.Raw) != string(first.Raw) {
		t.Errorf("%s, then %s", first.Raw, again.Raw)
	}
	h.Call(p, "POST", people(h), basic().with(body{"id": id, "age": 40})).WantCode(409, "id_taken")
	other := h.Staff(h.CentreA, "registrar")
	h.Call(other, "POST", people(h), basic().with(body{"id": id})).WantCode(409, "id_taken")
	keyed := h.Call(p, "POST", people(h), basic(), apptest.Key("k")).Want(201)
	if again := h.Call(p, "POST", people(h), basic(), apptest.Key("k")).Want(201); again.ID() != keyed.ID() {
		t.Error("the key made two people")
	}
	h.Call(p, "POST", people(h), basic().with(body{"age": 41}), apptest.Key("k")).WantCode(422, "idempotency_key_reused")
}

func TestRegistration_ReferencesAreUniqueUnderParallelRegistration(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	q := h.Staff(h.CentreB, "registrar")
	there := "/v1/centres/" + h.CentreB.String() + "/beneficiaries"
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[string]int{}
	for i := range 8 {
		wg.Go(func() {
			for range 15 {
				r := h.Call(p, "POST", people(h), basic())
				if i%4 == 0 {
					r = h.Call(q, "POST", there, basic())
				}
				mu.Lock()
				seen[r.Text("reference")]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for reference, n := range seen {
		if n != 1 || reference == "" {
			t.Errorf("%d people are %q", n, reference)
		}
	}
	var last string
	h.Scan("select max(reference) from beneficiaries where centre_id = $1", []any{h.CentreB}, &last)
	if last != "ARL-000030" {
		t.Errorf("the last of the other centre is %s", last)
	}
}

func TestReferences_AreNeverGivenOutAgain(t *testing.T) {
	h := apptest.New(t)
	scope := db.Scope{Centres: []uuid.UUID{h.CentreA}, ActorID: uuid.New(), ActorKind: "user"}
	back := fmt.Errorf("back")
	one := func(ctx context.Context) (string, error) {
		age := 30
		b, err := beneficiary.Register(ctx, beneficiary.Registration{Age: &age, Person: beneficiary.Beneficiary{
			RegistrationLevel: "basic", ReceptionOn: db.NewDate(db.Now()), Sex: "2", PopulationType: "migrant", Source: "api",
		}, Consent: &beneficiary.Consent{Decision: "given", Giver: "individual", Method: "written"}})
		if err != nil {
			return "", err
		}
		return b.Reference, nil
	}
	var first, second string
	err := h.App.DB.InTx(context.Background(), scope, func(ctx context.Context) (err error) {
		if first, err = one(ctx); err == nil {
			err = back
		}
		return err
	})
	if err != back {
		t.Fatal(err)
	}
	if err := h.App.DB.InTx(context.Background(), scope, func(ctx context.Context) (err error) { second, err = one(ctx); return err }); err != nil {
		t.Fatal(err)
	}
	if first != "AGZ-000001" || second != "AGZ-000002" {
		t.Errorf("%s was rolled back, then %s", first, second)
	}
	h.Exec("select setval('numbering.beneficiary_" + strings.ReplaceAll(h.CentreA.String(), "-", "") + "', 1234567)")
	if err := h.App.DB.InTx(context.Background(), scope, func(ctx context.Context) (err error) { second, err = one(ctx); return err }); err != nil || second != "AGZ-1234568" {
		t.Errorf("past a million: %s %v", second, err)
	}
	err = h.App.DB.InTx(context.Background(), scope, func(ctx context.Context) error {
		return db.Tx(ctx).Exec("select next_reference(?, 'beneficiary')", h.CentreB).Error
	})
	if err == nil {
		t.Error("a centre counts for another")
	}
}

// rule 25
func TestBeneficiaries_OtherCentresAreNotThere(t *testing.T) {
	h := apptest.New(t)
	p, stranger := h.Staff(h.CentreA, "registrar"), h.Staff(h.CentreB, "registrar", "caseworker")
	id := register(h, p, nil).ID()
	there := "/v1/centres/" + h.CentreB.String() + "/beneficiaries/" + id.String()
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"GET", "", nil}, {"PATCH", "", body{"phone": "1"}}, {"POST", "/void", body{"reason": "x"}},
		{"GET", "/needs", nil}, {"POST", "/needs", body{"code_system": "migrant_vulnerability", "code": "stranded", "confidence": "observed"}},
		{"GET", "/consents", nil}, {"GET", "/consents/effective", nil}, {"POST", "/consents", body{"scope": "tracing", "decision": "given", "giver": "individual", "method": "written"}},
	} {
		r := h.Call(stranger, c.method, there+c.path, c.body, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
		nobody := h.Call(stranger, c.method, "/v1/centres/"+h.CentreB.String()+"/beneficiaries/"+uuid.NewString()+c.path, c.body, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
		if r.Text("detail") != nobody.Text("detail") {
			t.Errorf("%s %s tells more", c.method, c.path)
		}
	}
	if n := h.Call(stranger, "GET", "/v1/centres/"+h.CentreB.String()+"/beneficiaries?q=Diallo", nil).Want(200).Len("data"); n != 0 {
		t.Errorf("%d found across centres", n)
	}
	got := h.Call(p, "GET", people(h)+"/"+id.String(), nil).Want(200)
	if got.ETag() != `"1"` {
		t.Error("somebody changed it")
	}
}

func TestBeneficiaries_AreForThoseWhoNeedThem(t *testing.T) {
	h := apptest.New(t)
	h.Call(apptest.Person{}, "GET", people(h), nil).Want(401)
	for role, want := range map[string][2]int{
		"registrar": {200, 201}, "caseworker": {200, 201}, "case_supervisor": {200, 403}, "health_worker": {200, 403}, "centre_manager": {200, 403},
		"dpo": {403, 403}, "me_analyst": {403, 403}, "auditor": {403, 403}, "tenant_admin": {403, 403}, "storekeeper": {403, 403},
	} {
		p := h.Staff(h.CentreA, role)
		if r := h.Call(p, "GET", people(h), nil); r.Status != want[0] {
			t.Errorf("%s reads: %d", role, r.Status)
		}
		if r := h.Call(p, "POST", people(h), basic()); r.Status != want[1] {
			t.Errorf("%s registers: %d", role, r.Status)
		}
	}
	for _, role := range []string{"network_officer", "platform_operator"} {
		h.Call(h.Network(role), "GET", people(h), nil).WantCode(403, "forbidden")
	}
	h.Call(h.Client(h.IOM, "partner:referrals", "stats:read"), "GET", people(h), nil).WantCode(403, "forbidden")
}

func TestBeneficiaries_ListSortsFiltersAndPages(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	for i, name := range []string{"Éric", "Awa", "Zara", "", "Awa"} {
		register(h, p, body{"family_name": name, "registered_on": fmt.Sprintf("2026-03-%02d", 10+i%3), "sex": []string{"1", "2"}[i%2], "nationalities": []string{"GIN", []string{"MLI", "NER"}[i%2]}})
	}
	for _, sort := range []string{"created_at", "registered_on", "reference", "family_name"} {
		for _, sign := range []string{"", "-"} {
			seen := map[uuid.UUID]bool{}
			path := people(h) + "?limit=2&include_total=true&sort=" + sign + sort
			for path != "" {
				page := h.Call(p, "GET", path, nil).Want(200)
				for i := range page.Len("data") {
					seen[page.ID("data", i, "id")] = true
				}
				if page.Text("total") != "5" {
					t.Fatalf("total %s", page.Text("total"))
				}
				next := page.Text("next_cursor")
				if path = ""; next != "" {
					path = people(h) + "?limit=2&include_total=true&cursor=" + url.QueryEscape(next)
				}
			}
			if len(seen) != 5 {
				t.Errorf("sort %s%s: %d of 5", sign, sort, len(seen))
			}
		}
	}
	for filter, want := range map[string]int{
		"registered_from=2026-03-11": 3, "registered_to=2026-03-11": 4, "registered_from=2026-03-11&registered_to=2026-03-11": 2, "sex=2": 2, "nationality=GIN": 5,
		"nationality=NER": 2, "population_type=idp": 0, "registration_level=basic": 5, "status=merged": 0, "reception_from=2026-03-02": 0, "reception_to=2026-03-01": 5, "country_of_origin=MLI": 0,
	} {
		if n := h.Call(p, "GET", people(h)+"?"+filter, nil).Want(200).Len("data"); n != want {
			t.Errorf("%s: %d, want %d", filter, n, want)
		}
	}
	some := h.Call(p, "GET", people(h)+"?limit=2", nil).Want(200)
	asked := some.Text("data", 0, "id") + "," + some.Text("data", 1, "id") + "," + uuid.NewString()
	if named := h.Call(p, "GET", people(h)+"?id="+asked, nil).Want(200); named.Len("data") != 2 || named.ID("data", 0, "id") != some.ID("data", 0, "id") {
		t.Errorf("two people here and a stranger, by id: %s", named.Raw)
	}
	for _, bad := range []string{"id=", "id=7", "q=ab", "sex=5", "colour=red", "sort=phone", "cursor=x", "registered_from=yesterday", "status=gone", "limit=201", "nationality=XQX",
		"q=Awa&sort=reference", "q=Awa&cursor=x", "q=Awa&include_total=true"} {
		if r := h.Call(p, "GET", people(h)+"?"+bad, nil); r.Status != 400 {
			t.Errorf("%s: %d", bad, r.Status)
		}
	}
}

func TestBeneficiaries_ListsLeaveOutWhatMayBeRestricted(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	at := register(h, p, body{"gender_identity": "xq1", "migration_status": "asylum_seeker", "migration_reasons": []string{"trafficked_forced"}}).Header.Get("Location")
	told := func(raw []byte) bool {
		return strings.Contains(string(raw), "xq1") || strings.Contains(string(raw), "asylum") || strings.Contains(string(raw), "trafficked")
	}
	if !told(h.Call(p, "GET", at, nil).Want(200).Raw) {
		t.Error("the record itself leaves it out")
	}
	for _, r := range []*apptest.Response{h.Call(p, "GET", people(h), nil), h.Call(p, "GET", people(h)+"?q=Diallo", nil), h.Call(p, "GET", people(h), nil, asCSV), h.Call(p, "GET", people(h), nil, asNDJSON)} {
		if !strings.Contains(string(r.Want(200).Raw), "AGZ-000001") || told(r.Raw) {
			t.Errorf("listed %s", r.Raw)
		}
	}
}

// rule 27
func TestReads_LeaveALineInTheTrail(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	id := register(h, p, nil).ID()
	lines := func(action string) (n int) {
		h.Scan("select count(*) from audit_events where actor_id = $1 and action = $2 and resource = 'beneficiaries'", []any{p.ID, action}, &n)
		return n
	}
	h.Call(p, "GET", people(h)+"/"+id.String(), nil).Want(200)
	h.Call(p, "GET", people(h), nil).Want(200)
	if n := lines("read"); n != 2 {
		t.Errorf("%d reads", n)
	}
	h.Call(p, "GET", people(h)+"?q=Djallo", nil).Want(200)
	h.Call(p, "GET", people(h)+"?q=Nobody%20Whatsoever", nil).Want(200)
	if n := lines("search"); n != 2 {
		t.Errorf("%d searches", n)
	}
	var told string
	h.Scan("select string_agg(after->>'results', ',' order by id) from audit_events where action = 'search' and actor_id = $1", []any{p.ID}, &told)
	if told != "1,0" {
		t.Errorf("results told: %s", told)
	}
	var words int
	h.Scan("select count(*) from audit_events where action = 'search' and to_jsonb(audit_events)::text ilike '%nobody%'", nil, &words)
	if words != 0 {
		t.Error("the trail keeps the words of a search")
	}
	var derived int
	h.Scan("select count(*) from audit_events where after ? 'search_name' or after ? 'search_keys'", nil, &derived)
	if derived != 0 {
		t.Error("the trail keeps the search columns")
	}
}

func households(h *apptest.House) string { return "/v1/centres/" + h.CentreA.String() + "/households" }
