package form

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"path"
	"slices"
	"testing"

	"github.com/waystation/waystation/internal/codelist"
)

// released are the digests of the files: answers were given on them. A new file is added here.
var released = map[string]string{
	"best_interest.v1.json":      "b496417e55fda418145412177d0673630913d6f2fd6de9573c279c1a9e0e22de",
	"biopsychosocial.v1.json":    "9cdad2cf66c1d27e3904e2172b435afe5f046d1dbd45e237663294f5b8a2d1e7",
	"closing_evaluation.v1.json": "06123febc256444ae42a8acf407cb71d32457bea823ecdb0ed46c52dc9c11ef5",
	"domv.v1.json":               "5f5941a7f3be9b73170ce6ef15e8b5d965f16a4d14def256a0f408724c764d0c",
	"fit_to_travel.v1.json":      "694efba342caec0cac49b183ea9f7d591e26e5eef571a6bca9bf150be119d82d",
}

func all(t *testing.T) []*Template {
	t.Helper()
	files, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	list := make([]*Template, len(files))
	for i, f := range files {
		list[i] = f.template()
	}
	return list
}

func TestShipped_TheFiveFormsAreThere(t *testing.T) {
	kinds, ids := []string{}, map[string]bool{}
	for _, f := range all(t) {
		kinds = append(kinds, f.Kind)
		if ids[f.ID.String()] {
			t.Errorf("%s has the id of another form", f.Key)
		}
		ids[f.ID.String()] = true
		if !codelist.Known("form_kind", f.Kind) {
			t.Errorf("%s is of no known kind: %s", f.Key, f.Kind)
		}
	}
	for _, kind := range []string{"biopsychosocial", "vulnerability", "best_interest", "fit_to_travel", "closing_evaluation"} {
		if !slices.Contains(kinds, kind) {
			t.Errorf("no form of kind %s among %v", kind, kinds)
		}
	}
}

// Each is valid by the meta-schema, has words for every question and choice in every language, and
// hints for questions that exist.
func TestShipped_EachCouldBePublished(t *testing.T) {
	for _, f := range all(t) {
		if err := f.complete(); err != nil {
			t.Errorf("%s: %v", f.Key, errorsOf(err))
		}
		if got := f.Languages(); !slices.Equal(got, []string{"en", "ar", "es", "fr"}) {
			t.Errorf("%s speaks %v", f.Key, got)
		}
	}
}

func TestShipped_RenderedInALanguageNothingIsLeftOfTheOther(t *testing.T) {
	for _, f := range all(t) {
		english, err := f.texts()
		if err != nil {
			t.Fatal(err)
		}
		for _, lang := range []string{"fr", "ar", "es"} {
			schema, ui, err := f.Render(lang)
			if err != nil {
				t.Fatal(err)
			}
			rendered := &Template{Title: f.in(lang, f.Title), Description: f.in(lang, f.Description), Schema: schema, UISchema: ui}
			words, err := rendered.texts()
			if err != nil {
				t.Fatal(err)
			}
			kept := 0
			for _, text := range english {
				if slices.Contains(words, text) && f.Translations.V[lang][text] != text {
					t.Errorf("%s in %s still says %q", f.Key, lang, text)
				}
				if f.Translations.V[lang][text] == text {
					kept++
				}
			}
			if kept > len(english)/4 {
				t.Errorf("%s in %s: %d of %d texts are the same as in English", f.Key, lang, kept, len(english))
			}
		}
	}
}

func TestShipped_AReleasedVersionNeverChanges(t *testing.T) {
	files, err := fs.Glob(Files, "shipped/*.json")
	if err != nil || len(files) != len(released) {
		t.Fatalf("%d files, %d on the list: %v", len(files), len(released), err)
	}
	for _, file := range files {
		raw, err := Files.ReadFile(file)
		if sum := sha256.Sum256(raw); err != nil || hex.EncodeToString(sum[:]) != released[path.Base(file)] {
			t.Errorf("%s changed: answers were given on it. Ship a new version beside it (%v, %x)", file, err, sum)
		}
	}
}

// The choices of the shipped vulnerability form are the code lists of the determinants.
func TestShipped_DeterminantsAreThoseOfTheCodeLists(t *testing.T) {
	factors, _ := codelist.Get("domv_factor")
	for _, f := range all(t) {
		if f.Kind != "vulnerability" {
			continue
		}
		for _, factor := range factors.Entries {
			answer := map[string]any{"individual": []any{}, "household_family": []any{}, "community": []any{}, "structural": []any{}, "balance": "x"}
			answer[factor.Parent] = []any{map[string]any{"code": factor.Code, "polarity": "protective", "severity": 2, "note": "x"}}
			if err := f.Check(answer, false); err != nil {
				t.Errorf("%s: %v", factor.Code, errorsOf(err))
			}
		}
	}
}
