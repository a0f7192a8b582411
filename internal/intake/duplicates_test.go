package intake_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/intake"
)

// hold takes a file whose likely duplicates wait.
func (d desk) hold(file []byte, mode string) *apptest.Response {
	d.T.Helper()
	return d.take(file, "duplicates=hold&mode="+mode)
}

// waiting is the path of the nth row that waits, without the verb.
func (d desk) waiting(r *apptest.Response, n int) string {
	d.T.Helper()
	return d.path("/imports/%s/rows/%s", r.ID(), d.rows(r.ID(), "status=duplicate").ID("data", n, "id"))
}

func (d desk) decide(at string, body object, headers ...apptest.Header) *apptest.Response {
	d.T.Helper()
	return d.Call(d.clerk, "POST", at+"/decide", body, headers...)
}

var (
	sekou  = row("1")
	fanta  = row("2", "prenom", "Fanta", "nom", "Camara", "sexe", "F", "age", "22")
	sekou2 = row("3", "prenom", "Seku") // sounds like the first
)

func TestDuplicates_WaitInDryRunsAndRealRuns(t *testing.T) {
	d := newDesk(t)
	tried := d.hold(file(sekou, fanta, sekou2), "dry_run")
	wantCounts(t, tried, "accepted 2, duplicates 1, created 0, processed 3")
	row := d.rows(tried.ID(), "status=duplicate")
	if row.Text("data", 0, "candidates", 0, "line") != "2" || row.Text("data", 0, "candidates", 0, "beneficiary_id") != "" || row.Text("data", 0, "issues", 0, "code") != "likely_duplicate" {
		t.Errorf("%s", row.Raw)
	}
	if d.count("beneficiaries")+d.count("duplicates")+d.count("import_sources")+d.count("import_rows where held is not null") != 0 {
		t.Error("a dry run left something behind")
	}
	d.decide(d.waiting(tried, 0), object{"decision": "import"}).WantCode(409, "state_conflict")

	d.Call(d.clerk, "POST", d.path("/imports/%s/commit", tried.ID()), nil, apptest.IfMatch(tried.ETag())).Want(200)
	d.Work()
	done := d.Call(d.clerk, "GET", d.path("/imports/%s", tried.ID()), nil)
	wantCounts(t, done, "accepted 2, duplicates 1, created 2, processed 3")
	row = d.rows(done.ID(), "status=duplicate")
	if row.Text("data", 0, "candidates", 0, "reference") != "AGZ-000001" || row.Text("data", 0, "candidates", 0, "level") != "likely" || row.Text("data", 0, "candidates", 0, "reasons", 0, "evidence") != "names" || row.Text("data", 0, "decide_by") == "" {
		t.Errorf("%s", row.Raw)
	}
	if d.count("import_files") != 0 || d.count("import_rows where held->>'given_name' = 'Seku'") != 1 || d.count("import_rows where held is not null") != 1 {
		t.Error("more or less is kept of the file than what waits")
	}
	first := row.ID("data", 0, "candidates", 0, "beneficiary_id")
	if n := d.count("audit_events where action = 'search' and operation = 'listImportRows' and subject_ids = array[$1::uuid]", first); n != 1 {
		t.Errorf("%d lines about whom the list told", n)
	}
}

// The register and earlier batches count like earlier rows of the batch, in either kind of run.
func TestDuplicates_OfTheRegisterAndOfFarRows(t *testing.T) {
	d := newDesk(t)
	d.take(file(fanta), "mode=commit")
	rows := []string{row("a", "menage", "M1", "lien", "chef")}
	for n := range 700 {
		rows = append(rows, row(strings.Repeat("x", n%7)+uuid.NewString()[:8], "consentement", "non"))
	}
	rows = append(rows, row("b", "prenom", "Seku"), row("c", "prenom", "Fanta", "nom", "Camara", "sexe", "F", "age", "22"))
	sent := file(rows...)
	for _, mode := range []string{"dry_run", "commit"} {
		r := d.hold(sent, mode)
		wantCounts(t, r, "duplicates 2, accepted 1, rejected 700")
	}
	if d.count("beneficiaries") != 2 {
		t.Error("a duplicate was registered")
	}
}

// Rows that all may be of one person are weighed one after the other. A transaction takes some of them, and the
// next goes on; what comes of each row is the same.
func TestDuplicates_ManyRowsOfOnePersonTakeSeveralTransactions(t *testing.T) {
	d := newDesk(t)
	var rows []string
	for n := range 60 {
		rows = append(rows, row(fmt.Sprint(n)))
	}
	for _, mode := range []string{"dry_run", "commit"} {
		done := d.hold(file(rows...), mode)
		wantCounts(t, done, "processed 60, accepted 1, duplicates 59")
		if version := done.Value("version").(float64); version < 5 { // begun, three batches, ended
			t.Errorf("%s: one transaction took all: version %v", mode, version)
		}
	}
	if d.count("beneficiaries") != 1 || d.count("import_people")+d.count("import_people_keys") != 0 {
		t.Error("a duplicate was registered, or the dry run left something behind")
	}
}

func TestDuplicates_ImportedAsTheyAreWhereAsked(t *testing.T) {
	d := newDesk(t)
	r := d.take(file(sekou, fanta, sekou2), "mode=commit&duplicates=import")
	wantCounts(t, r, "created 3, duplicates 0")
	if r.Text("duplicates") != "import" || d.count("duplicates where status = 'pending' and found_by = 'import' and acknowledged_by is null") != 1 {
		t.Error("the pair does not wait for review")
	}
}

func TestDuplicates_DecideToImport(t *testing.T) {
	d := newDesk(t)
	r := d.hold(file(sekou, row("3", "prenom", "Seku", "menage", "M1", "lien", "chef", "vulnerabilites", "MENA")), "commit")
	at := d.waiting(r, 0)
	done := d.decide(at, object{"decision": "import"}).Want(200)
	if done.Text("status") != "created" || done.Text("reference") != "AGZ-000002" || done.Text("decision") != "import" || done.ID("decided_by") != d.clerk.ID {
		t.Errorf("%s", done.Raw)
	}
	again := d.decide(at, object{"decision": "import"}).Want(200)
	if string(again.Raw) != string(done.Raw) {
		t.Errorf("\n%s\n%s", again.Raw, done.Raw)
	}
	d.decide(at, object{"decision": "skip"}).WantCode(409, "state_conflict")
	wantCounts(t, d.Call(d.clerk, "GET", d.path("/imports/%s", r.ID()), nil), "created 2, accepted 2, duplicates 0")
	if d.count("duplicates where status = 'pending' and found_by = 'import' and acknowledged_by = $1", d.clerk.ID) != 1 {
		t.Error("the pair was not recorded as seen")
	}
	if d.count("beneficiaries where source_key = 'niger-2024:3'") != 1 || d.count("consents") != 2 || d.count("household_members") != 1 || d.count("specific_needs") != 1 || d.count("import_rows where held is not null") != 0 {
		t.Error("a part of the row is missing, or stayed")
	}
	wantCounts(t, d.hold(file(sekou, row("3", "prenom", "Seku", "menage", "M1", "lien", "chef", "vulnerabilites", "MENA")), "commit"), "unchanged 2, duplicates 0")
}

func TestDuplicates_DecideToLink(t *testing.T) {
	d := newDesk(t)
	r := d.hold(file(sekou, sekou2), "commit")
	at := d.waiting(r, 0)
	first := d.rows(r.ID(), "status=created").ID("data", 0, "beneficiary_id")
	d.decide(at, object{"decision": "link"}).WantCode(422, "invalid")
	d.decide(at, object{"decision": "import", "beneficiary_id": first}).WantCode(422, "invalid")
	elsewhere := d.Call(d.Staff(d.CentreB, "registrar"), "POST", "/v1/centres/"+d.CentreB.String()+"/beneficiaries", object{
		"registration_level": "basic", "reception_on": "2026-03-01", "sex": "2", "age": 27, "population_type": "migrant",
		"consent": object{"decision": "given", "giver": "individual", "method": "written"}}).Want(201)
	for _, unknown := range []uuid.UUID{uuid.New(), elsewhere.ID()} {
		if f := d.decide(at, object{"decision": "link", "beneficiary_id": unknown}).Want(422); f.Text("errors", 0, "code") != "unknown_beneficiary" {
			t.Errorf("%s", f.Raw)
		}
	}
	linked := d.decide(at, object{"decision": "link", "beneficiary_id": first}).Want(200)
	if linked.Text("status") != "linked" || linked.ID("beneficiary_id") != first || linked.Text("reference") != "AGZ-000001" {
		t.Errorf("%s", linked.Raw)
	}
	d.decide(at, object{"decision": "link", "beneficiary_id": first}).Want(200)
	wantCounts(t, d.Call(d.clerk, "GET", d.path("/imports/%s", r.ID()), nil), "linked 1, accepted 2, created 1, duplicates 0")
	wantCounts(t, d.hold(file(sekou, sekou2), "commit"), "unchanged 2, duplicates 0")
	wantCounts(t, d.hold(file(row("3", "prenom", "Seku", "nom", "Barry")), "commit"), "changed 1")
}

func TestDuplicates_DecideToSkip(t *testing.T) {
	d := newDesk(t)
	r := d.hold(file(sekou, sekou2), "commit")
	at := d.waiting(r, 0)
	if done := d.decide(at, object{"decision": "skip"}).Want(200); done.Text("status") != "left_out" {
		t.Errorf("%s", done.Raw)
	}
	d.decide(at, object{"decision": "skip"}).Want(200)
	d.decide(at, object{"decision": "import"}).WantCode(409, "state_conflict")
	wantCounts(t, d.Call(d.clerk, "GET", d.path("/imports/%s", r.ID()), nil), "left_out 1, accepted 1, duplicates 0")
	if d.count("beneficiaries") != 1 || d.count("import_rows where held is not null") != 0 {
		t.Error("a row that was left out was registered, or kept")
	}
}

// Two rows of one more person: whoever decides about the second is told of the first.
func TestDuplicates_ImportAnywayShowsWhoCameMeanwhile(t *testing.T) {
	d := newDesk(t)
	phone := []string{"telephone", "+22790123456", "prenom"}
	r := d.hold(file(row("1", append(phone, "Sékou")...), row("3", append(phone, "Seku")...), row("4", append(phone, "Sekou")...)), "commit")
	one, two := d.waiting(r, 0), d.waiting(r, 1)
	second := d.decide(one, object{"decision": "import"}).Want(200).ID("beneficiary_id")
	d.decide(two, object{"decision": "import"}).WantCode(409, "likely_duplicate")
	d.decide(two, object{"decision": "import", "acknowledged_duplicates": []uuid.UUID{second}}).Want(200)
	if d.count("beneficiaries") != 3 {
		t.Error("not registered once it was acknowledged")
	}
}

func TestDuplicates_RowThatWaitsTooLongIsLeftOut(t *testing.T) {
	d := newDesk(t)
	r := d.hold(file(sekou, sekou2), "commit")
	at := d.waiting(r, 0)
	d.Tick("import.expire")
	d.decide(d.waiting(r, 0), object{"decision": "link", "beneficiary_id": uuid.New()}).Want(422) // waits still
	d.Exec("update import_rows set held_until = now() - interval '1 second' where held_until is not null")
	d.Tick("import.expire")
	d.decide(at, object{"decision": "import"}).WantCode(409, "state_conflict")
	now := d.Call(d.clerk, "GET", d.path("/imports/%s", r.ID()), nil)
	wantCounts(t, now, "left_out 1, duplicates 0")
	if now.Text("warnings", "undecided") != "1" || d.count("import_rows where held is not null") != 0 || d.rows(r.ID(), "code=undecided").Len("data") != 1 {
		t.Errorf("%s", now.Raw)
	}
}

func TestDuplicates_AreForThoseWhoMayReadPeople(t *testing.T) {
	d := newDesk(t)
	r := d.hold(file(sekou, sekou2), "commit")
	at := d.waiting(r, 0)
	admin := d.Staff(d.centre, "tenant_admin")
	seen := d.Call(admin, "GET", d.path("/imports/%s/rows?status=duplicate", r.ID()), nil).Want(200)
	if seen.Len("data") != 1 || strings.Contains(string(seen.Raw), "candidates") {
		t.Errorf("%s", seen.Raw)
	}
	d.Call(admin, "POST", at+"/decide", object{"decision": "skip"}).Want(403)
	other := deskAt(d.House, d.CentreB)
	other.Call(other.clerk, "POST", at+"/decide", object{"decision": "skip"}).Want(404)
	id := at[strings.LastIndex(at, "/")+1:]
	other.decide(other.path("/imports/%s/rows/%s", r.ID(), id), object{"decision": "skip"}).Want(404)
	theirs := other.take(file(row("9", "centre", "Centre de transit Arlit")), "mode=commit")
	other.decide(other.path("/imports/%s/rows/%s", theirs.ID(), id), object{"decision": "skip"}).Want(404)
}

// Two files that overlap, at the same moment: each person once, and each row counted once.
func TestDuplicates_TwoFilesAtOnce(t *testing.T) {
	d := newDesk(t)
	d.WorkAhead()
	other := bytes.ReplaceAll(file(sekou, fanta), []byte("\n1;"), []byte("\n11;"))
	var sent [2]*apptest.Response
	var both sync.WaitGroup
	for k, content := range [][]byte{file(sekou, fanta), other} {
		both.Go(func() { sent[k] = d.send(content, "mode=commit&duplicates=hold") })
	}
	both.Wait()
	d.run(sent[0].ID(), 2)
	d.run(sent[1].ID(), 2)
	got := map[string]int{}
	for _, s := range sent {
		r := d.Call(d.clerk, "GET", d.path("/imports/%s", s.ID()), nil)
		wantStatus(t, r, "completed")
		for _, name := range []string{"created", "duplicates", "unchanged"} {
			got[name] += int(r.Value("counts", name).(float64))
		}
	}
	if got["created"] != 2 || got["duplicates"] != 1 || got["unchanged"] != 1 || d.count("beneficiaries") != 2 {
		t.Errorf("%v", got)
	}
}

// Two people who decide at once about the same row, differently: one of them does.
func TestDuplicates_TwoDecisionsAtOnce(t *testing.T) {
	d := newDesk(t)
	r := d.hold(file(sekou, sekou2), "commit")
	at := d.waiting(r, 0)
	var status [2]int
	var both sync.WaitGroup
	for k, verdict := range []string{"import", "skip"} {
		both.Go(func() { status[k] = d.decide(at, object{"decision": verdict}).Status })
	}
	both.Wait()
	if status[0]+status[1] != 200+409 {
		t.Errorf("%v", status)
	}
}

// A run that was killed, or that ran out of its time, holds the same rows as one that was not.
func TestDuplicates_KilledRunHoldsTheSameRows(t *testing.T) {
	d := newDesk(t)
	whole := map[intake.Mode]string{}
	for _, mode := range []intake.Mode{intake.DryRun, intake.Commit} {
		ctx, kill := context.WithCancel(context.Background())
		go func() {
			for d.Owner.QueryRow(ctx, "select 1 from imports where processed >= 500 and status = 'running'").Scan(new(int)) != nil && ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
			kill()
		}()
		if _, err := intake.ImportFile(ctx, d.App.DB, d.centre, "niger-2024", bytes.NewReader(head(2000)), intake.Options{Mode: mode, By: d.clerk.ID}); err == nil {
			t.Fatal("the run was not killed")
		}
		var id uuid.UUID
		d.Scan("select id from imports where status = 'running'", nil, &id)
		d.run(id, 1)
		done := d.Call(d.clerk, "GET", d.path("/imports/%s", id), nil).Want(200)
		wantStatus(t, done, "completed")
		wantCounts(t, done, "processed 2000")
		var lines string
		d.Scan("select string_agg(line::text, ',' order by line) from import_rows where import_id = $1 and status = 'duplicate'", []any{id}, &lines)
		whole[mode] = lines
	}
	if whole[intake.DryRun] != whole[intake.Commit] || whole[intake.Commit] == "" {
		t.Errorf("the dry run holds %s, the real run %s", whole[intake.DryRun], whole[intake.Commit])
	}
	accepted := d.count("import_rows where status in ('accepted', 'duplicate') and import_id = (select id from imports where mode = 'dry_run')")
	if n := d.count("beneficiaries") + d.count("import_rows where held is not null"); n != accepted || n == 0 {
		t.Errorf("%d people and rows that wait, want %d", n, accepted)
	}
}
