package casework_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
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

// duty D9: whoever is mentioned finds a task, once, and only who may read the case can be.
func TestNote_MentionsCallThoseWhoMayReadTheCase(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	colleague, guest, stranger := d.Staff(d.CentreA, "caseworker"), d.Staff(d.CentreA, "caseworker"), d.Staff(d.CentreA, "caseworker")
	walled := d.Staff(d.CentreA, "case_supervisor")
	d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": colleague.ID}).Want(201)
	d.Call(d.worker, "POST", d.at(id, "walls"), obj{"user_id": walled.ID, "reason": "A cousin"}).Want(201)
	meeting := d.Call(d.worker, "POST", d.at(id, "conferences"), obj{"scheduled_at": time.Now().Add(time.Hour), "purpose": "x"}).Want(201)
	d.Call(d.worker, "POST", meeting.Header.Get("Location")+"/invitations", obj{"user_id": guest.ID}).Want(201)
	var refusals []string
	for _, no := range []uuid.UUID{uuid.New(), stranger.ID, walled.ID, d.Staff(d.CentreB, "case_supervisor").ID, d.Staff(d.CentreA, "registrar").ID} {
		r := d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "x", "mentions": []uuid.UUID{colleague.ID, no}}).WantCode(422, "invalid")
		refusals = append(refusals, r.Text("errors", 0, "code")+r.Text("errors", 0, "detail")+r.Text("errors", 0, "pointer"))
	}
	if slices.Sort(refusals); len(slices.Compact(refusals)) != 1 {
		t.Errorf("refused in %d ways: %q", len(refusals), refusals)
	}
	made := d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "See her ear", "mentions": []uuid.UUID{colleague.ID, guest.ID, colleague.ID}}).Want(201)
	at := made.Header.Get("Location")
	if made.Len("mentions") != 2 || d.mentioned(colleague) != 1 || d.mentioned(guest) != 1 || d.mentioned(d.second) != 0 {
		t.Errorf("%s: %d tasks, %d", made.Raw, d.mentioned(colleague), d.mentioned(guest))
	}
	edited := d.Call(d.worker, "PATCH", at, obj{"text": "See her left ear", "mentions": []uuid.UUID{colleague.ID, d.second.ID}}, match(1)).Want(200)
	if edited.Len("mentions") != 2 || d.mentioned(colleague) != 1 || d.mentioned(d.second) != 1 {
		t.Errorf("%s: %d tasks, %d", edited.Raw, d.mentioned(colleague), d.mentioned(d.second))
	}
	d.Call(d.worker, "PATCH", at, obj{"mentions": []uuid.UUID{stranger.ID}}, match(2)).WantCode(422, "invalid")
	if kept := d.Call(d.worker, "PATCH", at, obj{"text": "Both ears"}, match(2)).Want(200); kept.Len("mentions") != 2 {
		t.Errorf("an edit of the text forgets: %s", kept.Raw)
	}
	d.Call(d.worker, "POST", at+"/void", obj{"reason": "Of another case"}, match(3)).Want(200)
	if d.mentioned(colleague)+d.mentioned(guest)+d.mentioned(d.second) != 0 {
		t.Error("a note that was voided still calls")
	}
	var told int
	if d.Scan("select count(*) from events where data::text ~ 'ear'", nil, &told); told != 0 {
		t.Errorf("the feed tells %d", told)
	}
}

// mentioned counts the tasks to read a note that wait for somebody.
func (d *desk) mentioned(who apptest.Person) int {
	return d.Call(who, "GET", "/v1/centres/"+d.CentreA.String()+"/tasks?mine=true&kind=mention", nil).Want(200).Len("data")
}

// rule 26
func TestNote_OfARestrictedCaseMentionsItsTeamAlone(t *testing.T) {
	d := newDesk(t)
	id := d.open(obj{"sensitivity": "restricted"})
	d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "x", "mentions": []uuid.UUID{d.supervisor.ID}}).WantCode(422, "invalid")
	d.Call(d.supervisor, "POST", d.at(id, "break-glass"), obj{"reason": "In hospital"}).Want(201)
	d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "x", "mentions": []uuid.UUID{d.supervisor.ID}}).Want(201)
	if d.mentioned(d.supervisor) != 1 {
		t.Error("behind broken glass nobody is called")
	}
}
