// Package memo remembers for a moment what the database answered, where every request asks the
// same.
package memo

import (
	"sync"
	"time"
)

// Memo keeps one answer per key. It is safe for concurrent use.
type Memo[K comparable, V any] struct {
	keep, doubt time.Duration
	now         func() time.Time

	mu   sync.Mutex
	kept map[K]kept[V]
}

// kept is an answer, or, while in doubt, the word not to keep any.
type kept[V any] struct {
	value V
	until time.Time
	doubt bool
}

// New makes a Memo that keeps answers for keep. doubt is how long a change may take to be
// committed after Forget was called: no shorter than a request may last.
func New[K comparable, V any](keep, doubt time.Duration) *Memo[K, V] {
	return &Memo[K, V]{keep: keep, doubt: doubt, now: time.Now, kept: map[K]kept[V]{}}
}

// Get returns the kept answer, or asks load for it. Several callers may ask at once: none waits
// for another one's database.
func (m *Memo[K, V]) Get(key K, load func() (V, error)) (V, error) {
	asked := m.now()
	m.mu.Lock()
	k, ok := m.kept[key]
	m.mu.Unlock()
	if ok && !k.doubt && asked.Before(k.until) {
		return k.value, nil
	}
	value, err := load()
	if err == nil {
		m.put(key, value, asked)
	}
	return value, err
}

// put keeps an answer, unless a change was announced that it may not know of.
func (m *Memo[K, V]) put(key K, value V, asked time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.kept[key]; k.doubt && asked.Before(k.until) {
		return
	}
	m.kept[key] = kept[V]{value: value, until: asked.Add(m.keep)}
}

// Forget drops an answer because it is about to change. The change is seen by others only after
// its commit, so for the time of doubt nothing is kept.
func (m *Memo[K, V]) Forget(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept[key] = kept[V]{until: m.now().Add(m.doubt), doubt: true}
}
