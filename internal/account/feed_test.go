package account_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/account"
	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/config"
	"github.com/waystation/waystation/internal/db"
)

func TestFeed_SigningOutIsRefusedByEveryServerWithinASecond(t *testing.T) {
	h := apptest.New(t)
	other := h.Server()
	in := signIn(h, h.URL, credential(h, h.Staff(h.CentreA, "caseworker")), password).Want(200)
	h.CallAt(other, bearer(in), "GET", "/v1/me", nil).Want(200)
	h.Call(bearer(in), "POST", "/v1/auth/sign-out", nil).Want(204)
	eventually(t, func() bool { return h.CallAt(other, bearer(in), "GET", "/v1/me", nil).Status == 401 })
}

func TestFeed_AServerThatStartsLaterKnowsWhoWasSignedOut(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	in := signIn(h, h.URL, credential(h, worker), password).Want(200)
	h.Call(bearer(in), "POST", "/v1/auth/sign-out", nil).Want(204)
	h.Call(worker, "POST", "/v1/auth/sign-out-everywhere", nil).Want(204)
	late := h.Server()
	h.CallAt(late, bearer(in), "GET", "/v1/me", nil).WantCode(401, "invalid_token")
	h.CallAt(late, worker, "GET", "/v1/me", nil).WantCode(401, "invalid_token")
}

const feeds = "from pg_stat_activity where datname = current_database() and application_name = 'waystation revocations'"

// cut ends the feed's connections, as a restart of the database does.
func cut(h *apptest.House) { h.Exec("select pg_terminate_backend(pid) " + feeds) }

func listening(h *apptest.House) (n int) {
	h.Scan("select count(*) "+feeds, nil, &n)
	return n
}

func TestFeed_ComesBackAfterABrokenConnectionAndMissesNothing(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	if listening(h) != 1 {
		t.Fatalf("%d connections listen", listening(h))
	}
	cut(h)
	h.Exec(`insert into revocations (kind, subject_id, not_before, expires_at) values ('subject', $1, now() + interval '1 second', now() + interval '1 hour')`, worker.ID)
	eventually(t, func() bool { return h.Call(worker, "GET", "/v1/me", nil).Status == 401 })
	eventually(t, func() bool { return listening(h) == 1 })
	second := h.Staff(h.CentreA, "caseworker")
	h.Exec(`insert into revocations (kind, subject_id, not_before, expires_at) values ('subject', $1, now() + interval '1 second', now() + interval '1 hour')`, second.ID)
	eventually(t, func() bool { return h.Call(second, "GET", "/v1/me", nil).Status == 401 })
}

func TestFeed_WhenItIsDeadEveryTokenIsRefused(t *testing.T) {
	h := apptest.New(t, func(c *config.Config) { c.RevocationStaleAfter = 2500 * time.Millisecond })
	worker := h.Staff(h.CentreA, "caseworker")
	h.Call(worker, "GET", "/v1/me", nil).Want(200)
	h.Exec("revoke select on revocations from waystation_app") // it connects, but can load nothing
	t.Cleanup(func() { h.Exec("grant select on revocations to waystation_app") })
	cut(h)
	until := time.Now().Add(10 * time.Second)
	for h.Call(worker, "GET", "/v1/me", nil).Status != 503 {
		if time.Now().After(until) {
			t.Fatal("tokens are still accepted")
		}
		time.Sleep(20 * time.Millisecond)
	}
	h.Call(worker, "GET", "/v1/me", nil).WantCode(503, "sign_in_unavailable")
	h.Call(nobody, "GET", "/readyz", nil).WantCode(503, "not_ready")
	h.Exec("grant select on revocations to waystation_app")
	for h.Call(worker, "GET", "/v1/me", nil).Status != 200 {
		if time.Now().After(until.Add(5 * time.Second)) {
			t.Fatal("the feed does not come back")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestFeed_IgnoresWhatItDoesNotUnderstand(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	h.Exec(`select pg_notify('revocations', 'nonsense'), pg_notify('revocations', '{"kind":"subject","subject_id":"x"}')`)
	h.Exec(`insert into revocations (kind, subject_id, not_before, expires_at) values ('subject', $1, now() + interval '1 second', now() + interval '1 hour')`, worker.ID)
	eventually(t, func() bool { return h.Call(worker, "GET", "/v1/me", nil).Status == 401 })
}

func TestCleanup_ForgetsWhatIsOverAndNothingElse(t *testing.T) {
	h := apptest.New(t)
	email := credential(h, h.Staff(h.CentreA, "caseworker"))
	old, ended, current := signIn(h, h.URL, email, password).Want(200), signIn(h, h.URL, email, password).Want(200), signIn(h, h.URL, email, password).Want(200)
	h.Exec("update sessions set expires_at = now() - interval '31 days' where id = $1", old.Text("session_id"))
	h.Exec("update sessions set ended_at = now() - interval '29 days' where id = $1", ended.Text("session_id"))
	h.Exec("insert into revocations (kind, subject_id, not_before, expires_at) values ('session', $1, now(), now() - interval '1 second'), ('session', $1, now(), now() + interval '1 minute')", uuid.New())
	if err := account.Cleanup(h.App.DB.Session(db.Scope{ActorKind: "system"}).Bind(context.Background())); err != nil {
		t.Fatal(err)
	}
	var sessions, tokens, revocations int
	h.Scan("select (select count(*) from sessions), (select count(*) from refresh_tokens), (select count(*) from revocations)", nil, &sessions, &tokens, &revocations)
	if sessions != 2 || tokens != 2 || revocations != 1 {
		t.Errorf("left are %d sessions, %d refresh tokens, %d revocations", sessions, tokens, revocations)
	}
	refresh(h, h.URL, current).Want(200)
}
