package casework

import (
	"context"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

var wallSorts = db.Sorts[Wall]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(w *Wall) any { return w.CreatedAt }},
}

// ListCaseWalls returns one page of those from whom a file is kept.
func (Handlers) ListCaseWalls(ctx context.Context, req api.ListCaseWallsRequestObject) (api.ListCaseWallsResponseObject, error) {
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), wallSorts, func(q *gorm.DB) *gorm.DB {
		return where(q, "(ended_at is null) = ?", p.Current)
	})
	if err != nil {
		return nil, err
	}
	return api.ListCaseWalls200JSONResponse{Data: wire.Each(page.Rows, toWall), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// RaiseCaseWall keeps a file from a member of staff.
func (Handlers) RaiseCaseWall(ctx context.Context, req api.RaiseCaseWallRequestObject) (api.RaiseCaseWallResponseObject, error) {
	c, err := LockCase(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	w := &Wall{Record: db.NewRecord(req.Body.ID), UserID: req.Body.UserID, Reason: req.Body.Reason}
	if err := raise(ctx, c, w); err != nil {
		return nil, err
	}
	return api.RaiseCaseWall201JSONResponse{Body: toWall(w), Headers: api.RaiseCaseWall201ResponseHeaders{ETag: wire.ETag(w.Version), Location: c.path() + "/walls/" + w.ID.String()}}, nil
}

// GetCaseWall returns one wall.
func (Handlers) GetCaseWall(ctx context.Context, req api.GetCaseWallRequestObject) (api.GetCaseWallResponseObject, error) {
	w, err := read[Wall](ctx, req.ID, req.WallID)
	if err != nil {
		return nil, err
	}
	return api.GetCaseWall200JSONResponse{Body: toWall(w), Headers: api.GetCaseWall200ResponseHeaders{ETag: wire.ETag(w.Version)}}, nil
}

// EndCaseWall takes a wall down.
func (Handlers) EndCaseWall(ctx context.Context, req api.EndCaseWallRequestObject) (api.EndCaseWallResponseObject, error) {
	w, err := change(ctx, place{req.ID, req.WallID, req.Params.IfMatch}, LockCase, func(c *Case, w *Wall, a *Act) error {
		if err := mayWall(ctx, c); err != nil {
			return err
		}
		return w.end(req.Body.Reason, a.At)
	})
	if err != nil {
		return nil, err
	}
	return api.EndCaseWall200JSONResponse{Body: toWall(w), Headers: api.EndCaseWall200ResponseHeaders{ETag: wire.ETag(w.Version)}}, nil
}

func toWall(w *Wall) api.CaseWall {
	return api.CaseWall{
		ID: w.ID, Version: w.Version, CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt, CaseID: w.CaseID, UserID: w.UserID, Reason: w.Reason,
		RaisedBy: w.RaisedBy, EndReason: wire.Opt(w.EndReason), EndedAt: w.EndedAt,
	}
}
