package stock

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
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

// Contents returns the codes in the network's catalogue of items and of what the kits among them are made of, by item.
func Contents(ctx context.Context, items ...uuid.UUID) (map[uuid.UUID][]string, error) {
	rows, err := db.Select[content](ctx, `with recursive within (item_id, part_id) as (
			select i.id, i.id from stock_items i where i.centre_id = any ((select scope_centres())::uuid[]) and i.id = any ($1)
			union select w.item_id, (c->>'item_id')::uuid from within w join stock_kits k on k.centre_id = any ((select scope_centres())::uuid[]) and k.item_id = w.part_id
				cross join lateral jsonb_array_elements(k.components) c)
		select w.item_id, i.catalogue_code as code from within w join stock_items i on i.centre_id = any ((select scope_centres())::uuid[]) and i.id = w.part_id
		where i.catalogue_code <> ''`, items)
	out := map[uuid.UUID][]string{}
	for _, r := range rows {
		out[r.ItemID] = append(out[r.ItemID], r.Code)
	}
	return out, err
}

type content struct {
	ItemID uuid.UUID
	Code   string
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
	lot, err := p.made(ctx, k.ItemID, o.quantity)
	if err != nil {
		return nil, err
	}
	p.lots = append(p.lots, *lot)
	if err := p.bring(ctx, "kit_assembly_in", part{o.place, k.ItemID, lot.ID, o.quantity}); err != nil {
		return nil, err
	}
	return p.paper(), p.store(ctx)
}

// made is the lot of the kits that the movements so far go into: whose goods it is made of, and what one kit cost.
func (p *posting) made(ctx context.Context, item uuid.UUID, kits decimal.Decimal) (*Lot, error) {
	used := map[uuid.UUID]bool{}
	for _, m := range p.movements {
		used[m.LotID] = true
	}
	from, err := byID(ctx, used, false, func(l *Lot) uuid.UUID { return l.ID })
	if err != nil {
		return nil, err
	}
	lot := &Lot{Record: db.NewRecord(nil), ItemID: item, ReceivedOn: p.today(), Ownership: "own"}
	donors, grants := map[string]bool{}, map[string]bool{}
	for _, l := range from {
		if l.ExpiresOn != nil && (lot.ExpiresOn == nil || l.ExpiresOn.Before(lot.ExpiresOn.Time)) {
			lot.ExpiresOn = l.ExpiresOn
		}
		if slices.Index(bound, l.Ownership) > slices.Index(bound, lot.Ownership) {
			lot.Ownership = l.Ownership
		}
		donors[l.Donor], grants[l.GrantCode] = true, true
	}
	lot.Donor, lot.GrantCode = joined(donors), joined(grants)
	lot.Cost, lot.Currency = p.cost(from, kits)
	return lot, nil
}

// bound orders ownership: a kit with anything of somebody else is bound as that is.
var bound = []string{"own", "consignment", "entrusted"}

// joined names everybody once, in order.
func joined(names map[string]bool) string {
	delete(names, "")
	return strings.Join(slices.Sorted(maps.Keys(names)), "; ")
}

// costPlaces is how many decimal places a cost is kept with.
const costPlaces = 4

// cost is what one kit cost; nothing where the cost of a component is not known, or they are in several currencies.
func (p *posting) cost(from map[uuid.UUID]Lot, kits decimal.Decimal) (*decimal.Decimal, string) {
	sum, currency := decimal.Zero, from[p.movements[0].LotID].Currency
	for _, m := range p.movements {
		l := from[m.LotID]
		if l.Cost == nil || l.Currency != currency {
			return nil, ""
		}
		sum = sum.Sub(m.Quantity.Mul(*l.Cost))
	}
	sum = sum.DivRound(kits, costPlaces)
	return &sum, currency
}

// part is a quantity of a lot that is put into a place.
type part struct {
	place, item, lot uuid.UUID
	quantity         decimal.Decimal
}

// bring adds lines of a type that bring goods.
func (p *posting) bring(ctx context.Context, kind string, parts ...part) error {
	ids := map[uuid.UUID]bool{}
	for _, b := range parts {
		ids[b.item] = true
	}
	items, err := byID(ctx, ids, false, func(i *Item) uuid.UUID { return i.ID })
	for _, b := range parts {
		l := Line{
			Record: db.NewRecord(nil), DocumentID: p.doc.ID, Position: len(p.lines) + 1, Type: kind, ItemID: b.item, LocationID: b.place, LotID: &b.lot,
			Unit: items[b.item].Unit, Entered: b.quantity, Factor: one, Quantity: b.quantity,
		}
		p.lines = append(p.lines, l)
		p.move(&l, b.lot, b.quantity)
	}
	return err
}

// disassemble takes kits of a lot apart, expired ones too, for what is still good in them: the very components come
// back, into the lots that they came from. The lock on
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
	var parts []part
	for _, r := range rows {
		quantity := decimal.Min(wanted[r.ItemID], r.Rest)
		if quantity.IsPositive() {
			wanted[r.ItemID] = wanted[r.ItemID].Sub(quantity)
			parts = append(parts, part{o.place, r.ItemID, r.LotID, quantity})
		}
	}
	return p.bring(ctx, "kit_assembly_in", parts...)
}
