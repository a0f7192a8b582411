package mhpss

import (
	"context"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/headcount"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct{}

var sessionSorts = db.Sorts[Session]{
	"starts_at": {SQL: "starts_at", Cast: "timestamptz", Value: func(s *Session) any { return s.StartsAt }},
}

// ListMhpssSessions returns one page of sessions, without who takes part.
func (Handlers) ListMhpssSessions(ctx context.Context, req api.ListMhpssSessionsRequestObject) (api.ListMhpssSessionsResponseObject, error) {
	p, f := req.Params, db.Conditions{}
	if p.Status == nil {
		f = f.And("status <> ?", void)
	}
	f = db.When(f, "status = ?", p.Status)
	f = db.When(f, "kind = ?", p.Kind)
	f = db.When(f, "activity = ?", p.Activity)
	f = db.When(f, "psycho_education = ?", p.PsychoEducation)
	f = db.When(f, "facilitator_id = ?", p.FacilitatorID)
	f = db.When(f, "case_id = ?", p.CaseID)
	f = db.When(f, "starts_on >= ?", wire.OptDate(p.From))
	f = db.When(f, "starts_on <= ?", wire.OptDate(p.To))
	f = db.When(f, `exists (select 1 from mhpss_participants p where p.centre_id = mhpss_sessions.centre_id and p.session_id = mhpss_sessions.id
		and p.beneficiary_id = ?)`, p.BeneficiaryID)
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-starts_at"), sessionSorts, f.Apply)
	if err != nil {
		return nil, err
	}
	return api.ListMhpssSessions200JSONResponse{Data: wire.Each(page.Rows, toSession), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateMhpssSession plans a session or records one that was held.
func (Handlers) CreateMhpssSession(ctx context.Context, req api.CreateMhpssSessionRequestObject) (api.CreateMhpssSessionResponseObject, error) {
	s := fromCreate(*req.Body, caller(ctx))
	if err := s.record(ctx, fromParticipants(req.Body.Participants)); err != nil {
		return nil, err
	}
	return api.CreateMhpssSession201JSONResponse{Body: toSession(s), Headers: api.CreateMhpssSession201ResponseHeaders{ETag: wire.ETag(s.Version),
		Location: wire.Path(req.CentreID, "mhpss", "sessions", s.ID)}}, nil
}

// GetMhpssSession returns a session with who takes part.
func (Handlers) GetMhpssSession(ctx context.Context, req api.GetMhpssSessionRequestObject) (api.GetMhpssSessionResponseObject, error) {
	s, err := find(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetMhpssSession200JSONResponse{Body: toSession(s), Headers: api.GetMhpssSession200ResponseHeaders{ETag: wire.ETag(s.Version)}}, nil
}

// UpdateMhpssSession applies a merge patch to a session.
func (Handlers) UpdateMhpssSession(ctx context.Context, req api.UpdateMhpssSessionRequestObject) (api.UpdateMhpssSessionResponseObject, error) {
	s, err := change(ctx, req.ID, req.Params.IfMatch, func(s *Session) ([]named, error) {
		s.patch(*req.Body)
		return fromParticipants(req.Body.Participants), s.in(planned, held)
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateMhpssSession200JSONResponse{Body: toSession(s), Headers: api.UpdateMhpssSession200ResponseHeaders{ETag: wire.ETag(s.Version)}}, nil
}

// HoldMhpssSession records that a planned session was held.
func (Handlers) HoldMhpssSession(ctx context.Context, req api.HoldMhpssSessionRequestObject) (api.HoldMhpssSessionResponseObject, error) {
	s, err := change(ctx, req.ID, req.Params.IfMatch, func(s *Session) ([]named, error) {
		if err := s.in(planned); err != nil {
			return nil, err
		}
		b := req.Body
		s.Status, s.Minutes = held, &b.Minutes
		if b.StartsAt != nil {
			s.StartsAt = wire.Moment(*b.StartsAt)
		}
		wire.Set(&s.Language, b.Language)
		if b.Interpreter != nil {
			s.Interpreter = b.Interpreter
		}
		if b.Headcounts != nil {
			s.Headcounts.V = headcount.From(b.Headcounts)
		}
		return fromParticipants(b.Participants), nil
	})
	if err != nil {
		return nil, err
	}
	return api.HoldMhpssSession200JSONResponse{Body: toSession(s), Headers: api.HoldMhpssSession200ResponseHeaders{ETag: wire.ETag(s.Version)}}, nil
}

// CancelMhpssSession cancels a planned session.
func (Handlers) CancelMhpssSession(ctx context.Context, req api.CancelMhpssSessionRequestObject) (api.CancelMhpssSessionResponseObject, error) {
	s, err := change(ctx, req.ID, req.Params.IfMatch, func(s *Session) ([]named, error) {
		err := s.in(planned)
		s.Status, s.Reason = cancelled, req.Body.Reason
		return nil, err
	})
	if err != nil {
		return nil, err
	}
	return api.CancelMhpssSession200JSONResponse{Body: toSession(s), Headers: api.CancelMhpssSession200ResponseHeaders{ETag: wire.ETag(s.Version)}}, nil
}

// VoidMhpssSession hides a session that was recorded in error.
func (Handlers) VoidMhpssSession(ctx context.Context, req api.VoidMhpssSessionRequestObject) (api.VoidMhpssSessionResponseObject, error) {
	s, err := change(ctx, req.ID, req.Params.IfMatch, func(s *Session) ([]named, error) {
		err := s.in(planned, held, cancelled)
		s.Status, s.Reason = void, req.Body.Reason
		return nil, err
	})
	if err != nil {
		return nil, err
	}
	return api.VoidMhpssSession200JSONResponse{Body: toSession(s), Headers: api.VoidMhpssSession200ResponseHeaders{ETag: wire.ETag(s.Version)}}, nil
}

var noteSorts = db.Sorts[Note]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(n *Note) any { return n.CreatedAt }},
}

// ListMhpssNotes returns one page of the notes on a session that the caller may read.
func (Handlers) ListMhpssNotes(ctx context.Context, req api.ListMhpssNotesRequestObject) (api.ListMhpssNotesResponseObject, error) {
	p := req.Params
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), noteSorts,
		func(q *gorm.DB) *gorm.DB { return q.Where("session_id = ?", req.ID) })
	if err != nil {
		return nil, err
	}
	if len(page.Rows) == 0 {
		if _, err := db.Get[Session](ctx, req.ID); err != nil {
			return nil, err
		}
	}
	return api.ListMhpssNotes200JSONResponse{Data: wire.Each(page.Rows, toNote), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateMhpssNote writes a note on a session.
func (Handlers) CreateMhpssNote(ctx context.Context, req api.CreateMhpssNoteRequestObject) (api.CreateMhpssNoteResponseObject, error) {
	s, err := db.LockAny[Session](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if err := s.in(planned, held, cancelled); err != nil {
		return nil, err
	}
	n := &Note{Record: db.NewRecord(req.Body.ID), SessionID: s.ID, WrittenBy: *caller(ctx), Text: req.Body.Text}
	if err := db.Insert(ctx, n); err != nil {
		return nil, err
	}
	return api.CreateMhpssNote201JSONResponse{Body: toNote(n), Headers: api.CreateMhpssNote201ResponseHeaders{ETag: wire.ETag(n.Version),
		Location: wire.Path(req.CentreID, "mhpss", "sessions", s.ID, "notes", n.ID)}}, nil
}

// GetMhpssNote returns a note that the caller may read.
func (Handlers) GetMhpssNote(ctx context.Context, req api.GetMhpssNoteRequestObject) (api.GetMhpssNoteResponseObject, error) {
	n, err := db.One[Note](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("session_id = ? and id = ?", req.ID, req.NoteID) })
	if err != nil {
		return nil, err
	}
	return api.GetMhpssNote200JSONResponse{Body: toNote(n), Headers: api.GetMhpssNote200ResponseHeaders{ETag: wire.ETag(n.Version)}}, nil
}

// counted is one line of the counts.
type counted struct {
	Activity, PyramidLevel, Kind   string
	PsychoEducation                bool
	Sessions, Attendances, Minutes int
}

// GetMhpssActivity counts held sessions and who came to them.
func (Handlers) GetMhpssActivity(ctx context.Context, req api.GetMhpssActivityRequestObject) (api.GetMhpssActivityResponseObject, error) {
	p := req.Params
	if p.To.Before(p.From.Time) {
		return nil, fault.InvalidField("to", "out_of_order", "The period ends before it begins.")
	}
	var rows []counted
	err := db.Tx(ctx).Model(&Session{}).Select("activity, pyramid_level, kind, psycho_education, count(*) as sessions, sum(persons) as attendances, sum(minutes) as minutes").
		Where("status = 'held' and starts_on between ? and ?", wire.Date(p.From), wire.Date(p.To)).
		Group("1, 2, 3, 4").Order("1, 2, 3, 4").Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	out := api.GetMhpssActivity200JSONResponse{From: p.From, To: p.To, Rows: wire.Each(rows, toCounted)}
	for _, r := range rows {
		out.Sessions, out.Attendances, out.Minutes = out.Sessions+r.Sessions, out.Attendances+r.Attendances, out.Minutes+r.Minutes
	}
	return out, nil
}
