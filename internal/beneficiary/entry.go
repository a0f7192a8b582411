package beneficiary

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Entry is what everything recorded about a person begins with: about whom, by whom, and whether it
// was an error. What was recorded stays; voiding hides it.
type Entry struct {
	BeneficiaryID uuid.UUID
	RecordedBy    *uuid.UUID
	VoidedAt      *time.Time
	VoidedBy      *uuid.UUID
	VoidReason    string
}

// Personal implements db.Personal.
func (Entry) Personal() {}

// Entered returns the entry itself, for what treats all of them alike.
func (e *Entry) Entered() *Entry { return e }

// Valid answers the 409 of an entry that was voided.
func (e *Entry) Valid() error {
	if e.VoidedAt == nil {
		return nil
	}
	return fault.State("void", "This was voided; it takes no more changes.")
}

// Recorded is a pointer to an entity that embeds an Entry.
type Recorded[T any] interface {
	*T
	db.Versioned
	Entered() *Entry
	// Validate checks what the spec cannot say. latest is the last date that is today anywhere.
	Validate(latest db.Date) error
}

// findable are entries by which a search finds the person.
type findable interface{ findable() }

// Record stores an entry about a person whose record is open, in the caller's transaction: 404 when
// there is no such person here, 409 when their record is closed, 422 as the entry's Validate says.
// before runs while the person is held.
func Record[T any, P Recorded[T]](ctx context.Context, person uuid.UUID, entry P, before ...func(*Beneficiary) error) error {
	b, err := Hold(ctx, person)
	if err != nil {
		return err
	}
	entry.Entered().BeneficiaryID, entry.Entered().RecordedBy = b.ID, actor(ctx)
	if err := entry.Validate(latest()); err != nil {
		return err
	}
	for _, do := range before {
		if err := do(b); err != nil {
			return err
		}
	}
	if err := db.InsertAll(ctx, entry); err != nil {
		return err
	}
	return b.refind(ctx, entry)
}

// Hold locks a person whose record takes changes: 404 when there is none here, 409 when it is
// merged or void.
func Hold(ctx context.Context, person uuid.UUID) (*Beneficiary, error) {
	b, err := db.LockAny[Beneficiary](ctx, person)
	if err != nil {
		return nil, err
	}
	return b, b.open()
}

// LockAll holds people until the transaction ends, in the order of their ids so that two requests
// cannot wait for each other: 404 when one of them is not registered here.
func LockAll(ctx context.Context, ids ...uuid.UUID) ([]Beneficiary, error) {
	var people []Beneficiary
	if err := db.Tx(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("id in ?", ids).Order("id").Find(&people).Error; err != nil {
		return nil, err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(people, func(b Beneficiary) bool { return b.ID == id }) {
			return nil, fault.Missing()
		}
	}
	return people, nil
}

// Change holds a person and one of their entries, lets do change the entry, judges the result and
// stores it: 404 when either is not here, 412 stale, 409 when either takes no more changes.
func Change[T any, P Recorded[T]](ctx context.Context, person, id uuid.UUID, ifMatch string, do func(P) error) (P, error) {
	b, e, err := holdEntry[T, P](ctx, person, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if err := do(e); err != nil {
		return nil, err
	}
	if err := e.Validate(latest()); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, e); err != nil {
		return nil, err
	}
	return e, b.refind(ctx, e)
}

// VoidEntry hides an entry that was recorded in error; faults are those of Change.
func VoidEntry[T any, P Recorded[T]](ctx context.Context, person, id uuid.UUID, ifMatch, reason string) (P, error) {
	b, e, err := holdEntry[T, P](ctx, person, id, ifMatch)
	if err != nil {
		return nil, err
	}
	now, entry := db.Now(), e.Entered()
	entry.VoidedAt, entry.VoidedBy, entry.VoidReason = &now, actor(ctx), reason
	if err := db.Save(ctx, e); err != nil {
		return nil, err
	}
	return e, b.refind(ctx, e)
}

func holdEntry[T any, P Recorded[T]](ctx context.Context, person, id uuid.UUID, ifMatch string) (*Beneficiary, P, error) {
	b, err := db.LockAny[Beneficiary](ctx, person)
	if err != nil {
		return nil, nil, err
	}
	e, err := db.Lock[T, P](ctx, id, ifMatch)
	if err != nil {
		return nil, nil, err
	}
	if e.Entered().BeneficiaryID != b.ID {
		return nil, nil, fault.Missing()
	}
	if err := b.open(); err != nil {
		return nil, nil, err
	}
	return b, e, e.Entered().Valid()
}

// refind brings up to date what the person is found by, where the entry is part of that.
func (b *Beneficiary) refind(ctx context.Context, entry any) error {
	if _, is := entry.(findable); !is {
		return nil
	}
	return Reindex(ctx, b)
}

// Entries returns one page of a person's entries that were voided, or of those that were not; the
// 404 where there is no such person here. more narrows it further.
func Entries[T any, P Recorded[T]](ctx context.Context, l db.Listing, sorts db.Sorts[T], person uuid.UUID, voided bool, more ...db.Build) (db.Paged[T], error) {
	page, err := db.Page[T, P](ctx, l, sorts, func(q *gorm.DB) *gorm.DB {
		q = q.Where("beneficiary_id = ? and (voided_at is not null) = ?", person, voided)
		for _, build := range more {
			q = build(q)
		}
		return q
	})
	if err == nil && len(page.Rows) == 0 {
		err = Here(ctx, person)
	}
	return page, err
}

// EntryOf returns one entry of a person, or the 404.
func EntryOf[T any](ctx context.Context, person, id uuid.UUID) (*T, error) {
	return db.One[T](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("beneficiary_id = ? and id = ?", person, id) })
}

// IDTaken registers the 409 of an id that a table has already; key is its primary key's name.
func IDTaken(key string) struct{} {
	return db.Constraint(key, func() *fault.Error {
		return fault.New(fault.Conflict, "id_taken", "Something else is recorded under this id already.").Add("/id", "id_taken", "Choose a new UUID.")
	})
}

// CheckPast refuses a day that lies in the future, or so long ago that it is a slip of the pen.
func CheckPast(rules *fault.Error, pointer string, day *db.Date, latest db.Date) {
	switch {
	case day == nil:
	case day.After(latest.Time):
		rules.Add(pointer, "in_the_future", "The day lies in the future.")
	case day.Year() < firstYear:
		rules.Add(pointer, "impossible_date", "The day lies before 1900.")
	}
}

// What is recorded about living people lies between these years.
const firstYear, lastYear = 1900, 2199

// Latest is the last calendar date that is today anywhere on earth.
func Latest() db.Date { return latest() }

// Today is the date where the context's centre is.
func Today(ctx context.Context) (db.Date, error) { return today(ctx) }

// Open answers the 409 of a record that was voided or merged.
func (b *Beneficiary) Open() error { return b.open() }
