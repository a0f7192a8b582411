package casework_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

func TestCase_ListsFilterAndSort(t *testing.T) {
	d := newDesk(t)
	who := person(d.House, true)
	draft, open := d.draft(obj{"risk_level": "low"}), d.open(obj{"beneficiary_id": who, "risk_level": "high"})
	unassigned := d.Call(d.supervisor, "POST", d.cases, obj{"beneficiary_id": person(d.House, true), "source": "outreach", "risk_level": "high"}).Want(201).ID()
	late := d.open(nil)
	d.Exec("update cases set followup_due_at = now() - interval '1 day' where id = $1", late)
	for query, want := range map[string][]uuid.UUID{
		"?sort=created_at":                      {draft, open, unassigned, late},
		"":                                      {late, unassigned, open, draft},
		"?sort=-number":                         {late, unassigned, open, draft},
		"?sort=followup_due_at&status=open":     {late, open},
		"?status=draft&sort=number":             {draft, unassigned},
		"?risk_level=high&sort=number":          {open, unassigned},
		"?beneficiary_id=" + who.String():       {open},
		"?owner_id=" + d.supervisor.ID.String(): {},
		"?mine=true&sort=number":                {draft, open, late},
		"?mine=false":                           {unassigned},
		"?overdue=true":                         {late},
		"?overdue=false&sort=number":            {draft, open, unassigned},
	} {
		page := d.Call(d.worker, "GET", d.cases+query, nil).Want(200)
		if got := ids(page); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	d.Exec("update cases set assign_due_at = now() - interval '1 hour' where id = $1", unassigned)
	if got := ids(d.Call(d.worker, "GET", d.cases+"?overdue=true&sort=number", nil).Want(200)); !slices.Equal(got, []uuid.UUID{unassigned, late}) { // rule 5
		t.Errorf("a high risk that nobody owns is overdue: %v", got)
	}
	seen, path := []uuid.UUID{}, d.cases+"?sort=-followup_due_at&limit=1&include_total=true"
	for path != "" {
		page := d.Call(d.worker, "GET", path, nil).Want(200)
		seen = append(seen, ids(page)...)
		if page.Text("total") != "4" {
			t.Errorf("total %s", page.Text("total"))
		}
		if next := page.Text("next_cursor"); next != "" {
			path = d.cases + "?limit=1&include_total=true&cursor=" + next
		} else {
			path = ""
		}
	}
	if len(seen) != 4 || seen[3] != late {
		t.Errorf("pages: %v", seen)
	}
}

func TestCase_EachSeesTheCasesOfTheirWork(t *testing.T) {
	d := newDesk(t)
	colleague := d.Staff(d.CentreA, "caseworker")
	own, others := d.open(nil), file(d.House, person(d.House, true), "open", "sensitive", &colleague.ID)
	nobodys := file(d.House, person(d.House, true), "draft", "normal", nil)
	for name, c := range map[string]struct {
		who  apptest.Person
		sees []uuid.UUID
	}{
		"caseworker": {d.worker, []uuid.UUID{own, nobodys}},
		"colleague":  {colleague, []uuid.UUID{others, nobodys}},
		"supervisor": {d.supervisor, []uuid.UUID{own, others, nobodys}},
		"manager":    {d.Staff(d.CentreA, "centre_manager"), []uuid.UUID{own, others, nobodys}},
		"nurse":      {d.Staff(d.CentreA, "health_worker"), nil},
		"lawyer":     {d.Staff(d.CentreA, "legal_officer"), nil},
	} {
		page := d.Call(c.who, "GET", d.cases+"?sort=created_at&include_total=true", nil).Want(200)
		if got := ids(page); !slices.Equal(got, append([]uuid.UUID{}, c.sees...)) || page.Text("total") != fmt.Sprint(len(c.sees)) {
			t.Errorf("%s sees %v, want %v", name, got, c.sees)
		}
		unknown := d.Call(c.who, "GET", d.at(uuid.New()), nil).WantCode(404, "not_found")
		for _, id := range []uuid.UUID{own, others, nobodys} {
			r := d.Call(c.who, "GET", d.at(id), nil)
			if slices.Contains(c.sees, id) {
				r.Want(200)
			} else if r.WantCode(404, "not_found"); r.Text("detail") != unknown.Text("detail") {
				t.Errorf("%s: hidden is %s, unknown is %s", name, r.Raw, unknown.Raw)
			}
		}
	}
	for _, role := range []string{"registrar", "dpo", "auditor", "tenant_admin", "storekeeper", "me_analyst", "feedback_focal_point"} {
		p := d.Staff(d.CentreA, role)
		d.Call(p, "GET", d.cases, nil).WantCode(403, "forbidden")
		d.Call(p, "GET", d.at(own), nil).WantCode(403, "forbidden")
	}
	manager := d.Staff(d.CentreA, "centre_manager")
	d.Call(manager, "GET", d.at(own, "notes"), nil).WantCode(403, "forbidden")
	d.Call(manager, "GET", d.at(own, "plans"), nil).WantCode(403, "forbidden")
	d.Call(d.worker, "POST", d.at(others, "hold"), obj{"reason": "x", "review_on": "2030-01-01"}, match(7)).WantCode(404, "not_found")
	d.Call(d.worker, "PATCH", d.at(others), obj{"summary": "x"}, match(1)).WantCode(404, "not_found")
	d.Call(d.worker, "POST", d.at(others, "notes"), obj{"text": "x"}).WantCode(404, "not_found")
}

// duty D13
// rule 25
func TestCase_OfAnotherCentreDoesNotExist(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	there := d.Staff(d.CentreB, "case_supervisor")
	elsewhere := "/v1/centres/" + d.CentreB.String() + "/cases/"
	for _, path := range []string{"", "/history", "/team", "/notes", "/plans", "/follow-ups", "/approvals", "/goals", "/actions"} {
		foreign := d.Call(there, "GET", elsewhere+id.String()+path, nil).WantCode(404, "not_found")
		unknown := d.Call(there, "GET", elsewhere+uuid.NewString()+path, nil).WantCode(404, "not_found")
		if foreign.Text("detail") != unknown.Text("detail") || foreign.Text("title") != unknown.Text("title") {
			t.Errorf("%s: %s and %s", path, foreign.Raw, unknown.Raw)
		}
	}
	d.Call(there, "PATCH", elsewhere+id.String(), obj{"summary": "x"}, match(2)).WantCode(404, "not_found")
	d.Call(there, "POST", elsewhere+id.String()+"/assign", obj{"owner_id": there.ID}, match(2)).WantCode(404, "not_found")
	who := person(d.House, true)
	d.Call(there, "POST", strings.TrimSuffix(elsewhere, "/"), obj{"beneficiary_id": who, "source": "walk_in"}).WantCode(422, "invalid")
}

func TestCase_ReadingLeavesALine(t *testing.T) { // rule 27
	d := newDesk(t)
	id := d.open(nil)
	d.Call(d.worker, "GET", d.at(id), nil).Want(200)
	d.Call(d.worker, "GET", d.at(id, "notes"), nil).Want(200)
	var lines int
	d.Scan("select count(*) from audit_events where action = 'read' and resource = 'cases' and $1 = any (subject_ids) and actor_id = $2", []any{id, d.worker.ID}, &lines)
	if lines != 2 {
		t.Errorf("%d lines in the trail", lines)
	}
	var told int
	d.Scan("select count(*) from audit_events where coalesce(before::text, '') || coalesce(after::text, '') like '%All is well%'", nil, &told)
	if told != 0 {
		t.Error("the trail tells what the file says")
	}
}
