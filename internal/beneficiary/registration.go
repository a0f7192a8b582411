package beneficiary

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Registration is what a centre is told when somebody is registered. There is no personal record
// without a consent decision or another basis (handbook 15, rule 1).
type Registration struct {
	Person  Beneficiary // id optional; reference, status and search columns are filled in; BasisReason beside Basis
	Age     *int        // completed years at reception, instead of a birth date
	Consent *Consent    // the decision on registration; its scope and person are filled in
	Assent  *Consent    // of a child, beside the caregiver's consent

	HouseholdID  *uuid.UUID  // whom they came with, where it is known: evidence for duplicates, no membership
	Acknowledged []uuid.UUID // likely duplicates that whoever registers has looked at
}

// Terms are what a centre asks of every registration at one moment. One Terms serves a whole import.
type Terms struct {
	Policy centre.RegistrationPolicy
	Now    time.Time
	By     *uuid.UUID // who registers
}

// TermsOf reads the terms of the context's centre; a 409 where it registers nobody in its phase.
func TermsOf(ctx context.Context) (Terms, error) {
	policy, err := centre.RegistrationTerms(ctx)
	if err != nil {
		return Terms{}, err
	}
	return Terms{Policy: policy, Now: db.Now(), By: actor(ctx)}, nil
}

func actor(ctx context.Context) *uuid.UUID {
	if caller := auth.From(ctx); caller != nil {
		return &caller.ID
	}
	return nil
}

// latest is the last calendar date that is today anywhere on earth.
func latest() db.Date { return db.NewDate(db.Now().Add(14 * time.Hour)) }

// earliest is the first one: who is no child on it is none anywhere.
func earliest() db.Date { return db.NewDate(db.Now().Add(-12 * time.Hour)) }

// Register registers a person under all rules of registration, in the caller's transaction, and
// queues whom they may be a duplicate of. The fault is a 422 with JSON pointers of the
// registration's body, or the 409 likely_duplicate; see Registration.Acknowledged.
func Register(ctx context.Context, r Registration) (*Beneficiary, error) {
	if _, err := db.Pgx(ctx); err != nil { // begin: more may follow
		return nil, err
	}
	return register(ctx, r)
}

// register may be a transaction of its own; see db.InsertLast.
func register(ctx context.Context, r Registration) (*Beneficiary, error) {
	terms, err := TermsOf(ctx)
	if err != nil {
		return nil, err
	}
	b, consents, err := terms.Admit(r)
	if err != nil {
		return nil, err
	}
	pairs, err := terms.Pairs(ctx, b, r, "registration")
	if err != nil {
		return nil, err
	}
	rows := []any{b}
	for i := range consents {
		rows = append(rows, &consents[i])
	}
	for i := range pairs {
		rows = append(rows, &pairs[i])
	}
	return b, db.InsertLast(ctx, rows...)
}

// Pairs finds whom an admitted person may be a duplicate of: the 409 for likely ones that nobody
// has acknowledged, the lines of the queue for all others. Where the policy has nothing checked there are none.
func (t Terms) Pairs(ctx context.Context, b *Beneficiary, r Registration, foundBy string) ([]Duplicate, error) {
	policy := t.Policy.DuplicateRules()
	if !policy.Check {
		return nil, nil
	}
	found, err := Candidates(ctx, policy, Seeking{b, r.HouseholdID})
	if err != nil {
		return nil, err
	}
	if err := unmet(found[0], r.Acknowledged); err != nil {
		return nil, err
	}
	pairs := make([]Duplicate, len(found[0]))
	for i, c := range found[0] {
		pairs[i] = Pair(b.ID, c, foundBy, t.By)
	}
	return pairs, nil
}

// Admit judges a registration and returns the rows to store: the person, then their consents. It
// reads nothing.
func (t Terms) Admit(r Registration) (*Beneficiary, []Consent, error) {
	b := r.Person
	b.Record = db.NewRecord(&r.Person.ID)
	b.Status, b.CreatedBy, b.MergedInto, b.VoidReason = Active, t.By, nil, ""
	rules := fault.Rules()
	t.age(rules, &b, r.Age)
	b.tidy()
	if err := b.Validate(latest()); err != nil {
		rules.Fields = append(rules.Fields, err.(*fault.Error).Fields...)
	}
	t.require(rules, &b)
	t.basis(rules, &b, r)
	consents := t.consents(rules, &b, r)
	return &b, consents, rules.Err()
}

// Amend changes a person and judges the result: 409 when the record is closed, 422 when it breaks a
// rule, and when a full registration would become a basic one.
func (t Terms) Amend(b *Beneficiary, change func()) error {
	if err := b.open(); err != nil {
		return err
	}
	rules, before := fault.Rules(), b.RegistrationLevel
	change()
	b.tidy()
	if err := b.Validate(latest()); err != nil {
		rules.Fields = append(rules.Fields, err.(*fault.Error).Fields...)
	}
	if b.RegisteredOn.IsZero() {
		rules.Add("/registered_on", "impossible_date", "The day of registration lies before 1900.")
	}
	if before == "full" && b.RegistrationLevel != "full" {
		rules.Add("/registration_level", "level_only_rises", "A full registration does not become a basic one.")
	}
	t.age(rules, b, nil)
	t.require(rules, b)
	return rules.Err()
}

// age wants one of birth date, age, or the answer that neither is known.
func (t Terms) age(rules *fault.Error, b *Beneficiary, age *int) {
	switch {
	case age != nil && b.BirthDate != nil:
		rules.Add("/age", "age_and_birth_date", "Give the birth date or the age, not both.")
	case age != nil:
		b.estimate(*age)
	case !b.answered("birth_date"):
		rules.Add("/birth_date", "required", "Give birth_date or age, or answer birth_date in answers as unknown or declined.")
	}
}

// require checks the fields that the centre's SOP asks for at this level.
func (t Terms) require(rules *fault.Error, b *Beneficiary) {
	for _, field := range t.lacks(b, b.RegistrationLevel, b.childOn(earliest().Time)) {
		rules.Add("/"+field, "required_by_sop", "The centre's procedures ask for this at this level of registration; unknown and declined are answers too. What is recorded beside the person needs a basic registration first.")
	}
}

// lacks lists what the centre's SOP asks for at a level and the person, child or not, has not answered.
func (t Terms) lacks(b *Beneficiary, level string, child bool) []string {
	required := t.Policy.BasicRequires
	if level == "full" {
		required = slices.Concat(required, t.Policy.FullRequires)
	}
	return slices.DeleteFunc(slices.Clone(required), func(field string) bool {
		return b.answered(field) || !child && slices.Contains(ofChildren, field)
	})
}

// basis settles why the record may be held.
func (t Terms) basis(rules *fault.Error, b *Beneficiary, r Registration) {
	given := r.Consent != nil && r.Consent.Decision == Given
	if b.Basis == "" && given {
		b.Basis = "consent"
	}
	switch {
	case b.Basis == "" && r.Consent != nil, b.Basis == "consent" && r.Consent != nil && !given:
		rules.Add("/consent/decision", "consent_refused", "Without consent and without another basis no personal record may be kept: record an anonymous service contact instead, a headcount without a name.")
	case b.Basis == "":
		rules.Add("/consent", "consent_or_basis_required", "A registration needs the person's decision on consent, or another basis with its reason.")
	case b.Basis == "consent" && !given:
		rules.Add("/consent", "required", "The basis consent needs the decision that was given.")
	case b.Basis != "consent" && b.BasisReason == "":
		rules.Add("/basis_reason", "required", "A basis other than consent needs its reason.")
	}
	t.childBasis(rules, b, given)
}

func (t Terms) childBasis(rules *fault.Error, b *Beneficiary, given bool) {
	child := b.childOn(b.ReceptionOn.Time)
	switch {
	case b.Basis == "best_interests_child" && !child && b.BirthDate != nil:
		rules.Add("/basis", "not_a_child", "The best interests of the child are a basis only for a child.")
	case child && !given && b.Basis != "" && b.Basis != "consent" && b.Basis != "best_interests_child" && b.Basis != "vital_interest":
		rules.Add("/basis", "child_basis", "A child is registered with a caregiver's or guardian's consent, or in the child's best or vital interest.")
	}
}

func (t Terms) consents(rules *fault.Error, b *Beneficiary, r Registration) []Consent {
	var out []Consent
	for _, one := range []struct {
		pointer string
		consent *Consent
	}{{"/consent", r.Consent}, {"/assent", r.Assent}} {
		if one.consent == nil {
			continue
		}
		c := *one.consent
		c.Record, c.BeneficiaryID, c.Scope, c.RecordedBy = db.NewRecord(nil), b.ID, "registration", t.By
		c.settle(t.Now)
		c.check(rules, one.pointer, b, b.childOn(b.ReceptionOn.Time), t.Now)
		out = append(out, c)
	}
	if r.Assent != nil && r.Assent.Giver != Assent {
		rules.Add("/assent/giver", "not_assent", "The giver of an assent is assent_child.")
	}
	if r.Consent != nil && r.Consent.Giver == Assent {
		rules.Add("/consent/giver", "assent_is_not_consent", "A child's assent stands beside the consent of a caregiver or guardian; give it as assent.")
	}
	return out
}
