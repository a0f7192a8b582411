// Package fault is the one vocabulary of failure. A fault carries what the
// caller may read (Public, Fields) apart from what only the log may see (cause).
package fault

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Kind decides the HTTP status of a fault.
type Kind int

// The kinds, each with the status it answers with.
const (
	Internal        Kind = iota // 500: says nothing but its id
	Malformed                   // 400: not understood
	Unauthenticated             // 401: no valid token
	Forbidden                   // 403: known resource, missing right
	NotFound                    // 404: unknown here, or of another tenant
	Conflict                    // 409: the state does not allow it
	Gone                        // 410: was here, and is not kept any more
	Stale                       // 412: somebody changed it first
	TooLarge                    // 413
	Unsupported                 // 415
	Invalid                     // 422: understood, but breaks a rule
	Precondition                // 428: If-Match is missing
	TooMany                     // 429: wait RetryAfter
	Unavailable                 // 503: wait RetryAfter
	Moved                       // 308: Location has the way
)

// Field is one thing that is wrong, named by a JSON pointer into the body or by a parameter's name.
type Field struct {
	Pointer string `json:"pointer"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

// Error is a failure on its way to the caller.
type Error struct {
	Kind       Kind
	Code       string         // stable, snake_case; part of the contract
	Public     string         // one sentence: the rule that was broken, and the way out
	Fields     []Field        // what is wrong, field by field
	Extra      map[string]any // further members of the problem, such as the current state
	RetryAfter time.Duration
	Location   string // of what moved
	Told       *Told  // people that the problem tells about
	cause      error
}

// Told is what a refusal tells about people: reading it leaves a line in the trail as any other
// reading does, although nothing else of the request is kept.
type Told struct {
	Resource string // the table of the rows
	IDs      []uuid.UUID
}

func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Public, e.cause)
	}
	return e.Code + ": " + e.Public
}

func (e *Error) Unwrap() error { return e.cause }

// Because adds the internal cause. It is logged and never sent.
func (e *Error) Because(err error) *Error { e.cause = err; return e }

// With adds a member to the problem document.
func (e *Error) With(name string, value any) *Error {
	if e.Extra == nil {
		e.Extra = map[string]any{}
	}
	e.Extra[name] = value
	return e
}

// At names where to go instead.
func (e *Error) At(location string) *Error { e.Location = location; return e }

// Telling marks a problem that tells about people by the ids of their rows.
func (e *Error) Telling(resource string, ids ...uuid.UUID) *Error {
	e.Told = &Told{resource, ids}
	return e
}

// Add names one more field that is wrong.
func (e *Error) Add(pointer, code, detail string) *Error {
	e.Fields = append(e.Fields, Field{pointer, code, detail})
	return e
}

// Err is nil where no field was added: collect every broken rule, then ask once.
func (e *Error) Err() error {
	if len(e.Fields) == 0 {
		return nil
	}
	return e
}

// New makes a fault of any kind.
func New(k Kind, code, public string, args ...any) *Error {
	if len(args) > 0 {
		public = fmt.Sprintf(public, args...)
	}
	return &Error{Kind: k, Code: code, Public: public}
}

// Rules starts an empty collection of broken rules. It answers 422 once a field was added; see Err.
func Rules() *Error {
	return New(Invalid, "invalid", "The request breaks one or more rules; see errors.")
}

// InvalidField is the 422 for a single field.
func InvalidField(pointer, code, detail string, args ...any) *Error {
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	return Rules().Add(pointer, code, detail)
}

// Missing is the 404 of everything that does not exist, or not for this caller. There is
// one body for both, so that nobody learns which.
func Missing() *Error {
	return New(NotFound, "not_found", "There is no such resource here.")
}

// Denied is the 403 of a caller who may see the resource but not do this.
func Denied(public string, args ...any) *Error {
	return New(Forbidden, "forbidden", public, args...)
}

// Changed is the 412 of a write against a version that is not the current one.
func Changed() *Error {
	return New(Stale, "stale_version", "Somebody changed this since it was read. Read it again, then repeat the change.")
}

// State is the 409 of a transition that the current state does not allow.
func State(current, public string, args ...any) *Error {
	return New(Conflict, "state_conflict", public, args...).With("current_state", current)
}

// Is tells whether err is a fault of kind k.
func Is(err error, k Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == k
}
