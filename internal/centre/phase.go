package centre

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Phase is a step in the life of a centre: set-up, management, phase-out, … (handbook 2.1).
type Phase struct {
	db.Record
	Phase    string // code list centre_lifecycle_phase
	StartsOn db.Date
	Note     string
	Void
}

const phases = "centre_phases"

// TableName implements schema.Tabler.
func (Phase) TableName() string { return phases }

func (p *Phase) rowID() uuid.UUID { return p.ID }

var _ = db.Constraint("centre_phases_starts_on_key", func() *fault.Error {
	return fault.New(fault.Conflict, "date_taken", "A phase starts on this date already. Take it back if it is wrong, or choose another date.").
		Add("/starts_on", "date_taken", "Another phase starts on this date.")
})

var phaseSorts = db.Sorts[Phase]{
	"starts_on": {SQL: "starts_on", Cast: "date", Value: func(p *Phase) any { return p.StartsOn }},
}

func listPhases(ctx context.Context, l db.Listing, withVoid bool) (db.Paged[Phase], error) {
	return db.Page(ctx, l, phaseSorts, func(q *gorm.DB) *gorm.DB {
		if !withVoid {
			q = q.Where("voided_at is null")
		}
		return q
	})
}

// record stores the phase and lets the centre follow.
func (p *Phase) record(ctx context.Context) error {
	rules := fault.Rules()
	checkStart(p.StartsOn, rules)
	if err := rules.Err(); err != nil {
		return err
	}
	return change(ctx, func() error { return db.Insert(ctx, p) })
}
