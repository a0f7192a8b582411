package account

import (
	"context"
	"encoding/hex"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// SignIn begins a session for a member of staff.
func (h Handlers) SignIn(ctx context.Context, req api.SignInRequestObject) (api.SignInResponseObject, error) {
	t, err := h.signIn(ctx, attempt{email: req.Body.Email, password: req.Body.Password, code: wire.Value(req.Body.Code), newPassword: wire.Value(req.Body.NewPassword)})
	if err != nil {
		return nil, err
	}
	return api.SignIn200JSONResponse(toToken(t, nil)), nil
}

// SignOut ends the session of the token.
func (h Handlers) SignOut(ctx context.Context, _ api.SignOutRequestObject) (api.SignOutResponseObject, error) {
	caller := auth.From(ctx)
	if caller.SessionID == uuid.Nil { // a token of an outside issuer
		return api.SignOut204Response{}, h.revokeUser(ctx, caller.ID)
	}
	s, err := db.LockAny[Session](ctx, caller.SessionID)
	if err != nil {
		return nil, err
	}
	return api.SignOut204Response{}, h.end(ctx, s, endSignOut)
}

// SignOutEverywhere ends every session of the caller.
func (h Handlers) SignOutEverywhere(ctx context.Context, _ api.SignOutEverywhereRequestObject) (api.SignOutEverywhereResponseObject, error) {
	return api.SignOutEverywhere204Response{}, h.signOutUser(ctx, auth.From(ctx).ID, endSignOut)
}

// ChangePassword replaces the caller's password and ends their other sessions.
func (h Handlers) ChangePassword(ctx context.Context, req api.ChangePasswordRequestObject) (api.ChangePasswordResponseObject, error) {
	u, err := h.proveOwn(ctx, req.Body.CurrentPassword, "/current_password")
	if err != nil {
		return nil, err
	}
	hash, err := h.hash(ctx, req.Body.NewPassword, u.Email, "/new_password")
	if err != nil {
		return nil, err
	}
	if u, err = h.lockOwn(ctx); err != nil {
		return nil, err
	}
	u.succeed()
	u.password(hash, nil)
	if err := db.Save(ctx, u); err != nil {
		return nil, err
	}
	return api.ChangePassword204Response{}, h.endSessions(ctx, u.ID, auth.From(ctx).SessionID, endPassword)
}

// ListSessions returns one page of the caller's open sessions.
func (h Handlers) ListSessions(ctx context.Context, req api.ListSessionsRequestObject) (api.ListSessionsResponseObject, error) {
	p, caller := req.Params, auth.From(ctx)
	page, err := listSessions(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), caller.ID)
	if err != nil {
		return nil, err
	}
	out := api.SessionPage{Data: make([]api.Session, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toSession(&page.Rows[i], caller.SessionID)
	}
	return api.ListSessions200JSONResponse(out), nil
}

// EndSession ends one of the caller's sessions.
func (h Handlers) EndSession(ctx context.Context, req api.EndSessionRequestObject) (api.EndSessionResponseObject, error) {
	s, err := db.LockAny[Session](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if s.UserID != auth.From(ctx).ID {
		return nil, fault.Missing()
	}
	return api.EndSession204Response{}, h.end(ctx, s, endSignOut)
}

// service is the name that an authenticator app shows for us.
const service = "Waystation"

// EnrolTOTP makes a secret for one-time codes; they are asked for once ConfirmTOTP has seen one.
func (h Handlers) EnrolTOTP(ctx context.Context, req api.EnrolTOTPRequestObject) (api.EnrolTOTPResponseObject, error) {
	if _, err := h.proveOwn(ctx, req.Body.Password, "/password"); err != nil {
		return nil, err
	}
	u, err := h.lockOwn(ctx)
	if err != nil {
		return nil, err
	}
	if u.TOTPEnabled {
		return nil, fault.State("in_use", "One-time codes are in use already. Disable them first to use another device.")
	}
	t, err := auth.NewTOTP(service, u.Email)
	if err != nil {
		return nil, err
	}
	u.TOTPSecret = h.Vault.Seal(t.Secret, u.ID.String())
	if err := db.Tx(ctx).Model(u).UpdateColumn("totp_secret", u.TOTPSecret).Error; err != nil {
		return nil, err
	}
	return api.EnrolTOTP200JSONResponse{Secret: &t.Secret, URL: &t.URL}, nil
}

// recoveryCodes is how many are given out at a time.
const recoveryCodes = 10

// ConfirmTOTP turns one-time codes on, proved by a first one.
func (h Handlers) ConfirmTOTP(ctx context.Context, req api.ConfirmTOTPRequestObject) (api.ConfirmTOTPResponseObject, error) {
	u, err := h.lockOwn(ctx)
	if err != nil {
		return nil, err
	}
	if u.TOTPEnabled {
		return nil, fault.State("in_use", "One-time codes are in use already.")
	}
	if u.TOTPSecret == "" {
		return nil, fault.State("not_enrolled", "There is no secret to confirm. Begin with /v1/auth/totp.")
	}
	ok, err := h.useCode(u, req.Body.Code, db.Now())
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.InvalidField("/code", "wrong_code", "This is not the code of now. Check the device's clock.")
	}
	u.TOTPEnabled = true
	codes := u.newRecoveryCodes()
	return api.ConfirmTOTP200JSONResponse{RecoveryCodes: codes}, db.Save(ctx, u)
}

// RenewRecoveryCodes replaces the caller's recovery codes.
func (h Handlers) RenewRecoveryCodes(ctx context.Context, req api.RenewRecoveryCodesRequestObject) (api.RenewRecoveryCodesResponseObject, error) {
	if _, err := h.proveOwn(ctx, req.Body.Password, "/password"); err != nil {
		return nil, err
	}
	u, err := h.lockOwn(ctx)
	if err != nil {
		return nil, err
	}
	if !u.TOTPEnabled {
		return nil, codesNotInUse()
	}
	codes := u.newRecoveryCodes()
	return api.RenewRecoveryCodes200JSONResponse{RecoveryCodes: codes}, db.Save(ctx, u)
}

// DisableTOTP stops asking the caller for one-time codes.
func (h Handlers) DisableTOTP(ctx context.Context, req api.DisableTOTPRequestObject) (api.DisableTOTPResponseObject, error) {
	u, err := h.proveOwn(ctx, req.Body.Password, "/password")
	if err != nil {
		return nil, err
	}
	return api.DisableTOTP204Response{}, h.disableCodes(ctx, u.ID, req.Body.Code)
}

func (u *User) newRecoveryCodes() []string {
	codes, hashes := auth.NewRecoveryCodes(recoveryCodes)
	u.RecoveryHashes = make(db.Strings, len(hashes))
	for i, h := range hashes {
		u.RecoveryHashes[i] = hex.EncodeToString(h)
	}
	return codes
}

// GetMe tells the caller who they are and what their token allows.
func (h Handlers) GetMe(ctx context.Context, _ api.GetMeRequestObject) (api.GetMeResponseObject, error) {
	caller := auth.From(ctx)
	if caller.Kind == auth.Client {
		c, err := db.Get[APIClient](ctx, caller.ID)
		if err != nil {
			return nil, err
		}
		return api.GetMe200JSONResponse{Body: toClientMe(c, caller), Headers: api.GetMe200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
	}
	u, err := self(ctx)
	if err != nil {
		return nil, err
	}
	me, err := h.me(ctx, u)
	return api.GetMe200JSONResponse{Body: me, Headers: api.GetMe200ResponseHeaders{ETag: wire.ETag(u.Version)}}, err
}

// UpdateMe applies a merge patch to the caller's own account.
func (h Handlers) UpdateMe(ctx context.Context, req api.UpdateMeRequestObject) (api.UpdateMeResponseObject, error) {
	if err := staffOnly(ctx); err != nil {
		return nil, err
	}
	u, err := db.Lock[User](ctx, auth.From(ctx).ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	wire.Set(&u.Name, req.Body.Name)
	wire.Set(&u.Language, req.Body.Language)
	if err := db.Save(ctx, u); err != nil {
		return nil, err
	}
	me, err := h.me(ctx, u)
	return api.UpdateMe200JSONResponse{Body: me, Headers: api.UpdateMe200ResponseHeaders{ETag: wire.ETag(u.Version)}}, err
}

// me joins the account with what the token gives in each centre.
func (h Handlers) me(ctx context.Context, u *User) (api.Me, error) {
	caller := auth.From(ctx)
	ids := make([]uuid.UUID, 0, len(caller.Centres))
	for id := range caller.Centres {
		ids = append(ids, id)
	}
	var centres []centre.Centre
	if len(ids) > 0 {
		var err error
		centres, err = db.Find[centre.Centre](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id in ?", ids).Order("name, id") })
		if err != nil {
			return api.Me{}, err
		}
	}
	me := toMe(u)
	for i := range centres {
		c := &centres[i]
		me.Memberships = append(me.Memberships, api.Membership{CentreID: c.ID, CentreCode: c.Code, CentreName: c.Name,
			Roles: wire.List(caller.Centres[c.ID]), Scopes: h.Permissions.ScopesIn(caller, c.ID)})
	}
	network := auth.Principal{Kind: auth.User, NetworkRoles: caller.NetworkRoles}
	me.NetworkRoles = wire.List(caller.NetworkRoles)
	me.NetworkScopes = h.Permissions.ScopesIn(&network, uuid.Nil)
	return me, nil
}
