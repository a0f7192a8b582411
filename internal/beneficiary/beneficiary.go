// Package beneficiary keeps the people registered at a centre: who they are, with whom they travel,
// what they need and what they consented to.
package beneficiary

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/beneficiary/namekey"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/fold"
)

// Beneficiary is a person registered at a centre. Nothing about a person is unique but the id and
// the reference: names may be missing, single or written in several ways (handbook 11).
type Beneficiary struct {
	db.Record
	Reference           string  `gorm:"<-:create;default:(-)"` // AGZ-000123; the database gives it, unless it is of a ReferenceBlock
	RegistrationLevel   string  // code list registration_level: basic | full
	RegisteredOn        db.Date `gorm:"default:(-)"` // today in the centre's time zone, unless told
	ReceptionOn         db.Date // arrival at the centre
	GivenName           string
	FamilyName          string
	OtherNames          db.Strings // further spellings and scripts
	Sex                 string     // code list sex (ISO/IEC 5218)
	GenderIdentity      string
	BirthDate           *db.Date // of precision month or year: its first day
	BirthDatePrecision  *string  // code list birth_date_precision; nil exactly when BirthDate is
	PopulationType      string   // code list population_type
	Nationalities       db.Strings
	CountryOfOrigin     string
	Languages           db.Strings // BCP 47
	InterviewLanguage   string
	InterpreterUsed     *bool
	MaritalStatus       string // code list marital_status
	EducationLevel      string // code list education_level
	MigrationStatus     string // code list migration_status
	MigrationReasons    db.Strings
	IntendedDestination string
	Phone               string
	DocumentType        string // code list document_type
	DocumentNumber      string
	Remarks             string
	Source              string  // api | import | referral
	SourceKey           *string // the row id of the sheet it came from
	Basis               string  // code list processing_basis: why we may hold this record
	BasisReason         string  // required for every basis but consent
	Status              string  // active | merged | void
	MergedInto          *uuid.UUID
	VoidReason          string
	CreatedBy           *uuid.UUID
	Answers             db.JSON[map[string]string] // field → unknown | declined: asked, but no value
	SearchName          string
	SearchKeys          db.Strings

	recorded recorded `gorm:"-"` // beside the record; see recall
}

// Personal implements db.Personal.
func (Beneficiary) Personal() {}

// The states of a beneficiary's record.
const (
	Active = "active"
	Merged = "merged"
	Void   = "void"
)

var _ = db.Constraint("beneficiaries_pkey", func() *fault.Error {
	return fault.New(fault.Conflict, "id_taken", "Somebody is registered under this id already.").Add("/id", "id_taken", "Choose a new UUID.")
})

var _ = db.Constraint("beneficiaries_source_key", func() *fault.Error {
	return fault.New(fault.Conflict, "already_imported", "A row with this key was imported before.")
})

// What is written under a record that ended in another meanwhile, whoever writes it (person_in_use in migration 00001).
var _ = db.Constraint("beneficiaries_merged", func() *fault.Error {
	return fault.State(Merged, "The record was merged into another; it takes nothing new. Read it to be led to the survivor.")
})

// oldest is how many years before reception a birth is taken for a mistake.
const oldest = 120

// majority is the age at which a person consents for themselves (handbook 3.7).
const majority = 18

// Find returns a person of the context's centre, or the 404.
func Find(ctx context.Context, id uuid.UUID) (*Beneficiary, error) {
	return db.Get[Beneficiary](ctx, id)
}

// fields tells for each field that may be answered "unknown" or "declined", or that a centre may
// require, whether it has a value. The names are those of the API.
var fields = map[string]func(*Beneficiary) bool{
	"given_name":           func(b *Beneficiary) bool { return b.GivenName != "" },
	"family_name":          func(b *Beneficiary) bool { return b.FamilyName != "" },
	"gender_identity":      func(b *Beneficiary) bool { return b.GenderIdentity != "" },
	"birth_date":           func(b *Beneficiary) bool { return b.BirthDate != nil },
	"nationalities":        func(b *Beneficiary) bool { return len(b.Nationalities) > 0 },
	"country_of_origin":    func(b *Beneficiary) bool { return b.CountryOfOrigin != "" },
	"languages":            func(b *Beneficiary) bool { return len(b.Languages) > 0 },
	"interview_language":   func(b *Beneficiary) bool { return b.InterviewLanguage != "" },
	"interpreter_used":     func(b *Beneficiary) bool { return b.InterpreterUsed != nil },
	"marital_status":       func(b *Beneficiary) bool { return b.MaritalStatus != "" },
	"education_level":      func(b *Beneficiary) bool { return b.EducationLevel != "" },
	"migration_status":     func(b *Beneficiary) bool { return b.MigrationStatus != "" },
	"migration_reasons":    func(b *Beneficiary) bool { return len(b.MigrationReasons) > 0 },
	"intended_destination": func(b *Beneficiary) bool { return b.IntendedDestination != "" },
	"phone":                func(b *Beneficiary) bool { return b.Phone != "" || len(b.recorded.Phones) > 0 },
	"document_type":        func(b *Beneficiary) bool { return b.DocumentType != "" || b.has("documents") },
	"document_number":      func(b *Beneficiary) bool { return b.DocumentNumber != "" || len(b.recorded.Documents) > 0 },

	"documents":               func(b *Beneficiary) bool { return b.has("documents") },
	"contacts":                func(b *Beneficiary) bool { return b.has("contacts") },
	"journey":                 func(b *Beneficiary) bool { return b.has("journey") },
	"specific_needs":          func(b *Beneficiary) bool { return b.has("specific_needs") },
	"functional_difficulties": func(b *Beneficiary) bool { return b.has("functional_difficulties") },
	"screening":               func(b *Beneficiary) bool { return b.has("screening") },
	"household":               func(b *Beneficiary) bool { return b.has("household") },
	"caregiver":               func(b *Beneficiary) bool { return b.has("caregiver") },
	"separation_status":       func(b *Beneficiary) bool { return b.has("separation_status") },
	"care_arrangement":        func(b *Beneficiary) bool { return b.has("care_arrangement") },
}

// ofChildren are the fields that are asked of children alone, and of every child (handbook 3.7).
var ofChildren = []string{"caregiver", "separation_status", "care_arrangement"}

// answered tells that a field has a value, or the answer that there is none to give. A name that
// is no field of a person asks for nothing.
func (b *Beneficiary) answered(field string) bool {
	has, known := fields[field]
	return !known || has(b) || b.Answers.V[field] != ""
}

// tidy brings what was entered into the form in which it is kept and found.
func (b *Beneficiary) tidy() {
	b.GivenName, b.FamilyName = strings.TrimSpace(b.GivenName), strings.TrimSpace(b.FamilyName)
	if b.BirthDate != nil && b.BirthDatePrecision == nil {
		day := "day"
		b.BirthDatePrecision = &day
	}
	if b.BirthDate != nil {
		b.BirthDate = firstDay(*b.BirthDate, *b.BirthDatePrecision)
	}
	maps.DeleteFunc(b.Answers.V, func(_, answer string) bool { return answer == "" })
	if b.Answers.V == nil {
		b.Answers.V = map[string]string{}
	}
	b.SearchName, b.SearchKeys = b.index()
}

func firstDay(d db.Date, precision string) *db.Date {
	switch precision {
	case "month":
		d = db.NewDate(time.Date(d.Year(), d.Month(), 1, 0, 0, 0, 0, time.UTC))
	case "year":
		d = db.NewDate(time.Date(d.Year(), 1, 1, 0, 0, 0, 0, time.UTC))
	}
	return &d
}

// index returns what the person is found by: all names folded, and the keys of beneficiary_keys.
func (b *Beneficiary) index() (string, []string) {
	words := slices.Concat([]string{b.GivenName, b.FamilyName}, b.OtherNames, b.recorded.Names)
	names := strings.Join(words, " ")
	keys := []string{}
	for _, k := range namekey.Keys(names) {
		keys = append(keys, "n:"+k)
	}
	for _, number := range append(b.recorded.Documents, b.DocumentNumber) {
		keys = append(keys, documentKey(number))
	}
	for _, number := range append(b.recorded.Phones, b.Phone) {
		keys = append(keys, phoneKey(number))
	}
	slices.Sort(keys)
	return fold.Key(names), slices.DeleteFunc(slices.Compact(keys), func(k string) bool { return k == "" })
}

// HasDocument tells whether a number is of one of the person's documents, however it is punctuated.
func (b *Beneficiary) HasDocument(number string) bool { return b.isFoundBy(documentKey(number)) }

// HasPhone tells whether a telephone is one of the person's, with or without its country's prefix.
func (b *Beneficiary) HasPhone(number string) bool { return b.isFoundBy(phoneKey(number)) }

func (b *Beneficiary) isFoundBy(key string) bool {
	return key != "" && slices.Contains(b.SearchKeys, key)
}

// documentKey leaves out how a number is punctuated: "AB 12-345" is "ab12345".
func documentKey(number string) string {
	k := strings.ReplaceAll(fold.Key(number), " ", "")
	if len(k) < 4 {
		return ""
	}
	return "d:" + k
}

// phoneDigits is how many last digits tell a telephone, with or without its country's prefix.
const phoneDigits = 8

func phoneKey(number string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, fold.Digits(number))
	if len(digits) < 6 {
		return ""
	}
	return "p:" + digits[max(0, len(digits)-phoneDigits):]
}

// Validate checks what the spec cannot say. latest is the last date that is today anywhere.
func (b *Beneficiary) Validate(latest db.Date) error {
	rules := fault.Rules()
	b.checkDates(rules, latest)
	for _, field := range slices.Sorted(maps.Keys(b.Answers.V)) {
		if has, known := fields[field]; !known {
			rules.Add("/answers/"+field, "unknown_field", "No such question. The names are those of the fields.")
		} else if has(b) {
			rules.Add("/answers/"+field, "answered_twice", "The field has a value, so it cannot also be unknown or declined.")
		}
	}
	return rules.Err()
}

func (b *Beneficiary) checkDates(rules *fault.Error, latest db.Date) {
	if b.ReceptionOn.After(latest.Time) {
		rules.Add("/reception_on", "in_the_future", "The day of reception lies in the future.")
	} else if b.ReceptionOn.Year() < 1900 {
		rules.Add("/reception_on", "impossible_date", "The day of reception lies before 1900.")
	}
	if b.RegisteredOn.After(latest.Time) {
		rules.Add("/registered_on", "in_the_future", "The day of registration lies in the future.")
	} else if b.RegisteredOn.Year() < firstYear && !b.RegisteredOn.IsZero() { // zero: today, as the database fills it in
		rules.Add("/registered_on", "impossible_date", "The day of registration lies before 1900.")
	}
	switch {
	case b.BirthDate == nil && b.BirthDatePrecision != nil:
		rules.Add("/birth_date_precision", "without_birth_date", "A precision needs a birth date.")
	case b.BirthDate == nil:
	case b.BirthDate.After(b.ReceptionOn.Time):
		rules.Add("/birth_date", "in_the_future", "The birth date lies after the day of reception.")
	case b.BirthDate.Before(b.ReceptionOn.AddDate(-oldest, 0, 0)):
		rules.Add("/birth_date", "impossible_date", fmt.Sprintf("The birth date would make the person older than %d years.", oldest))
	}
}

// estimate sets the birth date that an age in completed years at reception gives.
func (b *Beneficiary) estimate(age int) {
	precision := "estimated"
	day := yearsBefore(b.ReceptionOn, age)
	b.BirthDate, b.BirthDatePrecision = &day, &precision
}

// yearsBefore keeps 29 February in February.
func yearsBefore(d db.Date, years int) db.Date {
	out := d.AddDate(-years, 0, 0)
	if out.Day() != d.Day() {
		out = out.AddDate(0, 0, -out.Day())
	}
	return db.NewDate(out)
}

// childOn tells that the person is, or may be, under 18 on a day. Of a birth date known by month
// or year only the last possible day counts: in doubt a person is protected as a child.
func (b *Beneficiary) childOn(day time.Time) bool {
	of := b.Majority()
	return of != nil && of.After(day)
}

// Majority is the day on which the person turns 18; of a birth date known by month or year the last
// possible one. Nil where no birth date is known.
func (b *Beneficiary) Majority() *db.Date {
	if b.BirthDate == nil {
		return nil
	}
	day := db.NewDate(lastDay(*b.BirthDate, *b.BirthDatePrecision).AddDate(majority, 0, 0))
	return &day
}

// lastDay is the last day that a date of a precision may mean.
func lastDay(d db.Date, precision string) db.Date {
	switch precision {
	case "month":
		d = db.NewDate(d.AddDate(0, 1, -1))
	case "year":
		d = db.NewDate(d.AddDate(1, 0, -1))
	}
	return d
}

// open answers the 409 of a record that was voided or merged.
func (b *Beneficiary) open() error {
	if b.Status == Active {
		return nil
	}
	f := fault.State(b.Status, "This record was %s; it takes no more changes.", map[string]string{Merged: "merged into another", Void: "voided"}[b.Status])
	if b.MergedInto != nil {
		f = f.With("merged_into", *b.MergedInto)
	}
	return f
}

// void hides a record made in error. What still hangs on it must be settled first; the refusal is one and the same
// whatever it is, so that nobody learns from it of a case that is kept from them.
func (b *Beneficiary) void(ctx context.Context, reason string) error {
	if err := b.open(); err != nil {
		return err
	}
	var depended bool
	if err := db.Tx(ctx).Raw("select depended_upon(?)", b.ID).Scan(&depended).Error; err != nil {
		return err
	}
	if depended {
		return fault.New(fault.Invalid, "has_dependents", "The record has others that depend on it: a household, a visit or a case. Settle what you know of and ask the supervisor, then void the record.")
	}
	b.Status, b.VoidReason = Void, reason
	return nil
}
