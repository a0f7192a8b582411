package identity

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
)

// field is one of a record's that two records are compared by and that the survivor may take over, by its name in the
// API. The first of `at` is its value; what follows goes with it.
type field struct {
	name string
	at   func(*beneficiary.Beneficiary) []any // pointers
}

var fields = []field{
	{"given_name", func(b *beneficiary.Beneficiary) []any { return []any{&b.GivenName} }},
	{"family_name", func(b *beneficiary.Beneficiary) []any { return []any{&b.FamilyName} }},
	{"other_names", func(b *beneficiary.Beneficiary) []any { return []any{&b.OtherNames} }},
	{"sex", func(b *beneficiary.Beneficiary) []any { return []any{&b.Sex} }},
	{"gender_identity", func(b *beneficiary.Beneficiary) []any { return []any{&b.GenderIdentity} }},
	{"birth_date", func(b *beneficiary.Beneficiary) []any { return []any{&b.BirthDate, &b.BirthDatePrecision} }},
	{"population_type", func(b *beneficiary.Beneficiary) []any { return []any{&b.PopulationType} }},
	{"nationalities", func(b *beneficiary.Beneficiary) []any { return []any{&b.Nationalities} }},
	{"country_of_origin", func(b *beneficiary.Beneficiary) []any { return []any{&b.CountryOfOrigin} }},
	{"languages", func(b *beneficiary.Beneficiary) []any { return []any{&b.Languages} }},
	{"interview_language", func(b *beneficiary.Beneficiary) []any { return []any{&b.InterviewLanguage} }},
	{"interpreter_used", func(b *beneficiary.Beneficiary) []any { return []any{&b.InterpreterUsed} }},
	{"marital_status", func(b *beneficiary.Beneficiary) []any { return []any{&b.MaritalStatus} }},
	{"education_level", func(b *beneficiary.Beneficiary) []any { return []any{&b.EducationLevel} }},
	{"migration_status", func(b *beneficiary.Beneficiary) []any { return []any{&b.MigrationStatus} }},
	{"migration_reasons", func(b *beneficiary.Beneficiary) []any { return []any{&b.MigrationReasons} }},
	{"intended_destination", func(b *beneficiary.Beneficiary) []any { return []any{&b.IntendedDestination} }},
	{"phone", func(b *beneficiary.Beneficiary) []any { return []any{&b.Phone} }},
	{"document_type", func(b *beneficiary.Beneficiary) []any { return []any{&b.DocumentType} }},
	{"document_number", func(b *beneficiary.Beneficiary) []any { return []any{&b.DocumentNumber} }},
	{"remarks", func(b *beneficiary.Beneficiary) []any { return []any{&b.Remarks} }},
}

// held is what a record holds in a field: its values as JSON knows them, and the answer of who was asked and has none.
type held struct {
	Values []any  `json:"values"`
	Answer string `json:"answer,omitempty"`
}

// taken is a field that the survivor took over, with what it held until then.
type taken struct {
	Field  string `json:"field"`
	Before held   `json:"before"`
	After  held   `json:"after"`
}

// in reads a field of a record.
func (f field) in(b *beneficiary.Beneficiary) held {
	h := held{Answer: b.Answers.V[f.name]}
	raw, _ := json.Marshal(f.at(b)) // texts, lists of them and dates
	_ = json.Unmarshal(raw, &h.Values)
	return h
}

// put writes what a record of the same shape held.
func (f field) put(b *beneficiary.Beneficiary, h held) error {
	for i, at := range f.at(b) {
		reflect.ValueOf(at).Elem().SetZero()
		raw, err := json.Marshal(h.Values[i])
		if err != nil {
			return err
		}
		if err := json.Unmarshal(raw, at); err != nil {
			return err
		}
	}
	answers := maps.Clone(b.Answers.V)
	if answers == nil {
		answers = map[string]string{}
	}
	if delete(answers, f.name); h.Answer != "" {
		answers[f.name] = h.Answer
	}
	b.Answers.V = answers
	return nil
}

func (h held) equal(other held) bool { return reflect.DeepEqual(h, other) }

// difference is a field in which two records differ; nil stands for no value.
type difference struct {
	field               string
	duplicate, survivor any
}

func differences(duplicate, survivor *beneficiary.Beneficiary) []difference {
	list := []difference{}
	for _, f := range fields {
		if d, s := f.in(duplicate), f.in(survivor); !d.equal(s) {
			list = append(list, difference{f.name, shown(f.at(duplicate)), shown(f.at(survivor))})
		}
	}
	return list
}

// shown is a field's value as the API tells it: nothing of what is empty, and a birth date with how exactly it is known.
func shown(at []any) any {
	value := reflect.ValueOf(at[0]).Elem()
	if value.IsZero() || value.Kind() == reflect.Slice && value.Len() == 0 {
		return nil
	}
	if len(at) > 1 {
		return map[string]any{"date": at[0], "precision": at[1]}
	}
	return at[0]
}

// take hands the chosen fields of the duplicate to the survivor, as a correction of the survivor's record.
func take(ctx context.Context, m *Merge, t two, chosen []string) error {
	if len(chosen) == 0 {
		return nil
	}
	var failed error
	err := beneficiary.Correct(ctx, t.survivor, func() {
		for _, f := range fields {
			if slices.Contains(chosen, f.name) {
				before := f.in(t.survivor)
				failed = errors.Join(failed, f.put(t.survivor, f.in(t.duplicate)))
				m.Taken.V = append(m.Taken.V, taken{f.name, before, f.in(t.survivor)})
			}
		}
	})
	if err := errors.Join(failed, err); err != nil {
		return err
	}
	return db.Save(ctx, m)
}

// giveBack undoes take: what is still as the merge left it becomes what it was.
func giveBack(m *Merge, survivor *beneficiary.Beneficiary) (changed bool, err error) {
	for _, one := range m.Taken.V {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == one.Field })
		if f := fields[i]; f.in(survivor).equal(one.After) {
			changed = true
			err = errors.Join(err, f.put(survivor, one.Before))
		}
	}
	return changed, err
}
