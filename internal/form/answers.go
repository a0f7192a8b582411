package form

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/waystation/waystation/internal/fault"
)

// nowhere refuses to fetch anything: a form stands by itself.
type nowhere struct{}

// Load implements jsonschema.URLLoader.
func (nowhere) Load(url string) (any, error) { return nil, fmt.Errorf("%s: nothing is fetched", url) }

// compile reads a schema as JSON Schema 2020-12. Patterns are of Go's regexp, which runs in linear time.
func compile(d Document) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(d))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(nowhere{})
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("form.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("form.json")
}

// compiled keeps the schemas of published forms, which never change.
var compiled, _ = lru.New[uuid.UUID, *jsonschema.Schema](200)

func (t *Template) compiled() (*jsonschema.Schema, error) {
	if s, ok := compiled.Get(t.ID); ok {
		return s, nil
	}
	s, err := compile(t.Schema)
	if err == nil && t.Status != draft {
		compiled.Add(t.ID, s)
	}
	return s, err
}

// Check judges answers by the form: 422 with a pointer below /answers for each fault. While partial, what is missing is
// no fault; what is there must still be right.
func (t *Template) Check(answers map[string]any, partial bool) error {
	s, err := t.compiled()
	if err != nil {
		return err
	}
	var wrong *jsonschema.ValidationError
	if err := s.Validate(answers); !errors.As(err, &wrong) {
		return err
	}
	if partial && unfinished(wrong) {
		return nil
	}
	g := &grammar{rules: fault.Rules()}
	g.tell(wrong, partial)
	return g.rules.Err()
}

// unfinished tells that nothing but absence is wrong.
func unfinished(e *jsonschema.ValidationError) bool {
	switch e.ErrorKind.(type) {
	case *kind.Required, *kind.MinItems, *kind.MinProperties, *kind.Contains:
		return true
	case *kind.OneOf, *kind.AnyOf:
		for _, branch := range e.Causes {
			if unfinished(branch) {
				return true
			}
		}
		return false
	}
	for _, cause := range e.Causes {
		if !unfinished(cause) {
			return false
		}
	}
	return len(e.Causes) > 0
}

// tell adds each fault that has no deeper cause. A choice is one fault, however many there were to choose from.
func (g *grammar) tell(e *jsonschema.ValidationError, partial bool) {
	_, oneOf := e.ErrorKind.(*kind.OneOf)
	_, anyOf := e.ErrorKind.(*kind.AnyOf)
	switch {
	case partial && unfinished(e):
	case len(e.Causes) > 0 && !oneOf && !anyOf:
		for _, cause := range e.Causes {
			g.tell(cause, partial)
		}
	default:
		g.fault(e)
	}
}

func (g *grammar) fault(e *jsonschema.ValidationError) {
	at := "/answers"
	for _, step := range e.InstanceLocation {
		at += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(step)
	}
	if missing, is := e.ErrorKind.(*kind.Required); is {
		for _, property := range missing.Missing {
			g.add(at+"/"+property, "required", "This question must be answered.")
		}
		return
	}
	path := e.ErrorKind.KeywordPath()
	code := "invalid"
	if len(path) > 0 {
		code = path[len(path)-1]
	}
	detail, known := meanings[code]
	if !known {
		detail = "The form's rule %q does not hold."
		g.add(at, code, detail, code)
		return
	}
	g.add(at, code, "%s", detail)
}

// meanings say for developers what a keyword asks; they never repeat the answer.
var meanings = map[string]string{
	"type": "The answer is of another type.", "oneOf": "Not one of the choices.", "anyOf": "None of what the form allows.", "const": "Not the value that the form wants here.",
	"format": "Not of the form's format.", "pattern": "Not of the form's pattern.", "additionalProperties": "The form asks nothing of this name.",
	"minimum": "Too small.", "maximum": "Too large.", "minLength": "Too short.", "maxLength": "Too long.", "minItems": "Too few.", "maxItems": "Too many.",
	"uniqueItems": "Something is there twice.",
}
