package stock

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
)

// Reservation is a quantity of a lot that is promised and still here. The database keeps the balances in step.
type Reservation struct {
	db.Record
	SubjectID  uuid.UUID // the transfer that it is for
	ItemID     uuid.UUID
	LocationID uuid.UUID
	LotID      uuid.UUID
	Quantity   decimal.Decimal // in the base unit
	ReleasedAt *time.Time
}

// TableName implements schema.Tabler.
func (Reservation) TableName() string { return "stock_reservations" }

// reserve promises what the posting would take now to a subject, and takes nothing.
func (p *posting) reserve(ctx context.Context, subject uuid.UUID) error {
	if err := p.allot(ctx); err != nil {
		return err
	}
	rows := make([]Reservation, len(p.movements))
	for i, m := range p.movements {
		rows[i] = Reservation{Record: db.NewRecord(nil), SubjectID: subject, ItemID: m.ItemID, LocationID: m.LocationID, LotID: m.LotID, Quantity: m.Quantity.Neg()}
	}
	return db.InsertAll(ctx, rows)
}

// letGo ends what was promised to a subject. The balances are locked in the order that everybody keeps.
func letGo(ctx context.Context, subject uuid.UUID) error {
	rows, err := db.Find[Reservation](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("subject_id = ? and released_at is null", subject).Order("item_id, location_id, lot_id")
	})
	if err != nil || len(rows) == 0 {
		return err
	}
	lines := make([]Line, len(rows))
	for i, r := range rows {
		lines[i] = Line{ItemID: r.ItemID, LocationID: r.LocationID, LotID: &r.LotID}
	}
	if _, err := holdings(ctx, lines); err != nil {
		return err
	}
	now := db.Now()
	for r := range slices.Values(rows) {
		r.ReleasedAt = &now
		if err := db.Save(ctx, &r); err != nil {
			return err
		}
	}
	return nil
}
