package export_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/xuri/excelize/v2"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/wire"
)

func as(media string) apptest.Header { return apptest.Header{Name: "Accept", Value: media} }

// lists are all lists that a person takes away, by the name of their file.
var lists = map[string]string{"beneficiaries": "/beneficiaries", "households": "/households", "cases": "/cases", "referrals": "/referrals"}

// scene is a centre with two of everything, and words that a spreadsheet would run.
type scene struct {
	*apptest.House
	worker apptest.Person
	at     string
	cases  []uuid.UUID
}

func newScene(t *testing.T) *scene {
	h := apptest.New(t)
	s := &scene{House: h, worker: h.Staff(h.CentreA, "caseworker", "registrar"), at: "/v1/centres/" + h.CentreA.String()}
	partner := h.Organisation("Clinic", "ngo")
	post := func(path string, body any) *apptest.Response {
		return s.Call(s.worker, "POST", s.at+path, body).Want(201)
	}
	for _, name := range []string{"=HYPERLINK(\"http://x\")", "Nom <&> \"\u0001 ولد 😀"} {
		person := post("/beneficiaries", map[string]any{"registration_level": "basic", "reception_on": "2026-03-01", "given_name": name, "sex": "2", "age": 27, "population_type": "migrant",
			"nationalities": []string{"GIN", "MLI"}, "answers": map[string]any{"phone": "declined"}, "consent": map[string]any{"decision": "given", "giver": "individual", "method": "written"}}).ID()
		post("/beneficiaries/"+person.String()+"/consents", map[string]any{"scope": "case_management", "decision": "given", "giver": "individual", "method": "written"})
		need := post("/beneficiaries/"+person.String()+"/needs", map[string]any{"code_system": "migrant_vulnerability", "code": "stranded", "confidence": "self_reported"}).ID()
		post("/households", map[string]any{"note": "+1 cmd", "members": []any{map[string]any{"beneficiary_id": person, "relationship": "head"}}})
		kase := post("/cases", map[string]any{"beneficiary_id": person, "source": "walk_in", "risk_level": "low", "owner_id": s.worker.ID, "summary": "@SUM(1)"})
		s.Call(s.worker, "POST", s.at+"/cases/"+kase.Text("id")+"/open", nil, apptest.IfMatch(kase.ETag())).Want(200)
		post("/referrals", map[string]any{"case_id": kase.ID(), "organisation_id": partner, "priority": "urgent", "reasons": []string{"health_nutrition"}, "services": []string{"health.consultation"},
			"client_mode": "identified", "explanation": "-2+3", "disclosed_fields": []string{"age_group", "sex"}, "need_ids": []uuid.UUID{need}})
		s.cases = append(s.cases, kase.ID())
	}
	return s
}

func TestExport_EveryListIsTakenAwayWhole(t *testing.T) {
	s := newScene(t)
	for name, path := range lists {
		t.Run(name, func(t *testing.T) {
			defer s.For(t)()
			page := s.Call(s.worker, "GET", s.at+path, nil).Want(200)
			documents := s.Call(s.worker, "GET", s.at+path, nil, as(wire.NDJSON)).Want(200)
			for i, line := range bytes.Split(bytes.TrimSpace(documents.Raw), []byte("\n")) {
				var got any
				if err := json.Unmarshal(line, &got); err != nil || fmt.Sprint(got) != fmt.Sprint(page.Value("data", i)) {
					t.Errorf("document %d: %s, but the list has %v", i, line, page.Value("data", i))
				}
			}
			asCSV := s.Call(s.worker, "GET", s.at+path, nil, as(wire.CSV)).Want(200)
			rows, err := csv.NewReader(bytes.NewReader(asCSV.Raw)).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) != 3 || rows[0][0] != "id" || rows[1][0] != page.Text("data", 0, "id") || rows[2][0] != page.Text("data", 1, "id") {
				t.Errorf("CSV %v", rows)
			}
			asSheet := s.Call(s.worker, "GET", s.at+path, nil, as(wire.XLSX)).Want(200)
			if sheet := open(t, asSheet.Raw, name); !same(sheet, rows) {
				t.Errorf("the spreadsheet says\n%q\nthe CSV\n%q", sheet, rows)
			}
			for media, r := range map[string]*apptest.Response{".ndjson": documents, ".csv": asCSV, ".xlsx": asSheet} {
				if got := r.Header.Get("Content-Disposition"); got != `attachment; filename="`+name+media+`"` {
					t.Errorf("%s is offered as %s", media, got)
				}
			}
			for _, row := range rows[1:] {
				for i, cell := range row {
					if strings.HasPrefix(cell, "=") || strings.HasPrefix(cell, "@") || strings.HasPrefix(cell, "-2") || strings.HasPrefix(cell, "+1") {
						t.Errorf("%s runs: %s", rows[0][i], cell)
					}
				}
			}
		})
	}
}

// open reads a spreadsheet with another program's eyes.
func open(t *testing.T, raw []byte, name string) [][]string {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := f.GetRows(name)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// same compares rows; a spreadsheet does not keep empty cells at the end, nor characters that XML has no word for.
func same(sheet, rows [][]string) bool {
	return slices.EqualFunc(sheet, rows, func(a, b []string) bool {
		b = slices.Clone(b)
		for len(b) > len(a) && b[len(b)-1] == "" {
			b = b[:len(b)-1]
		}
		for i := range b {
			b[i] = strings.ReplaceAll(b[i], "\u0001", "\uFFFD")
		}
		return slices.Equal(a, b)
	})
}

func TestExport_KeepsToWhatTheCallerMaySee(t *testing.T) {
	s := newScene(t)
	s.Exec("update cases set sensitivity = 'restricted' where id = $1", s.cases[0])
	for p, want := range map[apptest.Person]int{s.worker: 2, s.Staff(s.CentreA, "case_supervisor"): 1, s.Staff(s.CentreA, "legal_officer"): 0} {
		for _, path := range []string{"/cases", "/referrals"} {
			r := s.Call(p, "GET", s.at+path, nil, as(wire.NDJSON)).Want(200)
			if n := bytes.Count(r.Raw, []byte("\n")); n != want {
				t.Errorf("%s: %d rows, want %d", path, n, want)
			}
		}
	}
	auditor := s.Staff(s.CentreA, "auditor")
	for _, path := range lists {
		s.Call(auditor, "GET", s.at+path, nil, as(wire.XLSX)).WantCode(403, "forbidden")
		s.Call(s.Staff(s.CentreB, "caseworker"), "GET", s.at+path, nil, as(wire.XLSX)).WantCode(404, "not_found")
	}
}

func TestExport_FiltersAndRefusesAsTheListDoes(t *testing.T) {
	s := newScene(t)
	for query, want := range map[string]int{"/cases?status=open": 2, "/cases?mine=false": 0, "/referrals?direction=inbound": 0, "/households?status=void": 0,
		"/cases?updated_since=2999-01-01T00:00:00Z": 0, "/beneficiaries?updated_since=2020-01-01T00:00:00Z": 2, "/beneficiaries?updated_since=2999-01-01T00:00:00Z": 0} {
		if n := bytes.Count(s.Call(s.worker, "GET", s.at+query, nil, as(wire.NDJSON)).Want(200).Raw, []byte("\n")); n != want {
			t.Errorf("%s: %d rows, want %d", query, n, want)
		}
		if n := s.Call(s.worker, "GET", s.at+query, nil).Want(200).Len("data"); n != want {
			t.Errorf("%s: %d listed, want %d", query, n, want)
		}
	}
	for _, path := range lists {
		for _, bad := range []string{"?cursor=x", "?include_total=true", "?colour=red"} {
			s.Call(s.worker, "GET", s.at+path+bad, nil, as(wire.XLSX)).Want(400)
		}
	}
	var began string
	s.Call(s.worker, "GET", s.at+"/cases?status=open", nil, as(wire.XLSX)).Want(200)
	s.Scan("select string_agg(after::text, ' ') from audit_events where action = 'export' and resource = 'cases' and actor_id = $1", []any{s.worker.ID}, &began)
	if !strings.Contains(began, `"status": "open"`) || !strings.Contains(began, "spreadsheet") {
		t.Errorf("the trail says %s", began)
	}
}

// told is what the ledger of disclosures says of exports in which a person is.
func (s *scene) told(person uuid.UUID) map[string]string {
	s.T.Helper()
	lines := map[string]string{}
	for path := s.at + "/beneficiaries/" + person.String() + "/disclosures?limit=1"; path != ""; {
		page := s.Call(s.Staff(s.CentreA, "dpo"), "GET", path, nil).Want(200)
		for i := range page.Len("data") {
			if page.Text("data", i, "act") == "export" {
				lines[page.Text("data", i, "list")] += fmt.Sprint(page.Text("data", i, "basis"), " ", page.Value("data", i, "consent_id") != nil, " ", page.Text("data", i, "organisation_id") == s.IOM.String(),
					" ", page.Text("data", i, "actor_id") == s.worker.ID.String(), " ", len(page.Value("data", i, "fields").([]any)) > 5, ";")
			}
		}
		if path = page.Text("next_cursor"); path != "" {
			path = s.at + "/beneficiaries/" + person.String() + "/disclosures?limit=1&cursor=" + path
		}
	}
	return lines
}

func TestExport_IsInTheLedgerOfEverybodyWhoLeftWithIt(t *testing.T) {
	s := newScene(t)
	var people []uuid.UUID
	s.Scan("select array_agg(id order by created_at) from beneficiaries", nil, &people)
	s.Call(s.worker, "POST", s.at+"/visits", map[string]any{"beneficiary_id": people[0], "arrived_at": "2026-03-02T06:05:00Z", "access_mode": "always_open"}).Want(201)
	once := "consent true true true true;"
	for _, path := range []string{"/beneficiaries", "/households", "/cases", "/referrals", "/visits"} {
		s.Call(s.worker, "GET", s.at+path, nil, as(wire.CSV)).Want(200)
	}
	s.Call(s.worker, "GET", s.at+"/cases?status=closed", nil, as(wire.NDJSON)).Want(200)
	s.Call(s.worker, "GET", s.at+"/cases", nil).Want(200) // a page is looked at, not taken away
	want := map[string]string{"beneficiaries": once, "households": once, "cases": once, "referrals": once, "visits": once}
	if got := s.told(people[0]); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the ledger of the first says %v", got)
	}
	delete(want, "visits")
	if got := s.told(people[1]); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the ledger of the second says %v", got)
	}
	s.Exec("update cases set sensitivity = 'restricted' where id = $1", s.cases[0])
	if got := s.told(people[0]); got["cases"] != "" || got["referrals"] != "" || got["beneficiaries"] == "" {
		t.Errorf("the ledger tells of a restricted file: %v", got)
	}
}

func TestExport_OfAMergedRecordIsInTheLedgerOfTheSurvivor(t *testing.T) {
	s := newScene(t)
	var people []uuid.UUID
	s.Scan("select array_agg(id order by created_at) from beneficiaries", nil, &people)
	s.Exec("update beneficiaries set status = 'merged', merged_into = $2 where id = $1", people[0], people[1])
	s.Call(s.worker, "GET", s.at+"/beneficiaries?status=merged", nil, as(wire.CSV)).Want(200)
	if got := s.told(people[1]); got["beneficiaries"] == "" {
		t.Errorf("the ledger says %v", got)
	}
}
