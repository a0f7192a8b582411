package fold

import "testing"

func TestKey(t *testing.T) {
	for in, want := range map[string]string{
		"Côte d’Ivoire":    "cote d ivoire",
		"COTE  D'IVOIRE. ": "cote d ivoire",
		"frère/sœur":       "frere soeur",
		"السُّودان":        "السودان",
		"أفريقيا":          "افريقيا",
		"الســـودان":       "السودان",
		"غينيا الاستوائية": "غينيا الاستواييه",
		"  --  ":           "",
		"":                 "",
		"١٢ ans":           "12 ans",
		"ＭＡＬＩ":             "mali",
	} {
		if got := Key(in); got != want {
			t.Errorf("Key(%q) = %q, want %q", in, got, want)
		}
		if again := Key(want); again != want {
			t.Errorf("Key is not stable: %q gives %q", want, again)
		}
	}
}

func TestDigits(t *testing.T) {
	if got := Digits("٠٣/۰۱/2024"); got != "03/01/2024" {
		t.Errorf("Digits = %q", got)
	}
}
