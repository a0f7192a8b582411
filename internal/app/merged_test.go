package app_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/app/apptest"
)

const personPath = "/v1/centres/{centre_id}/beneficiaries/{id}"

// asMerged are the operations that work on a merged record itself; the spec says so of each.
func asMerged(t *testing.T) map[string]bool {
	t.Helper()
	doc, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			if x, _ := op.Extensions["x-merged"].(bool); x {
				out[op.OperationID] = true
			}
		}
	}
	return out
}

// TestMergedIDs_LeadToTheSurvivorWhateverIsAsked walks every operation below a person with the id of a record
// that was merged.
func TestMergedIDs_LeadToTheSurvivorWhateverIsAsked(t *testing.T) {
	h := apptest.New(t)
	staff := h.Staff(h.CentreA, centreRoles()...)
	people := "/v1/centres/" + h.CentreA.String() + "/beneficiaries"
	register := func(name string) uuid.UUID {
		return h.Call(staff, "POST", people, map[string]any{"registration_level": "basic", "reception_on": "2026-03-01", "given_name": name, "sex": "2", "age": 27,
			"population_type": "migrant", "consent": map[string]any{"decision": "given", "giver": "individual", "method": "written"}}).Want(201).ID()
	}
	old, survivor := register("Aïssatou"), register("Fanta")
	h.Call(staff, "POST", people+"/"+old.String()+"/merge", map[string]any{"survivor_id": survivor, "survivor_version": 1, "reason": "One person"}, apptest.IfMatch(`"1"`)).Want(200)
	before, walked, itself := contents(h, h.CentreA), 0, asMerged(t)
	ops, _, _ := operations(t)
	for _, o := range ops {
		if o.path != personPath && !strings.HasPrefix(o.path, personPath+"/") || itself[o.id] {
			continue
		}
		walked++
		t.Run(o.id, func(t *testing.T) {
			defer h.For(t)()
			_, below, _ := strings.Cut(at(o.path, h.CentreA, old), old.String())
			r := o.through(h, h.CallHere, staff, people+"/"+old.String()+below, apptest.IfMatch(`"1"`)).WantCode(308, "moved")
			if to := people + "/" + survivor.String() + below; r.Header.Get("Location") != to {
				t.Errorf("leads to %s, not to %s", r.Header.Get("Location"), to)
			}
		})
	}
	if walked < 70 {
		t.Errorf("found only %d operations below a person", walked)
	}
	for table, sum := range contents(h, h.CentreA) {
		if sum != before[table] && table != "audit_subjects" {
			t.Errorf("%s changed", table)
		}
	}
}

// TestSchema_NothingNewIsKeptUnderAMergedPerson holds every table that refers to a person to the trigger that asks.
func TestSchema_NothingNewIsKeptUnderAMergedPerson(t *testing.T) {
	h := apptest.New(t)
	type reference struct {
		table, column string
		asked         int
	}
	list := collect[reference](t, h, `select k.conrelid::regclass::text, a.attname, (select count(*) from pg_trigger g where g.tgrelid = k.conrelid
			and g.tgfoid = 'person_in_use'::regproc and g.tgenabled = 'O' and encode(g.tgargs, 'escape') = a.attname || '\000' and g.tgtype & 3 = 3 and (g.tgtype & 4 > 0 or g.tgtype & 16 > 0))
		from pg_constraint k join pg_attribute b on b.attrelid = k.confrelid and b.attname = 'id' join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[array_position(k.confkey, b.attnum)]
		where k.contype = 'f' and k.confrelid = 'beneficiaries'::regclass`, func(x *reference) []any { return []any{&x.table, &x.column, &x.asked} })
	if len(list) < 25 {
		t.Fatalf("found only %d references to people", len(list))
	}
	records := map[string]string{"beneficiary_keys": "follow from the record", "timeline": "follows from rows", "duplicates": "speak of records", "merges": "speak of records"}
	for _, x := range list {
		if want := 2; records[x.table] == "" && x.asked != want || records[x.table] != "" && x.asked != 0 {
			t.Errorf("%s.%s has %d of %d triggers: call keep_from_merged in its migration", x.table, x.column, x.asked, want)
		}
	}
	h.Exec(`insert into beneficiaries (centre_id, id, version, created_at, updated_at, registration_level, registered_on, reception_on, reference, sex, population_type, source, basis, status)
		select $1, gen_random_uuid(), 1, now(), now(), 'basic', '2026-03-01', '2026-03-01', 'AGZ-9' || n, '1', 'migrant', 'api', 'consent', 'active' from generate_series(1, 500) n`, h.CentreA)
	h.Exec("analyze beneficiaries")
	var plan string
	rows, err := h.Owner.Query(context.Background(), "explain select status from beneficiaries where centre_id = $1 and id = $2 for key share", h.CentreA, uuid.New())
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan += fmt.Sprintln(line)
	}
	if !strings.Contains(plan, "beneficiaries_pkey") {
		t.Errorf("the person is not found by primary key:\n%s", plan)
	}
}
