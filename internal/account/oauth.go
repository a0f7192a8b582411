package account

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// oauthError is a refusal in the words of RFC 6749 section 5.2. It is an answer, not a failure: what
// the refusal leaves behind is committed.
type oauthError struct{ code, description string }

func (e *oauthError) Error() string { return e.code + ": " + e.description }

// credentials are how a client proves itself: by HTTP Basic or in the body, never both.
func credentials(ctx context.Context, id, secret *string) (string, string, *oauthError) {
	origin := auth.OriginOf(ctx)
	switch {
	case origin.Basic && (secret != nil || id != nil && *id != origin.ClientID):
		return "", "", &oauthError{"invalid_request", "Give the client's credentials once: by HTTP Basic or in the body."}
	case origin.Basic:
		return origin.ClientID, origin.ClientSecret, nil
	case id == nil || secret == nil:
		return "", "", &oauthError{"invalid_client", "The client did not prove itself."}
	}
	return *id, *secret, nil
}

// unproved is the one answer to an unknown client, a wrong secret, a revoked client and an address
// outside its networks.
func unproved() *oauthError {
	return &oauthError{"invalid_client", "The client is not known here, did not prove itself, or may not call from this address."}
}

// clientToken answers grant_type=client_credentials.
func (h Handlers) clientToken(ctx context.Context, id, secret, scope string) (tokens, []string, error) {
	clientID, err := uuid.Parse(id)
	if err != nil {
		return tokens{}, nil, unproved()
	}
	c, err := db.Get[APIClient](ctx, clientID)
	if fault.Is(err, fault.NotFound) {
		return tokens{}, nil, unproved()
	}
	if err != nil {
		return tokens{}, nil, err
	}
	now := db.Now()
	if !c.knows(secret, now) || !c.callsFrom(auth.OriginOf(ctx).Address) {
		slog.WarnContext(ctx, "client refused", "client_id", c.ID, "secret_right", c.knows(secret, now))
		if err := refusal(ctx, "api_clients", c.ID, "not_proved"); err != nil {
			return tokens{}, nil, err
		}
		return tokens{}, nil, unproved()
	}
	// Under its row: who revokes the client meanwhile waits, and then revokes this token too.
	if c, err = db.LockAny[APIClient](ctx, c.ID); err != nil {
		return tokens{}, nil, err
	}
	return h.grantClient(ctx, c, secret, scope, now)
}

func (h Handlers) grantClient(ctx context.Context, c *APIClient, secret, scope string, now time.Time) (tokens, []string, error) {
	o, err := db.Get[Organisation](ctx, c.OrganisationID)
	if err != nil {
		return tokens{}, nil, err
	}
	if c.RevokedAt != nil || !o.Active || !c.knows(secret, now) {
		return tokens{}, nil, unproved()
	}
	scopes, wider := narrow(c.Scopes, scope)
	if wider != nil {
		return tokens{}, nil, wider
	}
	if err := touch(ctx, c, now); err != nil {
		return tokens{}, nil, err
	}
	if now, err = mintedAt(ctx, c.ID); err != nil {
		return tokens{}, nil, err
	}
	t := h.fresh(now)
	t.access, err = h.Issuer.Mint(c.principal(scopes), h.Settings.AccessTokenTTL, now)
	return t, scopes, err
}

// touch remembers, to the minute, that the client got a token.
func touch(ctx context.Context, c *APIClient, now time.Time) error {
	if c.LastUsedAt != nil && now.Sub(*c.LastUsedAt) < time.Minute {
		return nil
	}
	return db.Tx(ctx).Model(c).UpdateColumn("last_used_at", now).Error
}

// narrow returns the granted scopes that were asked for: all where none was named, and never one
// that was not granted (RFC 6749 section 3.3).
func narrow(granted []string, asked string) ([]string, *oauthError) {
	scopes := strings.Fields(asked)
	if len(scopes) == 0 {
		return granted, nil
	}
	for _, s := range scopes {
		if !slices.Contains(granted, s) {
			return nil, &oauthError{"invalid_scope", "A scope was asked for that the client was not granted."}
		}
	}
	slices.Sort(scopes)
	return slices.Compact(scopes), nil
}

func badGrant() *oauthError {
	return &oauthError{"invalid_grant", "The refresh token is not valid, or no longer. Sign in again."}
}

// refresh answers grant_type=refresh_token. Each token works once; one that comes a second time
// has been stolen, from the user or by them, and nobody can tell which: the session ends.
func (h Handlers) refresh(ctx context.Context, token string) (tokens, error) {
	t, s, u, err := familyOf(ctx, auth.HashSecret(token))
	if err != nil {
		return tokens{}, err
	}
	now := db.Now()
	if t.UsedAt != nil {
		if err := h.end(ctx, s, endReused); err != nil {
			return tokens{}, err
		}
		slog.WarnContext(ctx, "refresh token used twice; session ended", "session_id", s.ID, "user_id", s.UserID)
		return tokens{}, badGrant()
	}
	if !s.open(now) || !now.Before(t.ExpiresAt) || !u.Active {
		return tokens{}, badGrant()
	}
	if err := actAs(ctx, auth.User, u.ID); err != nil {
		return tokens{}, err
	}
	if err := db.Tx(ctx).Model(t).UpdateColumn("used_at", now).Error; err != nil {
		return tokens{}, err
	}
	if err := db.Tx(ctx).Model(s).UpdateColumns(map[string]any{"used_at": now, "expires_at": now.Add(h.Settings.RefreshTokenTTL)}).Error; err != nil {
		return tokens{}, err
	}
	return h.issue(ctx, u, s)
}

// familyOf loads a refresh token with its session and user and holds them, in the order user,
// session, token, as every other change does.
func familyOf(ctx context.Context, hash []byte) (*RefreshToken, *Session, *User, error) {
	if _, err := db.Pgx(ctx); err != nil { // begins: locks that are read outside would not last
		return nil, nil, nil, err
	}
	found, err := db.Select[Session](ctx, "select s.id, s.user_id from refresh_tokens t join sessions s on s.id = t.session_id where t.hash = $1", hash)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(found) == 0 {
		return nil, nil, nil, badGrant()
	}
	users, err := db.Select[User](ctx, "select id, organisation_id, active, network_roles from users where id = $1 for share", found[0].UserID)
	if err != nil {
		return nil, nil, nil, err
	}
	s, err := db.LockAny[Session](ctx, found[0].ID)
	if err != nil || len(users) == 0 {
		return nil, nil, nil, err
	}
	var t RefreshToken
	err = db.Tx(ctx).Where("hash = ?", hash).Take(&t).Error // under the session's row
	return &t, s, &users[0], err
}

// giveBack answers RFC 7009: the session of a refresh token ends. An unknown token is fine.
func (h Handlers) giveBack(ctx context.Context, token string) error {
	if token == "" {
		return &oauthError{"invalid_request", "token is missing."}
	}
	if !strings.HasPrefix(token, auth.RefreshTokenPrefix) && strings.Count(token, ".") == 2 {
		return &oauthError{"unsupported_token_type", "Access tokens are short-lived; end the session with /v1/auth/sign-out."}
	}
	sessions, err := db.Find[Session](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("id = (select session_id from refresh_tokens where hash = ?)", auth.HashSecret(token))
	})
	if err != nil || len(sessions) == 0 {
		return err
	}
	s, err := db.LockAny[Session](ctx, sessions[0].ID)
	if err != nil {
		return err
	}
	if err := actAs(ctx, auth.User, s.UserID); err != nil {
		return err
	}
	return h.end(ctx, s, endSignOut)
}
