package sheet_test

import (
	"strings"
	"testing"

	"github.com/waystation/waystation/internal/intake/sheet"
)

// A code that the centre has switched off is refused where a row says it, however it says it.
func TestNormaliser_CodesThatTheCentreSwitchedOff(t *testing.T) {
	const header = "id;date d'enregistrement;sexe;age;nationalité;ménage;lien;vulnérabilités;destination;consentement;méthode de consentement\n"
	off := map[string]string{"country": "MLI", "household_relationship": "son", "migrant_vulnerability": "pregnant_lactating"}
	for row, want := range map[string]string{
		"1;05/01/2024;M;30;Niger;;;;Algérie;oui;écrit\n":        "",
		"1;05/01/2024;M;30;Mali;;;;;oui;écrit\n":                "nationality country",
		"1;05/01/2024;M;30;Niger/Mali;;;;;oui;écrit\n":          "nationality country",
		"1;05/01/2024;M;30;Niger;;;;Mali;oui;écrit\n":           "destination country",
		"1;05/01/2024;M;30;Niger;A;enfant;;;oui;écrit\n":        "household_relationship household_relationship",
		"1;05/01/2024;F;30;Niger;;;femme enceinte;;oui;écrit\n": "vulnerabilities migrant_vulnerability",
		"1;05/01/2024;F;30;Niger;A;enfant;;;oui;écrit\n":        "",
		"1;05/01/2024;F;30;Niger;;;MENA;;oui;écrit\n":           "",
	} {
		csv, err := sheet.NewCSV(strings.NewReader(header+row), sheet.CSVOptions{})
		if err != nil {
			t.Fatal(err)
		}
		n, issues := sheet.NewNormaliser(sheet.DefaultMapping(csv.Header()), csv.Header(), sheet.Options{
			Today: today, Off: func(list, code string) bool { return off[list] == code },
		})
		if n == nil {
			t.Fatal(issues)
		}
		rec, err := csv.Next()
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, i := range n.Row(rec).Issues {
			if i.Code == sheet.InactiveCode {
				got += string(i.Field) + " " + i.Args["list"]
			} else if i.Severity == sheet.Error {
				got += "other: " + string(i.Code)
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", row, got, want)
		}
	}
}
