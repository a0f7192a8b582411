package country

import (
	"maps"
	"slices"
	"testing"

	"github.com/waystation/waystation/internal/fold"
)

func TestLookup(t *testing.T) {
	words := map[string][]string{
		"GIN": {"guinéenne", "Guinée", "GUINEE", "Guinea", "GIN", "gn", "Guinée Conakry", "Guinée-Conakry", "guinéens", "غينيا"},
		"GNB": {"Guinée-Bissau", "guinea bissau", "bissau-guinéenne"},
		"GNQ": {"Guinée équatoriale", "équato-guinéen"},
		"MLI": {"Malien", "malienne", "maliennes", "Mali", "مالي"},
		"CIV": {"RCI", "Côte d'Ivoire", "Cote d’Ivoire", "ivoiriennes", "Ivory Coast"},
		"COD": {"RDC", "Congo-Kinshasa", "République démocratique du Congo"},
		"COG": {"Congo Brazzaville", "République du Congo"},
		"CAF": {"RCA", "centrafricaine", "Central African Republic"},
		"SDN": {"السودان", "Soudan", "soudanais", "Sudanese"},
		"SSD": {"جنوب السودان", "Soudan du Sud", "sud-soudanaise"},
		"NGA": {"nigériane", "Nigéria", "Nigerian"},
		"NER": {"nigérienne", "Niger", "nigérien"},
		"CPV": {"Cap-Vert", "Cabo Verde", "cap-verdienne"},
		"SWZ": {"Swaziland", "Eswatini"},
		"BFA": {"Burkina", "burkinabè", "burkinabé"},
		"GRC": {"grecque"}, "TUR": {"turques", "Turkey"}, "SYR": {"syrienne", "سوريا"}, "BGD": {"Bangladeshi", "bangladais"},
		"PHL": {"Philippines", "philippine"},
	}
	for want, list := range words {
		for _, w := range list {
			if got, ok := Lookup(w); !ok || got != want {
				t.Errorf("Lookup(%q) = %q, %v; want %s", w, got, ok, want)
			}
		}
	}
}

func TestLookup_RefusesWhatItCannotKnow(t *testing.T) {
	for _, w := range append([]string{"Wakanda", "", "  ", "?", "congolaises", "Europe", "s", "XX"}, ambiguous...) {
		if got, ok := Lookup(w); ok {
			t.Errorf("Lookup(%q) = %q, want not ok", w, got)
		}
	}
}

// A new word that collides with another country's must be a decision, not an
// accident: every ambiguous key is on the list above.
func TestLookup_AmbiguityIsDeclared(t *testing.T) {
	want := map[string]bool{}
	for _, w := range ambiguous {
		want[fold.Key(w)] = true
	}
	extra := slices.DeleteFunc(slices.Sorted(maps.Keys(load().two)), func(k string) bool { return want[k] })
	if len(extra) > 0 {
		t.Errorf("undeclared ambiguous words: %q", extra)
	}
}

func TestAll(t *testing.T) {
	all := All()
	if len(all) != 249 {
		t.Fatalf("%d countries, want the 249 of ISO 3166-1", len(all))
	}
	for _, c := range all {
		for _, word := range []string{c.Alpha2, c.Alpha3, c.Names["en"], c.Names["fr"], c.Names["ar"], c.Names["es"]} {
			if got, ok := Lookup(word); !ok || got != c.Alpha3 {
				t.Errorf("Lookup(%q) = %q, %v; want %s", word, got, ok, c.Alpha3)
			}
		}
		if !Valid(c.Alpha3) || Valid(c.Alpha2) {
			t.Errorf("Valid is wrong for %s", c.Alpha3)
		}
	}
}

func TestDemonyms(t *testing.T) {
	for _, r := range records(demonymsCSV) {
		if !Valid(r[0]) {
			t.Errorf("unknown code %s", r[0])
		}
		for _, w := range r[1:] {
			for _, form := range []string{w, w + "s"} {
				if got, ok := Lookup(form); !ok || got != r[0] {
					t.Errorf("Lookup(%q) = %q, %v; want %s", form, got, ok, r[0])
				}
			}
		}
	}
	for _, r := range records(aliasesCSV) {
		if !Valid(r[0]) {
			t.Errorf("unknown code %s", r[0])
		}
	}
}

func TestName(t *testing.T) {
	for _, c := range []struct{ code, lang, want string }{
		{"CIV", "fr", "Côte d’Ivoire"}, {"SDN", "ar", "السودان"}, {"ESP", "es", "España"}, {"MLI", "fr-NE", "Mali"},
		{"DEU", "pt", "Germany"}, {"ZZZ", "en", ""}, {"SWZ", "en", "Eswatini"},
	} {
		if got := Name(c.code, c.lang); got != c.want {
			t.Errorf("Name(%s, %s) = %q, want %q", c.code, c.lang, got, c.want)
		}
	}
}
