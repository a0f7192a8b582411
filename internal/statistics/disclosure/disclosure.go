// Package disclosure stands between a cube of counts and an outside audience.
//
// For the statistician. A [Cube] holds counts of persons by several dimensions; the margins over every subset of
// dimensions, and over every level of a hierarchy (centre, region, country), form one additive lattice, and all of it is
// protected at once by [Protect].
//
// Primary suppression hides every count 0 < n < k; k comes from the [Profile] of the audience and is stricter for
// sensitive dimensions and for minors. Complementary suppression then plays the attacker, and hides the smallest
// published count beside whatever the attacker finds, until nothing is found. The attacker has three arguments. First,
// bounds: on every line (a total and its parts) each hidden count lies between what the others leave it; the ranges are
// narrowed along all lines to a fixpoint. A small count must keep a range as wide as the profile's Protection, any
// other hidden count must not be known for certain. This contains the usual rule of two hidden cells on every line.
// Second, the same for a reader who knows that zeros are published, so that a hidden count is at least 1. Third, linear
// algebra, as two cells on each line are not enough in three dimensions: the hidden cells are the unknowns of the
// lattice's equations, which are brought into echelon form modulo a large prime; a cell is exposed if it is the same in
// every solution. Only what the first step of a chain of bounds exposes is repaired at a time, since the rest mostly
// has the same cause: this is what keeps totals published. The search ends, because a table with all its non-zero
// cells hidden gives nothing away. Last, published counts are rounded if the profile says so, by a keyed hash of the
// cell, so that asking again never averages the rounding out.
//
// Protect the full, fixed cube once per cube, period and audience, and answer each request with [Table.Select] from that
// one table. Protecting month by sex for one request and sex by age for the next makes two patterns of suppression,
// and the difference between them can be read. Before a revision is released, ask [Difference].
//
// The rules are those of cell suppression as practised for health and population statistics; the defaults are the
// [Public], [Government], [Partner] and [Internal] profiles. Not covered: a reader who is among the persons counted, who
// reasons from why one complementary cell was chosen over another, or who narrows ranges by integer programming over
// many lines at once (ranges are checked line by line, certainty is checked over all). A cube with few persons per cell
// loses most of its detail and even totals: use longer periods or broader groups instead.
package disclosure

import "slices"

// Protect hides what the profile's audience must not learn from the cube, in all margins at once. The same cube, in
// whatever order its rows and members come, gives the same table. It fails with [ErrProfile] where the profile is not
// sound and with [ErrSensitive] where the cube has a sensitive dimension that the profile does not allow.
func Protect(c *Cube, p Profile) (*Table, error) { return ProtectAfter(c, p, nil) }

// ProtectAfter is Protect for an audience that has seen an earlier table of the cube, of the same dimensions (nil: it
// has not). What was published and has not changed stays published, since it cannot be hidden again; what was hidden stays
// hidden, unless it is zero now. So a table can be released piece by piece: open another [Member.Closed] member each
// time. While the earlier counts stay, a way out is always left, as everything new may be hidden; where they change it
// can fail, and the new table must wait. Whether changed counts give persons away is for [Difference] to say.
func ProtectAfter(c *Cube, p Profile, before *Table) (*Table, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	if err := p.admits(c); err != nil {
		return nil, err
	}
	s := newSuppressor(c, p)
	s.suppressPrimary()
	if before != nil {
		s.keep(before)
	}
	if p.skips == complementary {
		return newTable(s), nil
	}
	if err := s.suppressComplementary(); err != nil {
		return nil, err
	}
	return newTable(s), nil
}

// suppressor is the working state of one Protect: for each cell why it is hidden and how well it must be.
type suppressor struct {
	*lattice
	linesOf   [][]int32 // by cell: the lines it is part of
	profile   Profile
	hidesZero bool // a hidden cell may be a zero
	reason    []Reason
	threshold []int64 // the k that applies to each cell
	need      []int64 // how wide the range of a hidden cell has to stay; 0 = it may be known
	free      []bool  // by cell: linear algebra does not determine it
	fixed     []bool  // by cell: was published before, so that it cannot be hidden
}

func newSuppressor(c *Cube, p Profile) *suppressor {
	l := c.lattice()
	s := &suppressor{
		lattice: l, profile: p,
		hidesZero: p.HideSensitiveZeros && slices.ContainsFunc(c.trees, func(t *tree) bool { return t.sensitive }),
		reason:    make([]Reason, l.size),
		threshold: make([]int64, l.size),
		need:      make([]int64, l.size),
		free:      make([]bool, l.size),
		fixed:     make([]bool, l.size),
	}
	s.linesOf = linesByCell(s.lines, l.size)
	return s
}

// suppressPrimary marks the cells that are too small to show, and the crossings that are too fine to release.
func (s *suppressor) suppressPrimary() {
	at := make([]int, len(s.trees))
	for cell := range s.reason {
		s.locate(cell, at)
		t := s.traits(at)
		s.threshold[cell] = s.profile.minCell(t)
		s.need[cell] = s.needed(cell, t)
		switch {
		case s.profile.withholds(t):
			s.reason[cell] = Withheld
		case s.need[cell] > 0:
			s.reason[cell] = Primary
		}
	}
}

// keep takes over what an earlier table decided. Members that it did not have were zero, and known to be.
func (s *suppressor) keep(before *Table) {
	for cell, reason := range s.reason {
		if reason == Withheld {
			continue
		}
		was, err := before.find(s.codes(cell))
		switch {
		case err != nil:
			s.fixed[cell] = s.count[cell] == 0
		case before.reason[was] == Withheld:
		case before.reason[was] == Published:
			if before.count[was] == s.count[cell] {
				s.fixed[cell], s.reason[cell], s.need[cell] = true, Published, 0
			}
		case s.mayHide(cell):
			s.hide(cell)
		}
	}
	s.settle()
}

// settle publishes what follows from fixed cells alone, such as a quarter of three months that were published: to hide
// it would be in vain.
func (s *suppressor) settle() {
	for cell, r := range s.reason {
		s.fixed[cell] = s.fixed[cell] || r == Published && s.count[cell] == 0 && !s.hidesZero
	}
	for again := true; again; {
		again = false
		for _, ln := range s.lines {
			if cell, ok := s.lastOpen(ln); ok {
				s.fixed[cell] = true
				again = true
			}
		}
	}
}

// lastOpen returns the only cell of a line that is not fixed, if it is not one to be hidden.
func (s *suppressor) lastOpen(ln line) (last int32, only bool) {
	for _, cell := range ln {
		if s.fixed[cell] {
			continue
		}
		if only || s.reason[cell] != Published {
			return 0, false
		}
		last, only = cell, true
	}
	return last, only
}

// needed is how wide the range of a cell has to stay from the start; 0 where the count may be known.
func (s *suppressor) needed(cell int, t traits) int64 {
	n := s.count[cell]
	switch {
	case t.closed: // a part of a sum is no count of anybody
		return 0
	case 0 < n && n < s.threshold[cell]:
		return max(1, s.profile.Protection)
	case n == 0 && t.sensitive && s.hidesZero:
		return 1
	}
	return 0
}
