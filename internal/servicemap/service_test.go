package servicemap_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/servicemap"
)

type (
	obj  = map[string]any
	list = []any
)

// directory is a network with one provider.
type directory struct {
	*apptest.House
	editor, worker, operator apptest.Person
	provider                 uuid.UUID
	system                   apptest.Person // the provider's
	other                    apptest.Person // another organisation's system
}

func newDirectory(t *testing.T) *directory {
	h := apptest.New(t)
	d := &directory{House: h, editor: h.Staff(h.CentreA, "service_map_editor"), worker: h.Staff(h.CentreB, "caseworker"), operator: h.Network("platform_operator"), provider: h.Organisation("Croissant d'Espoir", "ngo")}
	d.system, d.other = h.Client(d.provider, "partner:services"), h.Client(h.Organisation("Autre", "ngo"), "partner:services")
	return d
}

// with is a body with some members changed, or left out where nil.
func with(body, change obj) obj {
	for name, value := range change {
		if body[name] = value; value == nil {
			delete(body, name)
		}
	}
	return body
}

func (d *directory) service(change obj) *apptest.Response {
	d.T.Helper()
	return d.Call(d.editor, "POST", "/v1/services", with(obj{"organisation_id": d.provider, "name": "Consultations", "type": "health.consultation", "referral_methods": list{"not_required"}}, change))
}

func (d *directory) location(change obj) *apptest.Response {
	d.T.Helper()
	return d.Call(d.editor, "POST", "/v1/locations", with(obj{"organisation_id": d.provider, "name": "Maternité", "admin1_pcode": "NE001", "time_zone": "Africa/Niamey"}, change))
}

func (d *directory) names(p apptest.Person, query string) []string {
	d.T.Helper()
	r := d.Call(p, "GET", "/v1/services?"+query, nil).Want(200)
	names := make([]string, r.Len("data"))
	for i := range names {
		names[i] = r.Text("data", i, "name")
	}
	return names
}

func (d *directory) lapse(id uuid.UUID, days int) {
	d.Exec("update services set version = version + 1, next_verification_due_on = (now() at time zone 'utc')::date - $1::int where id = $2", days, id)
}

// duty D8
// rule 15
func TestD8_StaleEntryIsFlaggedListedAndNotSuggestedUntilItIsVerified(t *testing.T) {
	d := newDirectory(t)
	made := d.service(nil).Want(201)
	d.service(obj{"name": "Fresh"}).Want(201)
	at := "/v1/services/" + made.ID().String()
	due := func(r *apptest.Response) int {
		verified, _ := time.Parse(time.RFC3339Nano, r.Text("verified_at"))
		day, _ := time.Parse(time.DateOnly, r.Text("next_verification_due_on"))
		return int(day.Sub(verified.Truncate(24*time.Hour)).Hours() / 24)
	}
	if due(made) != 92 || made.Value("stale") != false {
		t.Errorf("a new entry is due after %d days: %s", due(made), made.Raw)
	}
	d.lapse(made.ID(), 0)
	if d.Call(d.worker, "GET", at, nil).Want(200).Value("stale") != false {
		t.Error("stale on the day that it is due")
	}
	d.lapse(made.ID(), 1)
	stale := d.Call(d.worker, "GET", at, nil).Want(200)
	if stale.Value("stale") != true {
		t.Errorf("not stale behind the day: %s", stale.Raw)
	}
	for query, want := range map[string]string{"stale=true": "Consultations", "stale=false": "Fresh", "suggested=true": "Fresh", "suggested=false": "Consultations", "": "Consultations Fresh"} {
		if got := strings.Join(d.names(d.worker, query), " "); got != want {
			t.Errorf("?%s lists %q, want %q", query, got, want)
		}
	}
	d.Call(d.worker, "POST", at+"/verify", obj{"note": "x"}, apptest.IfMatch(stale.ETag())).WantCode(403, "forbidden")
	d.Call(d.editor, "POST", at+"/verify", obj{"note": " "}, apptest.IfMatch(stale.ETag())).Want(422)
	d.Call(d.editor, "POST", at+"/verify", obj{"note": "x"}, apptest.IfMatch(`"1"`)).WantCode(412, "stale_version")
	d.Call(d.editor, "POST", at+"/verify", obj{"note": "x"}).WantCode(428, "if_match_required")
	verified := d.Call(d.editor, "POST", at+"/verify", obj{"note": "Called the desk"}, apptest.IfMatch(stale.ETag())).Want(200)
	if verified.Value("stale") != false || due(verified) != 92 || verified.Text("verified_by") != d.editor.ID.String() || verified.Text("verification_note") != "Called the desk" {
		t.Errorf("verified: %s", verified.Raw)
	}
	if left := d.names(d.worker, "stale=true"); len(left) > 0 {
		t.Errorf("still listed as stale: %v", left)
	}
}

func TestReminder_IsGivenOnceForEachTimeThatAServiceLapses(t *testing.T) {
	d := newDirectory(t)
	made := d.service(nil).Want(201)
	closed := d.service(obj{"name": "Gone", "status": "defunct"}).Want(201)
	d.service(obj{"name": "Fresh"}).Want(201)
	told := func() (n int) {
		d.Tick(servicemap.RemindTick)
		d.Tick(servicemap.RemindTick)
		d.Scan("select count(*) from events where type = 'service.stale' and subject_id = $1 and organisation_id = $2", []any{made.ID(), d.provider}, &n)
		return n
	}
	d.lapse(closed.ID(), 3)
	d.lapse(made.ID(), 0)
	if n := told(); n != 0 {
		t.Errorf("told %d times before it lapsed", n)
	}
	d.lapse(made.ID(), 1)
	if n := told(); n != 1 {
		t.Errorf("told %d times of one lapse", n)
	}
	at := "/v1/services/" + made.ID().String()
	d.Call(d.editor, "POST", at+"/verify", obj{"note": "Visited"}, apptest.IfMatch(d.Call(d.editor, "GET", at, nil).ETag())).Want(200)
	d.lapse(made.ID(), 2)
	if n := told(); n != 2 {
		t.Errorf("told %d times of two lapses", n)
	}
	var all int
	d.Scan("select count(*) from events where type = 'service.stale'", nil, &all)
	if all != 2 {
		t.Errorf("%d reminders, with those of closed and fresh services", all)
	}
}

func TestHistory_TellsWhoChangedWhichFieldsWhen(t *testing.T) {
	d := newDirectory(t)
	made := d.service(nil).Want(201)
	at := "/v1/services/" + made.ID().String()
	changed := d.Call(d.system, "PATCH", at, obj{"languages": list{"fr", "ha"}, "status": "temporarily closed"}, apptest.IfMatch(made.ETag())).Want(200)
	d.Call(d.editor, "POST", at+"/verify", obj{"note": "Visited"}, apptest.IfMatch(changed.ETag())).Want(200) // by whom and to which day is as it was
	r := d.Call(d.worker, "GET", at+"/history?include_total=true", nil).Want(200)
	got := ""
	for i := range r.Len("data") {
		got += fmt.Sprintln(r.Text("data", i, "version"), r.Text("data", i, "action"), r.Text("data", i, "actor_id"), r.Text("data", i, "actor_kind"), r.Value("data", i, "fields"), r.Text("data", i, "note"))
	}
	want := fmt.Sprintln(3, "verified", d.editor.ID, "user", "[verification_note verified_at]", "Visited") +
		fmt.Sprintln(2, "updated", d.system.ID, "client", "[languages status]", "") + fmt.Sprintln(1, "created", d.editor.ID, "user", "[]", "")
	if got != want || r.Text("total") != "3" {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	first := d.Call(d.worker, "GET", at+"/history?limit=2&sort=version", nil).Want(200)
	if rest := d.Call(d.worker, "GET", at+"/history?limit=2&cursor="+first.Text("next_cursor"), nil).Want(200); rest.Len("data") != 1 || rest.Text("data", 0, "version") != "3" {
		t.Errorf("the second page: %s", rest.Raw)
	}
	d.Call(d.worker, "GET", "/v1/services/"+uuid.NewString()+"/history", nil).WantCode(404, "not_found")
}

func TestSearch_FindsWhatIsNearOpenAndFits(t *testing.T) {
	d := newDirectory(t)
	clinic := d.location(obj{"latitude": 16.97, "longitude": 7.99, "pcode": "NE001001"}).Want(201).ID()
	far := d.location(obj{"name": "Arlit", "latitude": 18.74, "longitude": 7.39}).Want(201).ID()
	date := d.location(obj{"name": "Taveuni", "admin1_pcode": "FJ1", "latitude": -16.8, "longitude": 179.99, "time_zone": "Pacific/Fiji"}).Want(201).ID()
	weekly := list{obj{"weekday": "MO", "opens_at": "08:00", "closes_at": "12:00"}, obj{"weekday": "FR", "opens_at": "22:00", "closes_at": "02:00"}}
	d.service(obj{"name": "Day clinic", "description": "Santé de la mère", "languages": list{"fr"}, "sexes": list{"2"}, "minimum_age": 12, "maximum_age": 50, "population_types": list{"migrant"}, "nationalities": list{"GIN"},
		"coverage_pcodes": list{"NE002"}, "sites": list{obj{"location_id": clinic, "hours": weekly, "exceptions": list{obj{"on": "2026-03-09"}, obj{"on": "2026-03-10", "opens_at": "10:00", "closes_at": "11:00"}}}}}).Want(201)
	d.service(obj{"name": "Legal aid", "type": "admin_legal", "languages": list{"ar"}, "sites": list{obj{"location_id": far}, obj{"location_id": clinic}}, "status": "inactive"}).Want(201)
	d.service(obj{"name": "Meals", "type": "food_nutrition.hot_meal", "sites": list{obj{"location_id": date}}}).Want(201)
	for query, want := range map[string]string{
		"type=health": "Day clinic", "type=health.consultation": "Day clinic", "type=food_nutrition": "Meals",
		"status=inactive": "Legal aid", "language=ar": "Legal aid", "q=sante": "Day clinic", "q=LEGAL": "Legal aid",
		"pcode=NE002": "Day clinic", "pcode=NE001001": "Day clinic, Legal aid", "pcode=FJ1": "Meals", "pcode=NE00": "",
		"location_id=" + far.String():         "Legal aid",
		"near=16.97,7.98&radius_km=5":         "Day clinic, Legal aid",
		"near=18.75,7.39&radius_km=5":         "Legal aid",
		"near=17.9,7.7&radius_km=50":          "",
		"near=-16.8,-179.99&radius_km=5":      "Meals",
		"near=90,0&radius_km=1000":            "",
		"near=-16,179":                        "Meals, Day clinic, Legal aid",
		"near=18.75,7.39&sort=-distance":      "Meals, Day clinic, Legal aid",
		"sex=1":                               "Legal aid, Meals",
		"sex=2&age=50":                        "Day clinic, Legal aid, Meals",
		"age=51":                              "Legal aid, Meals",
		"age=11":                              "Legal aid, Meals",
		"population_type=returnee":            "Legal aid, Meals",
		"nationality=GIN":                     "Day clinic, Legal aid, Meals",
		"nationality=MLI":                     "Legal aid, Meals",
		"suggested=true":                      "Day clinic, Meals",
		"organisation_id=" + uuid.NewString(): "",
		"open_at=2026-03-02T07:00:00Z":        "Day clinic", // Monday 08:00 in Niamey
		"open_at=2026-03-02T06:59:59Z":        "",
		"open_at=2026-03-02T11:00:00Z":        "",
		"open_at=2026-03-06T21:30:00Z":        "Day clinic", // Friday night
		"open_at=2026-03-07T00:59:00Z":        "Day clinic", // and past midnight
		"open_at=2026-03-07T01:00:00Z":        "",
		"open_at=2026-03-07T21:30:00Z":        "",
		"open_at=2026-03-09T08:00:00Z":        "", // closed that Monday
		"open_at=2026-03-10T09:30:00Z":        "Day clinic",
		"open_at=" + url.QueryEscape("2026-03-10T11:30:00+02:00"): "Day clinic",
	} {
		if got := strings.Join(d.names(d.worker, query), ", "); got != want {
			t.Errorf("?%s finds %q, want %q", query, got, want)
		}
	}
	near := d.Call(d.worker, "GET", "/v1/services?near=18.74,7.39&limit=1", nil).Want(200)
	if near.Text("data", 0, "name") != "Legal aid" || near.Value("data", 0, "distance_km") != 0.0 {
		t.Errorf("the nearest: %s", near.Raw)
	}
	next := d.Call(d.worker, "GET", "/v1/services?near=18.74,7.39&limit=1&cursor="+near.Text("next_cursor"), nil).Want(200)
	if km, _ := next.Value("data", 0, "distance_km").(float64); next.Text("data", 0, "name") != "Day clinic" || km < 200 || km > 212 {
		t.Errorf("the second page: %s", next.Raw)
	}
	for query, code := range map[string]string{
		"near=91,0": "invalid_coordinates", "near=0,181": "invalid_coordinates", "radius_km=5": "nowhere", "sort=distance": "unknown_sort",
		"cursor=" + near.Text("next_cursor"): "unknown_sort",
	} {
		d.Call(d.worker, "GET", "/v1/services?"+query, nil).WantCode(400, code)
	}
}

func TestSearch_PagesHoldEveryServiceOnce(t *testing.T) {
	d := newDirectory(t)
	at := d.location(obj{"latitude": 16.97, "longitude": 7.99}).Want(201).ID()
	for i := range 5 {
		d.service(obj{"name": fmt.Sprint("Service ", i), "sites": list{obj{"location_id": at}}}).Want(201)
	}
	for _, query := range []string{"sort=name", "sort=-name", "sort=created_at", "sort=next_verification_due_on", "near=17,8", "near=17,8&sort=-distance"} {
		var seen []string
		for cursor := ""; ; {
			r := d.Call(d.worker, "GET", "/v1/services?limit=2&include_total=true&"+query+cursor, nil).Want(200)
			for i := range r.Len("data") {
				seen = append(seen, r.Text("data", i, "name"))
			}
			if r.Text("total") != "5" {
				t.Errorf("?%s counts %s", query, r.Text("total"))
			}
			if r.Text("next_cursor") == "" {
				break
			}
			cursor = "&cursor=" + r.Text("next_cursor")
		}
		slices.Sort(seen)
		if len(slices.Compact(seen)) != 5 {
			t.Errorf("?%s pages %v", query, seen)
		}
	}
}

func TestService_IsRefusedWhereItContradictsItself(t *testing.T) {
	d := newDirectory(t)
	theirs := d.Call(d.other, "POST", "/v1/locations", obj{"name": "Elsewhere", "admin1_pcode": "NE002", "time_zone": "Africa/Niamey"}).Want(201).ID()
	ours := d.location(nil).Want(201).ID()
	for pointer, change := range map[string]obj{
		"/organisation_id":    {"organisation_id": nil},
		"/maximum_age":        {"minimum_age": 18, "maximum_age": 17},
		"/contact_email":      {"referral_methods": list{"email"}},
		"/contact_phone":      {"referral_methods": list{"phone"}},
		"/referral_methods":   {"referral_methods": list{"not_accepted", "api"}},
		"/referral_methods/0": {"referral_methods": list{"pigeon"}},
		"/type":               {"type": "nothing"},
		"/sites":              {"sites": list{obj{"location_id": theirs}}},
	} {
		if r := d.service(change).Want(422); r.Text("errors", 0, "pointer") != pointer {
			t.Errorf("%v: %s", change, r.Raw)
		}
	}
	d.service(obj{"organisation_id": uuid.New()}).Want(422)
	d.service(obj{"sites": list{obj{"location_id": ours}, obj{"location_id": ours}}}).Want(422)
	d.service(obj{"sites": list{obj{"location_id": ours, "exceptions": list{obj{"on": "2026-03-09", "opens_at": "08:00"}}}}}).Want(422)
	d.Exec("update organisations set active = false where id = $1", d.provider)
	d.service(nil).Want(422)
	d.Exec("update organisations set active = true where id = $1", d.provider)
	made := d.service(nil).Want(201)
	d.service(nil).WantCode(409, "name_taken")
	d.service(obj{"id": made.ID(), "name": "Other"}).WantCode(409, "id_taken")
	at := "/v1/services/" + made.ID().String()
	d.Call(d.editor, "PATCH", at, obj{"minimum_age": 5, "maximum_age": 4}, apptest.IfMatch(made.ETag())).Want(422)
	d.Call(d.editor, "PATCH", at, obj{"cost": "Free"}, apptest.IfMatch(`"9"`)).WantCode(412, "stale_version")
	d.Call(d.editor, "PATCH", at, obj{"cost": "Free"}).WantCode(428, "if_match_required")
	for pointer, change := range map[string]obj{"/time_zone": {"time_zone": "Mars/Olympus"}, "/latitude": {"longitude": 7.9}} {
		if r := d.location(change).Want(422); r.Text("errors", 0, "pointer") != pointer {
			t.Errorf("%v: %s", change, r.Raw)
		}
	}
	d.location(obj{"id": ours}).WantCode(409, "id_taken")
}
