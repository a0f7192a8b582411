package sheet_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/internal/intake/sheet"
)

// good is a row without a fault; each case changes cells of it.
var good = map[sheet.Field]string{
	sheet.SourceID: "7", sheet.Centre: "Agadez", sheet.RegisteredOn: "05/01/2024", sheet.GivenName: "Awa", sheet.FamilyName: "Diop",
	sheet.Sex: "F", sheet.BirthDate: "02/03/1994", sheet.Age: "", sheet.Nationality: "Mali", sheet.Language: "wolof", sheet.Phone: "",
	sheet.DocumentType: "", sheet.DocumentNumber: "", sheet.Household: "", sheet.HouseholdRelationship: "", sheet.ArrivedOn: "2024-01-04",
	sheet.ArrivalMode: "spontané", sheet.MigrationStatus: "", sheet.MigrationReason: "travail", sheet.Destination: "Algérie",
	sheet.Vulnerabilities: "", sheet.Consent: "oui", sheet.ConsentMethod: "écrit", sheet.CertifiedBy: "", sheet.Remarks: "",
}

type cells = map[sheet.Field]string

// normalise reads one row made of good with changes, under a mapping that names
// every column after its field.
func normalise(t testing.TB, changes cells, edit ...func(*sheet.Mapping)) sheet.Result {
	t.Helper()
	m := sheet.Mapping{Centres: map[string]string{"Agadez": "Centre d’Agadez"}}
	var header, row []string
	for field, text := range good {
		if changed, ok := changes[field]; ok {
			text = changed
		}
		header, row = append(header, "col "+string(field)), append(row, text)
		m.Columns = append(m.Columns, sheet.Column{Source: "col " + string(field), Target: field})
	}
	for _, f := range edit {
		f(&m)
	}
	n, issues := sheet.NewNormaliser(m, header, sheet.Options{Today: today})
	if n == nil {
		t.Fatalf("mapping refused: %v", issues)
	}
	return n.Row(sheet.Record{Line: 2, Cells: row})
}

func TestRow_Rules(t *testing.T) {
	long := strings.Repeat("9", 20)
	for name, c := range map[string]struct {
		change cells
		field  sheet.Field
		code   sheet.Code
	}{
		"no source id":             {cells{sheet.SourceID: ""}, sheet.SourceID, sheet.Missing},
		"no registration date":     {cells{sheet.RegisteredOn: ""}, sheet.RegisteredOn, sheet.Missing},
		"impossible day":           {cells{sheet.RegisteredOn: "31/02/2024"}, sheet.RegisteredOn, sheet.DateImpossible},
		"month 13 is not swapped":  {cells{sheet.RegisteredOn: "01/13/2024"}, sheet.RegisteredOn, sheet.DateImpossible},
		"future registration":      {cells{sheet.RegisteredOn: "02/01/2026"}, sheet.RegisteredOn, sheet.DateFuture},
		"registration month only":  {cells{sheet.RegisteredOn: "janvier 2025"}, sheet.RegisteredOn, sheet.DateIncomplete},
		"no date at all":           {cells{sheet.ArrivedOn: "hier"}, sheet.ArrivedOn, sheet.DateUnreadable},
		"arrival late":             {cells{sheet.ArrivedOn: "06/01/2024"}, sheet.ArrivedOn, sheet.ArrivalAfterRegistration},
		"future birth":             {cells{sheet.BirthDate: "2031-05-01"}, sheet.BirthDate, sheet.DateFuture},
		"birth after registration": {cells{sheet.BirthDate: "06/01/2024"}, sheet.BirthDate, sheet.BirthAfterRegistration},
		"negative age":             {cells{sheet.Age: "-3", sheet.BirthDate: ""}, sheet.Age, sheet.AgeOutOfRange},
		"negative months":          {cells{sheet.Age: "-3 mois", sheet.BirthDate: ""}, sheet.Age, sheet.AgeOutOfRange},
		"age 121":                  {cells{sheet.Age: "121", sheet.BirthDate: ""}, sheet.Age, sheet.AgeOutOfRange},
		"age in words":             {cells{sheet.Age: "adulte", sheet.BirthDate: ""}, sheet.Age, sheet.AgeUnreadable},
		"age contradicts":          {cells{sheet.Age: "27"}, sheet.Age, sheet.AgeContradictsBirth},
		"neither age nor birth":    {cells{sheet.BirthDate: ""}, sheet.BirthDate, sheet.AgeOrBirthMissing},
		"age unknown":              {cells{sheet.BirthDate: "", sheet.Age: "inconnu"}, sheet.BirthDate, sheet.AgeOrBirthMissing},
		"no sex":                   {cells{sheet.Sex: " "}, sheet.Sex, sheet.Missing},
		"unknown sex word":         {cells{sheet.Sex: "zzz"}, sheet.Sex, sheet.UnknownCode},
		"unknown country":          {cells{sheet.Nationality: "Wakanda"}, sheet.Nationality, sheet.UnknownCountry},
		"ambiguous country":        {cells{sheet.Nationality: "congolais"}, sheet.Nationality, sheet.UnknownCountry},
		"one bad of two countries": {cells{sheet.Nationality: "Mali;Wakanda"}, sheet.Nationality, sheet.UnknownCountry},
		"unknown destination":      {cells{sheet.Destination: "Wakanda"}, sheet.Destination, sheet.UnknownCountry},
		"unknown language":         {cells{sheet.Language: "klingon"}, sheet.Language, sheet.UnknownCode},
		"unknown document":         {cells{sheet.DocumentType: "ticket"}, sheet.DocumentType, sheet.UnknownCode},
		"unknown vulnerability":    {cells{sheet.Vulnerabilities: "MENA; fatigue"}, sheet.Vulnerabilities, sheet.UnknownCode},
		"unknown reason":           {cells{sheet.MigrationReason: "zzz"}, sheet.MigrationReason, sheet.UnknownCode},
		"unknown arrival":          {cells{sheet.ArrivalMode: "zzz"}, sheet.ArrivalMode, sheet.UnknownCode},
		"unknown status":           {cells{sheet.MigrationStatus: "zzz"}, sheet.MigrationStatus, sheet.UnknownCode},
		"unknown centre":           {cells{sheet.Centre: "Ailleurs"}, sheet.Centre, sheet.UnknownCentre},
		"no consent":               {cells{sheet.Consent: ""}, sheet.Consent, sheet.ConsentMissing},
		"consent refused":          {cells{sheet.Consent: "non"}, sheet.Consent, sheet.ConsentRefused},
		"consent in other words":   {cells{sheet.Consent: "peut-être"}, sheet.Consent, sheet.UnknownCode},
		"no method":                {cells{sheet.ConsentMethod: ""}, sheet.ConsentMethod, sheet.ConsentMethodMissing},
		"unknown method":           {cells{sheet.ConsentMethod: "télépathie"}, sheet.ConsentMethod, sheet.UnknownCode},
		"verbal uncertified":       {cells{sheet.ConsentMethod: "verbal"}, sheet.CertifiedBy, sheet.ConsentUncertified},
		"short phone":              {cells{sheet.Phone: "90 12"}, sheet.Phone, sheet.PhoneUnreadable},
		"long phone":               {cells{sheet.Phone: "+" + long}, sheet.Phone, sheet.PhoneUnreadable},
		"phone of a spreadsheet":   {cells{sheet.Phone: "2,27E+11"}, sheet.Phone, sheet.PhoneUnreadable},
		"number without type":      {cells{sheet.DocumentNumber: "A1"}, sheet.DocumentType, sheet.DocumentTypeMissing},
		"household alone":          {cells{sheet.Household: "M1"}, sheet.HouseholdRelationship, sheet.RelationshipMissing},
		"relationship alone":       {cells{sheet.HouseholdRelationship: "chef"}, sheet.HouseholdRelationship, sheet.RelationshipAlone},
		"child of unknown sex": {cells{sheet.Household: "M1", sheet.HouseholdRelationship: "enfant", sheet.Sex: "inconnu"},
			sheet.HouseholdRelationship, sheet.RelationshipUngendered},
		"formula in a name":   {cells{sheet.FamilyName: `=HYPERLINK("http://x")`}, sheet.FamilyName, sheet.FormulaText},
		"formula in a remark": {cells{sheet.Remarks: "@SUM(A1)"}, sheet.Remarks, sheet.FormulaText},
	} {
		r := normalise(t, c.change)
		if len(r.Issues) != 1 || r.Issues[0].Code != c.code || r.Issues[0].Field != c.field || r.Issues[0].Column != "col "+string(c.field) {
			t.Errorf("%s: %+v, want only %s on %s", name, r.Issues, c.code, c.field)
		}
		if r.Accepted() != (r.Issues != nil && r.Issues[0].Severity == sheet.Warning) {
			t.Errorf("%s: accepted = %v", name, r.Accepted())
		}
	}
}

func TestRow_Values(t *testing.T) {
	for name, c := range map[string]struct {
		change cells
		got    func(sheet.Row) string
		want   string
	}{
		"mononym":                 {cells{sheet.FamilyName: ""}, func(r sheet.Row) string { return r.FamilyName + "|" + r.GivenName }, "|Awa"},
		"code only":               {cells{sheet.FamilyName: "", sheet.GivenName: "-"}, func(r sheet.Row) string { return r.FamilyName + r.GivenName }, ""},
		"centre mapped":           {nil, func(r sheet.Row) string { return r.Centre }, "Centre d’Agadez"},
		"sex not known":           {cells{sheet.Sex: "?"}, func(r sheet.Row) string { return r.Sex }, "0"},
		"sex not stated":          {cells{sheet.Sex: "declined"}, func(r sheet.Row) string { return r.Sex }, "9"},
		"sex in Arabic":           {cells{sheet.Sex: "أنثى"}, func(r sheet.Row) string { return r.Sex }, "2"},
		"birth year":              {cells{sheet.BirthDate: "1994"}, birth, "1994-01-01 year"},
		"birth month":             {cells{sheet.BirthDate: "mars 1994"}, birth, "1994-03-01 month"},
		"estimated":               {cells{sheet.BirthDate: "", sheet.Age: "env. 30 ans"}, birth, "1994-01-05 estimated"},
		"estimated on 29 Feb":     {cells{sheet.BirthDate: "", sheet.Age: "1", sheet.RegisteredOn: "29/02/2024"}, birth, "2023-02-28 estimated"},
		"age in months":           {cells{sheet.BirthDate: "", sheet.Age: "8 mois"}, birth, "2023-05-05 estimated"},
		"two-digit birth, old":    {cells{sheet.BirthDate: "01/02/25"}, birth, "1925-02-01 day"},
		"two-digit birth, young":  {cells{sheet.BirthDate: "01/02/23"}, birth, "2023-02-01 day"},
		"one year apart":          {cells{sheet.Age: "30"}, birth, "1994-03-02 day"},
		"two nationalities":       {cells{sheet.Nationality: "malienne / السودان"}, func(r sheet.Row) string { return strings.Join(r.Nationalities, ",") }, "MLI,SDN"},
		"nationality declined":    {cells{sheet.Nationality: "refuse de répondre"}, answer(sheet.Nationality), "declined"},
		"nationality unknown":     {cells{sheet.Nationality: "inconnue"}, answer(sheet.Nationality), "unknown"},
		"nationality absent":      {cells{sheet.Nationality: "n/a"}, answer(sheet.Nationality), ""},
		"phone":                   {cells{sheet.Phone: "00227 90-12.34 56"}, func(r sheet.Row) string { return r.Phone }, "+22790123456"},
		"two letters of language": {cells{sheet.Language: "ha"}, func(r sheet.Row) string { return r.Language }, "hau"},
		"daughter":                {cells{sheet.Household: "M1", sheet.HouseholdRelationship: "enfant"}, relation, "daughter"},
		"wife":                    {cells{sheet.Household: "M1", sheet.HouseholdRelationship: "conjoint"}, relation, "wife"},
		"brother":                 {cells{sheet.Household: "M1", sheet.HouseholdRelationship: "Frère/Sœur", sheet.Sex: "M"}, relation, "brother"},
		"home":                    {cells{sheet.Destination: "retour pays d’origine"}, func(r sheet.Row) string { return r.Destination }, "return_origin"},
		"rescued":                 {cells{sheet.ArrivalMode: "SAR"}, func(r sheet.Row) string { return r.ArrivalMode + "," + r.MigrationStatus }, "rescued,rescued"},
		"expelled from":           {cells{sheet.ArrivalMode: "Expulsé de Libye"}, func(r sheet.Row) string { return r.ArrivalMode + "," + r.ArrivedFrom }, "expelled,LBY"},
		"own status wins": {cells{sheet.ArrivalMode: "SAR", sheet.MigrationStatus: "returnee"},
			func(r sheet.Row) string { return r.MigrationStatus }, "returnee"},
		"vulnerabilities once": {cells{sheet.Vulnerabilities: "MENA; mineur non accompagné ;VBG"},
			func(r sheet.Row) string { return strings.Join(r.Vulnerabilities, ",") }, "uac,gbv_survivor"},
		"verbal certified": {cells{sheet.ConsentMethod: "verbal", sheet.CertifiedBy: "H. Abdou"},
			func(r sheet.Row) string { return r.ConsentMethod + "," + r.CertifiedBy }, "verbal_certified,H. Abdou"},
	} {
		r := normalise(t, c.change)
		if got := c.got(r.Row); got != c.want || len(r.Issues) > 0 {
			t.Errorf("%s: %q with %v, want %q", name, got, r.Issues, c.want)
		}
	}
}

func birth(r sheet.Row) string    { return r.BirthDate.String() + " " + string(r.BirthPrecision) }
func relation(r sheet.Row) string { return r.HouseholdRelationship }

func answer(f sheet.Field) func(sheet.Row) string {
	return func(r sheet.Row) string { return string(r.Answers[f]) }
}

func TestRow_RefusedConsentLeavesNoPerson(t *testing.T) {
	got := normalise(t, cells{sheet.Consent: "non", sheet.Phone: "+22790123456", sheet.Remarks: "fièvre", sheet.Vulnerabilities: "VBG"}).Row
	age := 29
	want := sheet.Row{SourceID: "7", Centre: "Centre d’Agadez", CentreMapped: true, RegisteredOn: sheet.NewDate(2024, 1, 5),
		ArrivedOn: sheet.NewDate(2024, 1, 4), Sex: "2", Age: &age, Nationalities: []string{"MLI"}, ArrivalMode: "spontaneous", Consent: "refused"}
	if a, b := asJSON(t, got), asJSON(t, want); a != b {
		t.Errorf("got %s\nwant %s", a, b)
	}
}

func TestRow_MappingSettings(t *testing.T) {
	column := func(m *sheet.Mapping, f sheet.Field) *sheet.Column {
		return &m.Columns[slices.IndexFunc(m.Columns, func(c sheet.Column) bool { return c.Target == f })]
	}
	r := normalise(t, cells{sheet.RegisteredOn: "01/05/2024", sheet.Phone: "90 12 34 56", sheet.ConsentMethod: "", sheet.Vulnerabilities: "VBG+TDR",
		sheet.ArrivalMode: "Refoulé d’Algérie"},
		func(m *sheet.Mapping) {
			m.DateOrder, m.CallingCode, m.ListSeparator = sheet.MDY, "+227", "+"
			column(m, sheet.ConsentMethod).Default = "écrit"
			column(m, sheet.Vulnerabilities).Values = map[string]string{"tdr": "victim_violence_transit"}
			column(m, sheet.ArrivalMode).Values = map[string]string{"REFOULÉ D'ALGÉRIE": "expelled:DZA"}
		})
	got := strings.Join(append(r.Row.Vulnerabilities, r.Row.RegisteredOn.String(), r.Row.Phone, r.Row.ConsentMethod, r.Row.ArrivedFrom), " ")
	if want := "gbv_survivor victim_violence_transit 2024-01-05 +22790123456 written DZA"; got != want || len(r.Issues) > 0 {
		t.Errorf("%q with %v, want %q", got, r.Issues, want)
	}
}

func TestRow_Constants(t *testing.T) {
	m := sheet.Mapping{Constants: map[sheet.Field]string{sheet.Consent: "oui", sheet.ConsentMethod: "audio", sheet.Nationality: "Niger"},
		Columns: []sheet.Column{{Source: "id", Target: sheet.SourceID}, {Source: "d", Target: sheet.RegisteredOn}, {Source: "s", Target: sheet.Sex}, {Source: "a", Target: sheet.Age}}}
	n, issues := sheet.NewNormaliser(m, []string{"ID", "D", "S", "A"}, sheet.Options{Today: today})
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	r := n.Row(sheet.Record{Cells: []string{"1", "2024-01-05", "m", "3"}})
	if !r.Accepted() || r.Row.ConsentMethod != "audio" || r.Row.Nationalities[0] != "NER" {
		t.Errorf("%+v", r)
	}
}

// A centre that has switched a code off does not get it back through a sheet.
func TestRow_CentreList(t *testing.T) {
	active := map[string]bool{"sex 1": true, "consent_method written": true, "migrant_vulnerability uac": true}
	known := func(list, code string) bool { return active[list+" "+code] }
	m := sheet.DefaultMapping([]string{"id", "date d'enregistrement", "sexe", "age", "consentement", "vulnérabilités", "méthode de consentement"})
	n, issues := sheet.NewNormaliser(m, []string{"id", "date d'enregistrement", "sexe", "age", "consentement", "vulnérabilités", "méthode de consentement"},
		sheet.Options{Today: today, Known: known})
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	r := n.Row(sheet.Record{Cells: []string{"1", "2024-01-05", "m", "30", "oui", "LGBTI", "écrit"}})
	if r.Accepted() || r.Row.Vulnerabilities != nil || r.Issues[0].Code != sheet.UnknownCode {
		t.Errorf("%+v", r)
	}
}

func TestRow_ReaderProblems(t *testing.T) {
	m := sheet.Mapping{Columns: []sheet.Column{{Source: "id", Target: sheet.SourceID}, {Source: "d", Target: sheet.RegisteredOn},
		{Source: "s", Target: sheet.Sex}, {Source: "a", Target: sheet.Age}, {Source: "c", Target: sheet.Consent}, {Source: "x", Target: sheet.Ignore}},
		Constants: map[sheet.Field]string{sheet.ConsentMethod: "audio"}}
	n, _ := sheet.NewNormaliser(m, []string{"id", "d", "s", "a", "c", "x"}, sheet.Options{Today: today})
	for _, c := range []struct {
		problem sheet.Problem
		want    sheet.Code
	}{
		{sheet.Problem{Cell: 4, Code: sheet.NULByte}, sheet.NULByte},
		{sheet.Problem{Cell: 3, Code: sheet.CellTooLong, Limit: 9}, sheet.CellTooLong},
		{sheet.Problem{Cell: -1, Code: sheet.RowWidth}, sheet.RowWidth},
		{sheet.Problem{Cell: 5, Code: sheet.NULByte}, ""}, // a column that nobody reads
	} {
		row := []string{"1", "2024-01-05", "m", "30", "oui", ""}
		if c.problem.Cell >= 0 {
			row[c.problem.Cell] = ""
		}
		r := n.Row(sheet.Record{Cells: row, Problems: []sheet.Problem{c.problem}})
		if c.want == "" && len(r.Issues) > 0 || c.want != "" && (len(r.Issues) != 1 || r.Issues[0].Code != c.want) {
			t.Errorf("%+v: %+v, want only %q", c.problem, r.Issues, c.want)
		}
	}
	if r := n.Row(sheet.Record{Cells: []string{"1"}}); r.Accepted() {
		t.Error("a short row from another reader is accepted")
	}
}
