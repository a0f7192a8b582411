package reception

import (
	"slices"
	"strconv"
	"time"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/headcount"
)

// The priority groups of the toolkit that the register or a headcount can tell of (code list
// reception_priority_group). Pain and mental health are seen at triage alone: what the register
// knows of them is restricted.
const (
	familyWithChildren = "family_with_children"
	unaccompanied      = "uasc"
	pregnant           = "pregnant"
	olderPerson        = "older_person"
	disability         = "disability"
	otherVulnerability = "other_vulnerability"
)

// The bands of the queue (code list reception_priority_band), the first seen first.
const (
	urgent = "urgent"
	high   = "high"
	normal = "normal"
)

// groupOfNeed says to which priority group a specific need belongs: by its code, or by the code
// above it. A need that is not here says nothing about who is seen first.
var groupOfNeed = map[string]map[string]string{
	"migrant_vulnerability": {
		"uac": unaccompanied, "separated_child": unaccompanied, "pregnant_lactating": pregnant, "older_person": olderPerson, "disability": disability,
		"single_headed_household": familyWithChildren, "malnutrition": otherVulnerability, "born_on_journey": otherVulnerability,
	},
	"specific_need_unhcr": {
		"SC": unaccompanied, "PG": pregnant, "CR-TP": pregnant, "ER": olderPerson, "DS": disability, "SP": familyWithChildren,
		"CR": otherVulnerability, "WR": otherVulnerability,
	},
}

// adulthood is the age from which nobody is a child (handbook 3.7).
const adulthood = 18

// groupsOfNeeds returns the priority groups that needs tell of. It passes over every restricted need,
// whoever asks: the queue is one for all readers, so that a place in it must betray nothing.
func groupsOfNeeds(needs []beneficiary.SpecificNeed) (groups []string) {
	for _, n := range needs {
		if n.Sensitivity == "restricted" || n.EndedOn != nil {
			continue
		}
		of := groupOfNeed[n.CodeSystem]
		group := of[n.Code]
		if list, _ := codelist.Get(n.CodeSystem); group == "" {
			entry, _ := list.Entry(n.Code)
			group = of[entry.Parent]
		}
		if group != "" {
			groups = append(groups, group)
		}
	}
	return groups
}

// groupsOfPerson returns the priority groups that age and household tell of. kin are the people of
// today's household, the person among them. A child of whom no adult is known here is taken to be
// unaccompanied: in doubt a child is protected.
func groupsOfPerson(p centre.ReceptionPolicy, b *beneficiary.Beneficiary, kin []beneficiary.Beneficiary, day time.Time) (groups []string) {
	child := func(b beneficiary.Beneficiary) bool { return b.ChildOn(day) }
	adults := slices.ContainsFunc(kin, func(b beneficiary.Beneficiary) bool { return !child(b) })
	if adults && slices.ContainsFunc(kin, child) {
		groups = append(groups, familyWithChildren)
	}
	if b.ChildOn(day) && !adults {
		groups = append(groups, unaccompanied)
	}
	if b.BirthDate != nil && !b.BirthDate.AddDate(p.OlderFromAge, 0, 0).After(day) {
		groups = append(groups, olderPerson)
	}
	return groups
}

// groupsOfTallies returns the priority groups that a headcount tells of; see groupsOfPerson.
func groupsOfTallies(p centre.ReceptionPolicy, tallies []headcount.Tally) (groups []string) {
	ages, _ := codelist.Get("age_group")
	var children, older, others bool
	for _, t := range tallies {
		entry, _ := ages.Entry(t.AgeGroup)
		from, errFrom := strconv.Atoi(entry.Extra["age_from"])
		to, errTo := strconv.Atoi(entry.Extra["age_to"])
		child := errTo == nil && to < adulthood
		children, others = children || child, others || !child
		older = older || errFrom == nil && from >= p.OlderFromAge
	}
	switch {
	case children && others:
		groups = append(groups, familyWithChildren)
	case children:
		groups = append(groups, unaccompanied)
	}
	if older {
		groups = append(groups, olderPerson)
	}
	return groups
}

// band adds up the weights of groups, each once.
func band(p centre.ReceptionPolicy, groups []string) string {
	sum, seen := 0, map[string]bool{}
	for _, g := range groups {
		if !seen[g] {
			sum += p.Weights[g]
		}
		seen[g] = true
	}
	switch {
	case sum >= p.UrgentFrom:
		return urgent
	case sum >= p.HighFrom:
		return high
	}
	return normal
}
