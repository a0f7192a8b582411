package codelist

import (
	"bytes"
	"encoding/csv"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestFiles_EveryFileIsListedAndWellFormed(t *testing.T) {
	paths, err := fs.Glob(files, "data/*.csv")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) != len(Lists()) {
		t.Errorf("%d files, %d rows in lists.csv", len(paths), len(Lists()))
	}
	for _, path := range append(paths, "lists.csv") {
		raw, err := fs.ReadFile(files, path)
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(raw) || !norm.NFC.IsNormal(raw) {
			t.Errorf("%s: not UTF-8 in normal form C", path)
		}
		if bytes.ContainsAny(raw, "\r\t\uFEFF\u00A0") {
			t.Errorf("%s: carriage return, tab, byte order mark or no-break space", path)
		}
		checkFields(t, path, raw)
	}
}

func checkFields(t *testing.T, path string, raw []byte) {
	t.Helper()
	records, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if path != "lists.csv" && !slices.Equal(records[0][:len(columns)], columns) {
		t.Errorf("%s: header %v does not begin with %v", path, records[0], columns)
	}
	for _, record := range records {
		for _, field := range record {
			if field != strings.TrimSpace(field) {
				t.Errorf("%s: space around %q", path, field)
			}
		}
	}
}

func TestLists_NamesAreUniqueAndTitled(t *testing.T) {
	name := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	seen := map[string]bool{}
	for _, l := range Lists() {
		if !name.MatchString(l.Name) || seen[l.Name] {
			t.Errorf("name %q is malformed or given twice", l.Name)
		}
		seen[l.Name] = true
		if l.Topic == "" {
			t.Errorf("%s: no topic", l.Name)
		}
		checkLabels(t, l.Name, l.Titles)
	}
}

func TestEntries_AreCompleteAndUnique(t *testing.T) {
	for _, l := range Lists() {
		if len(l.Entries) < 2 {
			t.Errorf("%s: %d entries", l.Name, len(l.Entries))
		}
		seen := map[string]bool{}
		for i, e := range l.Entries {
			if e.Code == "" || seen[e.Code] {
				t.Errorf("%s: code %q is empty or given twice", l.Name, e.Code)
			}
			seen[e.Code] = true
			if e.Sort != i+1 {
				t.Errorf("%s %s: sort is %d, place is %d", l.Name, e.Code, e.Sort, i+1)
			}
			if e.Source == "" || !slices.Contains([]string{"verified", "recalled", "proposed"}, e.Basis) {
				t.Errorf("%s %s: source %q, basis %q", l.Name, e.Code, e.Source, e.Basis)
			}
			checkLabels(t, l.Name+" "+e.Code, e.Labels)
		}
	}
}

var arabicLetter = regexp.MustCompile(`\p{Arabic}`)

// checkLabels wants a label in each language, and each language in its script: a shifted column would show here.
func checkLabels(t *testing.T, what string, labels map[string]string) {
	t.Helper()
	for _, lang := range languages {
		if labels[lang] == "" {
			t.Errorf("%s: no label in %s", what, lang)
		}
		if got, want := arabicLetter.MatchString(labels[lang]), lang == Arabic; got != want {
			t.Errorf("%s: label in %s is %q", what, lang, labels[lang])
		}
	}
}

// A translation must not lose a distinction that the English labels make: the user would choose blindly.
func TestEntries_LabelsKeepApartWhatEnglishKeepsApart(t *testing.T) {
	for _, l := range Lists() {
		for _, lang := range languages {
			english := map[string]string{}
			for _, e := range l.Entries {
				label := e.Labels[lang]
				if other, ok := english[label]; ok && other != e.Labels[English] {
					t.Errorf("%s: %q and %q are both %q in %s", l.Name, other, e.Labels[English], label, lang)
				}
				english[label] = e.Labels[English]
			}
		}
	}
}

func TestEntries_ParentsExistWithoutCircles(t *testing.T) {
	for _, l := range Lists() {
		for _, e := range l.Entries {
			if e.Parent != "" && !Known(l.ParentList, e.Parent) {
				t.Errorf("%s %s: parent %q is not in %s", l.Name, e.Code, e.Parent, l.ParentList)
			}
			for up, steps := e, 0; l.ParentList == l.Name && up.Parent != ""; steps++ {
				if up, _ = l.Entry(up.Parent); steps > len(l.Entries) {
					t.Fatalf("%s %s: is its own ancestor", l.Name, e.Code)
				}
			}
		}
	}
}

// Some columns hold codes of another list.
func TestExtra_ReferencesExist(t *testing.T) {
	references := []struct{ list, column, target string }{
		{"nfi_item", "item_category", "stock_item_category"},
		{"nfi_kit_component", "item", "nfi_item"},
		{"population_type", "migration_status", "migration_status"},
		{"service_type", "mhpss_code", "mhpss_activity_type"},
		{"mhpss_activity_type", "pyramid_level_hint", "mhpss_pyramid_level"},
	}
	for _, ref := range references {
		l, _ := Get(ref.list)
		found := 0
		for _, e := range l.Entries {
			for code := range strings.FieldsSeq(e.Extra[ref.column]) {
				found++
				if !Known(ref.target, code) {
					t.Errorf("%s %s: %s %q is not in %s", l.Name, e.Code, ref.column, code, ref.target)
				}
			}
		}
		if found == 0 {
			t.Errorf("%s: column %s is empty", ref.list, ref.column)
		}
	}
}

func TestPopulationType_GroupsEachMigrationStatusOnce(t *testing.T) {
	var grouped []string
	population, _ := Get("population_type")
	for _, e := range population.Entries {
		grouped = append(grouped, strings.Fields(e.Extra["migration_status"])...)
	}
	var want []string
	statuses, _ := Get("migration_status")
	for _, e := range statuses.Entries {
		want = append(want, e.Code)
	}
	slices.Sort(grouped)
	slices.Sort(want)
	if !slices.Equal(grouped, want) {
		t.Errorf("grouped %v, want %v", grouped, want)
	}
}

func TestGet_TellsWhatIsInTheFile(t *testing.T) {
	l, ok := Get("referral_status")
	if !ok {
		t.Fatal("referral_status is missing")
	}
	e, ok := l.Entry("completed")
	if !ok || e.Extra["terminal"] != "yes" || e.Extra["fhir_task"] != "completed" || e.Sort != 8 {
		t.Errorf("completed is %+v", e)
	}
	if e, _ := l.Entry("draft"); len(e.Extra) != 2 {
		t.Errorf("empty columns are kept: %v", e.Extra)
	}
	if got := l.Title(French); got != "Statut de l’orientation" {
		t.Errorf("French title is %q", got)
	}
	if l, ok := Get("no_such_list"); ok || l.Name != "" {
		t.Errorf("unknown list is %+v", l)
	}
}

func TestKnown(t *testing.T) {
	cases := []struct {
		list, code string
		want       bool
	}{
		{"case_closure_reason", "plan_completed", true},
		{"service_status_hsds", "temporarily closed", true},
		{"case_closure_reason", "Plan_completed", false},
		{"case_closure_reason", "", false},
		{"no_such_list", "plan_completed", false},
	}
	for _, c := range cases {
		if got := Known(c.list, c.code); got != c.want {
			t.Errorf("Known(%q, %q) = %v", c.list, c.code, got)
		}
	}
}

func TestLabel(t *testing.T) {
	cases := []struct{ list, code, lang, want string }{
		{"sex", "2", "en", "Female"},
		{"sex", "2", "fr", "Féminin"},
		{"sex", "2", "ar", "أنثى"},
		{"sex", "2", "es", "Femenino"},
		{"sex", "2", "de", "Female"},
		{"sex", "2", "", "Female"},
		{"sex", "7", "fr", ""},
		{"no_such_list", "2", "fr", ""},
	}
	for _, c := range cases {
		if got := Label(c.list, c.code, c.lang); got != c.want {
			t.Errorf("Label(%q, %q, %q) = %q, want %q", c.list, c.code, c.lang, got, c.want)
		}
	}
}

func TestLists_CallerCannotReplaceAList(t *testing.T) {
	Lists()[0] = List{Name: "replaced"}
	if Lists()[0].Name == "replaced" {
		t.Error("the caller's slice is the package's own")
	}
}

func TestNegotiate(t *testing.T) {
	cases := map[string]string{
		"":                                English,
		"*":                               English,
		"not a header;;q=x":               English,
		"zh":                              English,
		"fr":                              French,
		"fr-NE":                           French,
		"ar-LY,en;q=0.5":                  Arabic,
		"es-419":                          Spanish,
		"en;q=0.3, es;q=0.8":              Spanish,
		"zh, ar;q=0.5":                    Arabic,
		"ar-MA":                           Arabic,
		"wo":                              French,
		strings.Repeat("a-", 2000) + "fr": English,
	}
	for header, want := range cases {
		if got := Negotiate(header); got != want {
			t.Errorf("Negotiate(%.40q) = %q, want %q", header, got, want)
		}
	}
}

const header = "code,label_en,label_fr,label_ar,label_es,source,basis,parent_code,sort,note\n"

func oneList(data string) fstest.MapFS {
	return fstest.MapFS{
		"lists.csv":       {Data: []byte("name,topic,label_en,label_fr,label_ar,label_es,parent_list,fixed\ncolour,x,a,b,c,d,,\n")},
		"data/colour.csv": {Data: []byte(header + data)},
	}
}

func TestLoad_OrdersBySortAndVersionsByContent(t *testing.T) {
	one, err := load(oneList("b,B,B,B,B,own,proposed,,2,\na,A,A,A,A,own,proposed,,1,\n"))
	if err != nil {
		t.Fatal(err)
	}
	if l := one.lists[0]; l.Entries[0].Code != "a" || l.ParentList != "colour" || len(l.Sources) != 1 {
		t.Errorf("list is %+v", l)
	}
	other, err := load(oneList("b,B,B,B,B,own,proposed,,2,\na,A,A,A,A,own,proposed,,1,changed\n"))
	if err != nil {
		t.Fatal(err)
	}
	if v := one.lists[0].Version; len(v) != 12 || v == other.lists[0].Version {
		t.Errorf("versions %q and %q", v, other.lists[0].Version)
	}
}

func TestLoad_RefusesBrokenFiles(t *testing.T) {
	cases := map[string]fs.FS{
		"no lists.csv":        fstest.MapFS{},
		"list without a file": fstest.MapFS{"lists.csv": oneList("")["lists.csv"]},
		"unquoted comma":      oneList("a,A, really,A,A,A,own,proposed,,1,\n"),
		"sort not a number":   oneList("a,A,A,A,A,own,proposed,,first,\n"),
	}
	for name, fsys := range cases {
		if _, err := load(fsys); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestMust_PanicsOnError(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	must(load(fstest.MapFS{}))
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := load(files); err != nil {
			b.Fatal(err)
		}
	}
}
