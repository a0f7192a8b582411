// Package headcount counts people without a name, by sex and age group: at arrival, at a service, in a session.
package headcount

import (
	"fmt"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// Tally counts people of one sex and age group.
type Tally struct {
	Sex      string `json:"sex"`       // code list sex
	AgeGroup string `json:"age_group"` // code list age_group
	Persons  int    `json:"persons"`
}

// Sum returns how many people tallies count; it adds to rules where the same people may have been counted twice.
func Sum(rules *fault.Error, pointer string, tallies []Tally) (persons int) {
	type group struct{ sex, age string }
	seen := map[group]bool{}
	for i, t := range tallies {
		g := group{t.Sex, t.AgeGroup}
		if seen[g] {
			rules.Add(fmt.Sprintf("%s/%d", pointer, i), "repeated", "This sex and age group is counted already. Add the two up.")
		}
		seen[g] = true
		persons += t.Persons
	}
	return persons
}

// To turns a tally into its answer.
func To(t *Tally) api.Headcount {
	return api.Headcount{Sex: t.Sex, AgeGroup: t.AgeGroup, Persons: t.Persons}
}

// From reads tallies of a request; nil where none are given.
func From(counts []api.Headcount) []Tally {
	if counts == nil {
		return nil
	}
	return wire.Each(counts, func(c *api.Headcount) Tally { return Tally{Sex: c.Sex, AgeGroup: c.AgeGroup, Persons: c.Persons} })
}
