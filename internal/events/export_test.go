package events

import "time"

// Hasten lets tests of the hub wait less.
func (h *Hub) Hasten(poll, write time.Duration) { h.every, h.writeWithin = poll, write }

// Watched tells how many centres the hub polls.
func (h *Hub) Watched() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watched)
}

// KeepInMemory is how far back the hub's memory reaches.
const KeepInMemory = keepInMemory
