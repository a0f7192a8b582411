package report

import (
	"time"

	"github.com/google/uuid"
)

// Statement is what the database is asked for a report, of a centre and all of its days between two.
func Statement(name string, centre uuid.UUID, from, to time.Time) (sql string, args []any) {
	args = []any{centre, from, to, (*uuid.UUID)(nil)}
	switch name {
	case "timeliness":
		return period + timelinessStatement, args
	case "outcomes":
		return period + outcomesStatement, append(args, positive())
	}
	return period + reopenedStatement, append(args, 90)
}
