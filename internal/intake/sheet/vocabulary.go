package sheet

import (
	"embed"
	"strings"
	"sync"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/fold"
)

// vocabulary.json holds, for every coded field, the words that sheets write for
// the codes of its list. A mapping's own values come first, the labels of the
// shipped code lists last.
//
//go:embed vocabulary.json
var vocabularyFile embed.FS

// words is one list: folded word → code, and the codes themselves.
type words struct {
	code  map[string]string
	known map[string]bool
}

var vocabulary = sync.OnceValue(func() map[string]words {
	var raw map[string]map[string][]string
	mustDecode(vocabularyFile, "vocabulary.json", &raw)
	all := map[string]words{}
	for list, codes := range raw {
		w := words{code: map[string]string{}, known: map[string]bool{}}
		for code, synonyms := range codes {
			w.known[code] = true
			for _, word := range append(synonyms, code) {
				if key := fold.Key(word); key != "" {
					w.code[key] = code
				}
			}
		}
		w.addLabels(list)
		all[list] = w
	}
	return all
})

func (w words) addLabels(list string) {
	shipped, _ := codelist.Get(list)
	for _, e := range shipped.Entries {
		for _, label := range e.Labels {
			if key := fold.Key(label); w.code[key] == "" && key != "" {
				w.code[key] = e.Code
			}
		}
	}
}

// gendered are the relationships that sheets write without a gender; the list
// household_relationship has a code for either.
var gendered = map[string]struct{ male, female, neither string }{
	"child":       {"son", "daughter", "other_family"},
	"spouse":      {"husband", "wife", "partner"},
	"sibling":     {"brother", "sister", "other_family"},
	"parent":      {"father", "mother", "other_family"},
	"grandparent": {"grandfather", "grandmother", "other_family"},
}

// statusOf is the migration status that an arrival mode implies.
var statusOf = map[string]string{"expelled": "expelled", "rescued": "rescued"}

var absentCells = map[string]bool{"": true, "-": true, "--": true, "---": true, "—": true, "–": true, "n/a": true,
	"/": true, "null": true, "#n/a": true, ".": true}

// answers are the words for "asked, but no value", in every language of the sheets.
var answers = folded(map[Answer]string{
	Unknown:  "inconnu|inconnue|unknown|nsp|ne sait pas|ne sais pas|don't know|dk|not known|غير معروف|لا يعرف|desconocido|desconocida|no sabe",
	Declined: "refuse de répondre|refus de répondre|ne souhaite pas répondre|declined|declined to answer|prefers not to say|refused to answer|رفض الإجابة|يفضل عدم الإجابة|prefiere no decir|no responde",
})

func folded(in map[Answer]string) map[string]Answer {
	out := map[string]Answer{}
	for answer, list := range in {
		for word := range strings.SplitSeq(list, "|") {
			out[fold.Key(word)] = answer
		}
	}
	return out
}

func answerOf(cell string) (Answer, bool) {
	if cell == "?" {
		return Unknown, true
	}
	a, ok := answers[fold.Key(cell)]
	return a, ok
}

var homeWords = func() map[string]bool {
	out := map[string]bool{}
	for word := range strings.SplitSeq("return_origin|retour pays d'origine|retour au pays d'origine|retour au pays|retour volontaire|"+
		"retour|pays d'origine|return|return home|return to country of origin|country of origin|home|"+
		"العودة إلى بلد المنشأ|بلد الأصل|retorno|retorno al país de origen|país de origen", "|") {
		out[fold.Key(word)] = true
	}
	return out
}()
