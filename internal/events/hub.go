package events

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
)

// The measures of live reading.
const (
	pollEvery    = time.Second
	keepInMemory = 1000 // changes of one centre; who is further behind reads from the database
)

// Hub polls the feeds of those centres that somebody watches, each once for the whole process,
// and lets every stream read from the same memory. It costs nothing while nobody watches.
type Hub struct {
	db          *db.DB
	every       time.Duration
	writeWithin time.Duration

	mu      sync.Mutex
	watched map[uuid.UUID]*watched
	streams map[uuid.UUID]int // open streams by caller
	total   int
	ended   chan struct{}
	closed  bool
}

// NewHub returns a hub that reads from d.
func NewHub(d *db.DB) *Hub {
	return &Hub{db: d, every: pollEvery, writeWithin: writeWithin, watched: map[uuid.UUID]*watched{}, streams: map[uuid.UUID]int{}, ended: make(chan struct{})}
}

// Close ends every stream, so that a server can shut down; their clients resume elsewhere.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		close(h.ended)
	}
}

// watched is the recent past of one centre's feed: every change after `from` up to `head`.
type watched struct {
	watchers int
	stop     context.CancelFunc

	mu      sync.Mutex
	started bool
	from    position
	head    position
	recent  []Change
	moved   chan struct{} // see wake
}

// watch joins the watchers of a centre; leave ends it.
func (h *Hub) watch(centre uuid.UUID) (w *watched, leave func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w = h.watched[centre]
	if w == nil {
		ctx, stop := context.WithCancel(context.Background())
		w = &watched{stop: stop, moved: make(chan struct{})}
		h.watched[centre] = w
		go h.poll(ctx, centre, w)
	}
	w.watchers++
	return w, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if w.watchers--; w.watchers == 0 {
			w.stop()
			delete(h.watched, centre)
		}
	}
}

// poll keeps w current until the last watcher leaves. A database that does not answer delays it.
func (h *Hub) poll(ctx context.Context, centre uuid.UUID, w *watched) {
	tick := time.NewTicker(h.every)
	defer tick.Stop()
	for {
		err := h.db.InTx(ctx, db.Scope{Centres: []uuid.UUID{centre}, ActorKind: "system", Operation: "events.poll", ReadOnly: true}, func(ctx context.Context) error {
			return w.advance(ctx, centre)
		})
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "change feed waits for the database", "centre_id", centre, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-h.ended:
			return
		case <-tick.C:
		}
	}
}

func (w *watched) advance(ctx context.Context, centre uuid.UUID) error {
	end, err := horizon(ctx)
	if err != nil {
		return err
	}
	if !w.started {
		w.start(end)
		return nil
	}
	for {
		rows, err := everything(centre).read(ctx, w.head, end, keepInMemory)
		if err != nil {
			return err
		}
		if len(rows) < keepInMemory {
			w.add(rows, end)
			return nil
		}
		w.add(rows, rows[len(rows)-1].position())
	}
}

// start begins the memory at a position. Whoever stands before it reads up to it from the database.
func (w *watched) start(at position) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.started, w.from, w.head = true, at, at
	w.wake()
}

// wake lets everybody look again who waits for something to happen.
func (w *watched) wake() {
	close(w.moved)
	w.moved = make(chan struct{})
}

// everything selects every resource that the feed shows to anybody.
func everything(centre uuid.UUID) selection {
	s := selection{centres: []uuid.UUID{centre}}
	for resource := range readScopes {
		s.resources = append(s.resources, resource)
	}
	return s
}

func (w *watched) add(rows []Change, head position) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.head = head
	if len(rows) == 0 {
		return
	}
	w.recent = append(w.recent, rows...)
	if over := len(w.recent) - keepInMemory; over > 0 {
		w.from = w.recent[over-1].position()
		w.recent = slices.Clone(w.recent[over:]) // a copy: what was let go is freed
	}
	w.wake()
}

// since returns what memory has after a position, where to go on, and what to wait on for more.
// It is not ok for a reader who is further behind than memory reaches.
func (w *watched) since(p position) (rows []Change, next position, moved <-chan struct{}, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.started || w.from.after(p) {
		return nil, p, w.moved, false
	}
	i, _ := slices.BinarySearchFunc(w.recent, p, func(c Change, p position) int {
		if c.position().after(p) {
			return 1
		}
		return -1
	})
	if next = w.head; p.after(next) {
		next = p
	}
	return w.recent[i:len(w.recent):len(w.recent)], next, w.moved, true
}
