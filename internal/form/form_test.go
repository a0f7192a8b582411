package form

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// errorsOf lists the broken rules as "pointer code".
func errorsOf(err error) (list []string) {
	var f *fault.Error
	if !errors.As(err, &f) {
		return []string{fmt.Sprint(err)}
	}
	for _, e := range f.Fields {
		list = append(list, e.Pointer+" "+e.Code)
	}
	slices.Sort(list)
	return list
}

// sheet is a small form around some properties.
func sheet(properties string) *Template {
	return &Template{Record: db.NewRecord(nil), Key: "x", Kind: "other", Title: "X", Language: "en", Status: draft, UISchema: Document("{}"),
		Schema: Document(`{"type":"object","properties":{` + properties + `}}`)}
}

func TestForm_MayNotBeWhatHarms(t *testing.T) {
	deep := strings.Repeat(`{"type":"object","properties":{"a":`, 14) + `{}` + strings.Repeat(`}}`, 14)
	many := `"a":{"oneOf":[` + strings.TrimSuffix(strings.Repeat(`{"const":1},`, 2001), ",") + `]}`
	for name, c := range map[string]struct {
		schema, ui, want string
	}{
		"fetches":              {`{"type":"object","properties":{"a":{"$ref":"https://evil.example/x.json"}}}`, `{}`, "/schema/properties/a/$ref foreign_reference"},
		"reads a file":         {`{"type":"object","properties":{"a":{"$ref":"file:///etc/passwd"}}}`, `{}`, "/schema/properties/a/$ref foreign_reference"},
		"refers to itself":     {`{"type":"object","properties":{"a":{"$ref":"#"}}}`, `{}`, "/schema/properties/a/$ref foreign_reference"},
		"runs in circles":      {`{"type":"object","$defs":{"a":{"$ref":"#/$defs/a"}},"properties":{"a":{"$ref":"#/$defs/a"}}}`, `{"a":{"b":{}}}`, "/schema/$defs/a/$ref foreign_reference"},
		"multiplies":           {`{"type":"object","$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"},{"$ref":"#/$defs/b"}]},"b":{}},"properties":{"a":{"$ref":"#/$defs/a"}}}`, `{}`, "/schema/$defs/a/allOf/0/$ref foreign_reference"},
		"names another schema": {`{"$id":"https://x.example","type":"object"}`, `{}`, "/schema/$id unknown_keyword"},
		"dynamic references":   {`{"type":"object","properties":{"a":{"$dynamicRef":"#x"}}}`, `{}`, "/schema/properties/a/$dynamicRef unknown_keyword"},
		"prototype":            {`{"type":"object","properties":{"__proto__":{"type":"string"}}}`, `{}`, "/schema/properties invalid_name"},
		"too deep":             {deep, `{}`, "/schema" + strings.Repeat("/properties/a", 13) + " too_deep"},
		"too many parts":       {`{"type":"object","properties":{` + many + `}}`, `{}`, "/schema too_many_parts"},
		"too large":            {`{"type":"object","description":"` + strings.Repeat("x", maxDocument) + `"}`, `{}`, "/schema too_large"},
		"not an object":        {`{"type":"string"}`, `{}`, "/schema/type object_required"},
		"a list":               {`[]`, `{}`, "/schema invalid_document"},
		"against the meta":     {`{"type":"object","minProperties":"three"}`, `{}`, "/schema invalid_schema"},
		"lookbehind":           {`{"type":"object","properties":{"a":{"type":"string","pattern":"(?<=a)b"}}}`, `{}`, "/schema invalid_schema"},
		"long pattern":         {`{"type":"object","properties":{"a":{"type":"string","pattern":"` + strings.Repeat("a", 201) + `"}}}`, `{}`, "/schema/properties/a/pattern too_long"},
		"unknown format":       {`{"type":"object","properties":{"a":{"type":"string","format":"hostname"}}}`, `{}`, "/schema/properties/a/format unknown_format"},
		"enumeration":          {`{"type":"object","properties":{"a":{"enum":["x"]}}}`, `{}`, "/schema/properties/a/enum unknown_keyword"},
		"object as a value":    {`{"type":"object","properties":{"a":{"default":{"title":"x"}}}}`, `{}`, "/schema/properties/a/default plain_value_required"},
		"hint for nothing":     {`{"type":"object","properties":{"a":{"type":"string"}}}`, `{"b":{}}`, "/ui_schema/b unknown_question"},
		"hint for nothing within": {`{"type":"object","properties":{"a":{"type":"array","items":{"type":"object","properties":{"c":{}}}}}}`, `{"a":{"items":{"d":{}}}}`,
			"/ui_schema/a/items/d unknown_question"},
		"widget of one's own": {`{"type":"object","properties":{"a":{"type":"string"}}}`, `{"a":{"ui:widget":"evil"}}`, "/ui_schema/a/ui:widget unknown_widget"},
		"field of one's own":  {`{"type":"object","properties":{"a":{"type":"string"}}}`, `{"a":{"ui:field":"evil"}}`, "/ui_schema/a/ui:field unknown_hint"},
	} {
		f := sheet("")
		f.Schema, f.UISchema = Document(c.schema), Document(c.ui)
		if got := errorsOf(f.check()); !slices.Contains(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestForm_MayBeWhatStockLibrariesRender(t *testing.T) {
	f := sheet(`"a":{"type":"string","title":"A","oneOf":[{"const":"x","title":"X"}]},"b":{"$ref":"#/$defs/d","title":"B"},"c":{"type":"array","title":"C","items":{"$ref":"#/$defs/d"}}`)
	f.Schema = Document(strings.TrimSuffix(string(f.Schema), "}") + `,"$defs":{"d":{"type":"object","title":"D","properties":{"e":{"type":"integer","title":"E","minimum":0}}}},
		"allOf":[{"if":{"properties":{"a":{"const":"x"}}},"then":{"properties":{"f":{"type":"string","title":"F"}}}}]}`)
	f.UISchema = Document(`{"ui:order":["a","*"],"a":{"ui:widget":"radio"},"b":{"e":{"ui:help":"H"}},"c":{"items":{"e":{"ui:widget":"updown"}}},"f":{"ui:widget":"textarea"}}`)
	if err := f.complete(); err != nil {
		t.Errorf("refused: %v", errorsOf(err))
	}
}

func TestForm_IsPublishedWithWordsForEverythingInEveryLanguage(t *testing.T) {
	f := sheet(`"a":{"type":"string","oneOf":[{"const":"x"},{"const":"y","title":"Y"}]},"b":{"type":"string","title":"B"}`)
	f.Translations.V = Translations{"fr": {"X": "Iks", "Y": "Igrec"}, "en": {}, "?": {}}
	if err := f.check(); err == nil || slices.Contains(errorsOf(err), "/schema/properties/a/title title_required") {
		t.Errorf("a draft may lack words, and no more: %v", errorsOf(err))
	}
	want := []string{"/schema/properties/a/oneOf/0/title title_required", "/schema/properties/a/title title_required",
		"/translations/? translation_missing", "/translations/? translation_missing", "/translations/? translation_missing", "/translations/? unknown_language",
		"/translations/en translation_missing", "/translations/en translation_missing", "/translations/en translation_missing", "/translations/en unknown_language",
		"/translations/fr translation_missing"}
	if got := errorsOf(f.publish(nil, time.Now())); !slices.Equal(got, want) {
		t.Errorf("faults: %v", got)
	}
	f.Schema = Document(`{"type":"object","properties":{"b":{"type":"string","title":"Y"}}}`)
	f.Translations.V = Translations{"fr": {"X": "Iks", "Y": "Igrec"}}
	if err := f.publish(nil, time.Now()); err != nil || f.Status != published {
		t.Errorf("%s: %v", f.Status, errorsOf(err))
	}
	if err := f.publish(nil, time.Now()); !fault.Is(err, fault.Conflict) {
		t.Errorf("published twice: %v", err)
	}
}

func TestRender_KeepsTheOrderAndTouchesWordsAlone(t *testing.T) {
	f := sheet(`"zulu":{"type":"string","title":"Name","const":"Name"},"title":{"type":"string","title":"Name","default":"Name"},"alpha":{"type":"number","minimum":12345678901234567890}`)
	f.UISchema = Document(`{"zulu":{"ui:help":"Name","ui:widget":"text"},"ui:order":["zulu","title","*"]}`)
	f.Translations.V = Translations{"fr": {"Name": "Nom"}}
	schema, ui, err := f.Render("fr")
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"type":"object","properties":{"zulu":{"type":"string","title":"Nom","const":"Name"},"title":{"type":"string","title":"Nom","default":"Name"},"alpha":{"type":"number","minimum":12345678901234567890}}}`; string(schema) != want {
		t.Errorf("schema: %s", schema)
	}
	if want := `{"zulu":{"ui:help":"Nom","ui:widget":"text"},"ui:order":["zulu","title","*"]}`; string(ui) != want {
		t.Errorf("ui: %s", ui)
	}
}

func TestForm_SpeaksTheLanguageThatServesBest(t *testing.T) {
	f := sheet("")
	f.Translations.V = Translations{"fr": {}, "ha": {}}
	for accept, want := range map[string]string{"fr-CA, en;q=0.5": "fr", "ha": "ha", "de": "en", "": "en", "???": "en"} {
		if got := f.Speaks(accept); got != want {
			t.Errorf("%q: %s", accept, got)
		}
	}
}

func TestAnswers_EachFaultIsToldWhereItIs(t *testing.T) {
	f := sheet(`"name":{"type":"string","maxLength":3},"on":{"type":"string","format":"date"},"pick":{"oneOf":[{"const":"a"},{"const":"b"}]},
		"rows":{"type":"array","minItems":2,"items":{"type":"object","required":["n"],"properties":{"n":{"type":"integer","minimum":1}}}}`)
	f.Schema = Document(strings.TrimSuffix(string(f.Schema), "}") + `,"required":["name","on"],"additionalProperties":false}`)
	for answers, want := range map[string]struct{ whole, partial []string }{
		`{}`:                                {[]string{"/answers/name required", "/answers/on required"}, nil},
		`{"name":"abcd","on":"2026-02-30"}`: {[]string{"/answers/name maxLength", "/answers/on format"}, []string{"/answers/name maxLength", "/answers/on format"}},
		`{"name":"a","on":"2026-02-03","pick":"c"}`:               {[]string{"/answers/pick oneOf"}, []string{"/answers/pick oneOf"}},
		`{"name":"a","on":"2026-02-03","rows":[{"n":0}]}`:         {[]string{"/answers/rows minItems", "/answers/rows/0/n minimum"}, []string{"/answers/rows/0/n minimum"}},
		`{"name":"a","on":"2026-02-03","rows":[{},{"n":1}]}`:      {[]string{"/answers/rows/0/n required"}, nil},
		`{"name":7,"on":"2026-02-03"}`:                            {[]string{"/answers/name type"}, []string{"/answers/name type"}},
		`{"name":"a","on":"2026-02-03","colour":"red"}`:           {[]string{"/answers additionalProperties"}, []string{"/answers additionalProperties"}},
		`{"name":"a","on":"2026-02-03","rows":[{"n":1},{"n":2}]}`: {nil, nil},
	} {
		var decoded map[string]any
		if err := json.Unmarshal([]byte(answers), &decoded); err != nil {
			t.Fatal(err)
		}
		for partial, list := range map[bool][]string{false: want.whole, true: want.partial} {
			err := f.Check(decoded, partial)
			if (err == nil) != (list == nil) || err != nil && !slices.Equal(errorsOf(err), list) {
				t.Errorf("%s, partial %v: %v", answers, partial, errorsOf(err))
			}
		}
	}
}

func TestAnswers_AreCheckedOnTheirOwnVersion(t *testing.T) {
	a, b := sheet(`"x":{"type":"string"}`), sheet(`"x":{"type":"integer"}`)
	a.Status, b.Status = published, published
	for range 2 { // the second time from what was kept
		if err := a.Check(map[string]any{"x": "y"}, false); err != nil {
			t.Error(err)
		}
		if err := b.Check(map[string]any{"x": "y"}, false); err == nil {
			t.Error("the other version's schema answered")
		}
	}
	if _, kept := compiled.Get(a.ID); !kept {
		t.Error("a published schema is compiled each time")
	}
	d := sheet(`"x":{"type":"string"}`)
	if _, err := d.compiled(); err != nil || compiled.Contains(d.ID) {
		t.Errorf("a draft was kept: %v", err)
	}
}
