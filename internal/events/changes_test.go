package events_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
)

func feed(centre uuid.UUID) string { return "/v1/centres/" + centre.String() + "/changes" }

// note writes an event into a centre's feed, as a committed transaction of its own.
func note(h *apptest.House, centre uuid.UUID, kind string) uuid.UUID {
	h.T.Helper()
	resource, _, _ := strings.Cut(kind, ".")
	id := db.NewID()
	h.Exec("insert into events (centre_id, type, resource, subject_id) values ($1, $2, $3, $4)", centre, kind, resource, id)
	return id
}

// follower reads a feed on and on.
type follower struct {
	h      *apptest.House
	person apptest.Person
	path   string // with its filters
	cursor string
	seen   []string // type and subject
}

// follow begins behind everything that is committed already.
func follow(h *apptest.House, p apptest.Person, path string) *follower {
	h.T.Helper()
	h.Settle()
	if !strings.Contains(path, "?") {
		path += "?limit=50"
	}
	cursor := h.Call(p, "GET", path+"&since=now", nil).Want(200).Text("next_cursor")
	return &follower{h: h, person: p, path: path, cursor: cursor}
}

// next reads one page.
func (f *follower) next() *apptest.Response {
	f.h.T.Helper()
	path := f.path
	if f.cursor != "" {
		path += "&cursor=" + f.cursor
	}
	page := f.h.Call(f.person, "GET", path, nil).Want(200)
	f.cursor = page.Text("next_cursor")
	for i := range page.Len("data") {
		f.seen = append(f.seen, page.Text("data", i, "type")+" "+page.Text("data", i, "resource_id"))
	}
	return page
}

// until reads until n changes were seen. A transaction of another test on the same cluster may
// hold them back for a moment.
func (f *follower) until(n int) []string {
	f.h.T.Helper()
	for deadline := time.Now().Add(15 * time.Second); len(f.seen) < n && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		f.next()
	}
	if len(f.seen) != n {
		f.h.T.Fatalf("saw %d changes, want %d: %v", len(f.seen), n, f.seen)
	}
	return f.seen
}

func TestChanges_NeverSkipALateCommit(t *testing.T) {
	h := apptest.New(t)
	ctx, f := context.Background(), follow(h, h.Staff(h.CentreA, "caseworker"), feed(h.CentreA))
	f.until(0)
	slow, err := h.Owner.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Rollback(ctx) }()
	early := db.NewID()
	if _, err := slow.Exec(ctx, "insert into events (centre_id, type, resource, subject_id) values ($1, 'sop.early', 'sop', $2)", h.CentreA, early); err != nil {
		t.Fatal(err)
	}
	late := note(h, h.CentreA, "sop.late")
	for range 3 {
		if page := f.next(); page.Len("data") != 0 {
			t.Fatalf("read past an open transaction: %s", page.Raw)
		}
	}
	if err := slow.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if seen := f.until(2); seen[0] != "sop.early "+early.String() || seen[1] != "sop.late "+late.String() {
		t.Errorf("read %v", seen)
	}
}

func TestChanges_AreEachSeenOnceByAReaderAmongManyWriters(t *testing.T) {
	const writers, each = 6, 15
	h := apptest.New(t)
	f := follow(h, h.Staff(h.CentreA, "caseworker"), feed(h.CentreA)+"?limit=7")
	var mu sync.Mutex
	committed := []string{}
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for n := range each {
				id := db.NewID()
				err := h.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{h.CentreA}}, func(ctx context.Context) error {
					if err := events.Emit(ctx, events.Event{CentreID: h.CentreA, Type: "sop.drafted", Resource: "sop", SubjectID: id}); err != nil {
						return err
					}
					time.Sleep(rand.N(8 * time.Millisecond)) // so that commits come in another order than writes
					if n%5 == 4 {
						return context.Canceled // rolled back
					}
					return nil
				})
				if err == nil {
					mu.Lock()
					committed = append(committed, "sop.drafted "+id.String())
					mu.Unlock()
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
			f.next()
		}
	}
	f.until(len(committed))
	if len(committed) != writers*each*4/5 {
		t.Fatalf("%d were committed", len(committed))
	}
	slices.Sort(f.seen)
	slices.Sort(committed)
	if !slices.Equal(f.seen, committed) {
		t.Errorf("saw %d changes, %d of them different ones; %d were committed", len(f.seen), len(slices.Compact(slices.Clone(f.seen))), len(committed))
	}
}

func TestChanges_OfARecordTellItsLife(t *testing.T) {
	h := apptest.New(t)
	h.Exec("create table leaves (centre_id uuid, id uuid, version bigint, sensitivity text, status text, primary key (centre_id, id))")
	h.Exec("select protect('leaves', 'sop')")
	f := follow(h, h.Staff(h.CentreA, "caseworker"), feed(h.CentreA))
	id := db.NewID()
	for _, sql := range []string{
		"insert into leaves values ($1, $2, 1, 'normal', 'active')",
		"update leaves set version = 2 where centre_id = $1 and id = $2",
		"update leaves set version = 3, sensitivity = 'restricted' where centre_id = $1 and id = $2",
		"update leaves set version = 4 where centre_id = $1 and id = $2",
		"update leaves set version = 5, sensitivity = 'normal' where centre_id = $1 and id = $2",
		"update leaves set version = 6, status = 'void' where centre_id = $1 and id = $2",
		"update leaves set version = 7, status = 'merged' where centre_id = $1 and id = $2",
		"update leaves set version = 8 where centre_id = $1 and id = $2",
		"delete from leaves where centre_id = $1 and id = $2",
	} {
		h.Exec(sql, h.CentreA, id)
	}
	h.Exec("insert into leaves values ($1, $2, 1, 'restricted', 'active')", h.CentreA, db.NewID())
	h.Exec("delete from leaves where sensitivity = 'restricted'")
	f.path += "&resource=sop"
	start := f.cursor
	f.until(8)
	for i := range f.seen {
		f.seen[i] = strings.TrimSuffix(strings.TrimPrefix(f.seen[i], "sop."), " "+id.String())
	}
	if life := strings.Join(f.seen, " "); life != "created updated deleted created voided merged updated deleted" {
		t.Errorf("the life is told as %s", life)
	}
	page := h.Call(f.person, "GET", f.path+"&cursor="+start, nil).Want(200)
	gone := ""
	for i := range page.Len("data") {
		gone += fmt.Sprint(page.Value("data", i, "gone"))[:1]
	}
	if gone != "fftfttft" {
		t.Errorf("gone: %s", gone)
	}
}

func TestChanges_ShowOnlyWhatTheCallerMayRead(t *testing.T) {
	h := apptest.New(t)
	admin, worker := h.Staff(h.CentreA, "tenant_admin"), h.Staff(h.CentreA, "caseworker")
	all, some, there := follow(h, admin, feed(h.CentreA)), follow(h, worker, feed(h.CentreA)), follow(h, h.Staff(h.CentreB, "tenant_admin"), feed(h.CentreB))
	note(h, h.CentreA, "user.updated")   // users:read, which caseworkers do not have
	note(h, h.CentreA, "mystery.solved") // on no list: hidden from everybody
	note(h, h.CentreA, "sop.activated")  // sops:read, which everybody has
	note(h, h.CentreB, "sop.drafted")    // elsewhere
	all.until(2)
	if seen := some.until(1); !strings.HasPrefix(seen[0], "sop.activated ") {
		t.Errorf("the caseworker sees %v", seen)
	}
	if seen := there.until(1); !strings.HasPrefix(seen[0], "sop.drafted ") {
		t.Errorf("centre B sees %v", seen)
	}
	some.next()
	all.next()
	some.until(1)
	all.until(2)
}

func TestChanges_AreFilteredByResourceAndType(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	both, one := follow(h, worker, feed(h.CentreA)+"?resource=sop,member"), follow(h, worker, feed(h.CentreA)+"?types=sop.activated")
	for _, kind := range []string{"sop.drafted", "centre_phase.created", "sop.activated", "member.created"} {
		note(h, h.CentreA, kind)
	}
	both.until(3)
	if seen := one.until(1); !strings.HasPrefix(seen[0], "sop.activated ") {
		t.Errorf("by type: %v", seen)
	}
}

func TestChanges_PageThroughEverythingThatIsKept(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	for range 5 {
		note(h, h.CentreA, "sop.drafted")
	}
	f := follow(h, worker, feed(h.CentreA)+"?resource=sop&limit=2")
	f.until(0)
	f.cursor = "" // from the beginning
	for page := f.next(); page.Value("has_more") == true; page = f.next() {
		if page.Len("data") != 2 {
			t.Errorf("a page of %d", page.Len("data"))
		}
	}
	f.until(5)
	before := f.cursor
	h.Settle() // something happens, elsewhere
	if page := f.next(); page.Len("data") != 0 || f.cursor == "" {
		t.Errorf("an empty page: %s", page.Raw)
	}
	if before == f.cursor {
		t.Errorf("the cursor stands still although time passes: %s", f.cursor)
	}
}

func TestChanges_CursorsThatCannotBeFollowed(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	cursor := func(xid int64, issued time.Time) string {
		return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "c1.1.%d.1.%d", xid, issued.Unix()))
	}
	now := time.Now()
	for query, want := range map[string]struct {
		status int
		code   string
	}{
		"cursor=nonsense":                                {400, "invalid_cursor"},
		"cursor=" + cursor(3, now) + "x":                 {400, "invalid_cursor"},
		"cursor=" + cursor(3, now.Add(-91*24*time.Hour)): {410, "cursor_expired"},
		"cursor=" + cursor(1<<60, now):                   {410, "cursor_expired"},
		"since=now&cursor=" + cursor(3, now):             {400, "cursor_and_since"},
		"cursor=" + cursor(3, now.Add(-89*24*time.Hour)): {200, ""},
	} {
		r := h.Call(worker, "GET", feed(h.CentreA)+"?"+query, nil)
		if r.Status != want.status || r.Text("code") != want.code {
			t.Errorf("%s: %d %s", query, r.Status, r.Raw)
		}
	}
	h.Call(worker, "GET", feed(h.CentreA)+"?since=yesterday", nil).Want(400)
}

func TestNetworkChanges_CoverEveryCentreAndTheDirectory(t *testing.T) {
	h := apptest.New(t)
	f := follow(h, h.Network("network_officer"), "/v1/changes")
	note(h, h.CentreA, "sop.activated")
	note(h, h.CentreB, "sop.activated")
	h.Exec("update organisations set name = 'Renamed', version = 2 where id = $1", h.IOM)
	seen := f.until(3)
	if !strings.HasPrefix(seen[2], "organisation.updated ") {
		t.Errorf("saw %v", seen)
	}
	h.Call(h.Staff(h.CentreA, "tenant_admin"), "GET", "/v1/changes", nil).WantCode(403, "forbidden")
}

func TestSince_GivesAPartnerItsOwnEventsOfAllCentres(t *testing.T) {
	h := apptest.New(t)
	partner, other := h.Organisation("Croissant d'Espoir", "ngo"), h.Organisation("Another", "ngo")
	read := func(cursor string, limit int) (page events.Page) {
		t.Helper()
		err := h.App.DB.InTx(context.Background(), db.Scope{OrganisationID: partner, ReadOnly: true}, func(ctx context.Context) (err error) {
			page, err = events.Since(ctx, partner, cursor, limit)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return page
	}
	for _, e := range []struct{ centre, organisation uuid.UUID }{{h.CentreA, partner}, {h.CentreA, other}, {h.CentreB, partner}} {
		err := h.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{e.centre}}, func(ctx context.Context) error {
			return events.Emit(ctx, events.Event{CentreID: e.centre, Type: "referral.sent", Resource: "referral", SubjectID: db.NewID(), OrganisationID: &e.organisation, Data: map[string]any{"service": "health"}})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	got, page := []uuid.UUID{}, events.Page{}
	for deadline := time.Now().Add(15 * time.Second); len(got) < 2 && time.Now().Before(deadline); {
		page = read(page.Next, 1)
		for _, c := range page.Changes {
			got = append(got, c.CentreID)
			if c.Data["service"] != "health" {
				t.Errorf("data: %v", c.Data)
			}
		}
	}
	if !slices.Equal(got, []uuid.UUID{h.CentreA, h.CentreB}) {
		t.Errorf("events of centres %v", got)
	}
	if rest := read(page.Next, 10); len(rest.Changes) != 0 || rest.More {
		t.Errorf("more: %v", rest)
	}
}

func TestForget_DeletesWhatIsPastItsTimeAndNothingElse(t *testing.T) {
	h := apptest.New(t)
	old := "insert into events (centre_id, type, resource, subject_id, at) select $1, 'sop.drafted', 'sop', gen_random_uuid(), now() - $2::interval from generate_series(1, 2500)"
	h.Exec(old, h.CentreA, "91 days")
	h.Exec(old, uuid.Nil, "91 days")
	h.Exec(old, h.CentreA, "89 days")
	h.Tick(events.ForgetTick)
	var kept, network int
	h.Scan("select count(*) filter (where centre_id = $1), count(*) filter (where centre_id = $2) from events where type = 'sop.drafted'", []any{h.CentreA, uuid.Nil}, &kept, &network)
	if kept != 2500 || network != 0 {
		t.Errorf("kept %d of the centre and %d of the network", kept, network)
	}
	var deleted int64
	err := h.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{h.CentreA}}, func(ctx context.Context) error {
		done := db.Tx(ctx).Exec("delete from events where at > now() - interval '7 days'")
		deleted = done.RowsAffected
		return done.Error
	})
	if err != nil || deleted != 0 {
		t.Errorf("the server's role deleted %d young events: %v", deleted, err)
	}
}
