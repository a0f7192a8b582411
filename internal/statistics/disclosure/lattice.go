package disclosure

import (
	"fmt"
	"slices"
)

// tree is a dimension as the lattice sees it: node 0 is the total, the others are the members sorted by code, so that
// nothing depends on the order in which members were listed.
type tree struct {
	name      string
	sensitive bool
	code      []string
	parent    []int // parent[0] is -1
	children  [][]int
	minor     []bool
	closed    []bool
	node      map[string]int
	listed    []int // nodes in the order of the dimension's members
	bottomUp  []int // every node but the total, children before parents
}

func newTree(d Dimension) (*tree, error) {
	t := &tree{name: d.Name, sensitive: d.Sensitive, code: []string{Total}, node: map[string]int{}}
	for _, m := range d.Members {
		t.code = append(t.code, m.Code)
	}
	slices.Sort(t.code)
	for i, code := range t.code[1:] {
		if code == t.code[i] {
			return nil, fmt.Errorf("%w: code %q of %s is empty or repeated", ErrCube, code, d.Name)
		}
		t.node[code] = i + 1
	}
	if len(d.Members) == 0 {
		return nil, fmt.Errorf("%w: %s has no members", ErrCube, d.Name)
	}
	if err := t.link(d); err != nil {
		return nil, err
	}
	t.inheritMinor()
	t.inheritClosed(d)
	return t, nil
}

// link connects members with their parents and refuses cycles.
func (t *tree) link(d Dimension) error {
	t.parent, t.minor = make([]int, len(t.code)), make([]bool, len(t.code))
	t.children = make([][]int, len(t.code))
	t.parent[0] = -1
	for _, m := range d.Members {
		node := t.node[m.Code]
		parent, ok := t.node[m.Parent]
		if !ok && m.Parent != Total {
			return fmt.Errorf("%w: parent %q in %s is not a member", ErrCube, m.Parent, d.Name)
		}
		t.parent[node], t.minor[node] = parent, m.Minor
		t.listed = append(t.listed, node)
	}
	for node := 1; node < len(t.code); node++ {
		t.children[t.parent[node]] = append(t.children[t.parent[node]], node)
	}
	topDown := []int{0}
	for i := 0; i < len(topDown); i++ {
		topDown = append(topDown, t.children[topDown[i]]...)
	}
	if len(topDown) != len(t.code) {
		return fmt.Errorf("%w: parents in %s form a circle", ErrCube, d.Name)
	}
	t.bottomUp = slices.Clone(topDown[1:])
	slices.Reverse(t.bottomUp)
	return nil
}

// inheritMinor passes the mark down from a group to its members, and up to a group of nothing but minors.
func (t *tree) inheritMinor() {
	for _, node := range slices.Backward(t.bottomUp) {
		t.minor[node] = t.minor[node] || t.minor[t.parent[node]]
	}
	for _, node := range t.bottomUp {
		if !t.leaf(node) {
			t.minor[node] = !slices.ContainsFunc(t.children[node], func(c int) bool { return !t.minor[c] })
		}
	}
}

// inheritClosed passes the mark up, the total included: a sum with a part missing would tell the part later.
func (t *tree) inheritClosed(d Dimension) {
	t.closed = make([]bool, len(t.code))
	for _, m := range d.Members {
		t.closed[t.node[m.Code]] = m.Closed
	}
	for _, node := range t.bottomUp {
		t.closed[t.parent[node]] = t.closed[t.parent[node]] || t.closed[node]
	}
}

func (t *tree) leaf(node int) bool { return node != 0 && len(t.children[node]) == 0 }

// lattice is every cell of a cube and of all its margins, addressed by one index: the sum of node × stride.
type lattice struct {
	name   string
	trees  []*tree
	stride []int
	size   int
	count  []int64
	lines  []line // every equation, filled by Cube.lattice
}

func newShape(trees []*tree) (*lattice, error) {
	l := &lattice{trees: trees, stride: make([]int, len(trees)), size: 1}
	for d := len(trees) - 1; d >= 0; d-- {
		l.stride[d] = l.size
		l.size *= len(trees[d].code)
		if l.size > maxCells {
			return nil, fmt.Errorf("%w: more than %d cells with margins", ErrCube, maxCells)
		}
	}
	return l, nil
}

// coordinate returns the node of a cell on one dimension.
func (l *lattice) coordinate(cell, d int) int { return cell / l.stride[d] % len(l.trees[d].code) }

// locate writes the nodes of a cell into at, one per dimension.
func (l *lattice) locate(cell int, at []int) {
	for d, stride := range l.stride {
		at[d] = cell / stride
		cell %= stride
	}
}

// codes names a cell: one member code per dimension, Total where it is a margin.
func (l *lattice) codes(cell int) []string {
	codes := make([]string, len(l.trees))
	for d, stride := range l.stride {
		codes[d] = l.trees[d].code[cell/stride]
		cell %= stride
	}
	return codes
}

// addMargins sums the finest cells up, one dimension after the other.
func (l *lattice) addMargins() {
	for d, t := range l.trees {
		for _, node := range t.bottomUp {
			l.eachIn(d, node, func(cell int) {
				l.count[cell+(t.parent[node]-node)*l.stride[d]] += l.count[cell]
			})
		}
	}
}

// eachIn visits the cells whose coordinate on dimension d is node, in index order.
func (l *lattice) eachIn(d, node int, visit func(cell int)) {
	stride := l.stride[d]
	block := stride * len(l.trees[d].code)
	for start := node * stride; start < l.size; start += block {
		for cell := start; cell < start+stride; cell++ {
			visit(cell)
		}
	}
}

// line is one equation of the lattice: a total followed by the parts that add up to it.
type line []int32

// allLines lists every equation: each cell that is a total on some dimension, against its parts there.
func (l *lattice) allLines() []line {
	var lines []line
	for d, t := range l.trees {
		for node, children := range t.children {
			if len(children) == 0 {
				continue
			}
			l.eachIn(d, node, func(cell int) {
				ln := make(line, 1, 1+len(children))
				ln[0] = int32(cell)
				for _, child := range children {
					ln = append(ln, int32(cell+(child-node)*l.stride[d]))
				}
				lines = append(lines, ln)
			})
		}
	}
	return lines
}

func linesByCell(lines []line, cells int) [][]int32 {
	of := make([][]int32, cells)
	for i, ln := range lines {
		for _, cell := range ln {
			of[cell] = append(of[cell], int32(i))
		}
	}
	return of
}

// traits are what decides how strictly a cell is treated.
type traits struct {
	crossed                  int // dimensions on which it is not a total
	sensitive, minor, closed bool
}

func (l *lattice) traits(at []int) traits {
	var t traits
	for d, node := range at {
		t.closed = t.closed || l.trees[d].closed[node]
		if node == 0 {
			continue
		}
		t.crossed++
		t.sensitive = t.sensitive || l.trees[d].sensitive
		t.minor = t.minor || l.trees[d].minor[node]
	}
	return t
}
