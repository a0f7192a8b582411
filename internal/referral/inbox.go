package referral

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// received narrows to what partners handed in.
func received(q *gorm.DB) *gorm.DB { return q.Where("direction = ?", Inbound) }

// findReceived returns an inbound referral, or the 404. Whoever keeps the inbox follows it to its end,
// whoever works on the case that came of it; only the wall around a restricted case stands.
func findReceived(ctx context.Context, id uuid.UUID) (*Referral, error) {
	return db.One[Referral](ctx, func(q *gorm.DB) *gorm.DB { return received(q).Where("id = ?", id) })
}

func inbox(ctx context.Context, l db.Listing, f filter) (db.Paged[Referral], error) {
	return db.Page(ctx, l, referralSorts, func(q *gorm.DB) *gorm.DB { return f.apply(received(q)) })
}

// answer makes a move of the centre on what a partner handed in.
func answer(ctx context.Context, id uuid.UUID, ifMatch string, v Verb, a Act) (*Referral, error) {
	if _, err := findReceived(ctx, id); err != nil {
		return nil, err
	}
	return answerLocked(ctx, id, ifMatch, v, a, func(*Referral) {})
}

func answerLocked(ctx context.Context, id uuid.UUID, ifMatch string, v Verb, a Act, effect func(*Referral)) (*Referral, error) {
	if err := holdSender(ctx, id); err != nil {
		return nil, err
	}
	r, err := db.Lock[Referral](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	a.At = db.Now()
	if err := r.move(v, r.side(false), a); err != nil {
		return nil, err
	}
	effect(r)
	return r, db.Save(ctx, r)
}

// arrival is how an accepted referral becomes a person here: somebody registered already, or a new
// registration.
type arrival struct {
	known        *uuid.UUID
	registration *beneficiary.Registration
	openCase     bool
}

// acceptReceived accepts an inbound referral: it links or registers the person and, if asked, drafts
// a case for them.
func acceptReceived(ctx context.Context, id uuid.UUID, ifMatch string, in arrival) (*Referral, error) {
	r, err := findReceived(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := r.can(VerbAccept, r.side(false)); err != nil {
		return nil, err
	}
	person, err := in.person(ctx, r)
	if err != nil {
		return nil, err
	}
	var caseID *uuid.UUID
	if in.openCase {
		if caseID, err = draftCase(ctx, person.ID, r); err != nil {
			return nil, err
		}
	}
	return answerLocked(ctx, id, ifMatch, VerbAccept, Act{}, func(r *Referral) { r.BeneficiaryID, r.CaseID = &person.ID, caseID })
}

func (in arrival) person(ctx context.Context, r *Referral) (*beneficiary.Beneficiary, error) {
	switch {
	case (in.known == nil) == (in.registration == nil):
		return nil, fault.InvalidField("/beneficiary_id", "person_required", "Say who it is: a person registered here, or the registration of a new one.")
	case in.known != nil:
		return link(ctx, *in.known)
	}
	in.describe(r.Person.V)
	b, err := beneficiary.Register(ctx, *in.registration)
	return b, below("/registration", err)
}

// link wants a person who is registered here.
func link(ctx context.Context, id uuid.UUID) (*beneficiary.Beneficiary, error) {
	b, err := db.LockAny[beneficiary.Beneficiary](ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && b.Status != beneficiary.Active {
		return nil, fault.InvalidField("/beneficiary_id", "unknown_beneficiary", "Nobody is registered here under this id.")
	}
	return b, err
}

// describe fills the registration with what the partner told.
func (in arrival) describe(p Person) {
	b := &in.registration.Person
	b.RegistrationLevel, b.Source = "basic", "referral"
	b.GivenName, b.FamilyName, b.OtherNames, b.Sex = p.GivenName, p.FamilyName, p.OtherNames, p.Sex
	b.Nationalities, b.Languages, b.Phone = p.Nationalities, p.Languages, p.Phone
	b.DocumentType, b.DocumentNumber = p.DocumentType, p.DocumentNumber
	switch {
	case p.BirthDate != nil:
		b.BirthDate, b.BirthDatePrecision = p.BirthDate, &p.BirthDatePrecision
	case in.registration.Age == nil:
		b.Answers.V = map[string]string{"birth_date": "unknown"}
	}
}

// below moves the pointers of a broken rule under the field of the body that holds the object.
func below(pointer string, err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		for i := range f.Fields {
			f.Fields[i].Pointer = pointer + f.Fields[i].Pointer
		}
	}
	return err
}

// draftCase begins a case for a person that a partner referred.
func draftCase(ctx context.Context, person uuid.UUID, r *Referral) (*uuid.UUID, error) {
	c := &casework.Case{Record: db.NewRecord(nil), BeneficiaryID: person, Source: "incoming_referral", Sensitivity: casework.Normal, Summary: r.Explanation}
	return &c.ID, casework.Begin(ctx, c)
}
