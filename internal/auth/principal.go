// Package auth knows who is calling and what they may do: it verifies and mints
// tokens, and answers the permissions that the spec asks for.
//
// A request takes this way: [Verifier.Verify] turns its bearer token into a
// [Principal], [With] puts it in the context, and [Permissions.Allows] answers
// whether it holds the scope that the operation declares. Passwords, one-time
// codes and opaque secrets, which signing in needs, are here too. Nothing in
// this package touches the database.
package auth

import (
	"context"
	"errors"
	"net/netip"

	"github.com/google/uuid"
)

// ErrUnauthenticated says that the caller proved no identity: answer 401. What
// wraps it is for the log; it never holds a token or a password.
var ErrUnauthenticated = errors.New("not signed in")

// ErrUnavailable says that the caller could not be judged now, and may be right:
// answer 503. We fail closed.
var ErrUnavailable = errors.New("sign-in is unavailable")

// Kind tells the three sorts of caller apart.
type Kind string

const (
	User   Kind = "user"   // a member of staff
	Client Kind = "client" // another system: a partner agency or a government statistics system
	System Kind = "system" // our own jobs and commands; never in a token
)

// Principal is the caller of a request, as its token says. It is shared between
// requests of the same token: read it, never change it.
type Principal struct {
	Kind           Kind
	ID             uuid.UUID              // the user's or the API client's id
	OrganisationID uuid.UUID              // the organisation they act for
	SessionID      uuid.UUID              // what signing out ends; zero for clients
	Centres        map[uuid.UUID][]string // role codes by centre; users only
	NetworkRoles   []string               // roles over the whole network; users only
	Scopes         []string               // granted scopes; clients only
}

// Origin is what is known of a caller who proves who they are only now.
type Origin struct {
	Address      netip.Addr // of the caller, behind the proxies we trust; zero where unknown
	UserAgent    string
	Basic        bool // the request carries HTTP Basic credentials: the next two
	ClientID     string
	ClientSecret string
}

type originKey struct{}

// WithOrigin returns a context that carries where the request comes from.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf returns where the request comes from; the zero value where nobody said.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
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

type recheckKey struct{}

// WithRecheck returns a context in which Recheck asks again whether the caller's token is good.
func WithRecheck(ctx context.Context, again func(context.Context) error) context.Context {
	return context.WithValue(ctx, recheckKey{}, again)
}

// Recheck tells whether the token of the request is still good, for answers that may take longer
// than a token lives: nil, or what [Verifier.Verify] says. Where nothing can ask it fails.
func Recheck(ctx context.Context) error {
	again, ok := ctx.Value(recheckKey{}).(func(context.Context) error)
	if !ok {
		return ErrUnauthenticated
	}
	return again(ctx)
}
