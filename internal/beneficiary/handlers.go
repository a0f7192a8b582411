// Package beneficiary keeps the people registered at a centre: who they are, with whom they travel,
// what they need and what they consented to.
package beneficiary

// Handlers answer the operations of this domain.
type Handlers struct{}
