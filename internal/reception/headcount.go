package reception

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/headcount"
)

// Headcount is a tally of a visit or of a service contact, of exactly one of them.
type Headcount struct {
	db.Record
	VisitID   *uuid.UUID
	ContactID *uuid.UUID
	headcount.Tally
}

// headcounts returns the rows of tallies that belong to what own says.
func headcounts(tallies []headcount.Tally, own Headcount) []Headcount {
	rows := make([]Headcount, len(tallies))
	for i, t := range tallies {
		rows[i] = own
		rows[i].Record, rows[i].Tally = db.NewRecord(nil), t
	}
	return rows
}

// owner is the column of a headcount's owner; never from user text.
type owner string

const (
	ofVisit   owner = "visit_id"
	ofContact owner = "contact_id"
)

// talliesOf returns the tallies of several owners in one statement.
func talliesOf(ctx context.Context, column owner, ids ...uuid.UUID) (map[uuid.UUID][]headcount.Tally, error) {
	out := map[uuid.UUID][]headcount.Tally{}
	if len(ids) == 0 {
		return out, nil
	}
	rows, err := db.Find[Headcount](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where(string(column)+" = any (?)", db.UUIDs(ids)).Order("sex, age_group, id")
	})
	for _, r := range rows {
		id := r.VisitID
		if column == ofContact {
			id = r.ContactID
		}
		out[*id] = append(out[*id], r.Tally)
	}
	return out, err
}

// recount replaces the tallies of one owner.
func recount(ctx context.Context, column owner, id uuid.UUID, rows []Headcount) error {
	if err := db.Tx(ctx).Where(string(column)+" = ?", id).Delete(&Headcount{}).Error; err != nil {
		return err
	}
	return db.InsertAll(ctx, &rows)
}
