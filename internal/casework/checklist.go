package casework

import (
	"fmt"
	"slices"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/fault"
)

// Answer is what was answered to one item of the SOP's closure checklist. It is kept with the closure.
type Answer struct {
	Code   string `json:"code"`
	Answer string `json:"answer"` // yes | no | not_applicable
	Note   string `json:"note,omitempty"`
}

// told takes the answers of a closure; the field person_informed answers the item of its name.
func (a *Act) told(answers []Answer, informed *bool) {
	a.Checklist, a.PersonInformed = answers, informed
	if informed == nil || a.answered(centre.PersonInformed) {
		return
	}
	answer := Answer{Code: centre.PersonInformed, Answer: "no"}
	if *informed {
		answer.Answer = "yes"
	}
	a.Checklist = append(a.Checklist, answer)
}

func (a *Act) answered(code string) bool {
	return slices.ContainsFunc(a.Checklist, func(x Answer) bool { return x.Code == code })
}

// supplement adds what was answered before to what is not answered anew.
func (a *Act) supplement(before []Answer) {
	for _, x := range before {
		if !a.answered(x.Code) {
			a.Checklist = append(a.Checklist, x)
		}
	}
}

// checkChecklist wants every required item answered, each once, and nothing that the SOP does not ask.
func (a *Act) checkChecklist(reason, risk string, rules *fault.Error) {
	seen := map[string]bool{}
	for i, x := range a.Checklist {
		known := slices.ContainsFunc(a.Policy.Closure, func(item centre.ClosureItem) bool { return item.Code == x.Code })
		switch at := fmt.Sprintf("/checklist/%d/code", i); {
		case seen[x.Code]:
			rules.Add(at, "repeated", "This item is answered twice.")
		case !known && x.Code != centre.PersonInformed:
			rules.Add(at, "unknown_item", "The SOP's checklist has no such item.")
		}
		seen[x.Code] = true
	}
	missing := []string{}
	for _, item := range a.Policy.ClosureItems(reason, risk) {
		if item.Required && !a.answered(item.Code) {
			rules.Add("/checklist", "unanswered_item", fmt.Sprintf("Answer the item %s: %s", item.Code, item.Label(codelist.English)))
			missing = append(missing, item.Code)
		}
	}
	if len(missing) > 0 {
		rules.With("missing_items", missing)
	}
}
