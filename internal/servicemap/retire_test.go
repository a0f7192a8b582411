package servicemap_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/servicemap"
)

func TestLocation_ThatIsRetiredTakesItsOffersOut(t *testing.T) {
	d := newDirectory(t)
	made := d.location(obj{"latitude": 16.97, "longitude": 7.99, "pcode": "NE001001"}).Want(201)
	kept := d.location(obj{"name": "Other"}).Want(201).ID()
	hours := list{obj{"weekday": "MO", "opens_at": "00:00", "closes_at": "00:00"}}
	here := obj{"location_id": made.ID(), "hours": hours}
	d.service(obj{"name": "Here", "sites": list{here}}).Want(201)
	d.service(obj{"name": "Here and there", "sites": list{here, obj{"location_id": kept}}}).Want(201)
	d.service(obj{"name": "Nowhere in particular"}).Want(201)
	at := "/v1/locations/" + made.ID().String()
	finds := func(want map[string]string) {
		t.Helper()
		for query, names := range want {
			if got := strings.Join(d.names(d.worker, query), ", "); got != names {
				t.Errorf("?%s finds %q, want %q", query, got, names)
			}
		}
	}
	both := "Here, Here and there"
	finds(map[string]string{"near=16.97,7.99&sort=distance": both, "pcode=NE001001": both, "open_at=2026-03-02T12:00:00Z": both, "suggested=true": both + ", Nowhere in particular"})
	d.Call(d.other, "POST", at+"/retire", nil, apptest.IfMatch(made.ETag())).WantCode(403, "forbidden")
	d.Call(d.editor, "POST", at+"/reopen", nil, apptest.IfMatch(made.ETag())).WantCode(409, "state_conflict")
	retired := d.Call(d.editor, "POST", at+"/retire", nil, apptest.IfMatch(made.ETag())).Want(200)
	if retired.Text("retired_at") == "" || d.Call(d.worker, "GET", at, nil).Want(200).Text("name") != "Maternité" {
		t.Errorf("retired: %s", retired.Raw)
	}
	finds(map[string]string{"near=16.97,7.99": "", "pcode=NE001001": "", "open_at=2026-03-02T12:00:00Z": "", "suggested=true": "Here and there, Nowhere in particular", "": both + ", Nowhere in particular", "location_id=" + made.ID().String(): both})
	d.Call(d.editor, "POST", at+"/retire", nil, apptest.IfMatch(retired.ETag())).WantCode(409, "state_conflict")
	d.Call(d.editor, "POST", at+"/reopen", nil, apptest.IfMatch(retired.ETag())).Want(200)
	finds(map[string]string{"near=16.97,7.99&sort=distance": both, "suggested=true": both + ", Nowhere in particular"})
}

func TestSearch_ARegionCoversItsDistricts(t *testing.T) {
	d := newDirectory(t)
	d.service(obj{"name": "Country", "coverage_pcodes": list{"NER"}}).Want(201)
	d.service(obj{"name": "District", "coverage_pcodes": list{"NE001006"}}).Want(201)
	d.service(obj{"name": "Region", "coverage_pcodes": list{"NE001"}}).Want(201)
	d.service(obj{"name": "Site", "sites": list{obj{"location_id": d.location(obj{"pcode": "NE001006"}).Want(201).ID()}}}).Want(201)
	for query, want := range map[string]string{
		"NE001006": "Country, District, Region, Site", "NE001": "Country, Region, Site", "NE001001": "Country, Region", "NE008": "Country", "NER": "Country, Site", "MLI": "",
	} {
		if got := strings.Join(d.names(d.worker, "pcode="+query), ", "); got != want {
			t.Errorf("%s is covered by %q, want %q", query, got, want)
		}
	}
}

func TestSearch_HoursRecurAsCalendarsSay(t *testing.T) {
	d := newDirectory(t)
	at := d.location(nil).Want(201).ID() // an hour ahead of UTC
	rule := func(name string, further obj) *apptest.Response {
		return d.service(obj{"name": name, "sites": list{obj{"location_id": at, "hours": list{with(obj{"weekday": "MO", "opens_at": "08:00", "closes_at": "12:00"}, further)}}}})
	}
	rule("Every second", obj{"interval": 2, "starts_on": "2026-03-04"}).Want(201)
	rule("First of the month", obj{"frequency": "MONTHLY", "ordinal": 1}).Want(201)
	rule("Last of the month", obj{"frequency": "MONTHLY", "ordinal": -1}).Want(201)
	rule("Quarterly", obj{"frequency": "MONTHLY", "ordinal": 1, "interval": 3, "starts_on": "2026-02-01"}).Want(201)
	rule("Until spring", obj{"ends_on": "2026-03-16"}).Want(201)
	for day, want := range map[string]string{
		"2026-02-02": "First of the month, Quarterly, Until spring", "2026-03-02": "First of the month, Until spring", "2026-03-09": "Until spring", "2026-03-16": "Every second, Until spring",
		"2026-03-23": "", "2026-03-30": "Every second, Last of the month", "2026-05-04": "First of the month, Quarterly", "2026-03-31": "",
	} {
		if got := strings.Join(d.names(d.worker, "open_at="+day+"T09:00:00Z"), ", "); got != want {
			t.Errorf("on %s %q is open, want %q", day, got, want)
		}
	}
	for _, wrong := range []obj{{"frequency": "MONTHLY"}, {"ordinal": 2}, {"interval": 2}, {"starts_on": "2026-03-04", "ends_on": "2026-03-03"}} {
		rule("Wrong", wrong).Want(422)
	}
}

func TestService_KeepsEverythingThatTheMapTells(t *testing.T) {
	d := newDirectory(t)
	further := obj{"external_code": "S-1", "migration_statuses": list{"irregular"}, "specific_needs": list{"CR-CP"}, "intake_criteria": "Referred by a doctor", "registration_required": true,
		"documents_required": list{"passport"}, "interpretation": "Hausa by telephone", "access_modes": list{"walk_in", "outreach"}, "accessibility": "Ramp", "coverage_extent": "admin1",
		"availability": "weekly", "next_step": "The desk calls back", "feedback_channel": "phone", "feedback_days": 7, "funding_ends_on": "2026-12-31", "source": "Mapping of March"}
	made := d.service(with(obj{}, further)).Want(201)
	at := "/v1/services/" + made.ID().String()
	read := d.Call(d.worker, "GET", at, nil).Want(200)
	for name, value := range further {
		if fmt.Sprint(read.Value(name)) != fmt.Sprint(value) {
			t.Errorf("%s is %v, want %v", name, read.Value(name), value)
		}
	}
	d.service(obj{"name": "Other", "external_code": "S-1"}).WantCode(409, "external_code_taken")
	nothing := obj{"registration_required": false}
	for name, value := range further {
		if _, list := value.(list); list {
			nothing[name] = []string{}
		} else if name != "registration_required" {
			nothing[name] = nil
		}
	}
	cleared := d.Call(d.editor, "PATCH", at, nothing, apptest.IfMatch(made.ETag())).Want(200)
	for name := range further {
		if value := cleared.Value(name); value != nil && value != false && fmt.Sprint(value) != "[]" {
			t.Errorf("%s is still %v", name, value)
		}
	}
	if changes := d.Call(d.worker, "GET", at+"/history", nil).Want(200); changes.Len("data", 0, "fields") != len(further) {
		t.Errorf("the history tells %s", changes.Raw)
	}
}

func TestReminder_AsksForAVerificationOnceBeforeItIsDue(t *testing.T) {
	d := newDirectory(t)
	made, own := d.service(nil).Want(201), d.Call(d.system, "POST", "/v1/services", obj{"name": "Own", "type": "admin_legal", "referral_methods": list{"api"}}).Want(201)
	tasks := func() *apptest.Response {
		d.Tick(servicemap.RemindTick)
		d.Tick(servicemap.RemindTick)
		return d.Call(d.editor, "GET", "/v1/centres/"+d.CentreA.String()+"/tasks?kind=service_verification", nil).Want(200)
	}
	told := func() (n int) {
		d.Scan("select count(*) from events where type = 'service.verification_due' and organisation_id = $1", []any{d.provider}, &n)
		return n
	}
	d.lapse(made.ID(), -15)
	if r := tasks(); r.Len("data") != 0 || told() != 0 {
		t.Errorf("asked too early: %s", r.Raw)
	}
	d.lapse(made.ID(), -14)
	d.lapse(own.ID(), -3)
	if r := tasks(); r.Len("data") != 1 || r.Text("data", 0, "resource_id") != made.ID().String() || r.Text("data", 0, "user_id") != d.editor.ID.String() || told() != 2 {
		t.Errorf("asked %d times: %s", told(), r.Raw)
	}
	d.lapse(made.ID(), 1)
	if r := tasks(); r.Len("data") != 2 { // of the day that passed, which the test set back
		t.Errorf("an overdue one is asked for no more: %s", r.Raw)
	}
	at := "/v1/services/" + made.ID().String()
	d.Call(d.editor, "POST", at+"/verify", obj{"note": "Visited"}, apptest.IfMatch(d.Call(d.editor, "GET", at, nil).ETag())).Want(200)
	if r := tasks(); r.Len("data") != 0 {
		t.Errorf("still asked for: %s", r.Raw)
	}
}

// What a search by place reads does not grow with the map.
func TestSearch_ByPlaceGoesByIndexes(t *testing.T) {
	d := newDirectory(t)
	d.Exec(`insert into service_locations (id, version, created_at, updated_at, organisation_id, confidential, admin1_pcode, name, latitude, longitude, time_zone, areas)
		select gen_random_uuid(), 1, now(), now(), $1, false, 'R' || n / 100, 'Site', -40 + n / 50.0, n / 40.0, 'Africa/Niamey', array['P' || n, 'R' || n / 100] from generate_series(1, 4000) n`, d.provider)
	d.Exec(`insert into services (id, version, created_at, updated_at, organisation_id, name, type, status, public, referral_methods, coverage_pcodes, verified_at, next_verification_due_on, sites)
		select gen_random_uuid(), 1, now(), now(), $1, 'Service ' || id, 'health.consultation', 'active', true, '{api}', array['X' || substr(id::text, 1, 3)], now(), current_date + 90,
			jsonb_build_array(jsonb_build_object('location_id', id)) from service_locations`, d.provider)
	d.Exec("analyze services, service_locations")
	for query, wanted := range map[string][]string{
		"near=0,50&radius_km=20": {"service_locations_place", "service_sites", "services_pkey"},
		"pcode=P2000":            {"service_locations_areas", "service_sites", "service_coverage_pkey", "services_pkey"},
	} {
		plan := d.plan(query)
		for _, index := range wanted {
			if !strings.Contains(plan, index) {
				t.Errorf("?%s does without %s:\n%s", query, index, plan)
			}
		}
		if strings.Contains(plan, "Seq Scan on services") || strings.Contains(plan, "Seq Scan on service_locations") {
			t.Errorf("?%s reads a table from end to end:\n%s", query, plan)
		}
	}
}

// plan explains a search as it is asked for.
func (d *directory) plan(query string) (plan string) {
	d.T.Helper()
	err := d.App.DB.InTx(context.Background(), db.Scope{Centres: nil, ActorID: d.worker.ID, ActorKind: "user"}, func(ctx context.Context) error {
		sql, args := servicemap.Statement(d.App.DB.Models(), query)
		tx, err := db.Pgx(ctx)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "explain "+sql, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				return err
			}
			plan += line + "\n"
		}
		return rows.Err()
	})
	if err != nil {
		d.T.Fatal(err)
	}
	return plan
}
