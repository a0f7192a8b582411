package form

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/waystation/waystation/internal/fault"
)

// Limits of a form. They keep a hostile or careless template from costing whoever renders it or
// checks answers on it more than a moment.
const (
	maxDocument = 128 << 10 // bytes of a schema or a uiSchema
	maxDepth    = 12        // schemas within schemas
	maxNodes    = 2000      // schemas altogether, definitions counted each time they are used
	maxPattern  = 200       // characters of a regular expression
	maxFaults   = 50        // told at once
)

// place says what a keyword of JSON Schema holds.
type place int

const (
	plain    place = iota // numbers, switches, names: the meta-schema checks them
	literal               // a value of an answer: text, number or switch, or a list of them
	single                // a schema
	listed                // schemas
	named                 // schemas by name
	closedBy              // false, or a schema
)

// keywords are what a form may use of JSON Schema: what stock form libraries render, and nothing that
// fetches, recurses or hides. Choices are oneOf of const and title, so that each has its words. All of
// it means the same in draft-07, which the libraries default to.
var keywords = map[string]place{
	"type": plain, "title": plain, "description": plain, "required": plain, "readOnly": plain, "format": plain, "pattern": plain, "$ref": plain,
	"minimum": plain, "maximum": plain, "exclusiveMinimum": plain, "exclusiveMaximum": plain, "multipleOf": plain,
	"minLength": plain, "maxLength": plain, "minItems": plain, "maxItems": plain, "uniqueItems": plain, "minProperties": plain, "maxProperties": plain,
	"const": literal, "default": literal, "examples": literal,
	"items": single, "if": single, "then": single, "else": single, "not": single, "contains": single,
	"oneOf": listed, "anyOf": listed, "allOf": listed,
	"properties": named, "$defs": named, "additionalProperties": closedBy,
}

// formats are those that the server asserts and browsers have inputs for.
var formats = []string{"date", "date-time", "time", "email", "uri"}

var (
	name      = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,59}$`) // no __proto__ in anybody's browser
	reference = regexp.MustCompile(`^#/\$defs/([A-Za-z][A-Za-z0-9_]{0,59})$`)
)

// grammar walks a form and notes what it may not be.
type grammar struct {
	rules *fault.Error
	faults,
	nodes int
	sizes map[string]int // of the definitions
	whole bool           // to be published: every question and choice has its words
}

func (g *grammar) add(pointer, code, detail string, args ...any) {
	if g.faults++; g.faults <= maxFaults {
		g.rules.Add(pointer, code, fmt.Sprintf(detail, args...))
	}
}

// check says what the form may not be: 422 with a pointer for each fault.
func (t *Template) check() error { return t.judge(false) }

// complete is check for publication: every question, choice and section has its words, in every language.
func (t *Template) complete() error { return t.judge(true) }

func (t *Template) judge(whole bool) error {
	g := &grammar{rules: fault.Rules(), sizes: map[string]int{}, whole: whole}
	schema, ok := g.document("/schema", t.Schema)
	if ok {
		g.root(schema)
	}
	ui, fine := g.document("/ui_schema", t.UISchema)
	if ok && fine && g.faults == 0 { // what the grammar refuses may be without end
		g.layout("/ui_schema", ui, []node{schema}, definitions(schema), 0)
	}
	g.languages(t)
	if err := g.rules.Err(); err != nil {
		return err
	}
	if _, err := compile(t.Schema); err != nil {
		return fault.InvalidField("/schema", "invalid_schema", "This is no JSON Schema 2020-12: %s", err)
	}
	return nil
}

type node = map[string]any

func (g *grammar) document(pointer string, d Document) (node, bool) {
	if len(d) > maxDocument {
		g.add(pointer, "too_large", "At most %d bytes.", maxDocument)
		return nil, false
	}
	v, err := d.decode()
	object, is := v.(node)
	if err != nil || !is {
		g.add(pointer, "invalid_document", "A JSON object is wanted.")
	}
	return object, is && err == nil
}

func (g *grammar) root(schema node) {
	if schema["type"] != "object" {
		g.add("/schema/type", "object_required", "A form is an object with properties.")
	}
	definitions, _ := schema["$defs"].(node)
	for key, definition := range definitions {
		before := g.nodes
		g.schema("/schema/$defs/"+key, definition, 1, true)
		g.sizes[key], g.nodes = g.nodes-before, before
	}
	rest := node{}
	for key, v := range schema {
		if key != "$defs" {
			rest[key] = v
		}
	}
	g.schema("/schema", rest, 0, false)
	if g.nodes > maxNodes {
		g.add("/schema", "too_many_parts", "At most %d schemas, definitions counted each time they are used.", maxNodes)
	}
}

// schema judges one schema. within is true inside a definition, which refers to no other: there is no way
// to run in circles, nor to multiply.
func (g *grammar) schema(at string, v any, depth int, within bool) {
	s, is := v.(node)
	switch {
	case !is:
		g.add(at, "schema_required", "A schema is wanted here.")
		return
	case depth > maxDepth:
		g.add(at, "too_deep", "At most %d schemas within each other.", maxDepth)
		return
	}
	g.nodes++
	for key, value := range s {
		where, known := keywords[key]
		if !known || (key == "$defs" && depth > 0) {
			g.add(at+"/"+key, "unknown_keyword", "Forms do not use this keyword. Choices are oneOf of const and title; definitions stand at the top.")
			continue
		}
		g.keyword(at, key, where, value, depth, within)
	}
}

func (g *grammar) keyword(at, key string, where place, value any, depth int, within bool) {
	below := at + "/" + key
	switch where {
	case plain:
		g.plain(below, key, value, within)
	case literal:
		g.literal(below, value)
	case single:
		g.schema(below, value, depth+1, within)
	case closedBy:
		if value != false {
			g.schema(below, value, depth+1, within)
		}
	case listed:
		g.alternatives(below, key, value, depth, within)
	case named:
		g.named(below, value, depth, within)
	}
}

func (g *grammar) plain(at, key string, value any, within bool) {
	text, _ := value.(string)
	switch key {
	case "$ref":
		g.reference(at, text, within)
	case "pattern":
		if len(text) > maxPattern {
			g.add(at, "too_long", "At most %d characters.", maxPattern)
		}
	case "format":
		if !slices.Contains(formats, text) {
			g.add(at, "unknown_format", "Use one of: %s.", strings.Join(formats, ", "))
		}
	}
}

func (g *grammar) reference(at, text string, within bool) {
	m := reference.FindStringSubmatch(text)
	if m == nil || within {
		g.add(at, "foreign_reference", "A reference is #/$defs/name, and a definition refers to no other.")
		return
	}
	size, known := g.sizes[m[1]]
	if !known {
		g.add(at, "unknown_definition", "There is no such definition.")
	}
	g.nodes += size
}

// literal keeps objects out of values: a key there must not pass for a text that people read.
func (g *grammar) literal(at string, value any) {
	values, is := value.([]any)
	if !is {
		values = []any{value}
	}
	for _, v := range values {
		switch v.(type) {
		case node, []any:
			g.add(at, "plain_value_required", "Text, a number or a switch is wanted, or a list of them.")
			return
		}
	}
}

func (g *grammar) alternatives(at, key string, value any, depth int, within bool) {
	schemas, is := value.([]any)
	if !is {
		g.add(at, "list_required", "A list of schemas is wanted.")
		return
	}
	for i, s := range schemas {
		below := fmt.Sprintf("%s/%d", at, i)
		g.schema(below, s, depth+1, within)
		if alternative, is := s.(node); is && g.whole && key != "allOf" && alternative["const"] != nil {
			g.words(below, alternative)
		}
	}
}

func (g *grammar) named(at string, value any, depth int, within bool) {
	schemas, is := value.(node)
	if !is {
		g.add(at, "object_required", "Schemas by name are wanted.")
		return
	}
	for key, s := range schemas {
		if !name.MatchString(key) {
			g.add(at, "invalid_name", "Names are letters, digits and underscores, a letter first, at most 60.")
			continue
		}
		g.schema(at+"/"+key, s, depth+1, within)
		if property, is := s.(node); is && g.whole && !strings.Contains(at, "/if/") && !strings.Contains(at, "/not/") {
			g.words(at+"/"+key, property)
		}
	}
}

// words asks a question, a section or a choice for its title.
func (g *grammar) words(at string, s node) {
	if title, _ := s["title"].(string); title == "" {
		g.add(at+"/title", "title_required", "Say what people read here.")
	}
}

// languages judges the translations: of languages that exist, and, in a form to be published, whole.
func (g *grammar) languages(t *Template) {
	if _, err := language.Parse(t.Language); err != nil {
		g.add("/language", "unknown_language", "A BCP 47 tag is wanted, such as fr.")
	}
	texts, err := t.texts()
	if err != nil {
		return // told as an invalid document
	}
	for _, lang := range t.Languages()[1:] {
		if _, err := language.Parse(lang); err != nil || lang == t.Language {
			g.add("/translations/"+lang, "unknown_language", "A BCP 47 tag other than the form's own language is wanted.")
		}
		for _, text := range texts {
			if g.whole && t.Translations.V[lang][text] == "" {
				g.add("/translations/"+lang, "translation_missing", "Not translated: %q.", text)
			}
		}
	}
}
