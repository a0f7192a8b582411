package disclosure

import (
	"errors"
	"fmt"
	"slices"
)

// ErrRevision says that two tables cannot be compared: they do not have the same cube, dimensions and members.
var ErrRevision = errors.New("disclosure: not revisions of one table")

// Finding tells how a reader of two revisions learns of a small number.
type Finding uint8

const (
	// SmallChange: both revisions publish the exact cell, and between them it changed by 0 < |Δ| < k.
	SmallChange Finding = iota + 1
	// Recovered: a reader who guesses, rightly, which cells did not change computes a small hidden count by joining the
	// two patterns of suppression.
	Recovered
)

// Exposure is one cell that the two revisions together give away.
type Exposure struct {
	Members []string // one code per dimension, Total where all members are counted together
	Finding Finding
	Change  int64 // new minus old, persons; not for outsiders
}

// Difference tells what publishing new beside the already published old would give away; nothing means that it is
// safe. Both tables must be of the same cube with the same members (list a member that came later in both: what was
// never added is zero), else it fails with [ErrRevision]. A table is rebuilt exactly by protecting the same rows again.
// Late entries usually show as small changes of totals: gather them until the next release.
func Difference(old, new *Table) ([]Exposure, error) {
	if !old.sameShape(new) {
		return nil, ErrRevision
	}
	seen := map[int]bool{}
	var found []Exposure
	expose := func(cell int, f Finding) {
		if !seen[cell] {
			seen[cell] = true
			found = append(found, Exposure{old.codes(cell), f, new.count[cell] - old.count[cell]})
		}
	}
	for cell := range old.count {
		if old.smallChange(new, cell) {
			expose(cell, SmallChange)
		}
	}
	for _, cell := range append(old.recoveredWith(new), new.recoveredWith(old)...) {
		expose(cell, Recovered)
	}
	return found, nil
}

func (t *Table) sameShape(o *Table) bool {
	return t.name == o.name && slices.EqualFunc(t.trees, o.trees, func(a, b *tree) bool {
		return a.name == b.name && slices.Equal(a.code, b.code) && slices.Equal(a.parent, b.parent)
	})
}

// smallChange: a rounded count does not tell its change, so only exact ones count.
func (t *Table) smallChange(o *Table, cell int) bool {
	if t.reason[cell] != Published || o.reason[cell] != Published {
		return false
	}
	if t.profile.RoundingBase > 1 || o.profile.RoundingBase > 1 {
		return false
	}
	change := max(t.count[cell]-o.count[cell], o.count[cell]-t.count[cell])
	return 0 < change && change < max(t.threshold[cell], o.threshold[cell])
}

// recoveredWith returns t's small hidden cells that follow once the unchanged cells of o are known as well. Rounded
// counts are taken as exact, to be on the safe side.
func (t *Table) recoveredWith(o *Table) []int {
	hidden := make([]bool, t.size)
	for cell := range hidden {
		published := t.reason[cell] == Published ||
			o.reason[cell] == Published && t.count[cell] == o.count[cell]
		hidden[cell] = !published
	}
	determined := t.determined(hidden)
	var recovered []int
	for cell, n := range t.count {
		small := 0 < n && n < t.threshold[cell] && t.reason[cell] != Published
		if small && (!hidden[cell] || determined[cell]) {
			recovered = append(recovered, cell)
		}
	}
	return recovered
}

// String names the finding.
func (f Finding) String() string {
	switch f {
	case SmallChange:
		return "small change"
	case Recovered:
		return "recovered"
	}
	return fmt.Sprintf("Finding(%d)", uint8(f))
}
