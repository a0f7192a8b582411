package account

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// User is a member of staff. What they may do is in their memberships and network roles.
type User struct {
	db.Global
	OrganisationID    *uuid.UUID
	HomeCentreID      *uuid.UUID // whose administrator keeps the account; nil: the network's operators
	Email             string     // lower case
	Name              string
	Language          string // BCP 47
	Active            bool
	NetworkRoles      db.Strings // code list staff_role, level network
	Issuer            string     // outside OpenID Connect issuer, with Subject
	Subject           string
	PasswordHash      string // argon2id in PHC form; empty: no sign-in by password
	PasswordTemporary bool
	PasswordUntil     *time.Time // when a temporary password stops working
	TOTPSecret        string     `gorm:"column:totp_secret"` // sealed
	TOTPEnabled       bool       `gorm:"column:totp_enabled"`
	TOTPLastStep      int64      `gorm:"column:totp_last_step"`
	RecoveryHashes    db.Strings // SHA-256, hexadecimal
	FailedSignIns     int
	LockedUntil       *time.Time
}

var _ = db.Constraint("users_email_key", func() *fault.Error {
	return fault.New(fault.Conflict, "email_taken", "An account with this e-mail address exists already. Ask the network's operators to give the person a role in your centre.").
		Add("/email", "email_taken", "Use another address, or the account that exists.")
})

var _ = db.Constraint("users_organisation_id_fkey", func() *fault.Error {
	return fault.InvalidField("/organisation_id", "unknown_reference", "There is no such organisation.")
})

var _ = db.Constraint("users_home_centre_id_fkey", func() *fault.Error {
	return fault.InvalidField("/home_centre_id", "unknown_reference", "There is no such centre.")
})

// locked tells whether failed sign-ins keep the account shut.
func (u *User) locked(now time.Time) bool { return u.LockedUntil != nil && now.Before(*u.LockedUntil) }

// longestLock bounds the doubling, so that a forgotten account opens again within a day.
const longestLock = 24 * time.Hour

// fail counts a failed sign-in. From the after-th on each locks the account: for first, then twice
// as long each time.
func (u *User) fail(now time.Time, after int, first time.Duration) {
	u.FailedSignIns++
	if u.FailedSignIns < after {
		return
	}
	lock := first
	for i := after; i < u.FailedSignIns && lock < longestLock; i++ {
		lock = min(2*lock, longestLock)
	}
	until := now.Add(lock)
	u.LockedUntil = &until
}

// succeed forgets the failures.
func (u *User) succeed() { u.FailedSignIns, u.LockedUntil = 0, nil }

// password takes a new password's hash. A temporary one works until then, for one sign-in.
func (u *User) password(hash string, until *time.Time) {
	u.PasswordHash, u.PasswordTemporary, u.PasswordUntil = hash, until != nil, until
}

// codesOff takes one-time codes away.
func (u *User) codesOff() {
	u.TOTPSecret, u.TOTPEnabled, u.TOTPLastStep, u.RecoveryHashes = "", false, 0, nil
}

// setNetworkRoles judges a change of the roles that reach over the whole network.
func (u *User) setNetworkRoles(caller *auth.Principal, roles []string) error {
	if roles == nil || slices.Equal(roles, u.NetworkRoles) {
		return nil
	}
	if !slices.Contains(caller.NetworkRoles, operator) {
		return fault.Denied("Roles over the whole network are granted by its operators.")
	}
	if caller.ID == u.ID {
		return selfGrant("/network_roles")
	}
	for _, role := range roles {
		if levelOf(role) != "network" {
			return fault.InvalidField("/network_roles", "not_a_network_role", "%s is held in a centre: grant it with the centre's members.", role)
		}
	}
	u.NetworkRoles = roles
	return nil
}

const operator = "platform_operator"

// levelOf tells whether a role is held in a centre or over the network.
func levelOf(role string) string {
	list, _ := codelist.Get("staff_role")
	entry, _ := list.Entry(role)
	return entry.Extra["level"]
}

func selfGrant(pointer string) error {
	return fault.InvalidField(pointer, "self_grant", "Nobody grants a role to themselves. Ask another administrator.")
}

// weakness is the 422 of a password that breaks the policy.
func weakness(err error, pointer string) error {
	for _, known := range []struct {
		err          error
		code, detail string
	}{
		{auth.ErrPasswordShort, "too_short", "Use at least 12 characters; several words are good."},
		{auth.ErrPasswordLong, "too_long", "Use at most 256 characters."},
		{auth.ErrPasswordCharacters, "invalid_text", "Use characters that can be typed."},
		{auth.ErrPasswordCommon, "too_common", "This is among the first that an attacker would try."},
		{auth.ErrPasswordEmail, "contains_email", "Leave the e-mail address out of it."},
	} {
		if errors.Is(err, known.err) {
			return fault.InvalidField(pointer, known.code, "%s", known.detail)
		}
	}
	return err
}

// lower writes an e-mail address as it is kept and compared.
func lower(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

var userSorts = db.Sorts[User]{
	"name":       {SQL: "name", Cast: "text", Value: func(u *User) any { return u.Name }},
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(u *User) any { return u.CreatedAt }},
}

func listUsers(ctx context.Context, l db.Listing, email *string, active *bool, organisation *uuid.UUID) (db.Paged[User], error) {
	return db.Page(ctx, l, userSorts, func(q *gorm.DB) *gorm.DB {
		if email != nil {
			q = q.Where("email = ?", lower(*email))
		}
		if active != nil {
			q = q.Where("active = ?", *active)
		}
		if organisation != nil {
			q = q.Where("organisation_id = ?", *organisation)
		}
		return q
	})
}

// userByEmail returns the user with an address, or nil. The session must see the network.
func userByEmail(ctx context.Context, email string) (*User, error) {
	users, err := db.Find[User](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("email = ?", lower(email)).Limit(1) })
	if err != nil || len(users) == 0 {
		return nil, err
	}
	return &users[0], nil
}

// workplaces are where a user works, as far as the caller's reach is concerned.
type workplaces struct{ here, elsewhere bool }

func workplacesOf(ctx context.Context, u *User) (w workplaces, err error) {
	var all []uuid.UUID
	if err := db.Tx(ctx).Raw("select unnest(centres_of_user(?))", u.ID).Scan(&all).Error; err != nil {
		return w, err
	}
	reach := db.Current(ctx).Scope().Centres
	w.here = u.HomeCentreID != nil && slices.Contains(reach, *u.HomeCentreID)
	for _, c := range all {
		if slices.Contains(reach, c) {
			w.here = true
		} else {
			w.elsewhere = true
		}
	}
	w.elsewhere = w.elsewhere || len(u.NetworkRoles) > 0
	return w, nil
}

// mayKeep judges whether the caller may change a user's profile: the network's operators may, an
// administrator only that of who works in their centres.
func mayKeep(ctx context.Context, u *User) error {
	if db.Current(ctx).Scope().Network {
		return nil
	}
	w, err := workplacesOf(ctx, u)
	if err == nil && !w.here {
		err = fault.Denied("This person no longer works where you keep the staff. Ask the network's operators.")
	}
	return err
}

// mayKeepCredentials judges whether the caller may change how a user signs in. Who works elsewhere
// too is for the network's operators: with a password that I set I would have their rights there.
func mayKeepCredentials(ctx context.Context, u *User) error {
	if auth.From(ctx).ID == u.ID {
		return fault.Denied("This is your own account. Use the operations under /v1/auth and /v1/me.")
	}
	if db.Current(ctx).Scope().Network {
		return nil
	}
	w, err := workplacesOf(ctx, u)
	if err == nil && (!w.here || w.elsewhere) {
		err = fault.Denied("This person has rights outside your centres. Ask the network's operators.")
	}
	return err
}

// homeCentre decides whose administrator keeps a new account.
func homeCentre(ctx context.Context, asked *uuid.UUID) (*uuid.UUID, error) {
	scope := db.Current(ctx).Scope()
	switch {
	case scope.Network:
		return asked, nil
	case asked == nil && len(scope.Centres) == 1:
		return &scope.Centres[0], nil
	case asked == nil:
		return nil, fault.InvalidField("/home_centre_id", "required", "You keep the staff of several centres; say which is the person's.")
	case !slices.Contains(scope.Centres, *asked):
		return nil, fault.InvalidField("/home_centre_id", "unknown_reference", "This is not a centre whose staff you keep.")
	}
	return asked, nil
}
