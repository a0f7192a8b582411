package sheet

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/waystation/waystation/internal/fold"
)

// DateOrder says how a sheet writes a date of three numbers.
type DateOrder string

// The orders. A date that begins with a four-digit year is read as year, month,
// day under each of them.
const (
	DMY DateOrder = "dmy"
	MDY DateOrder = "mdy"
	YMD DateOrder = "ymd"
)

var (
	clock     = regexp.MustCompile(`^(.*\d)[Tt ]+\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*(Z|z|[+-]\d{2}:?\d{2})?$`)
	yearFirst = regexp.MustCompile(`^(\d{4})[-/. ](\d{1,2})[-/. ](\d{1,2})$|^(\d{4})(\d{2})(\d{2})$`)
	threeNums = regexp.MustCompile(`^(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})$`)
	yearMonth = regexp.MustCompile(`^(\d{4})[-/.](\d{1,2})$`)
	monthYear = regexp.MustCompile(`^(\d{1,2})[-/.](\d{4})$`)
	yearOnly  = regexp.MustCompile(`^\d{4}$`)
	ordinal   = regexp.MustCompile(`^(\d{1,2})(er|st|nd|rd|th|eme|e)?$`)
)

// months maps folded names and abbreviations in French, English, Spanish and
// Arabic (Egyptian, Maghreb and Levantine) to the month.
var months = func() map[string]int {
	names := []string{
		"janv|janvier|jan|january|enero|ene|يناير|جانفي|كانون الثاني", "fevr|fevrier|fev|feb|february|febrero|فبراير|فيفري|شباط",
		"mars|mar|march|marzo|مارس|اذار", "avr|avril|apr|april|abril|abr|ابريل|افريل|نيسان",
		"mai|may|mayo|مايو|ماي|ايار", "juin|jun|june|junio|يونيو|جوان|حزيران",
		"juil|juillet|jul|july|julio|يوليو|جويليه|تموز", "aout|aou|aug|august|agosto|ago|اغسطس|اوت|اب",
		"sept|septembre|sep|september|septiembre|setiembre|سبتمبر|ايلول", "oct|octobre|october|octubre|اكتوبر|تشرين الاول",
		"nov|novembre|november|noviembre|نوفمبر|تشرين الثاني", "dec|decembre|december|diciembre|dic|ديسمبر|كانون الاول",
	}
	out := map[string]int{}
	for i, list := range names {
		for name := range strings.SplitSeq(list, "|") {
			out[fold.Key(name)] = i + 1
		}
	}
	return out
}()

// ParseDate reads a date as sheets write it: 03/01/2024, 3 janv 2024, 2024-01-05,
// an RFC 3339 instant (the day as written, in its own offset), 31/12/23, 05/1999,
// 1999. A two-digit year is the latest one that is not after latestYear. The code
// is "" when the date is good, else DateUnreadable or DateImpossible.
func ParseDate(text string, order DateOrder, latestYear int) (Date, Precision, Code) {
	text = strings.TrimSpace(fold.Digits(text))
	if m := clock.FindStringSubmatch(text); m != nil {
		text = strings.TrimSpace(m[1])
	}
	year, month, day, ok := numericDate(text, order)
	if !ok {
		year, month, day, ok = namedDate(text)
	}
	if !ok {
		return Date{}, "", DateUnreadable
	}
	return checkedDate(century(year, latestYear), month, day)
}

// numericDate gives the parts as strings; month and day are "" when not written.
func numericDate(text string, order DateOrder) (year, month, day string, ok bool) {
	if m := yearFirst.FindStringSubmatch(text); m != nil {
		return m[1] + m[4], m[2] + m[5], m[3] + m[6], true
	}
	if m := threeNums.FindStringSubmatch(text); m != nil {
		switch {
		case order == MDY:
			return m[3], m[1], m[2], true
		case order == YMD && len(m[3]) == 2:
			return m[1], m[2], m[3], true
		}
		return m[3], m[2], m[1], true
	}
	if m := yearMonth.FindStringSubmatch(text); m != nil {
		return m[1], m[2], "", true
	}
	if m := monthYear.FindStringSubmatch(text); m != nil {
		return m[2], m[1], "", true
	}
	return text, "", "", yearOnly.MatchString(text)
}

// namedDate reads "3 janv 2024", "1er mars 2024", "March 3, 2024", "mars 2024".
func namedDate(text string) (year, month, day string, ok bool) {
	words := strings.Fields(fold.Key(text))
	if len(words) > 6 {
		return "", "", "", false
	}
	for i, w := range words {
		if n, found := months[w]; found {
			return splitNamed(strconv.Itoa(n), words[:i], words[i+1:])
		}
		if i+1 < len(words) {
			if n, found := months[w+" "+words[i+1]]; found {
				return splitNamed(strconv.Itoa(n), words[:i], words[i+2:])
			}
		}
	}
	return "", "", "", false
}

func splitNamed(month string, before, after []string) (string, string, string, bool) {
	numbers := append(numbersOf(before), numbersOf(after)...)
	switch len(numbers) {
	case 1:
		return numbers[0], month, "", len(numbers[0]) == 4
	case 2:
		return numbers[1], month, numbers[0], len(numbers[0]) <= 2 && (len(numbers[1]) == 4 || len(numbers[1]) == 2)
	}
	return "", "", "", false
}

func numbersOf(words []string) []string {
	var out []string
	for _, w := range words {
		switch m := ordinal.FindStringSubmatch(w); {
		case m != nil:
			out = append(out, m[1])
		case yearOnly.MatchString(w):
			out = append(out, w)
		case w != "de" && w != "of" && w != "le" && w != "the" && w != "del":
			return append(out, "", "", "") // an unknown word: too many parts on purpose
		}
	}
	return out
}

func century(year string, latest int) int {
	n, err := strconv.Atoi(year)
	if err != nil || len(year) != 2 {
		return n
	}
	n += latest / 100 * 100
	if n > latest {
		n -= 100
	}
	return n
}

// checkedDate refuses a day that the calendar does not have, and years before
// 1900, which are slips of the pen.
func checkedDate(year int, month, day string) (Date, Precision, Code) {
	precision := Day
	if day == "" {
		day, precision = "1", Month
	}
	if month == "" {
		month, precision = "1", Year
	}
	m, _ := strconv.Atoi(month)
	d, _ := strconv.Atoi(day)
	date := NewDate(year, time.Month(m), d)
	if year < 1900 || date.Year() != year || int(date.Month()) != m || date.Day() != d {
		return Date{}, "", DateImpossible
	}
	return date, precision, ""
}

var agePattern = regexp.MustCompile(`^(?:~|≈|env(?:iron)?\.?|approx\.?|about|around|vers|ca\.?)?\s*([-−]?\d{1,4})(?:[.,]\d+)?\s*(\pL*)\.?$`)

var ageUnits = map[string]int{"": 12, "an": 12, "ans": 12, "annee": 12, "annees": 12, "y": 12, "yr": 12, "yrs": 12, "yo": 12, "year": 12,
	"years": 12, "ano": 12, "anos": 12, "سنه": 12, "سنوات": 12, "عام": 12, "mois": 1, "m": 1, "month": 1, "months": 1, "mo": 1,
	"mes": 1, "meses": 1, "شهر": 1, "اشهر": 1, "شهور": 1}

// parseAge reads "26", "26 ans", "env. 30", "6 mois" as months of life.
func parseAge(text string) (ageMonths int, ok bool) {
	m := agePattern.FindStringSubmatch(strings.ToLower(strings.TrimSpace(fold.Digits(text))))
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(strings.Replace(m[1], "−", "-", 1))
	unit, known := ageUnits[fold.Key(m[2])]
	return n * unit, err == nil && known
}
