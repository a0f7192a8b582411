package identity

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/tenant"
)

// MergeRow is what a merge did to one row: where it came from. The database writes it, and shows it to whoever sees the
// row that it tells of (migration 00030).
type MergeRow struct {
	CentreID tenant.ID `gorm:"type:uuid;primaryKey;->"`
	ID       uuid.UUID `gorm:"type:uuid;primaryKey;->"`
	MergeID  uuid.UUID
	Relation string                  // the row's table, as the trail names it
	RowKey   db.JSON[map[string]any] // its primary key beside the centre
	Before   db.JSON[map[string]any] // the columns that changed; none: the merge made the row
	After    db.JSON[map[string]any] // none: the row stayed with the record that ended
}

// RowID implements db.Row.
func (r *MergeRow) RowID() uuid.UUID { return r.ID }

// Personal implements db.Personal.
func (MergeRow) Personal() {}

// fate tells what became of the row: made | stayed | moved | changed.
func (r *MergeRow) fate(m *Merge) string {
	switch {
	case r.Before.V == nil:
		return "made"
	case r.After.V == nil:
		return "stayed"
	}
	for _, value := range r.After.V {
		if value == m.SurvivorID.String() {
			return "moved"
		}
	}
	return "changed"
}

var mergeSorts = db.Sorts[Merge]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(m *Merge) any { return m.CreatedAt }},
}

var mergeRowSorts = db.Sorts[MergeRow]{
	"resource": {SQL: "relation", Cast: "text", Value: func(r *MergeRow) any { return r.Relation }},
}

// into are the merges into a person and into whoever was merged into them, undone ones too.
func into(q *gorm.DB, person uuid.UUID) *gorm.DB {
	return q.Where(`survivor_id in (with recursive one (id) as (select ?::uuid
		union select b.id from one join beneficiaries b on b.centre_id = any (scope_centres()) and b.merged_into = one.id) select id from one)`, person)
}

func listMerges(ctx context.Context, l db.Listing, person uuid.UUID) (db.Paged[Merge], error) {
	return db.Page(ctx, l, mergeSorts, func(q *gorm.DB) *gorm.DB { return into(q, person) })
}

// listMergeRows returns a merge into a person and a page of its rows: 404 when there is no such merge. Entries of the
// timeline follow from the rows that are told of.
func listMergeRows(ctx context.Context, l db.Listing, person, merge uuid.UUID, resource *string) (*Merge, db.Paged[MergeRow], error) {
	if err := beneficiary.Here(ctx, person); err != nil {
		return nil, db.Paged[MergeRow]{}, err
	}
	m, err := db.One[Merge](ctx, func(q *gorm.DB) *gorm.DB { return into(q, person).Where("id = ?", merge) })
	if err != nil {
		return nil, db.Paged[MergeRow]{}, err
	}
	narrow := db.When(db.Conditions{}.And("merge_id = ?", merge).And("relation <> ?", "timeline"), "relation = ?", resource)
	page, err := db.Page(ctx, l, mergeRowSorts, narrow.Apply)
	return m, page, err
}
