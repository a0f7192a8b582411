package stock

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Kit is a bill of materials. The kit is an item itself.
type Kit struct {
	db.Record
	ItemID     uuid.UUID
	Components db.JSON[[]Component]
	Active     bool
}

// TableName implements schema.Tabler.
func (Kit) TableName() string { return "stock_kits" }

// Component is what one kit takes of an item, in its base unit.
type Component struct {
	ItemID   uuid.UUID       `json:"item_id"`
	Quantity decimal.Decimal `json:"quantity"`
}

var _ = db.Constraint("stock_kits_item_key", taken("The bill of materials of this item"))

// judge checks that a kit is made of other things that exist.
func (k *Kit) judge(ctx context.Context) error {
	ids := map[uuid.UUID]bool{k.ItemID: true}
	rules := fault.Rules()
	for i, c := range k.Components.V {
		pointer := fmt.Sprintf("/components/%d", i)
		if ids[c.ItemID] {
			rules.Add(pointer+"/item_id", "repeated", "This is a component already, or the kit itself.")
		}
		if !c.Quantity.IsPositive() {
			rules.Add(pointer+"/quantity", "not_positive", "A component is more than nothing.")
		}
		ids[c.ItemID] = true
	}
	known, err := byID(ctx, ids, true, func(i *Item) uuid.UUID { return i.ID })
	if err != nil {
		return err
	}
	if len(known) < len(ids) {
		rules.Add("/components", "unknown_item", "The kit or a component is no item here.")
	}
	return rules.Err()
}

func changeKit(ctx context.Context, id uuid.UUID, ifMatch string, edit func(*Kit)) (*Kit, error) {
	k, err := db.Lock[Kit](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	edit(k)
	if err := k.judge(ctx); err != nil {
		return nil, err
	}
	return k, db.Save(ctx, k)
}

// kitting is the order to assemble kits or to take them apart.
type kitting struct {
	id       *uuid.UUID
	place    uuid.UUID
	quantity decimal.Decimal // of kits, whole
	at       time.Time
	note     string
}

func (o kitting) document(kind string) *Document {
	d := NewDocument(o.id, kind)
	d.OccurredAt, d.Note = o.at, o.note
	return d
}

// assemble takes the components of kits and makes one lot of kits, which expires with the first of them (rule 20).
func assemble(ctx context.Context, id uuid.UUID, o kitting) (*paper, error) {
	k, err := db.Get[Kit](ctx, id)
	if err != nil {
		return nil, err
	}
	if !k.Active {
		return nil, fault.State("inactive", "This kit is not in use any more.")
	}
	d, entries := o.document(Assembly), make([]Entry, len(k.Components.V))
	d.SubjectID = &k.ID
	for i, c := range k.Components.V {
		entries[i] = Entry{Type: "kit_assembly_out", ItemID: c.ItemID, LocationID: o.place, Quantity: c.Quantity.Mul(o.quantity)}
	}
	p, err := prepare(ctx, d, entries)
	if err != nil {
		return nil, err
	}
	if err := p.allot(ctx); err != nil {
		return nil, err
	}
	lot, err := p.made(ctx, k.ItemID)
	if err != nil {
		return nil, err
	}
	if err := p.bring(ctx, o.place, lot, o.quantity); err != nil {
		return nil, err
	}
	p.lots = append(p.lots, *lot)
	return p.paper(), p.store(ctx)
}

// made is the lot of the kits that the movements so far go into.
func (p *posting) made(ctx context.Context, item uuid.UUID) (*Lot, error) {
	used := map[uuid.UUID]bool{}
	for _, m := range p.movements {
		used[m.LotID] = true
	}
	from, err := byID(ctx, used, false, func(l *Lot) uuid.UUID { return l.ID })
	if err != nil {
		return nil, err
	}
	lot := &Lot{Record: db.NewRecord(nil), ItemID: item, ReceivedOn: p.today(), Ownership: "own"}
	for _, l := range from {
		if l.ExpiresOn != nil && (lot.ExpiresOn == nil || l.ExpiresOn.Before(lot.ExpiresOn.Time)) {
			lot.ExpiresOn = l.ExpiresOn
		}
	}
	return lot, nil
}

// bring adds a line that puts goods of a lot into a place.
func (p *posting) bring(ctx context.Context, place uuid.UUID, lot *Lot, quantity decimal.Decimal) error {
	item, err := db.Get[Item](ctx, lot.ItemID)
	if err != nil {
		return err
	}
	p.lines = append(p.lines, Line{
		Record: db.NewRecord(nil), DocumentID: p.doc.ID, Position: len(p.lines) + 1, Type: "kit_assembly_in", ItemID: lot.ItemID, LocationID: place, LotID: &lot.ID,
		Unit: item.Unit, Entered: quantity, Factor: one, Quantity: quantity,
	})
	p.move(&p.lines[len(p.lines)-1], lot.ID, quantity)
	return nil
}

// disassemble takes kits of a lot apart: the very components come back, into the lots that they came from. The lock on
// the kits' balance lets nobody else take the same components out meanwhile.
func disassemble(ctx context.Context, id uuid.UUID, o kitting) (*paper, error) {
	lot, err := db.Get[Lot](ctx, id)
	if err != nil {
		return nil, err
	}
	made, err := db.Find[Movement](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("item_id = ? and lot_id = ? and type = 'kit_assembly_in' and document_id in (select id from stock_documents where kind = ?)", lot.ItemID, id, Assembly)
	})
	if err != nil {
		return nil, err
	}
	if len(made) == 0 {
		return nil, fault.State("received", "This lot was not assembled here. Issue it as it is.")
	}
	d := o.document(Disassembly)
	d.SubjectID = &made[0].DocumentID
	p, err := prepare(ctx, d, []Entry{{Type: "kit_assembly_out", ItemID: lot.ItemID, LocationID: o.place, LotID: &id, Quantity: o.quantity, Reason: "taken apart"}})
	if err != nil {
		return nil, err
	}
	if err := p.allot(ctx); err != nil {
		return nil, err
	}
	if err := p.giveBack(ctx, &made[0], o); err != nil {
		return nil, err
	}
	return p.paper(), p.store(ctx)
}

// inside is what is still in the kits of a lot: components by the lot that they came from.
type inside struct {
	ItemID uuid.UUID
	LotID  uuid.UUID
	Used   decimal.Decimal // when the kits were assembled
	Rest   decimal.Decimal // less what was given back
}

// giveBack brings the components of kits back into their lots.
func (p *posting) giveBack(ctx context.Context, made *Movement, o kitting) error {
	rows, err := db.Select[inside](ctx, `select m.item_id, m.lot_id, -sum(m.quantity) filter (where d.kind = $2) as used, -sum(m.quantity) as rest
		from stock_movements m join stock_documents d on d.centre_id = m.centre_id and d.id = m.document_id
		where m.centre_id = any ((select scope_centres())::uuid[]) and (d.id = $1 or d.subject_id = $1 and d.kind = $3) and m.item_id <> $4
		  and not exists (select from stock_movements r where r.centre_id = m.centre_id and r.reverses_id = m.id)
		group by m.item_id, m.lot_id order by m.item_id, m.lot_id`, made.DocumentID, Assembly, Disassembly, made.ItemID)
	if err != nil {
		return err
	}
	wanted := map[uuid.UUID]decimal.Decimal{}
	for _, r := range rows {
		wanted[r.ItemID] = wanted[r.ItemID].Add(r.Used)
	}
	for item, used := range wanted { // exact: kits were assembled whole
		wanted[item] = used.Mul(o.quantity).Div(made.Quantity)
	}
	for _, r := range rows {
		part := decimal.Min(wanted[r.ItemID], r.Rest)
		if !part.IsPositive() {
			continue
		}
		wanted[r.ItemID] = wanted[r.ItemID].Sub(part)
		if err := p.bring(ctx, o.place, &Lot{Record: db.Record{ID: r.LotID}, ItemID: r.ItemID}, part); err != nil {
			return err
		}
	}
	return nil
}
