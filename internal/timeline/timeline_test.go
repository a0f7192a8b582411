package timeline_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/httpd"
	"github.com/waystation/waystation/internal/timeline"
)

// scene is a centre with a person and their worker.
type scene struct {
	*apptest.House
	worker apptest.Person
	person uuid.UUID
	centre string
}

func newScene(t *testing.T) *scene {
	h := apptest.New(t)
	s := &scene{House: h, worker: h.Staff(h.CentreA, "caseworker"), centre: "/v1/centres/" + h.CentreA.String()}
	s.person = s.post("/beneficiaries", map[string]any{
		"registration_level": "basic", "reception_on": "2026-03-01", "registered_on": "2026-03-02", "given_name": "Aïssatou", "sex": "2", "age": 27, "population_type": "migrant",
		"consent": map[string]any{"decision": "given", "giver": "individual", "method": "written", "given_at": "2026-03-02T09:00:00Z"},
	}).ID()
	return s
}

func (s *scene) post(path string, body any) *apptest.Response {
	s.T.Helper()
	return s.Call(s.worker, "POST", s.centre+path, body).Want(201)
}

// open begins a case of the person, with the worker as its owner.
func (s *scene) open(sensitivity string) uuid.UUID {
	s.T.Helper()
	s.post("/beneficiaries/"+s.person.String()+"/consents", map[string]any{"scope": "case_management", "decision": "given", "giver": "individual", "method": "written", "given_at": "2026-03-03T09:00:00Z"})
	kase := s.post("/cases", map[string]any{"beneficiary_id": s.person, "source": "walk_in", "risk_level": "low", "owner_id": s.worker.ID, "sensitivity": sensitivity})
	s.Call(s.worker, "POST", s.centre+"/cases/"+kase.Text("id")+"/open", nil, apptest.IfMatch(kase.ETag())).Want(200)
	return kase.ID()
}

func (s *scene) timeline(p apptest.Person, query string) *apptest.Response {
	s.T.Helper()
	return s.Call(p, "GET", s.centre+"/beneficiaries/"+s.person.String()+"/timeline"+query, nil).Want(200)
}

// told lists a page's entries as "resource.moment".
func told(r *apptest.Response) []string {
	var list []string
	for i := range r.Len("data") {
		list = append(list, r.Text("data", i, "resource")+"."+r.Text("data", i, "moment"))
	}
	return list
}

func TestTimeline_TellsEverythingInOrder(t *testing.T) {
	s := newScene(t)
	kase := s.open("normal")
	at := "/cases/" + kase.String()
	s.post(at+"/notes", map[string]any{"text": "Slept well", "occurred_at": "2026-03-01T07:30:00Z"})
	home := s.post("/households", map[string]any{"members": []any{map[string]any{"beneficiary_id": s.person, "relationship": "head", "joined_on": "2026-03-02"}}})
	member := s.Call(s.worker, "GET", s.centre+"/households/"+home.Text("id")+"/members", nil).Want(200)
	s.Call(s.worker, "POST", s.centre+"/households/"+home.Text("id")+"/members/"+member.Text("data", 0, "id")+"/end", map[string]any{"left_on": "2026-03-04"}, apptest.IfMatch(`"1"`)).Want(200)
	page := s.timeline(s.worker, "?sort=at")
	want := []string{"beneficiary.received", "case_note.written", "beneficiary.registered", "household_member.joined", "consent.decided", "consent.decided", "household_member.left"}
	got := told(page)
	slices.Sort(want[2:4]) // the same midnight
	slices.Sort(got[2:4])
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Fatalf("told %v", got)
	}
	for _, later := range []string{"case.begun", "case_transition.moved"} {
		if !slices.Contains(got[len(want):], later) {
			t.Errorf("%s is missing: %v", later, got)
		}
	}
	if page.Text("data", 4, "codes", "scope") != "registration" || page.Text("data", 4, "codes", "decision") != "given" {
		t.Errorf("the consent is told as %v", page.Value("data", 4))
	}
	if strings.Contains(string(page.Raw), "Slept") || strings.Contains(string(page.Raw), "Aïssatou") {
		t.Error("the timeline repeats what was said")
	}
	if r := s.timeline(s.worker, "?case_id="+kase.String()+"&resource=case_note"); r.Len("data") != 1 || r.ID("data", 0, "case_id") != kase {
		t.Errorf("filtered: %s", r.Raw)
	}
}

func TestTimeline_PagesThroughEveryEntryOnce(t *testing.T) {
	s := newScene(t)
	at := "/cases/" + s.open("normal").String() + "/notes"
	for i := range 7 { // many at one moment
		s.post(at, map[string]any{"text": fmt.Sprint("Note ", i), "occurred_at": "2026-03-03T07:30:00Z"})
	}
	all := told(s.timeline(s.worker, ""))
	seen := map[string]bool{}
	for next, pages := "", 0; pages == 0 || next != ""; pages++ {
		query := "?limit=3"
		if next != "" {
			query += "&cursor=" + next
		}
		r := s.timeline(s.worker, query)
		for i := range r.Len("data") {
			seen[r.Text("data", i, "id")] = true
		}
		next = r.Text("next_cursor")
	}
	if len(seen) != len(all) || len(all) < 12 {
		t.Errorf("%d entries by pages, %d at once", len(seen), len(all))
	}
}

func TestTimeline_ShowsToEachWhatTheyMayRead(t *testing.T) {
	s := newScene(t)
	kase := s.open("normal")
	s.post("/cases/"+kase.String()+"/notes", map[string]any{"text": "Slept well", "occurred_at": "2026-03-01T07:30:00Z"})
	for role, sees := range map[string]map[string]bool{
		"caseworker":      {"case_note.written": false, "consent.decided": true, "case.begun": false}, // of other files
		"registrar":       {"case_note.written": false, "consent.decided": true, "case.begun": false},
		"centre_manager":  {"case_note.written": false, "consent.decided": false, "case.begun": true},
		"legal_officer":   {"case_note.written": false, "consent.decided": true, "case.begun": false}, // not on the team
		"case_supervisor": {"case_note.written": true, "consent.decided": true, "case.begun": true},
	} {
		got := told(s.timeline(s.Staff(s.CentreA, role), ""))
		for what, may := range sees {
			if slices.Contains(got, what) != may {
				t.Errorf("%s sees %s: %v", role, what, !may)
			}
		}
	}
	path := s.centre + "/beneficiaries/" + s.person.String() + "/timeline"
	s.Call(s.Staff(s.CentreA, "auditor"), "GET", path, nil).WantCode(403, "forbidden")
	s.Call(s.Staff(s.CentreB, "caseworker"), "GET", path, nil).WantCode(404, "not_found")
	s.Call(s.worker, "GET", path+"?resource=secret", nil).WantCode(400, "invalid_parameter")
	var lines int
	s.Scan("select count(*) from audit_events where action = 'read' and resource = 'listTimeline' and $1 = any (subject_ids)", []any{s.person}, &lines)
	if lines < 4 {
		t.Errorf("%d lines in the trail", lines)
	}
}

func TestTimeline_ARestrictedFileIsForItsTeam(t *testing.T) {
	s := newScene(t)
	kase := s.open("restricted")
	s.post("/cases/"+kase.String()+"/notes", map[string]any{"text": "Slept well", "occurred_at": "2026-03-01T07:30:00Z"})
	s.Exec(`insert into specific_needs (centre_id, id, version, created_at, updated_at, beneficiary_id, code_system, code, sensitivity, confidence)
		values ($1, gen_random_uuid(), 1, now(), now(), $2, 'migrant_vulnerability', 'victim', 'restricted', 'self_reported')`, s.CentreA, s.person)
	mine, others := told(s.timeline(s.worker, "")), s.timeline(s.Staff(s.CentreA, "case_supervisor"), "?include_total=true")
	for _, what := range []string{"case.begun", "case_transition.moved", "case_note.written", "specific_need.recorded"} {
		if !slices.Contains(mine, what) {
			t.Errorf("the team misses %s", what)
		}
		if slices.Contains(told(others), what) {
			t.Errorf("a colleague sees %s", what)
		}
	}
	if others.Text("total") != fmt.Sprint(others.Len("data")) {
		t.Errorf("the total of %s betrays the rest", others.Raw)
	}
	// The file is opened to all: so is what happened in it.
	tag := s.Call(s.worker, "GET", s.centre+"/cases/"+kase.String(), nil).Want(200).ETag()
	s.Call(s.worker, "PATCH", s.centre+"/cases/"+kase.String(), map[string]any{"sensitivity": "normal"}, apptest.IfMatch(tag)).Want(200)
	if got := told(s.timeline(s.Staff(s.CentreA, "case_supervisor"), "")); !slices.Contains(got, "case_note.written") {
		t.Errorf("after it was opened: %v", got)
	}
}

func TestTimeline_WhatWasVoidedStaysAndSaysSo(t *testing.T) {
	s := newScene(t)
	at := "/cases/" + s.open("normal").String() + "/notes"
	note := s.post(at, map[string]any{"text": "Of somebody else", "occurred_at": "2026-03-01T07:30:00Z"})
	s.Call(s.worker, "POST", s.centre+at+"/"+note.Text("id")+"/void", map[string]any{"reason": "Wrong file"}, apptest.IfMatch(note.ETag())).Want(200)
	if r := s.timeline(s.worker, "?resource=case_note"); r.Len("data") != 1 || r.Value("data", 0, "voided") != true {
		t.Errorf("told %s", r.Raw)
	}
}

// What partners do shows too, although their transactions reach no centre.
func TestTimeline_TellsWhatPartnersDid(t *testing.T) {
	s := newScene(t)
	kase := s.open("normal")
	organisation := s.Organisation("Clinic", "ngo")
	partner := s.Client(organisation, "partner:referrals")
	s.post("/beneficiaries/"+s.person.String()+"/consents", map[string]any{"scope": "share_organisations", "decision": "given", "giver": "individual", "method": "written", "recipient_ids": []uuid.UUID{organisation}})
	draft := s.post("/referrals", map[string]any{"case_id": kase, "organisation_id": organisation, "priority": "urgent", "reasons": []string{"health_nutrition"},
		"services": []string{"health.consultation"}, "client_mode": "coded", "disclosed_fields": []string{"age_group", "sex"},
		"contact": map[string]any{"name": "Case worker", "phone": "+227 90 12 34 56"}})
	s.Call(s.worker, "POST", s.centre+"/referrals/"+draft.Text("id")+"/send", map[string]any{}, apptest.IfMatch(draft.ETag())).Want(200)
	at := "/v1/partner/referrals/" + draft.Text("id")
	tag := s.Call(partner, "GET", at, nil).Want(200).ETag()
	s.Call(partner, "POST", at+"/acknowledge", nil, apptest.IfMatch(tag)).Want(200)
	got := told(s.timeline(s.worker, ""))
	for _, what := range []string{"referral.drafted", "referral.sent", "referral.acknowledged"} {
		if !slices.Contains(got, what) {
			t.Errorf("%s is missing: %v", what, got)
		}
	}
}

// A table that comes onto the timeline brings what it held before.
func TestTimeline_IsWrittenForThePastAsForThePresent(t *testing.T) {
	s := newScene(t)
	s.post("/cases/"+s.open("restricted").String()+"/notes", map[string]any{"text": "Slept well", "occurred_at": "2026-03-01T07:30:00Z"})
	const all = "select coalesce(string_agg(t::text, ' ' order by id), '') from timeline t"
	var before, gone, after string
	s.Scan(all, nil, &before)
	s.Exec("delete from timeline")
	s.Scan(all, nil, &gone)
	s.Exec("select chronicle_past(tgrelid) from pg_trigger where tgname = 'chronicle'")
	s.Scan(all, nil, &after)
	if before != after || gone != "" || !strings.Contains(before, "case_note") {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	var open int
	s.Scan("select count(*) from pg_class where relname in ('timeline', 'cases', 'case_notes') and not relforcerowsecurity", nil, &open)
	if open != 0 {
		t.Error("a wall was left open")
	}
}

// unchronicled are the tables that refer to a person, their case or their referral and are not on the timeline.
var unchronicled = map[string]string{
	"break_glass_grants":       "who looked into a file happens to the file, not to the person",
	"case_invitations":         "who works on a file happens to the file, not to the person",
	"case_walls":               "who is kept from a file happens to the file, not to the person",
	"exported_people":          "a list that was taken away is no moment of each who is on it; the ledger of disclosures has it",
	"events":                   "the change feed: ids of changes that are told",
	"beneficiary_keys":         "derived from the record",
	"case_note_versions":       "what a note said before; the note is told",
	"case_states":              "how a case stood, for reports; what happened to it is told",
	"case_problems":            "what an assessment found; the assessment is told",
	"case_transfers":           "what another centre is asked; the transition that it ends in is told",
	"case_team":                "who works on a file happens to the file, not to the person",
	"distribution_lines":       "what was planned; issuing is told",
	"entitlement_uses":         "what an issue used up; issuing is told",
	"duplicates":               "a question about two records; merging them is told by what it moves",
	"legal_holds":              "what must be kept is between the data protection officer and the law",
	"households":               "that somebody is its head; joining is told",
	"import_rows":              "how the record came; registering is told",
	"import_sources":           "how the record came; registering is told",
	"merges":                   "two records of one person; told by what it moves",
	"mhpss_sessions":           "who came is told",
	"place_holds":              "what is held for them elsewhere; the referral is told",
	"referral_history":         "the referral's own moments are told",
	"referral_needs":           "what was chosen to be disclosed; disclosing is told",
	"registration_card_prints": "the card has its own log; issuing is told",
	"tasks":                    "what is to be done, not what happened",
	"timeline":                 "the timeline itself",
}

// Whoever adds a table that refers to a person adds one line to migration 00014 (or, from 00015 on, to
// the table's own migration), or names it above with the reason.
func TestTimeline_EveryTableThatRefersToAPersonIsOnIt(t *testing.T) {
	h := apptest.New(t)
	spec, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	may := httpd.Permissions(spec)
	rows, err := h.Owner.Query(context.Background(), `select distinct c.relname,
		coalesce((select split_part(encode(g.tgargs, 'escape'), '\000', 1) from pg_trigger g where g.tgrelid = c.oid and g.tgname = 'chronicle'), '')
		from pg_constraint k join pg_class c on c.oid = k.conrelid
		where k.contype = 'f' and (k.confrelid in ('beneficiaries'::regclass, 'cases'::regclass, 'referrals'::regclass) or c.relname in ('case_note_versions', 'case_contact_attempts'))
		union select c.relname, '' from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname in ('beneficiary_id', 'case_id') where c.relkind = 'r'
			and c.relnamespace = 'public'::regnamespace and not exists (select from pg_trigger g where g.tgrelid = c.oid and g.tgname = 'chronicle')
			and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'f' and k.confrelid in ('beneficiaries'::regclass, 'cases'::regclass, 'referrals'::regclass))`)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for rows.Next() {
		var table, resource string
		if err := rows.Scan(&table, &resource); err != nil {
			t.Fatal(err)
		}
		found++
		switch _, excused := unchronicled[table]; {
		case resource == "" && !excused:
			t.Errorf("%s refers to a person and is not on the timeline", table)
		case resource != "" && excused:
			t.Errorf("%s is on the timeline and on the list of exceptions", table)
		case resource != "" && !may.HasScope(timeline.Scopes()[resource]):
			t.Errorf("%s: nobody may read entries of %q", table, resource)
		}
	}
	if found < 20 {
		t.Errorf("only %d tables", found)
	}
}
