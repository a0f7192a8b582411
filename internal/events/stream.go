package events

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// The measures of a stream.
const (
	heartbeat      = 15 * time.Second
	writeWithin    = 10 * time.Second // a reader that takes no byte for so long is dropped
	reconnectAfter = 2 * time.Second  // what EventSource is told to wait
	streamsEach    = 5                // of one caller
	streamsInAll   = 1000             // of one process
	catchUpBatch   = 200
)

// admit counts a caller's stream in, or refuses it.
func (h *Hub) admit(caller uuid.UUID) (leave func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.total >= streamsInAll {
		f := fault.New(fault.Unavailable, "no_stream_free", "No stream can be opened here right now. Try again shortly.")
		f.RetryAfter = reconnectAfter
		return nil, f
	}
	if h.streams[caller] >= streamsEach {
		f := fault.New(fault.TooMany, "too_many_streams", "At most %d streams of one caller. Close one first.", streamsEach)
		f.RetryAfter = heartbeat
		return nil, f
	}
	h.streams[caller]++
	h.total++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.total--
		if h.streams[caller]--; h.streams[caller] == 0 {
			delete(h.streams, caller)
		}
	}, nil
}

// stream is one answer of streamEvents while it lasts.
type stream struct {
	ctx   context.Context
	hub   *Hub
	sees  selection
	from  position
	leave func()
}

// VisitStreamEventsResponse writes changes until the caller goes away, cannot keep up or may not
// read any more, or the server ends.
func (s stream) VisitStreamEventsResponse(w http.ResponseWriter) error {
	defer s.leave()
	centre := s.sees.centres[0]
	feed, leave := s.hub.watch(centre)
	defer leave()
	out, err := s.hub.open(w)
	if err != nil {
		return nil // the caller has gone
	}
	defer out.close()
	s.follow(feed, out)
	return nil
}

func (s stream) follow(feed *watched, out sink) {
	alive := time.NewTicker(heartbeat)
	defer alive.Stop()
	at := s.from
	for {
		rows, next, moved, current := feed.since(at)
		if !current {
			var err error
			if rows, next, err = s.catchUp(at); err != nil {
				return
			}
		}
		if auth.Recheck(s.ctx) != nil {
			return
		}
		for i := range rows {
			if s.sees.shows(&rows[i]) && out.change(&rows[i]) != nil {
				return
			}
		}
		if moves := next.after(at); moves {
			at = next
			if !current {
				continue
			}
		}
		select {
		case <-s.ctx.Done():
			return
		case <-s.hub.ended:
			return
		case <-moved:
		case <-alive.C:
			if out.write("id: "+at.cursor(db.Now())+"\n\n") != nil {
				return
			}
		}
	}
}

// catchUp reads from the database what memory does not reach back to.
func (s stream) catchUp(at position) (rows []Change, next position, err error) {
	session := db.Current(s.ctx)
	err = session.DB().InTx(s.ctx, session.Scope(), func(ctx context.Context) error {
		end, err := horizon(ctx)
		if err != nil {
			return err
		}
		rows, err = s.sees.read(ctx, at, end, catchUpBatch)
		if next = end; len(rows) == catchUpBatch {
			next = rows[len(rows)-1].position()
		}
		return err
	})
	return rows, next, err
}

// sink writes to a caller who must keep up: nothing waits in memory for a slow one.
type sink struct {
	http.ResponseWriter
	control *http.ResponseController
	within  time.Duration
}

// open begins the answer of a stream.
func (h *Hub) open(w http.ResponseWriter) (sink, error) {
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // proxies must pass each event on at once
	w.WriteHeader(http.StatusOK)
	out := sink{w, http.NewResponseController(w), h.writeWithin}
	return out, out.write(fmt.Sprintf("retry: %d\n\n", reconnectAfter.Milliseconds()))
}

// close leaves a connection that may serve another request.
func (s sink) close() { _ = s.control.SetWriteDeadline(time.Time{}) }

func (s sink) write(text string) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(s.within)); err != nil {
		return err
	}
	if _, err := s.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}

func (s sink) change(c *Change) error {
	data, err := json.Marshal(toAPI(c))
	if err != nil {
		return err
	}
	return s.write("id: " + c.position().cursor(db.Now()) + "\nevent: change\ndata: " + string(data) + "\n\n")
}
