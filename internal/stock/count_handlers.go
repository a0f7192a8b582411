package stock

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// ListStockCounts returns one page of counts.
func (Handlers) ListStockCounts(ctx context.Context, req api.ListStockCountsRequestObject) (api.ListStockCountsResponseObject, error) {
	p := req.Params
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), countSorts, db.When(db.Conditions{}, "status = ?", p.Status).Apply)
	if err != nil {
		return nil, err
	}
	return api.ListStockCounts200JSONResponse{Data: wire.Each(page.Rows, toCountRow), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateStockCount plans a count.
func (Handlers) CreateStockCount(ctx context.Context, req api.CreateStockCountRequestObject) (api.CreateStockCountResponseObject, error) {
	b := *req.Body
	c := &Count{Record: db.NewRecord(b.ID), LocationIDs: b.LocationIds, ItemIDs: append(db.UUIDs{}, b.ItemIds...), PlannedOn: wire.OptDate(b.PlannedOn), Note: wire.Value(b.Note)}
	if err := c.plan(ctx); err != nil {
		return nil, err
	}
	return api.CreateStockCount201JSONResponse{Body: toCountRow(c), Headers: api.CreateStockCount201ResponseHeaders{ETag: wire.ETag(c.Version), Location: wire.Path(req.CentreID, "stock", "counts", c.ID)}}, nil
}

// GetStockCount returns one count.
func (Handlers) GetStockCount(ctx context.Context, req api.GetStockCountRequestObject) (api.GetStockCountResponseObject, error) {
	c, err := db.Get[Count](ctx, req.ID)
	out, etag, err := toCount(ctx, c, err)
	if err != nil {
		return nil, err
	}
	return api.GetStockCount200JSONResponse{Body: out, Headers: api.GetStockCount200ResponseHeaders{ETag: etag}}, nil
}

// OpenStockCount lists what the books have.
func (Handlers) OpenStockCount(ctx context.Context, req api.OpenStockCountRequestObject) (api.OpenStockCountResponseObject, error) {
	c, err := openCount(ctx, req.ID, req.Params.IfMatch)
	out, etag, err := toCount(ctx, c, err)
	if err != nil {
		return nil, err
	}
	return api.OpenStockCount200JSONResponse{Body: out, Headers: api.OpenStockCount200ResponseHeaders{ETag: etag}}, nil
}

// EnterStockCount takes down what was counted.
func (Handlers) EnterStockCount(ctx context.Context, req api.EnterStockCountRequestObject) (api.EnterStockCountResponseObject, error) {
	b := *req.Body
	figures := wire.Each(b.Lines, func(l *api.StockCountFigure) Figure {
		return Figure{LineID: l.LineID, Quantity: wire.Number(l.Quantity)}
	})
	finds := wire.Each(b.Found, func(l *api.StockCountFind) Find {
		return Find{ItemID: l.ItemID, LocationID: l.LocationID, LotID: l.LotID, ExpiresOn: wire.OptDate(l.ExpiresOn), Quantity: wire.Number(l.Quantity)}
	})
	c, err := enterCount(ctx, req.ID, wire.Moment(wire.Value(b.CountedAt)), figures, finds)
	out, etag, err := toCount(ctx, c, err)
	if err != nil {
		return nil, err
	}
	return api.EnterStockCount200JSONResponse{Body: out, Headers: api.EnterStockCount200ResponseHeaders{ETag: etag}}, nil
}

// SubmitStockCount closes the sheets.
func (Handlers) SubmitStockCount(ctx context.Context, req api.SubmitStockCountRequestObject) (api.SubmitStockCountResponseObject, error) {
	c, err := submitCount(ctx, req.ID, req.Params.IfMatch)
	out, etag, err := toCount(ctx, c, err)
	if err != nil {
		return nil, err
	}
	return api.SubmitStockCount200JSONResponse{Body: out, Headers: api.SubmitStockCount200ResponseHeaders{ETag: etag}}, nil
}

// ApproveStockCount posts the differences.
func (Handlers) ApproveStockCount(ctx context.Context, req api.ApproveStockCountRequestObject) (api.ApproveStockCountResponseObject, error) {
	c, err := approveCount(ctx, req.ID, req.Params.IfMatch, wire.Value(req.Body.Note))
	out, etag, err := toCount(ctx, c, err)
	if err != nil {
		return nil, err
	}
	return api.ApproveStockCount200JSONResponse{Body: out, Headers: api.ApproveStockCount200ResponseHeaders{ETag: etag}}, nil
}

// RejectStockCount ends a count that waits for its approval.
func (Handlers) RejectStockCount(ctx context.Context, req api.RejectStockCountRequestObject) (api.RejectStockCountResponseObject, error) {
	c, err := endCount(ctx, req.ID, req.Params.IfMatch, rejected, req.Body.Reason, review)
	out, etag, err := toCount(ctx, c, err)
	if err != nil {
		return nil, err
	}
	return api.RejectStockCount200JSONResponse{Body: out, Headers: api.RejectStockCount200ResponseHeaders{ETag: etag}}, nil
}

// CancelStockCount ends a count that nobody has decided.
func (Handlers) CancelStockCount(ctx context.Context, req api.CancelStockCountRequestObject) (api.CancelStockCountResponseObject, error) {
	c, err := endCount(ctx, req.ID, req.Params.IfMatch, cancelled, req.Body.Reason, planned, counting, recounts, review)
	out, etag, err := toCount(ctx, c, err)
	if err != nil {
		return nil, err
	}
	return api.CancelStockCount200JSONResponse{Body: out, Headers: api.CancelStockCount200ResponseHeaders{ETag: etag}}, nil
}

// lineStates are the conditions behind the filter by state.
var lineStates = map[api.ListStockCountLinesParamsState]string{
	"uncounted": "counted is null", "recount": "recount and recounted is null", "varying": "coalesce(recounted, counted) <> expected",
}

// ListStockCountLines returns one page of a count's sheets.
func (Handlers) ListStockCountLines(ctx context.Context, req api.ListStockCountLinesRequestObject) (api.ListStockCountLinesResponseObject, error) {
	p := req.Params
	if _, err := db.Pgx(ctx); err != nil { // begin: two reads
		return nil, err
	}
	c, err := db.Get[Count](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	f := db.Conditions{}.And("count_id = ?", req.ID)
	if p.State != nil {
		f = f.And("("+lineStates[*p.State]+") and ?", *p.State != "varying" || !c.blind()) // the books are not told before their time
	}
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "position"), countLineSorts, f.Apply)
	if err != nil {
		return nil, err
	}
	by := caller(ctx)
	return api.ListStockCountLines200JSONResponse{Data: wire.Each(page.Rows, func(l *CountLine) api.StockCountLine {
		return toCountLine(l, c.blind(), by)
	}), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// toCount adds how far it has come, and is handed the error of what came before.
func toCount(ctx context.Context, c *Count, err error) (api.StockCount, string, error) {
	if err != nil {
		return api.StockCount{}, "", err
	}
	p, err := progressOf(ctx, c.ID)
	out := toCountRow(c)
	out.Progress = &api.StockCountProgress{Lines: p.Lines, Uncounted: p.Uncounted, Recounts: p.Recounts}
	if !c.blind() {
		out.Progress.Varying = &p.Varying
	}
	return out, wire.ETag(c.Version), err
}

func toCountRow(c *Count) api.StockCount {
	return api.StockCount{
		ID: c.ID, Version: c.Version, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, Number: c.Number, Status: api.StockCountStatus(c.Status), LocationIds: c.LocationIDs,
		ItemIds: append([]uuid.UUID{}, c.ItemIDs...), PlannedOn: wire.ToOptDate(c.PlannedOn), Note: wire.Opt(c.Note), OpenedBy: c.OpenedBy, OpenedAt: c.OpenedAt,
		SubmittedBy: c.SubmittedBy, SubmittedAt: c.SubmittedAt, DecidedBy: c.DecidedBy, DecidedAt: c.DecidedAt, DecisionNote: wire.Opt(c.DecisionNote), DocumentID: c.DocumentID,
	}
}

// toCountLine hides the books and what others counted while the count is blind.
func toCountLine(l *CountLine, blind bool, by *uuid.UUID) api.StockCountLine {
	out := api.StockCountLine{
		ID: l.ID, Version: l.Version, CreatedAt: l.CreatedAt, UpdatedAt: l.UpdatedAt, Position: l.Position, ItemID: l.ItemID, LocationID: l.LocationID, LotID: l.LotID,
		ExpiresOn: wire.ToOptDate(l.ExpiresOn), Found: l.Found, Recount: l.Recount, CountedBy: l.CountedBy, CountedAt: l.CountedAt, RecountedBy: l.RecountedBy, RecountedAt: l.RecountedAt,
	}
	if !blind || same(l.CountedBy, by) {
		out.Counted = wire.ToOptNumber(l.Counted)
	}
	if !blind || same(l.RecountedBy, by) {
		out.Recounted = wire.ToOptNumber(l.Recounted)
	}
	if !blind {
		out.Expected, out.Variance = wire.ToOptNumber(l.Expected), wire.ToOptNumber(l.variance())
	}
	return out
}
