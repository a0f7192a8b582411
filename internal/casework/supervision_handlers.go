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

var supervisionSorts = db.Sorts[Supervision]{
	"held_at": {SQL: "held_at", Cast: "timestamptz", Value: func(s *Supervision) any { return s.HeldAt }},
}

// ListSupervisionSessions returns one page of the sessions that the caller held or took part in.
func (Handlers) ListSupervisionSessions(ctx context.Context, req api.ListSupervisionSessionsRequestObject) (api.ListSupervisionSessionsResponseObject, error) {
	p := req.Params
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-held_at"), supervisionSorts, func(q *gorm.DB) *gorm.DB {
		q = where(q, "? = any (participant_ids)", p.ParticipantID)
		if wire.Value(p.IncludeVoided) {
			return q
		}
		return q.Where("voided_at is null")
	})
	if err != nil {
		return nil, err
	}
	sessions := make([]*Supervision, len(page.Rows))
	for i := range page.Rows {
		sessions[i] = &page.Rows[i]
	}
	if err := spoken(ctx, sessions...); err != nil {
		return nil, err
	}
	return api.ListSupervisionSessions200JSONResponse{Data: wire.Each(page.Rows, toSupervision), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateSupervisionSession records a session that the caller held.
func (Handlers) CreateSupervisionSession(ctx context.Context, req api.CreateSupervisionSessionRequestObject) (api.CreateSupervisionSessionResponseObject, error) {
	b := req.Body
	s := &Supervision{Record: db.NewRecord(b.ID), Kind: string(b.Kind), SupervisorID: *caller(ctx), ParticipantIDs: b.ParticipantIds,
		HeldAt: moment(&b.HeldAt, time.Time{}), Minutes: b.Minutes, Topics: b.Topics, Actions: wire.Value(b.Actions), CaseIDs: b.CaseIds}
	if err := s.judge(ctx, db.Now()); err != nil {
		return nil, err
	}
	if err := db.Insert(ctx, s); err != nil {
		return nil, err
	}
	return api.CreateSupervisionSession201JSONResponse{Body: toSupervision(s), Headers: api.CreateSupervisionSession201ResponseHeaders{ETag: wire.ETag(s.Version),
		Location: "/v1/centres/" + req.CentreID.String() + "/supervision-sessions/" + s.ID.String()}}, nil
}

// GetSupervisionSession returns one session.
func (Handlers) GetSupervisionSession(ctx context.Context, req api.GetSupervisionSessionRequestObject) (api.GetSupervisionSessionResponseObject, error) {
	s, err := db.Get[Supervision](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if err := spoken(ctx, s); err != nil {
		return nil, err
	}
	return api.GetSupervisionSession200JSONResponse{Body: toSupervision(s), Headers: api.GetSupervisionSession200ResponseHeaders{ETag: wire.ETag(s.Version)}}, nil
}

// UpdateSupervisionSession corrects a session.
func (Handlers) UpdateSupervisionSession(ctx context.Context, req api.UpdateSupervisionSessionRequestObject) (api.UpdateSupervisionSessionResponseObject, error) {
	s, err := changeSupervision(ctx, req.ID, req.Params.IfMatch, func(s *Supervision) error {
		s.HeldAt = moment(req.Body.HeldAt, s.HeldAt)
		wire.Set(&s.Minutes, req.Body.Minutes)
		wire.SetList(&s.Topics, req.Body.Topics)
		wire.Clear(&s.Actions, req.Body.Actions)
		return happened("/held_at", s.HeldAt, db.Now())
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateSupervisionSession200JSONResponse{Body: toSupervision(s), Headers: api.UpdateSupervisionSession200ResponseHeaders{ETag: wire.ETag(s.Version)}}, nil
}

// VoidSupervisionSession hides a session that was recorded in error.
func (Handlers) VoidSupervisionSession(ctx context.Context, req api.VoidSupervisionSessionRequestObject) (api.VoidSupervisionSessionResponseObject, error) {
	s, err := changeSupervision(ctx, req.ID, req.Params.IfMatch, func(s *Supervision) error {
		now := db.Now()
		s.VoidReason, s.VoidedAt = req.Body.Reason, &now
		return nil
	})
	if err != nil {
		return nil, err
	}
	return api.VoidSupervisionSession200JSONResponse{Body: toSupervision(s), Headers: api.VoidSupervisionSession200ResponseHeaders{ETag: wire.ETag(s.Version)}}, nil
}

func changeSupervision(ctx context.Context, id uuid.UUID, ifMatch string, fn func(*Supervision) error) (*Supervision, error) {
	s, err := db.Lock[Supervision](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if err := s.mayChange(caller(ctx)); err != nil {
		return nil, err
	}
	if err := fn(s); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, s); err != nil {
		return nil, err
	}
	return s, spoken(ctx, s)
}

func toSupervision(s *Supervision) api.SupervisionSession {
	return api.SupervisionSession{
		ID: s.ID, Version: s.Version, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, Kind: api.SupervisionSessionKind(s.Kind), SupervisorID: s.SupervisorID,
		ParticipantIds: s.ParticipantIDs, HeldAt: s.HeldAt, Minutes: s.Minutes, Topics: wire.List([]string(s.Topics)), Actions: wire.Opt(s.Actions),
		CaseIds: wire.List([]uuid.UUID(s.CaseIDs)), VoidedAt: s.VoidedAt, VoidReason: wire.Opt(s.VoidReason),
	}
}
