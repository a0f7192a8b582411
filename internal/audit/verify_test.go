package audit_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/app"
	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/audit"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
)

func verify(h *apptest.House, by apptest.Person) *apptest.Response {
	h.T.Helper()
	return h.Call(by, "GET", trail(h.CentreA)+"/verify", nil).Want(200)
}

func TestVerify_FindsAnUntouchedTrailIntact(t *testing.T) {
	h := apptest.New(t)
	dpo := h.Staff(h.CentreA, "dpo")
	change(h, h.CentreA, 5)
	seal(h)
	change(h, h.CentreA, 1)
	v := verify(h, dpo)
	if v.Value("intact") != true || v.Text("lines") != "7" || v.Text("sealed", "seq") != "7" { // founded, one member, five changes
		t.Errorf("%s", v.Raw)
	}
	if v.Text("signed", "hash") != v.Text("sealed", "hash") || v.Text("unsealed") != "2" { // one change and this reading
		t.Errorf("%s", v.Raw)
	}
}

// Each of these is what the owner of the tables could do behind the sealer's back.
func TestVerify_NamesTheFirstBrokenLink(t *testing.T) {
	const third = "(select event_id from audit_seals where centre_id = $1 and seq = 3)"
	for _, c := range []struct {
		name, sql, reason, seq string
	}{
		{"a value altered", "update audit_events set after = '{\"capacity\": 99}' where id = " + third + " and centre_id = $1", "altered", "3"},
		{"an actor altered", "update audit_events set actor_id = gen_random_uuid() where id = " + third + " and centre_id = $1", "altered", "3"},
		{"a time altered", "update audit_events set at = at - interval '1 hour' where id = " + third + " and centre_id = $1", "altered", "3"},
		{"a line deleted", "delete from audit_events where id = " + third + " and centre_id = $1", "missing", "3"},
		{"a line and its seal deleted", "with s as (delete from audit_seals where centre_id = $1 and seq = 3 returning event_id) delete from audit_events e using s where e.centre_id = $1 and e.id = s.event_id", "missing", "3"},
		{"the end deleted", "with s as (delete from audit_seals where centre_id = $1 and seq > 5 returning event_id) delete from audit_events e using s where e.centre_id = $1 and e.id = s.event_id", "missing", "6"},
		{"a line inserted between", `insert into audit_events (centre_id, action, resource, epoch, xid) select centre_id, 'read', 'centres', epoch, xid from audit_seals where centre_id = $1 and seq = 3`, "inserted", "4"},
		{"two lines swapped", `update audit_events a set after = b.after, before = b.before, at = b.at from audit_events b, audit_seals s, audit_seals r
			where a.centre_id = $1 and b.centre_id = $1 and s.centre_id = $1 and r.centre_id = $1 and s.seq in (3, 5) and r.seq = 8 - s.seq and a.id = s.event_id and b.id = r.event_id`, "altered", "3"},
		{"a line moved", "update audit_events set xid = (xid::text::bigint + 1000000)::text::xid8 where id = " + third + " and centre_id = $1", "reordered", "3"},
		{"a seal altered", "update audit_seals set hash = sha256(hash) where centre_id = $1 and seq = 3", "altered", "3"},
		{"a seal pointed at another line", "update audit_seals set event_id = -1 where centre_id = $1 and seq = 3", "missing", "3"},
		{"a signature altered", "update audit_checkpoints set signature = sha512(signature) where centre_id = $1", "checkpoint_altered", "7"},
		{"a signature over something else", "update audit_checkpoints set hash = sha256(hash) where centre_id = $1", "checkpoint_altered", "7"},
		{"a signature dated back", "update audit_checkpoints set signed_at = signed_at - interval '1 day' where centre_id = $1", "checkpoint_altered", "7"},
		{"a signature by a key of nobody", "update audit_checkpoints set key_id = 'nobody' where centre_id = $1", "checkpoint_unknown_key", "7"},
		{"values erased unrecorded", "with s as (update audit_seals set salt = null where centre_id = $1 and seq = 3 returning event_id) update audit_events e set redacted_at = now(), before = null, after = '{\"capacity\": null}' from s where e.centre_id = $1 and e.id = s.event_id", "redaction_without_record", "3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := apptest.New(t)
			dpo := h.Staff(h.CentreA, "dpo")
			change(h, h.CentreA, 5)
			seal(h)
			tag, err := h.Owner.Exec(context.Background(), c.sql, h.CentreA)
			if err != nil || tag.RowsAffected() == 0 {
				t.Fatalf("nothing was tampered with: %v", err)
			}
			v := verify(h, dpo)
			if v.Value("intact") != false || v.Text("broken", "reason") != c.reason || v.Text("broken", "seq") != c.seq {
				t.Errorf("want %s at %s: %s", c.reason, c.seq, v.Raw)
			}
		})
	}
}

func TestVerify_FindsATrailThatWasCutOffByALinkNotedEarlier(t *testing.T) {
	h := apptest.New(t)
	dpo := h.Staff(h.CentreA, "dpo")
	change(h, h.CentreA, 3)
	seal(h)
	noted := verify(h, dpo)
	query := "/verify?since_seq=" + noted.Text("sealed", "seq") + "&since_hash=" + noted.Text("sealed", "hash")
	change(h, h.CentreA, 2)
	seal(h)
	if v := h.Call(dpo, "GET", trail(h.CentreA)+query, nil).Want(200); v.Value("intact") != true || v.Text("lines") != "3" { // two changes and the reading
		t.Errorf("from the noted link: %s", v.Raw)
	}
	h.Exec("with s as (delete from audit_seals where centre_id = $1 and seq > 3 returning event_id) delete from audit_events e using s where e.centre_id = $1 and e.id = s.event_id", h.CentreA)
	h.Exec("delete from audit_checkpoints where centre_id = $1", h.CentreA)
	if v := h.Call(dpo, "GET", trail(h.CentreA)+query, nil).Want(200); v.Text("broken", "reason") != "not_the_noted_chain" {
		t.Errorf("after the cut: %s", v.Raw)
	}
	h.Call(dpo, "GET", trail(h.CentreA)+"/verify?since_seq=3", nil).WantCode(400, "incomplete_link")
}

func TestSeal_NeverPassesATransactionThatStillRuns(t *testing.T) {
	h := apptest.New(t)
	ctx, dpo := context.Background(), h.Staff(h.CentreA, "dpo")
	seal(h)
	slow, err := h.Owner.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Rollback(ctx) }()
	exec(t, slow, "insert into audit_events (centre_id, action, resource, purpose) values ($1, 'read', 'centres', 'early')", h.CentreA)
	h.Exec("insert into audit_events (centre_id, action, resource, purpose) values ($1, 'read', 'centres', 'late')", h.CentreA)
	h.Tick(audit.SealTick)
	if n := sealedLines(h, "purpose in ('early', 'late')"); n != 0 {
		t.Errorf("%d lines were sealed past an open transaction", n)
	}
	exec(t, slow, "insert into audit_events (centre_id, action, resource, purpose) values ($1, 'read', 'centres', 'early')", h.CentreA)
	if err := slow.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	seal(h)
	var order string
	h.Scan(`select string_agg(purpose, ' ' order by seq) from audit_seals s join audit_events e on (e.centre_id, e.id) = (s.centre_id, s.event_id)
		where purpose in ('early', 'late')`, nil, &order)
	if order != "early early late" {
		t.Errorf("sealed in the order %s", order)
	}
	if v := verify(h, dpo); v.Value("intact") != true {
		t.Errorf("%s", v.Raw)
	}
}

func exec(t *testing.T, tx pgx.Tx, sql string, args ...any) {
	t.Helper()
	if _, err := tx.Exec(context.Background(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func sealedLines(h *apptest.House, where string) (n int) {
	h.Scan("select count(*) from audit_seals s join audit_events e on (e.centre_id, e.id) = (s.centre_id, s.event_id) where "+where, nil, &n)
	return n
}

func TestSeal_TwoSealersAtOnceMakeOneChain(t *testing.T) {
	h := apptest.New(t)
	dpo := h.Staff(h.CentreA, "dpo")
	h.Exec("insert into audit_events (centre_id, action, resource) select $1, 'read', 'centres' from generate_series(1, 3000)", h.CentreA)
	var sealers sync.WaitGroup
	for range 4 {
		sealers.Go(func() {
			ctx := h.App.DB.Session(db.Scope{ActorKind: "system", Operation: audit.SealTick}).Bind(context.Background())
			if err := audit.Seal(ctx, h.App.Issuer.Key); err != nil {
				t.Error(err)
			}
		})
	}
	sealers.Wait()
	seal(h)
	if v := verify(h, dpo); v.Value("intact") != true || v.Text("lines") != "3002" {
		t.Errorf("%s", v.Raw)
	}
}

func TestSeal_SignsWhatWasSealedAfterAYoungSignature(t *testing.T) {
	h := apptest.New(t)
	dpo := h.Staff(h.CentreA, "dpo")
	seal(h)
	change(h, h.CentreA, 1)
	seal(h)
	if v := verify(h, dpo); v.Text("signed", "seq") == v.Text("sealed", "seq") {
		t.Errorf("signed twice in a minute: %s", v.Raw)
	}
	h.Exec("update audit_checkpoints set signed_at = signed_at - interval '2 minutes'") // as if time had passed
	seal(h)
	var signed, sealed int64
	h.Scan("select (select max(seq) from audit_checkpoints where centre_id = $1), (select max(seq) from audit_seals where centre_id = $1)", []any{h.CentreA}, &signed, &sealed)
	if signed != sealed {
		t.Errorf("signed up to %d of %d", signed, sealed)
	}
}

func TestVerify_AcceptsSignaturesOfARetiredKeyOnceAKnownOneFollows(t *testing.T) {
	h := apptest.New(t)
	retired, err := auth.LoadOrCreateKey(filepath.Join(t.TempDir(), "retired.pem"))
	if err != nil {
		t.Fatal(err)
	}
	dpo := h.Staff(h.CentreA, "dpo")
	session := h.App.DB.Session(db.Scope{ActorKind: "system"})
	h.Settle()
	if err := audit.Seal(session.Bind(context.Background()), retired); err != nil {
		t.Fatal(err)
	}
	if v := verify(h, dpo); v.Text("broken", "reason") != "checkpoint_unknown_key" {
		t.Errorf("by an unknown key: %s", v.Raw)
	}
	h.Exec("update audit_checkpoints set signed_at = signed_at - interval '2 minutes'")
	seal(h)
	if v := verify(h, dpo); v.Value("intact") != true || v.Text("signed", "key_id") != h.App.Issuer.Key.ID {
		t.Errorf("once signed again: %s", v.Raw)
	}
}

func TestTrail_GoesOnInAnotherCluster(t *testing.T) {
	h := apptest.New(t)
	dpo := h.Staff(h.CentreA, "dpo")
	change(h, h.CentreA, 2)
	// A dump restored into a younger cluster: what is stored has transaction ids of the future.
	h.Exec("update epochs set cluster = 1")
	h.Exec("update audit_events set xid = (xid::text::bigint + 1000000000)::text::xid8")
	h.Call(apptest.Person{}, "GET", "/readyz", nil).WantCode(503, "not_ready")
	if err := app.Migrate(context.Background(), h.App.Config.DatabaseOwnerURL.Reveal()); err != nil {
		t.Fatal(err)
	}
	h.Call(apptest.Person{}, "GET", "/readyz", nil).Want(200)
	change(h, h.CentreA, 2)
	seal(h)
	if v := verify(h, dpo); v.Value("intact") != true || v.Text("lines") != "6" {
		t.Errorf("%s", v.Raw)
	}
	var epochs string
	h.Scan("select string_agg(epoch::text, ',' order by seq) from audit_seals where centre_id = $1", []any{h.CentreA}, &epochs)
	if epochs != "1,1,1,1,2,2" {
		t.Errorf("sealed in epochs %s", epochs)
	}
}
