package stock

import (
	"context"
	"time"

	"github.com/shopspring/decimal"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
)

var itemSorts = db.Sorts[Item]{
	"code":       {SQL: "code", Cast: "text", Value: func(i *Item) any { return i.Code }},
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(i *Item) any { return i.CreatedAt }},
}

var locationSorts = db.Sorts[Location]{
	"code": {SQL: "code", Cast: "text", Value: func(l *Location) any { return l.Code }},
}

var lotSorts = db.Sorts[Lot]{
	"received_on": {SQL: "received_on", Cast: "date", Value: func(l *Lot) any { return l.ReceivedOn }},
}

var documentSorts = db.Sorts[Document]{
	"occurred_at": {SQL: "occurred_at", Cast: "timestamptz", Value: func(d *Document) any { return d.OccurredAt }},
}

var movementSorts = db.Sorts[Movement]{
	"occurred_at": {SQL: "occurred_at", Cast: "timestamptz", Value: func(m *Movement) any { return m.OccurredAt }},
}

var transferSorts = db.Sorts[Transfer]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(t *Transfer) any { return t.CreatedAt }},
}

var incomingSorts = db.Sorts[Incoming]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(t *Incoming) any { return t.CreatedAt }},
}

var countSorts = db.Sorts[Count]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(c *Count) any { return c.CreatedAt }},
}

var countLineSorts = db.Sorts[CountLine]{
	"position": {SQL: "position", Cast: "bigint", Value: func(l *CountLine) any { return l.Position }},
}

var alertSorts = db.Sorts[Alert]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(a *Alert) any { return a.CreatedAt }},
}

var periodSorts = db.Sorts[Period]{
	"through_on": {SQL: "through_on", Cast: "date", Value: func(p *Period) any { return p.ThroughOn }},
}

var recountSorts = db.Sorts[Recount]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(r *Recount) any { return r.CreatedAt }},
}

var balanceSorts = db.Sorts[Balance]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(b *Balance) any { return b.CreatedAt }},
}

// then is a balance at an instant: counted back from now, so that it costs what has happened since.
const then = `(on_hand - coalesce((select sum(m.quantity) from stock_movements m where m.centre_id = stock_balances.centre_id and m.item_id = stock_balances.item_id
	and m.location_id = stock_balances.location_id and m.lot_id = stock_balances.lot_id and m.occurred_at > ?), 0))`

// listBalances returns balances of now; with asOf those of that instant, which know of no reservations.
func listBalances(ctx context.Context, l db.Listing, f db.Conditions, asOf *time.Time, empty bool) (db.Paged[Balance], error) {
	return db.Page(ctx, l, balanceSorts, func(q *gorm.DB) *gorm.DB {
		q = f.Apply(q)
		switch {
		case asOf == nil && !empty:
			return q.Where("on_hand > 0")
		case asOf == nil:
			return q
		case !empty:
			q = q.Where(then+" > 0", *asOf)
		}
		return q.Select("centre_id, id, item_id, location_id, lot_id, created_at, updated_at, "+then+" as on_hand", *asOf)
	})
}

// card is one page of a stock card: entries in order of time and the balance before the first of them.
type card struct {
	db.Paged[Movement]
	opening decimal.Decimal
}

// readCard reads a card: f says of what, within is the time that is asked for.
func readCard(ctx context.Context, l db.Listing, f, within db.Conditions) (c card, err error) {
	if _, err := db.Pgx(ctx); err != nil { // begin: two reads
		return c, err
	}
	if c.Paged, err = db.Page(ctx, l, movementSorts, append(f[:len(f):len(f)], within...).Apply); err != nil || len(c.Rows) == 0 {
		return c, err
	}
	first := c.Rows[0]
	err = db.Tx(ctx).Model(&Movement{}).Scopes(f.Apply).Where("(occurred_at, id) < (?, ?)", first.OccurredAt, first.ID).
		Select("coalesce(sum(quantity), 0)").Row().Scan(&c.opening)
	return c, err
}
