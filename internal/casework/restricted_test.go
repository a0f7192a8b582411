package casework_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
)

// rule 26
func TestRestrictedCase_IsSeenByItsTeamAlone(t *testing.T) {
	d := newDesk(t)
	id := d.open(obj{"sensitivity": "restricted"})
	plan := d.plan(id)
	d.activate(id, plan)
	note := d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "x"}).Want(201).ID()
	d.Call(d.worker, "PATCH", d.at(id, "notes", note), obj{"text": "y"}, match(1)).Want(200)
	followup := d.Call(d.worker, "POST", d.at(id, "follow-ups"), obj{"type": "home_visit"}).Want(201)
	d.Call(d.worker, "POST", followup.Header.Get("Location")+"/attempts", obj{"method": "phone"}, match(1)).Want(200)
	approval := d.Call(d.worker, "POST", d.at(id, "approvals"), obj{"kind": "consent_override", "basis": "vital_interest", "reason": "x"}).Want(201).ID()
	place := d.Call(d.worker, "GET", d.at(id, "team"), nil).Want(200).ID("data", 0, "id")

	unknown := d.Call(d.supervisor, "GET", d.at(uuid.New()), nil).WantCode(404, "not_found").Text("detail")
	hidden := map[string]string{
		"GET":   " /history /team /approvals /plans /goals /actions /notes /follow-ups /team/" + place.String() + " /approvals/" + approval.String() + " /plans/" + plan.ID().String() + " /notes/" + note.String() + " /notes/" + note.String() + "/versions /follow-ups/" + followup.ID().String() + " /goals/" + plan.ID("goals", 0, "id").String() + " /actions/" + plan.ID("actions", 0, "id").String(),
		"PATCH": "",
	}
	for _, p := range []apptest.Person{d.supervisor, d.Staff(d.CentreA, "centre_manager", "case_supervisor", "caseworker")} {
		for _, path := range strings.Split(hidden["GET"], " ") {
			if r := d.Call(p, "GET", d.at(id)+path, nil).WantCode(404, "not_found"); r.Text("detail") != unknown {
				t.Errorf("%s: %s", path, r.Raw)
			}
		}
		d.Call(p, "PATCH", d.at(id), obj{"sensitivity": "normal"}, match(1)).WantCode(404, "not_found")
		d.Call(p, "POST", d.at(id, "assign"), obj{"owner_id": p.ID}, match(1)).WantCode(404, "not_found")
		d.Call(p, "POST", d.at(id, "team"), obj{"user_id": p.ID}).WantCode(404, "not_found")
		d.Call(p, "POST", d.at(id, "notes"), obj{"text": "x"}).WantCode(404, "not_found")
		d.Call(p, "POST", d.at(id, "approvals", approval, "approve"), obj{}, match(1)).WantCode(404, "not_found")
		d.Call(p, "PATCH", d.at(id, "notes", note), obj{"text": "z"}, match(2)).WantCode(404, "not_found")
		if page := d.Call(p, "GET", d.cases+"?include_total=true", nil).Want(200); page.Len("data") != 0 || page.Text("total") != "0" {
			t.Errorf("listed: %s", page.Raw)
		}
	}
	var told int
	d.Scan("select count(*) from events where centre_id = $1 and resource like 'case%'", []any{d.CentreA}, &told)
	if told != 0 {
		t.Errorf("the change feed tells %d times of what belongs to a restricted case", told)
	}
	d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": d.supervisor.ID}).Want(201)
	for _, path := range strings.Split(hidden["GET"], " ") {
		d.Call(d.supervisor, "GET", d.at(id)+path, nil).Want(200)
	}
	if d.Call(d.supervisor, "GET", d.cases, nil).Want(200).Len("data") != 1 {
		t.Error("the team does not find its case")
	}
}

// The wall stands in the database too: raw SQL of somebody else finds no row of the file.
func TestRestrictedCase_RawSQLFindsNothing(t *testing.T) {
	d := newDesk(t)
	id := d.open(obj{"sensitivity": "restricted"})
	plan := d.plan(id)
	d.activate(id, plan)
	d.judge(id, plan.ID("goals", 0, "id"), "met").Want(201)
	note := d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "x"}).Want(201).ID()
	d.Call(d.worker, "PATCH", d.at(id, "notes", note), obj{"text": "y"}, match(1)).Want(200)
	followup := d.Call(d.worker, "POST", d.at(id, "follow-ups"), obj{"type": "home_visit"}).Want(201)
	d.Call(d.worker, "POST", followup.Header.Get("Location")+"/attempts", obj{"method": "phone"}, match(1)).Want(200)
	d.Call(d.worker, "POST", d.at(id, "visits"), obj{"kind": "home", "planned_at": "2027-01-09T09:00:00Z"}).Want(201)
	d.Call(d.worker, "POST", d.at(id, "approvals"), obj{"kind": "consent_override", "basis": "vital_interest", "reason": "x"}).Want(201)
	d.Call(d.worker, "POST", d.at(id, "walls"), obj{"user_id": d.second.ID, "reason": "A cousin"}).Want(201)
	conference := d.Call(d.worker, "POST", d.at(id, "conferences"), obj{"scheduled_at": "2027-01-09T09:00:00Z", "purpose": "x"}).Want(201)
	d.Call(d.worker, "POST", conference.Header.Get("Location")+"/invitations", obj{"user_id": d.Staff(d.CentreA, "caseworker").ID}).Want(201)
	d.start(id, "biopsychosocial", obj{})
	d.Call(d.worker, "POST", d.at(id, "problems"), obj{"code": "shelter"}).Want(201)
	d.Call(d.worker, "POST", d.at(id, "transfers"), obj{"centre_code": "ARL", "reason": "x", "override": obj{"basis": "vital_interest", "reason": "x"}}).Want(201)
	tables := tablesOf(d)
	if len(tables) < 10 {
		t.Fatalf("tables of a file: %v", tables)
	}
	for _, table := range tables {
		column := "case_id"
		if table == "cases" {
			column = "id"
		}
		for who, want := range map[apptest.Person]bool{d.supervisor: false, d.worker: true} {
			var n, changed int64
			err := as(d.House, who, "case_supervisor", func(ctx context.Context) error {
				if err := db.Tx(ctx).Raw("select count(*) from "+table+" where "+column+" = ?", id).Scan(&n).Error; err != nil || want || strings.Contains("case_transitions case_note_versions case_contact_attempts case_evaluations case_states", table) {
					return err
				}
				done := db.Tx(ctx).Exec("update "+table+" set version = version where "+column+" = ?", id)
				changed = done.RowsAffected
				return done.Error
			})
			if err != nil || (n > 0) != want || changed != 0 {
				t.Errorf("%s: %d rows seen, %d changed, %v", table, n, changed, err)
			}
		}
	}
}

// tablesOf lists every table that holds a part of a case's file.
func tablesOf(d *desk) (tables []string) {
	rows, err := d.Owner.Query(context.Background(), `select distinct table_name from information_schema.columns
		where table_schema = 'public' and (column_name = 'case_id' and table_name like 'case%' or table_name = 'cases')`)
	if err != nil {
		d.T.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			d.T.Fatal(err)
		}
		tables = append(tables, name)
	}
	return tables
}

func TestRestrictedCase_OnlyItsTeamRaisesTheWall(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	if r := d.Call(d.supervisor, "PATCH", d.at(id), obj{"sensitivity": "restricted"}, match(2)).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "not_on_team" {
		t.Errorf("refused: %s", r.Raw)
	}
	d.Call(d.worker, "PATCH", d.at(id), obj{"sensitivity": "restricted"}, match(2)).Want(200)
	d.Call(d.supervisor, "GET", d.at(id), nil).WantCode(404, "not_found")
	var tombstones int
	if d.Scan("select count(*) from events where subject_id = $1 and type = 'case.deleted'", []any{id}, &tombstones); tombstones != 1 {
		t.Errorf("%d tombstones for those who had the case on their devices", tombstones)
	}
	d.Call(d.worker, "PATCH", d.at(id), obj{"sensitivity": "sensitive"}, match(3)).Want(200)
	d.Call(d.supervisor, "GET", d.at(id), nil).Want(200)
}

func TestRestrictedCase_IsNeverLeftWithoutATeam(t *testing.T) {
	d := newDesk(t)
	id := d.Call(d.worker, "POST", d.cases, obj{"beneficiary_id": person(d.House, true), "source": "walk_in", "sensitivity": "restricted"}).Want(201).ID()
	place := d.Call(d.worker, "GET", d.at(id, "team"), nil).Want(200).ID("data", 0, "id")
	d.Call(d.worker, "POST", d.at(id, "team", place, "end"), nil, match(1)).WantCode(422, "last_on_team")
	d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": d.supervisor.ID}).Want(201)
	d.Call(d.worker, "POST", d.at(id, "team", place, "end"), nil, match(1)).Want(200)
	d.Call(d.worker, "GET", d.at(id), nil).WantCode(404, "not_found")
}

func TestRestrictedCase_IsNotToldByItsDuplicates(t *testing.T) {
	d := newDesk(t)
	who := person(d.House, true)
	secret, survivor := d.open(obj{"beneficiary_id": who, "sensitivity": "restricted"}), d.open(obj{"beneficiary_id": who})
	id := d.open(obj{"beneficiary_id": who})
	d.do(d.supervisor, id, "merge", obj{"survivor_id": secret, "reason": "x"}).WantCode(422, "invalid")
	d.Call(d.worker, "POST", d.at(secret, "team"), obj{"user_id": d.supervisor.ID}).Want(201)
	if r := d.do(d.supervisor, id, "merge", obj{"survivor_id": secret, "reason": "x"}).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "restricted_survivor" {
		t.Errorf("refused: %s", r.Raw)
	}
	d.do(d.supervisor, id, "merge", obj{"survivor_id": survivor, "reason": "x"}).Want(200)
	d.Call(d.worker, "PATCH", d.at(survivor), obj{"sensitivity": "restricted"}, match(2)).Want(200)
	if r := d.location(d.second, d.at(id)); r != "404 " {
		t.Errorf("the duplicate leads a stranger to %s", r)
	}
	if r := d.location(d.worker, d.at(id)); r != "308 "+d.at(survivor) {
		t.Errorf("the duplicate leads its team to %s", r)
	}
}
