package stock

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// The states of a count beside posted, rejected and cancelled (handbook 7.4). In recount some lines wait for somebody else's eyes.
const (
	planned  = "planned"
	counting = "counting"
	recounts = "recount"
	review   = "review"
)

// underWay are the states in which a count has a say over its places.
var underWay = []string{counting, recounts, review}

// Count is a physical inventory of places (handbook 7.3): a blind count, a recount of what differs, an approval.
type Count struct {
	db.Record
	Number       string `gorm:"default:(-)"` // INV-2026-00003
	Status       string
	LocationIDs  db.UUIDs
	ItemIDs      db.UUIDs // none: all
	PlannedOn    *db.Date
	Note         string
	OpenedBy     *uuid.UUID
	OpenedAt     *time.Time
	SubmittedBy  *uuid.UUID
	SubmittedAt  *time.Time
	DecidedBy    *uuid.UUID
	DecidedAt    *time.Time
	DecisionNote string
	DocumentID   *uuid.UUID // the differences, in the ledger
}

// TableName implements schema.Tabler.
func (Count) TableName() string { return "stock_counts" }

// blind tells whether the books and other people's figures are still hidden.
func (c *Count) blind() bool { return c.Status == counting || c.Status == recounts }

// CountLine is one lot in one place, in the base unit.
type CountLine struct {
	db.Record
	CountID     uuid.UUID
	Position    int64
	ItemID      uuid.UUID
	LocationID  uuid.UUID
	LotID       *uuid.UUID // nil: of no lot that is known
	ExpiresOn   *db.Date
	Found       bool // not in the books when the count was opened
	Counted     *decimal.Decimal
	CountedBy   *uuid.UUID
	CountedAt   *time.Time
	Recount     bool
	Recounted   *decimal.Decimal
	RecountedBy *uuid.UUID
	RecountedAt *time.Time
	Expected    *decimal.Decimal // by the books, when it was counted last
}

// TableName implements schema.Tabler.
func (CountLine) TableName() string { return "stock_count_lines" }

// result is what counts: the last person's figure; nil while nobody has counted.
func (l *CountLine) result() *decimal.Decimal {
	if l.Recounted != nil {
		return l.Recounted
	}
	return l.Counted
}

// variance is what lies there beyond the books; nil while it is not known.
func (l *CountLine) variance() *decimal.Decimal {
	if r := l.result(); r != nil && l.Expected != nil {
		v := r.Sub(*l.Expected)
		return &v
	}
	return nil
}

var (
	_ = db.Constraint("stock_counts_pkey", idTaken)
	_ = db.Constraint("stock_count_lines_counter_check", func() *fault.Error {
		return fault.New(fault.Invalid, "four_eyes", "You counted this line the first time. Somebody else counts it again.")
	})
	_ = db.Constraint("stock_count_lines_lot_key", func() *fault.Error {
		return fault.InvalidField("/found", "listed", "This lot is among the lines of the count already. Count its line.")
	})
)

// plan stores a count of places that are there.
func (c *Count) plan(ctx context.Context) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	c.Status = planned
	return db.Insert(ctx, c)
}

// check refuses places and items that are not here.
func (c *Count) check(ctx context.Context) error {
	rules := fault.Rules()
	places, err := byID(ctx, set(c.LocationIDs), true, func(l *Location) uuid.UUID { return l.ID })
	if err != nil {
		return err
	}
	items, err := byID(ctx, set(c.ItemIDs), true, func(i *Item) uuid.UUID { return i.ID })
	if err != nil {
		return err
	}
	for i, id := range c.LocationIDs {
		if p, known := places[id]; !known || p.Kind == transit {
			rules.Add(fmt.Sprintf("/location_ids/%d", i), "unknown_location", "There is no such place here to count.")
		}
	}
	for i, id := range c.ItemIDs {
		if _, known := items[id]; !known {
			rules.Add(fmt.Sprintf("/item_ids/%d", i), "unknown_item", "There is no such item here.")
		}
	}
	return rules.Err()
}

func set(ids []uuid.UUID) map[uuid.UUID]bool {
	out := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out
}

// lockCount holds a count that is in one of the given states.
func lockCount(ctx context.Context, id uuid.UUID, ifMatch string, states ...string) (*Count, error) {
	c, err := db.Lock[Count](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	return c, c.in(states...)
}

func (c *Count) in(states ...string) error {
	if !slices.Contains(states, c.Status) {
		return fault.State(c.Status, "This cannot be done with a count as it is now.").With("allowed_states", states)
	}
	return nil
}

// openCount lists what the books have in the places. A place is in one count at a time: two would post a difference twice.
func openCount(ctx context.Context, id uuid.UUID, ifMatch string) (*Count, error) {
	c, err := lockCount(ctx, id, ifMatch, planned)
	if err != nil {
		return nil, err
	}
	if _, err := db.Find[Location](ctx, func(q *gorm.DB) *gorm.DB { // two that open at once wait here
		return q.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Where("id = any (?)", c.LocationIDs).Order("id")
	}); err != nil {
		return nil, err
	}
	busy, err := db.Exists[Count](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("status in ? and location_ids && ?::uuid[]", underWay, c.LocationIDs)
	})
	if err != nil {
		return nil, err
	}
	if busy {
		return nil, fault.New(fault.Conflict, "being_counted", "Another count of one of these places is under way. Finish or cancel it first.")
	}
	if err := db.Tx(ctx).Exec(`insert into stock_count_lines (centre_id, id, version, created_at, updated_at, count_id, position, item_id, location_id, lot_id)
		select b.centre_id, gen_random_uuid(), 1, ?, ?, ?, row_number() over (order by p.code, i.code, l.expires_on nulls last, l.id), b.item_id, b.location_id, b.lot_id
		from stock_balances b join stock_locations p on p.centre_id = b.centre_id and p.id = b.location_id join stock_items i on i.centre_id = b.centre_id and i.id = b.item_id
			join stock_lots l on l.centre_id = b.centre_id and l.id = b.lot_id
		where b.centre_id = ? and b.location_id = any (?) and (cardinality(?::uuid[]) = 0 or b.item_id = any (?)) and b.on_hand > 0`,
		db.Now(), db.Now(), c.ID, c.CentreID, c.LocationIDs, c.ItemIDs, c.ItemIDs).Error; err != nil {
		return nil, err
	}
	now := db.Now()
	c.Status, c.OpenedBy, c.OpenedAt = counting, caller(ctx), &now
	return c, db.Save(ctx, c)
}

// Figure is what somebody counted of a line, in the base unit.
type Figure struct {
	LineID   uuid.UUID
	Quantity decimal.Decimal
}

// Find is something that lies there and is on no line.
type Find struct {
	ItemID     uuid.UUID
	LocationID uuid.UUID
	LotID      *uuid.UUID
	ExpiresOn  *db.Date
	Quantity   decimal.Decimal
}

// enterCount takes down what somebody counted. The first figure of a line is its counter's to correct; where a recount was asked for, the
// second is somebody else's.
func enterCount(ctx context.Context, id uuid.UUID, at time.Time, figures []Figure, finds []Find) (*Count, error) {
	c, err := db.LockAny[Count](ctx, id)
	if err != nil {
		return nil, err
	}
	if err := c.in(counting, recounts); err != nil {
		return nil, err
	}
	if err := c.timed(at); err != nil {
		return nil, err
	}
	if at.IsZero() {
		at = db.Now()
	}
	if err := c.figures(ctx, at, figures); err != nil {
		return nil, err
	}
	return c, c.finds(ctx, at, finds)
}

// timed judges when something is said to have been counted.
func (c *Count) timed(at time.Time) error {
	if !at.IsZero() && (at.Before(*c.OpenedAt) || at.After(db.Now().Add(skew))) {
		return fault.InvalidField("/counted_at", "outside", "A count is taken between its opening and now.")
	}
	return nil
}

func (c *Count) figures(ctx context.Context, at time.Time, figures []Figure) error {
	ids, by := make(db.UUIDs, len(figures)), caller(ctx)
	for i, f := range figures {
		ids[i] = f.LineID
	}
	rows, err := db.Find[CountLine](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("count_id = ? and id = any (?)", c.ID, ids) })
	if err != nil {
		return err
	}
	rules := fault.Rules()
	for i, f := range figures {
		n := slices.IndexFunc(rows, func(l CountLine) bool { return l.ID == f.LineID })
		if n < 0 {
			rules.Add(line(i, "line_id"), "unknown_line", "There is no such line in this count.")
			continue
		}
		rows[n].write(rules, i, f.Quantity, by, at, c.Status == recounts)
	}
	if err := rules.Err(); err != nil {
		return err
	}
	for i := range rows {
		if err := db.Save(ctx, &rows[i]); err != nil {
			return err
		}
	}
	return nil
}

func same(a, b *uuid.UUID) bool { return a != nil && b != nil && *a == *b }

// write puts a figure where it belongs, or says why it may not.
func (l *CountLine) write(rules *fault.Error, i int, quantity decimal.Decimal, by *uuid.UUID, at time.Time, again bool) {
	switch {
	case !again && l.Counted != nil && !same(l.CountedBy, by):
		rules.Add(line(i, "line_id"), "counted", "Somebody else has counted this line.")
	case !again:
		l.Counted, l.CountedBy, l.CountedAt = &quantity, by, &at
	case !l.Recount:
		rules.Add(line(i, "line_id"), "not_asked_for", "This line agrees with the books and is not counted again.")
	case same(l.CountedBy, by):
		rules.Add(line(i, "line_id"), "four_eyes", "You counted this line the first time. Somebody else counts it again.")
	case l.Recounted != nil && !same(l.RecountedBy, by):
		rules.Add(line(i, "line_id"), "counted", "Somebody else has counted this line again.")
	default:
		l.Recounted, l.RecountedBy, l.RecountedAt = &quantity, by, &at
	}
}

// finds adds lines for what the books do not have there.
func (c *Count) finds(ctx context.Context, at time.Time, finds []Find) error {
	if len(finds) == 0 {
		return nil
	}
	if c.Status == recounts {
		return fault.InvalidField("/found", "too_late", "The first count is over. Receive what was found since with a count of its own.")
	}
	entries := make([]Entry, len(finds))
	for i, f := range finds {
		entries[i] = Entry{Type: "adjustment_plus", ItemID: f.ItemID, LocationID: f.LocationID, LotID: f.LotID, Quantity: f.Quantity}
	}
	known, err := namedBy(ctx, entries)
	if err != nil {
		return err
	}
	last, err := db.Count[CountLine](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("count_id = ?", c.ID) })
	if err != nil {
		return err
	}
	rules, rows, by := fault.Rules(), []CountLine{}, caller(ctx)
	for i, f := range finds {
		c.judge(rules, fmt.Sprintf("/found/%d/", i), f, known)
		rows = append(rows, CountLine{Record: db.NewRecord(nil), CountID: c.ID, Position: last + int64(i) + 1, ItemID: f.ItemID, LocationID: f.LocationID, LotID: f.LotID,
			ExpiresOn: f.ExpiresOn, Found: true, Counted: &f.Quantity, CountedBy: by, CountedAt: &at})
	}
	if err := rules.Err(); err != nil {
		return err
	}
	return db.InsertAll(ctx, rows)
}

func (c *Count) judge(rules *fault.Error, at string, f Find, known named) {
	item, ok := known.items[f.ItemID]
	switch {
	case !ok || len(c.ItemIDs) > 0 && !slices.Contains(c.ItemIDs, f.ItemID):
		rules.Add(at+"item_id", "unknown_item", "This item is not counted here.")
	case f.LotID == nil && item.TrackExpiry && f.ExpiresOn == nil:
		rules.Add(at+"expires_on", "required", "This item expires. Say on which day.")
	}
	if !slices.Contains(c.LocationIDs, f.LocationID) {
		rules.Add(at+"location_id", "unknown_location", "This place is not part of the count.")
	}
	if f.LotID != nil && known.lots[*f.LotID].ItemID != f.ItemID {
		rules.Add(at+"lot_id", "unknown_lot", "There is no such lot of this item here.")
	}
}
