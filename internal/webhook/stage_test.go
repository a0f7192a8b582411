package webhook_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/config"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/webhook"
)

type obj = map[string]any

// nearby lets messages reach receivers on this machine.
func nearby(c *config.Config) {
	c.WebhookNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// stage is a house with a partner's system that keeps an endpoint.
type stage struct {
	*apptest.House
	clinic   uuid.UUID
	partner  apptest.Person
	receiver *receiver
	id       uuid.UUID
	secret   string
}

func begin(t *testing.T, options ...func(*config.Config)) *stage {
	s := &stage{House: apptest.New(t, append(options, nearby)...), receiver: listen(t)}
	s.clinic = s.Organisation("Clinic", "ngo")
	s.partner = s.Client(s.clinic, "partner:webhooks", "partner:referrals")
	made := s.Call(s.partner, "POST", "/v1/webhook-endpoints", obj{"url": s.receiver.URL}).Want(201)
	s.id, s.secret = made.ID(), made.Text("secret")
	return s
}

func (s *stage) path(rest string) string { return "/v1/webhook-endpoints/" + s.id.String() + rest }

// endpoint reads the endpoint as it stands.
func (s *stage) endpoint() *apptest.Response {
	s.T.Helper()
	return s.Call(s.partner, "GET", s.path(""), nil).Want(200)
}

// does calls a transition of the endpoint.
func (s *stage) does(p apptest.Person, verb string) *apptest.Response {
	s.T.Helper()
	return s.Call(p, "POST", s.path("/"+verb), nil, apptest.IfMatch(s.endpoint().ETag()))
}

// happens writes an event for an organisation, as a committed transaction of its own.
func (s *stage) happens(organisation uuid.UUID, kind string, subject uuid.UUID) {
	s.T.Helper()
	resource, _, _ := strings.Cut(kind, ".")
	s.Exec("insert into events (centre_id, type, resource, subject_id, organisation_id) values ($1, $2, $3, $4, $5)", s.CentreA, kind, resource, subject, organisation)
}

// referred lets a referral of the clinic's be in the news and returns its id.
func (s *stage) referred() uuid.UUID {
	s.T.Helper()
	id := db.NewID()
	s.happens(s.clinic, "referral.sent", id)
	return id
}

// tell lets the house send what is due.
func (s *stage) tell() {
	s.T.Helper()
	s.Settle()
	s.Tick(webhook.FollowTick)
}

// hasten makes every repeat due.
func (s *stage) hasten() { s.Exec("update webhook_deliveries set next_attempt_at = now()") }

// received is one message as it arrived.
type received struct {
	header http.Header
	body   []byte
}

func (r received) id() string { return r.header.Get("webhook-id") }

// value reads a member of data.
func (r received) value(name string) string {
	var m struct {
		Type string
		Data map[string]any
	}
	_ = json.Unmarshal(r.body, &m)
	if name == "type" {
		return m.Type
	}
	text, _ := m.Data[name].(string)
	return text
}

// receiver is a partner's server: it answers as it is told, 204 where nothing is said.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	messages []received
	answers  []func(http.ResponseWriter)
	standard func(http.ResponseWriter)
}

func listen(t *testing.T) *receiver {
	r := &receiver{standard: func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// ServeHTTP keeps what arrives.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.messages = append(r.messages, received{req.Header, body})
	answer := r.standard
	if len(r.answers) > 0 {
		answer, r.answers = r.answers[0], r.answers[1:]
	}
	r.mu.Unlock()
	answer(w)
}

// answer says how the next messages are answered, in their order.
func (r *receiver) answer(status ...int) {
	for _, code := range status {
		r.answers = append(r.answers, func(w http.ResponseWriter) { w.WriteHeader(code) })
	}
}

// always says how every message is answered from now on.
func (r *receiver) always(status int) {
	r.standard = func(w http.ResponseWriter) { w.WriteHeader(status) }
}

// got returns what arrived so far.
func (r *receiver) got() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.messages...)
}

// subjects are what the messages tell of, in their order.
func (r *receiver) subjects() string {
	var ids []string
	for _, m := range r.got() {
		ids = append(ids, m.value("resource_id"))
	}
	return strings.Join(ids, " ")
}

// genuine verifies a message as the standard's own library does.
func genuine(t *testing.T, secret string, m received) error {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	return verifier.Verify(m.body, m.header)
}

func line(ids ...uuid.UUID) string {
	var text []string
	for _, id := range ids {
		text = append(text, id.String())
	}
	return strings.Join(text, " ")
}
