package stock

import (
	"context"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/tenant"
)

// Pick is what to take of an item from the shelves, in its base unit.
type Pick struct {
	ItemID   uuid.UUID
	Quantity decimal.Decimal
	Short    decimal.Decimal // what is not there
	Lots     []PickLot
}

// PickLot is what to take of one lot.
type PickLot struct {
	LotID     uuid.UUID
	Batch     string
	ExpiresOn *db.Date
	Quantity  decimal.Decimal
}

// shelf is what can be taken of a lot in a place.
type shelf struct {
	ItemID    uuid.UUID
	LotID     uuid.UUID
	Batch     string
	ExpiresOn *db.Date
	Available decimal.Decimal
}

// PickList says from which lots of a place each quantity would be issued today, first expiry first. It holds nothing.
func PickList(ctx context.Context, location uuid.UUID, wanted []Pick) ([]Pick, error) {
	here, err := tenant.One(ctx)
	if err != nil {
		return nil, err
	}
	today, err := centre.Today(ctx, here)
	if err != nil {
		return nil, err
	}
	ids := make(db.UUIDs, len(wanted))
	for i, w := range wanted {
		ids[i] = w.ItemID
	}
	rows, err := db.Select[shelf](ctx, `select b.item_id, b.lot_id, l.batch, l.expires_on, b.on_hand - b.reserved as available
		from stock_balances b join stock_lots l on l.centre_id = b.centre_id and l.id = b.lot_id
		where b.centre_id = any ((select scope_centres())::uuid[]) and b.location_id = $1 and b.item_id = any ($2) and b.on_hand > b.reserved
			and (l.expires_on is null or l.expires_on >= $3)
		order by l.expires_on nulls last, l.received_on, l.id::text`, location, ids, today)
	if err != nil {
		return nil, err
	}
	for i := range wanted {
		wanted[i].draw(rows)
	}
	return wanted, nil
}

// draw takes from shelves until there is enough.
func (p *Pick) draw(shelves []shelf) {
	p.Short, p.Lots = p.Quantity, []PickLot{}
	for _, s := range shelves {
		if part := decimal.Min(p.Short, s.Available); s.ItemID == p.ItemID && part.IsPositive() {
			p.Short = p.Short.Sub(part)
			p.Lots = append(p.Lots, PickLot{LotID: s.LotID, Batch: s.Batch, ExpiresOn: s.ExpiresOn, Quantity: part})
		}
	}
}
