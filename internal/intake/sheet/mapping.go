package sheet

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/codelist/country"
	"github.com/waystation/waystation/internal/fold"
)

// Mapping says what the columns of a centre's sheet mean. It is stored as JSON.
// Headers and values are compared without case, accents and punctuation.
type Mapping struct {
	Name          string    `json:"name,omitempty"`
	Languages     []string  `json:"languages,omitempty"`      // of the sheet, the first for messages about it
	DateOrder     DateOrder `json:"date_order,omitempty"`     // default dmy
	ListSeparator string    `json:"list_separator,omitempty"` // inside a cell, default ";"
	// CallingCode completes phone numbers written without one: "+227". Without it
	// such numbers stay raw, with a warning.
	CallingCode string   `json:"calling_code,omitempty"`
	Columns     []Column `json:"columns"`
	// Constants hold for every row, as a cell would say it: {"consent_method": "written"}.
	Constants map[Field]string `json:"constants,omitempty"`
	// Centres maps the sheet's names of centres to codes or names of the register. When it is not
	// empty, a name that is not in it is an error.
	Centres map[string]string `json:"centres,omitempty"`
}

// Column maps one column to a field.
type Column struct {
	Source string `json:"source"`
	Target Field  `json:"target"`
	// Values maps what the sheet says to a code of the field's list, to an
	// alpha-3 code, or, for other fields, to the text to read in its place. For
	// arrival_mode the code may name the country left: "expelled:DZA". For
	// household_relationship child, spouse, sibling, parent and grandparent take
	// their gender from the person's sex.
	Values  map[string]string `json:"values,omitempty"`
	Default string            `json:"default,omitempty"` // read in place of an empty cell
}

//go:embed mappings
var mappingFiles embed.FS

// ShippedMappings lists the names of the mappings that come with the program.
func ShippedMappings() []string {
	files, _ := fs.Glob(mappingFiles, "mappings/*.json")
	for i, name := range files {
		files[i] = strings.TrimSuffix(strings.TrimPrefix(name, "mappings/"), ".json")
	}
	return files
}

// ShippedMapping gives a mapping by name, such as "niger-2024".
func ShippedMapping(name string) (Mapping, error) {
	var m Mapping
	data, err := mappingFiles.ReadFile("mappings/" + name + ".json")
	if err != nil {
		return m, fmt.Errorf("no shipped mapping %q", name)
	}
	return m, json.Unmarshal(data, &m)
}

// required must be fed by a column or a constant (handbook, required fields of a
// registration); age and birth date stand in for each other.
var required = []Field{SourceID, RegisteredOn, Sex, Consent}

// Check compares the mapping with a header before any row is read. A sheet with
// an error here cannot be imported with this mapping. The check of codes uses the
// shipped lists, or known where it is not nil (see Options).
func (m Mapping) Check(header []string, known func(list, code string) bool) []Issue {
	issues := m.checkHeader(header)
	fed := map[Field]bool{}
	for _, c := range m.Columns {
		issues = append(issues, c.check(header, known)...)
		if fed[c.Target] && c.Target != Ignore {
			issues = append(issues, newIssue(DuplicateTarget, c.Target, c.Source, nil))
		}
		fed[c.Target] = true
	}
	for field := range m.Constants {
		if !fields[field] || field == Ignore {
			issues = append(issues, newIssue(UnknownTarget, field, "", nil))
		}
		fed[field] = true
	}
	issues = append(issues, missingFields(fed)...)
	if !slices.Contains([]DateOrder{"", DMY, MDY, YMD}, m.DateOrder) {
		issues = append(issues, newIssue(BadDateOrder, "", "", nil))
	}
	return issues
}

func (m Mapping) checkHeader(header []string) []Issue {
	mapped := map[string]bool{}
	for _, c := range m.Columns {
		mapped[fold.Key(c.Source)] = true
	}
	var issues []Issue
	seen := map[string]bool{}
	for _, name := range header {
		key := fold.Key(name)
		switch {
		case key == "":
		case seen[key]:
			issues = append(issues, newIssue(DuplicateColumn, "", name, nil))
		case !mapped[key]:
			issues = append(issues, newIssue(UnmappedColumn, "", name, nil))
		}
		seen[key] = true
	}
	return issues
}

func (c Column) check(header []string, known func(list, code string) bool) []Issue {
	var issues []Issue
	if !fields[c.Target] {
		issues = append(issues, newIssue(UnknownTarget, c.Target, c.Source, nil))
	}
	if find(header, c.Source) < 0 && c.Target != Ignore {
		issues = append(issues, newIssue(MissingColumn, c.Target, c.Source, nil))
	}
	for _, code := range c.Values {
		if !goodValue(c.Target, code, known) {
			return append(issues, newIssue(UnknownCode, c.Target, c.Source, map[string]string{"list": listOf(c.Target)}))
		}
	}
	return issues
}

func missingFields(fed map[Field]bool) []Issue {
	var issues []Issue
	for _, field := range required {
		if !fed[field] {
			issues = append(issues, newIssue(MissingColumn, field, "", nil))
		}
	}
	if !fed[Age] && !fed[BirthDate] {
		issues = append(issues, newIssue(MissingColumn, BirthDate, "", nil))
	}
	return issues
}

// goodValue tells whether a mapping may turn a cell into this code.
func goodValue(field Field, code string, known func(list, code string) bool) bool {
	if code == string(Unknown) || code == string(Declined) {
		return true
	}
	switch field {
	case Nationality:
		return country.Valid(code)
	case Destination:
		return code == ReturnOrigin || country.Valid(code)
	case ArrivalMode:
		mode, from, named := strings.Cut(code, ":")
		return isKnown(known, "arrival_mode", mode) && (!named || country.Valid(from))
	}
	list, coded := lists[field]
	return !coded || isKnown(known, list, code)
}

func isKnown(known func(list, code string) bool, list, code string) bool {
	if list == "household_relationship" {
		if g, ok := gendered[code]; ok {
			code = g.male
		}
	}
	// What a sheet can decide and how people arrive belong to the rules, not to a
	// centre's choice.
	if list == "consent_decision" || list == "arrival_mode" {
		return vocabulary()[list].known[code]
	}
	if known == nil {
		known = codelist.Known
	}
	return known(list, code)
}

func listOf(field Field) string {
	if field == Nationality || field == Destination {
		return "country"
	}
	return lists[field]
}

// find gives the index of the column with a header, or -1.
func find(header []string, name string) int {
	key := fold.Key(name)
	return slices.IndexFunc(header, func(h string) bool { return key != "" && fold.Key(h) == key })
}

//go:embed headers.json
var headersFile embed.FS

// DefaultMapping proposes a mapping from the headers that French and English
// sheets usually have. A header that it does not know is left unmapped; the
// proposal is for a person to complete.
func DefaultMapping(header []string) Mapping {
	var synonyms map[Field][]string
	mustDecode(headersFile, "headers.json", &synonyms)
	target := map[string]Field{}
	for field, names := range synonyms {
		for _, name := range append(names, string(field)) {
			target[fold.Key(name)] = field
		}
	}
	m := Mapping{DateOrder: DMY, ListSeparator: ";"}
	used := map[Field]bool{}
	for _, name := range header {
		if field, ok := target[fold.Key(name)]; ok && !used[field] {
			used[field] = true
			m.Columns = append(m.Columns, Column{Source: name, Target: field})
		}
	}
	return m
}
