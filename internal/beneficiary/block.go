package beneficiary

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// ReferenceBlock is a set of references that one device may give to people it registers offline. They
// are taken from the centre's sequence: whatever becomes of the block, nobody else gets them.
type ReferenceBlock struct {
	db.Record
	Label      string // the device, as people call it
	Size       int    // how many references
	ReservedBy *uuid.UUID
	ExpiresAt  *time.Time // nil: never
	ReleasedAt *time.Time // nil: in use
}

// The states of a block; they follow from its times.
const (
	BlockOpen     = "open"
	BlockExpired  = "expired"
	BlockReleased = "released"
)

var (
	_ = db.Constraint("reference_blocks_pkey", func() *fault.Error {
		return fault.New(fault.Conflict, "id_taken", "A block is reserved under this id already.").Add("/id", "id_taken", "Choose a new UUID.")
	})
	_ = db.Constraint("beneficiaries_reference_key", func() *fault.Error {
		return fault.New(fault.Conflict, "reference_taken", "Somebody is registered under this reference already.").Add("/reference", "reference_taken", "Use another reference of the block.")
	})
	_ = db.Constraint("beneficiaries_reference_reserved_check", func() *fault.Error {
		return fault.InvalidField("/reference", "reference_not_reserved", "No open block of this centre holds the reference. Leave it out, and the centre's next one is given.")
	})
)

// Status is where the block stands at a moment.
func (b *ReferenceBlock) Status(now time.Time) string {
	switch {
	case b.ReleasedAt != nil:
		return BlockReleased
	case b.ExpiresAt != nil && !b.ExpiresAt.After(now):
		return BlockExpired
	}
	return BlockOpen
}

// Reserve takes the centre's next references for a block: 422 when it would have expired already.
func (b *ReferenceBlock) Reserve(ctx context.Context) error {
	if b.Status(db.Now()) != BlockOpen {
		return fault.InvalidField("/expires_at", "in_the_past", "The block would have expired already.")
	}
	if err := db.Insert(ctx, b); err != nil {
		return err
	}
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into reserved_references (centre_id, reference, block_id)
		select $1::uuid, next_reference($1::uuid, 'beneficiary'), $2 from generate_series(1, $3::int)`, b.CentreID.UUID(), b.ID, b.Size)
	return err
}

// Release takes a block out of use: 409 the second time.
func (b *ReferenceBlock) Release(now time.Time) error {
	if b.ReleasedAt != nil {
		return fault.State(BlockReleased, "The block was released already.")
	}
	b.ReleasedAt = &now
	return nil
}

// countedBlock is a block as a list shows it.
type countedBlock struct {
	ReferenceBlock
	Used int `gorm:"->"`
}

// TableName implements schema.Tabler.
func (countedBlock) TableName() string { return "reference_blocks" }

const usedReferences = `(select count(*) from reserved_references r join beneficiaries b on b.centre_id = r.centre_id and b.reference = r.reference
	where r.centre_id = reference_blocks.centre_id and r.block_id = reference_blocks.id) as used`

var blockSorts = db.Sorts[countedBlock]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(b *countedBlock) any { return b.CreatedAt }},
}

func listBlocks(ctx context.Context, l db.Listing, status string) (db.Paged[countedBlock], error) {
	return db.Page(ctx, l, blockSorts, func(q *gorm.DB) *gorm.DB {
		q = q.Select("reference_blocks.*", usedReferences)
		switch status {
		case BlockReleased:
			q = q.Where("released_at is not null")
		case BlockExpired:
			q = q.Where("released_at is null and expires_at <= ?", db.Now())
		case BlockOpen:
			q = q.Where("released_at is null and (expires_at is null or expires_at > ?)", db.Now())
		}
		return q
	})
}

// numbers lists a block's references, in the order in which they were counted.
func (b *ReferenceBlock) numbers(ctx context.Context) (used, unused []string, err error) {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return nil, nil, err
	}
	err = tx.QueryRow(ctx, `select coalesce(array_agg(r.reference order by length(r.reference), r.reference) filter (where b.id is not null), '{}'),
		coalesce(array_agg(r.reference order by length(r.reference), r.reference) filter (where b.id is null), '{}')
		from reserved_references r left join beneficiaries b on b.centre_id = r.centre_id and b.reference = r.reference
		where r.centre_id = $1 and r.block_id = $2`, b.CentreID.UUID(), b.ID).Scan(&used, &unused)
	return used, unused, err
}
