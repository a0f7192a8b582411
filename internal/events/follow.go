package events

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
)

// Sight is a resource at one moment, as the readers of its stream see it.
type Sight struct {
	Version int64  // the event's id: it only rises
	Event   string // what kind of event it is
	Data    any    // its data, as JSON; nothing personal, as a stream leaves no line in the trail
	Last    bool   // nothing follows
}

// Following is the stream of one resource: a sight of it at once and whenever the feed of its
// centre tells that it has changed, whichever process changed it, until the last.
type Following struct {
	ctx    context.Context
	hub    *Hub
	centre uuid.UUID
	id     uuid.UUID
	look   func(context.Context) (Sight, error)
	sent   int64 // version of the last sight
	leave  func()
}

// Follow opens the caller's stream of a resource, or refuses it as streamEvents does. look reads the
// resource in a transaction of its own; after is the version that the caller has seen.
func (h *Hub) Follow(ctx context.Context, centre, id uuid.UUID, after int64, look func(context.Context) (Sight, error)) (*Following, error) {
	leave, err := h.admit(auth.From(ctx).ID)
	if err != nil {
		return nil, err
	}
	return &Following{ctx, h, centre, id, look, after, leave}, nil
}

// Write answers with the stream.
func (f *Following) Write(w http.ResponseWriter) error {
	defer f.leave()
	feed, leave := f.hub.watch(f.centre)
	defer leave()
	out, err := f.hub.open(w)
	if err != nil {
		return nil // the caller has gone
	}
	defer out.close()
	f.follow(feed, out)
	return nil
}

func (f *Following) follow(feed *watched, out sink) {
	alive := time.NewTicker(heartbeat)
	defer alive.Stop()
	for at := (position{}); ; {
		next, moved, news := feed.news(at, f.id)
		if at = next; news && !f.show(out) {
			return
		}
		select {
		case <-f.ctx.Done():
			return
		case <-f.hub.ended:
			return
		case <-moved:
		case <-alive.C:
			if auth.Recheck(f.ctx) != nil || out.write(fmt.Sprintf("id: %d\n\n", f.sent)) != nil {
				return
			}
		}
	}
}

// show sends the resource as it stands, unless it stands as it was sent; false where nothing follows.
func (f *Following) show(out sink) bool {
	var seen Sight
	session := db.Current(f.ctx)
	err := session.DB().InTx(f.ctx, session.Scope(), func(ctx context.Context) (err error) {
		seen, err = f.look(ctx)
		return err
	})
	if err != nil || auth.Recheck(f.ctx) != nil {
		return false
	}
	if seen.Version > f.sent {
		data, err := json.Marshal(seen.Data)
		if err != nil || out.write(fmt.Sprintf("id: %d\nevent: %s\ndata: %s\n\n", seen.Version, seen.Event, data)) != nil {
			return false
		}
		f.sent = seen.Version
	}
	return !seen.Last
}

// news tells whether anything was told of a resource after a position, where to go on, and what to
// wait on for more. A reader who is further behind than memory reaches takes it that something was.
func (w *watched) news(at position, of uuid.UUID) (next position, moved <-chan struct{}, news bool) {
	rows, next, moved, current := w.since(at)
	if current {
		return next, moved, slices.ContainsFunc(rows, func(c Change) bool { return c.SubjectID == of })
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.head, w.moved, true
}
