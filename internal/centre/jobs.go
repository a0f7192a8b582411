package centre

import (
	"context"
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
	var all []uuid.UUID
	err := jobs.In(ctx, db.Scope{Network: true, ReadOnly: true}, func(ctx context.Context) error {
		return db.Tx(ctx).Raw("select id from centres order by id").Scan(&all).Error
	})
	if err != nil || len(all) == 0 {
		return err
	}
	return jobs.In(ctx, db.Scope{Centres: all}, func(ctx context.Context) error { return advance(ctx, all) })
}
