package identity_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
)

// waiting waits until so many transactions of the house wait for a lock.
func (d desk) waiting(n int) {
	d.T.Helper()
	for until := time.Now().Add(1500 * time.Millisecond); ; time.Sleep(2 * time.Millisecond) {
		var now int
		d.Scan("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'", nil, &now)
		if now >= n {
			return
		}
		if time.Now().After(until) {
			d.T.Fatalf("%d of %d wait for a lock", now, n)
		}
	}
}

// hold locks a row as the owner until the returned function is called.
func (d desk) hold(table string, id uuid.UUID) (release func()) {
	d.T.Helper()
	tx, err := d.Owner.Begin(context.Background())
	if err != nil {
		d.T.Fatal(err)
	}
	if _, err := tx.Exec(context.Background(), "select from "+pgx.Identifier{table}.Sanitize()+" where id = $1 for update", id); err != nil {
		d.T.Fatal(err)
	}
	return func() { _ = tx.Rollback(context.Background()) }
}

// as runs a function in a transaction of the server's role.
func (d desk) as(fn func(context.Context) error) error {
	return d.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{d.CentreA}, ActorKind: "system"}, fn)
}

const careless = "insert into specific_needs (centre_id, id, version, created_at, updated_at, beneficiary_id, code_system, code, sensitivity, confidence) values (?, ?, 1, now(), now(), ?, 'migrant_vulnerability', 'stranded', 'normal', 'observed')"

func TestMerge_WhoeverWritesMeanwhileIsLedToTheSurvivor(t *testing.T) {
	d := open(t)
	duplicate, survivor := d.two()
	other := d.register(obj{"given_name": "Emeka", "family_name": "Okafor", "birth_date": "1971-02-03"}).Want(201).ID()
	need := d.Call(d.registrar, "POST", d.path(duplicate)+"/needs", obj{"code_system": "migrant_vulnerability", "code": "stranded", "confidence": "self_reported"}).Want(201).ID()
	worker := d.Staff(d.CentreA, "caseworker", "registrar", "centre_manager")
	scan, contentType := d.Form(apptest.Part{Name: "kind", Content: []byte("document_scan")}, apptest.Part{Name: "file", FileName: "p.pdf", Type: "application/pdf", Content: []byte("%PDF-1.7")})
	release := d.hold("specific_needs", need)
	defer release()
	var all sync.WaitGroup
	merged := 0
	all.Go(func() { merged = d.merge(duplicate, survivor).Status })
	d.waiting(1) // the record has ended, and nobody else sees it yet
	calls := []struct {
		path    string
		body    any
		header  []apptest.Header
		refused int
	}{
		{d.path(duplicate) + "/documents", obj{"type": "passport", "number": "B7654321"}, nil, 308},
		{d.path(duplicate) + "/contacts", obj{"kind": "phone", "value": "+227 90 12 34 56"}, nil, 308},
		{d.path(duplicate) + "/attachments", scan, []apptest.Header{contentType}, 308},
		{d.path(duplicate) + "/card", nil, nil, 308},
		{d.path(other) + "/relationships", obj{"relative_id": duplicate, "kind": "sibling"}, nil, 409},
		{d.at + "/visits", obj{"beneficiary_id": duplicate, "arrived_at": time.Now().UTC().Format(time.RFC3339), "access_mode": "always_open"}, nil, 409},
	}
	got := make([]*apptest.Response, len(calls))
	for i, c := range calls {
		all.Go(func() { got[i] = d.CallHere(worker, "POST", c.path, c.body, c.header...) })
	}
	var late error
	all.Go(func() {
		late = d.as(func(ctx context.Context) error {
			return db.Tx(ctx).Exec(careless, d.CentreA, uuid.New(), duplicate).Error
		})
	})
	d.waiting(len(calls) + 2)
	release()
	all.Wait()
	if merged != 200 {
		t.Fatalf("merged with %d", merged)
	}
	for i, c := range calls {
		if got[i].Status != c.refused {
			t.Errorf("%s answers %d: %s", c.path, got[i].Status, got[i].Raw)
		}
	}
	if late == nil {
		t.Error("a writer that looks at nothing left a row under the record that ended")
	}
	d.nothingUnder(duplicate)
}

// nothingUnder holds that no row refers to a record that ended, but those that a merge knows of.
func (d desk) nothingUnder(id uuid.UUID) {
	d.T.Helper()
	rows, err := d.Owner.Query(context.Background(), "select relation::text, col::text from person_references() where relation <> 'timeline'::regclass")
	if err != nil {
		d.T.Fatal(err)
	}
	type reference struct{ Relation, Col string }
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[reference])
	if err != nil || len(list) < 25 {
		d.T.Fatal(len(list), err)
	}
	for _, r := range list {
		if n := d.count(r.Relation + " where " + r.Col + " = '" + id.String() + "'"); n != 0 {
			d.T.Errorf("%d rows of %s are under the record that ended", n, r.Relation)
		}
	}
}

func TestMerge_TakesAlongWhatWasWrittenJustBefore(t *testing.T) {
	d := open(t)
	duplicate, survivor := d.two()
	need := uuid.New()
	var all sync.WaitGroup
	err := d.as(func(ctx context.Context) error {
		if err := db.Tx(ctx).Exec(careless, d.CentreA, need, duplicate).Error; err != nil {
			return err
		}
		all.Go(func() { d.merge(duplicate, survivor).Want(200) })
		d.waiting(1)
		return nil
	})
	all.Wait()
	if err != nil || d.count("specific_needs where id = '"+need.String()+"' and beneficiary_id = '"+survivor.String()+"'") != 1 {
		t.Errorf("what was written before the merge stayed behind: %v", err)
	}
	d.nothingUnder(duplicate)
}
