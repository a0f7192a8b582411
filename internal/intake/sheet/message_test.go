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
	"unicode"

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

// Every rule that a registration can break is said in every language, each in its own words.
func TestMessages_EveryRuleOfRegistrationInEveryLanguage(t *testing.T) {
	codes := map[string]bool{"household_void": true, "state_conflict": true, "already_imported": true, "internal": true, "other": true}
	for _, file := range []string{"beneficiary", "registration", "consent", "need"} {
		tree, err := parser.ParseFile(token.NewFileSet(), "../../beneficiary/"+file+".go", nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, _ := n.(*ast.CallExpr)
			if call == nil || len(call.Args) != 3 {
				return true
			}
			of, _ := call.Fun.(*ast.SelectorExpr)
			name, _ := call.Args[1].(*ast.BasicLit)
			if holder, _ := selected(of).(*ast.Ident); holder != nil && holder.Name == "rules" && name != nil {
				code, _ := strconv.Unquote(name.Value)
				codes[code] = true
			}
			return true
		})
	}
	if len(codes) < 20 {
		t.Fatalf("found only %d", len(codes))
	}
	said := map[string]string{}
	for code := range codes {
		if rules()[code] == nil {
			t.Errorf("%s is said in no language", code)
		}
	}
	for code, texts := range rules() {
		if len(texts) != len(Languages) {
			t.Errorf("%s: %d languages", code, len(texts))
		}
		for lang, text := range texts {
			if other := said[text]; other != "" || !slices.Contains(Languages, lang) || strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Arabic, r) }) != (lang == "ar") {
				t.Errorf("%s in %s says what %s says, or in another language: %s", code, lang, other, text)
			}
			said[text] = code + " in " + lang
		}
	}
	issue := newIssue(RuleBroken, BirthDate, "naissance", map[string]string{"rule": "never_heard_of", "detail": "In English."})
	if got := issue.Text("es-MX"); !strings.Contains(got, "never_heard_of") || strings.Contains(got, "English") || !strings.Contains(got, "contradice") {
		t.Errorf("a rule that has no text: %s", got)
	}
}

func selected(of *ast.SelectorExpr) ast.Expr {
	if of == nil {
		return nil
	}
	return of.X
}
