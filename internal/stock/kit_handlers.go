package stock

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

func toKit(k *Kit) api.StockKit {
	return api.StockKit{ID: k.ID, Version: k.Version, CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt, ItemID: k.ItemID, Active: k.Active,
		Components: wire.Each(k.Components.V, func(c *Component) api.StockComponent {
			return api.StockComponent{ItemID: c.ItemID, Quantity: c.Quantity.String()}
		})}
}

func fromComponents(rows []api.StockComponent) []Component {
	return wire.Each(rows, func(c *api.StockComponent) Component { return Component{c.ItemID, wire.Number(c.Quantity)} })
}

func fromAssembly(b api.StockAssembly) kitting {
	return kitting{id: b.ID, place: b.LocationID, quantity: wire.Number(b.Quantity), at: wire.Moment(wire.Value(b.OccurredAt)), note: wire.Value(b.Note)}
}

var kitSorts = db.Sorts[Kit]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(k *Kit) any { return k.CreatedAt }},
}

// ListStockKits returns one page of kits.
func (Handlers) ListStockKits(ctx context.Context, req api.ListStockKitsRequestObject) (api.ListStockKitsResponseObject, error) {
	p := req.Params
	f := db.When(db.Conditions{}, "active = ?", p.Active)
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), kitSorts, f.Apply)
	if err != nil {
		return nil, err
	}
	return api.ListStockKits200JSONResponse{Data: wire.Each(page.Rows, toKit), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateStockKit says what a kit is made of.
func (Handlers) CreateStockKit(ctx context.Context, req api.CreateStockKitRequestObject) (api.CreateStockKitResponseObject, error) {
	k := &Kit{Record: db.NewRecord(req.Body.ID), ItemID: req.Body.ItemID, Active: true}
	k.Components.V = fromComponents(req.Body.Components)
	if err := k.judge(ctx); err != nil {
		return nil, err
	}
	if err := db.Insert(ctx, k); err != nil {
		return nil, err
	}
	return api.CreateStockKit201JSONResponse{Body: toKit(k), Headers: api.CreateStockKit201ResponseHeaders{ETag: wire.ETag(k.Version), Location: wire.Path(req.CentreID, "stock", "kits", k.ID)}}, nil
}

// GetStockKit returns one kit.
func (Handlers) GetStockKit(ctx context.Context, req api.GetStockKitRequestObject) (api.GetStockKitResponseObject, error) {
	k, err := db.Get[Kit](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetStockKit200JSONResponse{Body: toKit(k), Headers: api.GetStockKit200ResponseHeaders{ETag: wire.ETag(k.Version)}}, nil
}

// UpdateStockKit applies a merge patch to a kit.
func (Handlers) UpdateStockKit(ctx context.Context, req api.UpdateStockKitRequestObject) (api.UpdateStockKitResponseObject, error) {
	k, err := changeKit(ctx, req.ID, req.Params.IfMatch, func(k *Kit) {
		if req.Body.Components != nil {
			k.Components.V = fromComponents(req.Body.Components)
		}
		wire.Set(&k.Active, req.Body.Active)
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateStockKit200JSONResponse{Body: toKit(k), Headers: api.UpdateStockKit200ResponseHeaders{ETag: wire.ETag(k.Version)}}, nil
}

// AssembleStockKit assembles kits.
func (Handlers) AssembleStockKit(ctx context.Context, req api.AssembleStockKitRequestObject) (api.AssembleStockKitResponseObject, error) {
	row, err := assemble(ctx, req.ID, fromAssembly(*req.Body))
	if err != nil {
		return nil, err
	}
	return api.AssembleStockKit201JSONResponse{Body: toPaper(row), Headers: api.AssembleStockKit201ResponseHeaders{ETag: wire.ETag(row.Version), Location: wire.Path(req.CentreID, "stock", "documents", row.ID)}}, nil
}

// DisassembleStockKit takes kits apart.
func (Handlers) DisassembleStockKit(ctx context.Context, req api.DisassembleStockKitRequestObject) (api.DisassembleStockKitResponseObject, error) {
	row, err := disassemble(ctx, req.ID, fromAssembly(*req.Body))
	if err != nil {
		return nil, err
	}
	return api.DisassembleStockKit201JSONResponse{Body: toPaper(row), Headers: api.DisassembleStockKit201ResponseHeaders{ETag: wire.ETag(row.Version), Location: wire.Path(req.CentreID, "stock", "documents", row.ID)}}, nil
}
