// Package fold reduces a word that a person typed to a key that can be
// compared: "Côte d’Ivoire", "COTE D'IVOIRE" and "cote d ivoire" are one key.
package fold

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// letters maps what Unicode does not decompose, and the Arabic spellings that
// are written interchangeably.
var letters = map[rune]string{
	'œ': "oe", 'æ': "ae", 'ß': "ss", 'ø': "o", 'ł': "l", 'đ': "d", 'ı': "i", 'þ': "th", 'ð': "d",
	'ة': "ه", 'ى': "ي", 'ـ': "",
}

// Key returns the text in lower case, without accents and vowel marks, with
// Western digits, and with every run of other characters as one space.
// A text without a letter or digit gives "".
func Key(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	gap := false
	for _, r := range norm.NFKD.String(text) {
		r = Digit(unicode.ToLower(r))
		switch {
		case unicode.Is(unicode.Mn, r):
			continue
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			gap = r != 'ـ' || gap
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte(' ')
		}
		gap = false
		if s, ok := letters[r]; ok {
			b.WriteString(s)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Digits replaces Arabic-Indic and Persian digits by Western ones.
func Digits(text string) string { return strings.Map(Digit, text) }

// Digit is Digits for one character; other characters come back unchanged.
func Digit(r rune) rune {
	switch {
	case r >= '٠' && r <= '٩':
		return '0' + r - '٠'
	case r >= '۰' && r <= '۹':
		return '0' + r - '۰'
	}
	return r
}
