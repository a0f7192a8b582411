package auth

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// RevocationsConfig says how long to remember and how long to trust.
type RevocationsConfig struct {
	// Keep is at least the longest life of an access token: what was revoked longer
	// ago has expired by itself and is forgotten.
	Keep time.Duration
	// StaleAfter is how long the feed may be silent before every token is refused
	// with ErrUnavailable, because somebody may have been signed out unheard. Zero
	// means that there is no feed, as with a single process.
	StaleAfter time.Duration
	Now        func() time.Time // nil means time.Now
}

// Revocations knows which sessions and subjects were signed out before their
// tokens expire. It is safe for concurrent use.
//
// Whoever feeds it (a listener on the database) first loads the revocations of
// the last Keep, then calls SetFeedAlive, and again at each sign of life. After a
// lost connection it loads again before it says that the feed is alive.
type Revocations struct {
	config RevocationsConfig
	alive  atomic.Int64 // Unix milliseconds; 0 means never

	mu       sync.RWMutex
	sessions map[uuid.UUID]time.Time // session → heard at
	subjects map[uuid.UUID]subject
	prunedAt time.Time
}

type subject struct{ notBefore, heardAt time.Time }

// NewRevocations returns an empty set; with a feed it is not healthy until the
// first SetFeedAlive.
func NewRevocations(c RevocationsConfig) *Revocations {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Revocations{config: c, sessions: map[uuid.UUID]time.Time{}, subjects: map[uuid.UUID]subject{}}
}

// RevokeSession refuses every token of the session from now on.
func (r *Revocations) RevokeSession(id uuid.UUID) {
	now := r.config.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.prune(now)
	r.sessions[id] = now
}

// RevokeSubject refuses the tokens of a user or client that were issued before
// the instant, counted in milliseconds; the latest instant wins. A token minted
// at that very instant is good: a caller who signs somebody out everywhere may
// hand out a new token with the same clock reading.
func (r *Revocations) RevokeSubject(id uuid.UUID, notBefore time.Time) {
	now := r.config.Now()
	notBefore = notBefore.Truncate(time.Millisecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.prune(now)
	if old, ok := r.subjects[id]; ok && old.notBefore.After(notBefore) {
		notBefore = old.notBefore
	}
	r.subjects[id] = subject{notBefore, now}
}

// prune forgets what is too old to matter, at most once a minute.
func (r *Revocations) prune(now time.Time) {
	if now.Sub(r.prunedAt) < time.Minute {
		return
	}
	r.prunedAt = now
	oldest := now.Add(-r.config.Keep - 2*Leeway)
	for id, at := range r.sessions {
		if at.Before(oldest) {
			delete(r.sessions, id)
		}
	}
	for id, s := range r.subjects {
		if s.heardAt.Before(oldest) && s.notBefore.Before(oldest) {
			delete(r.subjects, id)
		}
	}
}

// Len returns how many revocations are remembered, for the metrics.
func (r *Revocations) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.sessions) + len(r.subjects)
}

// SetFeedAlive says that every revocation made before t has been heard.
func (r *Revocations) SetFeedAlive(t time.Time) {
	ms := t.UnixMilli()
	for {
		old := r.alive.Load()
		if ms <= old || r.alive.CompareAndSwap(old, ms) {
			return
		}
	}
}

// Healthy reports whether the feed is fresh enough to be trusted now.
func (r *Revocations) Healthy() bool { return r.healthy(r.config.Now()) }

func (r *Revocations) healthy(now time.Time) bool {
	return r.config.StaleAfter == 0 || now.UnixMilli()-r.alive.Load() <= r.config.StaleAfter.Milliseconds()
}

// check refuses a caller who was signed out, or everybody when we cannot know.
func (r *Revocations) check(p *Principal, issuedAt, now time.Time) error {
	if !r.healthy(now) {
		return fmt.Errorf("%w: revocations are stale", ErrUnavailable)
	}
	r.mu.RLock()
	_, session := r.sessions[p.SessionID]
	s, subject := r.subjects[p.ID]
	r.mu.RUnlock()
	if session && p.SessionID != uuid.Nil || subject && issuedAt.Before(s.notBefore) {
		return fmt.Errorf("%w: token revoked", ErrUnauthenticated)
	}
	return nil
}
