package codelist

import (
	"context"
	"slices"

	"golang.org/x/text/language"
)

// The languages that every label exists in, as BCP 47 tags.
const (
	English = "en"
	French  = "fr"
	Arabic  = "ar"
	Spanish = "es"
)

// English stands first because the matcher falls back to its first language.
var (
	languages = []string{English, French, Arabic, Spanish}
	matcher   = language.NewMatcher([]language.Tag{language.English, language.French, language.Arabic, language.Spanish})
)

// Languages returns the languages that every label exists in, the fallback first.
func Languages() []string { return slices.Clone(languages) }

// Negotiate returns the one of Languages that serves the Accept-Language header best (RFC 9110 section 12.5.4), and English
// when the header is absent, malformed or asks for nothing near. Near is what CLDR's language matching says:
// Wolof gets French.
func Negotiate(acceptLanguage string) string {
	if acceptLanguage == "" {
		return English
	}
	_, i := language.MatchStrings(matcher, acceptLanguage)
	return languages[i]
}

type languageKey struct{}

// WithLanguage returns a context whose caller reads lang, one of Languages.
func WithLanguage(ctx context.Context, lang string) context.Context {
	return context.WithValue(ctx, languageKey{}, lang)
}

// LanguageFrom returns the language in which the caller of ctx reads labels, as negotiated from
// Accept-Language; English where no request stands behind ctx.
func LanguageFrom(ctx context.Context) string {
	if lang, ok := ctx.Value(languageKey{}).(string); ok {
		return lang
	}
	return English
}
