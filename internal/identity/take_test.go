package identity_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

func (d desk) mergeTaking(duplicate, survivor uuid.UUID, take ...string) *apptest.Response {
	d.T.Helper()
	return d.Call(d.supervisor, "POST", d.path(duplicate)+"/merge", obj{"survivor_id": survivor, "survivor_version": d.version(survivor), "reason": "One person", "take": take}, tag(d.version(duplicate)))
}

func TestMerge_TakesChosenValuesAndGivesThemBack(t *testing.T) {
	d := open(t)
	ageless := person(obj{"answers": obj{"phone": "declined", "birth_date": "unknown"}})
	delete(ageless, "birth_date")
	survivor := d.Call(d.registrar, "POST", d.at+"/beneficiaries", ageless).Want(201).ID()
	duplicate := d.register(obj{"given_name": "Mamadou Alpha", "birth_date": "1999-01-01", "birth_date_precision": "year", "phone": "+227 90 11 22 33", "nationalities": []string{"GIN", "MLI"},
		"answers": obj{"languages": "declined"}, "acknowledged_duplicates": []uuid.UUID{survivor}}).Want(201).ID()
	d.Call(d.registrar, "PATCH", d.path(survivor), obj{"languages": []string{"ff"}}, tag(1)).Want(200)
	seen := d.Call(d.supervisor, "POST", d.path(duplicate)+"/merge/preview", obj{"survivor_id": survivor}).Want(200)
	values := map[string][2]any{}
	for i := range seen.Len("differences") {
		values[seen.Text("differences", i, "field")] = [2]any{seen.Value("differences", i, "duplicate"), seen.Value("differences", i, "survivor")}
	}
	if values["given_name"] != [2]any{"Mamadou Alpha", "Mamadou"} || values["phone"] != [2]any{"+227 90 11 22 33", nil} || len(values) != 5 ||
		seen.Text("differences", 1, "duplicate", "date") != "1999-01-01" || seen.Text("differences", 1, "duplicate", "precision") != "year" || values["birth_date"][1] != nil {
		t.Errorf("preview %s", seen.Raw)
	}
	before, version := dump(t, d.House, d.CentreA), d.version(survivor)
	d.mergeTaking(duplicate, survivor, "given_name", "birth_date", "phone", "nationalities", "languages").Want(200)
	now := d.Call(d.registrar, "GET", d.path(survivor), nil).Want(200)
	if now.Text("given_name") != "Mamadou Alpha" || now.Text("birth_date") != "1999-01-01" || now.Text("birth_date_precision") != "year" || now.Text("phone") != "+227 90 11 22 33" ||
		now.Len("nationalities") != 2 || now.Len("languages") != 0 || now.Value("answers", "phone") != nil || now.Text("answers", "languages") != "declined" || d.version(survivor) != version+1 {
		t.Errorf("the survivor is %s", now.Raw)
	}
	if n := d.count("audit_events where resource = 'beneficiaries' and action = 'update' and operation = 'mergeBeneficiary' and actor_id = '" + d.supervisor.ID.String() +
		"' and subject_ids[1] = '" + survivor.String() + "' and after ? 'version'"); n != 1 {
		t.Errorf("%d lines in the trail", n)
	}
	if n := d.count("audit_events where (before || after)::text like '%90 11 22 33%' and resource = 'merges'"); n != 0 {
		t.Error("the trail of merges keeps values")
	}
	if found := d.Call(d.registrar, "GET", d.at+"/beneficiaries?q=90112233", nil).Want(200); found.Len("data") != 1 || found.ID("data", 0, "id") != survivor {
		t.Errorf("searches find %s", found.Raw)
	}
	d.unmerge(duplicate).Want(200)
	same(t, before, dump(t, d.House, d.CentreA))
	if d.version(survivor) != version+2 {
		t.Error("the undo is no version of the survivor")
	}
}

func TestMerge_WhatWasCorrectedSinceStays(t *testing.T) {
	d := open(t)
	duplicate, survivor := d.two()
	d.mergeTaking(duplicate, survivor, "given_name", "family_name").Want(200)
	d.Call(d.registrar, "PATCH", d.path(survivor), obj{"given_name": "Mamadou Bailo"}, tag(d.version(survivor))).Want(200)
	d.unmerge(duplicate).Want(200)
	if now := d.Call(d.registrar, "GET", d.path(survivor), nil).Want(200); now.Text("given_name") != "Mamadou Bailo" || now.Text("family_name") != "Diallo" {
		t.Errorf("the survivor is %s", now.Raw)
	}
}

func TestMerge_TakenValuesKeepTheRules(t *testing.T) {
	d := open(t)
	survivor := d.register(obj{"reception_on": "2024-01-01"}).Want(201).ID()
	duplicate := d.register(obj{"birth_date": "2025-06-01", "consent": obj{"decision": "given", "giver": "caregiver", "method": "written"}}).Want(201).ID()
	if r := d.mergeTaking(duplicate, survivor, "birth_date").WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != "/birth_date" {
		t.Errorf("refused with %s", r.Raw)
	}
	d.mergeTaking(duplicate, survivor, "status").WantCode(422, "invalid")
	if d.count("merges") != 0 {
		t.Error("something was merged")
	}
}

func TestDuplicates_AMergeTakesValuesToo(t *testing.T) {
	d := open(t)
	first, _, line := d.pair()
	body := obj{"decision": "merge", "reason": "One person", "survivor_id": first, "survivor_version": 1, "duplicate_version": 1, "take": []string{"given_name"}}
	d.Call(d.supervisor, "POST", line+"/decide", body, tag(1)).Want(200)
	if now := d.Call(d.registrar, "GET", d.path(first), nil).Want(200); now.Text("given_name") != "Jallow" {
		t.Errorf("the survivor is %s", now.Raw)
	}
}

func TestMerge_AScanThatGoesBackLeavesTheDocumentRecordedSince(t *testing.T) {
	d := open(t)
	duplicate, survivor := d.two()
	s := d.scene(first)
	s.attach(duplicate)
	var scan uuid.UUID
	d.Scan("select id from attachments", nil, &scan)
	d.merge(duplicate, survivor).Want(200)
	made := d.Call(d.registrar, "POST", d.path(survivor)+"/documents", obj{"type": "passport", "attachment_id": scan}).Want(201)
	d.unmerge(duplicate).Want(200)
	if now := d.Call(d.registrar, "GET", d.path(survivor)+"/documents/"+made.ID().String(), nil).Want(200); now.Value("attachment_id") != nil {
		t.Errorf("the document shows the scan of somebody else: %s", now.Raw)
	}
}
