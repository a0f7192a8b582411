package servicemap_test

import (
	"encoding/csv"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// takes exports a list of the map.
func (d *directory) takes(who apptest.Person, list string) string {
	d.T.Helper()
	return string(d.Call(who, "GET", "/v1/"+list, nil, apptest.Header{Name: "Accept", Value: "text/csv"}).Want(200).Raw)
}

// reads imports a file and tells what became of its rows: created, updated, unchanged, rejected.
func (d *directory) reads(who apptest.Person, kind, mode, file string) (string, *apptest.Response) {
	d.T.Helper()
	r := d.Call(who, "POST", "/v1/service-map/imports?kind="+kind+"&mode="+mode, file, apptest.Header{Name: "Content-Type", Value: "text/csv"}).Want(200)
	return fmt.Sprint(r.Value("created"), r.Value("updated"), r.Value("unchanged"), r.Value("rejected")), r
}

func (d *directory) rows() (sum string) {
	d.T.Helper()
	d.Scan("select md5(string_agg(t::text, '' order by t::text)) from (select s::text as t from services s union all select l::text from service_locations l) all_rows", nil, &sum)
	return sum
}

func TestMap_ExportedAndImportedAgainIsAsItWas(t *testing.T) {
	d := newDirectory(t)
	at := d.location(obj{"latitude": 16.97, "longitude": -7.99, "address": "=1+1", "pcode": "NE001006"}).Want(201).ID()
	secret := d.location(obj{"name": "Villa Bleue", "address": "Rue des Jardins 7", "confidential": true}).Want(201).ID()
	d.service(obj{"name": "-Care; for \"mothers\"", "external_code": "S1", "description": "a\nb", "languages": list{"fr", "ha"}, "minimum_age": 3, "public": false, "funding_ends_on": "2026-12-31", "access_modes": list{"walk_in", "outreach"},
		"sites": list{obj{"location_id": at, "hours": list{obj{"weekday": "MO", "opens_at": "08:00", "closes_at": "12:00"}}, "exceptions": list{obj{"on": "2026-08-03"}}}, obj{"location_id": secret}}}).Want(201)
	d.service(obj{"name": "Plain"}).Want(201)
	before, services, locations := d.rows(), d.takes(d.editor, "services"), d.takes(d.editor, "locations")
	for _, word := range []string{"Villa", "Jardins"} {
		if strings.Contains(d.takes(d.system, "locations")+d.takes(d.operator, "locations")+services+locations, word) {
			t.Errorf("an export tells %q", word)
		}
	}
	if !strings.Contains(locations, "'=1+1") || !strings.Contains(locations, secret.String()) {
		t.Errorf("exported: %s", locations)
	}
	for _, who := range []apptest.Person{d.editor, d.system, d.operator} {
		for _, mode := range []string{"dry_run", "commit"} {
			if got, r := d.reads(who, "services", mode, services); got != "0 0 2 0" {
				t.Errorf("services, %s: %s", mode, r.Raw)
			}
			if got, r := d.reads(who, "locations", mode, locations); got != "0 0 2 0" {
				t.Errorf("locations, %s: %s", mode, r.Raw)
			}
		}
	}
	if d.rows() != before {
		t.Error("the map is another")
	}
}

func TestImport_IsTriedBeforeItIsDone(t *testing.T) {
	d := newDirectory(t)
	made := d.service(obj{"name": "Old name"}).Want(201)
	file := strings.Join([]string{
		"id,external_code,organisation_id,name,type,referral_methods,languages,cost",
		made.ID().String() + ",,,New name,,,,Free",
		",S2," + d.provider.String() + ",Second,admin_legal,api;database,fr;ar,",
		",," + d.provider.String() + ",Third,nothing,api,,",
		",," + d.provider.String() + ",,admin_legal,,,",
		",," + uuid.NewString() + ",Fourth,admin_legal,api,,",
		",," + d.provider.String() + ",Fifth,admin_legal",
		",S2," + d.provider.String() + ",Second,,,,Much",
	}, "\n")
	before := d.rows()
	for _, mode := range []string{"dry_run", "commit"} {
		got, r := d.reads(d.editor, "services", mode, file)
		var told []string
		for i := range r.Len("errors") {
			told = append(told, fmt.Sprint(r.Value("errors", i, "row"), r.Text("errors", i, "pointer"), " ", r.Text("errors", i, "code")))
		}
		if want := "4/type unknown_code, 5/name required, 5/referral_methods required, 6/organisation_id unknown_organisation, 7 cells"; got != "1 2 0 4" || strings.Join(told, ", ") != want || r.Value("dry_run") != (mode == "dry_run") {
			t.Errorf("%s: %s", mode, r.Raw)
		}
		if (d.rows() == before) != (mode == "dry_run") {
			t.Errorf("%s: saved %v", mode, mode == "dry_run")
		}
	}
	if got := strings.Join(d.names(d.worker, ""), ", "); got != "New name, Second" {
		t.Errorf("the map holds %q", got)
	}
	if got, r := d.reads(d.editor, "services", "commit", "external_code,organisation_id,name,cost\nS2,"+d.provider.String()+",Renamed,\n"); got != "0 1 0 0" {
		t.Errorf("by the external code: %s", r.Raw)
	}
	kept := d.Call(d.worker, "GET", "/v1/services?q=Renamed", nil).Want(200)
	if kept.Text("data", 0, "cost") != "Much" || kept.Len("data", 0, "languages") != 2 {
		t.Errorf("an empty cell took something away: %s", kept.Raw)
	}
}

func TestImport_IsForThoseWhoKeepTheMap(t *testing.T) {
	d := newDirectory(t)
	made, place := d.service(nil).Want(201), d.location(obj{"name": "Villa Bleue", "confidential": true}).Want(201)
	d.Call(d.worker, "POST", "/v1/service-map/imports?kind=services", "name\nx\n", apptest.Header{Name: "Content-Type", Value: "text/csv"}).WantCode(403, "forbidden")
	for kind, file := range map[string]string{"services": "id,cost\n" + made.ID().String() + ",Much\n", "locations": "id,name\n" + place.ID().String() + ",Ours\n"} {
		got, r := d.reads(d.other, kind, "commit", file)
		if got != "0 0 0 1" || r.Text("errors", 0, "code") != "forbidden" {
			t.Errorf("another organisation: %s", r.Raw)
		}
	}
	if got, r := d.reads(d.editor, "locations", "commit", "id,name\n"+place.ID().String()+",Ours\n"); got != "0 0 0 1" {
		t.Errorf("who may not know the place: %s", r.Raw)
	}
	if got, r := d.reads(d.other, "locations", "commit", "name,admin1_pcode,time_zone,latitude,longitude\nOurs,NE001,Africa/Niamey,16.97,7.99\nHalf,NE001,Africa/Niamey,16.97,\nOurs,NE002,Africa/Niamey,,\n"); got != "1 1 0 1" || r.Text("errors", 0, "pointer") != "/latitude" {
		t.Errorf("its own: %s", r.Raw)
	}
	for _, file := range []string{"colour\nred\n", "", "name\n\"x\n", "name\n" + strings.Repeat("x\n", 5001)} {
		d.Call(d.editor, "POST", "/v1/service-map/imports?kind=services", file, apptest.Header{Name: "Content-Type", Value: "text/csv"}).Want(422)
	}
	if head, err := csv.NewReader(strings.NewReader(d.takes(d.editor, "services"))).Read(); err != nil || strings.Join(head[:6], " ") != "id external_code organisation_id name type status" {
		t.Errorf("%v %v", head, err)
	}
}
