package formula_test

import (
	"testing"

	"github.com/waystation/waystation/internal/formula"
)

func TestSafeCell_NothingRunsInASpreadsheet(t *testing.T) {
	for in, want := range map[string]string{
		`=HYPERLINK("http://x")`: `'=HYPERLINK("http://x")`, "@SUM(1)": "'@SUM(1)", "+1+cmd|' /C calc'!A0": "'+1+cmd|' /C calc'!A0",
		"-2+3": "'-2+3", "\t=1": "'\t=1", "\r=1": "'\r=1", "  =1": "'  =1", "＝1": "'＝1", "-": "'-", "+": "'+", "+227-90-12": "'+227-90-12",
		"+227 90 12 34 56": "+227 90 12 34 56", "+22790123456": "+22790123456", "-3": "-3", "-2,5": "-2,5", "Awa": "Awa", "": "", "a=b": "a=b",
		"'=1": "'=1",
	} {
		if got := formula.SafeCell(in); got != want {
			t.Errorf("SafeCell(%q) = %q, want %q", in, got, want)
		}
	}
}
