package stock

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Incoming is what the receiver sees of a transfer.
type Incoming struct {
	db.Record
	Status       string // dispatched | received | closed
	ToLocationID *uuid.UUID
	Origin       db.JSON[Party]
	Waybill      db.JSON[Waybill]
	Note         string
	DispatchedAt time.Time
	ReceivedBy   *uuid.UUID
	ReceivedAt   *time.Time
	ReceiptNote  string
}

// TableName implements schema.Tabler.
func (Incoming) TableName() string { return "incoming_stock_transfers" }

// Arriving is one lot of it.
type Arriving struct {
	db.Record
	TransferID  uuid.UUID
	Position    int
	ItemID      *uuid.UUID // within one centre
	OriginLotID uuid.UUID
	Goods       db.JSON[Goods]
	Sent        decimal.Decimal
	Accepted    *decimal.Decimal
	Damaged     *decimal.Decimal
}

// TableName implements schema.Tabler.
func (Arriving) TableName() string { return "incoming_stock_goods" }

// arrival is an incoming transfer with its lots, and the document that took them in.
type arrival struct {
	*Incoming
	goods []Arriving
}

// Checked is what the receiver counted of one lot, in its base unit.
type Checked struct {
	GoodsID    uuid.UUID       `json:"id"`
	Accepted   decimal.Decimal `json:"accepted"`
	Damaged    decimal.Decimal `json:"damaged"`
	ItemID     *uuid.UUID      `json:"-"` // of the receiver; nil: the item with the sender's code
	LocationID *uuid.UUID      `json:"-"` // nil: where the sender meant it to go
	ExpiresOn  *db.Date        `json:"-"` // where the sender kept none
}

func findArrival(ctx context.Context, id uuid.UUID) (*arrival, error) {
	if _, err := db.Pgx(ctx); err != nil { // begin: two reads
		return nil, err
	}
	in, err := db.Get[Incoming](ctx, id)
	if err != nil {
		return nil, err
	}
	goods, err := db.Find[Arriving](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("transfer_id = ?", id).Order("position") })
	return &arrival{in, goods}, err
}

// take accepts what arrived: in one transaction it comes into the receiver's books and leaves the sender's road, so that
// neither side can make goods or lose them. 404 for what does not come here, 409 once received, 412 for another version.
func take(ctx context.Context, id uuid.UUID, ifMatch, note string, counts []Checked) (*arrival, error) {
	a, err := findArrival(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := db.Expect(ctx, a.Incoming, id, ifMatch); err != nil {
		return nil, err
	}
	if a.Status != dispatched {
		return nil, fault.State(a.Status, "This transfer has been received or settled already.")
	}
	entries, err := a.enter(ctx, counts)
	if err != nil {
		return nil, err
	}
	if err := a.tell(ctx, counts, note); err != nil {
		return nil, err
	}
	if len(entries) > 0 {
		d := NewDocument(nil, transferReceipt)
		d.SubjectID, d.Note, d.Details.V = &a.ID, note, Details{Supplier: a.Origin.V.Name, WaybillNumber: a.Waybill.V.Number}
		if _, err := Post(ctx, d, entries); err != nil {
			return nil, err
		}
	}
	return findArrival(ctx, id)
}

// tell carries the counts to the sender's books.
func (a *arrival) tell(ctx context.Context, counts []Checked, note string) error {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	counted, err := json.Marshal(counts)
	if err != nil {
		return err
	}
	var known *bool
	if err := tx.QueryRow(ctx, "select stock_transfer_receive($1, $2, $3, $4)", a.ID, a.Version, counted, note).Scan(&known); err != nil {
		return db.Fault(err)
	}
	if known == nil {
		return fault.Missing()
	}
	return nil
}

// enter turns counts into entries of the receiver's books.
func (a *arrival) enter(ctx context.Context, counts []Checked) ([]Entry, error) {
	items, err := a.itemsHere(ctx, counts)
	if err != nil {
		return nil, err
	}
	places, err := a.placesHere(ctx, counts)
	if err != nil {
		return nil, err
	}
	goods := map[uuid.UUID]*Arriving{}
	for i := range a.goods {
		goods[a.goods[i].ID] = &a.goods[i]
	}
	rules, entries := fault.Rules(), []Entry{}
	for i, c := range counts {
		g, known := goods[c.GoodsID]
		if !known {
			rules.Add(line(i, "goods_id"), "unknown_goods", "This was not sent with the transfer, or is named twice.")
			continue
		}
		delete(goods, c.GoodsID)
		if c.Accepted.Add(c.Damaged).GreaterThan(g.Sent) {
			rules.Add(line(i, "accepted"), "surplus", fmt.Sprintf("%s was sent. Accept no more than that, and receive the rest as goods of its own.", g.Sent))
		}
		if c.Accepted.IsPositive() {
			entries = append(entries, a.entry(rules, i, c, g, items, places))
		}
	}
	for _, g := range goods {
		rules.Add("/lines", "uncounted", fmt.Sprintf("%s (%s) was sent, too. Say what arrived of it, if only nothing.", g.Goods.V.Name, g.ID))
	}
	return entries, rules.Err()
}

// entry is how one lot comes in: as the lot that it is, within one centre; as a new one that knows where it came from, in another.
func (a *arrival) entry(rules *fault.Error, i int, c Checked, g *Arriving, items map[string]Item, places map[uuid.UUID]Location) Entry {
	e := Entry{Type: "receipt_transfer", Quantity: c.Accepted}
	at := c.LocationID
	if at == nil {
		at = a.ToLocationID
	}
	if at == nil {
		rules.Add(line(i, "location_id"), "required", "Say where the goods are put.")
	} else if place, known := places[*at]; !known || !place.Active || place.Kind == transit {
		rules.Add(line(i, "location_id"), "unknown_location", "There is no such open place here.")
	} else {
		e.LocationID = *at
	}
	if g.ItemID != nil {
		e.ItemID, e.LotID = *g.ItemID, &g.OriginLotID
		return e
	}
	item, known := items[g.key(c)]
	switch x := g.Goods.V; {
	case !known:
		rules.Add(line(i, "item_id"), "unknown_item", fmt.Sprintf("No item here has the code %s. Add it, or say with item_id which of yours it is.", x.Code))
	case item.Unit != x.Unit:
		rules.Add(line(i, "item_id"), "other_unit", fmt.Sprintf("It is kept in %s here and was sent in %s. Name an item that is kept in %s.", item.Unit, x.Unit, x.Unit))
	case !item.Active:
		rules.Add(line(i, "item_id"), "inactive", "This item is not in use any more. Switch it on again first.")
	default:
		e.ItemID, e.Lot = item.ID, &Lot{Record: db.NewRecord(nil), Batch: x.Batch, ExpiresOn: x.ExpiresOn, Donor: x.Donor, GrantCode: x.GrantCode,
			Cost: x.Cost, Currency: x.Currency, Ownership: x.Ownership, OriginLotID: &g.OriginLotID}
		if e.Lot.ExpiresOn == nil {
			e.Lot.ExpiresOn = c.ExpiresOn
		}
		if item.TrackExpiry && e.Lot.ExpiresOn == nil {
			rules.Add(line(i, "expires_on"), "required", "This item expires. Say on which day.")
		}
	}
	return e
}

// key is how the receiver's item is found: by its id, else by the catalogue's code, else by the sender's.
func (g *Arriving) key(c Checked) string {
	switch {
	case c.ItemID != nil:
		return c.ItemID.String()
	case g.Goods.V.CatalogueCode != "":
		return "catalogue " + g.Goods.V.CatalogueCode
	}
	return "code " + g.Goods.V.Code
}

// itemsHere are the receiver's items that counts may mean, by each key that they go by.
func (a *arrival) itemsHere(ctx context.Context, counts []Checked) (map[string]Item, error) {
	ids, codes, catalogue := db.UUIDs{}, db.Strings{}, db.Strings{}
	for _, c := range counts {
		if c.ItemID != nil {
			ids = append(ids, *c.ItemID)
		}
	}
	for _, g := range a.goods {
		codes, catalogue = append(codes, g.Goods.V.Code), append(catalogue, g.Goods.V.CatalogueCode)
	}
	rows, err := db.Find[Item](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("id = any (?) or code = any (?) or catalogue_code = any (?) and catalogue_code <> ''", ids, codes, catalogue)
	})
	found := map[string]Item{}
	for _, i := range rows {
		found[i.ID.String()], found["code "+i.Code], found["catalogue "+i.CatalogueCode] = i, i, i
	}
	return found, err
}

func (a *arrival) placesHere(ctx context.Context, counts []Checked) (map[uuid.UUID]Location, error) {
	ids := map[uuid.UUID]bool{}
	if a.ToLocationID != nil {
		ids[*a.ToLocationID] = true
	}
	for _, c := range counts {
		if c.LocationID != nil {
			ids[*c.LocationID] = true
		}
	}
	return byID(ctx, ids, true, func(l *Location) uuid.UUID { return l.ID })
}
