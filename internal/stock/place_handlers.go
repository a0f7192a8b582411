package stock

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// ListStockLocations returns one page of stores and bins.
func (Handlers) ListStockLocations(ctx context.Context, req api.ListStockLocationsRequestObject) (api.ListStockLocationsResponseObject, error) {
	p := req.Params
	f := db.When(db.Conditions{}, "active = ?", p.Active)
	f = db.When(f, "parent_id = ?", p.ParentID)
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "code"), locationSorts, f.Apply)
	if err != nil {
		return nil, err
	}
	return api.ListStockLocations200JSONResponse{Data: wire.Each(page.Rows, toLocation), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateStockLocation adds a store or a bin.
func (Handlers) CreateStockLocation(ctx context.Context, req api.CreateStockLocationRequestObject) (api.CreateStockLocationResponseObject, error) {
	row := fromLocationCreate(*req.Body)
	if err := row.add(ctx); err != nil {
		return nil, err
	}
	return api.CreateStockLocation201JSONResponse{Body: toLocation(row), Headers: api.CreateStockLocation201ResponseHeaders{ETag: wire.ETag(row.Version), Location: wire.Path(req.CentreID, "stock", "locations", row.ID)}}, nil
}

// GetStockLocation returns one store or bin.
func (Handlers) GetStockLocation(ctx context.Context, req api.GetStockLocationRequestObject) (api.GetStockLocationResponseObject, error) {
	row, err := db.Get[Location](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetStockLocation200JSONResponse{Body: toLocation(row), Headers: api.GetStockLocation200ResponseHeaders{ETag: wire.ETag(row.Version)}}, nil
}

// UpdateStockLocation applies a merge patch to a store or bin.
func (Handlers) UpdateStockLocation(ctx context.Context, req api.UpdateStockLocationRequestObject) (api.UpdateStockLocationResponseObject, error) {
	row, err := changeLocation(ctx, req.ID, req.Params.IfMatch, func(l *Location) { l.patch(*req.Body) })
	if err != nil {
		return nil, err
	}
	return api.UpdateStockLocation200JSONResponse{Body: toLocation(row), Headers: api.UpdateStockLocation200ResponseHeaders{ETag: wire.ETag(row.Version)}}, nil
}

// ListStockLots returns one page of lots.
func (Handlers) ListStockLots(ctx context.Context, req api.ListStockLotsRequestObject) (api.ListStockLotsResponseObject, error) {
	p := req.Params
	f := db.When(db.Conditions{}, "item_id = ?", p.ItemID)
	f = db.When(f, "expires_on < ?", wire.OptDate(p.ExpiresBefore))
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-received_on"), lotSorts, f.Apply)
	if err != nil {
		return nil, err
	}
	return api.ListStockLots200JSONResponse{Data: wire.Each(page.Rows, toLot), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// GetStockLot returns one lot.
func (Handlers) GetStockLot(ctx context.Context, req api.GetStockLotRequestObject) (api.GetStockLotResponseObject, error) {
	row, err := db.Get[Lot](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetStockLot200JSONResponse{Body: toLot(row), Headers: api.GetStockLot200ResponseHeaders{ETag: wire.ETag(row.Version)}}, nil
}
