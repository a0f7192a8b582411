// Package namekey says how a name sounds, so that one person is found under every spelling of it:
// Diallo, Djallo and Jallow; Camara and Kamara; Mohamed, Muhammad and محمد.
//
// A key is a skeleton of consonants. It knows the spellings that French, English, Portuguese and
// Arabic gave to the names of the routes between the Gulf of Guinea, the Sahel, the Horn and the
// Mediterranean. It is generous: names that it takes for one are then ranked by how alike they are
// written. Keys are stored, so a change of these rules asks for all of them to be made anew.
package namekey

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/waystation/waystation/internal/fold"
)

// most is how many parts of a name are kept.
const most = 12

// Keys returns the keys of all parts of a name, sorted, each once: the order in which somebody
// gives their names does not matter. A name without any letter gives none.
func Keys(name string) []string {
	var keys []string
	for _, part := range parts(name) {
		if k := key(part); k != "" {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	return keys[:min(len(keys), most)]
}

// Parts returns the parts of a name as they are written, folded, and how each sounds, one part a
// sound: sounds are Keys in the order in which they were given.
func Parts(name string) (sounds, spelled []string) {
	for _, part := range parts(name) {
		if k := key(part); k != "" && !slices.Contains(sounds, k) && len(sounds) < most {
			sounds, spelled = append(sounds, k), append(spelled, part)
		}
	}
	return sounds, spelled
}

// particles stand between names and are written or left out at will.
var particles = words("al el ul ar as ash an ad de da do dos du bin ben ibn bint mint ould wuld weld oul ag ait oued")

// titles and first halves of compound names, by their many spellings.
var same = map[string]string{
	"abdel": "abd", "abdal": "abd", "abdul": "abd", "abdoul": "abd", "abdou": "abd", "abdu": "abd", "abdi": "abd", "abdo": "abd", "abder": "abd",
	"elhadj": "hadj", "elhadji": "hadj", "elhaj": "hadj", "alhadji": "hadj", "alhaji": "hadj", "alhaj": "hadj", "hadji": "hadj", "haji": "hadj", "hajj": "hadj", "haj": "hadj",
}

func words(list string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		set[w] = true
	}
	return set
}

var (
	abdallah   = regexp.MustCompile(`^abd(ou|u|a|e)?ll?a(h|hi|ye|ï|i|y)?$`)
	compound   = regexp.MustCompile(`^abd(?:ou|u|e|a|i)l?(.{3,})$`)
	arabicAbd  = "عبد"
	arabicThe  = "ال"
	arabicGod  = "الله"
	letterLike = strings.NewReplacer("ɓ", "b", "ɗ", "d", "ŋ", "n", "ɲ", "n", "ƴ", "y", "ɛ", "e", "ɔ", "o", "ə", "e")
)

// parts cuts a name into the words that are compared: compounds are taken apart, single letters
// joined with what they belong to (N'Diaye), particles left out where a name remains.
func parts(name string) []string {
	var all, names []string
	lone := ""
	for word := range strings.FieldsSeq(letterLike.Replace(fold.Key(name))) {
		if len(word) == 1 && word[0] >= 'a' {
			lone += word
			continue
		}
		all = append(all, split(lone+word)...)
		lone = ""
	}
	if lone != "" {
		all = append(all, lone)
	}
	all = joinGod(all)
	for _, word := range all {
		if !particles[word] {
			names = append(names, word)
		}
	}
	if len(names) == 0 {
		return all
	}
	return names
}

// split takes the servant's name apart, Abdoulaziz into Abd and Aziz, and leaves out an Arabic article.
func split(word string) []string {
	if rest, ok := strings.CutPrefix(word, arabicAbd); ok && rest != "" && rest != arabicGod {
		return append([]string{arabicAbd}, split(rest)...)
	}
	if rest, ok := strings.CutPrefix(word, arabicThe); ok && word != arabicGod && len([]rune(rest)) > 1 {
		return []string{rest}
	}
	if s, ok := same[word]; ok {
		return []string{s}
	}
	if m := compound.FindStringSubmatch(word); m != nil && !abdallah.MatchString(word) {
		return []string{"abd", m[1]}
	}
	return []string{word}
}

// joinGod makes Abd Allah one name, as Abdallah is.
func joinGod(words []string) []string {
	for i := 0; i+1 < len(words); i++ {
		pair := words[i] + " " + words[i+1]
		if pair == "abd allah" || pair == "abd ullah" || pair == arabicAbd+" "+arabicGod {
			words = slices.Replace(words, i, i+2, strings.ReplaceAll(pair, " ", ""))
		}
	}
	return words
}

// sounds of Arabic letters. Letters without one are breaths or vowels.
var arabic = map[rune]string{
	'ب': "B", 'پ': "P", 'ت': "T", 'ط': "T", 'ث': "T", 'ج': "J", 'چ': "X", 'خ': "K", 'د': "D", 'ض': "D", 'ذ': "D", 'ر': "R", 'ز': "S", 'ظ': "S",
	'س': "S", 'ص': "S", 'ش': "X", 'غ': "G", 'ف': "F", 'ق': "K", 'ك': "K", 'ک': "K", 'گ': "G", 'ل': "L", 'م': "M", 'ن': "N",
	'و': "w", 'ڤ': "w", 'ي': "y", 'ی': "y", 'ا': "a", 'ع': "a", 'ء': "a", 'ح': "h", 'ه': "h",
}

// latin spells sounds by their letters, the longest first. Small letters are the sounds that count
// at the beginning only: vowels, breath, w and y.
var latin = []struct{ letters, sound string }{
	{"tch", "X"}, {"sch", "X"}, {"chr", "KR"}, {"chl", "KL"}, {"ch", "X"}, {"sh", "X"},
	{"ph", "F"}, {"kh", "K"}, {"gh", "G"}, {"th", "T"}, {"dh", "D"}, {"gn", "N"}, {"ck", "K"}, {"qu", "K"},
	{"dj", "J"}, {"dia", "Ja"}, {"die", "Ji"}, {"dio", "Ju"}, {"diu", "Ju"}, {"dya", "Ja"}, {"dye", "Ji"}, {"dyo", "Ju"}, {"dyu", "Ju"}, {"ديا", "Ja"}, {"ديو", "Ju"},
	{"gue", "Gi"}, {"gui", "Gi"}, {"ge", "Ji"}, {"gi", "Ji"}, {"gy", "Ji"}, {"ce", "Si"}, {"ci", "Si"}, {"cy", "Si"},
	{"oua", "wa"}, {"oue", "wi"}, {"oui", "wi"},
	{"b", "B"}, {"c", "K"}, {"d", "D"}, {"f", "F"}, {"g", "G"}, {"j", "J"}, {"k", "K"}, {"l", "L"}, {"m", "M"}, {"n", "N"}, {"p", "P"},
	{"q", "K"}, {"r", "R"}, {"s", "S"}, {"t", "T"}, {"x", "KS"}, {"z", "S"},
	{"a", "a"}, {"e", "i"}, {"i", "i"}, {"y", "y"}, {"o", "u"}, {"u", "u"}, {"h", "h"}, {"w", "w"}, {"v", "w"},
}

// key is the skeleton of one word, or the word itself where it is written in letters we do not hear.
func key(word string) string {
	sounds, heard := hear(word)
	if !heard {
		return word
	}
	k := skeleton(sounds)
	if len(k) == 0 || k == "A" || k == "Y" || k == "W" {
		return word // nothing but vowels
	}
	if len(k) == 1 {
		k += firstVowel(sounds)
	}
	return k
}

// hear spells a word by its sounds; false where a letter is neither Latin nor Arabic.
func hear(word string) (string, bool) {
	var b strings.Builder
	for _, end := range []string{"eh", "e"} { // Sidibé, Sidibeh
		if stem, ok := strings.CutSuffix(word, end); ok && len(stem) > 2 {
			word = stem
			break
		}
	}
	for word != "" {
		sound, rest := next(word)
		if sound == "" {
			return "", false
		}
		b.WriteString(sound)
		word = rest
	}
	return b.String(), true
}

func next(word string) (sound, rest string) {
	for _, s := range latin {
		if rest, ok := strings.CutPrefix(word, s.letters); ok {
			return s.sound, rest
		}
	}
	for _, r := range word {
		return arabic[r], word[len(string(r)):]
	}
	return "", ""
}

// skeleton keeps the consonants: doubled ones once, a vowel or breath at the beginning as A, the
// last one without voice (Mahamad, Mahamat). Between vowels y is one of them (Kouyaté).
func skeleton(sounds string) string {
	var b strings.Builder
	previous := byte(0)
	for i := range len(sounds) {
		s := sounds[i]
		switch {
		case unicode.IsUpper(rune(s)) && s != previous:
			b.WriteByte(s)
		case i == 0 && (s == 'w' || s == 'y') && len(sounds) > 1 && vowel(sounds[1]):
			b.WriteByte(s - 'a' + 'A')
		case i == 0 && !unicode.IsUpper(rune(s)):
			b.WriteByte('A')
		case s == 'y' && i+1 < len(sounds) && vowel(sounds[i+1]) && strings.IndexByte("auw", previous) >= 0:
			b.WriteByte('Y')
		}
		previous = s
	}
	k := []byte(b.String())
	if n := len(k); n > 1 && !vowel(sounds[len(sounds)-1]) {
		k[n-1] = unvoiced(k[n-1])
	}
	return string(k)
}

func vowel(s byte) bool { return strings.IndexByte("aiuyw", s) >= 0 }

func unvoiced(s byte) byte {
	switch s {
	case 'B':
		return 'P'
	case 'D':
		return 'T'
	}
	return s
}

// firstVowel tells short names apart: Ba and Sy, but not Ba and Bah.
func firstVowel(sounds string) string {
	for i := range len(sounds) {
		switch sounds[i] {
		case 'a':
			return "A"
		case 'i', 'y':
			return "I"
		case 'u', 'w':
			return "U"
		}
	}
	return ""
}
