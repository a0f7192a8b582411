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

func TestName_TellsWhatAnAreaIsCalled(t *testing.T) {
	for code, want := range map[string]string{"NE001": "Agadez", "XX9": "XX9", "": ""} {
		if got := pcode.Name(code); got != want {
			t.Errorf("%q is called %q, want %q", code, got, want)
		}
	}
}
