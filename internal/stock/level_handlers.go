package stock

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// GetStockConsumption tells what is used of each item and how long it lasts.
func (Handlers) GetStockConsumption(ctx context.Context, req api.GetStockConsumptionRequestObject) (api.GetStockConsumptionResponseObject, error) {
	b, err := booksOf(ctx)
	if err != nil {
		return nil, err
	}
	levels, err := b.levels(ctx, req.CentreID)
	if err != nil {
		return nil, err
	}
	w := b.window()
	out := api.StockConsumption{AsOf: b.now, From: wire.ToDate(db.NewDate(w.From)), To: wire.ToDate(db.NewDate(w.To)), Months: w.Months, Data: []api.StockLevel{}}
	for i := range levels {
		if req.Params.State == nil || string(*req.Params.State) == levels[i].State {
			out.Data = append(out.Data, toLevel(&levels[i]))
		}
	}
	return api.GetStockConsumption200JSONResponse(out), nil
}

// GetStockExpiryOutlook tells of what expires before it will be used.
func (Handlers) GetStockExpiryOutlook(ctx context.Context, req api.GetStockExpiryOutlookRequestObject) (api.GetStockExpiryOutlookResponseObject, error) {
	b, err := booksOf(ctx)
	if err != nil {
		return nil, err
	}
	levels, err := b.levels(ctx, req.CentreID)
	if err != nil {
		return nil, err
	}
	within := b.policy.ExpiryNoticeDays
	if req.Params.WithinDays != nil {
		within = *req.Params.WithinDays
	}
	rows, err := b.outlook(ctx, req.CentreID, within, levels)
	if err != nil {
		return nil, err
	}
	return api.GetStockExpiryOutlook200JSONResponse{AsOf: b.now, WithinDays: within, Data: wire.Each(rows, func(e *Expiry) api.StockExpiry {
		return api.StockExpiry{ItemID: e.ItemID, LotID: e.LotID, Batch: wire.Opt(e.Batch), ExpiresOn: wire.ToDate(e.ExpiresOn), OnHand: e.OnHand.String(), AtRisk: e.AtRisk.String()}
	})}, nil
}

// ListStockAlerts returns one page of alerts.
func (Handlers) ListStockAlerts(ctx context.Context, req api.ListStockAlertsRequestObject) (api.ListStockAlertsResponseObject, error) {
	p := req.Params
	f := db.When(db.Conditions{}, "(ended_at is null) = ?", p.Open)
	f = db.When(f, "kind = ?", p.Kind)
	f = db.When(f, "item_id = ?", p.ItemID)
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), alertSorts, f.Apply)
	if err != nil {
		return nil, err
	}
	return api.ListStockAlerts200JSONResponse{NextCursor: wire.Next(page.Next), Total: page.Total, Data: wire.Each(page.Rows, func(a *Alert) api.StockAlert {
		return api.StockAlert{ID: a.ID, CreatedAt: a.CreatedAt, ItemID: a.ItemID, Kind: api.StockAlertKind(a.Kind), EndedAt: a.EndedAt}
	})}, nil
}

func toLevel(l *Level) api.StockLevel {
	return api.StockLevel{
		ItemID: l.ItemID, Code: l.Code, Name: l.Name, Unit: l.Unit, Available: l.Available.String(), Used: l.Used.String(), StockOutDays: l.StockOutDays,
		Monthly: wire.ToOptNumber(l.Monthly), Months: wire.ToOptNumber(l.Months), Reorder: wire.ToOptNumber(l.Reorder), State: api.StockLevelState(l.State),
	}
}
