package centre

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
)

// Today is the date in a centre's time zone when the transaction began: what every date in its records is
// compared with. In SQL it is centre_today.
func Today(ctx context.Context, centre uuid.UUID) (day db.Date, err error) {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return day, err
	}
	err = tx.QueryRow(ctx, "select centre_today($1)", centre).Scan(&day)
	return day, err
}

// DayOf is the calendar date of an instant where a centre is.
func DayOf(ctx context.Context, centre uuid.UUID, at time.Time) (day db.Date, err error) {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return day, err
	}
	err = tx.QueryRow(ctx, "select ($2::timestamptz at time zone time_zone)::date from centres where id = $1", centre, at).Scan(&day)
	return day, err
}
