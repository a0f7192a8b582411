package stock

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/jobs"
	"github.com/waystation/waystation/internal/tenant"
)

// Jobs registers what stock needs done beside requests: each night the balances are proven, each hour the levels are looked at.
func Jobs(r *jobs.Registry) {
	r.Every(24*time.Hour, "stock.recount", func(ctx context.Context) error { return jobs.EachCentre(ctx, recount) })
	r.Every(time.Hour, "stock.levels", func(ctx context.Context) error { return jobs.EachCentre(ctx, watch) })
}

// Recount is the proof of one night.
type Recount struct {
	CentreID  tenant.ID `gorm:"type:uuid;primaryKey"`
	ID        uuid.UUID `gorm:"type:uuid;primaryKey"`
	CreatedAt time.Time
	Balances  int64 // how many were counted
	Drift     db.JSON[[]Drift]
}

// RowID implements db.Row.
func (r *Recount) RowID() uuid.UUID { return r.ID }

// TableName implements schema.Tabler.
func (Recount) TableName() string { return "stock_recounts" }

// Drift is a balance that is not the sum of its movements, or promises something else than its reservations.
type Drift struct {
	ItemID     uuid.UUID       `json:"item_id"`
	LocationID uuid.UUID       `json:"location_id"`
	LotID      uuid.UUID       `json:"lot_id"`
	Kept       decimal.Decimal `json:"kept"`
	Counted    decimal.Decimal `json:"counted"`
	Reserved   decimal.Decimal `json:"reserved"`
	Promised   decimal.Decimal `json:"promised"` // the sum of the reservations
}

// recount counts a centre's balances anew from its movements, as of one moment, keeps the result and tells of what
// differs: nothing, or there is a fault to find. It repairs nothing.
func recount(ctx context.Context, centre uuid.UUID) error {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	r := Recount{ID: db.NewID()}
	err = tx.QueryRow(ctx, `with entries as (
			select item_id, location_id, lot_id, on_hand as kept, 0 as counted, reserved, 0 as promised from stock_balances where centre_id = $1
			union all select item_id, location_id, lot_id, 0, quantity, 0, 0 from stock_movements where centre_id = $1
			union all select item_id, location_id, lot_id, 0, 0, 0, quantity from stock_reservations where centre_id = $1 and released_at is null
		), cells as (
			select item_id, location_id, lot_id, sum(kept) as kept, sum(counted) as counted, sum(reserved) as reserved, sum(promised) as promised from entries group by 1, 2, 3
		)
		insert into stock_recounts (centre_id, id, balances, drift)
		select $1, $2, count(*), coalesce(jsonb_agg(jsonb_build_object('item_id', item_id, 'location_id', location_id, 'lot_id', lot_id,
			'kept', kept::text, 'counted', counted::text, 'reserved', reserved::text, 'promised', promised::text) order by item_id, location_id, lot_id)
			filter (where kept <> counted or reserved <> promised), '[]') from cells
		returning balances, drift`, centre, r.ID).Scan(&r.Balances, &r.Drift)
	if err != nil || len(r.Drift.V) == 0 {
		return err
	}
	slog.ErrorContext(ctx, "stock drift", "centre_id", centre, "balances", r.Balances, "drifted", len(r.Drift.V))
	return events.Emit(ctx, events.Event{CentreID: centre, Type: "stock.drift", Resource: "stock_recount", SubjectID: r.ID, Data: map[string]any{"balances": len(r.Drift.V)}})
}
