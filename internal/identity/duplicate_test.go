package identity_test

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
)

type obj = map[string]any

// desk is a centre with somebody at each task.
type desk struct {
	*apptest.House
	registrar, supervisor apptest.Person
	at                    string
}

func open(t testing.TB) desk {
	h := apptest.New(t)
	return desk{h, h.Staff(h.CentreA, "registrar", "caseworker"), h.Staff(h.CentreA, "case_supervisor"), "/v1/centres/" + h.CentreA.String()}
}

// person is a registration; more takes the place of what it says.
func person(more obj) obj {
	p := obj{"registration_level": "basic", "reception_on": "2026-03-01", "given_name": "Mamadou", "family_name": "Diallo", "sex": "1", "birth_date": "1999-01-17",
		"population_type": "migrant", "nationalities": []string{"GIN"}, "consent": obj{"decision": "given", "giver": "individual", "method": "written"}}
	maps.Copy(p, more)
	return p
}

func (d desk) register(more obj) *apptest.Response {
	d.T.Helper()
	return d.Call(d.registrar, "POST", d.at+"/beneficiaries", person(more))
}

func (d desk) count(table string) (n int) {
	d.T.Helper()
	d.Scan("select count(*) from "+table, nil, &n)
	return n
}

// pair registers somebody twice and returns both ids and the queue's line.
func (d desk) pair() (first, second uuid.UUID, line string) {
	d.T.Helper()
	first = d.register(nil).Want(201).ID()
	second = d.register(obj{"given_name": "Jallow", "family_name": "Mamadu", "acknowledged_duplicates": []uuid.UUID{first}}).Want(201).ID()
	return first, second, d.at + "/duplicates/" + d.Call(d.supervisor, "GET", d.at+"/duplicates?beneficiary_id="+second.String(), nil).Want(200).ID("data", 0, "id").String()
}

func TestRegistration_StopsAtALikelyDuplicateUntilItIsAcknowledged(t *testing.T) {
	d := open(t)
	first := d.register(nil).Want(201)
	again := obj{"given_name": "Jallow", "family_name": "Mamadu"}
	stopped := d.register(again).WantCode(409, "likely_duplicate")
	if stopped.Len("candidates") != 1 || stopped.ID("candidates", 0, "beneficiary_id") != first.ID() || stopped.Text("candidates", 0, "reference") != first.Text("reference") ||
		stopped.Text("candidates", 0, "level") != "likely" || stopped.Text("candidates", 0, "reasons", 0, "evidence") != "names" || stopped.Value("candidates", 0, "reasons", 0, "weight") != 0.5 {
		t.Errorf("stopped with %s", stopped.Raw)
	}
	if d.count("beneficiaries") != 1 || d.count("duplicates") != 0 {
		t.Error("something of the refused registration was kept")
	}
	if n := d.count("audit_events where action = 'search' and resource = 'beneficiaries' and subject_ids = array['" + first.ID().String() + "'::uuid] and actor_id = '" + d.registrar.ID.String() + "'"); n != 1 {
		t.Errorf("%d lines of what the refusal told", n)
	}
	again["acknowledged_duplicates"] = []uuid.UUID{uuid.New()}
	d.register(again).WantCode(409, "likely_duplicate")
	again["acknowledged_duplicates"] = []uuid.UUID{first.ID()}
	second := d.register(again).Want(201).ID()
	queue := d.Call(d.supervisor, "GET", d.at+"/duplicates", nil).Want(200)
	if queue.Len("data") != 1 || queue.ID("data", 0, "one_id") != first.ID() || queue.ID("data", 0, "other_id") != second || queue.Text("data", 0, "status") != "pending" ||
		queue.ID("data", 0, "acknowledged_by") != d.registrar.ID {
		t.Errorf("the queue has %s", queue.Raw)
	}
	third := d.register(obj{"acknowledged_duplicates": []uuid.UUID{first.ID()}}).WantCode(409, "likely_duplicate")
	if third.Len("candidates") != 2 {
		t.Errorf("the third meets %s", third.Raw)
	}
}

func TestRegistration_QueuesAPossibleDuplicate(t *testing.T) {
	d := open(t)
	first := d.register(nil).Want(201).ID()
	second := d.register(obj{"birth_date": "1999-02-03"}).Want(201).ID()
	queue := d.Call(d.supervisor, "GET", d.at+"/duplicates?level=possible", nil).Want(200)
	if queue.Len("data") != 1 || queue.ID("data", 0, "one_id") != first || queue.ID("data", 0, "other_id") != second || queue.Value("data", 0, "acknowledged_by") != nil {
		t.Errorf("the queue has %s", queue.Raw)
	}
}

func TestRegistration_WhatExcludesOnePerson(t *testing.T) {
	d := open(t)
	d.register(obj{"phone": "+227 90 11 22 33"}).Want(201)
	for name, other := range map[string]obj{
		"brother":           {"given_name": "Ousmane", "birth_date": "2001-05-05", "phone": "+227 90 11 22 33"},
		"other sex and day": {"sex": "2", "birth_date": "1980-07-30"},
		"other name":        {"given_name": "Emeka", "family_name": "Okafor"},
	} {
		d.register(other).Want(201)
		if n := d.count("duplicates where level = 'likely'"); n != 0 {
			t.Fatalf("%s: %d likely pairs", name, n)
		}
	}
}

func TestRegistration_ADocumentTellsUnderAnyName(t *testing.T) {
	d := open(t)
	first := d.register(obj{"document_type": "passport", "document_number": "O 0123456"}).Want(201).ID()
	stopped := d.register(obj{"given_name": "", "family_name": "Dialo Barry", "document_type": "passport", "document_number": "o0123456"}).WantCode(409, "likely_duplicate")
	if stopped.ID("candidates", 0, "beneficiary_id") != first {
		t.Errorf("stopped with %s", stopped.Raw)
	}
}

func TestDuplicates_KeepToTheirCentre(t *testing.T) {
	d := open(t)
	d.register(nil).Want(201)
	other := d.Staff(d.CentreB, "registrar")
	d.Call(other, "POST", "/v1/centres/"+d.CentreB.String()+"/beneficiaries", person(nil)).Want(201)
	if found := d.Call(other, "POST", "/v1/centres/"+d.CentreB.String()+"/duplicates/check", obj{"given_name": "Mamadou", "family_name": "Diallo", "birth_date": "1999-01-17", "sex": "1"}).Want(200); found.Len("data") != 1 {
		t.Errorf("found %s", found.Raw)
	}
	asked := `select count(*) from duplicate_candidates(?, '[{"sounds":["MMD"],"spelled":["mamadou"],"keys":["n:MMD","b:MMD:1999-01-17"],"birth_date":"1999-01-17","birth_date_precision":"day","nationalities":[]}]',
		'{"possible":0,"near_days":31,"estimate_days":366,"namesakes":1,"weights":{"names":1}}', 10, null)`
	var own, foreign int
	err := d.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{d.CentreB}}, func(ctx context.Context) error {
		if err := db.Tx(ctx).Raw(asked, d.CentreB).Scan(&own).Error; err != nil {
			return err
		}
		return db.Tx(ctx).Raw(asked, d.CentreA).Scan(&foreign).Error
	})
	if err != nil || own != 1 || foreign != 0 {
		t.Errorf("the function answers %d of its own centre, and %d asked for another, %v", own, foreign, err)
	}
}

func TestDuplicates_TheSOPSaysWhatIsLikely(t *testing.T) {
	d := open(t)
	author, chief := d.Staff(d.CentreA, "tenant_admin"), d.Staff(d.CentreA, "centre_manager")
	rules := func(check bool, possible, likely float64) obj {
		return obj{"check": check, "possible": possible, "likely": likely, "near_days": 31, "estimate_days": 366, "namesakes": 2,
			"weights": obj{"names": 0.5, "birth_date": 0.3, "sex": 0.1, "nationality": 0.1, "phone": 0.25, "document": 0.4, "household": 0.1}}
	}
	policy := func(r obj) obj {
		return obj{"title": "SOP", "policy": obj{"registration": obj{"basic_requires": []string{}, "full_requires": []string{}, "closed_in_phases": []string{}, "duplicates": r}}}
	}
	refused := d.Call(author, "POST", d.at+"/sops", policy(rules(true, 0.7, 0.7))).WantCode(422, "invalid")
	if refused.Text("errors", 0, "pointer") != "/policy/registration/duplicates/likely" {
		t.Errorf("refused with %s", refused.Raw)
	}
	activate := func(r obj) {
		made := d.Call(author, "POST", d.at+"/sops", policy(r)).Want(201)
		d.Call(chief, "POST", d.at+"/sops/"+made.ID().String()+"/activate", nil, apptest.IfMatch(made.ETag())).Want(200)
	}
	first := d.register(nil).Want(201).ID()
	activate(rules(true, 0.6, 0.95))
	d.register(nil).Want(201)
	if n := d.count("duplicates where level = 'possible'"); n != 1 {
		t.Errorf("%d possible pairs", n)
	}
	activate(rules(false, 0.6, 0.8))
	d.register(nil).Want(201)
	if n := d.count("duplicates"); n != 1 {
		t.Errorf("%d pairs where nothing is checked", n)
	}
	_ = first
}

func TestDuplicateCheck_TellsWhoMayBeMeantAndIsInTheTrail(t *testing.T) {
	d := open(t)
	first := d.register(obj{"phone": "+224 620 11 22 33"}).Want(201).ID()
	path := d.at + "/duplicates/check"
	found := d.Call(d.registrar, "POST", path, obj{"given_name": "Djallo", "family_name": "Mamadu", "age": 27, "sex": "1", "nationalities": []string{"GIN"}, "phone": "00224 62011 2233"}).Want(200)
	if found.Len("data") != 1 || found.ID("data", 0, "beneficiary_id") != first || found.Text("data", 0, "level") != "likely" {
		t.Errorf("found %s", found.Raw)
	}
	if none := d.Call(d.registrar, "POST", path, obj{"given_name": "Nobody", "birth_date": "1970-01-02"}).Want(200); none.Len("data") != 0 {
		t.Errorf("found %s", none.Raw)
	}
	if n := d.count("audit_events where action = 'search' and operation = 'checkDuplicates'"); n != 2 {
		t.Errorf("%d lines in the trail", n)
	}
	d.Call(d.registrar, "POST", path, obj{"age": 3, "birth_date": "2020-01-01"}).WantCode(422, "invalid")
	d.Call(d.registrar, "POST", path, obj{"birth_date": "2999-01-01"}).WantCode(422, "invalid")
	d.Call(d.Staff(d.CentreA, "storekeeper"), "POST", path, obj{"given_name": "Mamadou"}).Want(403)
	if d.count("duplicates") != 0 || d.count("beneficiaries") != 1 {
		t.Error("a check leaves something behind")
	}
}

func TestDuplicates_AreDecidedWithHistory(t *testing.T) {
	d := open(t)
	_, _, line := d.pair()
	got := d.Call(d.supervisor, "GET", line, nil).Want(200)
	d.Call(d.registrar, "POST", line+"/decide", obj{"decision": "later", "reason": "Ask them"}, apptest.IfMatch(got.ETag())).Want(403)
	d.Call(d.supervisor, "POST", line+"/decide", obj{"decision": "later", "reason": "Ask them", "review_on": "2020-01-01"}, apptest.IfMatch(got.ETag())).WantCode(422, "invalid")
	d.Call(d.supervisor, "POST", line+"/decide", obj{"decision": "not_duplicate", "reason": "Brothers", "review_on": "2999-01-01"}, apptest.IfMatch(got.ETag())).WantCode(422, "invalid")
	later := d.Call(d.supervisor, "POST", line+"/decide", obj{"decision": "later", "reason": "Ask them", "review_on": "2999-01-01"}, apptest.IfMatch(got.ETag())).Want(200)
	d.Call(d.supervisor, "POST", line+"/decide", obj{"decision": "not_duplicate", "reason": "Brothers"}, apptest.IfMatch(got.ETag())).WantCode(412, "stale_version")
	if n := d.Call(d.supervisor, "GET", d.at+"/duplicates", nil).Want(200).Len("data"); n != 0 {
		t.Errorf("%d pairs wait although one was put off", n)
	}
	d.Exec("update duplicates set review_on = current_date")
	if n := d.Call(d.supervisor, "GET", d.at+"/duplicates", nil).Want(200).Len("data"); n != 1 {
		t.Errorf("%d pairs wait on the day", n)
	}
	decided := d.Call(d.supervisor, "POST", line+"/decide", obj{"decision": "not_duplicate", "reason": "Brothers"}, apptest.IfMatch(later.ETag())).Want(200)
	if decided.Text("status") != "not_duplicate" || decided.ID("decided_by") != d.supervisor.ID {
		t.Errorf("decided %s", decided.Raw)
	}
	history := d.Call(d.supervisor, "GET", line+"/decisions", nil).Want(200)
	if history.Len("data") != 2 || history.Text("data", 0, "decision") != "later" || history.Text("data", 1, "reason") != "Brothers" {
		t.Errorf("history %s", history.Raw)
	}
	if n := d.Call(d.supervisor, "GET", d.at+"/duplicates?status=not_duplicate&sort=score&limit=1&include_total=true", nil).Want(200); n.Len("data") != 1 {
		t.Errorf("decided pairs %s", n.Raw)
	}
}

func TestDuplicates_PagesGoOnWhereTheyEnded(t *testing.T) {
	d := open(t)
	for range 3 {
		d.register(obj{"birth_date": "1999-02-03"})
		d.register(obj{"birth_date": "1999-02-13"})
		d.register(obj{"birth_date": "1999-02-20"})
	}
	seen := map[string]bool{}
	for path := d.at + "/duplicates?limit=1"; path != ""; {
		page := d.Call(d.supervisor, "GET", path, nil).Want(200)
		for i := range page.Len("data") {
			seen[page.Text("data", i, "id")] = true
		}
		path = ""
		if next := page.Text("next_cursor"); next != "" {
			path = d.at + "/duplicates?limit=1&cursor=" + next
		}
	}
	if len(seen) != d.count("duplicates") || len(seen) < 3 {
		t.Errorf("saw %d of %d pairs", len(seen), d.count("duplicates"))
	}
}

func TestUpdate_ThatMakesADuplicateQueuesThePair(t *testing.T) {
	d := open(t)
	d.register(obj{"phone": "+227 90 11 22 33"}).Want(201)
	second := d.register(obj{"given_name": "Alpha", "birth_date": "2003-03-03"}).Want(201)
	at := d.at + "/beneficiaries/" + second.ID().String()
	changed := d.Call(d.registrar, "PATCH", at, obj{"remarks": "Limps"}, apptest.IfMatch(second.ETag())).Want(200)
	if d.count("duplicates") != 0 {
		t.Fatal("a pair before there was reason for one")
	}
	d.Call(d.registrar, "PATCH", at, obj{"given_name": "Mamadu", "birth_date": "1999-01-17"}, apptest.IfMatch(changed.ETag())).Want(200)
	if d.count("duplicates where found_by = 'change' and level = 'likely'") != 1 {
		t.Error("the change queued no pair")
	}
}

// TestRegistration_TwoAtTheSameInstantAreInTheQueue holds both registrations back between their look for duplicates
// and their insert, so that neither can see the other.
func TestRegistration_TwoAtTheSameInstantAreInTheQueue(t *testing.T) {
	d := open(t)
	hold, err := d.Owner.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hold.Exec(context.Background(), "lock table beneficiaries in share mode"); err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	for range 2 {
		done.Go(func() { d.register(nil).Want(201) })
	}
	for waiting := 0; waiting < 2; time.Sleep(5 * time.Millisecond) {
		d.Scan("select count(*) from pg_locks where not granted and locktype = 'relation' and relation = 'beneficiaries'::regclass", nil, &waiting)
	}
	if err := hold.Rollback(context.Background()); err != nil {
		t.Fatal(err)
	}
	done.Wait()
	if d.count("beneficiaries") != 2 || d.count("duplicates") != 0 {
		t.Fatal("the two were not registered at the same instant")
	}
	d.Tick("identity.recheck")
	d.Tick("identity.recheck")
	if d.count("duplicates where status = 'pending' and level = 'likely' and found_by = 'recheck'") != 1 {
		t.Error("the pair is not in the queue, or twice")
	}
}
