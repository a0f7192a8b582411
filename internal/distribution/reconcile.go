package distribution

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/stock"
)

// Variance is what became of an item that was brought to a counter, in its base unit.
type Variance struct {
	ItemID      uuid.UUID       `json:"item_id"`
	Brought     decimal.Decimal `json:"brought"`
	Issued      decimal.Decimal `json:"issued"`
	Returned    decimal.Decimal `json:"returned"`
	Variance    decimal.Decimal `json:"variance"` // brought less issued and returned: what is missing
	Explanation string          `json:"explanation,omitempty"`
}

// counted is what came back of an item.
type counted struct {
	itemID      uuid.UUID
	returned    decimal.Decimal
	explanation string
}

// reconcile ends a distribution: what was brought was issued, came back, or is explained; what is explained is posted
// as an adjustment. rule 18
func reconcile(ctx context.Context, id uuid.UUID, ifMatch string, rows []counted) (*Distribution, error) {
	return change(ctx, id, ifMatch, func(d *Distribution) error {
		by, now := caller(ctx), db.Now()
		if err := d.countedApart(ctx, by); err != nil {
			return err
		}
		out, err := outOf(ctx, d.ID)
		if err != nil {
			return err
		}
		if d.Reconciliation.V, err = d.settle(out, rows); err != nil {
			return err
		}
		d.Status, d.ReconciledBy, d.ReconciledAt = reconciled, by, &now
		return d.adjust(ctx, out)
	}, closed)
}

// countedApart answers the 422 of a counter who approved or issued (handbook 7.2).
func (d *Distribution) countedApart(ctx context.Context, by *uuid.UUID) error {
	const public = "Whoever approved a distribution or issued at it does not count what came back. Another person must."
	if err := apart(ctx, d.ApprovedBy, by, public); err != nil || by == nil {
		return err
	}
	issued, err := db.Exists[Issue](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("distribution_id = ? and issued_by = ?", d.ID, *by) })
	if err != nil || !issued {
		return err
	}
	return apart(ctx, by, by, public)
}

// outgoing is what went out of an item at a counter, and the lot that went last.
type outgoing struct {
	ItemID uuid.UUID
	LotID  uuid.UUID
	Issued decimal.Decimal
}

// outOf reads from the ledger what was issued at a distribution and not taken back.
func outOf(ctx context.Context, distribution uuid.UUID) (map[uuid.UUID]outgoing, error) {
	rows, err := db.Select[outgoing](ctx, `select m.item_id, (array_agg(m.lot_id order by m.id desc))[1] as lot_id, -sum(m.quantity) as issued
		from distribution_issues i join stock_movements m on m.centre_id = i.centre_id and m.document_id = i.document_id
		where i.centre_id = any ((select scope_centres())::uuid[]) and i.distribution_id = $1 and i.reversed_at is null group by m.item_id`, distribution)
	out := map[uuid.UUID]outgoing{}
	for _, r := range rows {
		out[r.ItemID] = r
	}
	return out, err
}

// settle compares what was brought with what became of it.
func (d *Distribution) settle(out map[uuid.UUID]outgoing, rows []counted) ([]Variance, error) {
	rules, list := fault.Rules(), []Variance{}
	back := map[uuid.UUID]int{}
	for i, r := range rows {
		if _, twice := back[r.itemID]; twice || !d.brings(r.itemID) {
			rules.Add(fmt.Sprintf("/items/%d/item_id", i), "not_brought", "This was not brought to the counter, or is named twice.")
		}
		back[r.itemID] = i
	}
	for _, b := range d.Brought.V {
		i, named := back[b.ItemID]
		if !named {
			rules.Add("/items", "not_counted", fmt.Sprintf("Say what came back of %s, even if it is nothing.", b.ItemID))
			continue
		}
		v := Variance{ItemID: b.ItemID, Brought: b.Quantity, Issued: out[b.ItemID].Issued, Returned: rows[i].returned, Explanation: rows[i].explanation}
		v.Variance = v.Brought.Sub(v.Issued).Sub(v.Returned)
		switch {
		case !v.Variance.IsZero() && v.Explanation == "":
			rules.Add(fmt.Sprintf("/items/%d/explanation", i), "unexplained", fmt.Sprintf("%s is missing. Count again, or explain it.", v.Variance))
		case v.Variance.IsNegative() && v.Issued.IsZero():
			rules.Add(fmt.Sprintf("/items/%d/returned", i), "more_than_brought", "More came back than was brought, and nothing was issued.")
		}
		list = append(list, v)
	}
	return list, rules.Err()
}

func (d *Distribution) brings(item uuid.UUID) bool {
	for _, b := range d.Brought.V {
		if b.ItemID == item {
			return true
		}
	}
	return false
}

// adjust posts what is explained: what is missing from the lots that expire first, what is too much to the lot that was
// issued last.
func (d *Distribution) adjust(ctx context.Context, out map[uuid.UUID]outgoing) error {
	var entries []stock.Entry
	for _, v := range d.Reconciliation.V {
		e := stock.Entry{Type: "adjustment_minus", ItemID: v.ItemID, LocationID: d.LocationID, Quantity: v.Variance.Abs(), Reason: v.Explanation}
		if v.Variance.IsNegative() {
			lot := out[v.ItemID].LotID
			e.Type, e.LotID = "adjustment_plus", &lot
		}
		if !v.Variance.IsZero() {
			entries = append(entries, e)
		}
	}
	if len(entries) == 0 {
		return nil
	}
	doc := stock.NewDocument(nil, stock.Adjustment)
	doc.SubjectID, doc.Note = &d.ID, "Reconciliation of a distribution"
	if _, err := stock.Post(ctx, doc, entries); err != nil {
		return ofItems(err)
	}
	d.AdjustmentID = &doc.ID
	return nil
}

// toPick adds up what the lines plan and is not issued yet.
func toPick(ctx context.Context, d *Distribution) ([]stock.Pick, error) {
	rows, err := db.Select[outgoing](ctx, `select (x->>'item_id')::uuid as item_id, sum((x->>'quantity')::numeric) as issued
		from distribution_lines l cross join lateral jsonb_array_elements(l.items) x
		where l.centre_id = any ((select scope_centres())::uuid[]) and l.distribution_id = $1 and l.issue_id is null and l.removed_at is null group by 1 order by 1`, d.ID)
	if err != nil {
		return nil, err
	}
	wanted := make([]stock.Pick, len(rows))
	for i, r := range rows {
		wanted[i] = stock.Pick{ItemID: r.ItemID, Quantity: r.Issued}
	}
	return stock.PickList(ctx, d.LocationID, wanted)
}
