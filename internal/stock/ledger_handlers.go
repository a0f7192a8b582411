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
	f := when(filter{}, "item_id = ?", p.ItemID)
	f = when(f, "location_id = ?", p.LocationID)
	f = when(f, "lot_id = ?", p.LotID)
	f = when(f, "document_id = ?", p.DocumentID)
	f = when(f, "type = ?", p.Type)
	f = when(f, "occurred_at >= ?", p.OccurredFrom)
	f = when(f, "occurred_at < ?", p.OccurredTo)
	page, err := listMovements(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-occurred_at"), f)
	if err != nil {
		return nil, err
	}
	return api.ListStockMovements200JSONResponse{Data: list(page.Rows, toMovement), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
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
	f := when(filter{}, "item_id = ?", p.ItemID)
	f = when(f, "location_id = ?", p.LocationID)
	f = when(f, "lot_id = ?", p.LotID)
	to := toBalance
	if p.AsOf != nil {
		to = toPast
	}
	page, err := listBalances(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), f, p.AsOf, wire.Value(p.Empty))
	if err != nil {
		return nil, err
	}
	return api.ListStockBalances200JSONResponse{Data: list(page.Rows, to), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// GetStockCard returns one page of the card of an item, or of an item in one place.
func (Handlers) GetStockCard(ctx context.Context, req api.GetStockCardRequestObject) (api.GetStockCardResponseObject, error) {
	p := req.Params
	f := when(filter{{"item_id = ?", p.ItemID}}, "location_id = ?", p.LocationID)
	f = when(f, "lot_id = ?", p.LotID)
	within := when(when(filter{}, "occurred_at >= ?", p.OccurredFrom), "occurred_at < ?", p.OccurredTo)
	c, err := readCard(ctx, db.Listing{Limit: wire.Value(p.Limit), Cursor: wire.Value(p.Cursor), Sort: "occurred_at"}, f, within)
	if err != nil {
		return nil, err
	}
	return api.GetStockCard200JSONResponse(toCard(c)), nil
}

// ListStockPeriods returns one page of closed periods.
func (Handlers) ListStockPeriods(ctx context.Context, req api.ListStockPeriodsRequestObject) (api.ListStockPeriodsResponseObject, error) {
	p := req.Params
	page, err := listPeriods(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-through_on"))
	if err != nil {
		return nil, err
	}
	return api.ListStockPeriods200JSONResponse{Data: list(page.Rows, toPeriod), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CloseStockPeriod closes the books through a day.
func (Handlers) CloseStockPeriod(ctx context.Context, req api.CloseStockPeriodRequestObject) (api.CloseStockPeriodResponseObject, error) {
	row := &Period{Record: db.NewRecord(req.Body.ID), ThroughOn: wire.Date(req.Body.ThroughOn), Note: wire.Value(req.Body.Note)}
	if err := closePeriod(ctx, row); err != nil {
		return nil, err
	}
	return api.CloseStockPeriod201JSONResponse{Body: toPeriod(row), Headers: api.CloseStockPeriod201ResponseHeaders{ETag: wire.ETag(row.Version), Location: at(req.CentreID, "periods", row.ID)}}, nil
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
	page, err := listRecounts(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"))
	if err != nil {
		return nil, err
	}
	return api.ListStockRecounts200JSONResponse{Data: list(page.Rows, toRecount), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}
