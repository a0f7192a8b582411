package casework

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

var conferenceSorts = db.Sorts[Conference]{
	"scheduled_at": {SQL: "scheduled_at", Cast: "timestamptz", Value: func(m *Conference) any { return m.ScheduledAt }},
}

// ListCaseConferences returns one page of the conferences on a case.
func (Handlers) ListCaseConferences(ctx context.Context, req api.ListCaseConferencesRequestObject) (api.ListCaseConferencesResponseObject, error) {
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-scheduled_at"), conferenceSorts, all)
	if err != nil {
		return nil, err
	}
	return api.ListCaseConferences200JSONResponse{Data: wire.Each(page.Rows, toConference), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateCaseConference convenes a conference.
func (Handlers) CreateCaseConference(ctx context.Context, req api.CreateCaseConferenceRequestObject) (api.CreateCaseConferenceResponseObject, error) {
	c, err := lockUnderWay(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	m := &Conference{Record: db.NewRecord(req.Body.ID), CaseID: c.ID, ScheduledAt: moment(&req.Body.ScheduledAt, time.Time{}), Purpose: req.Body.Purpose,
		Participants: fromParticipants(req.Body.Participants), ConvenedBy: caller(ctx)}
	if err := db.Insert(ctx, m); err != nil {
		return nil, err
	}
	return api.CreateCaseConference201JSONResponse{Body: toConference(m), Headers: api.CreateCaseConference201ResponseHeaders{ETag: wire.ETag(m.Version), Location: c.path() + "/conferences/" + m.ID.String()}}, nil
}

// GetCaseConference returns one conference.
func (Handlers) GetCaseConference(ctx context.Context, req api.GetCaseConferenceRequestObject) (api.GetCaseConferenceResponseObject, error) {
	m, err := read[Conference](ctx, req.ID, req.ConferenceID)
	if err != nil {
		return nil, err
	}
	return api.GetCaseConference200JSONResponse{Body: toConference(m), Headers: api.GetCaseConference200ResponseHeaders{ETag: wire.ETag(m.Version)}}, nil
}

// UpdateCaseConference changes a conference that is still to come.
func (Handlers) UpdateCaseConference(ctx context.Context, req api.UpdateCaseConferenceRequestObject) (api.UpdateCaseConferenceResponseObject, error) {
	m, err := changeConference(ctx, place{req.ID, req.ConferenceID, req.Params.IfMatch}, func(m *Conference, a *Act) error {
		if err := m.ended(); err != nil {
			return err
		}
		m.ScheduledAt = moment(req.Body.ScheduledAt, m.ScheduledAt)
		wire.Set(&m.Purpose, req.Body.Purpose)
		if req.Body.Participants != nil {
			m.Participants = fromParticipants(req.Body.Participants)
		}
		return m.shorten(ctx, a)
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateCaseConference200JSONResponse{Body: toConference(m), Headers: api.UpdateCaseConference200ResponseHeaders{ETag: wire.ETag(m.Version)}}, nil
}

// HoldCaseConference records what a conference decided.
func (Handlers) HoldCaseConference(ctx context.Context, req api.HoldCaseConferenceRequestObject) (api.HoldCaseConferenceResponseObject, error) {
	m, err := changeConference(ctx, place{req.ID, req.ConferenceID, req.Params.IfMatch}, func(m *Conference, a *Act) error {
		return m.hold(moment(req.Body.HeldAt, a.At), req.Body.Outcome, wire.Value(req.Body.Decisions), a.At)
	})
	if err != nil {
		return nil, err
	}
	return api.HoldCaseConference200JSONResponse{Body: toConference(m), Headers: api.HoldCaseConference200ResponseHeaders{ETag: wire.ETag(m.Version)}}, nil
}

// CancelCaseConference cancels a conference and takes its invitations back.
func (Handlers) CancelCaseConference(ctx context.Context, req api.CancelCaseConferenceRequestObject) (api.CancelCaseConferenceResponseObject, error) {
	m, err := changeConference(ctx, place{req.ID, req.ConferenceID, req.Params.IfMatch}, func(m *Conference, a *Act) error {
		if err := m.cancel(req.Body.Reason, a.At); err != nil {
			return err
		}
		return uninvite(ctx, m, a.At)
	})
	if err != nil {
		return nil, err
	}
	return api.CancelCaseConference200JSONResponse{Body: toConference(m), Headers: api.CancelCaseConference200ResponseHeaders{ETag: wire.ETag(m.Version)}}, nil
}

func changeConference(ctx context.Context, at place, fn func(*Conference, *Act) error) (*Conference, error) {
	return change(ctx, at, lockUnderWay, func(_ *Case, m *Conference, a *Act) error { return fn(m, a) })
}

var invitationSorts = db.Sorts[Invitation]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(i *Invitation) any { return i.CreatedAt }},
}

// inConference selects the invitations to a conference, or those of them that stand.
func inConference(caseID, conference uuid.UUID, standing bool) db.Build {
	return func(q *gorm.DB) *gorm.DB {
		q = q.Where("case_id = ? and conference_id = ?", caseID, conference)
		if standing {
			q = q.Where("ended_at is null")
		}
		return q
	}
}

// ListCaseInvitations returns one page of who is invited to a conference.
func (Handlers) ListCaseInvitations(ctx context.Context, req api.ListCaseInvitationsRequestObject) (api.ListCaseInvitationsResponseObject, error) {
	if _, err := read[Conference](ctx, req.ID, req.ConferenceID); err != nil {
		return nil, err
	}
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), invitationSorts, inConference(req.ID, req.ConferenceID, false))
	if err != nil {
		return nil, err
	}
	return api.ListCaseInvitations200JSONResponse{Data: wire.Each(page.Rows, toInvitation), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// InviteToCaseConference lets somebody read the file for a conference.
func (Handlers) InviteToCaseConference(ctx context.Context, req api.InviteToCaseConferenceRequestObject) (api.InviteToCaseConferenceResponseObject, error) {
	c, err := lockUnderWay(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	m, err := one[Conference](ctx, c.ID, req.ConferenceID)
	if err != nil {
		return nil, err
	}
	a, err := newAct(ctx, c)
	if err != nil {
		return nil, err
	}
	i := &Invitation{Record: db.NewRecord(req.Body.ID), UserID: req.Body.UserID, FromAt: moment(req.Body.FromAt, a.At), UntilAt: moment(req.Body.UntilAt, time.Time{})}
	if err := i.invite(ctx, c, m, a); err != nil {
		return nil, err
	}
	if err := db.Insert(ctx, i); err != nil {
		return nil, err
	}
	return api.InviteToCaseConference201JSONResponse{Body: toInvitation(i), Headers: api.InviteToCaseConference201ResponseHeaders{ETag: wire.ETag(i.Version),
		Location: c.path() + "/conferences/" + m.ID.String() + "/invitations/" + i.ID.String()}}, nil
}

// GetCaseInvitation returns one invitation.
func (Handlers) GetCaseInvitation(ctx context.Context, req api.GetCaseInvitationRequestObject) (api.GetCaseInvitationResponseObject, error) {
	i, err := invitation(ctx, req.ID, req.ConferenceID, req.InvitationID)
	if err != nil {
		return nil, err
	}
	return api.GetCaseInvitation200JSONResponse{Body: toInvitation(i), Headers: api.GetCaseInvitation200ResponseHeaders{ETag: wire.ETag(i.Version)}}, nil
}

// EndCaseInvitation takes an invitation back: the file is closed to its guest at once.
func (Handlers) EndCaseInvitation(ctx context.Context, req api.EndCaseInvitationRequestObject) (api.EndCaseInvitationResponseObject, error) {
	if _, err := invitation(ctx, req.ID, req.ConferenceID, req.InvitationID); err != nil {
		return nil, err
	}
	i, err := change(ctx, place{req.ID, req.InvitationID, req.Params.IfMatch}, LockCase, func(_ *Case, i *Invitation, a *Act) error { return i.end(a.At) })
	if err != nil {
		return nil, err
	}
	return api.EndCaseInvitation200JSONResponse{Body: toInvitation(i), Headers: api.EndCaseInvitation200ResponseHeaders{ETag: wire.ETag(i.Version)}}, nil
}

func invitation(ctx context.Context, caseID, conference, id uuid.UUID) (*Invitation, error) {
	if _, err := read[Conference](ctx, caseID, conference); err != nil {
		return nil, err
	}
	return db.One[Invitation](ctx, func(q *gorm.DB) *gorm.DB { return inConference(caseID, conference, false)(q).Where("id = ?", id) })
}

func toConference(m *Conference) api.CaseConference {
	out := api.CaseConference{
		ID: m.ID, Version: m.Version, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt, CaseID: m.CaseID, ScheduledAt: m.ScheduledAt, Purpose: m.Purpose,
		Participants: make([]api.CaseConferenceParticipant, len(m.Participants.V)), HeldAt: m.HeldAt, Outcome: wire.Opt(m.Outcome), Decisions: wire.Opt(m.Decisions),
		CancelledAt: m.CancelledAt, CancelReason: wire.Opt(m.CancelReason), ConvenedBy: m.ConvenedBy,
	}
	for i, p := range m.Participants.V {
		out.Participants[i] = api.CaseConferenceParticipant{Name: p.Name, Organisation: wire.Opt(p.Organisation)}
	}
	return out
}

func fromParticipants(list []api.CaseConferenceParticipant) db.JSON[[]Participant] {
	out := db.JSON[[]Participant]{V: make([]Participant, len(list))}
	for i, p := range list {
		out.V[i] = Participant{p.Name, wire.Value(p.Organisation)}
	}
	return out
}

func toInvitation(i *Invitation) api.CaseInvitation {
	return api.CaseInvitation{
		ID: i.ID, Version: i.Version, CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt, CaseID: i.CaseID, ConferenceID: i.ConferenceID, UserID: i.UserID,
		FromAt: i.FromAt, UntilAt: i.UntilAt, EndedAt: i.EndedAt, InvitedBy: i.InvitedBy,
	}
}
