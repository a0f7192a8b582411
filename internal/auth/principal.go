// Package auth knows who is calling and what they may do: it verifies and mints
// tokens, and answers the permissions that the spec asks for.
package auth

import (
	"context"

	"github.com/google/uuid"
)

// Kind tells the three sorts of caller apart.
type Kind string

const (
	User   Kind = "user"   // a member of staff
	Client Kind = "client" // another system: a partner agency or a government statistics system
	System Kind = "system" // our own jobs and commands
)

// Principal is the caller of a request, as its token says.
type Principal struct {
	Kind           Kind
	ID             uuid.UUID              // the user's or the API client's id
	OrganisationID uuid.UUID              // the organisation they act for
	SessionID      uuid.UUID              // what signing out ends; zero for clients
	Centres        map[uuid.UUID][]string // role codes by centre; users only
	NetworkRoles   []string               // roles over the whole network; users only
	Scopes         []string               // granted scopes; clients only
}

type key struct{}

// With returns a context that carries the caller.
func With(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, key{}, p)
}

// From returns the caller, or nil where nobody has signed in.
func From(ctx context.Context) *Principal {
	p, _ := ctx.Value(key{}).(*Principal)
	return p
}
