package auth

import (
	"bytes"
	"maps"
	"slices"

	"github.com/google/uuid"
)

// SignedIn in the place of a role stands for any member of staff, even one without a role: for
// what everybody may do with their own account.
const SignedIn = "signed_in"

// Permissions answers who holds which scope, from the `x-roles` extension of the
// spec's oauth2 scheme: scope → role codes. What the map does not grant is
// denied. It is safe for concurrent use.
type Permissions struct {
	roles map[string]map[string]struct{} // scope → the roles that hold it
}

// NewPermissions reads scope → role codes. A scope without roles is one that
// only API clients may be given.
func NewPermissions(rolesByScope map[string][]string) *Permissions {
	p := &Permissions{roles: make(map[string]map[string]struct{}, len(rolesByScope))}
	for scope, roles := range rolesByScope {
		p.roles[scope] = make(map[string]struct{}, len(roles))
		for _, role := range roles {
			p.roles[scope][role] = struct{}{}
		}
	}
	return p
}

// Scopes returns every scope there is, sorted.
func (p *Permissions) Scopes() []string { return slices.Sorted(maps.Keys(p.roles)) }

// Roles returns every role that holds a scope, sorted.
func (p *Permissions) Roles() []string {
	all := map[string]struct{}{}
	for _, roles := range p.roles {
		maps.Copy(all, roles)
	}
	delete(all, SignedIn)
	return slices.Sorted(maps.Keys(all))
}

// HasScope reports whether the scope exists.
func (p *Permissions) HasScope(scope string) bool {
	_, ok := p.roles[scope]
	return ok
}

// Allows reports whether the caller holds the scope in a centre. The zero centre
// stands for operations outside any one centre: there a user holds what any of
// their centres or network roles gives, and the query must keep to [Permissions.Centres].
//
// Users hold what their roles in that centre and their network roles are granted.
// Clients are members of no centre: they hold the scopes of their token outside
// centres and nothing inside. It does not allocate.
func (p *Permissions) Allows(caller *Principal, centre uuid.UUID, scope string) bool {
	roles, known := p.roles[scope]
	if caller == nil || !known {
		return false
	}
	switch caller.Kind {
	case Client:
		return centre == uuid.Nil && slices.Contains(caller.Scopes, scope)
	case User:
		_, all := roles[SignedIn]
		return all || holdsAny(roles, caller.NetworkRoles) || inCentre(caller, centre, roles)
	}
	return false
}

func inCentre(caller *Principal, centre uuid.UUID, roles map[string]struct{}) bool {
	if centre != uuid.Nil {
		return holdsAny(roles, caller.Centres[centre])
	}
	for _, held := range caller.Centres {
		if holdsAny(roles, held) {
			return true
		}
	}
	return false
}

func holdsAny(roles map[string]struct{}, held []string) bool {
	for _, role := range held {
		if _, ok := roles[role]; ok {
			return true
		}
	}
	return false
}

// ScopesIn returns the scopes for which Allows says yes, sorted.
func (p *Permissions) ScopesIn(caller *Principal, centre uuid.UUID) []string {
	scopes := []string{}
	for scope := range p.roles {
		if p.Allows(caller, centre, scope) {
			scopes = append(scopes, scope)
		}
	}
	slices.Sort(scopes)
	return scopes
}

// Centres returns the centres in which a user holds the scope, sorted by id. It
// returns all = true where a network role gives it in every centre of the
// network; ids are then only the user's own.
func (p *Permissions) Centres(caller *Principal, scope string) (ids []uuid.UUID, all bool) {
	roles, known := p.roles[scope]
	if caller == nil || caller.Kind != User || !known {
		return nil, false
	}
	all = holdsAny(roles, caller.NetworkRoles)
	_, own := roles[SignedIn]
	for centre, held := range caller.Centres {
		if all || own || holdsAny(roles, held) {
			ids = append(ids, centre)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return ids, all
}
