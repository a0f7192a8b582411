package identity

import (
	"context"
	"reflect"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/beneficiary"
)

// conflict is something of two records that cannot simply stand side by side, and what a merge does.
type conflict struct {
	kind, rule string
	scopes     []string // of consent
}

// preview is what a merge would do, as far as the caller may know.
type preview struct {
	two
	differences []string
	conflicts   []conflict
}

func previewOf(ctx context.Context, duplicate, survivor uuid.UUID) (preview, error) {
	t, err := lockTwo(ctx, duplicate, survivor)
	if err != nil {
		return preview{}, err
	}
	if err := t.fit(); err != nil {
		return preview{}, err
	}
	p := preview{two: t, differences: differences(t.duplicate, t.survivor)}
	noes, err := standingNoes(ctx, t)
	if err != nil {
		return p, err
	}
	scopes, err := contradictions(ctx, t, noes)
	if err != nil {
		return p, err
	}
	c, err := conflictsOf(ctx, t)
	for _, one := range []struct {
		is       bool
		conflict conflict
	}{
		{c.TwoHouseholds, conflict{kind: "two_households", rule: "The person stays in the survivor's household; the other membership ends today."}},
		{c.SameHousehold, conflict{kind: "same_household", rule: "The survivor's membership stays; the other one of the same household ends today."}},
		{c.OpenCases, conflict{kind: "open_cases", rule: "Both cases stay open, of one person. Merge the cases if they are one."}},
		{c.Related, conflict{kind: "relationship", rule: "A relationship between the two records stays with the one that ends."}},
		{len(scopes) > 0, conflict{kind: "consent", rule: "The no of either record holds until the person decides anew. Referrals under way against it are revoked, and stay so after an undo.", scopes: scopes}},
	} {
		if one.is {
			p.conflicts = append(p.conflicts, one.conflict)
		}
	}
	return p, err
}

// compared are the fields of a record that a preview compares, by their names in the API.
var compared = []struct {
	name string
	of   func(*beneficiary.Beneficiary) any
}{
	{"given_name", func(b *beneficiary.Beneficiary) any { return b.GivenName }},
	{"family_name", func(b *beneficiary.Beneficiary) any { return b.FamilyName }},
	{"other_names", func(b *beneficiary.Beneficiary) any { return b.OtherNames }},
	{"sex", func(b *beneficiary.Beneficiary) any { return b.Sex }},
	{"birth_date", func(b *beneficiary.Beneficiary) any { return b.BirthDate }},
	{"birth_date_precision", func(b *beneficiary.Beneficiary) any { return b.BirthDatePrecision }},
	{"population_type", func(b *beneficiary.Beneficiary) any { return b.PopulationType }},
	{"nationalities", func(b *beneficiary.Beneficiary) any { return b.Nationalities }},
	{"country_of_origin", func(b *beneficiary.Beneficiary) any { return b.CountryOfOrigin }},
	{"languages", func(b *beneficiary.Beneficiary) any { return b.Languages }},
	{"marital_status", func(b *beneficiary.Beneficiary) any { return b.MaritalStatus }},
	{"education_level", func(b *beneficiary.Beneficiary) any { return b.EducationLevel }},
	{"phone", func(b *beneficiary.Beneficiary) any { return b.Phone }},
	{"document_type", func(b *beneficiary.Beneficiary) any { return b.DocumentType }},
	{"document_number", func(b *beneficiary.Beneficiary) any { return b.DocumentNumber }},
}

func differences(a, b *beneficiary.Beneficiary) []string {
	names := []string{}
	for _, f := range compared {
		if !reflect.DeepEqual(f.of(a), f.of(b)) {
			names = append(names, f.name)
		}
	}
	return names
}
