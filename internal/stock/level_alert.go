package stock

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/task"
)

// Alert says that an item crossed a level, once for each time it does.
type Alert struct {
	db.Record
	ItemID  uuid.UUID
	Kind    string     // stock_out | stock_low | stock_over | stock_expiring
	EndedAt *time.Time // when it was back
}

// TableName implements schema.Tabler.
func (Alert) TableName() string { return "stock_alerts" }

// watch raises an alert for each level that was crossed since it last looked, and ends those that are over.
func watch(ctx context.Context, centre uuid.UUID) error {
	b, err := booksOf(ctx)
	if err != nil {
		return err
	}
	crossed, err := b.crossed(ctx, centre)
	if err != nil {
		return err
	}
	open, err := db.Find[Alert](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("ended_at is null") })
	if err != nil {
		return err
	}
	for i := range open {
		a := &open[i]
		at := slices.IndexFunc(crossed, func(c Alert) bool { return c.ItemID == a.ItemID && c.Kind == a.Kind })
		if at >= 0 {
			crossed = slices.Delete(crossed, at, at+1)
			continue
		}
		if err := a.end(ctx); err != nil {
			return err
		}
	}
	for i := range crossed {
		if err := crossed[i].raise(ctx); err != nil {
			return err
		}
	}
	return nil
}

// crossed are the levels that stand beyond their bounds now.
func (b books) crossed(ctx context.Context, centre uuid.UUID) ([]Alert, error) {
	levels, err := b.levels(ctx, centre)
	if err != nil {
		return nil, err
	}
	expiries, err := b.outlook(ctx, centre, b.policy.ExpiryNoticeDays, levels)
	if err != nil {
		return nil, err
	}
	var out []Alert
	for _, l := range levels {
		if l.State == stockOut || l.State == low || l.State == over {
			out = append(out, Alert{Record: db.NewRecord(nil), ItemID: l.ItemID, Kind: l.State})
		}
	}
	for _, e := range expiries {
		if e.AtRisk.IsPositive() && !slices.ContainsFunc(out, func(a Alert) bool { return a.ItemID == e.ItemID && a.Kind == expiring }) {
			out = append(out, Alert{Record: db.NewRecord(nil), ItemID: e.ItemID, Kind: expiring})
		}
	}
	return out, nil
}

// raise stores an alert and the storekeeper's task, unless another process was first.
func (a *Alert) raise(ctx context.Context) error {
	done := db.Tx(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(a)
	if done.Error != nil || done.RowsAffected == 0 {
		return done.Error
	}
	return task.Raise(ctx, task.Task{Key: a.Kind + ":" + a.ID.String(), Kind: a.Kind, Resource: "stock_alert", ResourceID: a.ID, Role: "storekeeper", DueAt: db.Now()})
}

func (a *Alert) end(ctx context.Context) error {
	now := db.Now()
	a.EndedAt = &now
	if err := db.Save(ctx, a); err != nil {
		return err
	}
	return task.Settle(ctx, a.Kind, a.ID, nil)
}
