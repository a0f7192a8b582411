package place

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/jobs"
	"github.com/waystation/waystation/internal/task"
)

// Tick is the name of the job that frees places whose time is over and tells who got one.
const Tick = "place.turn"

// expireAtOnce bounds one run; what is left waits for the next.
const expireAtOnce = 200

// Jobs registers the work of this package.
func Jobs(r *jobs.Registry) { r.Every(time.Minute, Tick, turn) }

func turn(ctx context.Context) error {
	if err := expire(ctx); err != nil {
		return err
	}
	return jobs.EachCentre(ctx, func(ctx context.Context, _ uuid.UUID) error {
		return casework.Lifted(ctx, func() error { return tell(ctx) })
	})
}

// expire ends the holds whose time is over, each in a transaction of its own; the database gives their places to who waits.
func expire(ctx context.Context) error {
	var due []Line
	err := jobs.In(ctx, db.Scope{Network: true, ReadOnly: true}, func(ctx context.Context) (err error) {
		due, err = db.Find[Line](ctx, over(db.Now()))
		return err
	})
	for i := 0; i < len(due) && err == nil; i++ {
		err = jobs.In(ctx, db.Scope{Network: true}, func(ctx context.Context) error { return due[i].expire(ctx) })
	}
	return err
}

func over(now time.Time) db.Build {
	return func(q *gorm.DB) *gorm.DB {
		return q.Where("status = ? and until_at <= ?", Held, now).Order("until_at, id").Limit(expireAtOnce)
	}
}

func (l *Line) expire(ctx context.Context) error {
	if _, err := db.LockAny[Capacity](ctx, l.ServiceID); err != nil {
		return err
	}
	held, err := db.LockAny[Line](ctx, l.ID)
	if err != nil || held.Status != Held || held.UntilAt.After(db.Now()) { // somebody came, or it was prolonged
		return err
	}
	if err := held.move(Expired); err != nil {
		return err
	}
	return db.Save(ctx, held)
}

// tell raises a task for whoever asked for a place that the line brought, and ends those of holds that went on.
func tell(ctx context.Context) error {
	promoted, err := db.Find[Hold](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("status = ? and promoted_at is not null", Held) })
	if err != nil {
		return err
	}
	for _, h := range promoted {
		err := task.Raise(ctx, task.Task{
			Key: freed + ":" + h.ID.String(), Kind: freed, Resource: "hold", ResourceID: h.ID, CaseID: h.CaseID, UserID: h.CreatedBy, DueAt: *h.UntilAt,
		})
		if err != nil {
			return err
		}
	}
	var over []uuid.UUID
	err = db.Tx(ctx).Raw("select t.resource_id from tasks t join holds h on h.centre_id = t.centre_id and h.id = t.resource_id where t.kind = ? and t.status = ? and h.status <> ?",
		freed, task.Open, Held).Scan(&over).Error
	for i := 0; i < len(over) && err == nil; i++ {
		err = task.Settle(ctx, freed, over[i], nil)
	}
	return err
}
