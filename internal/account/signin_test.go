package account_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/pquerna/otp/totp"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/account"
	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/config"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

const (
	password  = "seven dry rivers"
	password2 = "nine wet mountains"
)

var nobody = apptest.Person{}

// passwordHash is made once: each costs what it should.
var passwordHash = sync.OnceValue(func() string {
	p, err := auth.NewPasswords(auth.PasswordParams, 1)
	if err != nil {
		panic(err)
	}
	hash, err := p.Hash(context.Background(), password)
	if err != nil {
		panic(err)
	}
	return hash
})

// credential gives a person the password and returns their address.
func credential(h *apptest.House, p apptest.Person) string {
	h.Exec("update users set password_hash = $2 where id = $1", p.ID, passwordHash())
	return p.ID.String() + "@demo.example"
}

func signIn(h *apptest.House, base, email, password string, more ...any) *apptest.Response {
	body := map[string]any{"email": email, "password": password}
	for i := 0; i < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	return h.CallAt(base, nobody, "POST", "/v1/auth/sign-in", body)
}

func bearer(r *apptest.Response) apptest.Person { return apptest.Person{Token: r.Text("access_token")} }

func TestSignIn_GivesATokenThatWorks(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	email := credential(h, worker)
	answer := signIn(h, h.URL, strings.ToUpper(email), password).Want(200)
	if answer.Text("token_type") != "Bearer" || answer.Text("expires_in") != "3600" || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("answer %s", answer.Raw)
	}
	me := h.Call(bearer(answer), "GET", "/v1/me", nil).Want(200)
	if me.Text("email") != email || me.Text("memberships", 0, "centre_code") != "AGZ" || me.Text("memberships", 0, "roles", 0) != "caseworker" {
		t.Errorf("me %s", me.Raw)
	}
	var actor uuid.UUID
	h.Scan("select actor_id from audit_events where resource = 'sessions' and action = 'insert' and operation = 'signIn'", nil, &actor)
	if actor != worker.ID {
		t.Errorf("the trail says that %s signed in", actor)
	}
}

func TestSignIn_RefusesAlikeWhateverIsWrong(t *testing.T) {
	h := apptest.New(t)
	closed := h.Staff(h.CentreA, "caseworker")
	open := credential(h, h.Staff(h.CentreA, "caseworker"))
	h.Exec("update users set active = false where id = $1", closed.ID)
	outside := h.Staff(h.CentreA, "caseworker")
	want := anonymous(signIn(h, h.URL, open, "wrong").WantCode(401, "invalid_credentials"))
	for name, r := range map[string]*apptest.Response{
		"unknown address": signIn(h, h.URL, "nobody@demo.example", password),
		"closed account":  signIn(h, h.URL, credential(h, closed), password),
		"no password":     signIn(h, h.URL, outside.ID.String()+"@demo.example", password),
		"unusable text":   signIn(h, h.URL, open, "a\u0001b"),
	} {
		if got := anonymous(r.WantCode(401, "invalid_credentials")); got != want {
			t.Errorf("%s answers %s, a wrong password %s", name, got, want)
		}
	}
	signIn(h, h.URL, open, password).Want(200)
}

// anonymous is a body without what differs in every answer.
func anonymous(r *apptest.Response) string {
	var doc map[string]any
	_ = json.Unmarshal(r.Raw, &doc)
	delete(doc, "instance")
	raw, _ := json.Marshal(doc)
	return string(raw)
}

// counting counts the hashes that are really computed: an empty hash stands for one as well.
type counting struct {
	account.Hasher
	verified atomic.Int64
}

func (c *counting) Verify(ctx context.Context, password, hash string) (bool, bool, error) {
	c.verified.Add(1)
	return c.Hasher.Verify(ctx, password, hash)
}

// handlers returns the domain with a hasher that counts, in a session of its own.
func handlers(t *testing.T, h *apptest.House) (account.Handlers, *counting, context.Context) {
	t.Helper()
	hasher, err := auth.NewPasswords(auth.PasswordParams, 2)
	if err != nil {
		t.Fatal(err)
	}
	count := &counting{Hasher: hasher}
	return account.Handlers{Issuer: h.App.Issuer, Keys: h.App.Keys, Passwords: count, Revocations: h.App.Revocations, Settings: account.Settings{
		AccessTokenTTL: time.Minute, RefreshTokenTTL: time.Hour, LockoutAfter: 5, LockoutFor: time.Minute,
	}}, count, h.App.DB.Session(db.Scope{}).Bind(context.Background())
}

func TestSignIn_HashesOnceForEveryAttempt(t *testing.T) {
	h := apptest.New(t)
	domain, count, ctx := handlers(t, h)
	email := credential(h, h.Staff(h.CentreA, "caseworker"))
	try := func(email, password string) error {
		_, err := domain.SignIn(ctx, api.SignInRequestObject{Body: &api.SignIn{Email: email, Password: password}})
		return err
	}
	for _, attempt := range []struct{ name, email, password string }{
		{"wrong password", email, "wrong"}, {"unknown address", "nobody@demo.example", password},
	} {
		before := count.verified.Load()
		if err := try(attempt.email, attempt.password); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", attempt.name, err)
		}
		if n := count.verified.Load() - before; n != 1 {
			t.Errorf("%s: %d hashes", attempt.name, n)
		}
	}
	h.Exec("update users set locked_until = now() + interval '1 hour' where email = $1", email)
	before := count.verified.Load()
	if err := try(email, password); !fault.Is(err, fault.Unauthenticated) || count.verified.Load() != before+1 {
		t.Errorf("locked account: %v, %d hashes", err, count.verified.Load()-before)
	}
	var lines int
	h.Scan("select count(*) from audit_events where action = 'sign_in_refused'", nil, &lines)
	if lines != 3 {
		t.Errorf("%d lines in the trail; an unknown address must cost a write too", lines)
	}
}

func TestSignIn_LocksAfterFailuresAndLongerEachTime(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	email := credential(h, worker)
	for range 5 {
		signIn(h, h.URL, email, "wrong").WantCode(401, "invalid_credentials")
	}
	signIn(h, h.URL, email, password).WantCode(401, "invalid_credentials")
	lock := func() time.Duration {
		var until time.Time
		h.Scan("select locked_until from users where id = $1", []any{worker.ID}, &until)
		return time.Until(until).Round(time.Minute)
	}
	if lock() != 15*time.Minute {
		t.Errorf("locked for %s", lock())
	}
	h.Exec("update users set locked_until = now() - interval '1 second' where id = $1", worker.ID)
	signIn(h, h.URL, email, "wrong").WantCode(401, "invalid_credentials")
	if lock() != 30*time.Minute {
		t.Errorf("the second lock lasts %s", lock())
	}
	h.Exec("update users set locked_until = now() - interval '1 second' where id = $1", worker.ID)
	signIn(h, h.URL, email, password).Want(200)
	var failures int
	h.Scan("select failed_sign_ins from users where id = $1", []any{worker.ID}, &failures)
	if failures != 0 {
		t.Errorf("%d failures remembered after a success", failures)
	}
}

func TestSignIn_ManyAtOnceAreJudgedNoMoreThanTheLockoutAllows(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	email := credential(h, worker)
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() { signIn(h, h.URL, email, "wrong").Want(401) })
	}
	wg.Wait()
	var failures int
	h.Scan("select failed_sign_ins from users where id = $1", []any{worker.ID}, &failures)
	if failures != 5 {
		t.Errorf("%d wrong passwords were judged", failures)
	}
	signIn(h, h.URL, email, password).Want(401)
}

func TestSignIn_TemporaryPasswordMustBeReplaced(t *testing.T) {
	h := apptest.New(t)
	admin := h.Staff(h.CentreA, "tenant_admin")
	made := h.Call(admin, "POST", "/v1/users", map[string]any{"email": "New@Espoir.example", "name": "New", "temporary_password": password}).Want(201)
	if strings.Contains(string(made.Raw), password) || made.Text("signs_in_with", 0) != "temporary_password" {
		t.Errorf("made %s", made.Raw)
	}
	const email = "new@espoir.example"
	signIn(h, h.URL, email, password).WantCode(403, "password_change_required")
	signIn(h, h.URL, email, "wrong", "new_password", password2).Want(401)
	for name, weak := range map[string]string{"the same": password, "too short": "short", "common": "password1234"} {
		if r := signIn(h, h.URL, email, password, "new_password", weak).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != "/new_password" {
			t.Errorf("%s: %s", name, r.Raw)
		}
	}
	signIn(h, h.URL, email, password, "new_password", password2).Want(200)
	signIn(h, h.URL, email, password).Want(401)
	signIn(h, h.URL, email, password2).Want(200)
	signIn(h, h.URL, email, password2, "new_password", password).WantCode(422, "invalid")
}

func TestSignIn_TemporaryPasswordExpires(t *testing.T) {
	h := apptest.New(t)
	email := credential(h, h.Staff(h.CentreA, "caseworker"))
	h.Exec("update users set password_temporary = true, password_until = now() - interval '1 second' where email = $1", email)
	signIn(h, h.URL, email, password, "new_password", password2).WantCode(401, "invalid_credentials")
}

// enrol turns one-time codes on and returns the secret and the recovery codes.
func enrol(h *apptest.House, p apptest.Person) (string, []string) {
	enrolled := h.Call(p, "POST", "/v1/auth/totp", map[string]any{"password": password}).Want(200)
	secret := enrolled.Text("secret")
	h.Call(p, "POST", "/v1/auth/totp/confirm", map[string]any{"code": "000000"}).WantCode(422, "invalid")
	confirmed := h.Call(p, "POST", "/v1/auth/totp/confirm", map[string]any{"code": code(h, secret, -1)}).Want(200)
	var codes struct {
		RecoveryCodes []string `json:"recovery_codes"`
	}
	if err := json.Unmarshal(confirmed.Raw, &codes); err != nil {
		h.T.Fatal(err)
	}
	return secret, codes.RecoveryCodes
}

// code is the one-time code of now, or of some steps before or after.
func code(h *apptest.House, secret string, steps int) string {
	c, err := totp.GenerateCode(secret, time.Now().Add(time.Duration(steps)*auth.TOTPPeriod))
	if err != nil {
		h.T.Fatal(err)
	}
	return c
}

func TestTOTP_Life(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	email := credential(h, worker)
	h.Call(worker, "POST", "/v1/auth/totp/confirm", map[string]any{"code": "123456"}).WantCode(409, "state_conflict")
	h.Call(worker, "POST", "/v1/auth/totp", map[string]any{"password": "wrong"}).WantCode(422, "invalid")
	secret, recovery := enrol(h, worker)
	h.Call(worker, "POST", "/v1/auth/totp", map[string]any{"password": password}).WantCode(409, "state_conflict")
	if len(recovery) != 10 {
		t.Fatalf("%d recovery codes", len(recovery))
	}
	var stored string
	h.Scan("select totp_secret || array_to_string(recovery_hashes, ' ') from users where id = $1", []any{worker.ID}, &stored)
	if strings.Contains(stored, secret) || strings.Contains(stored, strings.ReplaceAll(recovery[0], "-", "")) {
		t.Error("a secret lies readable in the table")
	}
	signIn(h, h.URL, email, password).WantCode(401, "one_time_code_required")
	signIn(h, h.URL, email, "wrong").WantCode(401, "invalid_credentials")
	signIn(h, h.URL, email, password, "code", "000000").WantCode(401, "invalid_credentials")
	now := code(h, secret, 0)
	signIn(h, h.URL, email, password, "code", now).Want(200)
	signIn(h, h.URL, email, password, "code", now).WantCode(401, "invalid_credentials") // replayed
	signIn(h, h.URL, email, password, "code", recovery[0]).Want(200)
	signIn(h, h.URL, email, password, "code", recovery[0]).WantCode(401, "invalid_credentials")
	renewed := h.Call(worker, "POST", "/v1/auth/totp/recovery-codes", map[string]any{"password": password}).Want(200)
	signIn(h, h.URL, email, password, "code", recovery[1]).WantCode(401, "invalid_credentials")
	h.Call(worker, "POST", "/v1/auth/totp/disable", map[string]any{"password": password, "code": recovery[2]}).WantCode(422, "invalid")
	h.Exec("update users set failed_sign_ins = 0, locked_until = null")
	h.Call(worker, "POST", "/v1/auth/totp/disable", map[string]any{"password": password, "code": renewed.Text("recovery_codes", 0)}).Want(204)
	signIn(h, h.URL, email, password).Want(200)
}

func TestTOTP_GuessedCodesLockTheAccount(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	email := credential(h, worker)
	secret, _ := enrol(h, worker)
	for range 5 {
		signIn(h, h.URL, email, password, "code", "000000").WantCode(401, "invalid_credentials")
	}
	signIn(h, h.URL, email, password, "code", code(h, secret, 0)).WantCode(401, "invalid_credentials")
}

func TestSecrets_AreNotKeptAmongStoredAnswers(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	credential(h, worker)
	body := map[string]any{"password": password}
	first := h.Call(worker, "POST", "/v1/auth/totp", body, apptest.Key("k")).Want(200)
	again := h.Call(worker, "POST", "/v1/auth/totp", body, apptest.Key("k")).Want(200)
	if first.Text("secret") == "" || again.Text("secret") != "" || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("first %s, again %s", first.Raw, again.Raw)
	}
}

func TestPassword_ChangeEndsTheOtherSessions(t *testing.T) {
	h := apptest.New(t)
	email := credential(h, h.Staff(h.CentreA, "caseworker"))
	here, there := signIn(h, h.URL, email, password).Want(200), signIn(h, h.URL, email, password).Want(200)
	change := func(current, next string) *apptest.Response {
		return h.Call(bearer(here), "POST", "/v1/auth/password", map[string]any{"current_password": current, "new_password": next})
	}
	if r := change("wrong", password2).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != "/current_password" {
		t.Errorf("%s", r.Raw)
	}
	if r := change(password, "short").WantCode(422, "invalid"); r.Text("errors", 0, "code") != "too_short" {
		t.Errorf("%s", r.Raw)
	}
	change(password, password2).Want(204)
	h.Call(bearer(here), "GET", "/v1/me", nil).Want(200)
	h.Call(bearer(there), "GET", "/v1/me", nil).WantCode(401, "invalid_token")
	refresh(h, h.URL, there).Want(400)
	refresh(h, h.URL, here).Want(200)
	signIn(h, h.URL, email, password).Want(401)
	signIn(h, h.URL, email, password2).Want(200)
}

func TestPassword_GuessingWithAStolenTokenLocks(t *testing.T) {
	h := apptest.New(t)
	email := credential(h, h.Staff(h.CentreA, "caseworker"))
	stolen := bearer(signIn(h, h.URL, email, password).Want(200))
	for range 5 {
		h.Call(stolen, "POST", "/v1/auth/password", map[string]any{"current_password": "wrong", "new_password": password2}).Want(422)
	}
	h.Call(stolen, "POST", "/v1/auth/password", map[string]any{"current_password": password, "new_password": password2}).Want(422)
	signIn(h, h.URL, email, password).Want(401)
}

func TestSessions_AreListedAndEnded(t *testing.T) {
	h := apptest.New(t)
	email := credential(h, h.Staff(h.CentreA, "caseworker"))
	here := signIn(h, h.URL, email, password).Want(200)
	there := signIn(h, h.URL, email, password).Want(200)
	stranger := h.Staff(h.CentreA, "caseworker")
	list := h.Call(bearer(here), "GET", "/v1/auth/sessions", nil).Want(200)
	if list.Len("data") != 2 || list.Text("data", 0, "id") != there.Text("session_id") || list.Text("data", 1, "current") != "true" || list.Text("data", 0, "address") != "127.0.0.1" {
		t.Errorf("sessions %s", list.Raw)
	}
	end := "/v1/auth/sessions/" + there.Text("session_id") + "/end"
	unknown := h.Call(stranger, "POST", "/v1/auth/sessions/"+uuid.NewString()+"/end", nil).Want(404)
	if foreign := h.Call(stranger, "POST", end, nil).Want(404); anonymous(foreign) != anonymous(unknown) {
		t.Errorf("a session of others answers %s", foreign.Raw)
	}
	h.Call(bearer(here), "POST", end, nil).Want(204)
	h.Call(bearer(here), "POST", end, nil).Want(204)
	h.Call(bearer(there), "GET", "/v1/me", nil).Want(401)
	if list := h.Call(bearer(here), "GET", "/v1/auth/sessions?include_total=true", nil).Want(200); list.Text("total") != "1" {
		t.Errorf("sessions %s", list.Raw)
	}
}

func TestSignOut_EndsThisSessionOrAll(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	email := credential(h, worker)
	one, two, three := signIn(h, h.URL, email, password).Want(200), signIn(h, h.URL, email, password).Want(200), signIn(h, h.URL, email, password).Want(200)
	h.Call(bearer(one), "POST", "/v1/auth/sign-out", nil).Want(204)
	h.Call(bearer(one), "GET", "/v1/me", nil).WantCode(401, "invalid_token")
	refresh(h, h.URL, one).Want(400)
	h.Call(bearer(two), "POST", "/v1/auth/sign-out-everywhere", nil).Want(204)
	for _, r := range []*apptest.Response{two, three} {
		h.Call(bearer(r), "GET", "/v1/me", nil).Want(401)
		refresh(h, h.URL, r).Want(400)
	}
	h.Call(worker, "GET", "/v1/me", nil).Want(401) // a token without a session
}

func TestSignIn_IsLimitedByAddress(t *testing.T) {
	h := apptest.New(t, func(c *config.Config) { c.SignInRateLimit = 3 })
	for range 3 {
		signIn(h, h.URL, "nobody@demo.example", "wrong").Want(401)
	}
	if r := signIn(h, h.URL, "somebody@demo.example", "wrong").WantCode(429, "too_many_requests"); r.Header.Get("Retry-After") != "20" {
		t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
	}
	h.Call(nobody, "GET", "/healthz", nil).Want(200)
	h.Call(h.Staff(h.CentreA, "caseworker"), "GET", "/v1/me", nil).Want(200)
}

func TestSignIn_LeavesNoSecretInTheDatabase(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	email := credential(h, worker)
	signIn(h, h.URL, email, "my wrong password").Want(401)
	signIn(h, h.URL, "my secret typed as address", "x").Want(401)
	in := signIn(h, h.URL, email, password).Want(200)
	h.Call(bearer(in), "POST", "/v1/auth/password", map[string]any{"current_password": password, "new_password": password2}, apptest.Key("k")).Want(204)
	for _, table := range []string{"audit_events", "events", "users", "sessions", "refresh_tokens", "stored_answers", "revocations"} {
		var text string
		h.Scan("select coalesce(string_agg(t::text, E'\\n'), '') from "+table+" t", nil, &text)
		for _, secret := range []string{password, password2, "wrong password", "secret typed", in.Text("refresh_token"), in.Text("access_token")} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q", table, secret)
			}
		}
		if table != "users" && strings.Contains(text, "$argon2id$") {
			t.Errorf("%s holds a password's hash", table)
		}
	}
}

func TestSignIn_AsksForNoTokenOfItsCaller(t *testing.T) {
	h := apptest.New(t)
	h.Call(nobody, "POST", "/v1/auth/sign-in", map[string]any{"email": "a@b.example"}).WantCode(422, "invalid")
	h.Call(nobody, http.MethodGet, "/v1/auth/sign-in", nil).Want(405)
	for _, path := range []string{"/v1/auth/sign-out", "/v1/auth/sign-out-everywhere", "/v1/auth/password"} {
		h.Call(nobody, "POST", path, map[string]any{}).WantCode(401, "unauthenticated")
	}
	client := h.Client(h.IOM, "me:read")
	h.Call(client, "POST", "/v1/auth/sign-out", nil).WantCode(403, "forbidden")
}

func TestSignIn_LeavesNoSecretInTheLog(t *testing.T) {
	h := apptest.New(t)
	var log bytes.Buffer
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&locked{w: &log}, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(was) })
	email := credential(h, h.Staff(h.CentreA, "caseworker"))
	signIn(h, h.URL, email, "my wrong password").Want(401)
	in := signIn(h, h.URL, email, password).Want(200)
	h.Call(bearer(in), "POST", "/v1/auth/password", map[string]any{"current_password": password, "new_password": password2}).Want(204)
	refresh(h, h.URL, in).Want(200)
	refresh(h, h.URL, in).Want(400)
	id, secret, _ := client(h, h.Network("platform_operator"), nil)
	clientToken(h, h.URL, id, "wss_guess").Want(401)
	clientToken(h, h.URL, id, secret).Want(200)
	slog.SetDefault(was)
	for _, hidden := range []string{password, password2, "wrong password", "wss_guess", secret, email, in.Text("refresh_token"), in.Text("access_token")} {
		if strings.Contains(log.String(), hidden) {
			t.Errorf("the log tells %q", hidden)
		}
	}
	if !strings.Contains(log.String(), "refresh token used twice") {
		t.Errorf("the log does not tell of the theft:\n%s", log.String())
	}
}

// locked lets the servers write while the test reads.
type locked struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func TestSignIn_RenewsAHashOfOtherParameters(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	email := credential(h, worker)
	stronger := auth.PasswordParams
	stronger.Iterations++
	hasher, err := auth.NewPasswords(stronger, 1)
	if err != nil {
		t.Fatal(err)
	}
	old, err := hasher.Hash(context.Background(), password)
	if err != nil {
		t.Fatal(err)
	}
	h.Exec("update users set password_hash = $2 where id = $1", worker.ID, old)
	signIn(h, h.URL, email, password).Want(200)
	var now string
	h.Scan("select password_hash from users where id = $1", []any{worker.ID}, &now)
	if now == old || !strings.Contains(now, "t=2") {
		t.Errorf("the hash is %.40s", now)
	}
	signIn(h, h.URL, email, password).Want(200)
}
