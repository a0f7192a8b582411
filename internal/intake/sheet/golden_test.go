package sheet_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/waystation/waystation/internal/intake/demo"
	"github.com/waystation/waystation/internal/intake/sheet"
)

var today = sheet.NewDate(2026, 1, 1)

// readNiger runs the demonstration sheet through a mapping.
func readNiger(t testing.TB, m sheet.Mapping) []sheet.Result {
	t.Helper()
	csv, err := sheet.NewCSV(bytes.NewReader(demo.RegistrationsNiger2024), sheet.CSVOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n, issues := sheet.NewNormaliser(m, csv.Header(), sheet.Options{Today: today})
	if len(issues) > 0 {
		t.Fatalf("the mapping does not fit the sheet: %v", issues)
	}
	var results []sheet.Result
	for r, err := range n.All(csv) {
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, r)
	}
	return results
}

func shipped(t testing.TB) sheet.Mapping {
	t.Helper()
	m, err := sheet.ShippedMapping("niger-2024")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func summary(results []sheet.Result) (s sheet.Summary) {
	for _, r := range results {
		s.Add(r)
	}
	return s
}

// The numbers were counted a second time by a program that shares no code.
func TestNigerSheet_Golden(t *testing.T) {
	got := summary(readNiger(t, shipped(t)))
	if got.Rows != 6000 || got.Accepted != 5226 {
		t.Errorf("%d rows, %d accepted; want 6000 and 5226", got.Rows, got.Accepted)
	}
	wantErrors := map[sheet.Code]int{
		sheet.AgeOrBirthMissing: 274, sheet.AgeOutOfRange: 14, sheet.ConsentMissing: 100, sheet.ConsentRefused: 218,
		sheet.ConsentUncertified: 129, sheet.DateFuture: 21, sheet.DateImpossible: 18, sheet.UnknownCentre: 16,
		sheet.UnknownCountry: 16,
	}
	if !maps.Equal(got.Errors, wantErrors) {
		t.Errorf("errors %v, want %v", got.Errors, wantErrors)
	}
	if want := map[sheet.Code]int{sheet.FormulaText: 12}; !maps.Equal(got.Warnings, want) {
		t.Errorf("warnings %v, want %v", got.Warnings, want)
	}
}

// Without a stored mapping the proposal reads all but the words that only this
// centre uses: "malinké" is not on the list of languages.
func TestNigerSheet_DefaultMapping(t *testing.T) {
	header := strings.Split(strings.TrimPrefix(string(demo.RegistrationsNiger2024[:400]), "\ufeff"), "\n")[0]
	m := sheet.DefaultMapping(strings.Split(strings.TrimSpace(header), ";"))
	if len(m.Columns) != 24 {
		t.Fatalf("%d of 24 columns mapped", len(m.Columns))
	}
	for i, c := range shipped(t).Columns {
		found := false
		for _, d := range m.Columns {
			found = found || d.Source == c.Source && d.Target == c.Target
		}
		if !found {
			t.Errorf("column %d: %s is not proposed as %s", i, c.Source, c.Target)
		}
	}
	got := summary(readNiger(t, m))
	if got.Errors[sheet.UnknownCode] != 371 || got.Errors[sheet.UnknownCentre] != 0 || got.Errors[sheet.UnknownCountry] != 16 {
		t.Errorf("errors %v", got.Errors)
	}
}

func TestNigerSheet_Row(t *testing.T) {
	age := 10
	want := sheet.Row{SourceID: "480006", Centre: "ARL", CentreMapped: true, RegisteredOn: sheet.NewDate(2024, 1, 3),
		GivenName: "Kadiatou", FamilyName: "Bah", Sex: "2", BirthDate: sheet.NewDate(2013, 11, 27), BirthPrecision: sheet.Day, Age: &age,
		Nationalities: []string{"GIN"}, Language: "ful", Phone: "+22433401311", ArrivedOn: sheet.NewDate(2024, 1, 1), ArrivalMode: "expelled",
		ArrivedFrom: "DZA", MigrationStatus: "expelled", MigrationReason: "conflict_violence", Destination: "return_origin",
		Vulnerabilities: []string{"uac"}, Consent: "given", ConsentMethod: "written", Remarks: "a perdu ses papiers à Tamanrasset"}
	got := readNiger(t, shipped(t))[6]
	if a, b := asJSON(t, got.Row), asJSON(t, want); a != b || got.Line != 8 {
		t.Errorf("line %d\n got %s\nwant %s", got.Line, a, b)
	}
	var back sheet.Row
	if err := json.Unmarshal([]byte(asJSON(t, got.Row)), &back); err != nil || asJSON(t, back) != asJSON(t, want) {
		t.Errorf("a row does not survive JSON: %v", err)
	}
}

// No issue of the whole sheet says anything that only a personal cell says.
func TestNigerSheet_IssuesRepeatNoCell(t *testing.T) {
	for _, r := range readNiger(t, shipped(t)) {
		text := asJSON(t, r.Issues)
		for _, i := range r.Issues {
			for _, lang := range sheet.Languages {
				text += i.Text(lang)
			}
		}
		for _, value := range []string{"Wakanda", "HYPERLINK", "31/02", "2031", "Centre inconnu", "-3"} {
			if strings.Contains(text, value) {
				t.Fatalf("line %d repeats %q: %s", r.Line, value, text)
			}
		}
		if r.Row.Consent == "refused" && r.Row.FamilyName+r.Row.GivenName+r.Row.Phone+r.Row.DocumentNumber+r.Row.Remarks+r.Row.BirthDate.String() != "" {
			t.Fatalf("line %d: personal data without consent", r.Line)
		}
	}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
