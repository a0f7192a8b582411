package beneficiary_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// kinds are the entries that may stand about a person: how one is recorded and, where it can be
// changed, a change.
var kinds = map[string]struct{ create, patch body }{
	"names":                   {body{"kind": "native_script", "given_name": "مامادو", "family_name": "ديالو", "script": "Arab", "language": "ar"}, body{"note": "sic"}},
	"documents":               {body{"type": "passport", "number": "O 0123 456", "issuing_country": "GIN", "issued_on": "2021-04-01", "expires_on": "2026-03-31"}, body{"expires_on": "2031-03-31"}},
	"contacts":                {body{"kind": "phone", "value": "+227 90 12 34 56", "safe": "yes", "preferred": true}, body{"safe": "no", "preferred": false}},
	"journey":                 {body{"from_country": "GIN", "from_place": "Conakry", "to_country": "MLI", "mode": "bus", "departed_on": "2025-11-17", "departed_precision": "month"}, body{"arrived_on": "2025-11-20"}},
	"functional-difficulties": {body{"answered_by": "self", "levels": body{"seeing": "1", "hearing": "1", "walking": "3", "remembering": "declined", "self_care": "2", "communicating": "unknown"}}, nil},
	"screenings":              {body{"factors": []body{{"factor": "individual.physical_health", "polarity": "risk", "severity": 2}}}, nil},
}

func TestEntry_Life(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	person, other := register(h, p, nil).Header.Get("Location"), register(h, p, nil).Header.Get("Location")
	for kind, k := range kinds {
		at := person + "/" + kind
		made := h.Call(p, "POST", at, k.create).Want(201)
		one := made.Header.Get("Location")
		if one != at+"/"+made.ID().String() || made.ETag() != `"1"` || made.Text("recorded_by") != p.ID.String() {
			t.Fatalf("%s: %v %s", kind, made.Header, made.Raw)
		}
		if got := h.Call(p, "GET", one, nil).Want(200); string(got.Raw) != string(made.Raw) {
			t.Errorf("%s: create answered %s, read answers %s", kind, made.Raw, got.Raw)
		}
		version := 1
		if k.patch != nil {
			h.Call(p, "PATCH", one, k.patch).WantCode(428, "if_match_required")
			changed := h.Call(p, "PATCH", one, k.patch, apptest.IfMatch(`"1"`)).Want(200)
			for name, value := range k.patch {
				if changed.Text(name) != fmt.Sprint(value) {
					t.Errorf("%s: %s is %s", kind, name, changed.Raw)
				}
			}
			h.Call(p, "PATCH", one, k.patch, apptest.IfMatch(`"1"`)).WantCode(412, "stale_version")
			version = 2
		}
		elsewhere := other + "/" + kind + "/" + made.ID().String()
		tag := apptest.IfMatch(fmt.Sprintf(`"%d"`, version))
		h.Call(p, "GET", elsewhere, nil).WantCode(404, "not_found")
		h.Call(p, "POST", elsewhere+"/void", body{"reason": "x"}, tag).WantCode(404, "not_found")
		void := h.Call(p, "POST", one+"/void", body{"reason": "somebody else's"}, tag).Want(200)
		if void.Text("void_reason") != "somebody else's" || void.Text("voided_by") != p.ID.String() || void.Text("voided_at") == "" {
			t.Errorf("%s: voided %s", kind, void.Raw)
		}
		tag = apptest.IfMatch(fmt.Sprintf(`"%d"`, version+1))
		h.Call(p, "POST", one+"/void", body{"reason": "x"}, tag).WantCode(409, "state_conflict")
		if k.patch != nil {
			h.Call(p, "PATCH", one, k.patch, tag).WantCode(409, "state_conflict")
		}
		h.Call(p, "GET", one, nil).Want(200)
		if n, voided := h.Call(p, "GET", at, nil).Want(200).Len("data"), h.Call(p, "GET", at+"?voided=true", nil).Want(200).Len("data"); n != 0 || voided != 1 {
			t.Errorf("%s: lists %d, voided %d", kind, n, voided)
		}
		h.Call(p, "GET", people(h)+"/"+uuid.NewString()+"/"+kind, nil).WantCode(404, "not_found")
		h.Call(p, "POST", people(h)+"/"+uuid.NewString()+"/"+kind, k.create).WantCode(404, "not_found")
		h.Call(h.Staff(h.CentreA, "storekeeper"), "GET", at, nil).WantCode(403, "forbidden")
		h.Call(h.Staff(h.CentreA, "case_supervisor"), "POST", at, k.create).WantCode(403, "forbidden")
	}
}

func TestEntry_ClosedRecordsTakeNone(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	person := register(h, p, nil).Header.Get("Location")
	one := h.Call(p, "POST", person+"/names", kinds["names"].create).Want(201).Header.Get("Location")
	h.Call(p, "POST", person+"/void", body{"reason": "x"}, apptest.IfMatch(`"1"`)).Want(200)
	for kind, k := range kinds {
		h.Call(p, "POST", person+"/"+kind, k.create).WantCode(409, "state_conflict")
	}
	h.Call(p, "PATCH", one, body{"note": "x"}, apptest.IfMatch(`"1"`)).WantCode(409, "state_conflict")
	h.Call(p, "GET", one, nil).Want(200)
}

func TestEntry_AnIDIsTakenOnce(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	person := register(h, p, nil).Header.Get("Location")
	for kind, k := range kinds {
		with := k.create.with(body{"id": uuid.Must(uuid.NewV7())})
		first := h.Call(p, "POST", person+"/"+kind, with).Want(201)
		if again := h.Call(p, "POST", person+"/"+kind, with).Want(201); string(again.Raw) != string(first.Raw) {
			t.Errorf("%s: the same again answers %s, first %s", kind, again.Raw, first.Raw)
		}
		h.Call(p, "POST", person+"/"+kind, with.with(body{"note": "other"})).WantCode(409, "id_taken")
	}
}

func TestEntry_RefusesBadInput(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	person := register(h, p, nil).Header.Get("Location")
	levels := kinds["functional-difficulties"].create["levels"].(body)
	factor := func(more body) body {
		return body{"factors": []body{body{"factor": "individual.age", "polarity": "risk", "severity": 1}.with(more)}}
	}
	for name, c := range map[string]struct {
		kind, want string
		more       body
	}{
		"no name":                        {"names", "required /given_name", body{"given_name": " ", "family_name": nil}},
		"unknown kind of name":           {"names", "unknown_code /kind", body{"kind": "stage"}},
		"script that is none":            {"names", "wrong_format /script", body{"script": "arab"}},
		"NUL in a name":                  {"names", "invalid_text /given_name", body{"given_name": "a\x00b"}},
		"a name too long":                {"names", "too_long /given_name", body{"given_name": strings.Repeat("é", 201)}},
		"document none":                  {"documents", "no_document /type", body{"type": "none"}},
		"issued tomorrow":                {"documents", "in_the_future /issued_on", body{"issued_on": "2999-01-01", "expires_on": nil}},
		"issued in the year 1":           {"documents", "impossible_date /issued_on", body{"issued_on": "0001-01-01"}},
		"29 February of no leap year":    {"documents", "wrong_format /issued_on", body{"issued_on": "2025-02-29"}},
		"expires before it was issued":   {"documents", "before_issue /expires_on", body{"expires_on": "2021-03-31"}},
		"expires in 9999":                {"documents", "impossible_date /expires_on", body{"expires_on": "9999-12-31"}},
		"country that is none":           {"documents", "unknown_code /issuing_country", body{"issuing_country": "QZZ"}},
		"number without digits":          {"contacts", "invalid_phone /value", body{"value": "call me"}},
		"e-mail that is none":            {"contacts", "invalid_email /value", body{"kind": "email", "value": "a@b@c"}},
		"e-mail with a name":             {"contacts", "invalid_email /value", body{"kind": "email", "value": "A <a@b.example>"}},
		"next of kin without a name":     {"contacts", "required /name", body{"kind": "next_of_kin"}},
		"unsafe and preferred":           {"contacts", "unsafe_preferred /preferred", body{"safe": "no"}},
		"from nowhere to nowhere":        {"journey", "required /from_place", body{"from_country": nil, "from_place": nil, "to_country": nil}},
		"departed tomorrow":              {"journey", "in_the_future /departed_on", body{"departed_on": "2999-01-01"}},
		"arrived before":                 {"journey", "before_departure /arrived_on", body{"arrived_on": "2025-10-31"}},
		"precision without a date":       {"journey", "without_date /arrived_precision", body{"arrived_precision": "year"}},
		"position 0":                     {"journey", "too_small /position", body{"position": 0}},
		"five levels":                    {"functional-difficulties", "unknown_value /levels/seeing", body{"levels": levels.with(body{"seeing": "5"})}},
		"a question left out":            {"functional-difficulties", "required /levels/seeing", body{"levels": levels.with(body{"seeing": nil})}},
		"assessed tomorrow":              {"functional-difficulties", "in_the_future /assessed_at", body{"assessed_at": "2999-01-01T00:00:00Z"}},
		"assessed in the year 1":         {"functional-difficulties", "impossible_date /assessed_at", body{"assessed_at": "0001-01-01T00:00:00Z"}},
		"answered by nobody":             {"functional-difficulties", "unknown_value /answered_by", body{"answered_by": "doctor"}},
		"a factor that is none":          {"screenings", "unknown_code /factors/0/factor", factor(body{"factor": "luck"})},
		"severity 4":                     {"screenings", "too_large /factors/0/severity", factor(body{"severity": 4})},
		"neutral and severe":             {"screenings", "neutral_weighs_nothing /factors/0/severity", factor(body{"polarity": "neutral"})},
		"screened tomorrow":              {"screenings", "in_the_future /screened_at", body{"screened_at": "2999-01-01T00:00:00Z"}},
		"no factor":                      {"screenings", "too_few /factors", body{"factors": []body{}}},
		"twice the same":                 {"screenings", "repeated /factors/1", body{"factors": []body{{"factor": "individual.age", "polarity": "risk"}, {"factor": "individual.age", "polarity": "risk"}}}},
		"a level of one's own suggested": {"screenings", "unknown_field /suggested_level", body{"suggested_level": "high"}},
	} {
		if got := found(h.Call(p, "POST", person+"/"+c.kind, kinds[c.kind].create.with(c.more)).WantCode(422, "invalid")); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if r := h.Call(p, "POST", person+"/names", body{"kind": "alias", "given_name": strings.Repeat("a", 10<<20)}); r.Status != 413 && r.Status != 422 {
		t.Errorf("10 MB: %d", r.Status)
	}
	for kind := range kinds {
		if n := h.Call(p, "GET", person+"/"+kind, nil).Want(200).Len("data"); n != 0 {
			t.Errorf("%d %s were kept", n, kind)
		}
	}
}

func TestEntry_TextIsKeptByteForByte(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	person := register(h, p, nil).Header.Get("Location")
	for _, text := range []string{"👩🏽‍🍼", "مُحَمَّد\u200f", "=HYPERLINK(\"http://x\")", "@SUM(A1)", "O'Brien; drop table", "e\u0301", "\u202eevil", "A\tB\nC"} {
		made := h.Call(p, "POST", person+"/names", body{"kind": "alias", "given_name": text, "note": text}).Want(201)
		if got := h.Call(p, "GET", made.Header.Get("Location"), nil).Want(200); got.Text("given_name") != text || got.Text("note") != text {
			t.Errorf("%q became %s", text, got.Raw)
		}
	}
}

func TestSearch_FindsWhatStandsBesideTheRecord(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	who := register(h, p, body{"given_name": "Awa", "family_name": "Cissé", "phone": "+223 76 12 34 56", "document_number": "ML 123-456"})
	person := who.Header.Get("Location")
	add := func(kind string, what body) string {
		return h.Call(p, "POST", person+"/"+kind, what).Want(201).Header.Get("Location")
	}
	alias := add("names", body{"kind": "maiden", "given_name": "Awa", "family_name": "Ouédraogo"})
	add("names", body{"kind": "native_script", "given_name": "محمد", "family_name": "بلقاسم"})
	document := add("documents", body{"type": "passport", "number": "ZX 99-881"})
	phone := add("contacts", body{"kind": "phone", "value": "+221 77 555 44 33"})
	add("contacts", body{"kind": "email", "value": "1234567890@demo.example"})
	finds := func(words string, want bool) {
		t.Helper()
		got := names(h, p, "q="+url.QueryEscape(words))
		if (len(got) == 1 && got[0] == "Awa Cissé") != want {
			t.Errorf("%s finds %v, want %v", words, got, want)
		}
	}
	all := func(want bool) {
		t.Helper()
		for _, words := range []string{"Ouedraogo", "Ouedrago", "zx99881", "ZX 99881", "00221775554433", "77 555 44 33"} {
			finds(words, want)
		}
	}
	all(true)
	for _, words := range []string{"محمد بلقاسم", "Mohamed Belkacem", "AGZ-000001", "76123456", "ml123456", "Sisse"} {
		finds(words, true)
	}
	finds("34567890", false) // digits of an address are no telephone
	if got := h.Call(p, "GET", person, nil).Want(200); got.ETag() != `"1"` {
		t.Errorf("what stands beside the record changed its version to %s", got.ETag())
	}
	h.Call(p, "PATCH", person, body{"given_name": "Hawa", "phone": nil}, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(p, "PATCH", person, body{"given_name": "Awa"}, apptest.IfMatch(`"2"`)).Want(200)
	all(true)
	finds("76123456", false)
	h.Call(p, "PATCH", document, body{"number": "QQ-1234"}, apptest.IfMatch(`"1"`)).Want(200)
	finds("zx99881", false)
	finds("qq1234", true)
	for _, one := range []string{alias, phone} {
		h.Call(p, "POST", one+"/void", body{"reason": "x"}, apptest.IfMatch(`"1"`)).Want(200)
	}
	finds("Ouedraogo", false)
	finds("775554433", false)
	finds("qq1234", true)
	var told int
	h.Scan("select count(*) from audit_events where to_jsonb(audit_events)::text ~ 'Ouédraogo|99-881|77 555|بلقاسم'", nil, &told)
	if told != 0 {
		t.Errorf("%d lines of the trail hold what was recorded", told)
	}
	h.Scan("select count(*) from events where resource = 'beneficiary' and subject_id = $1", []any{who.ID()}, &told)
	if told != 3 { // registered, changed twice
		t.Errorf("%d changes of the record were told", told)
	}
}

func TestSearch_StaysRightUnderParallelWriters(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	person := register(h, p, nil).Header.Get("Location")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			h.Call(p, "POST", person+"/documents", body{"type": "passport", "number": fmt.Sprintf("AB%06d", i)}).Want(201)
		})
	}
	wg.Wait()
	for i := range 8 {
		if got := names(h, p, fmt.Sprintf("q=AB%06d", i)); len(got) != 1 {
			t.Errorf("document %d finds %v", i, got)
		}
	}
}

func TestDocument_IsVerifiedByWhoSawIt(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	person := register(h, p, nil).Header.Get("Location")
	one := h.Call(p, "POST", person+"/documents", kinds["documents"].create).Want(201).Header.Get("Location")
	h.Call(p, "POST", one+"/verify", nil, apptest.IfMatch(`"2"`)).WantCode(412, "stale_version")
	seen := h.Call(p, "POST", one+"/verify", nil, apptest.IfMatch(`"1"`)).Want(200)
	if seen.Text("verified_by") != p.ID.String() || seen.Text("verified_at") == "" {
		t.Errorf("verified %s", seen.Raw)
	}
	h.Call(p, "POST", one+"/verify", nil, apptest.IfMatch(`"2"`)).WantCode(409, "state_conflict")
	if r := h.Call(p, "PATCH", one, body{"note": "creased"}, apptest.IfMatch(`"2"`)).Want(200); r.Value("verified_at") == nil {
		t.Errorf("a note took the verification back: %s", r.Raw)
	}
	if r := h.Call(p, "PATCH", one, body{"number": "O 0123 457"}, apptest.IfMatch(`"3"`)).Want(200); r.Value("verified_at") != nil {
		t.Errorf("another number is still verified: %s", r.Raw)
	}
}

func TestContact_IsUnknownToBeSafeUntilSomebodyAsks(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	person := register(h, p, nil).Header.Get("Location")
	made := h.Call(p, "POST", person+"/contacts", body{"kind": "messenger", "value": "@mamadou", "name": "A friend", "relationship": "cousin"}).Want(201)
	if made.Text("safe") != "unknown" || made.Text("preferred") != "false" {
		t.Errorf("recorded %s", made.Raw)
	}
	r := h.Call(p, "PATCH", made.Header.Get("Location"), body{"safe": "no", "preferred": true}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid")
	if found(r) != "unsafe_preferred /preferred" {
		t.Errorf("%s", r.Raw)
	}
}

func TestJourney_IsReadInItsOrder(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	at := register(h, p, nil).Header.Get("Location") + "/journey"
	for _, leg := range []body{{"to_place": "Bamako", "departed_on": "2025-02-28", "departed_precision": "year"}, {"from_place": "Bamako", "to_place": "Gao"}, {"from_place": "Conakry", "position": 1}} {
		h.Call(p, "POST", at, leg).Want(201)
	}
	r := h.Call(p, "GET", at, nil).Want(200)
	if r.Text("data", 0, "position") != "1" || r.Text("data", 1, "position") != "1" || r.Text("data", 2, "to_place") != "Gao" || r.Text("data", 2, "position") != "2" {
		t.Errorf("legs %s", r.Raw)
	}
	if r.Text("data", 0, "departed_on") != "2025-01-01" || r.Text("data", 0, "departed_precision") != "year" {
		t.Errorf("of the year only: %s", r.Raw)
	}
	if page := h.Call(p, "GET", at+"?limit=1&sort=-position", nil).Want(200); page.Text("data", 0, "to_place") != "Gao" || page.Text("next_cursor") == "" {
		t.Errorf("from the end: %s", page.Raw)
	}
}

// A cursor that somebody made up is a bad request, whatever it holds.
func TestEntries_RefuseForgedCursors(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	person := register(h, p, nil).Header.Get("Location")
	for path, forged := range map[string]string{
		"/journey":  `{"s":"position","v":"first","i":"00000000-0000-0000-0000-000000000000"}`,
		"/names":    `{"s":"created_at","v":"0000-01-01T00:00:00Z","i":"00000000-0000-0000-0000-000000000000"}`,
		"/contacts": `{"s":"-created_at","v":"0001-01-01T00:00:00+14:00","i":"00000000-0000-0000-0000-000000000000"}`,
	} {
		h.Call(p, "GET", person+path+"?cursor="+base64.RawURLEncoding.EncodeToString([]byte(forged)), nil).WantCode(400, "invalid_cursor")
	}
	huge := base64.RawURLEncoding.EncodeToString([]byte(`{"s":"position","v":"99999999999","i":"00000000-0000-0000-0000-000000000000"}`))
	h.Call(p, "GET", person+"/journey?cursor="+huge, nil).Want(200)
}

// The day is that of the centre, east and west of the date line.
func TestCompleteness_AChildComesOfAgeWhereTheCentreIs(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	names := []string{"Fanta", "Ousmane", "Kadiatou", "Yacouba"} // of nobody taken for another
	for _, zone := range []string{"Pacific/Kiritimati", "Pacific/Pago_Pago"} {
		h.Exec("update centres set time_zone = $1 where id = $2", zone, h.CentreA)
		here, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		today := time.Now().In(here)
		for born, child := range map[time.Time]bool{today.AddDate(-18, 0, 0): false, today.AddDate(-18, 0, 1): true} {
			name := names[0]
			names = names[1:]
			who := register(h, p, body{"given_name": name, "family_name": nil, "age": nil, "birth_date": born.Format(time.DateOnly), "consent": nil, "basis": "vital_interest", "basis_reason": "alone"}).Header.Get("Location")
			if r := h.Call(p, "GET", who+"/completeness", nil).Want(200); r.Value("child") != child {
				t.Errorf("%s: born %s: %s", zone, born.Format(time.DateOnly), r.Raw)
			}
		}
	}
}

// Nobody joins a household before people were counted, and a void record's needs stay as they are.
func TestPerson_RefusesImpossibleDaysAndChangesOfWhatIsOver(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	who := register(h, p, nil)
	if r := h.Call(p, "POST", "/v1/centres/"+h.CentreA.String()+"/households", body{"members": []body{{"beneficiary_id": who.ID(), "relationship": "head", "joined_on": "0026-03-01"}}}); found(r) != "impossible_date /members/0/joined_on" {
		t.Errorf("joined: %s", r.Raw)
	}
	need := h.Call(p, "POST", who.Header.Get("Location")+"/needs", body{"code_system": "migrant_vulnerability", "code": "disability", "confidence": "observed"}).Want(201).Header.Get("Location")
	h.Call(p, "POST", who.Header.Get("Location")+"/void", body{"reason": "Twice"}, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(p, "PATCH", need, body{"note": "x"}, apptest.IfMatch(`"1"`)).WantCode(409, "state_conflict")
	h.Call(p, "POST", need+"/end", body{}, apptest.IfMatch(`"1"`)).WantCode(409, "state_conflict")
}

func TestDocument_PointsToAScanOfTheSamePerson(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker", "registrar")
	person := people(h) + "/" + register(h, p, nil).ID().String()
	other := people(h) + "/" + register(h, p, body{"given_name": "Emeka"}).ID().String()
	attach := func(path, kind string) uuid.UUID {
		form, contentType := h.Form(apptest.Part{Name: "kind", Content: []byte(kind)}, apptest.Part{Name: "file", FileName: "p.pdf", Type: "application/pdf", Content: []byte("%PDF-1.7")})
		return h.Call(p, "POST", path+"/attachments", form, contentType).Want(201).ID()
	}
	scan, second := attach(person, "document_scan"), attach(person, "document_scan")
	for name, wrong := range map[string]uuid.UUID{"of somebody else": attach(other, "document_scan"), "no scan": attach(person, "other"), "nothing": uuid.New()} {
		r := h.Call(p, "POST", person+"/documents", body{"type": "passport", "attachment_id": wrong}).WantCode(422, "invalid")
		if r.Text("errors", 0, "code") != "unknown_scan" || r.Text("errors", 0, "pointer") != "/attachment_id" {
			t.Errorf("%s: %s", name, r.Raw)
		}
	}
	made := h.Call(p, "POST", person+"/documents", body{"type": "passport", "number": "O0123456", "attachment_id": scan}).Want(201)
	at := person + "/documents/" + made.ID().String()
	if got := h.Call(p, "GET", at, nil).Want(200); got.ID("attachment_id") != scan {
		t.Errorf("read %s", got.Raw)
	}
	h.Call(p, "POST", person+"/attachments/"+scan.String()+"/void", body{"reason": "Blurred"}, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(p, "PATCH", at, body{"note": "Renewed"}, apptest.IfMatch(`"1"`)).Want(200) // what is voided since stays named
	h.Call(p, "PATCH", at, body{"attachment_id": scan}, apptest.IfMatch(`"2"`)).WantCode(422, "invalid")
	if got := h.Call(p, "PATCH", at, body{"attachment_id": second}, apptest.IfMatch(`"2"`)).Want(200); got.ID("attachment_id") != second {
		t.Errorf("changed to %s", got.Raw)
	}
	if got := h.Call(p, "PATCH", at, body{"attachment_id": nil}, apptest.IfMatch(`"3"`)).Want(200); got.Value("attachment_id") != nil {
		t.Errorf("cleared to %s", got.Raw)
	}
}
