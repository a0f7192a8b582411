package casework_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

func TestCase_MergedLeadsToTheSurvivorAndBack(t *testing.T) { // rule 29
	d := newDesk(t)
	who := person(d.House, true)
	survivor, other := d.open(obj{"beneficiary_id": who}), d.open(nil)
	id := d.open(obj{"beneficiary_id": who})
	body := obj{"survivor_id": survivor, "reason": "Registered twice"}
	d.do(d.worker, id, "merge", body).WantCode(403, "forbidden")
	for name, to := range map[string]uuid.UUID{"another person": other, "itself": id, "unknown": uuid.New()} {
		d.do(d.supervisor, id, "merge", obj{"survivor_id": to, "reason": "x"}).WantCode(422, "invalid")
		_ = name
	}
	merged := d.do(d.supervisor, id, "merge", body).Want(200)
	if merged.Text("status") != "duplicate" || merged.ID("duplicate_of") != survivor {
		t.Errorf("merged: %s", merged.Raw)
	}
	if led := d.Call(d.worker, "GET", d.at(id), nil).Want(200); led.ID() != survivor {
		t.Errorf("the duplicate leads to %s", led.Raw)
	}
	location := d.location(d.worker, d.at(id))
	if location != "308 "+d.at(survivor) {
		t.Errorf("redirect: %s", location)
	}
	if n := d.Call(d.worker, "GET", d.cases+"?duplicate_of="+survivor.String(), nil).Want(200); n.Len("data") != 1 || n.ID("data", 0, "id") != id {
		t.Errorf("duplicates: %s", n.Raw)
	}
	d.do(d.supervisor, survivor, "merge", obj{"survivor_id": id, "reason": "x"}).WantCode(422, "invalid")
	if back := d.do(d.supervisor, id, "undo-merge", obj{"reason": "Two cases after all"}).Want(200); back.Text("status") != "open" || back.Text("duplicate_of") != "" || back.Text("followup_due_at") == "" {
		t.Errorf("back: %s", back.Raw)
	}
	d.do(d.supervisor, id, "merge", body).Want(200)
	d.Exec("update cases set merged_at = now() - interval '31 days' where id = $1", id)
	d.do(d.supervisor, id, "undo-merge", obj{"reason": "x"}).WantCode(422, "invalid")
}

func TestCase_MergesCasesOfPeopleWhoWereMerged(t *testing.T) {
	d := newDesk(t)
	kept, middle, gone := person(d.House, true), person(d.House, true), person(d.House, true)
	survivor, id := d.open(obj{"beneficiary_id": kept}), d.open(obj{"beneficiary_id": gone})
	d.Exec("update beneficiaries set status = 'merged', merged_into = $2 where id = $1", gone, middle)
	d.do(d.supervisor, id, "merge", obj{"survivor_id": survivor, "reason": "x"}).WantCode(422, "invalid")
	d.Exec("update beneficiaries set status = 'merged', merged_into = $2 where id = $1", middle, kept)
	d.do(d.supervisor, id, "merge", obj{"survivor_id": survivor, "reason": "x"}).Want(200)
}

// Two cases that are merged into each other at once: one survives, and neither leads nowhere.
func TestRace_MergedIntoEachOtherOneSurvives(t *testing.T) {
	d := newDesk(t)
	who := person(d.House, true)
	pair := []uuid.UUID{d.open(obj{"beneficiary_id": who}), d.open(obj{"beneficiary_id": who})}
	deciders := []apptest.Person{d.supervisor, d.second}
	statuses := apptest.AtOnce(2, func(i int) *apptest.Response {
		return d.Call(deciders[i], "POST", d.at(pair[i], "merge"), obj{"survivor_id": pair[1-i], "reason": "Registered twice"}, match(2))
	})
	var duplicates, open int
	d.Scan("select count(*) filter (where status = 'duplicate'), count(*) filter (where status = 'open') from cases", nil, &duplicates, &open)
	if statuses[0] != 200 || statuses[1] == 200 || duplicates != 1 || open != 1 {
		t.Errorf("answers %v: %d duplicates, %d open", statuses, duplicates, open)
	}
}

// location asks without following a redirect.
func (d *desk) location(p apptest.Person, path string) string {
	d.T.Helper()
	req, err := http.NewRequest("GET", d.URL+path, nil)
	if err != nil {
		d.T.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.Token)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		d.T.Fatal(err)
	}
	defer res.Body.Close()
	return fmt.Sprint(res.StatusCode, " ", res.Header.Get("Location"))
}
