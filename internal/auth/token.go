package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

const (
	// Audience is the `aud` of our own tokens.
	Audience = "waystation"
	// Leeway is how far the clocks of two machines may differ: a token is accepted
	// this long before its `iat` and `nbf` and after its `exp`.
	Leeway = 30 * time.Second

	tokenType = "at+jwt" // RFC 9068 section 2.1
)

// Issuer mints access tokens (JWT, RFC 9068).
type Issuer struct {
	URL string // the `iss` of its tokens: where the API is reached
	Key Key
}

// claims is the body of our own tokens.
type claims struct {
	Issuer         string                 `json:"iss"`
	Audience       jwt.ClaimStrings       `json:"aud"`
	Subject        uuid.UUID              `json:"sub"`
	ClientID       string                 `json:"client_id"` // RFC 9068 requires it: the API client, or Waystation itself for staff
	ID             uuid.UUID              `json:"jti"`
	IssuedAt       millis                 `json:"iat"`
	NotBefore      *jwt.NumericDate       `json:"nbf"`
	ExpiresAt      *jwt.NumericDate       `json:"exp"`
	Kind           Kind                   `json:"kind"`
	SessionID      uuid.UUID              `json:"sid,omitzero"`
	OrganisationID uuid.UUID              `json:"org,omitzero"`
	Centres        map[uuid.UUID][]string `json:"centres,omitempty"`
	NetworkRoles   []string               `json:"network_roles,omitempty"`
	Scope          string                 `json:"scope,omitempty"`
}

// Mint returns a signed token that says who p is, valid from now for ttl. p must
// be a user or a client with an id. Times are rounded down, so the token may
// live up to a second less.
func (i Issuer) Mint(p Principal, ttl time.Duration, now time.Time) (string, error) {
	if p.Kind != User && p.Kind != Client || p.ID == uuid.Nil || ttl <= 0 {
		return "", fmt.Errorf("minting token: %q %s for %s cannot carry one", p.Kind, p.ID, ttl)
	}
	c := claims{
		Issuer: i.URL, Audience: jwt.ClaimStrings{Audience}, Subject: p.ID, ClientID: Audience, ID: uuid.New(),
		IssuedAt: millis{now}, NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
		Kind: p.Kind, SessionID: p.SessionID, OrganisationID: p.OrganisationID,
	}
	if p.Kind == Client {
		c.ClientID, c.Scope = p.ID.String(), strings.Join(p.Scopes, " ")
	} else {
		c.Centres, c.NetworkRoles = p.Centres, p.NetworkRoles
	}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	token.Header["typ"], token.Header["kid"] = tokenType, i.Key.ID
	signed, err := token.SignedString(i.Key.private)
	if err != nil {
		return "", fmt.Errorf("minting token: %w", err)
	}
	return signed, nil
}

// Validate refuses tokens that lack what every one of ours has. The parser calls
// it after its own checks of iss, aud, exp, nbf and iat.
func (c claims) Validate() error {
	switch {
	case c.Kind != User && c.Kind != Client:
		return errors.New("kind is neither user nor client")
	case c.Subject == uuid.Nil:
		return errors.New("no sub")
	case c.ID == uuid.Nil:
		return errors.New("no jti")
	case c.IssuedAt.IsZero():
		return errors.New("no iat")
	}
	return nil
}

// principal reads only what fits the kind: a client cannot hold a centre, nor a
// user a scope that no role gives.
func (c claims) principal() *Principal {
	p := &Principal{Kind: c.Kind, ID: c.Subject, OrganisationID: c.OrganisationID, SessionID: c.SessionID}
	if c.Kind == Client {
		p.Scopes = strings.Fields(c.Scope)
	} else {
		p.Centres, p.NetworkRoles = c.Centres, c.NetworkRoles
	}
	return p
}

func (c claims) GetIssuer() (string, error)                   { return c.Issuer, nil }
func (c claims) GetSubject() (string, error)                  { return c.Subject.String(), nil }
func (c claims) GetAudience() (jwt.ClaimStrings, error)       { return c.Audience, nil }
func (c claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.ExpiresAt, nil }
func (c claims) GetNotBefore() (*jwt.NumericDate, error)      { return c.NotBefore, nil }
func (c claims) GetIssuedAt() (*jwt.NumericDate, error) {
	return jwt.NewNumericDate(c.IssuedAt.Time), nil
}

// millis is a NumericDate with three decimals. Whole seconds would not tell a
// token minted just after "sign out everywhere" from one minted just before.
type millis struct{ time.Time }

func (m millis) MarshalJSON() ([]byte, error) {
	ms := m.UnixMilli()
	return fmt.Appendf(nil, "%d.%03d", ms/1000, ms%1000), nil
}

func (m *millis) UnmarshalJSON(b []byte) error {
	var seconds float64
	if err := json.Unmarshal(b, &seconds); err != nil {
		return err
	}
	if seconds < 1 || seconds > 1<<40 {
		return errors.New("instant out of range")
	}
	m.Time = time.UnixMilli(int64(seconds*1000 + 0.5))
	return nil
}
