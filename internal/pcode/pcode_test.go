package pcode_test

import (
	"fmt"
	"testing"

	"github.com/waystation/waystation/internal/pcode"
)

func TestAround_AnAreaLiesInItsRegionAndItsCountry(t *testing.T) {
	for want, codes := range map[string][]string{
		"[NE001006 NE001 NER]":       {"NE001006"},
		"[NE001006 NE001 NER NE008]": {"NE001006", "NE001", "NE008"},
		"[nowhere]":                  {"nowhere", ""},
		"[]":                         nil,
	} {
		if got := fmt.Sprint(pcode.Around(codes...)); got != want {
			t.Errorf("%v lie in %s, want %s", codes, got, want)
		}
	}
}
