// Package apptest is the test house: a database of its own, the real server behind a real
// socket, staff and clients with tokens, and a caller that checks every answer against the spec.
package apptest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/waystation/waystation/internal/app"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/config"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/embedpg"
	"github.com/waystation/waystation/internal/form"
	"github.com/waystation/waystation/migrations"
)

// House is one test's product: empty but for two centres, A and B.
type House struct {
	T       testing.TB
	App     *app.App
	URL     string        // of the server
	Owner   *pgxpool.Pool // the tables' owner, a superuser: sees everything, for arranging and inspecting
	CentreA uuid.UUID
	CentreB uuid.UUID
	IOM     uuid.UUID // the organisation that runs both
	dbURL   string
	spec    *contract
	working sync.Once
}

// New builds a house. Options change the configuration before the server starts.
func New(t testing.TB, options ...func(*config.Config)) *House {
	t.Helper()
	if !testing.Verbose() {
		slog.SetDefault(slog.New(slog.DiscardHandler))
	}
	c := Config(t)
	for _, o := range options {
		o(&c)
	}
	a := open(t, c)
	dbURL := c.DatabaseOwnerURL.Reveal()
	owner, err := pgxpool.New(context.Background(), dbURL+"&pool_max_conns=3")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(a.HTTP.Echo)
	t.Cleanup(func() { server.Close(); a.Close(); owner.Close() })
	h := &House{T: t, App: a, URL: server.URL, Owner: owner, dbURL: dbURL, spec: specOf(t)}
	h.found()
	return h
}

// Config is the configuration of a house: a database of its own, limits that no test meets by chance.
func Config(t testing.TB) config.Config {
	t.Helper()
	dbURL := Database(t)
	return config.Config{
		Mode: config.Development, PublicURL: "http://waystation.test", DataDir: t.TempDir(), DatabaseURL: config.Secret(dbURL),
		DatabaseOwnerURL: config.Secret(dbURL), StatisticsDatabaseURL: config.Secret(dbURL), MaxConnections: 10,
		ConnectTimeout: 3 * time.Second, StatementTimeout: 4 * time.Second, LockTimeout: 2 * time.Second, IdleTransactionTimeout: 10 * time.Second,
		MaxAttachment: 100 << 20, MaxImage: 25 << 20, MaxImagePixels: 40_000_000, MaxUploads: 16,
		AccessTokenTTL: time.Hour, RefreshTokenTTL: 24 * time.Hour, MaxBody: 1 << 20, DocsEnabled: true, ChangesKept: 90 * 24 * time.Hour, ServiceVerificationDays: 92, ServiceReminderDays: 14, WebhookTimeout: 5 * time.Second, WebhooksKept: 720 * time.Hour,
		RevocationStaleAfter: 10 * time.Second, LockoutAfter: 5, LockoutFor: 15 * time.Minute, TemporaryPasswordTTL: time.Hour, ClientSecretGrace: time.Hour,
	}
}

// For lets a subtest fail by itself: calls in between belong to t. It returns what ends that.
func (h *House) For(t testing.TB) (end func()) {
	outer := h.T
	h.T = t
	return func() { h.T = outer }
}

// Server opens one more process of the product on the same database.
func (h *House) Server() string {
	a := open(h.T, h.App.Config)
	server := httptest.NewServer(a.HTTP.Echo)
	h.T.Cleanup(func() { server.Close(); a.Close() })
	return server.URL
}

// open starts the product and waits until it can recognise callers.
func open(t testing.TB, c config.Config) *app.App {
	t.Helper()
	a, err := app.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(10 * time.Second); !a.Revocations.Healthy(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the feed of revocations does not come up")
		}
	}
	return a
}

func (h *House) found() {
	h.IOM = h.Organisation("IOM Niger", "un")
	h.CentreA = h.Centre("AGZ", "Centre de transit Agadez")
	h.CentreB = h.Centre("ARL", "Centre de transit Arlit")
}

// Organisation adds an organisation.
func (h *House) Organisation(name, kind string) uuid.UUID {
	id := db.NewID()
	h.Exec("insert into organisations (id, version, created_at, updated_at, name, type) values ($1, 1, now(), now(), $2, $3)", id, name, kind)
	return id
}

// Agrees puts a sharing agreement of the network with an organisation into force, under which everything may be told.
func (h *House) Agrees(organisation uuid.UUID) {
	h.T.Helper()
	h.Exec(`insert into agreements (id, version, created_at, updated_at, organisation_id, purpose, fields, sensitivity_ceiling, channels, retention_days, sub_sharing,
		audit_right, breach_contact, breach_notice_hours, acknowledge_hours, decision_hours, starts_on, status)
		values ($1, 1, now(), now(), $2, 'Services', '{given_name,family_name,other_names,gender_identity,birth_date,nationalities,country_of_origin,languages,marital_status,
		education_level,migration_status,phone,document,background,services_provided}', 'restricted', '{api,phone,email,in_person,paper}', 365, false, true,
		'{"office": "Desk"}', 72, '{}', '{}', '2020-01-01', 'active') on conflict do nothing`, db.NewID(), organisation)
}

// Centre adds a centre in Niger.
func (h *House) Centre(code, name string) uuid.UUID {
	id := db.NewID()
	h.Exec(`insert into centres (id, version, created_at, updated_at, organisation_id, code, name, country, time_zone, languages, typologies, phase, management_model)
		values ($1, 1, now(), now(), $2, $3, $4, 'NER', 'Africa/Niamey', '{fr}', '{shelter}', 'management', 'iom_managed')`, id, h.IOM, code, name)
	return id
}

// Person is somebody, or some system, that calls the API.
type Person struct {
	ID    uuid.UUID
	Token string
}

// Staff adds a user with roles in a centre and signs them in.
func (h *House) Staff(centre uuid.UUID, roles ...string) Person {
	return h.StaffIn(map[uuid.UUID][]string{centre: roles})
}

// StaffIn is Staff for somebody who works in several centres.
func (h *House) StaffIn(centres map[uuid.UUID][]string) Person {
	id := h.user(nil)
	for centre, roles := range centres {
		for _, role := range roles {
			h.Exec(`insert into members (centre_id, id, version, created_at, updated_at, user_id, role, starts_on)
				values ($1, $2, 1, now(), now(), $3, $4, current_date - 1)`, centre, db.NewID(), id, role)
		}
	}
	return h.sign(auth.Principal{Kind: auth.User, ID: id, OrganisationID: h.IOM, Centres: centres})
}

// Network adds a user with roles over the whole network and signs them in.
func (h *House) Network(roles ...string) Person {
	return h.sign(auth.Principal{Kind: auth.User, ID: h.user(roles), OrganisationID: h.IOM, NetworkRoles: roles})
}

// Client adds another system of an organisation and signs it in.
func (h *House) Client(organisation uuid.UUID, scopes ...string) Person {
	id := db.NewID()
	h.Exec(`insert into api_clients (id, version, created_at, updated_at, organisation_id, name, scopes, secret_hash)
		values ($1, 1, now(), now(), $2, 'client', $3, '\x00')`, id, organisation, scopes)
	return h.sign(auth.Principal{Kind: auth.Client, ID: id, OrganisationID: organisation, Scopes: scopes})
}

func (h *House) user(network []string) uuid.UUID {
	id := db.NewID()
	if network == nil {
		network = []string{}
	}
	h.Exec(`insert into users (id, version, created_at, updated_at, organisation_id, email, name, network_roles)
		values ($1, 1, now(), now(), $2, $3, 'Staff', $4)`, id, h.IOM, id.String()+"@demo.example", network)
	return id
}

func (h *House) sign(p auth.Principal) Person {
	token, err := h.App.Issuer.Mint(p, time.Hour, time.Now())
	if err != nil {
		h.T.Fatal(err)
	}
	return Person{p.ID, token}
}

// Exec runs SQL as the owner.
func (h *House) Exec(sql string, args ...any) {
	h.T.Helper()
	if _, err := h.Owner.Exec(context.Background(), sql, args...); err != nil {
		h.T.Fatalf("%s: %v", sql, err)
	}
}

// Scan reads one row as the owner.
func (h *House) Scan(sql string, args []any, to ...any) {
	h.T.Helper()
	if err := h.Owner.QueryRow(context.Background(), sql, args...).Scan(to...); err != nil {
		h.T.Fatalf("%s: %v", sql, err)
	}
}

// Settle waits until what is committed is final: no older transaction runs in the cluster, not even
// one of another test's database. Sealing and the change feed go no further than that.
func (h *House) Settle() {
	h.T.Helper()
	var mine string
	h.Scan("select pg_current_xact_id()::text", nil, &mine)
	for final := false; !final; time.Sleep(2 * time.Millisecond) {
		h.Scan("select pg_snapshot_xmin(pg_current_snapshot()) > $1::text::xid8", []any{mine}, &final)
	}
}

// Header is one request header.
type Header struct{ Name, Value string }

// IfMatch expects a version.
func IfMatch(tag string) Header { return Header{"If-Match", tag} }

// Key makes a repeat safe.
func Key(key string) Header { return Header{"Idempotency-Key", key} }

// Response is an answer, read whole.
type Response struct {
	Status int
	Header http.Header
	Raw    []byte
	t      testing.TB
}

// Call sends a request and checks the answer against the spec. body is nil, a string sent as it
// is, or a value sent as JSON.
func (h *House) Call(p Person, method, path string, body any, headers ...Header) *Response {
	h.T.Helper()
	return h.CallAt(h.URL, p, method, path, body, headers...)
}

// CallAt is Call at one of several servers.
func (h *House) CallAt(base string, p Person, method, path string, body any, headers ...Header) *Response {
	h.T.Helper()
	return h.answer(http.DefaultClient, base, p, method, path, body, headers)
}

// stays is a client that goes nowhere else.
var stays = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// CallHere is Call for the answer of this path itself: a redirect is not followed.
func (h *House) CallHere(p Person, method, path string, body any, headers ...Header) *Response {
	h.T.Helper()
	return h.answer(stays, h.URL, p, method, path, body, headers)
}

func (h *House) answer(client *http.Client, base string, p Person, method, path string, body any, headers []Header) *Response {
	h.T.Helper()
	req := newRequest(h.T, base, p, method, path, body, headers)
	res, err := client.Do(req)
	if err != nil {
		h.T.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		h.T.Fatalf("%s %s: %v", method, path, err)
	}
	h.spec.check(h.T, req, res, raw)
	return &Response{res.StatusCode, res.Header, raw, h.T}
}

func newRequest(t testing.TB, base string, p Person, method, path string, body any, headers []Header) *http.Request {
	t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = bytes.NewReader([]byte(b))
	case []byte:
		reader = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, base+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	if reader != nil {
		req.Header.Set("Content-Type", "application/json")
		if method == http.MethodPatch {
			req.Header.Set("Content-Type", "application/merge-patch+json")
		}
	}
	if p.Token != "" {
		req.Header.Set("Authorization", "Bearer "+p.Token)
	}
	for _, header := range headers {
		req.Header.Set(header.Name, header.Value)
	}
	return req
}

// Want fails the test unless the status is as expected.
func (r *Response) Want(status int) *Response {
	r.t.Helper()
	if r.Status != status {
		r.t.Fatalf("status %d, want %d: %s", r.Status, status, r.Raw)
	}
	return r
}

// WantCode also expects the problem's code.
func (r *Response) WantCode(status int, code string) *Response {
	r.t.Helper()
	r.Want(status)
	if got := r.Text("code"); got != code {
		r.t.Fatalf("code %q, want %q: %s", got, code, r.Raw)
	}
	return r
}

// ETag is the answer's version.
func (r *Response) ETag() string { return r.Header.Get("ETag") }

// Value follows keys and indexes into the JSON body; nil where there is nothing.
func (r *Response) Value(path ...any) any {
	r.t.Helper()
	var v any
	if err := json.Unmarshal(r.Raw, &v); err != nil {
		r.t.Fatalf("not JSON: %s", r.Raw)
	}
	for _, step := range path {
		switch at := v.(type) {
		case map[string]any:
			v = at[fmt.Sprint(step)]
		case []any:
			i, ok := step.(int)
			if !ok || i >= len(at) {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	return v
}

// Text is Value as a string; empty where there is none.
func (r *Response) Text(path ...any) string {
	r.t.Helper()
	if v := r.Value(path...); v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

// ID is Value as an id.
func (r *Response) ID(path ...any) uuid.UUID {
	r.t.Helper()
	if len(path) == 0 {
		path = []any{"id"}
	}
	id, err := uuid.Parse(r.Text(path...))
	if err != nil {
		r.t.Fatalf("no id at %v: %s", path, r.Raw)
	}
	return id
}

// Len is how many entries the list at path has.
func (r *Response) Len(path ...any) int {
	r.t.Helper()
	list, _ := r.Value(path...).([]any)
	return len(list)
}

var template struct {
	sync.Once
	cluster string
	lease   func() // gives the cluster back; reachable as long as this process lives, else the collector would
	name    string
	err     error
}

// Database clones the migrated template into a database of the test's own and returns its URL.
// The clone is dropped when the test ends.
func Database(t testing.TB) string {
	t.Helper()
	template.Do(func() { template.err = prepare() })
	if template.err != nil {
		t.Fatal(template.err)
	}
	name := "test_" + hex.EncodeToString(uuidBytes())
	admin := connect(t, template.cluster)
	defer admin.Close(context.Background())
	if _, err := admin.Exec(context.Background(), "create database "+name+" template "+template.name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		admin := connect(t, template.cluster)
		defer admin.Close(context.Background())
		_, _ = admin.Exec(context.Background(), "drop database if exists "+name+" with (force)")
	})
	return withDatabase(template.cluster, name)
}

func uuidBytes() []byte { id := uuid.New(); return id[:] }

func connect(t testing.TB, url string) *pgx.Conn {
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// prepare migrates one template per state of the migrations; the first process makes it.
func prepare() error {
	ctx := context.Background()
	cluster, lease, err := embedpg.ForTests() // it ends by itself when the last test process is gone
	if err != nil {
		return err
	}
	template.cluster, template.lease = cluster, lease
	template.name, err = templateName()
	if err != nil {
		return err
	}
	admin, err := pgx.Connect(ctx, cluster)
	if err != nil {
		return err
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, "select pg_advisory_lock(hashtext($1))", template.name); err != nil {
		return err
	}
	var exists bool
	if err := admin.QueryRow(ctx, "select exists (select 1 from pg_database where datname = $1)", template.name).Scan(&exists); err != nil || exists {
		return err
	}
	building := template.name + "_building"
	for _, sql := range []string{"drop database if exists " + building + " with (force)", "create database " + building} {
		if _, err := admin.Exec(ctx, sql); err != nil {
			return err
		}
	}
	if err := app.Migrate(ctx, withDatabase(cluster, building)); err != nil {
		return err
	}
	_, err = admin.Exec(ctx, "alter database "+building+" rename to "+template.name)
	return err
}

func templateName() (string, error) {
	h := sha256.New()
	for _, files := range []fs.FS{migrations.FS, form.Files} {
		err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := fs.ReadFile(files, path)
			_, _ = h.Write(content)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return "template_" + hex.EncodeToString(h.Sum(nil)[:8]), nil
}

func withDatabase(cluster, name string) string {
	u, err := url.Parse(cluster)
	if err != nil {
		panic(err)
	}
	u.Path = "/" + name
	q := u.Query()
	if q.Get("sslmode") == "" {
		q.Set("sslmode", "disable")
	}
	u.RawQuery = q.Encode()
	return u.String()
}
