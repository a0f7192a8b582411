package codelist_test

import (
	"maps"
	"testing"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/codelist/country"
)

func TestCountryList_IsWhatThePackageCountryKnows(t *testing.T) {
	list, _ := codelist.Get("country")
	if len(list.Entries) != len(country.All()) {
		t.Fatalf("%d entries, %d countries", len(list.Entries), len(country.All()))
	}
	for _, c := range country.All() {
		e, ok := list.Entry(c.Alpha3)
		if !ok || !maps.Equal(e.Labels, c.Names) {
			t.Errorf("%s: %v, want %v", c.Alpha3, e.Labels, c.Names)
		}
	}
}
