package account

import (
	"strings"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"
	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

func toOrganisation(o *Organisation) api.Organisation {
	return api.Organisation{
		ID: o.ID, Version: o.Version, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
		Name: o.Name, Type: o.Type, Country: wire.Opt(o.Country), Email: wire.Opt(o.Email), Phone: wire.Opt(o.Phone),
		Website: wire.Opt(o.Website), Description: wire.Opt(o.Description), Active: o.Active,
	}
}

func fromOrganisationCreate(b api.OrganisationCreate) Organisation {
	return Organisation{
		Global: db.NewGlobal(b.ID), Name: b.Name, Type: b.Type, Country: wire.Value(b.Country), Email: wire.Value(b.Email),
		Phone: wire.Value(b.Phone), Website: wire.Value(b.Website), Description: wire.Value(b.Description), Active: true,
	}
}

func (o *Organisation) patch(b api.OrganisationPatch) {
	wire.Set(&o.Name, b.Name)
	wire.Set(&o.Type, b.Type)
	wire.Clear(&o.Country, b.Country)
	wire.Clear(&o.Email, b.Email)
	wire.Clear(&o.Phone, b.Phone)
	wire.Clear(&o.Website, b.Website)
	wire.Clear(&o.Description, b.Description)
	wire.Set(&o.Active, b.Active)
}

func toToken(t tokens, scopes []string) api.Token {
	out := api.Token{
		AccessToken: t.access, TokenType: api.TokenTokenTypeBearer, ExpiresIn: int(t.lives.Seconds()),
		ExpiresAt: t.accessEnds, SessionID: wire.Opt(t.session), RefreshToken: wire.Opt(t.refresh), Scope: wire.Opt(strings.Join(scopes, " ")),
	}
	if t.refresh != "" {
		out.RefreshExpiresAt = &t.refreshEnds
	}
	return out
}

func toOAuthError(e *oauthError) api.OAuthError {
	return api.OAuthError{Error: api.OAuthErrorError(e.code), ErrorDescription: &e.description}
}

func toSession(s *Session, current uuid.UUID) api.Session {
	return api.Session{
		ID: s.ID, CreatedAt: s.CreatedAt, UsedAt: s.UsedAt, ExpiresAt: s.ExpiresAt,
		Address: wire.Opt(s.Address), UserAgent: wire.Opt(s.UserAgent), Current: s.ID == current,
	}
}

func toMe(u *User) api.Me {
	return api.Me{
		ID: u.ID, Version: u.Version, Kind: api.MeKindUser, Name: u.Name, Email: &u.Email, Language: &u.Language,
		OrganisationID: u.OrganisationID, OneTimeCodes: &u.TOTPEnabled, Memberships: []api.Membership{},
	}
}

func toClientMe(c *APIClient, caller *auth.Principal) api.Me {
	return api.Me{
		ID: c.ID, Version: c.Version, Kind: api.MeKindClient, Name: c.Name, OrganisationID: &c.OrganisationID,
		Memberships: []api.Membership{}, NetworkRoles: []string{}, NetworkScopes: wire.List(caller.Scopes),
	}
}

func toUser(u *User) api.User {
	return api.User{
		ID: u.ID, Version: u.Version, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, Email: u.Email, Name: u.Name, Language: u.Language,
		OrganisationID: u.OrganisationID, HomeCentreID: u.HomeCentreID, Active: u.Active, NetworkRoles: wire.List([]string(u.NetworkRoles)),
		SignsInWith: u.signsInWith(), OneTimeCodes: u.TOTPEnabled, Locked: u.locked(db.Now()),
	}
}

func (u *User) signsInWith() []api.UserSignsInWith {
	ways := []api.UserSignsInWith{}
	if u.PasswordHash != "" && u.PasswordTemporary {
		ways = append(ways, api.UserSignsInWithTemporaryPassword)
	} else if u.PasswordHash != "" {
		ways = append(ways, api.UserSignsInWithPassword)
	}
	if u.Subject != "" {
		ways = append(ways, api.UserSignsInWithOutsideIssuer)
	}
	return ways
}

func fromUserCreate(b api.UserCreate) User {
	return User{
		Global: db.NewGlobal(b.ID), OrganisationID: b.OrganisationID, Email: lower(b.Email), Name: b.Name,
		Language: wire.Value(b.Language), Active: true,
	}
}

func (u *User) patch(b api.UserPatch) {
	if b.Email != nil {
		u.Email = lower(*b.Email)
	}
	wire.Set(&u.Name, b.Name)
	wire.Set(&u.Language, b.Language)
	wire.SetNull(&u.OrganisationID, b.OrganisationID)
}

func toTraining(t *Training) api.Training {
	return api.Training{
		ID: t.ID, Version: t.Version, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, UserID: t.UserID, Training: t.Training,
		CompletedOn: wire.ToDate(t.CompletedOn), ValidUntil: wire.ToOptDate(t.ValidUntil),
	}
}

func fromTrainingCreate(b api.TrainingCreate, user uuid.UUID) Training {
	return Training{
		Global: db.NewGlobal(b.ID), UserID: user, Training: b.Training,
		CompletedOn: wire.Date(b.CompletedOn), ValidUntil: wire.OptDate(b.ValidUntil),
	}
}

func (t *Training) patch(b api.TrainingPatch) {
	if b.CompletedOn != nil {
		t.CompletedOn = wire.Date(*b.CompletedOn)
	}
	t.ValidUntil = patchedDate(t.ValidUntil, b.ValidUntil)
}

// patchedDate applies a nullable date of a merge patch.
func patchedDate(was *db.Date, patch nullable.Nullable[openapi_types.Date]) *db.Date {
	if !patch.IsSpecified() {
		return was
	}
	if v, err := patch.Get(); err == nil {
		return wire.Ptr(wire.Date(v))
	}
	return nil
}

func toMember(m *Member, p person, today db.Date) api.Member {
	return api.Member{
		ID: m.ID, Version: m.Version, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt, CentreID: m.CentreID.UUID(), UserID: m.UserID,
		Name: p.Name, Email: p.Email, Role: m.Role, StartsOn: wire.ToDate(m.StartsOn), ExpiresOn: wire.ToOptDate(m.ExpiresOn),
		EndedAt: m.EndedAt, Current: m.heldOn(today),
	}
}

func fromMemberCreate(b api.MemberCreate, today db.Date) Member {
	m := Member{Record: db.NewRecord(b.ID), UserID: b.UserID, Role: b.Role, StartsOn: today, ExpiresOn: wire.OptDate(b.ExpiresOn)}
	if b.StartsOn != nil {
		m.StartsOn = wire.Date(*b.StartsOn)
	}
	return m
}

func (m *Member) patch(b api.MemberPatch) {
	if b.StartsOn != nil {
		m.StartsOn = wire.Date(*b.StartsOn)
	}
	m.ExpiresOn = patchedDate(m.ExpiresOn, b.ExpiresOn)
}

// toClient shows a client, with its secret only where it was made this moment.
func toClient(c *APIClient, secret string) api.APIClient {
	return api.APIClient{
		ID: c.ID, Version: c.Version, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, OrganisationID: c.OrganisationID, Name: c.Name,
		Description: wire.Opt(c.Description), Scopes: wire.List([]string(c.Scopes)), Networks: wire.List([]string(c.Networks)),
		Secret: wire.Opt(secret), PreviousSecretUntil: c.PreviousSecretUntil, LastUsedAt: c.LastUsedAt, RevokedAt: c.RevokedAt,
	}
}

func fromClientCreate(b api.APIClientCreate) APIClient {
	return APIClient{
		Global: db.NewGlobal(b.ID), OrganisationID: b.OrganisationID, Name: b.Name, Description: wire.Value(b.Description),
		Scopes: b.Scopes, Networks: b.Networks,
	}
}

func (c *APIClient) patch(b api.APIClientPatch) {
	wire.Set(&c.Name, b.Name)
	wire.Clear(&c.Description, b.Description)
	wire.SetList(&c.Scopes, b.Scopes)
	wire.SetList(&c.Networks, b.Networks)
}
