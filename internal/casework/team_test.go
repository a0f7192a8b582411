package casework_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/waystation/waystation/internal/app/apptest"
)

func TestCase_TeamMemberFromAnotherProfessionSeesTheFile(t *testing.T) {
	d := newDesk(t)
	nurse := d.Staff(d.CentreA, "health_worker")
	id := d.open(nil)
	d.Call(nurse, "GET", d.at(id), nil).WantCode(404, "not_found")
	place := d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": nurse.ID}).Want(201)
	d.Call(nurse, "GET", d.at(id), nil).Want(200)
	d.Call(nurse, "POST", d.at(id, "notes"), obj{"text": "Dressing changed"}).Want(201)
	d.Call(nurse, "POST", d.at(id, "hold"), obj{"reason": "x", "review_on": "2030-01-01"}, match(1)).WantCode(403, "forbidden")
	d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": nurse.ID}).WantCode(409, "already_on_team")
	d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": d.Staff(d.CentreA, "registrar").ID}).WantCode(422, "invalid")
	d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": d.Staff(d.CentreB, "caseworker").ID}).WantCode(422, "invalid")
	team := d.Call(d.worker, "GET", d.at(id, "team"), nil).Want(200)
	if team.Len("data") != 2 || team.Text("data", 0, "role") != "owner" || team.ID("data", 1, "user_id") != nurse.ID {
		t.Errorf("team: %s", team.Raw)
	}
	d.Call(d.worker, "POST", d.at(id, "team", team.ID("data", 0, "id"), "end"), nil, match(1)).WantCode(422, "owner_stays")
	at := place.Header.Get("Location")
	d.Call(d.worker, "POST", at+"/end", nil, match(4)).WantCode(412, "stale_version")
	ended := d.Call(d.worker, "POST", at+"/end", nil, match(1)).Want(200)
	if got := d.Call(d.worker, "GET", at, nil).Want(200); string(got.Raw) != string(ended.Raw) || ended.Text("ended_at") == "" {
		t.Errorf("ended: %s, read: %s", ended.Raw, got.Raw)
	}
	d.Call(d.worker, "POST", at+"/end", nil, match(2)).WantCode(409, "state_conflict")
	d.Call(nurse, "GET", d.at(id), nil).WantCode(404, "not_found")
	d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": nurse.ID}).Want(201)
}

func TestCase_ReassignedFileGoesToTheNewOwner(t *testing.T) {
	d := newDesk(t)
	colleague := d.Staff(d.CentreA, "caseworker")
	for _, sensitivity := range []string{"normal", "restricted"} {
		id := d.open(obj{"sensitivity": sensitivity})
		d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": colleague.ID}).Want(201)
		d.do(d.worker, id, "assign", obj{"owner_id": d.worker.ID}).WantCode(422, "invalid")
		d.do(d.worker, id, "assign", obj{"owner_id": d.Staff(d.CentreA, "health_worker").ID}).WantCode(422, "invalid")
		d.do(d.worker, id, "assign", obj{"owner_id": colleague.ID}).Want(200)
		d.Call(d.worker, "GET", d.at(id), nil).WantCode(404, "not_found")
		team := d.Call(colleague, "GET", d.at(id, "team")+"?current=true", nil).Want(200)
		if team.Len("data") != 1 || team.Text("data", 0, "role") != "owner" || team.ID("data", 0, "user_id") != colleague.ID {
			t.Errorf("%s: team %s", sensitivity, team.Raw)
		}
	}
}

func TestRace_TwoAssignmentsOneWins(t *testing.T) {
	d := newDesk(t)
	colleague := d.Staff(d.CentreA, "caseworker")
	id := d.open(nil)
	heirs := []uuid.UUID{colleague.ID, d.second.ID}
	statuses := apptest.AtOnce(2, func(i int) *apptest.Response {
		return d.Call(d.supervisor, "POST", d.at(id, "assign"), obj{"owner_id": heirs[i]}, match(2))
	})
	var owners int
	d.Scan("select count(*) from case_team t join cases c on c.id = t.case_id and c.owner_id = t.user_id where t.case_id = $1 and t.role = 'owner' and t.ended_at is null", []any{id}, &owners)
	if !slices.Equal(statuses, []int{200, 412}) || owners != 1 {
		t.Errorf("answers %v, %d owners", statuses, owners)
	}
}
