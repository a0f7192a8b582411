package reception

import (
	"fmt"
	"testing"
	"time"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
)

func TestBand_WeightsAddUpAndEachGroupCountsOnce(t *testing.T) {
	p := centre.DefaultPolicy().Reception
	for want, lists := range map[string][][]string{
		urgent: {{unaccompanied}, {"physical_pain"}, {pregnant, familyWithChildren}, {disability, otherVulnerability}},
		high:   {{otherVulnerability}, {olderPerson}, {pregnant}, {pregnant, pregnant}, {"mental_health_need"}, {familyWithChildren}},
		normal: {nil, {"a group that the centre does not know"}},
	} {
		for _, groups := range lists {
			if got := band(p, groups); got != want {
				t.Errorf("%v is %s, want %s", groups, got, want)
			}
		}
	}
}

func TestDefaultPolicy_EveryPriorityGroupHasAPriority(t *testing.T) {
	groups, _ := codelist.Get("reception_priority_group")
	for _, g := range groups.Entries {
		if got := band(centre.DefaultPolicy().Reception, []string{g.Code}); got == normal {
			t.Errorf("%s alone is %s", g.Code, got)
		}
	}
}

// What the queue is told of the register is named here code by code; none of it is restricted.
func TestGroupOfNeed_NamesCodesThatReceptionMayKnow(t *testing.T) {
	for system, of := range groupOfNeed {
		list, _ := codelist.Get(system)
		for code, group := range of {
			entry, known := list.Entry(code)
			if !known || entry.Extra["sensitivity"] == "restricted" || !codelist.Known("reception_priority_group", group) {
				t.Errorf("%s %s → %s: known %v, %s", system, code, group, known, entry.Extra["sensitivity"])
			}
		}
		for _, e := range list.Entries {
			need := beneficiary.SpecificNeed{CodeSystem: system, Code: e.Code, Sensitivity: e.Extra["sensitivity"]}
			if groups := groupsOfNeeds([]beneficiary.SpecificNeed{need}); len(groups) > 0 && need.Sensitivity == "restricted" {
				t.Errorf("%s %s is restricted and tells %v", system, e.Code, groups)
			}
		}
	}
	below := beneficiary.SpecificNeed{CodeSystem: "specific_need_unhcr", Code: "SC-UC", Sensitivity: "sensitive"}
	if got := fmt.Sprint(groupsOfNeeds([]beneficiary.SpecificNeed{below})); got != "[uasc]" {
		t.Errorf("SC-UC tells %s", got)
	}
	below.Sensitivity = "restricted"
	if got := groupsOfNeeds([]beneficiary.SpecificNeed{below}); len(got) != 0 {
		t.Errorf("restricted, it tells %v", got)
	}
}

// rule 36: age is that of the day of the arrival.
func TestGroupsOfPerson_AreThoseOfTheDay(t *testing.T) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	born := func(y int, m time.Month, d int, precision string) beneficiary.Beneficiary {
		date := db.NewDate(time.Date(y, m, d, 0, 0, 0, 0, time.UTC))
		return beneficiary.Beneficiary{BirthDate: &date, BirthDatePrecision: &precision}
	}
	unknown := beneficiary.Beneficiary{}
	for name, c := range map[string]struct {
		who  beneficiary.Beneficiary
		kin  []beneficiary.Beneficiary
		want string
	}{
		"18 today":                   {born(2008, 3, 1, "day"), nil, "[]"},
		"18 tomorrow":                {born(2008, 3, 2, "day"), nil, "[uasc]"},
		"perhaps 17":                 {born(2008, 1, 1, "year"), nil, "[uasc]"},
		"60 today":                   {born(1966, 3, 1, "day"), nil, "[older_person]"},
		"60 tomorrow":                {born(1966, 3, 2, "day"), nil, "[]"},
		"age unknown":                {unknown, nil, "[]"},
		"with somebody of any age":   {born(2020, 1, 1, "day"), []beneficiary.Beneficiary{born(2020, 1, 1, "day"), unknown}, "[family_with_children]"},
		"a grandmother with a child": {born(1950, 1, 1, "day"), []beneficiary.Beneficiary{born(1950, 1, 1, "day"), born(2020, 1, 1, "day")}, "[family_with_children older_person]"},
		"two adults":                 {born(1990, 1, 1, "day"), []beneficiary.Beneficiary{born(1990, 1, 1, "day"), born(1991, 1, 1, "day")}, "[]"},
	} {
		if got := fmt.Sprint(groupsOfPerson(centre.DefaultPolicy().Reception, &c.who, c.kin, day)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
