package centre

import (
	"fmt"
	"strings"

	"golang.org/x/text/language"

	"github.com/waystation/waystation/internal/fault"
)

// Text is what is read to a person, in one language: a statement of consent, an orientation, the house rules.
type Text struct {
	Version  string `json:"version"`
	Language string `json:"language"` // BCP 47
	Text     string `json:"text"`
}

// list gives the lists of a policy that was laid down before there were any; no entry is made up for them.
func (p *Policy) list() {
	for _, texts := range []*[]Text{&p.Consent, &p.Orientation, &p.HouseRules} {
		if *texts == nil {
			*texts = []Text{}
		}
	}
	if p.Closure == nil {
		p.Closure = []ClosureItem{}
	}
}

// Said returns the text that serves a language (BCP 47) best, the last of several versions; nil where none is in
// that language. One that the person may know beside it is none: nobody is read what they may not understand.
func Said(texts []Text, wanted string) *Text {
	offers := make([]string, len(texts))
	for i, t := range texts {
		offers[i] = t.Language
	}
	at := nearest(offers, wanted)
	if at < 0 || base(offers[at]) != base(wanted) {
		return nil
	}
	for i := range texts {
		if strings.EqualFold(texts[i].Language, offers[at]) {
			at = i
		}
	}
	return &texts[at]
}

func base(tag string) language.Base {
	b, _ := language.Make(tag).Base()
	return b
}

// nearest is the place of the language among the offers that serves best what is wanted, a tag or a list of them as in
// Accept-Language; -1 where none does.
func nearest(offers []string, wanted string) int {
	if len(offers) == 0 {
		return -1
	}
	tags := make([]language.Tag, len(offers))
	for i, offer := range offers {
		tags[i] = language.Make(offer)
	}
	asked, _, _ := language.ParseAcceptLanguage(wanted)
	_, i, sure := language.NewMatcher(tags).Match(asked...)
	if sure == language.No {
		return -1
	}
	return i
}

// languagesOf are the languages of texts, each once, in their order.
func languagesOf(texts ...[]Text) []string {
	all, seen := []string{}, map[string]bool{}
	for _, list := range texts {
		for _, t := range list {
			if !seen[strings.ToLower(t.Language)] {
				seen[strings.ToLower(t.Language)] = true
				all = append(all, t.Language)
			}
		}
	}
	return all
}

// checkTexts wants one text per version and language.
func checkTexts(rules *fault.Error, pointer string, texts []Text) {
	type key struct{ version, language string }
	seen := map[key]bool{}
	for i, t := range texts {
		k := key{t.Version, strings.ToLower(t.Language)}
		if seen[k] {
			rules.Add(fmt.Sprintf("%s/%d", pointer, i), "repeated", "There is a text of this version in this language already.")
		}
		seen[k] = true
	}
}
