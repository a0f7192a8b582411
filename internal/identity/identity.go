// Package identity keeps apart who is who: pairs of records that may be of one person, what was
// decided about them, and records that became one.
package identity
