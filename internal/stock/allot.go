package stock

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// held is a balance that this transaction has locked.
type held struct {
	ItemID     uuid.UUID
	LocationID uuid.UUID
	LotID      uuid.UUID
	OnHand     decimal.Decimal
	Reserved   decimal.Decimal
	ExpiresOn  *db.Date
	ReceivedOn db.Date
}

func (h *held) available() decimal.Decimal { return h.OnHand.Sub(h.Reserved) }

// expired tells whether a lot may not be issued any more on a day.
func (h *held) expired(on db.Date) bool { return h.ExpiresOn != nil && h.ExpiresOn.Before(on.Time) }

// firstExpiry orders what is to go out first: by expiry, what never expires last; then by arrival.
func firstExpiry(a, b *held) int {
	switch {
	case a.ExpiresOn != nil && b.ExpiresOn == nil:
		return -1
	case a.ExpiresOn == nil && b.ExpiresOn != nil:
		return 1
	case a.ExpiresOn != nil && !a.ExpiresOn.Equal(b.ExpiresOn.Time):
		return a.ExpiresOn.Compare(b.ExpiresOn.Time)
	}
	return cmp.Or(a.ReceivedOn.Compare(b.ReceivedOn.Time), cmp.Compare(a.LotID.String(), b.LotID.String()))
}

// holdings locks the balances of items in places, always in the same order, so that parallel postings wait for each
// other and never in a circle. Lots that are used up are left out, but for the named ones.
func holdings(ctx context.Context, lines []Line) ([]*held, error) {
	var items, locations, lots db.UUIDs
	for _, l := range lines {
		items, locations = append(items, l.ItemID), append(locations, l.LocationID)
		if l.LotID != nil {
			lots = append(lots, *l.LotID)
		}
	}
	rows, err := db.Select[held](ctx, `select b.item_id, b.location_id, b.lot_id, b.on_hand, b.reserved, l.expires_on, l.received_on
		from stock_balances b join stock_lots l on l.centre_id = b.centre_id and l.id = b.lot_id
		where b.centre_id = any ((select scope_centres())::uuid[]) and (b.on_hand > 0 or b.lot_id = any ($3::uuid[]))
		  and (b.item_id, b.location_id) in (select * from unnest($1::uuid[], $2::uuid[]))
		order by b.item_id, b.location_id, b.lot_id for update of b`, items, locations, lots)
	out := make([]*held, len(rows))
	for i := range rows {
		out[i] = &rows[i]
	}
	slices.SortStableFunc(out, firstExpiry)
	return out, err
}

// issues are the types of movement that give goods away: never from an expired lot, first expiry first.
var issues = []string{"issue_distribution", "issue_internal", "issue_transfer", "kit_assembly_out"}

// keeping are the kinds of document by which goods change their place or shape and are given to nobody.
var keeping = []string{Disassembly, transferReceipt, settlement}

// issues tells whether a line gives goods away.
func (p *posting) issues(l *Line) bool {
	return slices.Contains(issues, l.Type) && !slices.Contains(keeping, p.doc.Kind)
}

// allot locks the balances and turns lines into movements.
func (p *posting) allot(ctx context.Context) error {
	if p.doc.Kind == Adjustment {
		if err := p.notCounted(ctx); err != nil {
			return err
		}
	}
	stock, err := holdings(ctx, p.lines)
	if err != nil {
		return err
	}
	rules := fault.Rules()
	for i := range p.lines {
		l := &p.lines[i]
		if sign(l.Type) > 0 {
			p.move(l, *l.LotID, l.Quantity)
			continue
		}
		p.take(rules, i, slices.Collect(func(yield func(*held) bool) {
			for _, h := range stock {
				if h.ItemID == l.ItemID && h.LocationID == l.LocationID && !yield(h) {
					return
				}
			}
		}))
	}
	return rules.Err()
}

// take draws a line from the lots of its item in its place.
func (p *posting) take(rules *fault.Error, i int, stock []*held) {
	l, day := &p.lines[i], p.today()
	issue := p.issues(l)
	usable := slices.DeleteFunc(slices.Clone(stock), func(h *held) bool {
		return issue && h.expired(day) || !h.available().IsPositive()
	})
	if l.LotID != nil {
		if issue && !p.named(rules, i, stock, usable) {
			return
		}
		usable = slices.DeleteFunc(usable, func(h *held) bool { return h.LotID != *l.LotID })
	}
	rest := l.Quantity
	for _, h := range usable {
		part := decimal.Min(rest, h.available())
		if part.IsPositive() {
			h.OnHand, rest = h.OnHand.Sub(part), rest.Sub(part)
			p.move(l, h.LotID, part.Neg())
		}
	}
	if rest.IsPositive() {
		rules.Add(line(i, "quantity"), "insufficient_stock", fmt.Sprintf("There is %s here that can be taken, in the base unit; %s is asked for.", l.Quantity.Sub(rest), l.Quantity))
	}
}

// named judges the lot that somebody chose: it has not expired, and it is the first to expire or there is a reason.
func (p *posting) named(rules *fault.Error, i int, stock, usable []*held) bool {
	l := &p.lines[i]
	at := slices.IndexFunc(stock, func(h *held) bool { return h.LotID == *l.LotID })
	switch {
	case at >= 0 && stock[at].expired(p.today()):
		rules.Add(line(i, "lot_id"), "expired", "This lot has expired and is not issued. Report its loss or dispose of it.")
		return false
	case at >= 0 && len(usable) > 0 && usable[0].LotID != *l.LotID && l.Reason == "":
		rules.Add(line(i, "lot_id"), "not_first_expiry", "Another lot goes out first. Leave lot_id out, or give the reason.")
		return false
	}
	return true
}

// move adds an entry to the ledger.
func (p *posting) move(l *Line, lot uuid.UUID, quantity decimal.Decimal) {
	p.movements = append(p.movements, Movement{
		Record: db.NewRecord(nil), DocumentID: p.doc.ID, LineID: l.ID, Type: l.Type, ItemID: l.ItemID, LocationID: l.LocationID,
		LotID: lot, Quantity: quantity, PostedBy: p.by,
	})
}
