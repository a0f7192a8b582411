package stock

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Period closes the books: through a day and all days before it. They never open again.
type Period struct {
	db.Record
	ThroughOn db.Date
	ClosedBy  *uuid.UUID
	Note      string
}

// TableName implements schema.Tabler.
func (Period) TableName() string { return "stock_periods" }

var (
	_ = db.Constraint("stock_periods_order_check", func() *fault.Error {
		return fault.InvalidField("/through_on", "closed_already", "The books are closed through this day or a later one already.")
	})
	_ = db.Constraint("stock_periods_waiting_check", func() *fault.Error {
		return fault.New(fault.Conflict, "documents_waiting", "A document of that time waits for its approval. Decide on it, then close.").With("current_state", requested)
	})
)

// closePeriod closes the books through a day that is over in the centre. Who posts meanwhile is waited for.
func closePeriod(ctx context.Context, p *Period) error {
	b, err := booksOf(ctx)
	if err != nil {
		return err
	}
	if !p.ThroughOn.Before(b.day(b.now).Time) {
		return fault.InvalidField("/through_on", "not_over", "Only days that are over can be closed.")
	}
	p.ClosedBy = b.by
	return db.Insert(ctx, p)
}
