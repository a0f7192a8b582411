package stock

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// byTheBooks is what lay there, by the books of now, at the moment in which a line was counted last: movements since are taken off
// again, so that whatever moves during a count does no harm.
const byTheBooks = `coalesce((select b.on_hand from stock_balances b where (b.centre_id, b.item_id, b.location_id, b.lot_id) = (stock_count_lines.centre_id, stock_count_lines.item_id, stock_count_lines.location_id, stock_count_lines.lot_id)), 0)
	- coalesce((select sum(m.quantity) from stock_movements m where (m.centre_id, m.item_id, m.location_id, m.lot_id) = (stock_count_lines.centre_id, stock_count_lines.item_id, stock_count_lines.location_id, stock_count_lines.lot_id)
		and m.occurred_at > coalesce(stock_count_lines.recounted_at, stock_count_lines.counted_at)), 0)`

// submitCount closes the sheets: what differs from the books by more than the SOP tolerates is counted again by somebody else; then
// it waits for its approval. It may be submitted again while it waits, when something was posted with an earlier date.
func submitCount(ctx context.Context, id uuid.UUID, ifMatch string) (*Count, error) {
	c, err := lockCount(ctx, id, ifMatch, underWay...)
	if err != nil {
		return nil, err
	}
	b, err := booksOf(ctx)
	if err != nil {
		return nil, err
	}
	left, err := db.Count[CountLine](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("count_id = ? and (counted is null or recount and recounted is null)", id)
	})
	if err != nil {
		return nil, err
	}
	if left > 0 {
		return nil, fault.New(fault.Invalid, "uncounted", fmt.Sprintf("%d lines are not counted. Count them; nothing is a figure, too.", left))
	}
	tx, now := db.Tx(ctx), db.Now()
	if err := tx.Exec(`update stock_count_lines set expected = `+byTheBooks+`, version = version + 1, updated_at = ? where centre_id = ? and count_id = ?`, now, c.CentreID, id).Error; err != nil {
		return nil, err
	}
	again := tx.Exec(`update stock_count_lines set recount = true where centre_id = ? and count_id = ? and not recount
		and abs(counted - expected) * 100 > expected * ?`, c.CentreID, id, decimal.NewFromFloat(b.policy.CountTolerancePercent))
	if again.Error != nil {
		return nil, again.Error
	}
	c.Status, c.SubmittedBy, c.SubmittedAt = review, caller(ctx), &now
	if again.RowsAffected > 0 {
		c.Status = recounts
	}
	return c, db.Save(ctx, c)
}

// endCount ends a count without a trace in the ledger.
func endCount(ctx context.Context, id uuid.UUID, ifMatch, status, reason string, states ...string) (*Count, error) {
	c, err := lockCount(ctx, id, ifMatch, states...)
	if err != nil {
		return nil, err
	}
	now := db.Now()
	c.Status, c.DecidedBy, c.DecidedAt, c.DecisionNote = status, caller(ctx), &now, reason
	return c, db.Save(ctx, c)
}

// approveCount writes the differences into the ledger, by somebody who counted nothing of it (rule 19).
func approveCount(ctx context.Context, id uuid.UUID, ifMatch, note string) (*Count, error) {
	c, err := lockCount(ctx, id, ifMatch, review)
	if err != nil {
		return nil, err
	}
	if err := c.independent(ctx); err != nil {
		return nil, err
	}
	if err := c.current(ctx); err != nil {
		return nil, err
	}
	varying, err := db.Find[CountLine](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("count_id = ? and coalesce(recounted, counted) <> expected", id).Order("position")
	})
	if err != nil {
		return nil, err
	}
	if len(varying) > 0 {
		if c.DocumentID, err = c.post(ctx, varying, note); err != nil {
			return nil, err
		}
	}
	now := db.Now()
	c.Status, c.DecidedBy, c.DecidedAt, c.DecisionNote = posted, caller(ctx), &now, note
	return c, db.Save(ctx, c)
}

// independent refuses an approver who counted.
func (c *Count) independent(ctx context.Context) error {
	by := caller(ctx)
	counted, err := db.Exists[CountLine](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("count_id = ? and ? in (counted_by, recounted_by)", c.ID, by)
	})
	if err != nil {
		return err
	}
	if counted {
		return fault.New(fault.Invalid, "four_eyes", "Whoever counted does not approve the count. Another person must.")
	}
	return nil
}

// current refuses a result that the books have overtaken.
func (c *Count) current(ctx context.Context) error {
	overtaken, err := db.Exists[CountLine](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("count_id = ? and expected <> "+byTheBooks, c.ID) })
	if err != nil {
		return err
	}
	if overtaken {
		return fault.New(fault.Conflict, "books_changed", "Something was posted since with a date before the count. Submit the count again, then decide.")
	}
	return nil
}

// post adjusts each lot by its difference.
func (c *Count) post(ctx context.Context, varying []CountLine, note string) (*uuid.UUID, error) {
	d := NewDocument(nil, counted)
	d.SubjectID, d.Note = &c.ID, note
	entries := make([]Entry, len(varying))
	for i, l := range varying {
		v := *l.variance()
		e := Entry{Type: "adjustment_plus", ItemID: l.ItemID, LocationID: l.LocationID, LotID: l.LotID, Quantity: v.Abs(), Reason: "count " + c.Number}
		if v.IsNegative() {
			e.Type = "adjustment_minus"
		}
		if l.LotID == nil {
			e.Lot = &Lot{Record: db.NewRecord(nil), ExpiresOn: l.ExpiresOn}
		}
		entries[i] = e
	}
	p, err := prepare(ctx, d, entries)
	if err != nil {
		return nil, err
	}
	if err := p.allot(ctx); err != nil {
		return nil, err
	}
	if err := c.current(ctx); err != nil { // once more, now that nobody else can move what is adjusted
		return nil, err
	}
	return &d.ID, p.store(ctx)
}

// progress is how far a count has come.
type progress struct {
	Lines     int64
	Uncounted int64
	Recounts  int64 // that somebody else has still to count
	Varying   int64 // known once it was submitted
}

func progressOf(ctx context.Context, id uuid.UUID) (p progress, err error) {
	rows, err := db.Select[progress](ctx, `select count(*) as lines, count(*) filter (where counted is null) as uncounted, count(*) filter (where recount and recounted is null) as recounts,
		count(*) filter (where coalesce(recounted, counted) <> expected) as varying
		from stock_count_lines where centre_id = any ((select scope_centres())::uuid[]) and count_id = $1`, id)
	if err != nil || len(rows) == 0 {
		return p, err
	}
	return rows[0], nil
}

// notCounted refuses to adjust by hand what is being counted: the count would adjust it once more.
func (p *posting) notCounted(ctx context.Context) error {
	places := make(db.UUIDs, len(p.lines))
	for i, l := range p.lines {
		places[i] = l.LocationID
	}
	busy, err := db.Find[Count](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("status in ? and location_ids && ?::uuid[]", underWay, places)
	})
	if err != nil {
		return err
	}
	rules := fault.Rules()
	for i, place := range places {
		if slices.ContainsFunc(busy, func(c Count) bool { return slices.Contains(c.LocationIDs, place) }) {
			rules.Add(line(i, "location_id"), "being_counted", "This place is being counted. The count puts it right; or cancel the count first.")
		}
	}
	return rules.Err()
}
