package stock

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// ListStockTransfers returns one page of transfers that leave the centre.
func (Handlers) ListStockTransfers(ctx context.Context, req api.ListStockTransfersRequestObject) (api.ListStockTransfersResponseObject, error) {
	p := req.Params
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), transferSorts, db.When(db.Conditions{}, "status = ?", p.Status).Apply)
	if err != nil {
		return nil, err
	}
	return api.ListStockTransfers200JSONResponse{Data: wire.Each(page.Rows, toTransferRow), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateStockTransfer asks for goods to be sent.
func (Handlers) CreateStockTransfer(ctx context.Context, req api.CreateStockTransferRequestObject) (api.CreateStockTransferResponseObject, error) {
	b := *req.Body
	if (b.ToLocationID == nil) == (wire.Value(b.ToCentreCode) == "") {
		return nil, fault.InvalidField("/to_location_id", "one_destination", "Name one destination: a place of this centre with to_location_id, or another centre with to_centre_code.")
	}
	t := fromTransferCreate(b)
	if err := request(ctx, t, wire.Value(b.ToCentreCode)); err != nil {
		return nil, err
	}
	return api.CreateStockTransfer201JSONResponse{Body: toTransferRow(t), Headers: api.CreateStockTransfer201ResponseHeaders{ETag: wire.ETag(t.Version), Location: wire.Path(req.CentreID, "stock", "transfers", t.ID)}}, nil
}

// GetStockTransfer returns one transfer with what travels.
func (Handlers) GetStockTransfer(ctx context.Context, req api.GetStockTransferRequestObject) (api.GetStockTransferResponseObject, error) {
	c, err := findTransfer(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetStockTransfer200JSONResponse{Body: toTransfer(c), Headers: api.GetStockTransfer200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// ApproveStockTransfer lets the goods go.
func (Handlers) ApproveStockTransfer(ctx context.Context, req api.ApproveStockTransferRequestObject) (api.ApproveStockTransferResponseObject, error) {
	c, err := decide(ctx, req.ID, req.Params.IfMatch, approved, wire.Value(req.Body.Note))
	if err != nil {
		return nil, err
	}
	return api.ApproveStockTransfer200JSONResponse{Body: toTransfer(c), Headers: api.ApproveStockTransfer200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// RejectStockTransfer ends a transfer before it began.
func (Handlers) RejectStockTransfer(ctx context.Context, req api.RejectStockTransferRequestObject) (api.RejectStockTransferResponseObject, error) {
	c, err := decide(ctx, req.ID, req.Params.IfMatch, rejected, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.RejectStockTransfer200JSONResponse{Body: toTransfer(c), Headers: api.RejectStockTransfer200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// CancelStockTransfer takes a transfer back whose goods have not left.
func (Handlers) CancelStockTransfer(ctx context.Context, req api.CancelStockTransferRequestObject) (api.CancelStockTransferResponseObject, error) {
	c, err := decide(ctx, req.ID, req.Params.IfMatch, cancelled, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.CancelStockTransfer200JSONResponse{Body: toTransfer(c), Headers: api.CancelStockTransfer200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// DispatchStockTransfer sends the goods.
func (Handlers) DispatchStockTransfer(ctx context.Context, req api.DispatchStockTransferRequestObject) (api.DispatchStockTransferResponseObject, error) {
	c, err := dispatch(ctx, req.ID, req.Params.IfMatch, Waybill{Driver: wire.Value(req.Body.Driver), Vehicle: wire.Value(req.Body.Vehicle), Seal: wire.Value(req.Body.Seal)})
	if err != nil {
		return nil, err
	}
	return api.DispatchStockTransfer200JSONResponse{Body: toTransfer(c), Headers: api.DispatchStockTransfer200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// SettleStockTransfer says what became of what did not arrive.
func (Handlers) SettleStockTransfer(ctx context.Context, req api.SettleStockTransferRequestObject) (api.SettleStockTransferResponseObject, error) {
	c, err := settleTransfer(ctx, req.ID, req.Params.IfMatch, wire.Value(req.Body.Note), wire.Each(req.Body.Lines, func(l *api.StockOutcome) Outcome {
		return Outcome{GoodsID: l.GoodsID, Type: string(l.Type), Quantity: wire.Number(l.Quantity), LocationID: l.LocationID, Reason: wire.Value(l.Reason)}
	}))
	if err != nil {
		return nil, err
	}
	return api.SettleStockTransfer200JSONResponse{Body: toTransfer(c), Headers: api.SettleStockTransfer200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// ListIncomingStockTransfers returns one page of transfers that come to the centre.
func (Handlers) ListIncomingStockTransfers(ctx context.Context, req api.ListIncomingStockTransfersRequestObject) (api.ListIncomingStockTransfersResponseObject, error) {
	p := req.Params
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), incomingSorts, db.When(db.Conditions{}, "status = ?", p.Status).Apply)
	if err != nil {
		return nil, err
	}
	return api.ListIncomingStockTransfers200JSONResponse{Data: wire.Each(page.Rows, toIncomingRow), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// GetIncomingStockTransfer returns one with what travels.
func (Handlers) GetIncomingStockTransfer(ctx context.Context, req api.GetIncomingStockTransferRequestObject) (api.GetIncomingStockTransferResponseObject, error) {
	a, err := findArrival(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetIncomingStockTransfer200JSONResponse{Body: toArrival(a), Headers: api.GetIncomingStockTransfer200ResponseHeaders{ETag: wire.ETag(a.Version)}}, nil
}

// ReceiveStockTransfer takes in what arrived.
func (Handlers) ReceiveStockTransfer(ctx context.Context, req api.ReceiveStockTransferRequestObject) (api.ReceiveStockTransferResponseObject, error) {
	a, err := take(ctx, req.ID, req.Params.IfMatch, wire.Value(req.Body.Note), wire.Each(req.Body.Lines, func(l *api.StockCounted) Checked {
		c := Checked{GoodsID: l.GoodsID, Accepted: wire.Number(l.Accepted), ItemID: l.ItemID, LocationID: l.LocationID, ExpiresOn: wire.OptDate(l.ExpiresOn)}
		if d := wire.OptNumber(l.Damaged); d != nil {
			c.Damaged = *d
		}
		return c
	}))
	if err != nil {
		return nil, err
	}
	return api.ReceiveStockTransfer200JSONResponse{Body: toArrival(a), Headers: api.ReceiveStockTransfer200ResponseHeaders{ETag: wire.ETag(a.Version)}}, nil
}

func fromTransferCreate(b api.StockTransferCreate) *Transfer {
	t := &Transfer{Record: db.NewRecord(b.ID), FromLocationID: b.FromLocationID, ToLocationID: b.ToLocationID, NeededOn: wire.OptDate(b.NeededOn), Note: wire.Value(b.Note)}
	t.Wanted.V = wire.Each(b.Lines, func(l *api.StockTransferLine) Want {
		return Want{ItemID: l.ItemID, LotID: l.LotID, Unit: wire.Value(l.Unit), Quantity: wire.Number(l.Quantity), Reason: wire.Value(l.Reason)}
	})
	return t
}

func toTransfer(c *consignment) api.StockTransfer {
	out := toTransferRow(c.Transfer)
	out.Goods = wire.Each(c.goods, func(s *Sent) api.StockTransferGoods {
		g := toGoods(s.ID, s.Position, s.Goods.V)
		g.ItemID, g.LotID, g.Sent, g.Accepted, g.Damaged = &s.ItemID, &s.LotID, s.Sent.String(), wire.ToOptNumber(s.Accepted), wire.ToOptNumber(s.Damaged)
		return g
	})
	return out
}

func toTransferRow(t *Transfer) api.StockTransfer {
	out := api.StockTransfer{
		ID: t.ID, Version: t.Version, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, Status: api.StockTransferStatus(t.Status), FromLocationID: t.FromLocationID,
		ToLocationID: t.ToLocationID, Origin: toParty(t.Origin.V), Destination: toParty(t.Destination.V), NeededOn: wire.ToOptDate(t.NeededOn), Note: wire.Opt(t.Note),
		RequestedBy: t.RequestedBy, DecidedBy: t.DecidedBy, DecidedAt: t.DecidedAt, DecisionNote: wire.Opt(t.DecisionNote), WaybillID: t.WaybillID,
		DispatchedBy: t.DispatchedBy, DispatchedAt: t.DispatchedAt, ReceivedBy: t.ReceivedBy, ReceivedAt: t.ReceivedAt, ReceiptNote: wire.Opt(t.ReceiptNote),
		SettlementID: t.SettlementID, SettledBy: t.SettledBy,
		Wanted: wire.Each(t.Wanted.V, func(w *Want) api.StockTransferLine {
			return api.StockTransferLine{ItemID: w.ItemID, LotID: w.LotID, Unit: wire.Opt(w.Unit), Quantity: w.Quantity.String(), Reason: wire.Opt(w.Reason)}
		}),
	}
	if t.WaybillID != nil {
		out.Waybill = wire.Ptr(toWaybill(t.Waybill.V))
	}
	return out
}

func toWaybill(w Waybill) api.StockWaybill {
	return api.StockWaybill{Number: w.Number, Driver: wire.Opt(w.Driver), Vehicle: wire.Opt(w.Vehicle), Seal: wire.Opt(w.Seal)}
}

func toGoods(id uuid.UUID, position int, g Goods) api.StockTransferGoods {
	return api.StockTransferGoods{
		ID: id, Position: position, Code: g.Code, CatalogueCode: wire.Opt(g.CatalogueCode), Name: g.Name, Unit: g.Unit, Batch: wire.Opt(g.Batch), ExpiresOn: wire.ToOptDate(g.ExpiresOn),
		Donor: wire.Opt(g.Donor), GrantCode: wire.Opt(g.GrantCode), Cost: toAmount(g.Cost, g.Currency), Ownership: wire.Opt(g.Ownership),
	}
}

func toArrival(a *arrival) api.IncomingStockTransfer {
	out := toIncomingRow(a.Incoming)
	out.Goods = wire.Each(a.goods, func(s *Arriving) api.StockTransferGoods {
		g := toGoods(s.ID, s.Position, s.Goods.V)
		g.Sent, g.Accepted, g.Damaged = s.Sent.String(), wire.ToOptNumber(s.Accepted), wire.ToOptNumber(s.Damaged)
		if s.ItemID != nil {
			g.ItemID, g.LotID = s.ItemID, &s.OriginLotID
		}
		return g
	})
	return out
}

func toIncomingRow(t *Incoming) api.IncomingStockTransfer {
	return api.IncomingStockTransfer{
		ID: t.ID, Version: t.Version, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, Status: api.IncomingStockTransferStatus(t.Status), ToLocationID: t.ToLocationID,
		Origin: toParty(t.Origin.V), Waybill: toWaybill(t.Waybill.V), Note: wire.Opt(t.Note), DispatchedAt: t.DispatchedAt, ReceivedBy: t.ReceivedBy,
		ReceivedAt: t.ReceivedAt, ReceiptNote: wire.Opt(t.ReceiptNote),
	}
}

func toParty(p Party) api.StockParty { return api.StockParty{Name: p.Name, Code: p.Code} }
