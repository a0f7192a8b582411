// Package intake takes in registrations from files.
package intake

// Handlers answer the operations of this domain.
type Handlers struct{}
