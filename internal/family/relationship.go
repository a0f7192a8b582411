// Package family keeps who belongs to whom: relationships between people, who takes care of a child
// and from whom a child is separated, and what happens when a child comes of age.
package family

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// Relationship is one entry for two people. It is kept as it was recorded and read from either end;
// see seenFrom.
type Relationship struct {
	db.Record
	beneficiary.Entry
	RelativeID       uuid.UUID
	Kind             string // code list relationship_kind: what the relative is to the beneficiary
	Care             string // who takes care of the other: relative | beneficiary; empty: nobody
	PrimaryCaregiver bool   // whoever takes care is the primary caregiver
	Since            *db.Date
	EndedOn          *db.Date
	VerifiedAt       *time.Time
	VerifiedBy       *uuid.UUID
	Note             string
}

// Who takes care of the other.
const (
	byRelative    = "relative"
	byBeneficiary = "beneficiary"
)

var (
	_ = beneficiary.IDTaken("relationships_pkey")
	_ = db.Constraint("relationships_self_check", self)
)

func self() *fault.Error {
	return fault.InvalidField("/relative_id", "self", "Nobody is related to themselves.")
}

// Validate implements beneficiary.Recorded.
func (r *Relationship) Validate(latest db.Date) error {
	rules := fault.Rules()
	beneficiary.CheckPast(rules, "/since", r.Since, latest)
	if r.RelativeID == r.BeneficiaryID {
		return self()
	}
	if r.PrimaryCaregiver && r.Care == "" {
		rules.Add("/primary_caregiver", "without_care", "Say who takes care of whom: care is received or given.")
	}
	return rules.Err()
}

// seenFrom returns the relationship as one of the two sees it: themselves as the beneficiary.
func (r Relationship) seenFrom(person uuid.UUID) Relationship {
	if r.BeneficiaryID == person {
		return r
	}
	r.BeneficiaryID, r.RelativeID = r.RelativeID, r.BeneficiaryID
	r.Kind = inverse(r.Kind)
	switch r.Care {
	case byRelative:
		r.Care = byBeneficiary
	case byBeneficiary:
		r.Care = byRelative
	}
	return r
}

// inverse is what the beneficiary is to the relative.
func inverse(kind string) string {
	list, _ := codelist.Get("relationship_kind")
	entry, _ := list.Entry(kind)
	return entry.Extra["inverse"]
}

// caredFor is who receives the care; nil where nobody does.
func (r *Relationship) caredFor() *uuid.UUID {
	switch r.Care {
	case byRelative:
		return &r.BeneficiaryID
	case byBeneficiary:
		return &r.RelativeID
	}
	return nil
}

// lasting answers the 409 of a relationship that has ended.
func (r *Relationship) lasting() error {
	if r.EndedOn == nil {
		return nil
	}
	return fault.State("ended", "The relationship has ended. Record another where it is there again.")
}

// end closes the relationship on a day: 409 when it has ended, 422 for a day that cannot be.
func (r *Relationship) end(on, latest db.Date) error {
	switch {
	case r.EndedOn != nil:
		return r.lasting()
	case on.After(latest.Time):
		return fault.InvalidField("/ended_on", "in_the_future", "The day lies in the future.")
	case r.Since != nil && on.Before(r.Since.Time):
		return fault.InvalidField("/ended_on", "before_since", "The relationship cannot end before it began.")
	}
	r.EndedOn = &on
	return nil
}

// verify records who checked the relationship: 409 when somebody did before.
func (r *Relationship) verify(by uuid.UUID, at time.Time) error {
	if err := r.lasting(); err != nil {
		return err
	}
	if r.VerifiedAt != nil {
		return fault.State("verified", "The relationship is verified already.")
	}
	r.VerifiedAt, r.VerifiedBy = &at, &by
	return nil
}

// relate stores a relationship between two people who are registered here and whose records are
// open. Both are held, so that their other relationships stay as they are meanwhile.
func relate(ctx context.Context, r *Relationship) error {
	people, err := beneficiary.LockAll(ctx, r.BeneficiaryID, r.RelativeID)
	if err != nil {
		return err
	}
	if err := open(people); err != nil {
		return err
	}
	if err := r.Validate(beneficiary.Latest()); err != nil {
		return err
	}
	for _, check := range []func(context.Context) error{r.checkNew, r.checkCaregiver, r.checkParents} {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return db.InsertAll(ctx, r)
}

// open answers the 409 of people of whom one's record takes no more changes.
func open(people []beneficiary.Beneficiary) error {
	for i := range people {
		if err := people[i].Open(); err != nil {
			return err
		}
	}
	return nil
}

// checkNew refuses what stands already, from whichever end.
func (r *Relationship) checkNew(ctx context.Context) error {
	var stands bool
	err := db.Tx(ctx).Raw(`select exists (select 1 from relationships where centre_id in ? and ended_on is null and voided_at is null
		and (beneficiary_id = ? and relative_id = ? and kind = ? or beneficiary_id = ? and relative_id = ? and kind = ?))`,
		tenant.Centres(ctx), r.BeneficiaryID, r.RelativeID, r.Kind, r.RelativeID, r.BeneficiaryID, inverse(r.Kind)).Scan(&stands).Error
	if err == nil && stands {
		return fault.New(fault.Conflict, "already_related", "The two are in this relationship already.")
	}
	return err
}

// checkCaregiver wants one primary caregiver at a time for whoever is cared for.
func (r *Relationship) checkCaregiver(ctx context.Context) error {
	if !r.PrimaryCaregiver {
		return nil
	}
	var other bool
	person := r.caredFor()
	err := db.Tx(ctx).Raw(`select exists (select 1 from relationships where centre_id in ? and id <> ? and primary_caregiver and ended_on is null and voided_at is null
		and (beneficiary_id = ? and care = 'relative' or relative_id = ? and care = 'beneficiary'))`,
		tenant.Centres(ctx), r.ID, person, person).Scan(&other).Error
	if err == nil && other {
		return fault.New(fault.Conflict, "primary_caregiver_taken", "Another person is the primary caregiver. Change that relationship first.")
	}
	return err
}

// checkParents refuses a circle: nobody is their own parent, grandparent and so on. Parenthood is
// recorded one at a time in a centre, as a longer circle may close between people whom no two
// requests share.
func (r *Relationship) checkParents(ctx context.Context) error {
	parent, child := r.RelativeID, r.BeneficiaryID
	switch r.Kind {
	case "parent":
	case "child":
		parent, child = child, parent
	default:
		return nil
	}
	centre, err := tenant.One(ctx)
	if err != nil {
		return err
	}
	if err := db.Tx(ctx).Exec("select pg_advisory_xact_lock(hashtextextended('waystation parents ' || ?, 0))", centre.String()).Error; err != nil {
		return err
	}
	var circle bool
	err = db.Tx(ctx).Raw(`with recursive parents (child, parent) as (
			select beneficiary_id, relative_id from relationships where centre_id in ? and kind = 'parent' and voided_at is null
			union all select relative_id, beneficiary_id from relationships where centre_id in ? and kind = 'child' and voided_at is null),
		up (id) as (select ?::uuid union select p.parent from up join parents p on p.child = up.id)
		select exists (select 1 from up where id = ?)`, tenant.Centres(ctx), tenant.Centres(ctx), parent, child).Scan(&circle).Error
	if err == nil && circle {
		return fault.InvalidField("/kind", "circle_of_parents", "The person would be their own forebear.")
	}
	return err
}

// change holds a relationship of a person and both people, lets do change it and stores it. do sees
// it from that person's side.
func change(ctx context.Context, person, id uuid.UUID, ifMatch string, do func(*Relationship) error) (*Relationship, error) {
	found, err := find(ctx, person, id)
	if err != nil {
		return nil, err
	}
	people, err := beneficiary.LockAll(ctx, found.BeneficiaryID, found.RelativeID)
	if err != nil {
		return nil, err
	}
	stored, err := db.Lock[Relationship](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	own := slices.IndexFunc(people, func(b beneficiary.Beneficiary) bool { return b.ID == person })
	if err := errors.Join(people[own].Open(), stored.Valid()); err != nil { // the other's record may have been an error
		return nil, err
	}
	r := stored.seenFrom(person)
	if err := do(&r); err != nil {
		return nil, err
	}
	if stored.BeneficiaryID == person {
		return &r, db.Save(ctx, &r)
	}
	back := r.seenFrom(stored.BeneficiaryID)
	err = db.Save(ctx, &back)
	r.Record = back.Record
	return &r, err
}

// find returns a relationship of a person as they see it, or the 404.
func find(ctx context.Context, person, id uuid.UUID) (*Relationship, error) {
	r, err := db.One[Relationship](ctx, func(q *gorm.DB) *gorm.DB { return of(q, person).Where("id = ?", id) })
	if err != nil {
		return nil, err
	}
	seen := r.seenFrom(person)
	return &seen, nil
}

func of(q *gorm.DB, person uuid.UUID) *gorm.DB {
	return q.Where("(beneficiary_id = ? or relative_id = ?)", person, person)
}

var relationshipSorts = db.Sorts[Relationship]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(r *Relationship) any { return r.CreatedAt }},
}

// list returns one page of a person's relationships as they see them.
func list(ctx context.Context, l db.Listing, person uuid.UUID, active, voided bool) (db.Paged[Relationship], error) {
	page, err := db.Page(ctx, l, relationshipSorts, func(q *gorm.DB) *gorm.DB {
		return of(q, person).Where("(ended_on is null) = ? and (voided_at is not null) = ?", active, voided)
	})
	if err == nil && len(page.Rows) == 0 {
		err = beneficiary.Here(ctx, person)
	}
	for i := range page.Rows {
		page.Rows[i] = page.Rows[i].seenFrom(person)
	}
	return page, err
}
