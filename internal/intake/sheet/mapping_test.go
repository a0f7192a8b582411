package sheet_test

import (
	"slices"
	"testing"

	"github.com/waystation/waystation/internal/intake/sheet"
)

func TestMapping_Check(t *testing.T) {
	header := []string{"id", "date", "sexe", "age", "ok"}
	columns := []sheet.Column{{Source: "ID", Target: sheet.SourceID}, {Source: "Date", Target: sheet.RegisteredOn}, {Source: "sexe", Target: sheet.Sex},
		{Source: "âge", Target: sheet.Age}, {Source: "ok", Target: sheet.Consent}}
	with := func(c ...sheet.Column) sheet.Mapping {
		return sheet.Mapping{Columns: append(slices.Clone(columns), c...)}
	}
	without := func(i int) sheet.Mapping { return sheet.Mapping{Columns: slices.Delete(slices.Clone(columns), i, i+1)} }
	changed := func(i int, values map[string]string) sheet.Mapping {
		m := with()
		m.Columns[i].Values = values
		return m
	}
	for name, c := range map[string]struct {
		m      sheet.Mapping
		header []string
		want   []sheet.Code
	}{
		"good":               {with(), header, nil},
		"header in capitals": {with(), []string{"ID", "DATE", "SEXE", "AGE", "OK"}, nil},
		"no age":             {without(3), header, []sheet.Code{sheet.UnmappedColumn, sheet.MissingColumn}},
		"no consent":         {without(4), header, []sheet.Code{sheet.UnmappedColumn, sheet.MissingColumn}},
		"column not there":   {with(sheet.Column{Source: "tel", Target: sheet.Phone}), header, []sheet.Code{sheet.MissingColumn}},
		"ignored, not there": {with(sheet.Column{Source: "tel", Target: sheet.Ignore}), header, nil},
		"duplicate header":   {with(), append(header, "Sexe "), []sheet.Code{sheet.DuplicateColumn}},
		"unread column":      {with(), append(header, "autre"), []sheet.Code{sheet.UnmappedColumn}},
		"unnamed column":     {with(), append(header, ""), nil},
		"unknown field":      {with(sheet.Column{Source: "x", Target: "shoe_size"}), append(header, "x"), []sheet.Code{sheet.UnknownTarget}},
		"same field twice":   {with(sheet.Column{Source: "x", Target: sheet.Sex}), append(header, "x"), []sheet.Code{sheet.DuplicateTarget}},
		"unknown code":       {changed(2, map[string]string{"H": "7"}), header, []sheet.Code{sheet.UnknownCode}},
		"decision invented":  {changed(4, map[string]string{"bof": "maybe"}), header, []sheet.Code{sheet.UnknownCode}},
		"date order":         {sheet.Mapping{Columns: columns, DateOrder: "dym"}, header, []sheet.Code{sheet.BadDateOrder}},
		"unknown constant": {sheet.Mapping{Columns: columns, Constants: map[sheet.Field]string{"shoe_size": "42"}}, header,
			[]sheet.Code{sheet.UnknownTarget}},
	} {
		var got []sheet.Code
		for _, i := range c.m.Check(c.header, nil) {
			got = append(got, i.Code)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		n, _ := sheet.NewNormaliser(c.m, c.header, sheet.Options{Today: today})
		onlyWarnings := len(c.want) == 0 || slices.Equal(c.want, []sheet.Code{sheet.UnmappedColumn})
		if (n != nil) != onlyWarnings {
			t.Errorf("%s: a mapping with an error must give no normaliser", name)
		}
	}
}

func TestDefaultMapping_English(t *testing.T) {
	m := sheet.DefaultMapping([]string{"Registration number", "Date of registration", "First name", "Surname", "Gender", "DOB", "Consent given", "Shoe size", "Sex"})
	var got []sheet.Field
	for _, c := range m.Columns {
		got = append(got, c.Target)
	}
	want := []sheet.Field{sheet.SourceID, sheet.RegisteredOn, sheet.GivenName, sheet.FamilyName, sheet.Sex, sheet.BirthDate, sheet.Consent}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestShippedMappings(t *testing.T) {
	if got := sheet.ShippedMappings(); !slices.Equal(got, []string{"niger-2024"}) {
		t.Errorf("%v", got)
	}
	if _, err := sheet.ShippedMapping("nowhere"); err == nil {
		t.Error("an unknown mapping gives no error")
	}
}
