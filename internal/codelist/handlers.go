package codelist

// Handlers answer the operations on the shipped code lists.
type Handlers struct{}
