package intake_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// told is one event of an import's stream.
type told struct {
	id, event string
	data      struct {
		Status   string
		Progress float64
		Counts   map[string]int
	}
	raw string
}

// follow opens the stream of an import; the channel is closed when the stream ends.
func (d desk) follow(server string, p apptest.Person, id uuid.UUID, last string) (int, <-chan told) {
	d.T.Helper()
	ctx, leave := context.WithCancel(context.Background())
	d.T.Cleanup(leave)
	req, err := http.NewRequestWithContext(ctx, "GET", server+d.path("/imports/%s/events", id), nil)
	if err != nil {
		d.T.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.Token)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		d.T.Fatal(err)
	}
	d.T.Cleanup(func() { _ = res.Body.Close() })
	events := make(chan told, 1000)
	go func() {
		defer close(events)
		readEvents(d.T, res.Body, events)
	}()
	return res.StatusCode, events
}

func readEvents(t testing.TB, from io.Reader, to chan<- told) {
	var e told
	for lines := bufio.NewScanner(from); lines.Scan(); {
		switch field, value, _ := strings.Cut(lines.Text(), ": "); field {
		case "id":
			e.id = value
		case "event":
			e.event = value
		case "data":
			if e.raw = value; json.Unmarshal([]byte(value), &e.data) != nil {
				t.Errorf("sent %s", value)
			}
		case "":
			if e.event != "" {
				to <- e
			}
			e = told{}
		}
	}
}

// next waits for an event; false once the stream has ended.
func next(t *testing.T, events <-chan told) (told, bool) {
	t.Helper()
	select {
	case e, open := <-events:
		return e, open
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was sent")
	}
	return told{}, false
}

// ends waits for the end of a stream.
func ends(t *testing.T, events <-chan told) (last told) {
	t.Helper()
	for {
		e, open := next(t, events)
		if !open {
			return last
		}
		last = e
	}
}

// One process serves the stream, another works on the import.
func TestProgress_IsToldWhoeverWorksOnTheImportUntilItsEnd(t *testing.T) {
	d := newDesk(t)
	elsewhere := d.Server()
	sent := d.send(head(2500), "mode=dry_run").Want(202)
	status, events := d.follow(elsewhere, d.clerk, sent.ID(), "")
	first, _ := next(t, events)
	if status != 200 || first.event != "progress" || first.data.Status != "queued" || first.data.Progress != 0 || first.data.Counts["rows"] != 2500 {
		t.Fatalf("%d %+v", status, first)
	}
	d.Work()
	last := first
	for e, open := next(t, events); open; e, open = next(t, events) {
		if e.data.Counts["processed"] < last.data.Counts["processed"] || e.id == last.id {
			t.Errorf("after %s came %s", last.raw, e.raw)
		}
		last = e
	}
	now := d.Call(d.clerk, "GET", d.path("/imports/%s", sent.ID()), nil).Want(200)
	if last.event != "ended" || last.data.Status != "completed" || last.data.Progress != 1 || last.data.Counts["processed"] != 2500 || last.id != now.Text("version") {
		t.Errorf("the last event is %+v", last)
	}
	var shown map[string]any
	if err := json.Unmarshal([]byte(last.raw), &shown); err != nil || len(shown) != 3 {
		t.Errorf("more than numbers: %s", last.raw)
	}
	if status, _ := d.follow(d.URL, d.clerk, sent.ID(), last.id); status != 204 {
		t.Errorf("who knows that it has ended hears %d", status)
	}
	_, again := d.follow(d.URL, d.clerk, sent.ID(), first.id)
	if e := ends(t, again); e.raw != last.raw {
		t.Errorf("who missed the end hears %+v", e)
	}
}

func TestProgress_EndsWithTheRightToReadAndWithTheServer(t *testing.T) {
	d := newDesk(t)
	other := d.Staff(d.centre, "registrar")
	sent := d.send(head(10), "mode=dry_run").Want(202)
	elsewhere := d.Server()
	_, revoked := d.follow(d.URL, d.clerk, sent.ID(), "")
	_, stays := d.follow(elsewhere, other, sent.ID(), "")
	next(t, revoked)
	next(t, stays)
	d.App.Revocations.RevokeSubject(d.clerk.ID, time.Now().Add(time.Second))
	d.Call(other, "POST", d.path("/imports/%s/cancel", sent.ID()), nil).Want(200)
	if e := ends(t, revoked); e.event != "" {
		t.Errorf("told %+v after the end of the right to read", e)
	}
	if e := ends(t, stays); e.event != "ended" || e.data.Status != "cancelled" {
		t.Errorf("who may read hears %+v", e)
	}
	more := d.Call(other, "POST", d.path("/imports?mapping=niger-2024"), head(10), as("text/csv")).Want(202)
	_, open := d.follow(d.URL, other, more.ID(), "")
	next(t, open)
	d.App.EndStreams()
	ends(t, open)
}

func TestProgress_RefusesWhatItCannotServe(t *testing.T) {
	d := newDesk(t)
	sent := d.send(head(10), "mode=dry_run").Want(202)
	for _, last := range []string{"nonsense", "-1", "99999999999999999999"} {
		if status, _ := d.follow(d.URL, d.clerk, sent.ID(), last); status != 400 {
			t.Errorf("after the event %s: %d", last, status)
		}
	}
	if status, _ := d.follow(d.URL, d.clerk, uuid.New(), ""); status != 404 {
		t.Errorf("an import that is none: %d", status)
	}
	other := deskAt(d.House, d.CentreB)
	if status, _ := other.follow(d.URL, other.clerk, sent.ID(), ""); status != 404 {
		t.Errorf("another centre's import: %d", status)
	}
	if status, _ := d.follow(d.URL, d.Staff(d.centre, "counsellor"), sent.ID(), ""); status != 403 {
		t.Errorf("without the role: %d", status)
	}
	for range 5 {
		if status, _ := d.follow(d.URL, d.clerk, sent.ID(), ""); status != 200 {
			t.Errorf("a stream is refused: %d", status)
		}
	}
	if status, _ := d.follow(d.URL, d.clerk, sent.ID(), ""); status != 429 {
		t.Errorf("the sixth stream: %d", status)
	}
}
