package disclosure

import (
	"fmt"
	"slices"
)

// Reason tells why a cell is hidden. It is for audits inside the house: outsiders see one flag for all, because
// knowing which cell is primary narrows its count to below k.
type Reason uint8

// The reasons, in the notation of the field: S, C, and what is too fine to release.
const (
	Published     Reason = iota
	Primary              // below the threshold (S)
	Complementary        // hidden so that another cell cannot be computed (C)
	Withheld             // crosses more dimensions than the audience may see, or is not released yet (Member.Closed)
)

func (r Reason) String() string {
	return [...]string{"published", "primary", "complementary", "withheld"}[r]
}

// Table is a protected cube: the one source for every answer to its audience. It is safe for concurrent use.
type Table struct {
	*lattice
	profile   Profile
	reason    []Reason
	threshold []int64
	shown     []int64 // published counts, rounded; 0 where hidden
}

// Cell is what an audience sees of one cell.
type Cell struct {
	Members    []string // one code per dimension of the cube, Total where all members are counted together
	Count      int64    // persons; 0 where suppressed
	Suppressed bool
	Rounded    bool // the count is only right to the profile's base; set on every published cell, changed or not
	threshold  int64
}

func newTable(s *suppressor) *Table {
	t := &Table{
		lattice: s.lattice, profile: s.profile, reason: s.reason, threshold: s.threshold, shown: make([]int64, s.size),
	}
	r := newRounder(s.profile, s.name)
	for cell, n := range t.count {
		switch {
		case t.reason[cell] != Published:
		case r != nil:
			t.shown[cell] = r.round(n, t.threshold[cell], t.codes(cell))
		default:
			t.shown[cell] = n
		}
	}
	return t
}

// At returns one cell, named by a code per dimension in the order of the cube; [Total] stands for all members. It fails
// with [ErrSelection] on unknown codes.
func (t *Table) At(codes ...string) (Cell, error) {
	cell, err := t.find(codes)
	if err != nil {
		return Cell{}, err
	}
	return t.cell(cell), nil
}

// Reason tells, for audits, why a cell is hidden or that it is published. It must never reach an outside audience.
func (t *Table) Reason(codes ...string) (Reason, error) {
	cell, err := t.find(codes)
	if err != nil {
		return Published, err
	}
	return t.reason[cell], nil
}

// Tally counts the cells of the whole lattice by reason.
func (t *Table) Tally() map[Reason]int {
	tally := map[Reason]int{}
	for _, r := range t.reason {
		tally[r]++
	}
	return tally
}

// Select answers a request from the protected table: the cells in which each dimension of dims takes its members and
// every other dimension is a total. Cells come in the order of the members, the last dimension fastest.
//
// Without a filter a dimension takes its finest members; filters name the members wanted instead, of any level and
// [Total] included. A filter on a dimension outside dims must name one member, which every cell then has. Nothing is
// ever summed: a group of members that is no cell of the table fails with [ErrSelection], as do unknown names; more
// dimensions than the profile allows fail with [ErrTooManyDimensions].
func (t *Table) Select(dims []string, filters map[string][]string) ([]Cell, error) {
	axes := make([][]int, len(t.trees))
	for d, tree := range t.trees {
		axis, err := tree.pick(slices.Contains(dims, tree.name), filters[tree.name])
		if err != nil {
			return nil, err
		}
		axes[d] = axis
	}
	if err := t.knows(dims, filters); err != nil {
		return nil, err
	}
	if crossed := crossedBy(axes); t.profile.MaxDimensions > 0 && crossed > t.profile.MaxDimensions {
		return nil, fmt.Errorf("%w: %d, at most %d", ErrTooManyDimensions, crossed, t.profile.MaxDimensions)
	}
	return t.product(axes), nil
}

// pick returns the nodes that a selection takes on one dimension.
func (t *tree) pick(asked bool, codes []string) ([]int, error) {
	if len(codes) == 0 {
		if !asked {
			return []int{0}, nil
		}
		return slices.DeleteFunc(slices.Clone(t.listed), func(n int) bool { return !t.leaf(n) }), nil
	}
	if !asked && len(codes) > 1 {
		return nil, fmt.Errorf("%w: members of %s would have to be summed", ErrSelection, t.name)
	}
	wanted := map[int]bool{}
	for _, code := range codes {
		node, ok := t.node[code]
		if !ok && code != Total {
			return nil, fmt.Errorf("%w: %q is not a member of %s", ErrSelection, code, t.name)
		}
		wanted[node] = true
	}
	return slices.DeleteFunc(append(slices.Clone(t.listed), 0), func(n int) bool { return !wanted[n] }), nil
}

func (t *Table) knows(dims []string, filters map[string][]string) error {
	names := slices.Clone(dims)
	for name := range filters {
		names = append(names, name)
	}
	for _, name := range names {
		if !slices.ContainsFunc(t.trees, func(d *tree) bool { return d.name == name }) {
			return fmt.Errorf("%w: no dimension %q", ErrSelection, name)
		}
	}
	return nil
}

func crossedBy(axes [][]int) int {
	crossed := 0
	for _, axis := range axes {
		if slices.ContainsFunc(axis, func(n int) bool { return n != 0 }) {
			crossed++
		}
	}
	return crossed
}

func (t *Table) product(axes [][]int) []Cell {
	cells := []int{0}
	for d, axis := range axes {
		next := make([]int, 0, len(cells)*len(axis))
		for _, cell := range cells {
			for _, node := range axis {
				next = append(next, cell+node*t.stride[d])
			}
		}
		cells = next
	}
	out := make([]Cell, len(cells))
	for i, cell := range cells {
		out[i] = t.cell(cell)
	}
	return out
}

func (t *Table) cell(cell int) Cell {
	hidden := t.reason[cell] != Published
	return Cell{
		Members: t.codes(cell), Count: t.shown[cell], Suppressed: hidden,
		Rounded: !hidden && t.profile.RoundingBase > 1, threshold: t.threshold[cell],
	}
}

func (t *Table) find(codes []string) (int, error) {
	if len(codes) != len(t.trees) {
		return 0, fmt.Errorf("%w: %d coordinates for %d dimensions", ErrSelection, len(codes), len(t.trees))
	}
	cell := 0
	for d, code := range codes {
		node, ok := t.trees[d].node[code]
		if !ok && code != Total {
			return 0, fmt.Errorf("%w: %q is not a member of %s", ErrSelection, code, t.trees[d].name)
		}
		cell += node * t.stride[d]
	}
	return cell, nil
}

// Rate returns numerator ÷ denominator as published. It is false, and the rate is suppressed, where either is
// suppressed or the denominator is below the stricter threshold of the two (or zero).
func Rate(numerator, denominator Cell) (float64, bool) {
	least := max(1, numerator.threshold, denominator.threshold)
	if numerator.Suppressed || denominator.Suppressed || denominator.Count < least {
		return 0, false
	}
	return float64(numerator.Count) / float64(denominator.Count), true
}
