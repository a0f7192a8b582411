// Package referral asks other providers for services and answers those who ask us.
package referral

// Handlers answer the operations of this domain.
type Handlers struct{}
