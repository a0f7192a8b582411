package events

// Handlers answer the operations of this domain.
type Handlers struct{}
