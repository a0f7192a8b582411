package identity_test

import (
	"testing"

	"github.com/google/uuid"
)

func TestMerges_TellWhatCameFromWhom(t *testing.T) {
	d := open(t)
	duplicate, survivor := d.two()
	last := d.register(obj{"given_name": "Alpha", "birth_date": "1980-01-01"}).Want(201).ID()
	need := d.Call(d.registrar, "POST", d.path(duplicate)+"/needs", obj{"code_system": "migrant_vulnerability", "code": "stranded", "confidence": "self_reported"}).Want(201).ID()
	d.Call(d.registrar, "POST", d.path(duplicate)+"/relationships", obj{"relative_id": survivor, "kind": "sibling"}).Want(201)
	d.Call(d.registrar, "POST", d.path(survivor)+"/names", obj{"kind": "nickname", "given_name": "Modou"}).Want(201)
	d.merge(duplicate, survivor).Want(200)
	d.merge(survivor, last).Want(200)
	list := d.Call(d.supervisor, "GET", d.path(last)+"/merges?include_total=true", nil).Want(200)
	if list.Len("data") != 2 || list.Text("total") != "2" || list.ID("data", 0, "duplicate_id") != survivor || list.ID("data", 1, "duplicate_id") != duplicate ||
		list.ID("data", 0, "merged_by") != d.supervisor.ID || list.Text("data", 0, "undo_until") == "" {
		t.Errorf("merges %s", list.Raw)
	}
	rows := d.path(last) + "/merges/" + list.ID("data", 1, "id").String() + "/rows"
	needs := d.Call(d.supervisor, "GET", rows+"?resource=specific_needs", nil).Want(200)
	if needs.Len("data") != 1 || needs.ID("data", 0, "resource_id") != need || needs.Text("data", 0, "fate") != "moved" || needs.Text("data", 0, "fields", 0) != "beneficiary_id" {
		t.Errorf("needs %s", needs.Raw)
	}
	if kin := d.Call(d.supervisor, "GET", rows+"?resource=relationships", nil).Want(200); kin.Len("data") != 1 || kin.Text("data", 0, "fate") != "stayed" {
		t.Errorf("relationships %s", kin.Raw)
	}
	seen := map[string]bool{}
	for next := rows + "?limit=1&include_total=true"; next != ""; {
		page := d.Call(d.supervisor, "GET", next, nil).Want(200)
		if page.Text("total") != "3" { // a need, a consent and the relationship
			t.Fatalf("page %s", page.Raw)
		}
		seen[page.Text("data", 0, "id")] = true
		next = ""
		if cursor := page.Text("next_cursor"); cursor != "" {
			next = rows + "?limit=1&include_total=true&cursor=" + cursor
		}
	}
	if len(seen) != 3 {
		t.Errorf("pages show %d rows", len(seen))
	}
	if n := d.count("audit_events where operation = 'listMergeRows' and action = 'read' and resource = 'merge_rows'"); n == 0 {
		t.Error("reading provenance leaves no line")
	}
	d.Call(d.supervisor, "GET", d.path(last)+"/merges/"+uuid.NewString()+"/rows", nil).WantCode(404, "not_found")
	d.Call(d.registrar, "GET", rows, nil).Want(403)
	d.Call(d.supervisor, "GET", d.path(uuid.New())+"/merges", nil).WantCode(404, "not_found")
	d.unmerge(survivor).Want(200)
	if after := d.Call(d.supervisor, "GET", d.path(last)+"/merges", nil).Want(200); after.Len("data") != 1 || after.Text("data", 0, "undone_at") == "" {
		t.Errorf("after the undo %s", after.Raw)
	}
	d.Call(d.supervisor, "GET", rows, nil).WantCode(404, "not_found") // it is no merge into this person any more
}

// rule 26
func TestMerges_TellNothingOfARestrictedFile(t *testing.T) {
	d := open(t)
	duplicate, survivor := d.two()
	team := d.Staff(d.CentreA, "caseworker", "case_supervisor")
	rowsOf := func() string {
		merge := d.Call(d.supervisor, "GET", d.path(survivor)+"/merges", nil).Want(200).ID("data", 0, "id")
		return d.path(survivor) + "/merges/" + merge.String() + "/rows?include_total=true"
	}
	d.merge(duplicate, survivor).Want(200)
	before := d.Call(d.supervisor, "GET", rowsOf(), nil).Want(200)
	d.unmerge(duplicate).Want(200)
	kase := d.Call(team, "POST", d.at+"/cases", obj{"beneficiary_id": duplicate, "source": "walk_in", "risk_level": "low", "owner_id": team.ID, "sensitivity": "restricted"}).Want(201).ID()
	d.Exec(`insert into specific_needs (centre_id, id, version, created_at, updated_at, beneficiary_id, code_system, code, sensitivity, confidence)
		values ($1, gen_random_uuid(), 1, now(), now(), $2, 'migrant_vulnerability', 'gbv', 'restricted', 'observed')`, d.CentreA, duplicate)
	d.Exec("insert into tasks (centre_id, id, version, created_at, updated_at, key, kind, resource, resource_id, case_id, beneficiary_id, role, due_at, status) values ($1, gen_random_uuid(), 1, now(), now(), 'x', 'turning_18', 'case', $2, $2, $3, 'caseworker', now(), 'open')", d.CentreA, kase, duplicate)
	d.merge(duplicate, survivor).Want(200)
	after := d.Call(d.supervisor, "GET", rowsOf(), nil).Want(200)
	if after.Text("total") != before.Text("total") || after.Len("data") != before.Len("data") {
		t.Errorf("without the file %s, with it %s", before.Raw, after.Raw)
	}
	own := d.Call(team, "GET", rowsOf(), nil).Want(200)
	if own.Len("data") != before.Len("data")+3 || d.Call(team, "GET", rowsOf()+"&resource=cases", nil).Want(200).ID("data", 0, "resource_id") != kase {
		t.Errorf("its own team sees %s", own.Raw)
	}
}
