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
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/intake"
	"github.com/waystation/waystation/internal/intake/demo"
	"github.com/waystation/waystation/internal/jobs"
)

// desk is a centre with somebody who imports.
type desk struct {
	*apptest.House
	centre uuid.UUID
	clerk  apptest.Person
}

func newDesk(t *testing.T) desk {
	h := apptest.New(t)
	return deskAt(h, h.CentreA)
}

func deskAt(h *apptest.House, centre uuid.UUID) desk {
	return desk{h, centre, h.Staff(centre, "registrar")}
}

func (d desk) path(format string, args ...any) string {
	return fmt.Sprintf("/v1/centres/%s", d.centre) + fmt.Sprintf(format, args...)
}

// send uploads a file read by the shipped mapping.
func (d desk) send(file []byte, query string, headers ...apptest.Header) *apptest.Response {
	d.T.Helper()
	if !strings.Contains(query, "duplicates=") {
		query += "&duplicates=import" // most tests are not about who is who
	}
	headers = append([]apptest.Header{{Name: "Content-Type", Value: "text/csv"}}, headers...)
	return d.Call(d.clerk, "POST", d.path("/imports?mapping=niger-2024&%s", query), bytes.Clone(file), headers...)
}

// take uploads a file, lets the house work on it and returns the import.
func (d desk) take(file []byte, query string) *apptest.Response {
	d.T.Helper()
	location := d.send(file, query).Want(202).Header.Get("Location")
	d.Work()
	return d.Call(d.clerk, "GET", location, nil).Want(200)
}

func (d desk) rows(id uuid.UUID, query string, headers ...apptest.Header) *apptest.Response {
	d.T.Helper()
	return d.Call(d.clerk, "GET", d.path("/imports/%s/rows?%s", id, query), nil, headers...).Want(200)
}

func (d desk) count(sql string, args ...any) (n int) {
	d.T.Helper()
	d.Scan("select count(*) from "+sql, args, &n)
	return n
}

// wantCounts compares numbers of an import, written "created 3, rejected 1".
func wantCounts(t *testing.T, r *apptest.Response, want string) {
	t.Helper()
	for pair := range strings.SplitSeq(want, ", ") {
		name, n, _ := strings.Cut(pair, " ")
		if got := r.Text("counts", name); got != n {
			t.Errorf("%s: %s, want %s: %s", name, got, n, r.Raw)
		}
	}
}

func wantStatus(t *testing.T, r *apptest.Response, want string) {
	t.Helper()
	if got := r.Text("status"); got != want {
		t.Fatalf("status %q, want %q: %s", got, want, r.Raw)
	}
}

const header = "_id;date_enregistrement;centre;nom;prenom;sexe;date_naissance;age;nationalite;langue;telephone;type_document;numero_document;menage;lien;" +
	"date_arrivee;mode_arrivee;motif;destination;vulnerabilites;consentement;methode_consentement;certifie_par;observations\n"

// row is one row of a sheet as the shipped mapping reads it: a man of 30 at the centre in Agadez,
// unless changes say otherwise.
func row(id string, changes ...string) string {
	cells := map[string]string{"_id": id, "date_enregistrement": "05/01/2024", "centre": "Centre de transit Agadez", "nom": "Diallo", "prenom": "Sékou",
		"sexe": "M", "age": "30", "nationalite": "GIN", "langue": "français", "consentement": "oui", "methode_consentement": "écrit"}
	for i := 0; i+1 < len(changes); i += 2 {
		cells[changes[i]] = changes[i+1]
	}
	var line []string
	for name := range strings.SplitSeq(strings.TrimSpace(header), ";") {
		line = append(line, cells[name])
	}
	return strings.Join(line, ";") + "\n"
}

// name is one that sounds like no other up to ten thousand.
func name(n int) string {
	syllables := []string{"ba", "do", "fi", "ka", "lu", "me", "no", "ri", "sa", "ti"}
	return syllables[n/1000%10] + syllables[n/100%10] + syllables[n/10%10] + syllables[n%10]
}

func file(rows ...string) []byte { return []byte(header + strings.Join(rows, "")) }

// head returns the first rows of the demonstration sheet.
func head(n int) []byte {
	lines := bytes.SplitAfterN(demo.RegistrationsNiger2024, []byte("\n"), n+2)
	return bytes.Join(lines[:n+1], nil)
}

var codes = map[string]string{"AGZ": "Centre de transit Agadez", "ARL": "Centre de transit Arlit", "DRK": "Dirkou", "NIA": "Niamey"}

// Each centre imports the same sheet: a dry run, the same again for good, and once more. Nobody is
// left out and nobody comes twice.
// rule 1, rule 2
func TestImport_RealSheetIntoFourCentres(t *testing.T) {
	h := apptest.New(t)
	at := map[string]uuid.UUID{"AGZ": h.CentreA, "ARL": h.CentreB}
	for _, code := range []string{"DRK", "NIA"} {
		at[code] = h.Centre(code, codes[code])
	}
	created, took := 0, time.Duration(0)
	for code, centre := range at {
		d := deskAt(h, centre)
		tried := d.take(demo.RegistrationsNiger2024, "mode=dry_run")
		wantStatus(t, tried, "completed")
		if n := d.count("beneficiaries where centre_id = $1", centre); n != 0 {
			t.Fatalf("%s: a dry run saved %d persons", code, n)
		}
		d.Call(d.clerk, "POST", d.path("/imports/%s/commit", tried.ID()), nil, apptest.IfMatch(tried.ETag())).Want(200)
		start := time.Now()
		d.Work()
		took += time.Since(start)
		done := d.Call(d.clerk, "GET", d.path("/imports/%s", tried.ID()), nil).Want(200)
		wantStatus(t, done, "completed")
		for _, same := range [][]any{{"counts", "accepted"}, {"counts", "rejected"}, {"counts", "skipped"}, {"counts", "with_warnings"}, {"errors"}, {"warnings"}} {
			if a, b := tried.Text(same...), done.Text(same...); a != b {
				t.Errorf("%s: dry run %v %s, real run %s", code, same, a, b)
			}
		}
		if a, b := done.Text("counts", "created"), tried.Text("counts", "accepted"); a != b {
			t.Errorf("%s: %s created, %s accepted before", code, a, b)
		}
		again := d.take(demo.RegistrationsNiger2024, "mode=commit")
		if again.Text("counts", "created") != "0" || again.Text("counts", "unchanged") != done.Text("counts", "created") {
			t.Errorf("%s: a second import answers %s", code, again.Raw)
		}
		created += int(done.Value("counts", "created").(float64))
	}
	if stored := (desk{House: h}).count("beneficiaries"); created != 5226 || stored != 5226 {
		t.Errorf("%d created, %d stored, want 5226", created, stored)
	}
	t.Logf("%d registrations in %v: %.0f rows/s read, %.0f persons/s", created, took, 24000/took.Seconds(), float64(created)/took.Seconds())
	inspectRegister(t, desk{House: h})
}

// inspectRegister holds what came of the real sheet against what a register must be.
func inspectRegister(t *testing.T, d desk) {
	for promise, sql := range map[string]string{
		"everybody has a decision on registration": `beneficiaries b where not exists (select 1 from consents c
			where c.centre_id = b.centre_id and c.beneficiary_id = b.id and c.scope = 'registration' and c.decision = 'given')`,
		"nobody who refused is kept":                        `consents where decision <> 'given'`,
		"a verbal consent is certified":                     `consents where method = 'verbal_certified' and (certified_by = '' or certified_at is null)`,
		"a child's record stands on more than its own word": `beneficiaries b join consents c on c.centre_id = b.centre_id and c.beneficiary_id = b.id where c.giver = 'assent_child' and b.basis <> 'best_interests_child'`,
		"a household counts its members":                    `households h where h.size <> (select count(*) from household_members m where m.household_id = h.id)`,
		"a household has one head, a member": `households h where (select count(*) from household_members m where m.household_id = h.id and m.relationship = 'head')
			<> case when h.head_id is null then 0 else 1 end or h.head_id is not null and not exists (select 1 from household_members m where m.household_id = h.id and m.beneficiary_id = h.head_id)`,
		"nobody is in two households": `(select beneficiary_id from household_members group by 1 having count(*) > 1) x`,
		"every reference is its own":  `(select reference from beneficiaries group by centre_id, reference having count(*) > 1) x`,
		"the file is gone":            `import_files`,
		"nothing waits":               `imports where status <> 'completed'`,
	} {
		if n := d.count(sql); n != 0 {
			t.Errorf("%s: %d break it", promise, n)
		}
	}
	if n := d.count("households"); n < 300 {
		t.Errorf("%d households", n)
	}
	if n := d.count("specific_needs where sensitivity = 'restricted'"); n < 100 {
		t.Errorf("%d restricted needs", n)
	}
}

// rule 26
func TestImport_RestrictedNeedIsNotSeenByWhoImportedIt(t *testing.T) {
	d := newDesk(t)
	d.take(file(row("1", "vulnerabilites", "VBG"), row("2", "vulnerabilites", "femme enceinte")), "mode=commit")
	if n := d.count("specific_needs"); n != 2 {
		t.Fatalf("%d needs stored", n)
	}
	var seen []string
	scope := db.Scope{Centres: []uuid.UUID{d.centre}, ActorID: d.clerk.ID, ActorKind: "user"}
	err := d.App.DB.InTx(context.Background(), scope, func(ctx context.Context) error {
		return db.Tx(ctx).Raw("select code from specific_needs").Scan(&seen).Error
	})
	if err != nil || len(seen) != 1 || seen[0] != "pregnant_lactating" {
		t.Errorf("%v %v", seen, err)
	}
}

func TestImport_RowIsRegisteredAsTheSheetSays(t *testing.T) {
	d := newDesk(t)
	r := d.take(file(row("7", "mode_arrivee", "expulsé d'Algérie", "destination", "retour pays d'origine", "methode_consentement", "verbal", "certifie_par", "R. Mahamane",
		"date_arrivee", "03/01/2024", "motif", "études", "observations", "=HYPERLINK()")), "mode=commit")
	wantCounts(t, r, "created 1, with_warnings 1")
	at := d.rows(r.ID(), "status=created")
	var got string
	d.Scan(`select concat_ws('|', reference, registration_level, registered_on, reception_on, given_name, family_name, sex, birth_date, birth_date_precision, population_type,
		nationalities, languages, migration_status, migration_reasons, intended_destination, remarks, source, source_key, basis, created_by = $2) from beneficiaries where id = $1`,
		[]any{at.ID("data", 0, "beneficiary_id"), d.clerk.ID}, &got)
	want := "AGZ-000001|basic|2024-01-05|2024-01-03|Sékou|Diallo|1|1994-01-05|estimated|returnee|{GIN}|{fr}|expelled|{education}|GIN|=HYPERLINK()|import|niger-2024:7|consent|t"
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	d.Scan("select concat_ws('|', scope, decision, giver, method, certified_by, given_at at time zone 'Africa/Niamey', certified_at = given_at, recorded_by = $1) from consents", []any{d.clerk.ID}, &got)
	if want := "registration|given|individual|verbal_certified|R. Mahamane|2024-01-05 12:00:00|t|t"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if at.Text("data", 0, "reference") != "AGZ-000001" || at.Text("data", 0, "issues", 0, "code") != "formula_text" {
		t.Errorf("%s", at.Raw)
	}
}

// How somebody arrived is a visit that ended with the registration: nobody waits or is here by it.
func TestImport_ArrivalIsAVisitThatHasEnded(t *testing.T) {
	d := newDesk(t)
	r := d.take(file(row("1", "mode_arrivee", "expulsé d'Algérie", "date_arrivee", "03/01/2024"), row("2"), row("3", "mode_arrivee", "spontané", "consentement", "non"),
		row("4", "mode_arrivee", "référé", "date_arrivee", "09/01/2024")), "mode=commit")
	wantCounts(t, r, "created 3, rejected 1")
	visits := d.Call(d.clerk, "GET", d.path("/visits?sort=arrived_at"), nil).Want(200)
	if visits.Len("data") != 2 {
		t.Fatalf("%s", visits.Raw)
	}
	for n, want := range []map[string]string{
		{"status": "left", "arrival_mode": "expelled", "expelled_from": "DZA", "arrived_on": "2024-01-03", "arrived_at": "2024-01-03T11:00:00Z", "ended_at": "2024-01-05T11:00:00Z", "access_mode": ""},
		{"status": "left", "arrival_mode": "referred", "expelled_from": "", "arrived_on": "2024-01-05", "arrived_at": "2024-01-05T11:00:00Z", "ended_at": "2024-01-05T11:00:00Z", "access_mode": ""},
	} {
		for field, value := range want {
			if got := visits.Text("data", n, field); got != value {
				t.Errorf("visit %d: %s is %q, want %q", n, field, got, value)
			}
		}
	}
	first := d.rows(r.ID(), "status=created").ID("data", 0, "beneficiary_id")
	if visits.ID("data", 0, "beneficiary_id") != first || d.count("visits where ended_by = $1 and created_by = $1", d.clerk.ID) != 2 {
		t.Errorf("%s", visits.Raw)
	}
	if queue := d.Call(d.clerk, "GET", d.path("/visits/queue"), nil).Want(200); queue.Len("data") != 0 {
		t.Errorf("somebody waits: %s", queue.Raw)
	}
	if again := d.take(file(row("1", "mode_arrivee", "expulsé d'Algérie", "date_arrivee", "03/01/2024")), "mode=commit"); again.Text("counts", "unchanged") != "1" || d.count("visits") != 2 {
		t.Errorf("a repeat changes what is known of an arrival: %s", again.Raw)
	}
}

func TestImport_ChildIsRegisteredWithCaregiverOrInItsBestInterests(t *testing.T) {
	d := newDesk(t)
	r := d.take(file(row("1", "age", "9"), row("2", "menage", "M1", "lien", "chef"), row("3", "age", "9", "menage", "M1", "lien", "enfant"), row("4", "age", "18")), "mode=commit")
	wantCounts(t, r, "created 4, with_warnings 2")
	var got string
	d.Scan(`select string_agg(concat_ws(' ', split_part(b.source_key, ':', 2), b.basis, c.giver), ', ' order by b.source_key) from beneficiaries b
		join consents c on c.beneficiary_id = b.id`, nil, &got)
	if want := "1 best_interests_child assent_child, 2 consent individual, 3 consent caregiver, 4 consent individual"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestImport_HouseholdGrowsAcrossFilesAndKeepsItsHead(t *testing.T) {
	d := newDesk(t)
	first := d.take(file(row("1", "menage", "M1", "lien", "chef"), row("2", "menage", "M1", "lien", "chef"), row("3", "menage", "M1", "lien", "conjoint", "sexe", "F")), "mode=commit")
	if first.Text("warnings", "second_head") != "1" {
		t.Errorf("%s", first.Raw)
	}
	second := d.take(file(row("4", "menage", "M1", "lien", "chef"), row("5", "menage", "M1"), row("6", "menage", "M2", "lien", "frère/soeur")), "mode=commit")
	if second.Text("warnings", "second_head") != "1" || second.Text("warnings", "relationship_missing") != "1" {
		t.Errorf("%s", second.Raw)
	}
	var got string
	d.Scan(`select string_agg(concat_ws(' ', h.source_key, h.size, split_part(b.source_key, ':', 2),
		(select string_agg(m.relationship, '+' order by m.relationship) from household_members m where m.household_id = h.id)), ', ' order by h.source_key)
		from households h left join beneficiaries b on b.id = h.head_id`, nil, &got)
	if want := "niger-2024:M1 5 1 head+unknown+unknown+unknown+wife, niger-2024:M2 1 brother"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestImport_VoidHouseholdTakesNobody(t *testing.T) {
	d := newDesk(t)
	d.take(file(row("1", "menage", "M1", "lien", "chef")), "mode=commit")
	d.Exec("update households set status = 'void', void_reason = 'made in error'")
	for _, mode := range []string{"dry_run", "commit"} {
		r := d.take(file(row("2", "menage", "M1", "lien", "conjoint", "sexe", "F"), row("3")), "mode="+mode)
		wantCounts(t, r, "accepted 1, rejected 1")
		if d.rows(r.ID(), "status=rejected").Text("data", 0, "issues", 0, "column") != "menage" {
			t.Errorf("%s", r.Raw)
		}
	}
}

func TestImport_RowsOfOtherCentresAreSkipped(t *testing.T) {
	d := newDesk(t)
	r := d.take(file(row("1"), row("2", "centre", "Centre de transit Arlit", "consentement", ""), row("3", "centre", ""), row("4", "centre", "Centre inconnu")), "mode=commit")
	wantCounts(t, r, "created 1, skipped 1, rejected 2")
	if got := r.Text("errors"); got != "map[missing:1 unknown_centre:1]" {
		t.Errorf("errors %s: a fault of another centre's row must not show here", got)
	}
	skipped := d.rows(r.ID(), "status=skipped")
	if skipped.Len("data") != 1 || skipped.Text("data", 0, "issues", 0, "code") != "other_centre" || skipped.Len("data", 0, "issues") != 1 {
		t.Errorf("%s", skipped.Raw)
	}
}

func TestImport_ChangedRowIsReportedAndNotOverwritten(t *testing.T) {
	d := newDesk(t)
	d.take(file(row("1"), row("2")), "mode=commit")
	r := d.take(file(row("1", "nom", "Barry"), row("2"), row("3")), "mode=commit")
	wantCounts(t, r, "created 1, changed 1, unchanged 1, accepted 3")
	if n := d.count("beneficiaries where family_name = 'Barry'"); n != 0 {
		t.Error("the register was overwritten")
	}
	changed := d.rows(r.ID(), "code=changed_in_source")
	if changed.Text("data", 0, "status") != "changed" || changed.Text("data", 0, "reference") == "" {
		t.Errorf("%s", changed.Raw)
	}
}

func TestImport_SecondRowOfANumberIsRejected(t *testing.T) {
	d := newDesk(t)
	for _, mode := range []string{"dry_run", "commit"} {
		r := d.take(file(row("1"), row("1"), row("2")), "mode="+mode)
		wantCounts(t, r, "accepted 2, rejected 1")
		if r.Text("errors", "source_id_repeated") != "1" {
			t.Errorf("%s", r.Raw)
		}
	}
}

func TestImport_RegistrationRulesHoldForRowsToo(t *testing.T) {
	d := newDesk(t)
	d.Exec(`insert into sops (centre_id, id, version, created_at, updated_at, number, title, status, policy)
		values ($1, $2, 1, now(), now(), 1, 'SOP', 'active', '{"registration": {"basic_requires": ["languages"]}}')`, d.centre, db.NewID())
	r := d.take(file(row("1"), row("2", "langue", ""), row("3", "langue", "inconnu"), row("4", "nom", strings.Repeat("x", 3000))), "mode=commit")
	wantCounts(t, r, "created 2, rejected 2")
	broken := d.rows(r.ID(), "code=rule_broken")
	if broken.Text("data", 0, "issues", 0, "field") != "language" || broken.Text("data", 0, "issues", 0, "column") != "langue" {
		t.Errorf("%s", broken.Raw)
	}
	for language, want := range map[string]string{"en": "the centre’s procedures", "fr": "les procédures du centre", "es": "los procedimientos del centro", "ar": "إجراءات المركز"} {
		if got := d.rows(r.ID(), "code=rule_broken", speaks(language)).Text("data", 0, "issues", 0, "message"); !strings.Contains(got, want) || language != "en" && strings.Contains(got, "procedures ask") {
			t.Errorf("%s: %s", language, got)
		}
	}
	if long := d.rows(r.ID(), "code=text_too_long"); long.Text("data", 0, "issues", 0, "field") != "family_name" {
		t.Errorf("%s", long.Raw)
	}
}

// rule 31
func TestImport_EndsAtACentreThatRegistersNobody(t *testing.T) {
	d := newDesk(t)
	waiting := d.send(file(row("1")), "mode=commit").Want(202)
	d.Exec(`insert into centre_phases (centre_id, id, version, created_at, updated_at, phase, starts_on) values ($1, $2, 1, now(), now(), 'phase_out', current_date - 1)`, d.centre, db.NewID())
	d.send(file(row("1")), "mode=commit").WantCode(409, "state_conflict")
	d.Work()
	r := d.Call(d.clerk, "GET", d.path("/imports/%s", waiting.ID()), nil)
	wantStatus(t, r, "failed")
	if r.Text("failure", "code") != "rule_broken" || d.count("beneficiaries")+d.count("import_files") != 0 {
		t.Errorf("%s", r.Raw)
	}
}

func TestImport_AllOrNothing(t *testing.T) {
	d := newDesk(t)
	bad := d.take(file(row("1"), row("2", "consentement", "non")), "mode=commit&atomicity=all_or_nothing")
	wantStatus(t, bad, "failed")
	wantCounts(t, bad, "created 0, accepted 1, rejected 1, processed 2")
	if d.count("beneficiaries")+d.count("import_sources")+d.count("import_files") != 0 {
		t.Error("something was kept")
	}
	if rejected := d.rows(bad.ID(), "status=rejected"); rejected.Text("data", 0, "issues", 0, "code") != "consent_refused" {
		t.Errorf("%s", rejected.Raw)
	}
	tried := d.take(file(row("1"), row("2", "consentement", "non")), "mode=dry_run&atomicity=all_or_nothing")
	wantStatus(t, tried, "completed")
	d.Call(d.clerk, "POST", d.path("/imports/%s/commit", tried.ID()), nil, apptest.IfMatch(tried.ETag())).WantCode(422, "rows_rejected")

	var rows []string
	for i := range 1200 { // more than one batch
		rows = append(rows, row(fmt.Sprint(i), "nom", name(i), "prenom", name(7*i+1)))
	}
	good := d.take(file(rows...), "mode=commit&atomicity=all_or_nothing")
	wantStatus(t, good, "completed")
	wantCounts(t, good, "created 1200, rejected 0")
	if d.count("beneficiaries") != 1200 || d.count("import_rows where import_id = $1 and status = 'created'", good.ID()) != 1200 {
		t.Error("not everything was saved")
	}
}

// A process that is killed in the middle loses at most its batch; another one goes on from there.
func TestImport_KilledRunGoesOnWhereItStopped(t *testing.T) {
	d := newDesk(t)
	ctx, kill := context.WithCancel(context.Background())
	go func() {
		for d.Owner.QueryRow(ctx, "select 1 from imports where processed >= 1000").Scan(new(int)) != nil && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		kill()
	}()
	o := intake.Options{Mode: intake.Commit, Duplicates: intake.TakeAsIs, By: d.clerk.ID}
	if _, err := intake.ImportFile(ctx, d.App.DB, d.centre, "niger-2024", bytes.NewReader(demo.RegistrationsNiger2024), o); err == nil {
		t.Fatal("the run was not killed")
	}
	var id uuid.UUID
	var processed, stored int
	d.Scan("select id, processed, (select count(*) from beneficiaries) from imports where status = 'running'", nil, &id, &processed, &stored)
	if processed < 1000 || processed == 6000 || stored == 0 {
		t.Fatalf("%d rows, %d persons after the kill", processed, stored)
	}
	d.run(id, 1)
	done := d.Call(d.clerk, "GET", d.path("/imports/%s", id), nil).Want(200)
	wantStatus(t, done, "completed")
	wantCounts(t, done, "processed 6000, created 2578")
	if d.count("beneficiaries") != 2578 || d.count("import_rows") != 6000 {
		t.Errorf("%d persons, %d rows", d.count("beneficiaries"), d.count("import_rows"))
	}
}

// run lets n workers go on with an import at once.
func (d desk) run(id uuid.UUID, n int) {
	d.T.Helper()
	err := d.App.DB.InTx(context.Background(), db.Scope{}, func(ctx context.Context) error {
		for range n {
			if err := jobs.Enqueue(ctx, intake.RunArgs{CentreID: d.centre, ImportID: id, ActorID: d.clerk.ID}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		d.T.Fatal(err)
	}
	d.WorkAhead()
}

// The queue runs a job at least once; a file may come twice at the same moment.
func TestImport_AtOnceCreatesNobodyTwice(t *testing.T) {
	d := newDesk(t)
	sheet := head(1500)
	var locations [2]string
	var both sync.WaitGroup
	for i := range locations {
		both.Go(func() { locations[i] = d.send(sheet, "mode=commit").Header.Get("Location") })
	}
	both.Wait()
	d.run(uuid.MustParse(locations[0][strings.LastIndex(locations[0], "/")+1:]), 2)
	created, unchanged := 0, 0
	for _, l := range locations {
		r := d.Call(d.clerk, "GET", l, nil).Want(200)
		wantStatus(t, r, "completed")
		wantCounts(t, r, "processed 1500")
		created += int(r.Value("counts", "created").(float64))
		unchanged += int(r.Value("counts", "unchanged").(float64))
	}
	if created != unchanged || created != d.count("beneficiaries") || created == 0 {
		t.Errorf("%d created, %d unchanged, %d stored", created, unchanged, d.count("beneficiaries"))
	}
}

func TestImport_Cancel(t *testing.T) {
	d := newDesk(t)
	r := d.send(file(row("1")), "mode=commit").Want(202)
	wantStatus(t, d.Call(d.clerk, "POST", d.path("/imports/%s/cancel", r.ID()), nil).Want(200), "cancelled")
	d.Call(d.clerk, "POST", d.path("/imports/%s/cancel", r.ID()), nil).Want(200)
	d.Work()
	if d.count("beneficiaries")+d.count("import_files") != 0 {
		t.Error("a cancelled import went on, or its file stayed")
	}
	done := d.take(file(row("1")), "mode=commit")
	refused := d.Call(d.clerk, "POST", d.path("/imports/%s/cancel", done.ID()), nil).WantCode(409, "state_conflict")
	if refused.Text("current_state") != "completed" {
		t.Errorf("%s", refused.Raw)
	}
}

func TestImport_CommitOnlyAFinishedDryRunOnce(t *testing.T) {
	d := newDesk(t)
	queued := d.send(file(row("1")), "").Want(202)
	commit := d.path("/imports/%s/commit", queued.ID())
	d.Call(d.clerk, "POST", commit, nil).WantCode(428, "if_match_required")
	d.Call(d.clerk, "POST", commit, nil, apptest.IfMatch(queued.ETag())).WantCode(409, "state_conflict")
	d.Work()
	d.Call(d.clerk, "POST", commit, nil, apptest.IfMatch(queued.ETag())).WantCode(412, "stale_version")
	tried := d.Call(d.clerk, "GET", d.path("/imports/%s", queued.ID()), nil)
	d.Call(d.clerk, "POST", commit, nil, apptest.IfMatch(tried.ETag())).Want(200)
	d.Work()
	done := d.Call(d.clerk, "GET", d.path("/imports/%s", queued.ID()), nil)
	wantCounts(t, done, "created 1")
	d.Call(d.clerk, "POST", commit, nil, apptest.IfMatch(done.ETag())).WantCode(409, "state_conflict")
}

func TestImport_FileOfADryRunIsDeletedWhenItsTimeHasPassed(t *testing.T) {
	d := newDesk(t)
	tried := d.take(file(row("1")), "")
	if tried.Text("file", "kept_until") == "" || d.count("import_files") == 0 {
		t.Fatalf("the file is not kept: %s", tried.Raw)
	}
	waiting := d.take(file(row("2")), "")
	d.Exec("update imports set status = 'running', finished_at = null where id = $1", waiting.ID()) // stuck
	d.Exec("update imports set file_until = now() - interval '1 second'")
	d.Tick("import.expire")
	if d.count("import_files") != 0 {
		t.Error("a file has outstayed its time")
	}
	now := d.Call(d.clerk, "GET", d.path("/imports/%s", tried.ID()), nil)
	d.Call(d.clerk, "POST", d.path("/imports/%s/commit", tried.ID()), nil, apptest.IfMatch(now.ETag())).WantCode(409, "state_conflict")
	late := d.Call(d.clerk, "GET", d.path("/imports/%s", waiting.ID()), nil)
	wantStatus(t, late, "failed")
	if late.Text("failure", "code") != "file_expired" {
		t.Errorf("%s", late.Raw)
	}
}

func TestImport_RepeatedUploadIsOneImport(t *testing.T) {
	d := newDesk(t)
	key := apptest.Key("box-17")
	first := d.send(file(row("1")), "", key).Want(202)
	if again := d.send(file(row("1")), "", key).Want(202); again.ID() != first.ID() || d.count("imports") != 1 {
		t.Errorf("%d imports", d.count("imports"))
	}
	d.send(file(row("2")), "", key).WantCode(422, "idempotency_key_reused")
}

func TestImport_KeepsNothingOfRejectedRows(t *testing.T) {
	d := newDesk(t)
	r := d.take(file(row("1", "nom", "Zzyzx", "consentement", "non"), row("2", "nom", "Zzyzx", "telephone", "+227 90 11 22 33", "sexe", "Q")), "mode=commit")
	wantCounts(t, r, "rejected 2")
	for _, table := range []string{"import_rows", "imports", "audit_events", "events", "beneficiaries", "river.river_job"} {
		if n := d.count(table + " x where to_jsonb(x)::text ~ 'Zzyzx|90 ?11'"); n != 0 {
			t.Errorf("%s holds a rejected person", table)
		}
	}
}

func TestImport_RowsArePagedAndCounted(t *testing.T) {
	d := newDesk(t)
	r := d.take(file(row("1"), row("2", "sexe", ""), row("3"), row("4")), "mode=commit")
	page := d.rows(r.ID(), "limit=3&include_total=true")
	if page.Len("data") != 3 || page.Text("total") != "4" || page.Text("data", 1, "status") != "rejected" || page.Text("data", 1, "line") != "3" {
		t.Errorf("%s", page.Raw)
	}
	if rest := d.rows(r.ID(), "limit=3&cursor="+page.Text("next_cursor")); rest.Len("data") != 1 || rest.Text("data", 0, "source_id") != "4" {
		t.Errorf("%s", rest.Raw)
	}
	if n := d.count("audit_events where operation = 'listImportRows' and action = 'read' and subject_ids = array[$1::uuid]", r.ID()); n != 2 {
		t.Errorf("%d lines in the trail", n)
	}
}
