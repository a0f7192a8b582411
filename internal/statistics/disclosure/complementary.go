package disclosure

import (
	"cmp"
	"fmt"
	"slices"
)

// suppressComplementary hides more cells until no hidden cell is exposed. Each round hides at least one more, and a
// table with every non-zero cell hidden exposes none (double every count: nothing published changes), so it ends.
func (s *suppressor) suppressComplementary() error {
	for {
		exposed := s.exposed()
		if len(exposed) == 0 {
			return nil
		}
		if !s.cover(exposed) {
			return fmt.Errorf("disclosure: nothing left to hide for cell %v", s.codes(exposed[0].cell))
		}
	}
}

// exposed returns hidden cells that some reader can narrow down, by the cheapest argument that finds any.
func (s *suppressor) exposed() []exposure {
	for _, r := range []reader{cautious, informed} {
		if found := s.exposedByBounds(r); len(found) > 0 {
			return found
		}
	}
	if s.profile.skips == algebra {
		return nil
	}
	return s.exposedByAlgebra()
}

// reader is what somebody takes for granted about hidden cells.
type reader uint8

const (
	cautious reader = iota // counts are not negative
	informed               // and not zero either: zeros are published, says the methodology
)

// need: against the informed reader it is enough that no count is known for certain.
func (r reader) need(need int64) int64 {
	if r == informed {
		return min(need, 1)
	}
	return need
}

// floor is the least that a reader takes a hidden cell for.
func (s *suppressor) floor(cell int, r reader) int64 {
	if r == cautious || s.hidesZero || s.reason[cell] == Withheld {
		return 0
	}
	return 1
}

// exposure is a hidden cell that a reader can narrow down, and the lines through which it happens.
type exposure struct {
	cell  int
	lines []int32
}

// cover hides, for each exposed cell, the cheapest published cell near it, unless an earlier one already helped
// there. The smallest cells go first. It tells whether it hid anything.
func (s *suppressor) cover(exposed []exposure) (hid bool) {
	slices.SortStableFunc(exposed, func(a, b exposure) int {
		return cmp.Or(cmp.Compare(s.count[a.cell], s.count[b.cell]), cmp.Compare(a.cell, b.cell))
	})
	helped := map[int32]bool{}
	for _, e := range exposed {
		if slices.ContainsFunc(e.lines, func(l int32) bool { return helped[l] }) {
			continue
		}
		if cell, ok := s.cheapestNear(e.lines); ok {
			s.hide(cell)
			hid = true
			for _, l := range s.linesOf[cell] {
				helped[l] = true
			}
		}
	}
	return hid
}

func (s *suppressor) hide(cell int) {
	s.reason[cell] = Complementary
	s.need[cell] = 1
}

// cheapestNear looks for the published cell of least count on the lines, then on the lines of their hidden cells, and
// so on outwards.
func (s *suppressor) cheapestNear(lines []int32) (int, bool) {
	seen := map[int32]bool{}
	for len(lines) > 0 {
		if cell, ok := s.cheapestOn(lines); ok {
			return cell, true
		}
		lines = s.outwards(lines, seen)
	}
	return 0, false
}

// outwards returns the lines not yet seen that share a hidden cell with these.
func (s *suppressor) outwards(lines []int32, seen map[int32]bool) (next []int32) {
	for _, l := range lines {
		seen[l] = true
	}
	for _, l := range lines {
		for _, cell := range s.lines[l] {
			if s.reason[cell] == Published {
				continue
			}
			for _, beyond := range s.linesOf[cell] {
				if !seen[beyond] {
					seen[beyond] = true
					next = append(next, beyond)
				}
			}
		}
	}
	return next
}

// cheapestOn returns the published cell of least count on the lines; parts go before their totals.
func (s *suppressor) cheapestOn(lines []int32) (best int, ok bool) {
	for _, l := range lines {
		for _, c := range s.lines[l] {
			cell := int(c)
			if !s.mayHide(cell) {
				continue
			}
			if !ok || cmp.Or(cmp.Compare(s.count[cell], s.count[best]), cmp.Compare(best, cell)) < 0 {
				best, ok = cell, true
			}
		}
	}
	return best, ok
}

// mayHide: zeros stay published unless the profile hides zeros, and so does what was published before.
func (s *suppressor) mayHide(cell int) bool {
	return s.reason[cell] == Published && !s.fixed[cell] && (s.count[cell] > 0 || s.hidesZero)
}

// exposedByAlgebra returns the hidden cells that follow from the published ones by linear algebra. A cell that is free
// in one slice of the table is free in all of it, and stays free when more is hidden. Slices are quick to solve; the
// whole table is only solved where they leave a doubt.
func (s *suppressor) exposedByAlgebra() []exposure {
	for d := range s.trees {
		if unsure := s.unsure(); len(unsure) > 0 {
			s.release(s.slice(d, unsure))
		}
	}
	if len(s.unsure()) > 0 {
		s.release(s.unknowns())
	}
	var exposed []exposure
	for _, cell := range s.unsure() {
		exposed = append(exposed, exposure{cell, s.linesOf[cell]})
	}
	return exposed
}

// unsure lists the cells that need protection and have not been shown to be free.
func (s *suppressor) unsure() []int {
	var cells []int
	for cell, need := range s.need {
		if need > 0 && !s.free[cell] {
			cells = append(cells, cell)
		}
	}
	return cells
}

// release marks the cells that keep their freedom when the reader knows everything but these unknowns.
func (s *suppressor) release(unknown []bool) {
	for cell, known := range s.determined(unknown) {
		if unknown[cell] && !known {
			s.free[cell] = true
		}
	}
}

// unknowns are the hidden cells. Withheld zeros that may be known are given to the reader: it is on the safe side, and
// there are many.
func (s *suppressor) unknowns() []bool {
	unknown := make([]bool, s.size)
	for cell, r := range s.reason {
		unknown[cell] = r != Published && (r != Withheld || s.count[cell] > 0 || s.hidesZero)
	}
	return unknown
}

// slice gives the reader all totals of dimension d, so that its members can be solved one by one, and all members but
// those of the given cells.
func (s *suppressor) slice(d int, cells []int) []bool {
	wanted := make([]bool, len(s.trees[d].code))
	for _, cell := range cells {
		wanted[s.coordinate(cell, d)] = true
	}
	unknown := s.unknowns()
	for node := range wanted {
		if !wanted[node] || !s.trees[d].leaf(node) {
			s.eachIn(d, node, func(cell int) { unknown[cell] = false })
		}
	}
	return unknown
}
