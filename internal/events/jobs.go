package events

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/jobs"
)

// ForgetTick is the name of the job that deletes old changes.
const ForgetTick = "events.forget"

const forgetBatch = 2000 // rows deleted in one transaction

// Jobs registers the job that deletes changes older than kept.
func Jobs(r *jobs.Registry, kept time.Duration) {
	r.Every(time.Hour, ForgetTick, func(ctx context.Context) error { return forget(ctx, kept) })
}

func forget(ctx context.Context, kept time.Duration) error {
	var centres []uuid.UUID
	err := jobs.In(ctx, db.Scope{Network: true, ReadOnly: true}, func(ctx context.Context) error {
		return db.Tx(ctx).Raw("select id from centres order by id").Scan(&centres).Error
	})
	if err != nil {
		return err
	}
	before := db.Now().Add(-kept - time.Hour) // whoever read them last has a cursor that is older than kept
	if err := forgetOf(ctx, db.Scope{Network: true}, uuid.Nil, before); err != nil {
		return err
	}
	for _, centre := range centres {
		if err := forgetOf(ctx, db.Scope{Centres: []uuid.UUID{centre}}, centre, before); err != nil {
			return fmt.Errorf("centre %s: %w", centre, err)
		}
	}
	return nil
}

// forgetOf deletes from the oldest end of one feed, which is in the order of its key.
func forgetOf(ctx context.Context, scope db.Scope, centre uuid.UUID, before time.Time) error {
	for deleted := int64(1); deleted > 0; {
		err := jobs.In(ctx, scope, func(ctx context.Context) error {
			done := db.Tx(ctx).Exec(`delete from events e using (select epoch, xid, id from events where centre_id = ? order by epoch, xid, id limit ?) oldest
				where e.centre_id = ? and (e.epoch, e.xid, e.id) = (oldest.epoch, oldest.xid, oldest.id) and e.at < ?`, centre, forgetBatch, centre, before)
			deleted = done.RowsAffected
			return done.Error
		})
		if err != nil {
			return err
		}
	}
	return nil
}
