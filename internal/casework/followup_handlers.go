package casework

import (
	"context"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

var followupSorts = db.Sorts[Followup]{
	"due_at":     {SQL: "due_at", Cast: "timestamptz", Value: func(f *Followup) any { return f.DueAt }},
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(f *Followup) any { return f.CreatedAt }},
}

// ListCaseFollowups returns one page of a case's follow-ups.
func (Handlers) ListCaseFollowups(ctx context.Context, req api.ListCaseFollowupsRequestObject) (api.ListCaseFollowupsResponseObject, error) {
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "due_at"), followupSorts, func(q *gorm.DB) *gorm.DB {
		return where(q.Where("voided_at is null"), "(done_at is not null) = ?", p.Done)
	})
	if err != nil {
		return nil, err
	}
	if err := withAttempts(ctx, page.Rows); err != nil {
		return nil, err
	}
	return api.ListCaseFollowups200JSONResponse{Data: wire.Each(page.Rows, toFollowup), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateCaseFollowup plans a follow-up, or records one that took place.
func (Handlers) CreateCaseFollowup(ctx context.Context, req api.CreateCaseFollowupRequestObject) (api.CreateCaseFollowupResponseObject, error) {
	c, err := lockFollowable(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	a, err := newAct(ctx, c)
	if err != nil {
		return nil, err
	}
	f, err := fromFollowupCreate(*req.Body, c, a)
	if err != nil {
		return nil, err
	}
	if err := addFollowup(ctx, c, f, a); err != nil {
		return nil, err
	}
	return api.CreateCaseFollowup201JSONResponse{Body: toFollowup(f), Headers: api.CreateCaseFollowup201ResponseHeaders{ETag: wire.ETag(f.Version), Location: c.path() + "/follow-ups/" + f.ID.String()}}, nil
}

func fromFollowupCreate(b api.CaseFollowupCreate, c *Case, a *Act) (*Followup, error) {
	f := &Followup{Record: db.NewRecord(b.ID), CaseID: c.ID, Type: b.Type, ResponsibleID: b.ResponsibleID}
	if b.DueAt != nil {
		f.DueAt = moment(b.DueAt, a.At)
	}
	if b.DoneAt == nil && b.Need == nil {
		return f, nil
	}
	if b.DoneAt == nil || b.Need == nil {
		return nil, fault.InvalidField("/done_at", "incomplete", "A follow-up that took place has done_at and need; one that is due has neither.")
	}
	return f, f.complete(moment(b.DoneAt, a.At), *b.Need, wire.Value(b.Outcome), a)
}

// GetCaseFollowup returns one follow-up.
func (Handlers) GetCaseFollowup(ctx context.Context, req api.GetCaseFollowupRequestObject) (api.GetCaseFollowupResponseObject, error) {
	f, err := read[Followup](ctx, req.ID, req.FollowupID)
	if err != nil {
		return nil, err
	}
	if err := f.load(ctx); err != nil {
		return nil, err
	}
	return api.GetCaseFollowup200JSONResponse{Body: toFollowup(f), Headers: api.GetCaseFollowup200ResponseHeaders{ETag: wire.ETag(f.Version)}}, nil
}

// load fills in the attempts.
func (f *Followup) load(ctx context.Context) error {
	one := []Followup{*f}
	err := withAttempts(ctx, one)
	f.Attempts = one[0].Attempts
	return err
}

// changeFollowup changes a follow-up of a case that may be followed up.
func changeFollowup(ctx context.Context, at place, fn func(*Followup, *Act) error, then ...func(*Case, *Followup, *Act) error) (*Followup, error) {
	f, err := change(ctx, at, lockFollowable, func(_ *Case, f *Followup, a *Act) error { return fn(f, a) }, then...)
	if err != nil {
		return nil, err
	}
	return f, f.load(ctx)
}

// UpdateCaseFollowup applies a merge patch to a follow-up that is due.
func (Handlers) UpdateCaseFollowup(ctx context.Context, req api.UpdateCaseFollowupRequestObject) (api.UpdateCaseFollowupResponseObject, error) {
	f, err := changeFollowup(ctx, place{req.ID, req.FollowupID, req.Params.IfMatch}, func(f *Followup, _ *Act) error {
		if err := f.due(); err != nil {
			return err
		}
		wire.Set(&f.Type, req.Body.Type)
		f.DueAt = moment(req.Body.DueAt, f.DueAt)
		wire.SetNull(&f.ResponsibleID, req.Body.ResponsibleID)
		return f.checkResponsible(ctx)
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateCaseFollowup200JSONResponse{Body: toFollowup(f), Headers: api.UpdateCaseFollowup200ResponseHeaders{ETag: wire.ETag(f.Version)}}, nil
}

// CompleteCaseFollowup records that a follow-up took place.
func (Handlers) CompleteCaseFollowup(ctx context.Context, req api.CompleteCaseFollowupRequestObject) (api.CompleteCaseFollowupResponseObject, error) {
	b := req.Body
	f, err := changeFollowup(ctx, place{req.ID, req.FollowupID, req.Params.IfMatch}, func(f *Followup, a *Act) error {
		return f.complete(moment(b.DoneAt, a.At), b.Need, wire.Value(b.Outcome), a)
	}, func(c *Case, f *Followup, a *Act) error { return tookPlace(ctx, c, f, a) })
	if err != nil {
		return nil, err
	}
	return api.CompleteCaseFollowup200JSONResponse{Body: toFollowup(f), Headers: api.CompleteCaseFollowup200ResponseHeaders{ETag: wire.ETag(f.Version)}}, nil
}

// AddContactAttempt records an attempt to reach the person.
func (Handlers) AddContactAttempt(ctx context.Context, req api.AddContactAttemptRequestObject) (api.AddContactAttemptResponseObject, error) {
	b := req.Body
	f, err := changeFollowup(ctx, place{req.ID, req.FollowupID, req.Params.IfMatch}, func(f *Followup, a *Act) error {
		x := &ContactAttempt{Record: db.NewRecord(nil), CaseID: f.CaseID, FollowupID: f.ID, At: moment(b.At, a.At), Method: string(b.Method), Note: wire.Value(b.Note), ByID: *a.By}
		if err := f.attempt(x, a.At); err != nil {
			return err
		}
		return db.Insert(ctx, x)
	})
	if err != nil {
		return nil, err
	}
	return api.AddContactAttempt200JSONResponse{Body: toFollowup(f), Headers: api.AddContactAttempt200ResponseHeaders{ETag: wire.ETag(f.Version)}}, nil
}

// VoidCaseFollowup hides a follow-up that was entered in error and sets the clock as if it had not been.
func (Handlers) VoidCaseFollowup(ctx context.Context, req api.VoidCaseFollowupRequestObject) (api.VoidCaseFollowupResponseObject, error) {
	f, err := changeFollowup(ctx, place{req.ID, req.FollowupID, req.Params.IfMatch}, func(f *Followup, a *Act) error {
		return f.void(req.Body.Reason, a.At)
	}, func(c *Case, f *Followup, a *Act) error {
		if f.DoneAt == nil {
			return nil
		}
		return followed(ctx, c, a)
	})
	if err != nil {
		return nil, err
	}
	return api.VoidCaseFollowup200JSONResponse{Body: toFollowup(f), Headers: api.VoidCaseFollowup200ResponseHeaders{ETag: wire.ETag(f.Version)}}, nil
}
