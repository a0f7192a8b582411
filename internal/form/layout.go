package form

import (
	"slices"
	"strings"
)

// hints are the layout hints of react-jsonschema-form that stock themes honour. Fields and widgets of
// one's own make are none of a template's business.
var hints = []string{"ui:widget", "ui:order", "ui:title", "ui:description", "ui:help", "ui:placeholder", "ui:options", "ui:autofocus", "ui:disabled", "ui:readonly", "ui:label"}

// widgets are those of every stock theme.
var widgets = []string{"text", "textarea", "select", "radio", "checkbox", "checkboxes", "range", "updown", "date", "date-time", "time", "email", "uri", "hidden"}

// layout judges the hints for what schemas describe; every path must lead to a question.
func (g *grammar) layout(at string, hint node, schemas []node, defs node, depth int) {
	if depth > maxDepth {
		g.add(at, "too_deep", "At most %d levels.", maxDepth)
		return
	}
	for key, value := range hint {
		below := at + "/" + key
		if strings.HasPrefix(key, "ui:") {
			g.hint(below, key, value)
			continue
		}
		inner, is := value.(node)
		found := under(schemas, key, defs)
		switch {
		case !is:
			g.add(below, "object_required", "Hints for a question are an object.")
		case len(found) == 0:
			g.add(below, "unknown_question", "The schema asks nothing of this name here.")
		default:
			g.layout(below, inner, found, defs, depth+1)
		}
	}
}

func (g *grammar) hint(at, key string, value any) {
	widget, isText := value.(string)
	switch {
	case !slices.Contains(hints, key):
		g.add(at, "unknown_hint", "Stock form libraries do not know this hint. Use one of: %s.", strings.Join(hints, ", "))
	case key == "ui:widget" && !(isText && slices.Contains(widgets, widget)):
		g.add(at, "unknown_widget", "Use one of: %s.", strings.Join(widgets, ", "))
	}
}

func definitions(schema node) node {
	defs, _ := schema["$defs"].(node)
	return defs
}

// under returns the schemas of a property, or of a list's items, in whatever branch they stand.
func under(schemas []node, key string, defs node) (found []node) {
	for _, s := range flat(schemas, defs) {
		if properties, is := s["properties"].(node); is {
			if property, is := properties[key].(node); is {
				found = append(found, property)
			}
		}
		if items, is := s["items"].(node); is && key == "items" {
			found = append(found, items)
		}
	}
	return found
}

// flat adds to schemas what they refer to and what applies beside them.
func flat(schemas []node, defs node) []node {
	all := slices.Clone(schemas)
	for i := 0; i < len(all); i++ { // grammar.schema has bounded and untangled what is walked here
		s := all[i]
		if ref, is := s["$ref"].(string); is {
			if m := reference.FindStringSubmatch(ref); m != nil {
				if definition, is := defs[m[1]].(node); is {
					all = append(all, definition)
				}
			}
		}
		for _, key := range []string{"then", "else"} {
			if branch, is := s[key].(node); is {
				all = append(all, branch)
			}
		}
		for _, key := range []string{"allOf", "anyOf", "oneOf"} {
			branches, _ := s[key].([]any)
			for _, b := range branches {
				if branch, is := b.(node); is {
					all = append(all, branch)
				}
			}
		}
	}
	return all
}
