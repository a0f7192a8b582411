package stock

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// ListStockMovements returns one page of the ledger.
func (Handlers) ListStockMovements(ctx context.Context, req api.ListStockMovementsRequestObject) (api.ListStockMovementsResponseObject, error) {
	p := req.Params
	f := db.When(db.Conditions{}, "item_id = ?", p.ItemID)
	f = db.When(f, "location_id = ?", p.LocationID)
	f = db.When(f, "lot_id = ?", p.LotID)
	f = db.When(f, "document_id = ?", p.DocumentID)
	f = db.When(f, "type = ?", p.Type)
	f = db.When(f, "occurred_at >= ?", p.OccurredFrom)
	f = db.When(f, "occurred_at < ?", p.OccurredTo)
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-occurred_at"), movementSorts, f.Apply)
	if err != nil {
		return nil, err
	}
	return api.ListStockMovements200JSONResponse{Data: wire.Each(page.Rows, toMovement), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// GetStockMovement returns one entry of the ledger.
func (Handlers) GetStockMovement(ctx context.Context, req api.GetStockMovementRequestObject) (api.GetStockMovementResponseObject, error) {
	row, err := db.Get[Movement](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetStockMovement200JSONResponse{Body: toMovement(row), Headers: api.GetStockMovement200ResponseHeaders{ETag: wire.ETag(row.Version)}}, nil
}

// ListStockBalances returns one page of balances, of now or of a past instant.
func (Handlers) ListStockBalances(ctx context.Context, req api.ListStockBalancesRequestObject) (api.ListStockBalancesResponseObject, error) {
	p := req.Params
	f := db.When(db.Conditions{}, "item_id = ?", p.ItemID)
	f = db.When(f, "location_id = ?", p.LocationID)
	f = db.When(f, "lot_id = ?", p.LotID)
	to := toBalance
	if p.AsOf != nil {
		to = toPast
	}
	page, err := listBalances(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), f, p.AsOf, wire.Value(p.Empty))
	if err != nil {
		return nil, err
	}
	return api.ListStockBalances200JSONResponse{Data: wire.Each(page.Rows, to), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// GetStockCard returns one page of the card of an item, or of an item in one place.
func (Handlers) GetStockCard(ctx context.Context, req api.GetStockCardRequestObject) (api.GetStockCardResponseObject, error) {
	p := req.Params
	f := db.When(db.Conditions{}.And("item_id = ?", p.ItemID), "location_id = ?", p.LocationID)
	f = db.When(f, "lot_id = ?", p.LotID)
	within := db.When(db.When(db.Conditions{}, "occurred_at >= ?", p.OccurredFrom), "occurred_at < ?", p.OccurredTo)
	c, err := readCard(ctx, db.Listing{Limit: wire.Value(p.Limit), Cursor: wire.Value(p.Cursor), Sort: "occurred_at"}, f, within)
	if err != nil {
		return nil, err
	}
	return api.GetStockCard200JSONResponse(toCard(c)), nil
}

// ListStockPeriods returns one page of closed periods.
func (Handlers) ListStockPeriods(ctx context.Context, req api.ListStockPeriodsRequestObject) (api.ListStockPeriodsResponseObject, error) {
	p := req.Params
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-through_on"), periodSorts, db.Conditions{}.Apply)
	if err != nil {
		return nil, err
	}
	return api.ListStockPeriods200JSONResponse{Data: wire.Each(page.Rows, toPeriod), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CloseStockPeriod closes the books through a day.
func (Handlers) CloseStockPeriod(ctx context.Context, req api.CloseStockPeriodRequestObject) (api.CloseStockPeriodResponseObject, error) {
	row := &Period{Record: db.NewRecord(req.Body.ID), ThroughOn: wire.Date(req.Body.ThroughOn), Note: wire.Value(req.Body.Note)}
	if err := closePeriod(ctx, row); err != nil {
		return nil, err
	}
	return api.CloseStockPeriod201JSONResponse{Body: toPeriod(row), Headers: api.CloseStockPeriod201ResponseHeaders{ETag: wire.ETag(row.Version), Location: wire.Path(req.CentreID, "stock", "periods", row.ID)}}, nil
}

// GetStockPeriod returns one closed period.
func (Handlers) GetStockPeriod(ctx context.Context, req api.GetStockPeriodRequestObject) (api.GetStockPeriodResponseObject, error) {
	row, err := db.Get[Period](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetStockPeriod200JSONResponse{Body: toPeriod(row), Headers: api.GetStockPeriod200ResponseHeaders{ETag: wire.ETag(row.Version)}}, nil
}

// ListStockRecounts returns one page of nightly proofs.
func (Handlers) ListStockRecounts(ctx context.Context, req api.ListStockRecountsRequestObject) (api.ListStockRecountsResponseObject, error) {
	p := req.Params
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), recountSorts, db.Conditions{}.Apply)
	if err != nil {
		return nil, err
	}
	return api.ListStockRecounts200JSONResponse{Data: wire.Each(page.Rows, toRecount), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}
