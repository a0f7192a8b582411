package referral_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
)

// offers enters a verified service of the clinic in the map, with columns of its own.
func (s *stage) offers(name, columns string) uuid.UUID {
	s.T.Helper()
	id := db.NewID()
	s.Exec(`insert into services (id, version, created_at, updated_at, organisation_id, name, type, status, public, referral_methods, verified_at, next_verification_due_on)
		values ($1, 1, now(), now(), $2, $3, 'health.consultation', 'active', true, '{api}', now(), current_date + 90)`, id, s.clinic, name)
	if columns != "" {
		s.Exec("update services set "+columns+" where id = $1", id)
	}
	return id
}

// suits lists what the person of the case may be referred to: reasons by name, and the answer.
func (s *stage) suits(query string) (map[string]string, *apptest.Response) {
	s.T.Helper()
	r := s.Call(s.worker, "GET", s.at("/cases/"+s.file.String()+"/eligible-receivers?service=health"+query), nil).Want(200)
	reasons := map[string]string{}
	for i := range r.Len("data") {
		reasons[r.Text("data", i, "name")] = fmt.Sprint(r.Value("data", i, "reasons"))
		if (r.Value("data", i, "eligible") == true) != (r.Len("data", i, "reasons") == 0) {
			s.T.Errorf("%s", r.Raw)
		}
	}
	return reasons, r
}

func TestEligibleReceivers_SayWhichServicesSuitAndWhyOthersDoNot(t *testing.T) {
	s := begin(t)
	retired := s.Organisation("Retired", "ngo")
	s.Exec("update organisations set active = false where id = $1", retired)
	s.Exec("update centres set pcode = 'NE001006' where id = $1", s.CentreA)
	s.Exec("update beneficiaries set migration_status = 'regular' where id = $1", s.person)
	s.need(s.person, "CR-CP", "normal")
	want := map[string]string{}
	for columns, reasons := range map[string]string{ // the person is a woman from Mali, born in 1998, a migrant
		"":                                "",
		"sexes = '{2}'":                   "",
		"sexes = '{1}'":                   "sex",
		"minimum_age = 18":                "",
		"maximum_age = 17":                "age",
		"population_types = '{returnee}'": "population_type",
		"nationalities = '{GIN}'":         "nationality",
		"nationalities = '{GIN,MLI}'":     "",
		"coverage_pcodes = '{NE008}'":     "coverage",
		"coverage_pcodes = '{NE001006}'":  "",
		"coverage_pcodes = '{NE001}'":     "", // the region that the district lies in
		"coverage_pcodes = '{NER}'":       "",
		"coverage_pcodes = '{NE001001}'":  "coverage",
		"languages = '{ar}'":              "language",
		"languages = '{ar}', interpretation = 'By telephone'": "",
		"languages = '{ar,fr}'":                               "",
		"migration_statuses = '{irregular}'":                  "migration_status",
		"migration_statuses = '{regular}'":                    "",
		"specific_needs = '{WR-SF}'":                          "specific_need",
		"specific_needs = '{WR-SF,CR-CP}'":                    "",
		"status = 'temporarily_closed'":                       "not_active",
		"next_verification_due_on = '2020-01-01'":             "not_verified",
		"referral_methods = '{not_accepted}'":                 "takes_no_referrals",
		"organisation_id = '" + retired.String() + "'":        "provider_inactive",
		"sexes = '{1}', maximum_age = 5, status = 'inactive'": "not_active sex age",
	} {
		s.offers("With "+columns, columns)
		want["With "+columns] = "[" + reasons + "]"
	}
	s.offers("Elsewhere", "type = 'admin_legal'")
	s.offers("Defunct", "status = 'defunct'")
	got, r := s.suits("")
	for name, reasons := range want {
		if got[name] != reasons {
			t.Errorf("%s: %s, want %s", name, got[name], reasons)
		}
	}
	if len(got) != len(want) || r.Value("data", 0, "eligible") != true || r.Value("data", len(want)-1, "eligible") != false {
		t.Errorf("%s", r.Raw)
	}
	if got, _ := s.suits("&pcodes=NE008,NE008001"); got["With coverage_pcodes = '{NE008}'"] != "[]" || got["With coverage_pcodes = '{NE001006}'"] != "[coverage]" || got["With coverage_pcodes = '{NER}'"] != "[]" {
		t.Errorf("elsewhere: %v", got)
	}
	s.Exec("update beneficiaries set birth_date = null, birth_date_precision = null where id = $1", s.person)
	if got, _ := s.suits(""); got["With minimum_age = 18"] != "[age_unknown]" || got["With sexes = '{2}'"] != "[]" {
		t.Errorf("without an age: %v", got)
	}
	var read int
	s.Scan("select count(*) from audit_events where action = 'read' and resource = 'beneficiaries' and operation = 'listEligibleReceivers'", nil, &read)
	if read != 3 {
		t.Errorf("the trail tells of %d readings", read)
	}
}

func TestEligibleReceivers_TellOnWhatTermsAReferralWouldGo(t *testing.T) {
	s := begin(t)
	s.offers("Usual", "")
	s.offers("Published", "acknowledge_hours = 3")
	s.Exec(`update agreements set acknowledge_hours = '{"urgent": 5}' where organisation_id = $1`, s.clinic)
	for query, want := range map[string][2]string{"&priority=urgent": {"3 72", "5 72"}, "": {"3 336", "48 336"}, "&priority=emergency": {"3 24", "4 24"}} {
		_, r := s.suits(query)
		for i := range 2 { // by name
			if got := r.Text("data", i, "acknowledge_hours") + " " + r.Text("data", i, "decision_hours"); got != want[i] || r.Len("data", i, "client_modes") != 3 || r.Text("data", i, "agreement_id") == "" {
				t.Errorf("%s: %s", query, r.Raw)
			}
		}
	}
	s.Exec("update agreements set status = 'ended'")
	if _, r := s.suits(""); fmt.Sprint(r.Value("data", 0, "client_modes")) != "[coded anonymous]" || r.Text("data", 0, "agreement_id") != "" {
		t.Errorf("%s", r.Raw)
	}
	at := s.at("/cases/" + s.file.String() + "/eligible-receivers")
	if r := s.Call(s.worker, "GET", at+"?limit=1", nil).Want(200); r.Len("data") != 1 {
		t.Errorf("%s", r.Raw)
	}
	s.Call(s.worker, "GET", at+"?service=nothing", nil).WantCode(400, "invalid_parameter")
	s.Call(s.Staff(s.CentreA, "caseworker"), "GET", at+"?service=health", nil).WantCode(404, "not_found")
	s.Call(s.registrar, "GET", at+"?service=health", nil).WantCode(403, "forbidden")
}

func TestReferral_ToAServiceOfTheMapKeepsTheHoursThatItsProviderPublishes(t *testing.T) {
	s := begin(t)
	s.Exec(`update agreements set acknowledge_hours = '{"urgent": 5}', decision_hours = '{"urgent": 50}'`)
	service := s.offers("Consultations", "acknowledge_hours = 3")
	id := s.sent(map[string]any{"service_id": service})
	var acknowledge, decide float64
	s.Scan("select extract(epoch from acknowledge_due_at - sent_at)::float8, extract(epoch from decision_due_at - sent_at)::float8 from referrals where id = $1", []any{id}, &acknowledge, &decide)
	if acknowledge != (3*time.Hour).Seconds() || decide != (50*time.Hour).Seconds() {
		t.Errorf("%v, %v", acknowledge, decide)
	}
	for state, code := range map[string]string{"status = 'inactive'": "takes_no_referrals", "referral_methods = '{not_accepted}'": "takes_no_referrals", "organisation_id = '" + s.other.String() + "'": "unknown_service"} {
		s.Exec("update services set status = 'active', referral_methods = '{api}', organisation_id = $2 where id = $1", service, s.clinic)
		s.Exec("update services set "+state+" where id = $1", service)
		draft := s.draft(map[string]any{"service_id": service}).ID()
		if r := s.send(draft).WantCode(422, "invalid"); r.Text("errors", 0, "code") != code || r.Text("errors", 0, "pointer") != "/service_id" {
			t.Errorf("%s: %s", state, r.Raw)
		}
	}
	s.Call(s.worker, "POST", s.at("/referrals"), s.body(map[string]any{"service_id": uuid.New()})).Want(422)
}

func TestEligibleReceivers_ConsiderPlacesDistanceAndSites(t *testing.T) {
	s := begin(t)
	s.Exec("update centres set latitude = 16.97, longitude = 7.99 where id = $1", s.CentreA)
	site := func(latitude float64, columns string) string {
		id := db.NewID()
		s.Exec(`insert into service_locations (id, version, created_at, updated_at, organisation_id, confidential, admin1_pcode, name, latitude, longitude, time_zone)
			values ($1, 1, now(), now(), $2, false, 'NE001', 'Site', $3, 7.99, 'Africa/Niamey')`, id, s.clinic, latitude)
		if columns != "" {
			s.Exec("update service_locations set "+columns+" where id = $1", id)
		}
		return fmt.Sprintf(`sites = '[{"location_id": "%s"}]'`, id)
	}
	s.offers("Far", site(17.97, ""))
	s.offers("Near", site(16.98, ""))
	s.offers("Hidden", site(16.98, "confidential = true"))
	s.offers("Retired", site(16.98, "retired_at = now()"))
	busy, awaited := s.offers("Busy", ""), s.offers("Awaited", "")
	s.Exec("update service_capacities set maximum = 1 where id = $1", busy)
	s.Exec("update service_capacities set maximum = 2, elsewhere = 1, waiting = 2 where id = $1", awaited)
	got, r := s.suits("&radius_km=50")
	for name, reasons := range map[string]string{"Far": "[too_far]", "Near": "[]", "Hidden": "[]", "Retired": "[no_site]", "Busy": "[]", "Awaited": "[full]"} {
		if got[name] != reasons {
			t.Errorf("%s: %s, want %s", name, got[name], reasons)
		}
	}
	if km, _ := r.Value("data", 0, "distance_km").(float64); r.Text("data", 0, "name") != "Near" || km < 1 || km > 1.2 || r.Value("data", 1, "distance_km") != nil {
		t.Errorf("%s", r.Raw)
	}
	if got, _ := s.suits("&radius_km=50&near=17.97,7.99"); got["Far"] != "[]" || got["Near"] != "[too_far]" {
		t.Errorf("from elsewhere: %v", got)
	}
	if r.Value("data", 1, "free") != 1.0 || r.Value("data", 1, "held") != false {
		t.Errorf("the places of Busy: %s", r.Raw)
	}
	s.Call(s.worker, "POST", s.at("/holds"), map[string]any{"service_id": busy, "case_id": s.file}).Want(201)
	if got, r := s.suits(""); got["Busy"] != "[]" || !strings.Contains(string(r.Raw), `"held":true`) {
		t.Errorf("a place is held for the person: %s", r.Raw)
	}
	s.Exec("delete from place_holds")
	if got, _ := s.suits(""); got["Busy"] != "[full]" {
		t.Errorf("a place is held for somebody else: %v", got)
	}
	s.Call(s.worker, "GET", s.at("/cases/"+s.file.String()+"/eligible-receivers?near=91,0"), nil).WantCode(400, "invalid_coordinates")
}
