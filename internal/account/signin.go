package account

import (
	"context"
	"encoding/hex"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Hasher hashes and checks passwords; *auth.Passwords is one.
type Hasher interface {
	Hash(ctx context.Context, password string) (string, error)
	Verify(ctx context.Context, password, hash string) (ok, renew bool, err error)
}

// attempt is one try to sign in.
type attempt struct {
	email, password, code, newPassword string

	proved  bool   // the password is right
	renewed string // hash to store: of the new password, or of the same with today's parameters
}

// refused is the one answer to an unknown address, a wrong password, a wrong code, a closed and a
// locked account: nobody learns which.
func refused() error {
	return fault.New(fault.Unauthenticated, "invalid_credentials", "The address, the password or the code is not right, or the account cannot be used now. After several failures it stays locked for a while.")
}

// Why a sign-in was refused, for the trail only.
const (
	whyUnknown  = "unknown_address"
	whyPassword = "wrong_password"
	whyCode     = "wrong_code"
	whyLocked   = "locked"
	whyInactive = "account_closed"
	whyExpired  = "temporary_password_expired"
)

// signIn judges an attempt. The password is checked before the transaction that takes the user's
// row, which is short; under that row a success counts only if the account is not locked by then,
// so however many attempts run at once no more of them are judged than the lockout allows.
func (h Handlers) signIn(ctx context.Context, a attempt) (tokens, error) {
	var u *User
	err := asNetwork(ctx, func(ctx context.Context) (err error) {
		u, err = userByEmail(ctx, a.email)
		return err
	})
	if err != nil {
		return tokens{}, err
	}
	if err := h.prove(ctx, u, &a); err != nil {
		return tokens{}, err
	}
	var v verdict
	err = asNetwork(ctx, func(ctx context.Context) error {
		if u == nil {
			v = verdict{refused: refused()}
			return refusal(ctx, "users", uuid.Nil, whyUnknown)
		}
		held, err := db.LockAny[User](ctx, u.ID)
		if err != nil {
			return err
		}
		v, err = h.judge(ctx, held, a)
		return err
	})
	if err != nil {
		return tokens{}, err
	}
	return v.tokens, v.refused
}

// verdict is what becomes of an attempt. A refusal goes with a commit: the count of failures and
// the line in the trail must last, though the request fails.
type verdict struct {
	tokens  tokens
	refused error
}

// prove checks the password. An unknown user costs the same hash as a known one.
func (h Handlers) prove(ctx context.Context, u *User, a *attempt) error {
	hash := ""
	if u != nil {
		hash = u.PasswordHash
	}
	ok, renew, err := h.Passwords.Verify(ctx, a.password, hash)
	if err != nil {
		return unavailable(err)
	}
	a.proved = ok
	switch {
	case ok && u.PasswordTemporary && a.newPassword != "" && auth.DefaultPasswordPolicy.Check(a.newPassword, u.Email) == nil && a.newPassword != a.password:
		a.renewed, err = h.Passwords.Hash(ctx, a.newPassword)
	case ok && renew && !u.PasswordTemporary:
		a.renewed, err = h.Passwords.Hash(ctx, a.password)
	}
	return unavailable(err)
}

// judge decides under the user's row.
func (h Handlers) judge(ctx context.Context, u *User, a attempt) (verdict, error) {
	now := db.Now()
	if why := u.shut(a, now); why != "" {
		return h.refuse(ctx, u, why, now)
	}
	if u.TOTPEnabled && a.code == "" {
		return verdict{refused: fault.New(fault.Unauthenticated, "one_time_code_required", "The account asks for a one-time code as well. Send it as code.")}, nil
	}
	if u.TOTPEnabled {
		if ok, err := h.useCode(u, a.code, now); err != nil {
			return verdict{}, err
		} else if !ok {
			return h.refuse(ctx, u, whyCode, now)
		}
	}
	if err := u.replaceTemporary(a); err != nil {
		return verdict{refused: err}, nil // nothing is stored: the code may be sent again
	}
	t, err := h.admit(ctx, u, a)
	return verdict{tokens: t}, err
}

// shut names why an account does not let the attempt in, or nothing.
func (u *User) shut(a attempt, now time.Time) string {
	switch {
	case u.locked(now):
		return whyLocked
	case !u.Active:
		return whyInactive
	case !a.proved:
		return whyPassword
	case u.PasswordTemporary && u.PasswordUntil != nil && !now.Before(*u.PasswordUntil):
		return whyExpired
	}
	return ""
}

// replaceTemporary asks for a password of the user's own in place of one that was set for them.
func (u *User) replaceTemporary(a attempt) error {
	switch {
	case !u.PasswordTemporary && a.newPassword != "":
		return fault.InvalidField("/new_password", "not_temporary", "Your password is your own. Change it with /v1/auth/password.")
	case !u.PasswordTemporary:
		return nil
	case a.newPassword == "":
		return fault.New(fault.Forbidden, "password_change_required", "The password was set for you. Choose your own: send the request again with new_password.")
	case a.newPassword == a.password:
		return fault.InvalidField("/new_password", "unchanged", "Choose another password than the one that was set for you.")
	}
	return weakness(auth.DefaultPasswordPolicy.Check(a.newPassword, u.Email), "/new_password")
}

// refuse stores what a refusal leaves behind: the count of wrong guesses and a line in the trail.
func (h Handlers) refuse(ctx context.Context, u *User, why string, now time.Time) (verdict, error) {
	if why == whyPassword || why == whyCode {
		u.fail(now, h.Settings.LockoutAfter, h.Settings.LockoutFor)
	}
	if err := saveProof(ctx, u); err != nil {
		return verdict{}, err
	}
	return verdict{refused: refused()}, refusal(ctx, "users", u.ID, why)
}

// admit signs a user in who has proved who they are.
func (h Handlers) admit(ctx context.Context, u *User, a attempt) (tokens, error) {
	if err := actAs(ctx, auth.User, u.ID); err != nil {
		return tokens{}, err
	}
	store := saveProof
	if u.PasswordTemporary {
		store = func(ctx context.Context, u *User) error { return db.Save(ctx, u) } // the trail tells of it
	}
	u.succeed()
	if a.renewed != "" {
		u.password(a.renewed, nil)
	}
	if err := store(ctx, u); err != nil {
		return tokens{}, err
	}
	s, err := h.begin(ctx, u)
	if err != nil {
		return tokens{}, err
	}
	return h.issue(ctx, u, s)
}

// saveProof stores what signing in changes of a user. The version stays: nobody edited the account.
func saveProof(ctx context.Context, u *User) error {
	return db.Tx(ctx).Model(u).Select("password_hash", "totp_last_step", "recovery_hashes", "failed_sign_ins", "locked_until").UpdateColumns(u).Error
}

// useCode checks a one-time code, or a recovery code, and uses it up in u.
func (h Handlers) useCode(u *User, code string, now time.Time) (bool, error) {
	secret, err := h.Vault.Open(u.TOTPSecret, u.ID.String())
	if err != nil {
		return false, err
	}
	if step, ok := auth.VerifyTOTP(secret, code, u.TOTPLastStep, now); ok {
		u.TOTPLastStep = step
		return true, nil
	}
	hashes := make([][]byte, len(u.RecoveryHashes))
	for i, text := range u.RecoveryHashes {
		hashes[i], _ = hex.DecodeString(text) // one that is broken matches nothing
	}
	i, ok := auth.MatchRecoveryCode(code, hashes)
	if ok {
		u.RecoveryHashes = slices.Delete(slices.Clone(u.RecoveryHashes), i, i+1)
	}
	return ok, nil
}

// proveOwn checks the password of the user who is signed in already, before something that a
// stolen token alone must not do. A wrong one counts as a failed sign-in, whatever becomes of the request.
func (h Handlers) proveOwn(ctx context.Context, password, pointer string) (*User, error) {
	u, err := self(ctx)
	if err != nil {
		return nil, err
	}
	if u.PasswordHash == "" {
		return nil, fault.New(fault.Conflict, "no_password", "The account signs in through an outside issuer and has no password here.")
	}
	ok, _, err := h.Passwords.Verify(ctx, password, u.PasswordHash)
	if err != nil {
		return nil, unavailable(err)
	}
	if ok && !u.locked(db.Now()) {
		return u, nil
	}
	if err := h.countFailure(ctx, u.ID, whyPassword); err != nil {
		return nil, err
	}
	return nil, fault.InvalidField(pointer, "wrong_password", "This is not the account's password, or too many wrong ones were tried of late.")
}

// countFailure counts a failed proof in a transaction of its own.
func (h Handlers) countFailure(ctx context.Context, user uuid.UUID, why string) error {
	return asNetwork(ctx, func(ctx context.Context) error {
		u, err := db.LockAny[User](ctx, user)
		if err != nil {
			return err
		}
		now := db.Now()
		if u.locked(now) {
			why = whyLocked
		}
		_, err = h.refuse(ctx, u, why, now)
		return err
	})
}

// lockOwn holds the caller's account for a change that their password was proved for.
func (h Handlers) lockOwn(ctx context.Context) (*User, error) {
	if err := staffOnly(ctx); err != nil {
		return nil, err
	}
	u, err := db.LockAny[User](ctx, auth.From(ctx).ID)
	if err == nil && u.locked(db.Now()) {
		err = fault.State("locked", "The account is locked for a while after too many wrong passwords.")
	}
	return u, err
}

// disableCodes takes one-time codes away from who shows one. A wrong one counts as a failed
// sign-in, so the decision is a transaction of its own.
func (h Handlers) disableCodes(ctx context.Context, user uuid.UUID, code string) error {
	var answer error
	err := asNetwork(ctx, func(ctx context.Context) error {
		u, err := db.LockAny[User](ctx, user)
		if err != nil {
			return err
		}
		if answer = nil; !u.TOTPEnabled {
			return codesNotInUse()
		}
		now := db.Now()
		ok, err := h.useCode(u, code, now)
		if err != nil {
			return err
		}
		if ok && !u.locked(now) {
			u.codesOff()
			return db.Save(ctx, u)
		}
		answer = fault.InvalidField("/code", "wrong_code", "This is not a code of the account, or too many wrong ones were tried of late.")
		_, err = h.refuse(ctx, u, whyCode, now)
		return err
	})
	if err != nil {
		return err
	}
	return answer
}

func codesNotInUse() error {
	return fault.State("not_in_use", "One-time codes are not in use.")
}

// hash checks a new password against the policy and hashes it.
func (h Handlers) hash(ctx context.Context, password, email, pointer string) (string, error) {
	if err := auth.DefaultPasswordPolicy.Check(password, email); err != nil {
		return "", weakness(err, pointer)
	}
	hash, err := h.Passwords.Hash(ctx, password)
	return hash, unavailable(err)
}

// self is the user who calls. A client has no account of its own.
func self(ctx context.Context) (*User, error) {
	if err := staffOnly(ctx); err != nil {
		return nil, err
	}
	return db.Get[User](ctx, auth.From(ctx).ID)
}

func staffOnly(ctx context.Context) error {
	if auth.From(ctx).Kind != auth.User {
		return fault.Denied("This is for members of staff: an API client has no account of its own.")
	}
	return nil
}

// asNetwork runs fn in a transaction of its own that sees all accounts, whatever becomes of the
// request's. Only proving who somebody is needs that.
func asNetwork(ctx context.Context, fn func(context.Context) error) error {
	s := db.Current(ctx)
	scope := s.Scope()
	scope.Network, scope.ReadOnly = true, false
	return s.DB().InTx(ctx, scope, fn)
}

// actAs makes the rest of the transaction the work of who has just proved who they are.
func actAs(ctx context.Context, kind auth.Kind, id uuid.UUID) error {
	return db.Tx(ctx).Exec(`select set_config('app.actor_id', ?, true),
		set_config('app.trail', (scope_trail() || jsonb_build_object('actor_kind', ?::text))::text, true)`, id.String(), string(kind)).Error
}

// refusal leaves a line in the trail. It never holds what was typed: an address may be a password
// in the wrong field.
func refusal(ctx context.Context, resource string, subject uuid.UUID, why string) error {
	subjects := db.UUIDs{}
	if subject != uuid.Nil {
		subjects = append(subjects, subject)
	}
	return db.Tx(ctx).Exec("insert into audit_events (action, resource, subject_ids, after) values ('sign_in_refused', ?, ?, jsonb_build_object('reason', ?::text))",
		resource, subjects, why).Error
}

// unavailable turns a hash that had to wait too long into a 503.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	f := fault.New(fault.Unavailable, "sign_in_unavailable", "Too many are signing in at once. Try again shortly.").Because(err)
	f.RetryAfter = 2 * time.Second
	return f
}
