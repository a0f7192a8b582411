// Package statistics publishes figures, never people.
package statistics

// Handlers answer the operations of this domain.
type Handlers struct{}
