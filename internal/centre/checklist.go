package centre

import (
	"fmt"
	"maps"
	"slices"

	"golang.org/x/text/language"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/fault"
)

// ClosureItem is one question of the checklist by which cases are closed.
type ClosureItem struct {
	Code       string            `json:"code"`
	Labels     map[string]string `json:"labels"`                // by language, BCP 47
	Required   bool              `json:"required"`              // no case closes unanswered
	Reasons    []string          `json:"reasons,omitempty"`     // code list case_closure_reason: asked for these alone; empty: for all
	RiskLevels []string          `json:"risk_levels,omitempty"` // code list case_risk_level, likewise
}

// PersonInformed is the item that the field person_informed of a closure answers.
const PersonInformed = "person_informed"

// closureChecklist is what handbook 3.8 asks beside the summary and the goals, which every closure tells: that the person
// knows, that referrals told how they ended, and that the time for which the file is kept begins.
func closureChecklist() []ClosureItem {
	reachable := []string{}
	reasons, _ := codelist.Get("case_closure_reason")
	for _, e := range reasons.Entries {
		if !slices.Contains([]string{"lost_contact", "deceased", "consent_withdrawn", "duplicate"}, e.Code) {
			reachable = append(reachable, e.Code)
		}
	}
	return []ClosureItem{
		{Code: PersonInformed, Required: true, Reasons: reachable, Labels: map[string]string{
			"en": "The person knows that the case closes, why, and how to come back", "fr": "La personne sait que le dossier est clos, pourquoi, et comment revenir",
			"ar": "الشخص يعلم أن الملف سيُغلق، وسبب ذلك، وكيف يمكنه العودة", "es": "La persona sabe que el caso se cierra, por qué y cómo puede volver"}},
		{Code: "referral_feedback", Reasons: reachable, Labels: map[string]string{
			"en": "Every service that the person was referred to has told what came of it", "fr": "Chaque service vers lequel la personne a été référée a rendu compte",
			"ar": "كل خدمة أُحيل إليها الشخص أفادت بالنتيجة", "es": "Cada servicio al que se remitió a la persona informó del resultado"}},
		{Code: "retention_explained", Reasons: reachable, Labels: map[string]string{
			"en": "The person knows for how long the file is kept", "fr": "La personne sait combien de temps le dossier est conservé",
			"ar": "الشخص يعلم مدة حفظ الملف", "es": "La persona sabe cuánto tiempo se conserva el expediente"}},
	}
}

// ClosureItems are the items that the closure of a case for a reason, at a risk level, is asked; where no reason is given
// yet, those of any.
func (p Policy) ClosureItems(reason, risk string) []ClosureItem {
	asked := func(of []string, code string) bool { return len(of) == 0 || slices.Contains(of, code) }
	items := []ClosureItem{}
	for _, i := range p.Closure {
		if (reason == "" || asked(i.Reasons, reason)) && asked(i.RiskLevels, risk) {
			items = append(items, i)
		}
	}
	return items
}

// Label is the item's label in the language that serves best what is wanted (BCP 47); another wording rather than none.
func (i ClosureItem) Label(wanted string) string {
	offers := slices.Sorted(maps.Keys(i.Labels))
	at := nearest(offers, wanted)
	if at < 0 {
		at = max(0, slices.Index(offers, codelist.English))
	}
	return i.Labels[offers[at]]
}

// checkChecklist wants every item once, in words, and for what exists.
func checkChecklist(rules *fault.Error, items []ClosureItem) {
	seen := map[string]bool{}
	for n, i := range items {
		at := fmt.Sprintf("/policy/closure_checklist/%d", n)
		if seen[i.Code] {
			rules.Add(at+"/code", "repeated", "There is an item of this code already.")
		}
		seen[i.Code] = true
		if len(i.Labels) == 0 {
			rules.Add(at+"/labels", "required", "Give the item a label in at least one language.")
		}
		for lang := range i.Labels {
			if _, err := language.Parse(lang); err != nil {
				rules.Add(at+"/labels/"+lang, "unknown_language", "Not a language tag (BCP 47).")
			}
		}
	}
}
