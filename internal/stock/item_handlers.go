package stock

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// ListStockItems returns one page of items.
func (Handlers) ListStockItems(ctx context.Context, req api.ListStockItemsRequestObject) (api.ListStockItemsResponseObject, error) {
	p := req.Params
	f := db.When(db.Conditions{}, "active = ?", p.Active)
	f = db.When(f, "category = ?", p.Category)
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "code"), itemSorts, f.Apply)
	if err != nil {
		return nil, err
	}
	return api.ListStockItems200JSONResponse{Data: wire.Each(page.Rows, toItem), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateStockItem adds an item, from the catalogue or of the centre's own.
func (Handlers) CreateStockItem(ctx context.Context, req api.CreateStockItemRequestObject) (api.CreateStockItemResponseObject, error) {
	row := fromItemCreate(*req.Body)
	if err := row.add(ctx); err != nil {
		return nil, err
	}
	return api.CreateStockItem201JSONResponse{Body: toItem(row), Headers: api.CreateStockItem201ResponseHeaders{ETag: wire.ETag(row.Version), Location: wire.Path(req.CentreID, "stock", "items", row.ID)}}, nil
}

// GetStockItem returns one item.
func (Handlers) GetStockItem(ctx context.Context, req api.GetStockItemRequestObject) (api.GetStockItemResponseObject, error) {
	row, err := db.Get[Item](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetStockItem200JSONResponse{Body: toItem(row), Headers: api.GetStockItem200ResponseHeaders{ETag: wire.ETag(row.Version)}}, nil
}

// UpdateStockItem applies a merge patch to an item.
func (Handlers) UpdateStockItem(ctx context.Context, req api.UpdateStockItemRequestObject) (api.UpdateStockItemResponseObject, error) {
	row, err := changeItem(ctx, req.ID, req.Params.IfMatch, func(i *Item) error { i.patch(*req.Body); return i.judge() })
	if err != nil {
		return nil, err
	}
	return api.UpdateStockItem200JSONResponse{Body: toItem(row), Headers: api.UpdateStockItem200ResponseHeaders{ETag: wire.ETag(row.Version)}}, nil
}

// RefreshStockItem takes over what the catalogue says today.
func (Handlers) RefreshStockItem(ctx context.Context, req api.RefreshStockItemRequestObject) (api.RefreshStockItemResponseObject, error) {
	row, err := changeItem(ctx, req.ID, req.Params.IfMatch, (*Item).refresh)
	if err != nil {
		return nil, err
	}
	return api.RefreshStockItem200JSONResponse{Body: toItem(row), Headers: api.RefreshStockItem200ResponseHeaders{ETag: wire.ETag(row.Version)}}, nil
}
