package account

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// APIClient is another system that may call: a partner agency's, a government's.
type APIClient struct {
	db.Global
	OrganisationID      uuid.UUID `gorm:"<-:create"`
	Name                string
	Description         string
	Scopes              db.Strings
	Networks            db.Strings // CIDR ranges; empty: any address
	SecretHash          []byte     // SHA-256
	PreviousSecretHash  []byte
	PreviousSecretUntil *time.Time
	LastUsedAt          *time.Time
	RevokedAt           *time.Time
}

// TableName implements schema.Tabler.
func (APIClient) TableName() string { return "api_clients" }

// Validate checks scopes against those that clients may hold, and networks. A scope of staff is
// never among them.
func (c *APIClient) Validate(grantable []string) error {
	rules := fault.Rules()
	for _, scope := range c.Scopes {
		if !slices.Contains(grantable, scope) {
			rules.Add("/scopes", "not_grantable", "API clients cannot hold "+scope+". They may hold: "+strings.Join(grantable, ", ")+".")
		}
	}
	for i, text := range c.Networks {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			rules.Add("/networks", "not_cidr", "Write each network in CIDR notation, such as 192.0.2.0/24.")
			continue
		}
		c.Networks[i] = network.Masked().String()
	}
	return rules.Err()
}

// secret gives the client a new secret and returns it; the old one works on until then.
func (c *APIClient) secret(until *time.Time) string {
	secret := auth.NewSecret(auth.ClientSecretPrefix)
	c.PreviousSecretHash, c.PreviousSecretUntil = nil, nil
	if until != nil {
		c.PreviousSecretHash, c.PreviousSecretUntil = c.SecretHash, until
	}
	c.SecretHash = auth.HashSecret(secret)
	return secret
}

// knows tells whether a secret is the client's, or was until lately.
func (c *APIClient) knows(secret string, now time.Time) bool {
	hash := auth.HashSecret(secret)
	current := auth.SameHash(c.SecretHash, hash)
	previous := auth.SameHash(c.PreviousSecretHash, hash) && c.PreviousSecretUntil != nil && now.Before(*c.PreviousSecretUntil)
	return current || previous
}

// callsFrom tells whether the client may call from an address.
func (c *APIClient) callsFrom(address netip.Addr) bool {
	if len(c.Networks) == 0 {
		return true
	}
	return slices.ContainsFunc(c.Networks, func(text string) bool {
		network, err := netip.ParsePrefix(text)
		return err == nil && network.Contains(address)
	})
}

// revoked is the 409 of a client that is shut out.
func (c *APIClient) revoked() error {
	if c.RevokedAt == nil {
		return nil
	}
	return fault.State("revoked", "The client is revoked for good. Add a new one.")
}

var clientSorts = db.Sorts[APIClient]{
	"name":       {SQL: "name", Cast: "text", Value: func(c *APIClient) any { return c.Name }},
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(c *APIClient) any { return c.CreatedAt }},
}

func listClients(ctx context.Context, l db.Listing, organisation *uuid.UUID, revoked *bool) (db.Paged[APIClient], error) {
	return db.Page(ctx, l, clientSorts, func(q *gorm.DB) *gorm.DB {
		if organisation != nil {
			q = q.Where("organisation_id = ?", *organisation)
		}
		if revoked != nil {
			q = q.Where("(revoked_at is not null) = ?", *revoked)
		}
		return q
	})
}

// activeOrganisation refuses a client to an organisation that is unknown or retired.
func activeOrganisation(ctx context.Context, id uuid.UUID) error {
	o, err := db.Get[Organisation](ctx, id)
	if fault.Is(err, fault.NotFound) {
		return fault.InvalidField("/organisation_id", "unknown_reference", "There is no such organisation.")
	}
	if err == nil && !o.Active {
		err = fault.InvalidField("/organisation_id", "inactive", "The organisation is no longer active.")
	}
	return err
}
