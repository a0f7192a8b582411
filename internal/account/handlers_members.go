package account

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// ListMembers returns one page of the roles in a centre.
func (h Handlers) ListMembers(ctx context.Context, req api.ListMembersRequestObject) (api.ListMembersResponseObject, error) {
	p := req.Params
	mayReadTrainings := h.Permissions.Allows(auth.From(ctx), req.CentreID, "users:read")
	if p.TrainingMissing != nil && !mayReadTrainings {
		return nil, fault.Denied("Trainings are read by those who keep the staff.")
	}
	today, err := centre.Today(ctx, req.CentreID)
	if err != nil {
		return nil, err
	}
	page, err := listMembers(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), memberFilter{
		user: p.UserID, role: p.Role, current: p.Current, lacksTraining: p.TrainingMissing, mandatory: h.Settings.MandatoryTrainings, today: today,
	})
	if err != nil {
		return nil, err
	}
	data, err := h.showMembers(ctx, page.Rows, today, mayReadTrainings)
	return api.ListMembers200JSONResponse{Data: data, NextCursor: wire.Next(page.Next), Total: page.Total}, err
}

// showMembers joins a page of roles with names and, where the caller may know, training gaps.
func (h Handlers) showMembers(ctx context.Context, rows []Member, today db.Date, trainings bool) ([]api.Member, error) {
	out := make([]api.Member, len(rows))
	users := make([]uuid.UUID, len(rows))
	for i := range rows {
		users[i] = rows[i].UserID
	}
	people, err := peopleOf(ctx, users)
	if err != nil {
		return nil, err
	}
	var gaps map[uuid.UUID][]string
	if trainings {
		if gaps, err = trainingGaps(ctx, users, h.Settings.MandatoryTrainings, today); err != nil {
			return nil, err
		}
	}
	for i := range rows {
		out[i] = toMember(&rows[i], people[rows[i].UserID], today)
		out[i].MissingTrainings = gaps[rows[i].UserID]
	}
	return out, nil
}

// CreateMember grants a role in a centre.
func (h Handlers) CreateMember(ctx context.Context, req api.CreateMemberRequestObject) (api.CreateMemberResponseObject, error) {
	today, err := centre.Today(ctx, req.CentreID)
	if err != nil {
		return nil, err
	}
	m := fromMemberCreate(*req.Body, today)
	if err := h.grantable(ctx, &m, today); err != nil {
		return nil, err
	}
	if err := db.Insert(ctx, &m); err != nil {
		return nil, err
	}
	body, err := member(ctx, &m, today)
	return api.CreateMember201JSONResponse{Body: body, Headers: api.CreateMember201ResponseHeaders{
		ETag: wire.ETag(m.Version), Location: "/v1/centres/" + req.CentreID.String() + "/members/" + m.ID.String(),
	}}, err
}

// grantable judges a role before it is granted or prolonged: not to oneself, only to an active
// account, only with the mandatory trainings.
func (h Handlers) grantable(ctx context.Context, m *Member, today db.Date) error {
	if err := m.Validate(auth.From(ctx)); err != nil {
		return err
	}
	u, err := db.Get[User](ctx, m.UserID)
	if fault.Is(err, fault.NotFound) {
		return fault.InvalidField("/user_id", "unknown_reference", "There is no such member of staff here.")
	}
	if err != nil {
		return err
	}
	if !u.Active {
		return fault.InvalidField("/user_id", "inactive", "The account is closed. Open it again first.")
	}
	return trained(ctx, u.ID, h.Settings.MandatoryTrainings, today, "/user_id")
}

// GetMember returns one role of a person.
func (Handlers) GetMember(ctx context.Context, req api.GetMemberRequestObject) (api.GetMemberResponseObject, error) {
	m, err := db.Get[Member](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	today, err := centre.Today(ctx, req.CentreID)
	if err != nil {
		return nil, err
	}
	body, err := member(ctx, m, today)
	return api.GetMember200JSONResponse{Body: body, Headers: api.GetMember200ResponseHeaders{ETag: wire.ETag(m.Version)}}, err
}

// UpdateMember changes how long a role is held.
func (h Handlers) UpdateMember(ctx context.Context, req api.UpdateMemberRequestObject) (api.UpdateMemberResponseObject, error) {
	m, today, err := lockMember(ctx, req.CentreID, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	before := *m
	m.patch(*req.Body)
	if m.beyond(before) {
		if err := h.grantable(ctx, m, today); err != nil {
			return nil, err
		}
	}
	if err := h.saveMember(ctx, m); err != nil {
		return nil, err
	}
	body, err := member(ctx, m, today)
	return api.UpdateMember200JSONResponse{Body: body, Headers: api.UpdateMember200ResponseHeaders{ETag: wire.ETag(m.Version)}}, err
}

// EndMember takes a role away, at once.
func (h Handlers) EndMember(ctx context.Context, req api.EndMemberRequestObject) (api.EndMemberResponseObject, error) {
	m, today, err := lockMember(ctx, req.CentreID, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	now := db.Now()
	m.EndedAt = &now
	if err := h.saveMember(ctx, m); err != nil {
		return nil, err
	}
	body, err := member(ctx, m, today)
	return api.EndMember200JSONResponse{Body: body, Headers: api.EndMember200ResponseHeaders{ETag: wire.ETag(m.Version)}}, err
}

// saveMember stores a changed role. Tokens that carry the old one are refused; the user's row comes
// first, so that a token minted meanwhile is among them.
func (h Handlers) saveMember(ctx context.Context, m *Member) error {
	if err := h.revokeUser(ctx, m.UserID); err != nil {
		return err
	}
	return db.Save(ctx, m)
}

func lockMember(ctx context.Context, centreID, id uuid.UUID, ifMatch string) (*Member, db.Date, error) {
	m, err := db.Lock[Member](ctx, id, ifMatch)
	if err != nil {
		return nil, db.Date{}, err
	}
	if m.EndedAt != nil {
		return nil, db.Date{}, fault.State("ended", "The role has ended. Grant it again.")
	}
	today, err := centre.Today(ctx, centreID)
	return m, today, err
}

// member shows a role with the name that goes with it.
func member(ctx context.Context, m *Member, today db.Date) (api.Member, error) {
	p, err := db.One[person](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id = ?", m.UserID) })
	if err != nil {
		return api.Member{}, err
	}
	return toMember(m, *p, today), nil
}
