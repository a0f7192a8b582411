// Package country knows the countries of ISO 3166-1: their codes, their names in
// English, French, Arabic and Spanish, and the words by which people name a
// country or a nationality on a registration sheet.
package country

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"slices"
	"strings"
	"sync"

	"github.com/waystation/waystation/internal/fold"
)

// The names are those of the Unicode CLDR, corrected to present United Nations
// usage where CLDR is older (Eswatini, North Macedonia, Türkiye, Cabo Verde).
var (
	//go:embed countries.csv
	countriesCSV []byte
	//go:embed demonyms.csv
	demonymsCSV []byte
	//go:embed aliases.csv
	aliasesCSV []byte
)

// Country is one entry of ISO 3166-1.
type Country struct {
	Alpha2 string            // "ML"
	Alpha3 string            // "MLI"
	Names  map[string]string // by language: en, fr, ar, es
}

type table struct {
	all  []Country
	code map[string]*Country // alpha-3
	word map[string]string   // folded word → alpha-3
	two  map[string]bool     // words that mean more than one country
}

var load = sync.OnceValue(func() *table {
	t := &table{code: map[string]*Country{}, word: map[string]string{}, two: map[string]bool{}}
	t.readCountries()
	t.readWords(demonymsCSV)
	t.readWords(aliasesCSV)
	for key := range t.two {
		delete(t.word, key)
	}
	return t
})

// ambiguous words are refused: a guess would put people under the wrong flag.
var ambiguous = []string{
	"Congo", "congolais", "congolaise", "Congolese", "congolés", "الكونغو", // COD or COG
	"Corée", "Korea", "coréen", "coréenne", "Korean", // KOR or PRK
	"dominicain", "dominicaine", "Dominican", // DOM or DMA
	"Virgin Islands", "Îles Vierges", // VGB or VIR
	"Guyane", "Guiana", // GUF or GUY
}

func (t *table) readCountries() {
	for _, r := range records(countriesCSV) {
		t.all = append(t.all, Country{Alpha2: r[0], Alpha3: r[1],
			Names: map[string]string{"en": r[2], "fr": r[3], "ar": r[4], "es": r[5]}})
	}
	for i := range t.all {
		c := &t.all[i]
		t.code[c.Alpha3] = c
		t.add(c.Alpha2, c.Alpha3)
		t.add(c.Alpha3, c.Alpha3)
		for _, name := range c.Names {
			t.add(name, c.Alpha3)
		}
	}
	for _, w := range ambiguous {
		t.two[fold.Key(w)] = true
	}
}

func (t *table) readWords(data []byte) {
	for _, r := range records(data) {
		for _, w := range r[1:] {
			t.add(w, r[0])
		}
	}
}

func (t *table) add(word, alpha3 string) {
	key := fold.Key(word)
	if old, ok := t.word[key]; ok && old != alpha3 {
		t.two[key] = true
	}
	t.word[key] = alpha3
}

// records reads an embedded table without its header; the tables are part of
// the program, so a broken one is a programming error.
func records(data []byte) [][]string {
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		panic("country: " + err.Error())
	}
	return rows[1:]
}

// Lookup finds the country that a code, a name, a demonym (either gender,
// singular or plural) or a usual abbreviation means, whatever its case, accents
// and punctuation. It answers the ISO 3166-1 alpha-3 code.
//
// By convention the bare "Guinée" and "guinéen" are GIN; Guinea-Bissau and
// Equatorial Guinea are named in full. "Soudan" is SDN. A word that fits more
// than one country ("Congo", "congolais", "coréen") is not ok.
func Lookup(text string) (alpha3 string, ok bool) {
	t := load()
	key := fold.Key(text)
	if alpha3, ok = t.word[key]; ok || len(key) < 5 || t.two[key] {
		return alpha3, ok
	}
	singular := strings.TrimSuffix(key, "s")
	alpha3, ok = t.word[singular]
	return alpha3, ok
}

// Name is the country's name in a language (en, fr, ar, es; another language
// gets English). An unknown code gives "".
func Name(alpha3, lang string) string {
	c, ok := load().code[alpha3]
	if !ok {
		return ""
	}
	base, _, _ := strings.Cut(strings.ToLower(lang), "-")
	if name, ok := c.Names[base]; ok {
		return name
	}
	return c.Names["en"]
}

// Valid tells whether the text is an alpha-3 code of ISO 3166-1, in capitals.
func Valid(alpha3 string) bool {
	_, ok := load().code[alpha3]
	return ok
}

// All lists the 249 countries and territories of ISO 3166-1 by alpha-2 code.
// The caller may keep the slice but must not change the names.
func All() []Country { return slices.Clone(load().all) }
