// Package stock keeps what a centre has: items, kits, stores, lots, and a ledger that is only ever added to (handbook 7.3).
//
// Everything that moves goods is a Document with lines; posting it writes a Movement for each lot that a line takes or
// brings. Balances follow from movements inside the database and can be written in no other way. Another domain that
// gives goods away calls Post inside its own transaction.
//
// Locks are taken in one order: document, balances (by item, place, lot), the counter of document numbers.
package stock

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// Handlers answers the operations under /v1/centres/{centre_id}/stock.
type Handlers struct{}

// skew is how far a caller's clock may run ahead of ours.
const skew = 5 * time.Minute

var one = decimal.NewFromInt(1)

// most is the largest quantity of one line, in the base unit.
var most = decimal.New(1, 9)

// places is how many decimal places a quantity is kept with.
const places = 3

// books are a centre's stock at one moment: its terms, its days, who works there.
type books struct {
	policy centre.StockPolicy
	zone   *time.Location
	now    time.Time
	by     *uuid.UUID
}

func booksOf(ctx context.Context) (b books, err error) {
	if _, err := db.Pgx(ctx); err != nil { // begin: more follows
		return b, err
	}
	id, err := tenant.One(ctx)
	if err != nil {
		return b, err
	}
	c, err := db.Get[centre.Centre](ctx, id)
	if err != nil {
		return b, err
	}
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return b, err
	}
	b = books{policy: policy.Stock, now: db.Now(), by: caller(ctx)}
	b.zone, err = time.LoadLocation(c.TimeZone)
	return b, err
}

// caller is who asks; nil for the system.
func caller(ctx context.Context) *uuid.UUID {
	if p := auth.From(ctx); p != nil {
		return &p.ID
	}
	return nil
}

// day is the centre's calendar day of an instant.
func (b books) day(at time.Time) db.Date { return db.NewDate(at.In(b.zone)) }

// dated judges when goods are said to have moved; zero is now.
func (b books) dated(rules *fault.Error, at time.Time) {
	if at.IsZero() {
		return
	}
	switch earliest := b.day(b.now).AddDate(0, 0, -b.policy.BackdatingDays); {
	case at.After(b.now.Add(skew)):
		rules.Add("/occurred_at", "in_the_future", "The goods cannot have moved in the future.")
	case b.day(at).Before(earliest):
		rules.Add("/occurred_at", "too_long_ago", fmt.Sprintf("The SOP lets documents be dated back %d days. Date it within them and say in the note what happened.", b.policy.BackdatingDays))
	}
}

func line(i int, field string) string { return fmt.Sprintf("/lines/%d/%s", i, field) }

func idTaken() *fault.Error {
	return fault.New(fault.Conflict, "id_taken", "There is another entry with this id. Leave the id out, or send another.")
}

func taken(what string) func() *fault.Error {
	return func() *fault.Error {
		return fault.New(fault.Conflict, "already_exists", "%s exists already.", what)
	}
}

func rule(code, public string) func() *fault.Error {
	return func() *fault.Error { return fault.New(fault.Invalid, code, public) }
}

// What the database refuses, whoever writes: its word is the last.
var (
	_ = db.Constraint("stock_items_pkey", idTaken)
	_ = db.Constraint("stock_locations_pkey", idTaken)
	_ = db.Constraint("stock_documents_pkey", idTaken)
	_ = db.Constraint("stock_periods_pkey", idTaken)
	_ = db.Constraint("stock_items_code_key", taken("An item with this code"))
	_ = db.Constraint("stock_items_catalogue_key", taken("This item of the catalogue"))
	_ = db.Constraint("stock_locations_code_key", taken("A place with this code"))
	_ = db.Constraint("stock_movements_reverses_key", func() *fault.Error {
		return fault.New(fault.Conflict, "already_reversed", "This entry was reversed already.")
	})
	_ = db.Constraint("stock_balances_available_check", rule("insufficient_stock", "There is not that much here that is not reserved. Read the balances again."))
	_ = db.Constraint("stock_movements_expired_check", rule("expired", "A lot that has expired is not issued. Report its loss or dispose of it."))
	_ = db.Constraint("stock_movements_past_check", rule("insufficient_stock", "At that time, or at some time since, there was not that much here. Date the document later."))
	_ = db.Constraint("stock_period_closed_check", rule("period_closed", "The books of that day are closed. Date the document in the open period."))
	_ = db.Constraint("stock_documents_four_eyes_check", fourEyes)
)

func fourEyes() *fault.Error {
	return fault.New(fault.Invalid, "four_eyes", "Whoever asked for it cannot decide it. Another person must.")
}

// byID reads the rows of T that are named, by their id. With share they stay as they are until the transaction ends;
// lots need no such lock, they never change.
func byID[T any](ctx context.Context, ids map[uuid.UUID]bool, share bool, id func(*T) uuid.UUID) (map[uuid.UUID]T, error) {
	found := make(map[uuid.UUID]T, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	wanted := db.UUIDs(slices.Collect(maps.Keys(ids)))
	rows, err := db.Find[T](ctx, func(q *gorm.DB) *gorm.DB {
		if share {
			q = q.Clauses(clause.Locking{Strength: "KEY SHARE"})
		}
		return q.Where("id = any (?)", wanted)
	})
	for i := range rows {
		found[id(&rows[i])] = rows[i]
	}
	return found, err
}
