package identity

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
)

// SurvivorOf returns into whom a person of the context's centre was merged, at the end of the chain;
// the zero id for one who was not.
func SurvivorOf(ctx context.Context, id uuid.UUID) (survivor uuid.UUID, err error) {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return survivor, err
	}
	err = tx.QueryRow(ctx, `with recursive chain (id, merged_into) as (
			select id, merged_into from beneficiaries where centre_id = any (scope_centres()) and id = $1
			union select b.id, b.merged_into from chain c join beneficiaries b on b.centre_id = any (scope_centres()) and b.id = c.merged_into)
		select coalesce((select id from chain where merged_into is null and id <> $1), '00000000-0000-0000-0000-000000000000')`, id).Scan(&survivor)
	return survivor, err
}

// standingMerge returns the merge that ended a record.
func standingMerge(ctx context.Context, duplicate uuid.UUID) (*Merge, error) {
	return db.One[Merge](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("duplicate_id = ? and undone_at is null", duplicate) })
}

// move hands everything of the duplicate to the survivor: also what the caller may not see.
func move(ctx context.Context, m *Merge) error {
	if err := db.Tx(ctx).Exec("select merge_households(m, centre_today(m.centre_id)) from merges m where m.centre_id = ? and m.id = ?", m.CentreID, m.ID).Error; err != nil {
		return err
	}
	return db.Tx(ctx).Exec("select merge_move(m) from merges m where m.centre_id = ? and m.id = ?", m.CentreID, m.ID).Error
}

func moveBack(ctx context.Context, m *Merge) error {
	return db.Tx(ctx).Exec("select merge_undo(m) from merges m where m.centre_id = ? and m.id = ?", m.CentreID, m.ID).Error
}

// decidePair writes a merge, or its undoing, into the history of the pair where the queue has it.
func decidePair(ctx context.Context, m *Merge, verdict, reason, status string) error {
	pairs, err := db.Find[beneficiary.Duplicate](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("one_id = least(?::uuid, ?::uuid) and other_id = greatest(?::uuid, ?::uuid)", m.DuplicateID, m.SurvivorID, m.DuplicateID, m.SurvivorID)
	})
	if err != nil || len(pairs) == 0 {
		return err
	}
	return settle(ctx, &pairs[0], status, decision{verdict: verdict, reason: reason})
}

// conflicting tells what the caller may know of that will not simply stand side by side.
type conflicting struct {
	TwoHouseholds, SameHousehold, OpenCases, Related bool
}

func conflictsOf(ctx context.Context, t two) (c conflicting, err error) {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return c, err
	}
	err = tx.QueryRow(ctx, `with homes as (select beneficiary_id, household_id from household_members where centre_id = any (scope_centres()) and beneficiary_id in ($1, $2) and left_on is null)
		select count(*) = 2 and count(distinct household_id) = 2, count(*) = 2 and count(distinct household_id) = 1,
			(select count(distinct beneficiary_id) = 2 from cases where centre_id = any (scope_centres()) and beneficiary_id in ($1, $2) and status in ('draft', 'open', 'on_hold', 'pending_closure')),
			exists (select 1 from relationships where centre_id = any (scope_centres()) and beneficiary_id in ($1, $2) and relative_id in ($1, $2) and voided_at is null)
		from homes`, t.duplicate.ID, t.survivor.ID).Scan(&c.TwoHouseholds, &c.SameHousehold, &c.OpenCases, &c.Related)
	return c, err
}
