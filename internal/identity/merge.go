package identity

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Merge is one record's end in another of the same person, and its undoing.
type Merge struct {
	db.Record
	DuplicateID uuid.UUID // the record that ended
	SurvivorID  uuid.UUID
	Reason      string
	MergedBy    *uuid.UUID
	Taken       db.JSON[[]taken] // fields that the survivor took over
	UndoneAt    *time.Time
	UndoneBy    *uuid.UUID
	UndoReason  string
}

// Personal implements db.Personal.
func (Merge) Personal() {}

var _ = db.Constraint("merges_standing_key", func() *fault.Error {
	return fault.State(beneficiary.Merged, "The record was merged already.")
})

// request is what somebody asks to be merged.
type request struct {
	duplicateID, survivorID uuid.UUID
	duplicateTag            string // If-Match
	survivorVersion         int64
	reason                  string
	take                    []string // names of fields that the survivor takes over
}

// two are the records of a merge, both held until the transaction ends.
type two struct{ duplicate, survivor *beneficiary.Beneficiary }

// lockTwo holds both records in the order of their ids, so that two merges cannot wait for each
// other: 404 for the duplicate; the survivor is nil where nobody is registered under the id.
func lockTwo(ctx context.Context, duplicate, survivor uuid.UUID) (two, error) {
	order := []uuid.UUID{duplicate, survivor}
	if bytes.Compare(duplicate[:], survivor[:]) > 0 {
		order = []uuid.UUID{survivor, duplicate}
	}
	held := map[uuid.UUID]*beneficiary.Beneficiary{}
	for _, id := range order {
		b, err := db.LockAny[beneficiary.Beneficiary](ctx, id)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return two{}, err
		}
		held[id] = b
	}
	if held[duplicate] == nil {
		return two{}, fault.Missing()
	}
	return two{held[duplicate], held[survivor]}, nil
}

// fit answers the 422 of a survivor who is not here, or the same, and the 409 of a record that is in
// use no more.
func (t two) fit() error {
	switch {
	case t.survivor == nil:
		return fault.InvalidField("/survivor_id", "unknown_beneficiary", "Nobody is registered here under this id.")
	case t.survivor.ID == t.duplicate.ID:
		return fault.InvalidField("/survivor_id", "same_record", "A record cannot be merged into itself.")
	}
	for _, b := range []*beneficiary.Beneficiary{t.duplicate, t.survivor} {
		if b.Status != beneficiary.Active {
			f := fault.State(b.Status, "Only records in use are merged. Merge into the record that survived, or leave the voided one as it is.").With("beneficiary_id", b.ID)
			if b.MergedInto != nil {
				f = f.With("merged_into", *b.MergedInto)
			}
			return f
		}
	}
	return nil
}

// merge ends a record in another.
func merge(ctx context.Context, r request) (*Merge, two, error) {
	t, err := lockTwo(ctx, r.duplicateID, r.survivorID)
	if err != nil {
		return nil, t, err
	}
	if err := db.Expect(ctx, t.duplicate, t.duplicate.ID, r.duplicateTag); err != nil {
		return nil, t, err
	}
	if err := t.fit(); err != nil {
		return nil, t, err
	}
	if err := db.Expect(ctx, t.survivor, t.survivor.ID, fmt.Sprintf("%q", fmt.Sprint(r.survivorVersion))); err != nil {
		return nil, t, err
	}
	noes, err := standingNoes(ctx, t)
	if err != nil {
		return nil, t, err
	}
	if err := endSharing(ctx, t, noes); err != nil { // while each record still has what is its own
		return nil, t, err
	}
	m := &Merge{Record: db.NewRecord(nil), DuplicateID: t.duplicate.ID, SurvivorID: t.survivor.ID, Reason: r.reason, MergedBy: actor(ctx), Taken: db.JSON[[]taken]{V: []taken{}}}
	if err := db.InsertAll(ctx, m); err != nil {
		return nil, t, err
	}
	t.duplicate.Status, t.duplicate.MergedInto = beneficiary.Merged, &t.survivor.ID
	if err := db.Save(ctx, t.duplicate); err != nil {
		return nil, t, err
	}
	if err := move(ctx, m); err != nil {
		return nil, t, err
	}
	if err := take(ctx, m, t, r.take); err != nil {
		return nil, t, err
	}
	if err := holdNoes(ctx, m, noes); err != nil {
		return nil, t, err
	}
	if err := decidePair(ctx, m, "merge", r.reason, Merged); err != nil {
		return nil, t, err
	}
	return m, t, t.reindex(ctx)
}

// reindex makes both found by what they have now.
func (t two) reindex(ctx context.Context) error {
	if err := beneficiary.Reindex(ctx, t.survivor); err != nil {
		return err
	}
	return beneficiary.Reindex(ctx, t.duplicate)
}

// unmerge undoes the merge of a record: 404, 412, 409 when it is not merged or the survivor was
// merged on, 422 when it is too late.
func unmerge(ctx context.Context, id uuid.UUID, ifMatch, reason string) (*Merge, two, error) {
	b, err := beneficiary.Find(ctx, id)
	if err != nil {
		return nil, two{}, err
	}
	t := two{duplicate: b}
	if b.MergedInto == nil {
		if t.duplicate, err = db.Lock[beneficiary.Beneficiary](ctx, id, ifMatch); err != nil {
			return nil, t, err
		}
		return nil, t, notMerged(t.duplicate)
	}
	if t, err = lockTwo(ctx, id, *b.MergedInto); err != nil {
		return nil, t, err
	}
	if err := db.Expect(ctx, t.duplicate, id, ifMatch); err != nil {
		return nil, t, err
	}
	switch {
	case t.duplicate.Status != beneficiary.Merged:
		return nil, t, notMerged(t.duplicate)
	case t.survivor.Status == beneficiary.Merged:
		return nil, t, fault.State(t.survivor.Status, "The survivor was merged on since. Undo that merge first.").With("merged_into", *t.survivor.MergedInto)
	}
	m, err := undo(ctx, t, reason)
	return m, t, err
}

func notMerged(b *beneficiary.Beneficiary) error {
	return fault.State(b.Status, "The record is not merged.")
}

func undo(ctx context.Context, t two, reason string) (*Merge, error) {
	m, err := standingMerge(ctx, t.duplicate.ID)
	if err != nil {
		return nil, err
	}
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return nil, err
	}
	now := db.Now()
	if until := undoUntil(m, policy); until.Before(now) {
		return nil, fault.New(fault.Invalid, "too_late", "A merge can be undone within %d days.", policy.Case.UndoMergeWithinDays)
	}
	m.UndoneAt, m.UndoneBy, m.UndoReason = &now, actor(ctx), reason
	if err := db.Save(ctx, m); err != nil {
		return nil, err
	}
	t.duplicate.Status, t.duplicate.MergedInto = beneficiary.Active, nil
	if err := db.Save(ctx, t.duplicate); err != nil { // before anything can go back to it
		return nil, err
	}
	if err := moveBack(ctx, m); err != nil {
		return nil, err
	}
	if changed, err := giveBack(m, t.survivor); err != nil {
		return nil, err
	} else if changed {
		if err := db.Save(ctx, t.survivor); err != nil {
			return nil, err
		}
	}
	if err := decidePair(ctx, m, "unmerge", reason, Pending); err != nil {
		return nil, err
	}
	return m, t.reindex(ctx)
}

// undoUntil is when the time for an undo ends.
func undoUntil(m *Merge, policy centre.Policy) time.Time {
	return m.CreatedAt.AddDate(0, 0, policy.Case.UndoMergeWithinDays)
}
