package stock

import (
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"
	"github.com/shopspring/decimal"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

func toAmount(d *decimal.Decimal, currency string) *api.StockAmount {
	if d == nil {
		return nil
	}
	return &api.StockAmount{Amount: d.String(), Currency: currency}
}

func fromAmount(a *api.StockAmount) (*decimal.Decimal, string) {
	if a == nil {
		return nil, ""
	}
	return wire.Ptr(wire.Number(a.Amount)), a.Currency
}

func toItem(i *Item) api.StockItem {
	out := api.StockItem{
		ID: i.ID, Version: i.Version, CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt, Code: i.Code, Name: i.Name, Category: i.Category, Unit: i.Unit,
		Units:       wire.Each(i.Units.V, func(c *Conversion) api.StockUnit { return api.StockUnit{Unit: c.Unit, Factor: c.Factor.String()} }),
		TrackExpiry: i.TrackExpiry, WeightGrams: wire.ToOptNumber(i.WeightGrams), Value: toAmount(i.Value, i.Currency), Active: i.Active, Note: wire.Opt(i.Note),
	}
	if i.CatalogueCode != "" {
		out.Catalogue = &api.StockCatalogueEntry{Code: i.CatalogueCode, Version: i.CatalogueVersion, Current: i.current()}
	}
	if i.StandardQuantity != nil {
		out.Standard = &api.StockStandard{
			Quantity: i.StandardQuantity.String(), Per: i.StandardPer, Source: wire.Opt(i.StandardSource), Basis: wire.Opt(api.StockStandardBasis(i.StandardBasis)),
			ReplenishDays: i.ReplenishDays, Target: wire.Opt(i.Target),
		}
	}
	return out
}

func fromUnits(units []api.StockUnit) []Conversion {
	return wire.Each(units, func(u *api.StockUnit) Conversion { return Conversion{u.Unit, wire.Number(u.Factor)} })
}

func fromItemCreate(b api.StockItemCreate) *Item {
	i := &Item{
		Record: db.NewRecord(b.ID), Code: wire.Value(b.Code), Name: wire.Value(b.Name), Category: wire.Value(b.Category), Unit: wire.Value(b.Unit),
		CatalogueCode: wire.Value(b.CatalogueCode), TrackExpiry: wire.Value(b.TrackExpiry), WeightGrams: wire.OptNumber(b.WeightGrams), Note: wire.Value(b.Note),
	}
	i.Units.V = fromUnits(b.Units)
	i.Value, i.Currency = fromAmount(b.Value)
	if b.Standard != nil {
		i.standard(*b.Standard)
	}
	return i
}

func (i *Item) standard(s api.StockStandard) {
	i.StandardQuantity, i.StandardPer, i.StandardSource = wire.Ptr(wire.Number(s.Quantity)), s.Per, wire.Value(s.Source)
	i.StandardBasis, i.ReplenishDays, i.Target = string(wire.Value(s.Basis)), s.ReplenishDays, wire.Value(s.Target)
}

func (i *Item) patch(p api.StockItemPatch) {
	wire.Set(&i.Name, p.Name)
	wire.Set(&i.Category, p.Category)
	if p.Units != nil {
		i.Units.V = fromUnits(p.Units)
	}
	wire.Set(&i.TrackExpiry, p.TrackExpiry)
	if p.WeightGrams.IsSpecified() {
		i.WeightGrams = wire.OptNumber(given(p.WeightGrams))
	}
	if p.Value.IsSpecified() {
		i.Value, i.Currency = fromAmount(given(p.Value))
	}
	if p.Standard.IsSpecified() {
		i.StandardQuantity, i.StandardPer, i.StandardSource, i.StandardBasis, i.ReplenishDays, i.Target = nil, "", "", "", nil, ""
		if s := given(p.Standard); s != nil {
			i.standard(*s)
		}
	}
	wire.Set(&i.Active, p.Active)
	wire.Clear(&i.Note, p.Note)
}

// given is the value of a nullable field; nil for null.
func given[T any](n nullable.Nullable[T]) *T {
	v, err := n.Get()
	if err != nil {
		return nil
	}
	return &v
}

func toLocation(l *Location) api.StockLocation {
	return api.StockLocation{
		ID: l.ID, Version: l.Version, CreatedAt: l.CreatedAt, UpdatedAt: l.UpdatedAt, Code: l.Code, Name: l.Name, Kind: api.StockLocationKind(l.Kind),
		ParentID: l.ParentID, Active: l.Active, Note: wire.Opt(l.Note),
	}
}

func fromLocationCreate(b api.StockLocationCreate) *Location {
	return &Location{Record: db.NewRecord(b.ID), Code: b.Code, Name: b.Name, Kind: string(b.Kind), ParentID: b.ParentID, Note: wire.Value(b.Note)}
}

func (l *Location) patch(p api.StockLocationPatch) {
	wire.Set(&l.Name, p.Name)
	wire.Set(&l.Active, p.Active)
	wire.Clear(&l.Note, p.Note)
}

func toLot(l *Lot) api.StockLot {
	return api.StockLot{
		ID: l.ID, Version: l.Version, CreatedAt: l.CreatedAt, UpdatedAt: l.UpdatedAt, ItemID: l.ItemID, Batch: wire.Opt(l.Batch), ExpiresOn: wire.ToOptDate(l.ExpiresOn),
		ReceivedOn: wire.ToDate(l.ReceivedOn), Donor: wire.Opt(l.Donor), GrantCode: wire.Opt(l.GrantCode), Cost: toAmount(l.Cost, l.Currency),
		Ownership: api.StockLotOwnership(l.Ownership), OriginLotID: l.OriginLotID,
	}
}

// toDocument writes a document as lists show it: its header.
func toDocument(d *Document) api.StockDocument {
	x := d.Details.V
	return api.StockDocument{
		ID: d.ID, Version: d.Version, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, Kind: api.StockDocumentKind(d.Kind), Number: d.Number, Status: api.StockDocumentStatus(d.Status),
		OccurredAt: d.OccurredAt, OccurredOn: wire.ToDate(d.OccurredOn), SubjectID: d.SubjectID, Supplier: wire.Opt(x.Supplier), WaybillNumber: wire.Opt(x.WaybillNumber),
		InspectedBy: wire.Opt(x.InspectedBy), Recipient: wire.Opt(x.Recipient), Cause: wire.Opt(x.Cause), Value: toAmount(x.Value, x.Currency),
		PoliceReference: wire.Opt(x.PoliceReference), Method: wire.Opt(x.Method), Witness: wire.Opt(x.Witness), Driver: wire.Opt(x.Driver), Vehicle: wire.Opt(x.Vehicle),
		Seal: wire.Opt(x.Seal), Note: wire.Opt(d.Note), RequestedBy: d.RequestedBy, DecidedBy: d.DecidedBy, DecidedAt: d.DecidedAt, DecisionNote: wire.Opt(d.DecisionNote),
	}
}

func toPaper(p *paper) api.StockDocument {
	out := toDocument(p.Document)
	out.Lines, out.Movements = wire.Each(p.lines, toLine), wire.Each(p.movements, toMovement)
	return out
}

func toLine(l *Line) api.StockLine {
	return api.StockLine{
		ID: l.ID, Position: l.Position, Type: l.Type, ItemID: l.ItemID, LocationID: l.LocationID, LotID: l.LotID, Unit: l.Unit, Quantity: l.Entered.String(),
		Factor: l.Factor.String(), BaseQuantity: l.Quantity.String(), Ordered: wire.ToOptNumber(l.Ordered), Damaged: wire.ToOptNumber(l.Damaged), Reason: wire.Opt(l.Reason),
	}
}

func toMovement(m *Movement) api.StockMovement {
	return api.StockMovement{
		ID: m.ID, Version: m.Version, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt, DocumentID: m.DocumentID, LineID: m.LineID, Type: m.Type, ItemID: m.ItemID,
		LocationID: m.LocationID, LotID: m.LotID, Quantity: m.Quantity.String(), OccurredAt: m.OccurredAt, OccurredOn: wire.ToDate(m.OccurredOn),
		ReversesID: m.ReversesID, PostedBy: m.PostedBy,
	}
}

func newDocument(id *uuid.UUID, kind string, occurredAt *time.Time, note *string) *Document {
	d := NewDocument(id, kind)
	d.OccurredAt, d.Note = wire.Moment(wire.Value(occurredAt)), wire.Value(note)
	return d
}

func fromReceipt(b api.StockReceiptCreate) (*Document, []Entry) {
	d := newDocument(b.ID, Receipt, b.OccurredAt, b.Note)
	d.Details.V = Details{Supplier: wire.Value(b.Supplier), WaybillNumber: wire.Value(b.WaybillNumber), InspectedBy: wire.Value(b.InspectedBy)}
	return d, wire.Each(b.Lines, func(l *api.StockReceiptLine) Entry {
		lot := &Lot{
			Record: db.NewRecord(nil), Batch: wire.Value(l.Batch), ExpiresOn: wire.OptDate(l.ExpiresOn), Donor: wire.Value(l.Donor), GrantCode: wire.Value(l.GrantCode),
			Ownership: string(wire.Value(l.Ownership)),
		}
		lot.Cost, lot.Currency = fromAmount(l.Cost)
		return Entry{
			Type: string(b.Type), ItemID: l.ItemID, LocationID: l.LocationID, Lot: lot, Unit: wire.Value(l.Unit), Quantity: wire.Number(l.Quantity),
			Ordered: wire.OptNumber(l.Ordered), Damaged: wire.OptNumber(l.Damaged),
		}
	})
}

func fromRelease(b api.StockReleaseCreate) (*Document, []Entry) {
	d := newDocument(b.ID, Release, b.OccurredAt, b.Note)
	d.Details.V.Recipient = wire.Value(b.Recipient)
	return d, wire.Each(b.Lines, func(l *api.StockIssueLine) Entry {
		return Entry{
			Type: string(b.Type), ItemID: l.ItemID, LocationID: l.LocationID, LotID: l.LotID, Unit: wire.Value(l.Unit), Quantity: wire.Number(l.Quantity),
			Reason: wire.Value(l.Reason),
		}
	})
}

func fromLoss(b api.StockLossCreate) (*Document, []Entry) {
	d := newDocument(b.ID, Loss, b.OccurredAt, b.Note)
	d.Details.V = Details{Cause: b.Cause, PoliceReference: wire.Value(b.PoliceReference)}
	d.Details.V.Value, d.Details.V.Currency = fromAmount(b.Value)
	return d, wire.Each(b.Lines, fromLotLine(string(b.Type)))
}

func fromDisposal(b api.StockDisposalCreate) (*Document, []Entry) {
	d := newDocument(b.ID, Disposal, b.OccurredAt, b.Note)
	d.Details.V = Details{Method: b.Method, Witness: wire.Value(b.Witness)}
	return d, wire.Each(b.Lines, fromLotLine("disposal"))
}

func fromLotLine(kind string) func(*api.StockLotLine) Entry {
	return func(l *api.StockLotLine) Entry {
		return Entry{
			Type: kind, ItemID: l.ItemID, LocationID: l.LocationID, LotID: &l.LotID, Unit: wire.Value(l.Unit), Quantity: wire.Number(l.Quantity), Reason: wire.Value(l.Reason),
		}
	}
}

func fromAdjustment(b api.StockAdjustmentCreate) (*Document, []Entry) {
	d := newDocument(b.ID, Adjustment, b.OccurredAt, b.Note)
	return d, wire.Each(b.Lines, func(l *api.StockAdjustmentLine) Entry {
		return Entry{
			Type: "adjustment_" + string(l.Direction), ItemID: l.ItemID, LocationID: l.LocationID, LotID: &l.LotID, Unit: wire.Value(l.Unit),
			Quantity: wire.Number(l.Quantity), Reason: l.Reason,
		}
	})
}

func toBalance(b *Balance) api.StockBalance {
	return api.StockBalance{
		ID: b.ID, ItemID: b.ItemID, LocationID: b.LocationID, LotID: b.LotID, OnHand: b.OnHand.String(), Reserved: wire.Ptr(b.Reserved.String()),
		Available: wire.Ptr(b.OnHand.Sub(b.Reserved).String()),
	}
}

// toPast leaves out what is not known of the past.
func toPast(b *Balance) api.StockBalance {
	return api.StockBalance{ID: b.ID, ItemID: b.ItemID, LocationID: b.LocationID, LotID: b.LotID, OnHand: b.OnHand.String()}
}

func toCard(c card) api.StockCard {
	balance := c.opening
	return api.StockCard{Opening: c.opening.String(), NextCursor: wire.Next(c.Next), Data: wire.Each(c.Rows, func(m *Movement) api.StockCardEntry {
		balance = balance.Add(m.Quantity)
		return api.StockCardEntry{Movement: toMovement(m), Balance: balance.String()}
	})}
}

func toPeriod(p *Period) api.StockPeriod {
	return api.StockPeriod{
		ID: p.ID, Version: p.Version, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, ThroughOn: wire.ToDate(p.ThroughOn), ClosedBy: p.ClosedBy, Note: wire.Opt(p.Note),
	}
}

func toRecount(r *Recount) api.StockRecount {
	return api.StockRecount{ID: r.ID, CreatedAt: r.CreatedAt, Balances: r.Balances, Drift: wire.Each(r.Drift.V, func(d *Drift) api.StockDrift {
		return api.StockDrift{ItemID: d.ItemID, LocationID: d.LocationID, LotID: d.LotID, Kept: d.Kept.String(), Counted: d.Counted.String(), Reserved: d.Reserved.String(), Promised: d.Promised.String()}
	})}
}
