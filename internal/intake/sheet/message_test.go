package sheet

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/fold"
)

// codesInSource reads the declared codes, so that a new one cannot be forgotten.
func codesInSource(t *testing.T) map[Code]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "issue.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[Code]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && v.Type != nil {
			if id, ok := v.Type.(*ast.Ident); ok && id.Name == "Code" {
				text, _ := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
				codes[Code(text)] = true
			}
		}
		return true
	})
	return codes
}

func TestMessages_EveryCodeInEveryLanguage(t *testing.T) {
	codes := codesInSource(t)
	if len(codes) < 40 {
		t.Fatalf("only %d codes found", len(codes))
	}
	slot := regexp.MustCompile(`\{\w+\}`)
	slots := func(s string) []string { return slices.Sorted(slices.Values(slot.FindAllString(s, -1))) }
	for _, lang := range Languages {
		messages := catalogue()[lang]
		for code := range codes {
			if messages[code] == "" || !slices.Equal(slots(messages[code]), slots(catalogue()["en"][code])) {
				t.Errorf("%s: %s is missing or has other placeholders: %q", lang, code, messages[code])
			}
		}
		for code := range messages {
			if !codes[code] {
				t.Errorf("%s: %s is no code", lang, code)
			}
		}
	}
}

func TestMessage(t *testing.T) {
	args := map[string]string{"column": "sexe", "list": "sex"}
	for lang, want := range map[string]string{
		"en":    "Column sexe: the value is not on the list sex.",
		"fr-NE": "Colonne sexe : la valeur n’est pas dans la liste sex.",
		"pt":    "Column sexe: the value is not on the list sex.",
	} {
		if got := Message(lang, UnknownCode, args); got != want {
			t.Errorf("%s: %q", lang, got)
		}
	}
	if got := Message("fr", "no_such_code", nil); got != "no_such_code" {
		t.Errorf("%q", got)
	}
	if got := newIssue(MissingColumn, Sex, "", nil).Text("en"); strings.Contains(got, "{") {
		t.Errorf("%q has an open placeholder", got)
	}
}

// Every code of the vocabulary stands on its shipped list, except what the
// package itself defines: how people arrive, and relationships without a gender.
func TestVocabulary_CodesAreShipped(t *testing.T) {
	for list, w := range vocabulary() {
		for code := range w.known {
			if _, open := gendered[code]; open || list == "arrival_mode" {
				continue
			}
			if !codelist.Known(list, code) {
				t.Errorf("%s: %s is not on the shipped list", list, code)
			}
		}
	}
	for word, g := range gendered {
		for _, code := range []string{g.male, g.female, g.neither} {
			if !codelist.Known("household_relationship", code) {
				t.Errorf("%s gives %s, which is not on the list", word, code)
			}
		}
	}
	for mode, status := range statusOf {
		if !vocabulary()["arrival_mode"].known[mode] || !codelist.Known("migration_status", status) {
			t.Errorf("%s gives %s", mode, status)
		}
	}
}

// Labels of the lists that mean another code would be decided by the map's order.
func TestVocabulary_LabelsAreUnderstood(t *testing.T) {
	for _, list := range lists {
		shipped, _ := codelist.Get(list)
		for _, e := range shipped.Entries {
			for lang, label := range e.Labels {
				if list == "consent_decision" && e.Code == "withdrawn" {
					continue
				}
				if got := vocabulary()[list].code[fold.Key(label)]; got != e.Code {
					t.Errorf("%s: the %s label of %s is read as %q", list, lang, e.Code, got)
				}
			}
		}
	}
}

// A word may mean only one code of a list, or the map's order would decide.
func TestVocabulary_NoWordTwice(t *testing.T) {
	var raw map[string]map[string][]string
	mustDecode(vocabularyFile, "vocabulary.json", &raw)
	for _, field := range slices.Sorted(maps.Keys(lists)) {
		list := lists[field]
		seen := map[string]string{}
		for code, words := range raw[list] {
			for _, w := range append(words, code) {
				key := fold.Key(w)
				if other, ok := seen[key]; ok && other != code && key != "" {
					t.Errorf("%s: %q means %s and %s", list, w, other, code)
				}
				seen[key] = code
			}
		}
		if len(seen) == 0 {
			t.Errorf("no vocabulary for %s", list)
		}
	}
}
