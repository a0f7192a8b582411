package events_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
)

// message is one server-sent event.
type message struct {
	id     string
	event  string
	change api.Change
}

// listener is a client of a stream.
type listener struct {
	t        *testing.T
	response *http.Response
	messages chan message
	ended    chan struct{}
}

func listen(t *testing.T, h *apptest.House, p apptest.Person, lastID string) *listener {
	t.Helper()
	l := try(t, h, p, lastID)
	if l.response.StatusCode != 200 || l.response.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(l.response.Body)
		t.Fatalf("%d %s %s", l.response.StatusCode, l.response.Header.Get("Content-Type"), body)
	}
	go l.read()
	return l
}

func try(t *testing.T, h *apptest.House, p apptest.Person, lastID string) *listener {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", h.URL+"/v1/centres/"+h.CentreA.String()+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.Token)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return &listener{t, res, make(chan message, 10_000), make(chan struct{})}
}

func (l *listener) read() {
	defer close(l.ended)
	var m message
	for lines := bufio.NewScanner(l.response.Body); lines.Scan(); {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			m.id = value
		case "event":
			m.event = value
		case "data":
			if err := json.Unmarshal([]byte(value), &m.change); err != nil {
				l.t.Error(err)
			}
		case "":
			if m.event != "" {
				l.messages <- m
			}
			m = message{}
		}
	}
}

func (l *listener) next() (m message) {
	l.t.Helper()
	select {
	case m = <-l.messages:
	case <-l.ended:
		l.t.Fatal("the stream ended")
	case <-time.After(15 * time.Second):
		l.t.Fatal("nothing was sent")
	}
	return m
}

func (l *listener) ends() {
	l.t.Helper()
	select {
	case <-l.ended:
	case <-time.After(20 * time.Second):
		l.t.Fatal("the stream goes on")
	}
	if len(l.messages) > 0 {
		l.t.Errorf("sent %v after the end of the right to read", (<-l.messages).change)
	}
}

func TestStream_TellsOfChangesAsTheyHappen(t *testing.T) {
	h := apptest.New(t)
	h.Settle()
	l := listen(t, h, h.Staff(h.CentreA, "caseworker"), "")
	hidden, id := note(h, h.CentreA, "user.updated"), note(h, h.CentreA, "sop.activated")
	m := l.next()
	for m.change.Resource != "sop" { // being appointed is told too, when it was final only after the stream began
		m = l.next()
	}
	if m.event != "change" || m.change.ResourceID != id || m.change.ResourceID == hidden || m.change.Type != "sop.activated" || m.id == "" {
		t.Errorf("sent %+v", m)
	}
}

func TestStream_ResumesWhereItStood(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	h.Settle()
	first := listen(t, h, worker, "")
	note(h, h.CentreA, "sop.activated")
	last := first.next().id
	_ = first.response.Body.Close()
	missed := []uuid.UUID{note(h, h.CentreA, "sop.one"), note(h, h.CentreA, "sop.two")}
	second := listen(t, h, worker, last)
	for _, id := range missed {
		if m := second.next(); m.change.ResourceID != id {
			t.Errorf("resumed with %+v", m.change)
		}
	}
	live := note(h, h.CentreA, "sop.three")
	if m := second.next(); m.change.ResourceID != live {
		t.Errorf("went on with %+v", m.change)
	}
	again := h.Call(worker, "GET", feed(h.CentreA)+"?cursor="+last, nil).Want(200)
	if again.Len("data") != 3 {
		t.Errorf("the same cursor on /changes: %s", again.Raw)
	}
}

func TestStream_EndsWithTheRightToRead(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	brief := worker
	principal := auth.Principal{Kind: auth.User, ID: worker.ID, OrganisationID: h.IOM, Centres: map[uuid.UUID][]string{h.CentreA: {"caseworker"}}}
	var err error
	if brief.Token, err = h.App.Issuer.Mint(principal, time.Minute, time.Now().Add(-time.Minute-auth.Leeway+2*time.Second)); err != nil {
		t.Fatal(err)
	}
	h.Settle()
	expiring, revoked := listen(t, h, brief, ""), listen(t, h, worker, "")
	note(h, h.CentreA, "sop.activated")
	expiring.next()
	revoked.next()
	time.Sleep(2500 * time.Millisecond)
	note(h, h.CentreA, "sop.activated")
	expiring.ends()
	revoked.next()
	h.App.Revocations.RevokeSubject(worker.ID, time.Now().Add(time.Second))
	note(h, h.CentreA, "sop.activated")
	revoked.ends()
}

func TestStream_RefusesWhatItCannotServe(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	var open []*listener
	for range 5 {
		open = append(open, listen(t, h, worker, ""))
	}
	if l := try(t, h, worker, ""); l.response.StatusCode != 429 {
		t.Errorf("the sixth stream: %d", l.response.StatusCode)
	}
	other := h.Staff(h.CentreA, "caseworker")
	if l := try(t, h, other, "nonsense"); l.response.StatusCode != 400 {
		t.Errorf("a bad id: %d", l.response.StatusCode)
	}
	if l := try(t, h, h.Staff(h.CentreB, "caseworker"), ""); l.response.StatusCode != 404 {
		t.Errorf("another centre: %d", l.response.StatusCode)
	}
	h.App.EndStreams()
	for _, l := range open {
		select {
		case <-l.ended:
		case <-time.After(5 * time.Second):
			t.Fatal("a stream outlives its server")
		}
	}
	if l := try(t, h, other, ""); l.response.StatusCode != 503 {
		t.Errorf("of a server that ends: %d", l.response.StatusCode)
	}
}

// stage serves streams of one hub over a real socket.
func stage(t *testing.T, h *apptest.House, hub *events.Hub, from string) (url string) {
	t.Helper()
	may := auth.NewPermissions(map[string][]string{"sops:read": {"everyone"}})
	caller := &auth.Principal{Kind: auth.User, ID: h.IOM, Centres: map[uuid.UUID][]string{h.CentreA: {"everyone"}}}
	handlers := events.Handlers{Hub: hub, Permissions: may, Kept: time.Hour}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := auth.WithRecheck(auth.With(r.Context(), caller), func(context.Context) error { return nil })
		ctx = h.App.DB.Session(db.Scope{Centres: []uuid.UUID{h.CentreA}, ReadOnly: true}).Bind(ctx)
		req := api.StreamEventsRequestObject{CentreID: h.CentreA}
		if from != "" {
			req.Params.Cursor = &from
		}
		response, err := handlers.StreamEvents(ctx, req)
		if err != nil {
			t.Error(err)
			return
		}
		if err := response.VisitStreamEventsResponse(w); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(func() { hub.Close(); server.Close() })
	return server.URL
}

func TestHub_PollsACentreOnceHoweverManyWatchAndNotAtAllWhenNobodyDoes(t *testing.T) {
	h := apptest.New(t)
	hub := events.NewHub(h.App.DB)
	hub.Hasten(20*time.Millisecond, time.Second)
	url := stage(t, h, hub, "")
	var bodies []io.Closer
	for range 4 {
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, res.Body)
	}
	if n := hub.Watched(); n != 1 {
		t.Errorf("polls %d feeds", n)
	}
	for _, b := range bodies {
		_ = b.Close()
	}
	for deadline := time.Now().Add(10 * time.Second); hub.Watched() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("goes on polling for nobody")
		}
	}
}

func TestHub_DropsAReaderWhoDoesNotKeepUpAndLetsItResume(t *testing.T) {
	h := apptest.New(t)
	h.Settle()
	start := h.Call(h.Staff(h.CentreA, "caseworker"), "GET", feed(h.CentreA)+"?since=now", nil).Want(200).Text("next_cursor")
	// More than memory keeps, and more than sockets hold.
	const many = 4 * events.KeepInMemory
	h.Exec(`insert into events (centre_id, type, resource, subject_id, data) select $1, 'sop.activated', 'sop', gen_random_uuid(),
		jsonb_build_object('filler', repeat('x', 4000)) from generate_series(1, $2::int)`, h.CentreA, many)
	h.Settle()
	hub := events.NewHub(h.App.DB)
	hub.Hasten(20*time.Millisecond, 300*time.Millisecond)
	url := stage(t, h, hub, start)
	idle, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idle.Body.Close() })
	for deadline := time.Now().Add(10 * time.Second); hub.Watched() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("keeps a reader who does not read")
		}
	}
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	got, lines := 0, bufio.NewReader(res.Body)
	for got < many {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("after %d changes: %v", got, err)
		}
		if strings.HasPrefix(line, "event: change") {
			got++
		}
	}
}
