package centre

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/jobs"
)

// Jobs registers what centres need done beside requests.
func Jobs(r *jobs.Registry) { r.Every(advanceEvery, "centre.advance", Advance) }

// advanceEvery is how long after its midnight a centre may show yesterday's phase.
const advanceEvery = 5 * time.Minute

// Advance lets planned phases and changes of management take effect whose day has come, in every
// centre: midnight differs from centre to centre. Guards do not wait for it, see
// AcceptsRegistrations.
func Advance(ctx context.Context) error {
	all, err := all(ctx)
	if err != nil || len(all) == 0 {
		return err
	}
	return jobs.In(ctx, db.Scope{Centres: all}, func(ctx context.Context) error { return advance(ctx, all) })
}

// Each lets a job do something in every centre, in a transaction and scope of its own. What fails in
// one centre does not keep it from the others.
func Each(ctx context.Context, do func(context.Context) error) error {
	all, err := all(ctx)
	for _, id := range all {
		err = errors.Join(err, jobs.In(ctx, db.Scope{Centres: []uuid.UUID{id}}, do))
	}
	return err
}

func all(ctx context.Context) (ids []uuid.UUID, err error) {
	err = jobs.In(ctx, db.Scope{Network: true, ReadOnly: true}, func(ctx context.Context) error {
		return db.Tx(ctx).Raw("select id from centres order by id").Scan(&ids).Error
	})
	return ids, err
}
