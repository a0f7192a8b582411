package stock

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Outcome says what became of a part of what did not arrive.
type Outcome struct {
	GoodsID    uuid.UUID
	Type       string          // loss_damage | loss_theft | loss_expiry | returned
	Quantity   decimal.Decimal // in the base unit
	LocationID *uuid.UUID      // where returned goods lie now
	Reason     string
}

const returned = "returned"

// settleTransfer ends a transfer: everything that was sent and not accepted was lost or has come back, and so the road is
// empty. Another person than who sent the goods. A transfer that never arrived is settled, too; its receiver can then accept it
// no more.
func settleTransfer(ctx context.Context, id uuid.UUID, ifMatch, note string, outcomes []Outcome) (*consignment, error) {
	t, err := lockTransfer(ctx, id, ifMatch, dispatched, received)
	if err != nil {
		return nil, err
	}
	goods, err := goodsIn(ctx, id)
	if err != nil {
		return nil, err
	}
	from, err := road(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := account(goods, from.ID, outcomes)
	if err != nil {
		return nil, err
	}
	d := NewDocument(nil, settlement)
	d.SubjectID, d.Note = &t.ID, note
	p, err := prepare(ctx, d, entries)
	if err != nil {
		return nil, err
	}
	if err := p.allot(ctx); err != nil {
		return nil, err
	}
	if err := p.giveBackTo(ctx, goods, outcomes); err != nil {
		return nil, err
	}
	if err := p.store(ctx); err != nil {
		return nil, err
	}
	t.Status, t.SettlementID, t.SettledBy = closed, &d.ID, caller(ctx)
	return &consignment{t, goods}, db.Save(ctx, t)
}

// account turns outcomes into entries off the road; together they must be what is left of each lot, no more and no less.
func account(goods []Sent, road uuid.UUID, outcomes []Outcome) ([]Entry, error) {
	rules, named := fault.Rules(), map[uuid.UUID]decimal.Decimal{}
	entries := make([]Entry, len(outcomes))
	for i, o := range outcomes {
		at := slices.IndexFunc(goods, func(s Sent) bool { return s.ID == o.GoodsID })
		if at < 0 {
			rules.Add(line(i, "goods_id"), "unknown_goods", "This was not sent with the transfer.")
			continue
		}
		if (o.Type == returned) != (o.LocationID != nil) {
			rules.Add(line(i, "location_id"), "required", "Say where goods lie that came back, and of those only.")
		}
		s, kind := goods[at], o.Type
		if kind == returned {
			kind = "issue_transfer"
		}
		named[s.ID] = named[s.ID].Add(o.Quantity)
		entries[i] = Entry{Type: kind, ItemID: s.ItemID, LocationID: road, LotID: &s.LotID, Quantity: o.Quantity, Reason: o.Reason}
	}
	for _, s := range goods {
		if rest := s.rest(); !named[s.ID].Equal(rest) {
			rules.Add("/lines", "unexplained", fmt.Sprintf("Of %s (%s), %s did not arrive and %s is explained. Explain all of it.", s.Goods.V.Name, s.ID, rest, named[s.ID]))
		}
	}
	return entries, rules.Err()
}

// giveBackTo puts goods that came back into their places.
func (p *posting) giveBackTo(ctx context.Context, goods []Sent, outcomes []Outcome) error {
	places := map[uuid.UUID]bool{}
	for _, o := range outcomes {
		if o.LocationID != nil {
			places[*o.LocationID] = true
		}
	}
	known, err := byID(ctx, places, true, func(l *Location) uuid.UUID { return l.ID })
	if err != nil {
		return err
	}
	rules, parts := fault.Rules(), []part{}
	for i, o := range outcomes {
		if o.LocationID == nil {
			continue
		}
		if place, ok := known[*o.LocationID]; !ok || !place.Active || place.Kind == transit {
			rules.Add(line(i, "location_id"), "unknown_location", "There is no such open place here.")
			continue
		}
		s := goods[slices.IndexFunc(goods, func(s Sent) bool { return s.ID == o.GoodsID })]
		parts = append(parts, part{*o.LocationID, s.ItemID, s.LotID, o.Quantity})
	}
	if err := rules.Err(); err != nil {
		return err
	}
	return p.bring(ctx, "receipt_transfer", parts...)
}

func goodsIn(ctx context.Context, transfer uuid.UUID) ([]Sent, error) {
	return db.Find[Sent](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("transfer_id = ?", transfer).Order("position") })
}

// findTransfer reads a transfer with what travels.
func findTransfer(ctx context.Context, id uuid.UUID) (*consignment, error) {
	if _, err := db.Pgx(ctx); err != nil { // begin: two reads
		return nil, err
	}
	t, err := db.Get[Transfer](ctx, id)
	if err != nil {
		return nil, err
	}
	goods, err := goodsIn(ctx, id)
	return &consignment{t, goods}, err
}
