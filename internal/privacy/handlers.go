// Package privacy is where a person's decisions about their data take effect everywhere: recording
// consent, and withdrawing it from whoever holds it.
package privacy

// Handlers answer the operations of this domain.
type Handlers struct{}
