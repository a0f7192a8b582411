// Package casework manages cases: their states, teams, plans, notes and follow-ups.
package casework

// Handlers answer the operations of this domain.
type Handlers struct{}
