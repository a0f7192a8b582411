package stock

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// The states of a transfer (handbook 7.4): closed once everything that was sent has arrived or is settled.
const (
	approved   = "approved"
	dispatched = "dispatched"
	received   = "received"
	closed     = "closed"
	cancelled  = "cancelled"
)

// Transfer is the sender's record of goods on their way to another store or another centre.
type Transfer struct {
	db.Record
	TargetCentreID uuid.UUID // the sender itself, between two of its stores
	Status         string
	FromLocationID uuid.UUID
	ToLocationID   *uuid.UUID // within one centre
	Origin         db.JSON[Party]
	Destination    db.JSON[Party]
	Wanted         db.JSON[[]Want]
	NeededOn       *db.Date
	Note           string
	RequestedBy    uuid.UUID
	DecidedBy      *uuid.UUID // approved, rejected or cancelled it
	DecidedAt      *time.Time
	DecisionNote   string
	WaybillID      *uuid.UUID
	Waybill        db.JSON[Waybill]
	DispatchedBy   *uuid.UUID
	DispatchedAt   *time.Time
	ReceivedBy     *uuid.UUID
	ReceivedAt     *time.Time
	ReceiptNote    string
	SettlementID   *uuid.UUID
	SettledBy      *uuid.UUID
}

// TableName implements schema.Tabler.
func (Transfer) TableName() string { return "stock_transfers" }

// Party is a centre as the other side knows it.
type Party struct {
	Name string `json:"name"`
	Code string `json:"code"`
}

// Want is one line of what is asked for.
type Want struct {
	ItemID   uuid.UUID       `json:"item_id"`
	LotID    *uuid.UUID      `json:"lot_id,omitempty"` // nil: first expiry, first out
	Unit     string          `json:"unit,omitempty"`
	Quantity decimal.Decimal `json:"quantity"` // in Unit
	Reason   string          `json:"reason,omitempty"`
}

// Waybill is what travels with the goods.
type Waybill struct {
	Number  string `json:"number"`
	Driver  string `json:"driver,omitempty"`
	Vehicle string `json:"vehicle,omitempty"`
	Seal    string `json:"seal,omitempty"`
}

// Sent is one lot of a transfer, and what became of it. Quantities are in the base unit.
type Sent struct {
	db.Record
	TransferID uuid.UUID
	Position   int
	ItemID     uuid.UUID
	LotID      uuid.UUID
	Goods      db.JSON[Goods]
	Sent       decimal.Decimal
	Accepted   *decimal.Decimal // nil until the receiver has counted
	Damaged    *decimal.Decimal
}

// TableName implements schema.Tabler.
func (Sent) TableName() string { return "stock_transfer_goods" }

// rest is what was not accepted: it lies on the sender's road.
func (s *Sent) rest() decimal.Decimal {
	if s.Accepted == nil {
		return s.Sent
	}
	return s.Sent.Sub(*s.Accepted)
}

// Goods say of a lot what the receiver must know.
type Goods struct {
	Code          string           `json:"code"`
	CatalogueCode string           `json:"catalogue_code,omitempty"`
	Name          string           `json:"name"`
	Unit          string           `json:"unit"` // the base unit
	Batch         string           `json:"batch,omitempty"`
	ExpiresOn     *db.Date         `json:"expires_on,omitempty"`
	Donor         string           `json:"donor,omitempty"`
	GrantCode     string           `json:"grant_code,omitempty"`
	Cost          *decimal.Decimal `json:"cost,omitempty"`
	Currency      string           `json:"currency,omitempty"`
	Ownership     string           `json:"ownership"`
}

// consignment is a transfer with what travels.
type consignment struct {
	*Transfer
	goods []Sent
}

var (
	_ = db.Constraint("stock_transfers_pkey", idTaken)
	_ = db.Constraint("stock_transfers_four_eyes_check", fourEyes)
	_ = db.Constraint("stock_transfers_settler_check", func() *fault.Error {
		return fault.New(fault.Invalid, "four_eyes", "Whoever sent the goods does not settle what became of them. Another person must.")
	})
	_ = db.Constraint("stock_transfers_version_check", fault.Changed)
	_ = db.Constraint("stock_transfers_received_check", func() *fault.Error {
		return fault.State("decided", "This transfer has been received or settled already.")
	})
	_ = db.Constraint("stock_transfers_counted_check", func() *fault.Error {
		return fault.InvalidField("/lines", "uncounted", "Name every lot that was sent, with nothing for what did not arrive.")
	})
	_ = db.Constraint("stock_transfer_goods_sent_check", func() *fault.Error {
		return fault.InvalidField("/lines", "surplus", "More arrived than was sent. Accept what was sent and receive the rest as goods of its own.")
	})
)

// request asks for goods to go from a store to another store, or to the centre with a code. Another person approves.
func request(ctx context.Context, t *Transfer, code string) error {
	wanted, err := t.plan(ctx)
	if err != nil {
		return err
	}
	if err := t.address(ctx, code); err != nil {
		return err
	}
	t.Status, t.RequestedBy = requested, auth.From(ctx).ID
	for i, l := range wanted.lines {
		t.Wanted.V[i].Unit = l.Unit
	}
	return db.Insert(ctx, t)
}

// plan judges what is wanted as the waybill will.
func (t *Transfer) plan(ctx context.Context) (*posting, error) {
	d := NewDocument(nil, waybill)
	d.SubjectID = &t.ID
	entries := make([]Entry, len(t.Wanted.V))
	for i, w := range t.Wanted.V {
		entries[i] = Entry{Type: "issue_transfer", ItemID: w.ItemID, LocationID: t.FromLocationID, LotID: w.LotID, Unit: w.Unit, Quantity: w.Quantity, Reason: w.Reason}
	}
	return prepare(ctx, d, entries)
}

// address finds where the goods go: 422 for no such place or centre.
func (t *Transfer) address(ctx context.Context, code string) error {
	here, err := tenant.One(ctx)
	if err != nil {
		return err
	}
	home, err := db.Get[centre.Centre](ctx, here)
	if err != nil {
		return err
	}
	t.Origin.V = Party{home.Name, home.Code}
	if t.ToLocationID != nil {
		t.TargetCentreID, t.Destination = here, t.Origin
		return t.within(ctx)
	}
	var found []struct {
		ID   uuid.UUID
		Name string
	}
	if err := db.Tx(ctx).Raw("select id, name from transfer_destination(?)", code).Scan(&found).Error; err != nil {
		return err
	}
	if len(found) == 0 || found[0].ID == here {
		return fault.InvalidField("/to_centre_code", "unknown_centre", "There is no other centre with this code that takes anything. Name a store of your own with to_location_id.")
	}
	t.TargetCentreID, t.Destination.V = found[0].ID, Party{found[0].Name, code}
	return nil
}

func (t *Transfer) within(ctx context.Context) error {
	places, err := byID(ctx, map[uuid.UUID]bool{*t.ToLocationID: true}, true, func(l *Location) uuid.UUID { return l.ID })
	if err != nil {
		return err
	}
	place, known := places[*t.ToLocationID]
	switch {
	case !known || place.Kind == transit:
		return fault.InvalidField("/to_location_id", "unknown_location", "There is no such place here.")
	case !place.Active:
		return fault.InvalidField("/to_location_id", "closed", "This place is closed. Send the goods elsewhere.")
	case *t.ToLocationID == t.FromLocationID:
		return fault.InvalidField("/to_location_id", "same_place", "The goods are there already. Name another place.")
	}
	return nil
}

// lockTransfer holds a transfer that is in one of the given states.
func lockTransfer(ctx context.Context, id uuid.UUID, ifMatch string, states ...string) (*Transfer, error) {
	t, err := db.Lock[Transfer](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(states, t.Status) {
		return nil, fault.State(t.Status, "This cannot be done with a transfer as it is now.").With("allowed_states", states)
	}
	return t, nil
}

// decide approves, rejects or cancels a transfer whose goods have not left. Only who asked and others cancel;
// who asked does not approve or reject.
func decide(ctx context.Context, id uuid.UUID, ifMatch, status, note string) (*consignment, error) {
	states := []string{requested}
	if status == cancelled {
		states = append(states, approved)
	}
	t, err := lockTransfer(ctx, id, ifMatch, states...)
	if err != nil {
		return nil, err
	}
	if err := t.promise(ctx, status); err != nil {
		return nil, err
	}
	now := db.Now()
	t.Status, t.DecidedBy, t.DecidedAt, t.DecisionNote = status, caller(ctx), &now, note
	return &consignment{Transfer: t}, db.Save(ctx, t)
}

// promise reserves what an approved transfer will take, so that nobody else gives it away; otherwise it lets go.
func (t *Transfer) promise(ctx context.Context, status string) error {
	if status != approved {
		return letGo(ctx, t.ID)
	}
	p, err := t.plan(ctx)
	if err != nil {
		return err
	}
	return p.reserve(ctx, t.ID)
}

// dispatch writes the waybill: the goods leave their place, first expiry first, and lie on the road.
func dispatch(ctx context.Context, id uuid.UUID, ifMatch string, w Waybill) (*consignment, error) {
	t, err := lockTransfer(ctx, id, ifMatch, approved)
	if err != nil {
		return nil, err
	}
	p, err := t.plan(ctx)
	if err != nil {
		return nil, err
	}
	if err := letGo(ctx, t.ID); err != nil { // and take what expires first today
		return nil, err
	}
	p.doc.Details.V = Details{Driver: w.Driver, Vehicle: w.Vehicle, Seal: w.Seal, Recipient: t.Destination.V.Name}
	if err := p.allot(ctx); err != nil {
		return nil, err
	}
	taken := p.movements
	onto, err := road(ctx)
	if err != nil {
		return nil, err
	}
	parts := make([]part, len(taken))
	for i, m := range taken {
		parts[i] = part{onto.ID, m.ItemID, m.LotID, m.Quantity.Neg()}
	}
	if err := p.bring(ctx, "receipt_transfer", parts...); err != nil {
		return nil, err
	}
	if err := p.store(ctx); err != nil {
		return nil, err
	}
	goods, err := t.pack(ctx, parts)
	if err != nil {
		return nil, err
	}
	now := db.Now()
	w.Number = p.doc.Number
	t.Status, t.WaybillID, t.Waybill.V, t.DispatchedBy, t.DispatchedAt = dispatched, &p.doc.ID, w, caller(ctx), &now
	return &consignment{t, goods}, db.Save(ctx, t)
}

// pack writes down what travels, lot by lot, for the receiver.
func (t *Transfer) pack(ctx context.Context, parts []part) ([]Sent, error) {
	ids, from := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
	for _, p := range parts {
		ids[p.item], from[p.lot] = true, true
	}
	items, err := byID(ctx, ids, false, func(i *Item) uuid.UUID { return i.ID })
	if err != nil {
		return nil, err
	}
	lots, err := byID(ctx, from, false, func(l *Lot) uuid.UUID { return l.ID })
	if err != nil {
		return nil, err
	}
	goods := []Sent{}
	for _, p := range parts {
		if at := slices.IndexFunc(goods, func(s Sent) bool { return s.LotID == p.lot }); at >= 0 { // two lines took of one lot
			goods[at].Sent = goods[at].Sent.Add(p.quantity)
			continue
		}
		s := Sent{Record: db.NewRecord(nil), TransferID: t.ID, Position: len(goods) + 1, ItemID: p.item, LotID: p.lot, Sent: p.quantity}
		s.Goods.V = goodsOf(items[p.item], lots[p.lot])
		goods = append(goods, s)
	}
	return goods, db.InsertAll(ctx, goods)
}

func goodsOf(i Item, l Lot) Goods {
	return Goods{Code: i.Code, CatalogueCode: i.CatalogueCode, Name: i.Name, Unit: i.Unit, Batch: l.Batch, ExpiresOn: l.ExpiresOn,
		Donor: l.Donor, GrantCode: l.GrantCode, Cost: l.Cost, Currency: l.Currency, Ownership: l.Ownership}
}
