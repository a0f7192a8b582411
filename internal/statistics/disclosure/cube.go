package disclosure

import (
	"errors"
	"fmt"
	"math"
)

// Total is the code that stands for "all members" of a dimension.
const Total = ""

// maxCells bounds the lattice that is held in memory: margins grow as the product of the dimensions.
const maxCells = 1 << 20

var (
	// ErrCube says that dimensions or rows do not make a cube: unknown, repeated or cyclic members, negative counts.
	ErrCube = errors.New("disclosure: not a cube")
	// ErrProfile says that a profile contradicts itself.
	ErrProfile = errors.New("disclosure: unsound profile")
	// ErrSensitive says that the audience may not have one of the cube's dimensions at all.
	ErrSensitive = errors.New("disclosure: sensitive dimension")
	// ErrSelection says that a selection names what the table does not have, or would need hidden cells to be summed.
	ErrSelection = errors.New("disclosure: not a selection of this table")
	// ErrTooManyDimensions says that a selection crosses more dimensions than the audience may see at once.
	ErrTooManyDimensions = errors.New("disclosure: too many dimensions")
)

// Member is one value of a dimension.
type Member struct {
	Code   string // unique in the dimension, never empty
	Parent string // code of the member it adds up into; empty = directly into the total
	Minor  bool   // persons under 18: the stricter threshold applies
	Closed bool   // not released yet, such as a month that has not ended: neither it nor any total it is part of is shown
}

// Dimension is one axis of a cube. Members are listed in the order in which they are shown, all levels of a hierarchy
// together: centres beside the regions and countries that are their parents.
type Dimension struct {
	Name      string
	Members   []Member
	Sensitive bool // restricted data: vulnerability, health, legal status (see Profile.AllowSensitive)
}

// Cube holds counts by the finest members of its dimensions. What was never added is a true zero.
type Cube struct {
	name  string
	trees []*tree
	rows  map[int]int64 // by lattice index of the finest cell
	total int64
	shape *lattice // strides only; counts are filled by lattice()
}

// NewCube lays out an empty cube. The name distinguishes its cells from those of other cubes when counts are rounded.
// It fails with [ErrCube] on repeated or unknown codes, cyclic parents, or more than a million cells with margins.
func NewCube(name string, dims ...Dimension) (*Cube, error) {
	if len(dims) == 0 {
		return nil, fmt.Errorf("%w: no dimensions", ErrCube)
	}
	c := &Cube{name: name, rows: map[int]int64{}}
	seen := map[string]bool{}
	for _, d := range dims {
		if d.Name == "" || seen[d.Name] {
			return nil, fmt.Errorf("%w: dimension %q is unnamed or repeated", ErrCube, d.Name)
		}
		seen[d.Name] = true
		t, err := newTree(d)
		if err != nil {
			return nil, err
		}
		c.trees = append(c.trees, t)
	}
	shape, err := newShape(c.trees)
	c.shape = shape
	return c, err
}

// Add counts n more persons in one cell, named by the codes of one finest member per dimension, in the order of the
// dimensions. Rows with the same coordinates add up. It fails with [ErrCube] on a negative count, an unknown code, or
// a code that has members of its own: totals are computed, not given.
func (c *Cube) Add(n int64, codes ...string) error {
	if len(codes) != len(c.trees) {
		return fmt.Errorf("%w: %d coordinates for %d dimensions", ErrCube, len(codes), len(c.trees))
	}
	if n < 0 || n > math.MaxInt64-c.total {
		return fmt.Errorf("%w: count %d", ErrCube, n)
	}
	cell := 0
	for d, code := range codes {
		node, ok := c.trees[d].node[code]
		if !ok || !c.trees[d].leaf(node) {
			return fmt.Errorf("%w: %q is not a finest member of %s", ErrCube, code, c.trees[d].name)
		}
		cell += node * c.shape.stride[d]
	}
	c.rows[cell] += n
	c.total += n
	return nil
}

// lattice returns the counts of every cell and margin, and the equations between them.
func (c *Cube) lattice() *lattice {
	l := *c.shape
	l.name = c.name
	l.count = make([]int64, l.size)
	for cell, n := range c.rows {
		l.count[cell] = n
	}
	l.addMargins()
	l.lines = l.allLines()
	return &l
}
