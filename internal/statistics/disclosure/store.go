package disclosure

import "fmt"

// Hidden lists the cells that a table hides, in a fixed order, for [Restore]. Cells that are withheld by rule are not
// among them. It must never reach an outside audience as it is: it is half of the frozen table.
func (t *Table) Hidden() [][]string {
	hidden := [][]string{}
	for cell, r := range t.reason {
		if r == Primary || r == Complementary {
			hidden = append(hidden, t.codes(cell))
		}
	}
	return hidden
}

// Restore makes the table again that was published: the same counts, profile and hidden cells. What Protect would hide
// today does not matter. The cube may have more members than it had, if their counts are zero. It fails with
// [ErrSelection] where a hidden cell is not in the cube.
func Restore(c *Cube, p Profile, hidden [][]string) (*Table, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	s := newSuppressor(c, p)
	s.suppressPrimary()
	for cell, r := range s.reason {
		if r == Primary {
			s.reason[cell] = Published
		}
	}
	t := &Table{lattice: s.lattice}
	for _, codes := range hidden {
		cell, err := t.find(codes)
		if err != nil {
			return nil, fmt.Errorf("restore: %w", err)
		}
		s.reason[cell] = Complementary
		if s.need[cell] > 0 {
			s.reason[cell] = Primary
		}
	}
	return newTable(s), nil
}

// Knows tells whether a dimension of the table has a member.
func (t *Table) Knows(dimension, code string) bool {
	for _, tree := range t.trees {
		if tree.name == dimension {
			_, ok := tree.node[code]
			return ok
		}
	}
	return false
}
