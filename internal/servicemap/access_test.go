package servicemap_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

func TestPartner_ReadsPublicEntriesAndKeepsItsOwnAlone(t *testing.T) {
	d := newDirectory(t)
	body := obj{"name": "Written by us", "type": "admin_legal", "referral_methods": list{"api"}}
	own := d.Call(d.system, "POST", "/v1/services", body).Want(201)
	if own.Text("organisation_id") != d.provider.String() {
		t.Errorf("entered for %s", own.Text("organisation_id"))
	}
	hidden := d.service(obj{"name": "For staff", "public": false}).Want(201)
	shown := "/v1/services/" + own.ID().String()
	secret := "/v1/services/" + hidden.ID().String()
	for name, c := range map[string]struct {
		person apptest.Person
		finds  string
		status int
	}{
		"staff": {d.worker, "For staff, Written by us", 200}, "the provider": {d.system, "For staff, Written by us", 200}, "another organisation": {d.other, "Written by us", 404},
	} {
		if got := strings.Join(d.names(c.person, ""), ", "); got != c.finds {
			t.Errorf("%s finds %q", name, got)
		}
		d.Call(c.person, "GET", shown, nil).Want(200)
		d.Call(c.person, "GET", secret, nil).Want(c.status)
		d.Call(c.person, "GET", secret+"/history", nil).Want(c.status)
	}
	d.Call(d.other, "PATCH", shown, obj{"cost": "Much"}, apptest.IfMatch(own.ETag())).WantCode(403, "forbidden")
	d.Call(d.other, "POST", shown+"/verify", obj{"note": "x"}, apptest.IfMatch(own.ETag())).WantCode(403, "forbidden")
	d.Call(d.other, "PATCH", secret, obj{"cost": "Much"}, apptest.IfMatch(hidden.ETag())).WantCode(404, "not_found")
	d.Call(d.other, "POST", "/v1/services", with(body, obj{"organisation_id": d.provider, "name": "Theirs"})).WantCode(403, "forbidden")
	d.Call(d.other, "POST", "/v1/locations", obj{"organisation_id": d.provider, "name": "x", "admin1_pcode": "NE001", "time_zone": "Africa/Niamey"}).WantCode(403, "forbidden")
	place := d.location(nil).Want(201)
	d.Call(d.other, "PATCH", "/v1/locations/"+place.ID().String(), obj{"name": "Ours"}, apptest.IfMatch(place.ETag())).WantCode(403, "forbidden")
	d.Call(d.system, "PATCH", shown, obj{"cost": "Free"}, apptest.IfMatch(own.ETag())).Want(200)
	for _, person := range []apptest.Person{d.editor, d.operator} {
		at := d.Call(person, "GET", shown, nil).Want(200).ETag()
		d.Call(person, "PATCH", shown, obj{"cost": "Free of charge"}, apptest.IfMatch(at)).Want(200)
	}
	d.Call(d.worker, "PATCH", shown, obj{"cost": "Free"}, apptest.IfMatch(`"1"`)).WantCode(403, "forbidden")
	d.Call(d.worker, "POST", "/v1/services", body).WantCode(403, "forbidden")
	d.Call(d.Client(d.provider, "partner:referrals"), "GET", "/v1/services", nil).WantCode(403, "forbidden")
}

func TestDatabase_RefusesAPartnerWhatIsAnothers(t *testing.T) {
	d := newDirectory(t)
	made := d.service(nil).Want(201)
	tx, err := d.Owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), `set local role waystation_app`); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `select set_config('app.organisation_id', $1, true), set_config('app.trail', '{"actor_kind": "client"}', true)`, uuid.NewString()); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "update services set cost = 'Much' where id = $1", made.ID()); err == nil || !strings.Contains(err.Error(), "row-level security") {
		t.Errorf("changed: %v", err)
	}
}

// A safe shelter must not be found through the map: not by reading it, nor by searching, following or changing it.
func TestConfidentialLocation_IsToldByItsRegionAlone(t *testing.T) {
	d := newDirectory(t)
	secrets := obj{"name": "Villa Bleue", "address": "Rue des Jardins 7", "pcode": "NE001009", "latitude": 16.9731, "longitude": 7.9911, "confidential": true}
	made := d.location(secrets).Want(201)
	at := "/v1/locations/" + made.ID().String()
	d.service(obj{"name": "Safe shelter", "type": "accommodation.safe_shelter", "sites": list{obj{"location_id": made.ID()}}}).Want(201)
	quiet := func(who, where string, r *apptest.Response) {
		t.Helper()
		for _, word := range []string{"Villa", "Jardins", "NE001009", "16.97", "7.99", "latitude", "longitude"} {
			if strings.Contains(string(r.Raw), word) {
				t.Errorf("%s reads %q in %s: %s", who, word, where, r.Raw)
			}
		}
	}
	quiet("the editor", "the answer of the entry", made)
	for who, person := range map[string]apptest.Person{"the editor": d.editor, "a caseworker": d.worker, "another organisation": d.other} {
		for _, path := range []string{at, "/v1/locations", "/v1/locations?limit=1", "/v1/services", "/v1/services?pcode=NE001"} {
			r := d.Call(person, "GET", path, nil).Want(200)
			quiet(who, path, r)
			if !strings.Contains(string(r.Raw), made.ID().String()) {
				t.Errorf("%s does not see in %s that it exists: %s", who, path, r.Raw)
			}
		}
		for _, path := range []string{"/v1/services?near=16.9731,7.9911&radius_km=1", "/v1/services?near=16.9731,7.9911", "/v1/services?pcode=NE001009", "/v1/services?q=Villa"} {
			if r := d.Call(person, "GET", path, nil).Want(200); r.Len("data") > 0 {
				t.Errorf("%s finds it by %s", who, path)
			}
		}
		d.Call(person, "PATCH", at, obj{"confidential": false}, apptest.IfMatch(made.ETag())).Want(403)
	}
	changes := d.Call(d.operator, "PATCH", at, obj{"address": "Rue des Jardins 9"}, apptest.IfMatch(made.ETag())).Want(200)
	for who, person := range map[string]apptest.Person{"the provider": d.system, "an operator": d.operator} {
		if r := d.Call(person, "GET", at, nil).Want(200); r.Text("address") != "Rue des Jardins 9" || r.Text("latitude") != "16.9731" {
			t.Errorf("%s reads %s", who, r.Raw)
		}
	}
	stale := d.Call(d.editor, "PATCH", at, obj{"confidential": false}, apptest.IfMatch(made.ETag())).Want(412)
	quiet("the editor", "a stale change", stale)
	var lines, told string
	d.Scan("select string_agg(coalesce(before::text, '') || coalesce(after::text, ''), ' '), (select string_agg(type || data::text, ' ') from events where resource = 'service_location') from audit_events where resource = 'service_locations'", nil, &lines, &told)
	for _, word := range []string{"Villa", "Jardins", "NE001009", "16.97"} {
		if strings.Contains(lines+told, word) {
			t.Errorf("the trail or the feed keeps %q", word)
		}
	}
	if told == "" {
		t.Error("no event tells of the location")
	}
	d.Call(d.system, "PATCH", at, obj{"confidential": false}, apptest.IfMatch(changes.ETag())).Want(200)
	if r := d.Call(d.worker, "GET", at, nil).Want(200); r.Text("address") != "Rue des Jardins 9" {
		t.Errorf("no longer confidential: %s", r.Raw)
	}
}
