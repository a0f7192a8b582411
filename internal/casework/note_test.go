package casework_test

import (
	"testing"
	"time"
)

// duty D12
func TestNote_KeepsWhatItSaid(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	made := d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "Slept well"}).Want(201)
	at := made.Header.Get("Location")
	if made.ID("author_id") != d.worker.ID || made.Text("late") != "false" || made.Text("edited_at") != "" {
		t.Errorf("made: %s", made.Raw)
	}
	if d.Call(d.worker, "GET", d.at(id), nil).Want(200).Text("responded_at") == "" {
		t.Error("the first note answers the first response")
	}
	edited := d.Call(d.worker, "PATCH", at, obj{"text": "Slept little"}, match(1)).Want(200)
	d.Call(d.worker, "PATCH", at, obj{"text": "Slept well"}, match(1)).WantCode(412, "stale_version")
	d.Call(d.supervisor, "PATCH", at, obj{"text": "x"}, match(2)).WantCode(403, "forbidden")
	if edited.Text("edited_at") == "" || edited.Text("text") != "Slept little" {
		t.Errorf("edited: %s", edited.Raw)
	}
	versions := d.Call(d.supervisor, "GET", at+"/versions", nil).Want(200)
	if versions.Len("data") != 1 || versions.Text("data", 0, "text") != "Slept well" || versions.Text("data", 0, "number") != "1" || versions.Text("data", 0, "written_at") != made.Text("created_at") {
		t.Errorf("versions: %s", versions.Raw)
	}
	colleague := d.Staff(d.CentreA, "caseworker")
	d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": colleague.ID}).Want(201)
	d.Call(colleague, "POST", at+"/void", obj{"reason": "x"}, match(2)).WantCode(403, "forbidden")
	void := d.Call(d.supervisor, "POST", at+"/void", obj{"reason": "Of another case"}, match(2)).Want(200)
	if void.Value("text") != nil || void.Text("void_reason") != "Of another case" || void.ID("voided_by") != d.supervisor.ID {
		t.Errorf("void: %s", void.Raw)
	}
	d.Call(d.worker, "POST", at+"/void", obj{"reason": "x"}, match(3)).WantCode(409, "state_conflict")
	d.Call(d.worker, "PATCH", at, obj{"text": "x"}, match(3)).WantCode(409, "state_conflict")
	if n := d.Call(d.worker, "GET", d.at(id, "notes"), nil).Want(200).Len("data"); n != 0 {
		t.Errorf("%d notes are listed", n)
	}
	if all := d.Call(d.worker, "GET", d.at(id, "notes")+"?include_voided=true", nil).Want(200); all.Len("data") != 1 || all.Value("data", 0, "text") != nil {
		t.Errorf("with the voided: %s", all.Raw)
	}
	if n := d.Call(d.worker, "GET", at+"/versions", nil).Want(200).Len("data"); n != 2 {
		t.Errorf("%d versions: nothing is ever lost", n)
	}
	d.Call(d.worker, "DELETE", at, nil).Want(405)
}

func TestNote_LateEntryIsMarked(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	for hours, late := range map[int]string{47: "false", 49: "true"} {
		n := d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "x", "occurred_at": time.Now().Add(-time.Duration(hours) * time.Hour)}).Want(201)
		if n.Text("late") != late {
			t.Errorf("%d hours behind: %s", hours, n.Raw)
		}
	}
	d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "x", "occurred_at": time.Now().Add(time.Hour)}).WantCode(422, "invalid")
	page := d.Call(d.worker, "GET", d.at(id, "notes")+"?sort=occurred_at&limit=1", nil).Want(200)
	if page.Text("data", 0, "late") != "true" || page.Text("next_cursor") == "" {
		t.Errorf("oldest first: %s", page.Raw)
	}
}
