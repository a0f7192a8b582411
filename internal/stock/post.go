package stock

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Entry asks for one line of a document.
type Entry struct {
	Type       string // code list stock_movement_type; its sign says whether goods come or go
	ItemID     uuid.UUID
	LocationID uuid.UUID
	LotID      *uuid.UUID      // going: nil takes what expires first; coming: nil needs Lot
	Lot        *Lot            // a new lot that comes in
	Unit       string          // of the item; empty is its base unit
	Quantity   decimal.Decimal // in Unit, more than nothing
	Ordered    *decimal.Decimal
	Damaged    *decimal.Decimal
	Reason     string // why another lot than the first to expire
}

// NewDocument begins a document of a kind. Post stores it.
func NewDocument(id *uuid.UUID, kind string) *Document {
	return &Document{Record: db.NewRecord(id), Kind: kind, Status: posted}
}

// Post stores a document and, unless the SOP wants a second person for its kind, writes its entries into the ledger:
// inside the caller's transaction, all or nothing. It answers what moved, in the order of the entries. A broken rule is
// a 422 that points to /lines/i; balances are judged under lock, so that parallel issues never take the same goods.
func Post(ctx context.Context, d *Document, entries []Entry) ([]Movement, error) {
	p, err := record(ctx, d, entries)
	if err != nil {
		return nil, err
	}
	return p.movements, nil
}

// record is Post that answers the whole document.
func record(ctx context.Context, d *Document, entries []Entry) (*paper, error) {
	p, err := prepare(ctx, d, entries)
	if err != nil {
		return nil, err
	}
	if p.waits(d) {
		d.Status = requested
		return p.paper(), db.InsertAll(ctx, d, p.lines)
	}
	if err := p.allot(ctx); err != nil {
		return nil, err
	}
	return p.paper(), p.store(ctx)
}

// settle posts the lines of a document that was requested earlier.
func settle(ctx context.Context, of *paper) error {
	b, err := booksOf(ctx)
	if err != nil {
		return err
	}
	p := &posting{books: b, doc: of.Document, lines: of.lines}
	if err := p.allot(ctx); err != nil {
		return err
	}
	of.movements = p.movements
	return db.InsertAll(ctx, of.movements)
}

// posting is a document on its way into the ledger.
type posting struct {
	books
	doc       *Document
	lots      []Lot // new ones
	lines     []Line
	movements []Movement
}

func (p *posting) paper() *paper { return &paper{p.doc, p.lines, p.movements} }

// prepare judges what can be judged without a lock and turns entries into lines.
func prepare(ctx context.Context, d *Document, entries []Entry) (*posting, error) {
	b, err := booksOf(ctx)
	if err != nil {
		return nil, err
	}
	p := &posting{books: b, doc: d}
	d.RequestedBy = b.by
	named, err := namedBy(ctx, entries)
	if err != nil {
		return nil, err
	}
	rules := fault.Rules()
	p.dated(rules, d.OccurredAt)
	for i, e := range entries {
		p.enter(rules, named, i, e)
	}
	return p, rules.Err()
}

// named are the rows that entries name.
type named struct {
	items  map[uuid.UUID]Item
	places map[uuid.UUID]Location
	lots   map[uuid.UUID]Lot
}

func namedBy(ctx context.Context, entries []Entry) (n named, err error) {
	items, places, lots := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
	for _, e := range entries {
		items[e.ItemID], places[e.LocationID] = true, true
		if e.LotID != nil {
			lots[*e.LotID] = true
		}
	}
	if n.items, err = byID(ctx, items, true, func(i *Item) uuid.UUID { return i.ID }); err != nil {
		return n, err
	}
	if n.places, err = byID(ctx, places, true, func(l *Location) uuid.UUID { return l.ID }); err != nil {
		return n, err
	}
	n.lots, err = byID(ctx, lots, false, func(l *Lot) uuid.UUID { return l.ID })
	return n, err
}

// enter turns an entry into the next line, or says why not.
func (p *posting) enter(rules *fault.Error, n named, i int, e Entry) {
	item, known := n.items[e.ItemID]
	if !known {
		rules.Add(line(i, "item_id"), "unknown_item", "There is no such item here.")
		return
	}
	comes := sign(e.Type) > 0
	switch place, known := n.places[e.LocationID]; {
	case !known:
		rules.Add(line(i, "location_id"), "unknown_location", "There is no such place here.")
	case place.Kind == transit && !p.travels():
		rules.Add(line(i, "location_id"), "in_transit", "Goods on the road belong to their transfer. Receive or settle it.")
	case comes && !place.Active:
		rules.Add(line(i, "location_id"), "closed", "This place is closed. Put the goods elsewhere.")
	}
	if comes && e.Lot != nil && !item.Active {
		rules.Add(line(i, "item_id"), "inactive", "This item is not in use any more. Switch it on again first.")
	}
	if e.LotID != nil && n.lots[*e.LotID].ItemID != e.ItemID {
		rules.Add(line(i, "lot_id"), "unknown_lot", "There is no such lot of this item here.")
	}
	factor, convertible := item.factor(e.Unit)
	if !convertible {
		rules.Add(line(i, "unit"), "no_conversion", fmt.Sprintf("The item has no conversion of %s into %s. Add it to its units.", e.Unit, item.Unit))
	}
	if e.Unit == "" {
		e.Unit = item.Unit
	}
	l := Line{
		Record: db.NewRecord(nil), DocumentID: p.doc.ID, Position: i + 1, Type: e.Type, ItemID: e.ItemID, LocationID: e.LocationID, LotID: e.LotID,
		Unit: e.Unit, Entered: e.Quantity, Factor: factor, Quantity: e.Quantity.Mul(factor), Ordered: e.Ordered, Damaged: e.Damaged, Reason: e.Reason,
	}
	if convertible && !keepable(l.Quantity) {
		rules.Add(line(i, "quantity"), "not_a_quantity", fmt.Sprintf("In the base unit this must be more than nothing, at most %s, with at most %d decimal places.", most, places))
	}
	if e.Lot != nil {
		p.receive(rules, item, i, e.Lot)
		l.LotID = &e.Lot.ID
	}
	p.lines = append(p.lines, l)
}

// travels tells whether the document moves goods onto the road or off it.
func (p *posting) travels() bool {
	return slices.Contains([]string{waybill, transferReceipt, settlement}, p.doc.Kind)
}

func keepable(q decimal.Decimal) bool {
	return q.IsPositive() && q.LessThanOrEqual(most) && q.Equal(q.Truncate(places))
}

// receive adds a new lot of an item.
func (p *posting) receive(rules *fault.Error, item Item, i int, lot *Lot) {
	lot.ItemID, lot.ReceivedOn = item.ID, p.today()
	if item.TrackExpiry && lot.ExpiresOn == nil {
		rules.Add(line(i, "expires_on"), "required", "This item expires. Say on which day.")
	}
	if lot.Ownership == "" {
		lot.Ownership = "own"
	}
	p.lots = append(p.lots, *lot)
}

// today is the centre's day on which the document's goods move.
func (p *posting) today() db.Date {
	if p.doc.OccurredAt.IsZero() {
		return p.day(p.now)
	}
	return p.day(p.doc.OccurredAt)
}

// sign is 1 for a type of movement that brings goods, -1 for one that takes them, 0 for either.
func sign(kind string) int {
	list, _ := codelist.Get("stock_movement_type")
	entry, _ := list.Entry(kind)
	switch entry.Extra["sign"] {
	case "+":
		return 1
	case "-":
		return -1
	}
	return 0
}

// store writes a new document with all that belongs to it in one round trip.
func (p *posting) store(ctx context.Context) error {
	rows := []any{}
	if len(p.lots) > 0 {
		rows = append(rows, p.lots)
	}
	return db.InsertAll(ctx, append(rows, p.doc, p.lines, p.movements)...)
}
