// Package formula keeps what people typed from being run as a formula by a spreadsheet.
package formula

import (
	"regexp"
	"strings"
)

// A number, or a phone number of digits and spaces. Hyphens and parentheses are
// left out: a spreadsheet would compute "+227-90-12" and "-(2)".
var plainNumber = regexp.MustCompile(`^(-?\d+([.,]\d+)?|\+\d[\d ]{2,24})$`)

// SafeCell makes a text safe to write into a CSV or spreadsheet export. A cell
// that a spreadsheet would run, because it begins with = + - @ (also full-width),
// a tab or a line break, gets a leading apostrophe, which spreadsheets take as
// "this is text".
//
// Plain numbers ("-3", "-2,5") and phone numbers of digits and spaces
// ("+227 90 12 34 56") are data that cannot run and are left as they are, so that
// a phone list stays usable. The rule follows OWASP's advice on CSV injection.
func SafeCell(s string) string {
	if Runs(s) {
		return "'" + s
	}
	return s
}

// Runs tells whether a spreadsheet would take a text for a formula.
func Runs(s string) bool {
	if strings.HasPrefix(s, "\t") || strings.HasPrefix(s, "\r") || strings.HasPrefix(s, "\n") {
		return true
	}
	// Some programs drop leading blanks before they look for a formula.
	text := strings.TrimLeft(s, " \u00a0\t\r\n")
	for _, lead := range []string{"=", "+", "-", "@", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(text, lead) {
			return !plainNumber.MatchString(text)
		}
	}
	return false
}
