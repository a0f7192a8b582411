package form

import (
	"slices"

	"golang.org/x/text/language"
)

// spoken are the keys whose values people read: annotations of JSON Schema, and what
// react-jsonschema-form shows. grammar.go keeps the same keys from meaning anything else.
var spoken = []string{
	"title", "description",
	"ui:title", "ui:description", "ui:help", "ui:placeholder", "help", "placeholder",
}

// texts collects what people read in the form, each text once, in the order of the questions.
func (t *Template) texts() ([]string, error) {
	var list []string
	seen := map[string]bool{"": true}
	collect := func(key, text string) string {
		if slices.Contains(spoken, key) && !seen[text] {
			seen[text] = true
			list = append(list, text)
		}
		return text
	}
	for _, text := range []string{t.Title, t.Description} {
		collect("title", text)
	}
	for _, d := range []Document{t.Schema, t.UISchema} {
		if _, err := d.rewrite(collect); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// in returns a text in a language; where nobody translated it, as it stands.
func (t *Template) in(lang, text string) string {
	if translated := t.Translations.V[lang][text]; translated != "" {
		return translated
	}
	return text
}

// Render puts every text of the form into one language. What comes out is plain JSON Schema and uiSchema.
func (t *Template) Render(lang string) (schema, ui Document, err error) {
	translate := func(key, text string) string {
		if !slices.Contains(spoken, key) {
			return text
		}
		return t.in(lang, text)
	}
	if schema, err = t.Schema.rewrite(translate); err != nil {
		return nil, nil, err
	}
	ui, err = t.UISchema.rewrite(translate)
	return schema, ui, err
}

// Speaks returns the one of the form's languages that serves an Accept-Language header best; its own
// where none does.
func (t *Template) Speaks(acceptLanguage string) string {
	offers := t.Languages()
	tags := make([]language.Tag, len(offers))
	for i, offer := range offers {
		tags[i] = language.Make(offer)
	}
	_, i := language.MatchStrings(language.NewMatcher(tags), acceptLanguage)
	return offers[i]
}
