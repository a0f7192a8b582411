package account

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// ListUsers returns one page of the staff whom the caller keeps.
func (Handlers) ListUsers(ctx context.Context, req api.ListUsersRequestObject) (api.ListUsersResponseObject, error) {
	p := req.Params
	page, err := listUsers(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "name"), p.Email, p.Active, p.OrganisationID)
	if err != nil {
		return nil, err
	}
	out := api.UserPage{Data: make([]api.User, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toUser(&page.Rows[i])
	}
	return api.ListUsers200JSONResponse(out), nil
}

// CreateUser adds a member of staff, who has no right yet.
func (h Handlers) CreateUser(ctx context.Context, req api.CreateUserRequestObject) (api.CreateUserResponseObject, error) {
	u := fromUserCreate(*req.Body)
	var err error
	if u.HomeCentreID, err = homeCentre(ctx, req.Body.HomeCentreID); err != nil {
		return nil, err
	}
	if req.Body.TemporaryPassword != nil {
		if err := h.setTemporary(ctx, &u, *req.Body.TemporaryPassword); err != nil {
			return nil, err
		}
	}
	if err := db.Insert(ctx, &u); err != nil {
		return nil, err
	}
	return api.CreateUser201JSONResponse{Body: toUser(&u), Headers: api.CreateUser201ResponseHeaders{
		ETag: wire.ETag(u.Version), Location: "/v1/users/" + u.ID.String(),
	}}, nil
}

func (h Handlers) setTemporary(ctx context.Context, u *User, password string) error {
	hash, err := h.hash(ctx, password, u.Email, "/temporary_password")
	if err != nil {
		return err
	}
	until := db.Now().Add(h.Settings.TemporaryPasswordTTL)
	u.succeed()
	u.password(hash, &until)
	return nil
}

// GetUser returns a member of staff.
func (Handlers) GetUser(ctx context.Context, req api.GetUserRequestObject) (api.GetUserResponseObject, error) {
	u, err := db.Get[User](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetUser200JSONResponse{Body: toUser(u), Headers: api.GetUser200ResponseHeaders{ETag: wire.ETag(u.Version)}}, nil
}

// UpdateUser applies a merge patch to a member of staff.
func (h Handlers) UpdateUser(ctx context.Context, req api.UpdateUserRequestObject) (api.UpdateUserResponseObject, error) {
	u, err := db.Lock[User](ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := h.patchUser(ctx, u, *req.Body); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, u); err != nil {
		return nil, err
	}
	return api.UpdateUser200JSONResponse{Body: toUser(u), Headers: api.UpdateUser200ResponseHeaders{ETag: wire.ETag(u.Version)}}, nil
}

func (h Handlers) patchUser(ctx context.Context, u *User, b api.UserPatch) error {
	if err := mayKeep(ctx, u); err != nil {
		return err
	}
	if b.Email != nil && lower(*b.Email) != u.Email {
		if err := mayKeepCredentials(ctx, u); err != nil {
			return err
		}
	}
	before := len(u.NetworkRoles)
	if err := u.setNetworkRoles(auth.From(ctx), b.NetworkRoles); err != nil {
		return err
	}
	if b.NetworkRoles != nil && len(u.NetworkRoles) > 0 {
		if err := trained(ctx, u.ID, h.Settings.MandatoryTrainings, db.NewDate(db.Now()), "/network_roles"); err != nil {
			return err
		}
	}
	u.patch(b)
	if b.NetworkRoles == nil || before == 0 {
		return nil
	}
	return h.revokeUser(ctx, u.ID)
}

// kept loads a user whose way of signing in is to change, and judges whether the caller may.
func kept(ctx context.Context, id uuid.UUID, ifMatch string) (*User, error) {
	u, err := db.Lock[User](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	return u, mayKeepCredentials(ctx, u)
}

// DeactivateUser closes an account and ends its sessions.
func (h Handlers) DeactivateUser(ctx context.Context, req api.DeactivateUserRequestObject) (api.DeactivateUserResponseObject, error) {
	u, err := kept(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if !u.Active {
		return nil, fault.State("inactive", "The account is closed already.")
	}
	u.Active = false
	if err := h.saveAndSignOut(ctx, u, endDeactivated); err != nil {
		return nil, err
	}
	return api.DeactivateUser200JSONResponse{Body: toUser(u), Headers: api.DeactivateUser200ResponseHeaders{ETag: wire.ETag(u.Version)}}, nil
}

func (h Handlers) saveAndSignOut(ctx context.Context, u *User, why string) error {
	if err := db.Save(ctx, u); err != nil {
		return err
	}
	return h.signOutUser(ctx, u.ID, why)
}

// ReactivateUser opens a closed account.
func (Handlers) ReactivateUser(ctx context.Context, req api.ReactivateUserRequestObject) (api.ReactivateUserResponseObject, error) {
	u, err := kept(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if u.Active {
		return nil, fault.State("active", "The account is open already.")
	}
	u.Active = true
	u.succeed()
	if err := db.Save(ctx, u); err != nil {
		return nil, err
	}
	return api.ReactivateUser200JSONResponse{Body: toUser(u), Headers: api.ReactivateUser200ResponseHeaders{ETag: wire.ETag(u.Version)}}, nil
}

// ResetPassword sets a password that works for one sign-in.
func (h Handlers) ResetPassword(ctx context.Context, req api.ResetPasswordRequestObject) (api.ResetPasswordResponseObject, error) {
	u, err := kept(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := h.setTemporary(ctx, u, req.Body.TemporaryPassword); err != nil {
		return nil, err
	}
	if err := h.saveAndSignOut(ctx, u, endPassword); err != nil {
		return nil, err
	}
	return api.ResetPassword200JSONResponse{Body: toUser(u), Headers: api.ResetPassword200ResponseHeaders{ETag: wire.ETag(u.Version)}}, nil
}

// ResetTOTP takes one-time codes away from somebody who can no longer make any.
func (h Handlers) ResetTOTP(ctx context.Context, req api.ResetTOTPRequestObject) (api.ResetTOTPResponseObject, error) {
	u, err := kept(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if !u.TOTPEnabled {
		return nil, codesNotInUse()
	}
	u.codesOff()
	if err := h.saveAndSignOut(ctx, u, endCodes); err != nil {
		return nil, err
	}
	return api.ResetTOTP200JSONResponse{Body: toUser(u), Headers: api.ResetTOTP200ResponseHeaders{ETag: wire.ETag(u.Version)}}, nil
}

// ListTrainings returns one page of a user's trainings.
func (Handlers) ListTrainings(ctx context.Context, req api.ListTrainingsRequestObject) (api.ListTrainingsResponseObject, error) {
	if _, err := db.Get[User](ctx, req.ID); err != nil {
		return nil, err
	}
	p := req.Params
	page, err := listTrainings(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-completed_on"), req.ID, p.Training)
	if err != nil {
		return nil, err
	}
	out := api.TrainingPage{Data: make([]api.Training, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toTraining(&page.Rows[i])
	}
	return api.ListTrainings200JSONResponse(out), nil
}

// ListCentreTrainings returns one page of the trainings of a centre's staff.
func (Handlers) ListCentreTrainings(ctx context.Context, req api.ListCentreTrainingsRequestObject) (api.ListCentreTrainingsResponseObject, error) {
	today, err := centre.Today(ctx, req.CentreID)
	if err != nil {
		return nil, err
	}
	p := req.Params
	narrow := db.When(db.When(nil, "training = ?", p.Training), "valid_until < ?", wire.OptDate(p.ExpiresBefore))
	page, err := listCentreTrainings(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "valid_until"), req.CentreID, today, p.Expired, narrow)
	if err != nil {
		return nil, err
	}
	return api.ListCentreTrainings200JSONResponse{Data: wire.Each(page.Rows, toTraining), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateTraining records that a user has completed a training.
func (Handlers) CreateTraining(ctx context.Context, req api.CreateTrainingRequestObject) (api.CreateTrainingResponseObject, error) {
	u, err := db.Get[User](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if err := mayRecordTraining(ctx, u); err != nil {
		return nil, err
	}
	t := fromTrainingCreate(*req.Body, u.ID)
	if err := t.Validate(db.NewDate(db.Now())); err != nil {
		return nil, err
	}
	if err := db.Insert(ctx, &t); err != nil {
		return nil, err
	}
	return api.CreateTraining201JSONResponse{Body: toTraining(&t), Headers: api.CreateTraining201ResponseHeaders{
		ETag: wire.ETag(t.Version), Location: "/v1/users/" + u.ID.String() + "/trainings/" + t.ID.String(),
	}}, nil
}

// GetTraining returns one training of a user.
func (Handlers) GetTraining(ctx context.Context, req api.GetTrainingRequestObject) (api.GetTrainingResponseObject, error) {
	t, err := db.Get[Training](ctx, req.TrainingID)
	if err != nil {
		return nil, err
	}
	if t.UserID != req.ID {
		return nil, fault.Missing()
	}
	return api.GetTraining200JSONResponse{Body: toTraining(t), Headers: api.GetTraining200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}

// UpdateTraining corrects the dates of a training.
func (Handlers) UpdateTraining(ctx context.Context, req api.UpdateTrainingRequestObject) (api.UpdateTrainingResponseObject, error) {
	u, err := db.Get[User](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	t, err := db.Lock[Training](ctx, req.TrainingID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if t.UserID != u.ID {
		return nil, fault.Missing()
	}
	if err := mayRecordTraining(ctx, u); err != nil {
		return nil, err
	}
	t.patch(*req.Body)
	if err := t.Validate(db.NewDate(db.Now())); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, t); err != nil {
		return nil, err
	}
	return api.UpdateTraining200JSONResponse{Body: toTraining(t), Headers: api.UpdateTraining200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}
