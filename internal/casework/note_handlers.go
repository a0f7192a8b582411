package casework

import (
	"context"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/task"
	"github.com/waystation/waystation/internal/wire"
)

var noteSorts = db.Sorts[Note]{
	"occurred_at": {SQL: "occurred_at", Cast: "timestamptz", Value: func(n *Note) any { return n.OccurredAt }},
	"created_at":  {SQL: "created_at", Cast: "timestamptz", Value: func(n *Note) any { return n.CreatedAt }},
}

// ListCaseNotes returns one page of a case's notes.
func (Handlers) ListCaseNotes(ctx context.Context, req api.ListCaseNotesRequestObject) (api.ListCaseNotesResponseObject, error) {
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-occurred_at"), noteSorts, func(q *gorm.DB) *gorm.DB {
		if wire.Value(p.IncludeVoided) {
			return q
		}
		return q.Where("voided_at is null")
	})
	if err != nil {
		return nil, err
	}
	return api.ListCaseNotes200JSONResponse{Data: wire.Each(page.Rows, toNote), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateCaseNote writes a note.
func (Handlers) CreateCaseNote(ctx context.Context, req api.CreateCaseNoteRequestObject) (api.CreateCaseNoteResponseObject, error) {
	c, err := lockUnderWay(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	n := fromNoteCreate(*req.Body, c)
	if err := addNote(ctx, c, n); err != nil {
		return nil, err
	}
	return api.CreateCaseNote201JSONResponse{Body: toNote(n), Headers: api.CreateCaseNote201ResponseHeaders{ETag: wire.ETag(n.Version), Location: c.path() + "/notes/" + n.ID.String()}}, nil
}

// GetCaseNote returns one note.
func (Handlers) GetCaseNote(ctx context.Context, req api.GetCaseNoteRequestObject) (api.GetCaseNoteResponseObject, error) {
	n, err := read[Note](ctx, req.ID, req.NoteID)
	if err != nil {
		return nil, err
	}
	return api.GetCaseNote200JSONResponse{Body: toNote(n), Headers: api.GetCaseNote200ResponseHeaders{ETag: wire.ETag(n.Version)}}, nil
}

// UpdateCaseNote edits a note and keeps what it said.
func (Handlers) UpdateCaseNote(ctx context.Context, req api.UpdateCaseNoteRequestObject) (api.UpdateCaseNoteResponseObject, error) {
	n, err := changeNote(ctx, place{req.ID, req.NoteID, req.Params.IfMatch}, func(c *Case, n *Note, a *Act) error {
		if err := n.mayEdit(a); err != nil {
			return err
		}
		wire.Set(&n.Text, req.Body.Text)
		if req.Body.Mentions != nil {
			n.mention(*req.Body.Mentions)
			if err := n.call(ctx, c); err != nil {
				return err
			}
		}
		n.OccurredAt, n.EditedAt = moment(req.Body.OccurredAt, n.OccurredAt), a.now()
		n.mark(a.Policy.Case.LateNoteHours)
		return happened("/occurred_at", n.OccurredAt, a.At)
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateCaseNote200JSONResponse{Body: toNote(n), Headers: api.UpdateCaseNote200ResponseHeaders{ETag: wire.ETag(n.Version)}}, nil
}

// VoidCaseNote hides a note that was written in error.
func (Handlers) VoidCaseNote(ctx context.Context, req api.VoidCaseNoteRequestObject) (api.VoidCaseNoteResponseObject, error) {
	n, err := changeNote(ctx, place{req.ID, req.NoteID, req.Params.IfMatch}, func(_ *Case, n *Note, a *Act) error {
		if err := n.void(req.Body.Reason, a); err != nil {
			return err
		}
		return task.Settle(ctx, mentionKind, n.ID, a.By)
	})
	if err != nil {
		return nil, err
	}
	return api.VoidCaseNote200JSONResponse{Body: toNote(n), Headers: api.VoidCaseNote200ResponseHeaders{ETag: wire.ETag(n.Version)}}, nil
}

// changeNote changes a note of a case under way and keeps the version before.
func changeNote(ctx context.Context, at place, fn func(*Case, *Note, *Act) error) (*Note, error) {
	return change(ctx, at, lockUnderWay, func(c *Case, n *Note, a *Act) error {
		before := n.version()
		if err := fn(c, n, a); err != nil {
			return err
		}
		return db.Insert(ctx, before)
	})
}

var versionSorts = db.Sorts[NoteVersion]{
	"number": {SQL: "number", Cast: "bigint", Value: func(v *NoteVersion) any { return v.Number }},
}

// ListCaseNoteVersions returns one page of what a note said before.
func (Handlers) ListCaseNoteVersions(ctx context.Context, req api.ListCaseNoteVersionsRequestObject) (api.ListCaseNoteVersionsResponseObject, error) {
	if _, err := read[Note](ctx, req.ID, req.NoteID); err != nil {
		return nil, err
	}
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "number"), versionSorts, func(q *gorm.DB) *gorm.DB {
		return q.Where("note_id = ?", req.NoteID)
	})
	if err != nil {
		return nil, err
	}
	return api.ListCaseNoteVersions200JSONResponse{Data: wire.Each(page.Rows, toNoteVersion), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}
