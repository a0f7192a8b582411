package identity_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/app/apptest"
)

// two registers two records that may be of one person.
func (d desk) two() (duplicate, survivor uuid.UUID) {
	survivor, duplicate, _ = d.pair()
	return duplicate, survivor
}

func (d desk) path(id uuid.UUID) string { return d.at + "/beneficiaries/" + id.String() }

func (d desk) version(id uuid.UUID) (v int) {
	d.T.Helper()
	d.Scan("select version from beneficiaries where id = $1", []any{id}, &v)
	return v
}

func tag(v int) apptest.Header { return apptest.IfMatch(fmt.Sprintf(`"%d"`, v)) }

func (d desk) merge(duplicate, survivor uuid.UUID) *apptest.Response {
	d.T.Helper()
	return d.Call(d.supervisor, "POST", d.path(duplicate)+"/merge", obj{"survivor_id": survivor, "survivor_version": d.version(survivor), "reason": "One person"}, tag(d.version(duplicate)))
}

func (d desk) unmerge(duplicate uuid.UUID) *apptest.Response {
	d.T.Helper()
	return d.Call(d.supervisor, "POST", d.path(duplicate)+"/unmerge", obj{"reason": "Two people"}, tag(d.version(duplicate)))
}

// raw sends a request without following where it is sent on.
func (d desk) raw(p apptest.Person, method, path, body string) (int, string) {
	d.T.Helper()
	req, err := http.NewRequest(method, d.URL+path, strings.NewReader(body))
	if err != nil {
		d.T.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.Token)
	req.Header.Set("If-Match", `"1"`)
	req.Header.Set("Content-Type", map[string]string{"PATCH": "application/merge-patch+json"}[method])
	if method == "POST" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		d.T.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode, res.Header.Get("Location")
}

// dump is every row of the centre that a merge may touch, without versions and times of change. What tells of the
// merge itself is left out: the trail, the feed, the merge and the history of the pair.
func dump(t testing.TB, h *apptest.House, centre uuid.UUID) map[string][]string {
	ctx := context.Background()
	rows, err := h.Owner.Query(ctx, `select c.table_name::text from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
		where c.table_schema = 'public' and c.column_name = 'centre_id' and t.table_type = 'BASE TABLE'
		and c.table_name not in ('audit_events', 'audit_seals', 'audit_checkpoints', 'audit_subjects', 'events', 'merges', 'merge_rows', 'duplicate_decisions', 'stat_registration_deltas') order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, table := range tables {
		var all []string
		h.Scan("select coalesce(array_agg(x order by x), '{}') from (select (to_jsonb(r) - array['version', 'updated_at', 'decided_at', 'decided_by'])::text as x from "+table+" r where centre_id = $1) y", []any{centre}, &all)
		out[table] = all
	}
	return out
}

func same(t interface {
	Helper()
	Errorf(string, ...any)
}, before, after map[string][]string) {
	t.Helper()
	for table := range before {
		if !slices.Equal(before[table], after[table]) {
			for _, row := range before[table] {
				if !slices.Contains(after[table], row) {
					t.Errorf("%s had %s", table, row)
				}
			}
			for _, row := range after[table] {
				if !slices.Contains(before[table], row) {
					t.Errorf("%s has %s", table, row)
				}
			}
		}
	}
}

// rule 29
func TestMerge_MovesEverythingAndIsUndone(t *testing.T) {
	d := open(t)
	duplicate, survivor := d.two()
	need := d.Call(d.registrar, "POST", d.path(duplicate)+"/needs", obj{"code_system": "migrant_vulnerability", "code": "stranded", "confidence": "self_reported"}).Want(201).ID()
	before := dump(t, d.House, d.CentreA)
	made := d.merge(duplicate, survivor).Want(200)
	if made.ID("survivor_id") != survivor || made.Text("undo_until") == "" || made.ETag() != `"2"` {
		t.Errorf("merged %s", made.Raw)
	}
	d.Call(d.registrar, "GET", d.path(survivor)+"/needs/"+need.String(), nil).Want(200)
	if r := d.Call(d.supervisor, "GET", d.at+"/duplicates?status=merged", nil).Want(200); r.Len("data") != 1 {
		t.Errorf("the pair is not merged: %s", r.Raw)
	}
	d.Call(d.supervisor, "POST", d.path(duplicate)+"/merge", obj{"survivor_id": survivor, "survivor_version": 1, "reason": "x"}, tag(1))
	d.unmerge(duplicate).Want(200)
	same(t, before, dump(t, d.House, d.CentreA))
	d.unmerge(duplicate).WantCode(409, "state_conflict")
	d.merge(duplicate, survivor).Want(200) // and again
}

func TestMerge_AnOldIDLeadsToTheSurvivorAlongTheChain(t *testing.T) {
	d := open(t)
	duplicate, survivor := d.two()
	last := d.register(obj{"given_name": "Alpha", "birth_date": "1980-01-01"}).Want(201).ID()
	d.merge(duplicate, survivor).Want(200)
	d.merge(survivor, last).Want(200)
	consent := `{"scope":"share_organisations","decision":"refused","giver":"individual","method":"written"}`
	for _, r := range []struct{ method, below, body string }{
		{"GET", "", ""}, {"GET", "/needs?limit=3&sort=created_at", ""}, {"GET", "/consents", ""}, {"POST", "/consents", consent},
		{"PATCH", "", `{"phone":"+227 90 11 22 33"}`}, {"GET", "/needs/" + uuid.NewString(), ""},
	} {
		for _, old := range []uuid.UUID{duplicate, survivor} {
			status, location := d.raw(d.registrar, r.method, d.path(old)+r.below, r.body)
			if status != 308 || location != d.path(last)+r.below {
				t.Errorf("%s %s answers %d %s", r.method, r.below, status, location)
			}
		}
	}
	d.unmerge(duplicate).WantCode(409, "state_conflict")
	d.unmerge(survivor).Want(200)
	d.unmerge(duplicate).Want(200)
	d.Call(d.registrar, "GET", d.path(duplicate), nil).Want(200)
}

func TestMerge_RefusesWhatDoesNotFit(t *testing.T) {
	d := open(t)
	duplicate, survivor := d.two()
	ask := func(p apptest.Person, more obj, v int) *apptest.Response {
		body := obj{"survivor_id": survivor, "survivor_version": 1, "reason": "One person"}
		for k, x := range more {
			body[k] = x
		}
		return d.Call(p, "POST", d.path(duplicate)+"/merge", body, tag(v))
	}
	ask(d.registrar, nil, 1).Want(403)
	ask(d.supervisor, nil, 7).WantCode(412, "stale_version")
	ask(d.supervisor, obj{"survivor_version": 7}, 1).WantCode(412, "stale_version")
	ask(d.supervisor, obj{"survivor_id": duplicate}, 1).WantCode(422, "invalid")
	elsewhere := d.Call(d.Staff(d.CentreB, "registrar"), "POST", "/v1/centres/"+d.CentreB.String()+"/beneficiaries", person(nil)).Want(201).ID()
	ask(d.supervisor, obj{"survivor_id": elsewhere}, 1).WantCode(422, "invalid")
	d.Call(d.registrar, "POST", d.path(survivor)+"/void", obj{"reason": "Mistake"}, tag(1)).Want(200)
	ask(d.supervisor, obj{"survivor_version": 2}, 1).WantCode(409, "state_conflict")
	if d.count("merges") != 0 {
		t.Error("something was merged")
	}
}

func TestDuplicates_AMergeIsADecisionToo(t *testing.T) {
	d := open(t)
	first, second, line := d.pair()
	body := obj{"decision": "merge", "reason": "One person", "survivor_id": uuid.New(), "survivor_version": 1, "duplicate_version": 1}
	d.Call(d.supervisor, "POST", line+"/decide", body, tag(1)).WantCode(422, "invalid")
	body["survivor_id"], body["duplicate_version"] = first, 9
	d.Call(d.supervisor, "POST", line+"/decide", body, tag(1)).WantCode(412, "stale_version")
	body["duplicate_version"] = 1
	if r := d.Call(d.supervisor, "POST", line+"/decide", body, tag(1)).Want(200); r.Text("status") != "merged" {
		t.Errorf("decided %s", r.Raw)
	}
	if status, location := d.raw(d.registrar, "GET", d.path(second), ""); status != 308 || location != d.path(first) {
		t.Errorf("%d %s", status, location)
	}
	if r := d.Call(d.supervisor, "GET", line+"/decisions", nil).Want(200); r.Len("data") != 1 || r.Text("data", 0, "decision") != "merge" {
		t.Errorf("history %s", r.Raw)
	}
	d.Call(d.supervisor, "POST", line+"/decide", obj{"decision": "not_duplicate", "reason": "x"}, tag(2)).WantCode(409, "state_conflict")
}

func TestMerge_TooLateToUndo(t *testing.T) {
	d := open(t)
	duplicate, survivor := d.two()
	d.merge(duplicate, survivor).Want(200)
	d.Exec("update merges set created_at = now() - interval '31 days'")
	d.unmerge(duplicate).WantCode(422, "too_late")
}

func TestMerge_ANoOfEitherSideHolds(t *testing.T) {
	d := open(t)
	duplicate, survivor := d.two()
	decide := func(id uuid.UUID, decision, at string) {
		d.Call(d.registrar, "POST", d.path(id)+"/consents", obj{"scope": "case_management", "decision": decision, "giver": "individual", "method": "written", "given_at": at}).Want(201)
	}
	decide(duplicate, "refused", "2026-03-01T08:00:00Z")
	decide(survivor, "given", "2026-03-05T08:00:00Z")
	seen := d.Call(d.supervisor, "POST", d.path(duplicate)+"/merge/preview", obj{"survivor_id": survivor}).Want(200)
	if seen.Text("conflicts", 0, "kind") != "consent" || seen.Text("conflicts", 0, "scopes", 0) != "case_management" {
		t.Errorf("preview %s", seen.Raw)
	}
	before := dump(t, d.House, d.CentreA)
	d.merge(duplicate, survivor).Want(200)
	var standing string
	d.Scan("select decision from consents where beneficiary_id = $1 and scope = 'case_management' order by given_at desc limit 1", []any{survivor}, &standing)
	if standing != "withdrawn" || d.count("consents where scope = 'case_management'") != 3 {
		t.Errorf("the ledger ends with %s", standing)
	}
	d.unmerge(duplicate).Want(200)
	same(t, before, dump(t, d.House, d.CentreA))
}

func TestMerge_MovesWhatNobodyHereMaySeeAndTellsNothing(t *testing.T) {
	d := open(t)
	duplicate, survivor := d.two()
	worker := d.Staff(d.CentreA, "caseworker")
	open := func(id uuid.UUID) uuid.UUID {
		return d.Call(worker, "POST", d.at+"/cases", obj{"beneficiary_id": id, "source": "walk_in", "risk_level": "low", "owner_id": worker.ID, "sensitivity": "restricted"}).Want(201).ID()
	}
	before := d.Call(d.supervisor, "POST", d.path(duplicate)+"/merge/preview", obj{"survivor_id": survivor}).Want(200)
	hidden := open(duplicate)
	open(survivor)
	d.Exec(`insert into specific_needs (centre_id, id, version, created_at, updated_at, beneficiary_id, code_system, code, sensitivity, confidence)
		values ($1, gen_random_uuid(), 1, now(), now(), $2, 'migrant_vulnerability', 'gbv', 'restricted', 'observed')`, d.CentreA, duplicate)
	if after := d.Call(d.supervisor, "POST", d.path(duplicate)+"/merge/preview", obj{"survivor_id": survivor}).Want(200); string(after.Raw) != string(before.Raw) {
		t.Errorf("the preview tells of restricted files: %s, %s", before.Raw, after.Raw)
	}
	d.merge(duplicate, survivor).Want(200)
	var of uuid.UUID
	if d.Scan("select beneficiary_id from cases where id = $1", []any{hidden}, &of); of != survivor {
		t.Error("the restricted case stayed behind")
	}
	if d.count("specific_needs where sensitivity = 'restricted' and beneficiary_id = '"+survivor.String()+"'") != 1 {
		t.Error("the restricted need stayed behind")
	}
	if d.count("events where resource = 'case' and subject_id = '"+hidden.String()+"'") != 0 {
		t.Error("the feed tells of a restricted case")
	}
}

// TestMerge_NoTableIsForgotten adds a table that nobody knows of, behind a wall and append-only for the server.
func TestMerge_NoTableIsForgotten(t *testing.T) {
	d := open(t)
	duplicate, survivor := d.two()
	d.Exec(`create table keepsakes (centre_id uuid not null, id uuid not null, person_id uuid not null, primary key (centre_id, id),
		constraint keepsakes_one_key unique (centre_id, person_id), foreign key (centre_id, person_id) references beneficiaries (centre_id, id))`)
	d.Exec("insert into keepsakes select $1, gen_random_uuid(), $2", d.CentreA, duplicate)
	before := dump(t, d.House, d.CentreA)
	d.merge(duplicate, survivor).Want(200)
	if d.count("keepsakes where person_id = '"+survivor.String()+"'") != 1 {
		t.Error("a new table was forgotten")
	}
	d.unmerge(duplicate).Want(200)
	same(t, before, dump(t, d.House, d.CentreA))
	d.Exec("insert into keepsakes select $1, gen_random_uuid(), $2", d.CentreA, survivor)
	d.merge(duplicate, survivor).Want(200)
	if d.count("keepsakes where person_id = '"+duplicate.String()+"'") != 1 || d.count("merge_rows where relation = 'keepsakes' and after is null") != 1 {
		t.Error("a row that does not fit beside the survivor's was lost")
	}
	var walled int
	d.Scan(`select count(*) from pg_policy where not polpermissive and polcmd = 'r' and pg_get_expr(polqual, polrelid) not like '%need_to_know_lifted%'
		and polrelid in (select relation from person_references())`, nil, &walled)
	if walled != 0 {
		t.Errorf("%d walls do not open for a merge of an owner that is no superuser", walled)
	}
}

func TestMerge_Races(t *testing.T) {
	d := open(t)
	a, b := d.two()
	statuses := func(calls ...func() int) []int {
		out := make([]int, len(calls))
		var all sync.WaitGroup
		for i, call := range calls {
			all.Go(func() { out[i] = call() })
		}
		all.Wait()
		slices.Sort(out)
		return out
	}
	one := func(from, to uuid.UUID) func() int {
		return func() int {
			return d.Call(d.supervisor, "POST", d.path(from)+"/merge", obj{"survivor_id": to, "survivor_version": 1, "reason": "x"}, tag(1)).Status
		}
	}
	// Either order leaves one of the two; the other is told that its record has ended.
	got := statuses(one(a, b), one(b, a))
	if got[0] != 200 || d.count("merges") != 1 || d.count("beneficiaries where status = 'merged'") != 1 {
		t.Errorf("each into the other: %v", got)
	}
	var ended uuid.UUID
	d.Scan("select duplicate_id from merges", nil, &ended)
	v := d.version(ended)
	undo := func() int {
		return d.Call(d.supervisor, "POST", d.path(ended)+"/unmerge", obj{"reason": "x"}, tag(v)).Status
	}
	if got := statuses(undo, undo); got[0] != 200 || got[1] == 200 {
		t.Errorf("undone twice: %v", got)
	}
	va, vb := d.version(a), d.version(b)
	into := func() int {
		return d.Call(d.supervisor, "POST", d.path(a)+"/merge", obj{"survivor_id": b, "survivor_version": vb, "reason": "x"}, tag(va)).Status
	}
	begin := func() int {
		return d.Call(d.registrar, "POST", d.at+"/cases", obj{"beneficiary_id": a, "source": "walk_in", "risk_level": "low"}).Status
	}
	if got := statuses(into, begin); got[0] != 200 || d.count("cases where beneficiary_id = '"+a.String()+"'") != 0 {
		t.Errorf("a case begun meanwhile: %v, and it hangs on the record that ended", got)
	}
}
