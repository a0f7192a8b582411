package hsds_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

type (
	obj  = map[string]any
	list = []any
)

const root = "/hsds/v3"

// facade is a map with entries of two providers. Every answer of the façade is checked against the contract, whose schemas demand what those
// of HSDS 3.0 do.
type facade struct {
	*apptest.House
	reader                  apptest.Person
	clinic, shelter         uuid.UUID // organisations
	care, beds, aid, hidden uuid.UUID // services
	open, secret            uuid.UUID // locations
}

func newFacade(t *testing.T) *facade {
	h := apptest.New(t)
	f := &facade{House: h, clinic: h.Organisation("Clinique", "health_facility"), shelter: h.Organisation("Abri", "ngo")}
	f.reader = h.Client(h.Organisation("Reader", "ngo"), "partner:services")
	h.Exec("update organisations set description = 'Care in Agadez', email = 'office@clinique.example', phone = '+227 1', website = 'https://clinique.example' where id = $1", f.clinic)
	clinic, shelter := h.Client(f.clinic, "partner:services"), h.Client(f.shelter, "partner:services")
	post := func(who apptest.Person, path string, body obj) uuid.UUID {
		return h.Call(who, "POST", path, body).Want(201).ID()
	}
	f.open = post(clinic, "/v1/locations", obj{"name": "Maternité", "address": "Rue 12", "admin1_pcode": "NE001", "pcode": "NE001006", "latitude": 16.97, "longitude": 7.99, "time_zone": "Africa/Niamey"})
	f.secret = post(shelter, "/v1/locations", obj{"name": "Villa Bleue", "address": "Rue des Jardins 7", "admin1_pcode": "NE001", "pcode": "NE001001", "latitude": 16.5, "longitude": 7.5, "confidential": true, "time_zone": "Africa/Niamey"})
	f.care = post(clinic, "/v1/services", obj{"name": "Care", "description": "Santé", "type": "health.anc_pnc", "referral_methods": list{"email"}, "contact_office": "Desk", "contact_email": "desk@clinique.example", "contact_phone": "+227 2",
		"languages": list{"fr", "ha"}, "cost": "Free", "minimum_age": 12, "maximum_age": 50, "intake_criteria": "Pregnant", "next_step": "Call", "interpretation": "Hausa", "accessibility": "Ramp", "documents_required": list{"passport"},
		"coverage_pcodes": list{"NE001"}, "sites": list{obj{"location_id": f.open, "hours": list{obj{"weekday": "MO", "opens_at": "08:00", "closes_at": "12:00"},
			obj{"weekday": "TU", "opens_at": "08:00", "closes_at": "12:00", "frequency": "MONTHLY", "ordinal": -1, "interval": 2, "starts_on": "2026-01-01", "ends_on": "2026-12-31"}}, "exceptions": list{obj{"on": "2026-08-03"}}}}})
	f.aid = post(clinic, "/v1/services", obj{"name": "Support", "type": "mhpss", "mhpss_activity": "7.1", "referral_methods": list{"api"}, "status": "temporarily closed"})
	f.beds = post(shelter, "/v1/services", obj{"name": "Beds", "type": "accommodation.safe_shelter", "referral_methods": list{"api"}, "accessibility": "Lift", "sites": list{obj{"location_id": f.secret}}})
	f.hidden = post(shelter, "/v1/services", obj{"name": "Quiet", "type": "admin_legal", "referral_methods": list{"api"}, "public": false})
	h.Exec("update services set updated_at = '2026-01-01' where id <> $1", f.aid)
	h.Exec("update service_locations set updated_at = '2026-01-01'")
	return f
}

func (f *facade) get(path string) *apptest.Response {
	f.T.Helper()
	return f.Call(f.reader, "GET", root+path, nil).Want(200)
}

// finds lists what is on a page, by name or by the ids of their services.
func (f *facade) finds(path string) string {
	f.T.Helper()
	r := f.get(path)
	var names []string
	for i := range r.Len("contents") {
		name := r.Text("contents", i, "name")
		if name == "" {
			name = r.Text("contents", i, "service", "name")
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func TestServices_AreListedBriefFullyAndOneByOne(t *testing.T) {
	f := newFacade(t)
	brief := f.get("/services")
	if brief.Len("contents") != 3 || brief.Text("contents", 1, "organization", "name") != "Clinique" || brief.Value("contents", 1, "phones") != nil || brief.Value("contents", 1, "schedules") != nil {
		t.Errorf("%s", brief.Raw)
	}
	if f.get("/services?minimal=true").Value("contents", 0, "organization_id") != nil {
		t.Error("the minimal form tells more")
	}
	for _, whole := range []*apptest.Response{f.get("/services/" + f.care.String()), f.get("/services?full=true&search=sante")} {
		path := func(steps ...any) []any {
			if whole.Len("contents") > 0 {
				return append(list{"contents", 0}, steps...)
			}
			return steps
		}
		at := func(steps ...any) []any { return path(append(list{"service_at_locations", 0}, steps...)...) }
		for want, steps := range map[string][]any{
			"Care": path("name"), "Free": path("fees_description"), "Pregnant": path("eligibility_description"), "Call": path("application_process"), "Hausa": path("interpretation_services"), "12": path("minimum_age"),
			"fr": path("languages", 0, "code"), "passport": path("required_documents", 0, "document"), "Agadez": path("service_areas", 0, "name"), "NE001": path("service_areas", 0, "extent"),
			"health.anc_pnc": path("attributes", 0, "taxonomy_term", "code"), "+227 2": path("phones", 0, "number"), "Desk": path("contacts", 0, "department"), "Care in Agadez": path("organization", "description"),
			"Maternité": at("location", "name"), "16.97": at("location", "latitude"), "Rue 12": at("location", "addresses", 0, "address_1"), "NE": at("location", "addresses", 0, "country"), "Ramp": at("location", "accessibility", 0, "description"),
			"MO": at("schedules", 0, "byday"), "-1TU": at("schedules", 1, "byday"), "2": at("schedules", 1, "interval"), "2026-12-31": at("schedules", 1, "until"), "2026-08-03": at("schedules", 2, "valid_to"),
		} {
			if got := fmt.Sprint(whole.Value(steps...)); got != want {
				t.Errorf("%v is %q, want %q", steps, got, want)
			}
		}
	}
	f.Exec("update services set version = version + 1, next_verification_due_on = current_date - 2 where id = $1", f.care)
	if f.get("/services/"+f.care.String()).Text("alert") == "" {
		t.Error("nothing warns of a stale entry")
	}
}

func TestFilters_AddUp(t *testing.T) {
	f := newFacade(t)
	terms := f.get("/taxonomy_terms?per_page=200")
	id := func(code string) string {
		for i := range terms.Len("contents") {
			if terms.Text("contents", i, "code") == code {
				return terms.Text("contents", i, "id")
			}
		}
		t.Fatalf("no term %s: %s", code, terms.Raw)
		return ""
	}
	types, activities := f.get("/taxonomies").Text("contents", 0, "id"), f.get("/taxonomies").Text("contents", 1, "id")
	for path, want := range map[string]string{
		"/services": "Beds, Care, Support", "/services?search=SANTE": "Care", "/services?taxonomy_term_id=" + id("health"): "Care", "/services?taxonomy_term_id=" + id("health.anc_pnc"): "Care", "/services?taxonomy_term_id=" + uuid.NewString(): "",
		"/services?taxonomy_id=" + types: "Beds, Care, Support", "/services?taxonomy_id=" + activities: "Support", "/services?taxonomy_id=x": "", "/services?organization_id=" + f.clinic.String(): "Care, Support", "/services?organization_id=x": "",
		"/services?modified_after=2026-02-01T00:00:00Z": "Support", "/services?organization_id=" + f.clinic.String() + "&taxonomy_term_id=" + id("accommodation"): "", "/services?organization_id=" + f.clinic.String() + "&search=s&modified_after=2026-02-01T00:00:00Z": "Support",
		"/organizations": "Abri, Clinique", "/organizations?search=clin": "Clinique", "/organizations?taxonomy_term_id=" + id("accommodation"): "Abri", "/organizations?taxonomy_id=" + activities: "Clinique", "/organizations?taxonomy_term_id=" + id("accommodation") + "&search=clin": "",
		"/service_at_locations?organization_id=" + f.clinic.String(): "Care", "/service_at_locations?search=beds": "Beds", "/service_at_locations?postcode=NE001006": "Care", "/service_at_locations?postcode=NE001001": "", "/service_at_locations?modified_after=2026-02-01T00:00:00Z": "",
		"/service_at_locations?postcode=NE001&taxonomy_term_id=" + id("accommodation"): "Beds",
	} {
		if got := f.finds(path); got != want {
			t.Errorf("%s finds %q, want %q", path, got, want)
		}
	}
	f.Exec("update service_locations set updated_at = '2026-03-01' where id = $1", f.open)
	if got := f.finds("/services?modified_after=2026-02-01T00:00:00Z"); got != "Care, Support" {
		t.Errorf("what belongs to a service changed: %q", got)
	}
	if got := f.get("/taxonomy_terms?parent_id=" + id("health") + "&search=antenatal"); got.Len("contents") != 1 || got.Text("contents", 0, "parent_id") != id("health") {
		t.Errorf("%s", got.Raw)
	}
	if top := f.get("/taxonomy_terms?top_only=true&taxonomy_id=" + types); top.Len("contents") == 0 || strings.Contains(string(top.Raw), "parent_id") {
		t.Errorf("%s", top.Raw)
	}
	f.Exec("update service_locations set retired_at = now() where id = $1", f.open)
	if got := f.finds("/service_at_locations?organization_id=" + f.clinic.String()); got != "" {
		t.Errorf("a retired location is shown: %s", got)
	}
}

func TestPages_TellWhereTheyAre(t *testing.T) {
	f := newFacade(t)
	for path, want := range map[string]string{
		"/services?per_page=2": "3 2 1 2 true false false", "/services?per_page=2&page=2": "3 2 2 1 false true false", "/services?page=9": "3 1 9 0 false true true", "/services?search=nothing": "0 0 1 0 true true true",
		"/taxonomies?per_page=1": "2 2 1 1 true false false", "/taxonomies?page=7": "2 1 7 0 false true true",
	} {
		r, got := f.get(path), []string{}
		for _, name := range []string{"total_items", "total_pages", "page_number", "size", "first_page", "last_page", "empty"} {
			got = append(got, fmt.Sprint(r.Value(name)))
		}
		if strings.Join(got, " ") != want || fmt.Sprint(r.Value("size")) != fmt.Sprint(r.Len("contents")) {
			t.Errorf("%s: %v, want %s", path, got, want)
		}
	}
}

func TestEntities_AreFoundByIdAndNothingElseIs(t *testing.T) {
	f := newFacade(t)
	for kind, named := range map[string]string{"services": f.care.String(), "organizations": f.clinic.String(), "service_at_locations": "", "taxonomies": "", "taxonomy_terms": ""} {
		if named == "" {
			named = f.get("/"+kind).Text("contents", 0, "id")
		}
		if r := f.get("/" + kind + "/" + named); r.Text("id") != named {
			t.Errorf("%s: %s", kind, r.Raw)
		}
		for _, id := range []string{uuid.NewString(), "nothing"} {
			f.Call(f.reader, "GET", root+"/"+kind+"/"+id, nil).WantCode(404, "not_found")
		}
	}
	for _, path := range []string{"/services/" + f.hidden.String(), "/organizations/" + uuid.NewString()} {
		f.Call(f.Staff(f.CentreA, "service_map_editor"), "GET", root+path, nil).WantCode(404, "not_found")
	}
	f.Call(f.reader, "GET", root+"/services?colour=red", nil).Want(400)
	f.Call(f.Client(f.clinic, "partner:referrals"), "GET", root+"/services", nil).WantCode(403, "forbidden")
	brief, full := f.get("/organizations/"+f.clinic.String()), f.get("/organizations/"+f.clinic.String()+"?full_service=true")
	if brief.Text("website") != "https://clinique.example" || brief.Text("phones", 0, "number") != "+227 1" || brief.Len("services") != 2 || brief.Value("services", 0, "phones") != nil || full.Text("services", 0, "phones", 0, "number") != "+227 2" {
		t.Errorf("%s\n%s", brief.Raw, full.Raw)
	}
	if all := f.get("/organizations?full=true"); all.Len("contents", 1, "services") != 2 {
		t.Errorf("%s", all.Raw)
	}
	if index := f.get(""); index.Text("version") != "3.0" || !strings.HasSuffix(index.Text("openapi_url"), "/openapi.json") {
		t.Errorf("%s", index.Raw)
	}
}

// Whoever asks: here even the provider of the shelter reads no more than its region.
func TestConfidentialLocation_IsToldByItsRegionAlone(t *testing.T) {
	f := newFacade(t)
	for who, person := range map[string]apptest.Person{"a reader": f.reader, "its provider": f.Client(f.shelter, "partner:services"), "an operator": f.Network("platform_operator")} {
		for _, path := range []string{"/services?full=true", "/services/" + f.beds.String(), "/organizations?full_service=true", "/service_at_locations?full=true", "/service_at_locations"} {
			r := f.Call(person, "GET", root+path, nil).Want(200)
			for _, word := range []string{"Villa", "Jardins", "NE001001", "16.5", "7.5", "Lift"} {
				if strings.Contains(string(r.Raw), word) {
					t.Errorf("%s reads %q in %s", who, word, path)
				}
			}
			if !strings.Contains(string(r.Raw), f.secret.String()) {
				t.Errorf("%s does not see in %s that there is one", who, path)
			}
		}
	}
}
