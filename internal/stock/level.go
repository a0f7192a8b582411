package stock

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/waystation/waystation/internal/db"
)

// Level is how an item stands (handbook 7.3). Quantities are in the base unit; what lies on the road or has expired does not count.
type Level struct {
	ItemID       uuid.UUID
	Code         string
	Name         string
	Unit         string
	Available    decimal.Decimal // on hand and not reserved
	Used         decimal.Decimal // in the period
	StockOutDays int             // of the period, at whose end there was nothing and on which nothing was given out

	// What follows from them.
	Monthly *decimal.Decimal `gorm:"-"` // AMC: what a month would have used, had there always been some; nil where there never was
	Months  *decimal.Decimal `gorm:"-"` // that it lasts; nil where nothing is used
	Reorder *decimal.Decimal `gorm:"-"` // order when this much is left
	State   string           `gorm:"-"`
}

// The states of a level.
const (
	enough   = "enough"
	unused   = "unused"
	stockOut = "stock_out"
	low      = "stock_low"
	over     = "stock_over"
	expiring = "stock_expiring" // of an alert
)

// month is how many days a month has in the formula.
const month = 30

// window is the period that consumption is taken from: whole days of the centre, the last one yesterday.
type window struct {
	From, To time.Time // the first and the last day
	Months   int
}

// window is the SOP's period.
func (b books) window() window {
	to := b.day(b.now).AddDate(0, 0, -1)
	return window{From: to.AddDate(0, 0, 1-b.policy.ConsumptionMonths*month), To: to, Months: b.policy.ConsumptionMonths}
}

func (w window) days() int { return w.Months * month }

// levelsSQL reads what happened to each item: $1 centre, $2 first day, $3 last day, $4 today, $5 the first day's beginning. The closing balance of a day is
// counted back from now, lot by lot, because a lot that has expired is nothing to give.
const levelsSQL = `with lots as materialized (
		select b.item_id, b.lot_id, l.expires_on, sum(b.on_hand) as on_hand, sum(b.on_hand - b.reserved) as free
		from stock_balances b join stock_locations p on p.centre_id = b.centre_id and p.id = b.location_id and p.kind <> 'transit'
			join stock_lots l on l.centre_id = b.centre_id and l.id = b.lot_id
		where b.centre_id = $1 and (b.on_hand > 0 or b.updated_at >= $5) group by 1, 2, 3
	), moved as materialized (
		select m.item_id, m.lot_id, m.occurred_on as day, sum(m.quantity) as quantity,
			-sum(m.quantity) filter (where coalesce(r.type, m.type) in ('issue_distribution', 'issue_internal')
				or coalesce(r.type, m.type) = 'kit_assembly_out' and d.kind <> 'disassembly' or coalesce(r.type, m.type) = 'kit_assembly_in' and d.kind = 'disassembly') as used
		from stock_movements m join stock_locations p on p.centre_id = m.centre_id and p.id = m.location_id and p.kind <> 'transit'
			left join stock_movements r on r.centre_id = m.centre_id and r.id = m.reverses_id
			join stock_documents d on d.centre_id = m.centre_id and d.id = coalesce(r.document_id, m.document_id)
		where m.centre_id = $1 and m.occurred_at >= $5 group by 1, 2, 3
	), closing as (
		select l.item_id, d.day::date as day, m.used, case when l.expires_on is null or l.expires_on >= d.day then
			l.on_hand - coalesce(sum(m.quantity) over (partition by l.lot_id order by d.day desc rows between unbounded preceding and 1 preceding), 0) else 0 end as quantity
		from lots l cross join generate_series($2::date, $4::date, interval '1 day') as d (day) left join moved m on m.lot_id = l.lot_id and m.day = d.day::date
	), days as (
		select item_id, day, sum(quantity) as quantity, coalesce(sum(used), 0) as used from closing where day <= $3 group by 1, 2
	), past as (
		select item_id, sum(used) as used, count(*) filter (where quantity > 0 or used > 0) as stocked from days group by 1
	), now as (
		select item_id, sum(free) filter (where expires_on is null or expires_on >= $4) as free from lots group by 1
	)
	select i.id as item_id, i.code, i.name, i.unit, coalesce(n.free, 0) as available, coalesce(p.used, 0) as used, ($3::date - $2::date + 1) - coalesce(p.stocked, 0) as stock_out_days
	from stock_items i left join past p on p.item_id = i.id left join now n on n.item_id = i.id
	where i.centre_id = $1 and i.active order by i.code, i.id`

// levels judges each item in use by what was given out in the SOP's period.
func (b books) levels(ctx context.Context, centre uuid.UUID) ([]Level, error) {
	w := b.window()
	begin := time.Date(w.From.Year(), w.From.Month(), w.From.Day(), 0, 0, 0, 0, b.zone)
	rows, err := db.Select[Level](ctx, levelsSQL, centre, w.From, w.To, b.day(b.now).Time, begin)
	for i := range rows {
		rows[i].judge(b, w)
	}
	return rows, err
}

// judge applies the formulas: consumption adjusted for the days on which there was nothing to give, C × D ÷ (D − X); its
// monthly mean; the months that stock lasts; the level at which to order, lead time and safety (handbook 7.3).
func (l *Level) judge(b books, w window) {
	l.State = unused
	stocked := w.days() - l.StockOutDays
	if stocked <= 0 {
		return
	}
	amc := l.Used.Mul(decimal.NewFromInt(int64(w.days()))).Div(decimal.NewFromInt(int64(stocked * w.Months))).Round(places)
	if !amc.IsPositive() {
		l.Monthly = &decimal.Zero
		return
	}
	months := l.Available.DivRound(amc, 1)
	reorder := amc.Mul(decimal.NewFromInt(int64(b.policy.LeadTimeDays+b.policy.SafetyDays))).DivRound(decimal.NewFromInt(month), places)
	l.Monthly, l.Months, l.Reorder = &amc, &months, &reorder
	switch {
	case !l.Available.IsPositive():
		l.State = stockOut
	case l.Available.LessThanOrEqual(reorder):
		l.State = low
	case months.GreaterThan(decimal.NewFromInt(int64(b.policy.OverStockMonths))):
		l.State = over
	default:
		l.State = enough
	}
}

// Expiry is a lot that expires before it will be used.
type Expiry struct {
	ItemID    uuid.UUID
	LotID     uuid.UUID
	Batch     string
	ExpiresOn db.Date
	OnHand    decimal.Decimal
	AtRisk    decimal.Decimal `gorm:"-"` // what will be left on that day, if as much is given out as lately, first expiry first
}

// outlook tells of the lots that expire within some days, and of those that have.
func (b books) outlook(ctx context.Context, centre uuid.UUID, within int, levels []Level) ([]Expiry, error) {
	today := b.day(b.now)
	rows, err := db.Select[Expiry](ctx, `select b.item_id, b.lot_id, l.batch, l.expires_on, sum(b.on_hand) as on_hand
		from stock_balances b join stock_lots l on l.centre_id = b.centre_id and l.id = b.lot_id
			join stock_locations p on p.centre_id = b.centre_id and p.id = b.location_id and p.kind <> 'transit'
		where b.centre_id = $1 and b.on_hand > 0 and l.expires_on <= $2 group by 1, 2, 3, 4 order by l.expires_on, b.lot_id`, centre, today.AddDate(0, 0, within))
	if err != nil {
		return nil, err
	}
	monthly := map[uuid.UUID]decimal.Decimal{}
	for _, l := range levels {
		if l.Monthly != nil {
			monthly[l.ItemID] = *l.Monthly
		}
	}
	before := map[uuid.UUID]decimal.Decimal{} // what earlier lots will have given by then
	for i := range rows {
		r := &rows[i]
		days := int64(r.ExpiresOn.Sub(today.Time).Hours()/24) + 1
		if days <= 0 {
			r.AtRisk = r.OnHand
			continue
		}
		given := decimal.Max(decimal.Zero, monthly[r.ItemID].Mul(decimal.NewFromInt(days)).DivRound(decimal.NewFromInt(month), places).Sub(before[r.ItemID]))
		taken := decimal.Min(given, r.OnHand)
		r.AtRisk, before[r.ItemID] = r.OnHand.Sub(taken), before[r.ItemID].Add(taken)
	}
	return rows, nil
}
