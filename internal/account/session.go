package account

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/jobs"
)

// Session is one sign-in and its family of refresh tokens.
type Session struct {
	ID        uuid.UUID `gorm:"primaryKey"`
	UserID    uuid.UUID
	CreatedAt time.Time
	UsedAt    time.Time // when its last token was given out
	ExpiresAt time.Time
	Address   string // where it began, to recognise it by
	UserAgent string
	EndedAt   *time.Time
	EndReason string
}

// RowID implements db.Row.
func (s *Session) RowID() uuid.UUID { return s.ID }

// Why sessions end, as the trail tells it.
const (
	endSignOut     = "sign_out"
	endReused      = "refresh_token_reused"
	endPassword    = "password_changed"
	endDeactivated = "account_closed"
	endCodes       = "one_time_codes_reset"
)

// RefreshToken buys one access token and the next refresh token.
type RefreshToken struct {
	Hash      []byte `gorm:"primaryKey"` // SHA-256
	SessionID uuid.UUID
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    *time.Time
}

// open tells whether the session may still give out tokens.
func (s *Session) open(now time.Time) bool { return s.EndedAt == nil && now.Before(s.ExpiresAt) }

// maxUserAgent keeps the text that recognises a session short.
const maxUserAgent = 200

// begin opens a session for a user who has just proved who they are.
func (h Handlers) begin(ctx context.Context, u *User) (*Session, error) {
	now, origin := db.Now(), auth.OriginOf(ctx)
	s := &Session{ID: db.NewID(), UserID: u.ID, CreatedAt: now, UsedAt: now, ExpiresAt: now.Add(h.Settings.RefreshTokenTTL)}
	if origin.Address.IsValid() {
		s.Address = origin.Address.String()
	}
	s.UserAgent = printable(origin.UserAgent)
	return s, db.Insert(ctx, s)
}

// printable cuts a header to what may be stored and shown.
func printable(s string) string {
	var out []rune
	for _, r := range s {
		if r >= ' ' && r != 0x7f && r != '\uFFFD' && len(out) < maxUserAgent {
			out = append(out, r)
		}
	}
	return string(out)
}

// tokens are what a sign-in or a refresh answers.
type tokens struct {
	access, refresh         string
	accessEnds, refreshEnds time.Time
	lives                   time.Duration // of the access token
	session                 uuid.UUID
}

// issue mints an access token with what the user may do today and the session's next refresh
// token. The caller holds the user's row: a role that is being taken away meanwhile waits, and then
// revokes this token too.
func (h Handlers) issue(ctx context.Context, u *User, s *Session) (tokens, error) {
	roles, err := rolesOf(ctx, u.ID)
	if err != nil {
		return tokens{}, err
	}
	now, err := mintedAt(ctx, u.ID)
	if err != nil {
		return tokens{}, err
	}
	t := h.fresh(now)
	t.session, t.refresh, t.refreshEnds = s.ID, auth.NewSecret(auth.RefreshTokenPrefix), now.Add(h.Settings.RefreshTokenTTL)
	next := RefreshToken{Hash: auth.HashSecret(t.refresh), SessionID: s.ID, CreatedAt: now, ExpiresAt: t.refreshEnds}
	if err := db.Insert(ctx, &next); err != nil {
		return tokens{}, err
	}
	t.access, err = h.Issuer.Mint(principal(u, s.ID, roles), h.Settings.AccessTokenTTL, now)
	return t, err
}

// fresh are tokens that begin now, before they are minted.
func (h Handlers) fresh(now time.Time) tokens {
	return tokens{lives: h.Settings.AccessTokenTTL, accessEnds: now.Add(h.Settings.AccessTokenTTL)}
}

// mintedAt is when a token for somebody begins, by the database's clock: of two servers whose clocks
// differ, one would else mint a token that the other's revocation misses. It is never before the
// last revocation, which the caller waited for.
func mintedAt(ctx context.Context, subject uuid.UUID) (time.Time, error) {
	var at []time.Time
	err := db.Tx(ctx).Raw("select greatest(clock_timestamp(), (select max(not_before) from revocations where subject_id = ?))", subject).Scan(&at).Error
	if err != nil {
		return time.Time{}, err
	}
	return at[0].UTC(), nil
}

// principal says who a user is and what they may do.
func principal(u *User, session uuid.UUID, roles map[uuid.UUID][]string) auth.Principal {
	p := auth.Principal{Kind: auth.User, ID: u.ID, SessionID: session, Centres: roles, NetworkRoles: u.NetworkRoles}
	if u.OrganisationID != nil {
		p.OrganisationID = *u.OrganisationID
	}
	return p
}

// Revocation is what every process must refuse. The database announces each on the channel
// `revocations`; see Feed.
type Revocation struct {
	ID        int64
	Kind      string    // session | subject
	SubjectID uuid.UUID // a session; else a user or a client
	NotBefore time.Time // of a user or a client: tokens issued before are refused
	ExpiresAt time.Time // when the last such token has expired by itself
}

// revoke refuses tokens from now on: here before the answer, elsewhere as soon as this is
// committed. Should the commit fail, this process alone refuses them, which only asks for a refresh.
// A token says when it was minted in whole milliseconds, so the next one is the first that is good.
func (h Handlers) revoke(ctx context.Context, kind string, subjects ...uuid.UUID) error {
	if len(subjects) == 0 {
		return nil
	}
	var rows []Revocation
	err := db.Tx(ctx).Raw(`insert into revocations (kind, subject_id, not_before, expires_at)
		select ?, s, date_trunc('milliseconds', clock_timestamp()) + interval '1 millisecond', clock_timestamp() + ? * interval '1 second'
		from unnest(?::uuid[]) s returning *`, kind, (h.Settings.AccessTokenTTL + 2*auth.Leeway).Seconds(), db.UUIDs(subjects)).Scan(&rows).Error
	if err != nil {
		return err
	}
	for _, r := range rows {
		r.apply(h.Revocations)
	}
	return nil
}

// apply makes this process refuse what was revoked.
func (r Revocation) apply(to *auth.Revocations) {
	if r.Kind == revokedSession {
		to.RevokeSession(r.SubjectID)
	} else {
		to.RevokeSubject(r.SubjectID, r.NotBefore)
	}
}

const (
	revokedSession = "session"
	revokedSubject = "subject"
)

// revokeUser refuses the access tokens that a user holds; refreshing brings new ones with the
// rights of that moment. It takes the user's row first: a token that is being minted from the old
// rights is then older than the revocation, and refused as well.
func (h Handlers) revokeUser(ctx context.Context, user uuid.UUID) error {
	if err := db.Tx(ctx).Exec("select 1 from users where id = ? for update", user).Error; err != nil {
		return err
	}
	return h.revoke(ctx, revokedSubject, user)
}

// signOutUser ends the sessions of a user and refuses every token of theirs, those of outside
// issuers too.
func (h Handlers) signOutUser(ctx context.Context, user uuid.UUID, why string) error {
	if err := h.revokeUser(ctx, user); err != nil {
		return err
	}
	return h.endSessions(ctx, user, uuid.Nil, why)
}

// endSessions ends the sessions of a user, but for one that may be spared.
func (h Handlers) endSessions(ctx context.Context, user, spare uuid.UUID, why string) error {
	var ended []uuid.UUID
	if err := db.Tx(ctx).Raw("select end_sessions(?, ?, ?)", user, spare, why).Scan(&ended).Error; err != nil {
		return err
	}
	return h.revoke(ctx, revokedSession, ended...)
}

// end closes one session and refuses its tokens.
func (h Handlers) end(ctx context.Context, s *Session, why string) error {
	if s.EndedAt != nil {
		return nil
	}
	now := db.Now()
	s.EndedAt, s.EndReason = &now, why
	if err := db.Tx(ctx).Select("ended_at", "end_reason").Updates(s).Error; err != nil {
		return err
	}
	return h.revoke(ctx, revokedSession, s.ID)
}

var sessionSorts = db.Sorts[Session]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(s *Session) any { return s.CreatedAt }},
}

func listSessions(ctx context.Context, l db.Listing, user uuid.UUID) (db.Paged[Session], error) {
	return db.Page(ctx, l, sessionSorts, func(q *gorm.DB) *gorm.DB {
		return q.Where("user_id = ? and ended_at is null and expires_at > ?", user, db.Now())
	})
}

// Jobs registers what accounts need done beside requests.
func Jobs(r *jobs.Registry) { r.Every(time.Hour, "account.cleanup", Cleanup) }

// Cleanup forgets what no longer matters: expired revocations, and sessions some time after they
// ended or expired, with their refresh tokens.
func Cleanup(ctx context.Context) error {
	return jobs.In(ctx, db.Scope{Network: true}, func(ctx context.Context) error {
		for _, sql := range []string{
			"delete from revocations where expires_at < now()",
			"delete from sessions where coalesce(ended_at, expires_at) < now() - interval '30 days'",
			"delete from refresh_tokens where expires_at < now()",
		} {
			if err := db.Tx(ctx).Exec(sql).Error; err != nil {
				return err
			}
		}
		return nil
	})
}
