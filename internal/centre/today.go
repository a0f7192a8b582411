package centre

import (
	"context"

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
