package account

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
)

// directory opens a session that sees the accounts of the whole network.
func directory(ctx context.Context, d *db.DB, operation string, fn func(context.Context) error) error {
	return d.InTx(ctx, db.Scope{Network: true, ActorKind: string(auth.System), Operation: operation}, fn)
}

// Lookup finds the users of outside OpenID Connect issuers: by issuer and subject, else by the
// e-mail address that the issuer has verified. An address links the subject to the account at its
// first use; from then on only that subject is this user. It returns nil for nobody.
func Lookup(d *db.DB) auth.Lookup {
	return func(ctx context.Context, issuer, subject, email string) (*auth.Principal, error) {
		var found *auth.Principal
		err := directory(ctx, d, "lookup_user", func(ctx context.Context) error {
			u, err := userOf(ctx, issuer, subject, email)
			if err != nil || u == nil || !u.Active {
				found = nil
				return err
			}
			roles, err := rolesOf(ctx, u.ID)
			p := principal(u, uuid.Nil, roles)
			found = &p
			return err
		})
		return found, err
	}
}

func userOf(ctx context.Context, issuer, subject, email string) (*User, error) {
	users, err := db.Find[User](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("issuer = ? and subject = ?", issuer, subject) })
	if err != nil || len(users) > 0 || email == "" {
		return first(users), err
	}
	u, err := userByEmail(ctx, email)
	if err != nil || u == nil {
		return nil, err
	}
	if u, err = db.LockAny[User](ctx, u.ID); err != nil {
		return nil, err
	}
	if !u.Active || u.Subject != "" && (u.Issuer != issuer || u.Subject != subject) {
		return nil, nil
	}
	u.Issuer, u.Subject = issuer, subject
	return u, db.Save(ctx, u)
}

func first(users []User) *User {
	if len(users) == 0 {
		return nil
	}
	return &users[0]
}

// Standing tells who a user or an API client is and what they may do now; nil for one who may not sign in. The session
// must see the network.
func Standing(ctx context.Context, kind auth.Kind, id uuid.UUID) (*auth.Principal, error) {
	if kind == auth.Client {
		clients, err := db.Find[APIClient](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id = ? and revoked_at is null", id) })
		if err != nil || len(clients) == 0 {
			return nil, err
		}
		p := clients[0].principal(clients[0].Scopes)
		return &p, nil
	}
	users, err := db.Find[User](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id = ? and active", id) })
	if err != nil || len(users) == 0 {
		return nil, err
	}
	roles, err := rolesOf(ctx, id)
	p := principal(&users[0], uuid.Nil, roles)
	return &p, err
}

// CentreID finds a centre by its code, for the roles of outside issuers; the zero id where there is none.
func CentreID(d *db.DB) func(context.Context, string) (uuid.UUID, error) {
	return func(ctx context.Context, code string) (uuid.UUID, error) {
		var ids []uuid.UUID
		err := directory(ctx, d, "lookup_centre", func(ctx context.Context) error {
			return db.Tx(ctx).Raw("select id from centres where code = ?", code).Scan(&ids).Error
		})
		if err != nil || len(ids) == 0 {
			return uuid.Nil, err
		}
		return ids[0], nil
	}
}

// DevelopmentToken mints a token without any proof, for somebody who tries the API on their own
// machine: who is a user's e-mail address or an API client's id. The caller refuses it in production.
func DevelopmentToken(ctx context.Context, d *db.DB, issuer auth.Issuer, who string, ttl time.Duration) (string, error) {
	var p auth.Principal
	err := directory(ctx, d, "development_token", func(ctx context.Context) (err error) {
		p, err = namedPrincipal(ctx, who)
		return err
	})
	if err != nil {
		return "", err
	}
	return issuer.Mint(p, ttl, db.Now())
}

func namedPrincipal(ctx context.Context, who string) (auth.Principal, error) {
	if id, err := uuid.Parse(who); err == nil {
		c, err := db.Get[APIClient](ctx, id)
		if err != nil {
			return auth.Principal{}, fmt.Errorf("API client %s: %w", who, err)
		}
		return c.principal(c.Scopes), c.revoked()
	}
	u, err := userByEmail(ctx, who)
	if err != nil {
		return auth.Principal{}, err
	}
	if u == nil || !u.Active {
		return auth.Principal{}, fmt.Errorf("no active user has the address %s", who)
	}
	roles, err := rolesOf(ctx, u.ID)
	return principal(u, uuid.Nil, roles), err
}

// principal says who the client is and what this token of theirs allows.
func (c *APIClient) principal(scopes []string) auth.Principal {
	return auth.Principal{Kind: auth.Client, ID: c.ID, OrganisationID: c.OrganisationID, Scopes: scopes}
}
