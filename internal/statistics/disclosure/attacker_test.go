package disclosure_test

import (
	"math/big"
	"strings"

	"github.com/waystation/waystation/internal/statistics/disclosure"
)

// attacker knows what a reader knows: the published cells, and that totals are the sums of their parts. It shares no
// code with the package: it builds its own equations and solves them over the rationals.
type attacker struct {
	cells     [][]string // every cell of the lattice, by member code
	index     map[string]int
	equations [][]int // a total, then its parts
	known     map[int]int64
	withheld  map[int]bool
}

func newAttacker(dims []disclosure.Dimension, table *disclosure.Table) *attacker {
	a := &attacker{index: map[string]int{}, known: map[int]int64{}, withheld: map[int]bool{}}
	a.cells = [][]string{nil}
	for _, d := range dims {
		var longer [][]string
		for _, cell := range a.cells {
			longer = append(longer, with(cell, len(cell), disclosure.Total))
			for _, m := range d.Members {
				longer = append(longer, with(cell, len(cell), m.Code))
			}
		}
		a.cells = longer
	}
	for i, cell := range a.cells {
		a.index[strings.Join(cell, "|")] = i
		if c := must(table.At(cell...)); !c.Suppressed {
			a.known[i] = c.Count
		}
		a.withheld[i] = must(table.Reason(cell...)) == disclosure.Withheld
	}
	for i, cell := range a.cells {
		for d := range dims {
			if parts := a.parts(dims, cell, d); len(parts) > 0 {
				a.equations = append(a.equations, append([]int{i}, parts...))
			}
		}
	}
	return a
}

func (a *attacker) parts(dims []disclosure.Dimension, cell []string, d int) []int {
	var parts []int
	for _, m := range dims[d].Members {
		if m.Parent == cell[d] {
			parts = append(parts, a.index[strings.Join(with(cell, d, m.Code), "|")])
		}
	}
	return parts
}

// with returns a copy of the codes with one replaced or appended.
func with(codes []string, d int, code string) []string {
	out := append([]string(nil), codes...)
	if d == len(out) {
		return append(out, code)
	}
	out[d] = code
	return out
}

// solve returns the hidden cells that linear algebra determines, with their counts, by reduced row echelon form.
func (a *attacker) solve() map[int]int64 {
	column, unknowns := map[int]int{}, []int{}
	for i := range a.cells {
		if _, ok := a.known[i]; !ok {
			column[i] = len(unknowns)
			unknowns = append(unknowns, i)
		}
	}
	rows := a.matrix(column)
	reduce(rows, len(unknowns))
	found := map[int]int64{}
	for _, row := range rows {
		if only := single(row[:len(unknowns)]); only >= 0 {
			value := new(big.Rat).Quo(row[len(unknowns)], row[only])
			found[unknowns[only]] = value.Num().Int64()
		}
	}
	return found
}

// matrix has one row per equation: total − parts over the unknowns, and on the right what is known of it.
func (a *attacker) matrix(column map[int]int) [][]*big.Rat {
	var rows [][]*big.Rat
	for _, eq := range a.equations {
		row := make([]*big.Rat, len(column)+1)
		for i := range row {
			row[i] = new(big.Rat)
		}
		for i, cell := range eq {
			sign := int64(-1)
			if i == 0 {
				sign = 1
			}
			if col, hidden := column[cell]; hidden {
				row[col].Add(row[col], big.NewRat(sign, 1))
			} else {
				row[len(column)].Sub(row[len(column)], big.NewRat(sign*a.known[cell], 1))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func reduce(rows [][]*big.Rat, columns int) {
	top := 0
	for col := 0; col < columns && top < len(rows); col++ {
		pivot := top
		for pivot < len(rows) && rows[pivot][col].Sign() == 0 {
			pivot++
		}
		if pivot == len(rows) {
			continue
		}
		rows[top], rows[pivot] = rows[pivot], rows[top]
		for r := range rows {
			if r != top && rows[r][col].Sign() != 0 {
				subtract(rows[r], rows[top], new(big.Rat).Quo(rows[r][col], rows[top][col]), col)
			}
		}
		top++
	}
}

func subtract(row, pivot []*big.Rat, factor *big.Rat, from int) {
	for c := from; c < len(row); c++ {
		if pivot[c].Sign() != 0 {
			row[c].Sub(row[c], new(big.Rat).Mul(factor, pivot[c]))
		}
	}
}

// single returns the only column that is not zero, or -1.
func single(row []*big.Rat) int {
	only := -1
	for c, v := range row {
		if v.Sign() == 0 {
			continue
		}
		if only >= 0 {
			return -1
		}
		only = c
	}
	return only
}

const endless = int64(1) << 40

// ranges returns the least and the most that each cell can be, line by line to a fixpoint, if a hidden cell that is
// not withheld is at least floor.
func (a *attacker) ranges(floor int64) (lo, hi []int64) {
	lo, hi = make([]int64, len(a.cells)), make([]int64, len(a.cells))
	for i := range a.cells {
		if n, ok := a.known[i]; ok {
			lo[i], hi[i] = n, n
			continue
		}
		hi[i] = endless
		if !a.withheld[i] {
			lo[i] = floor
		}
	}
	for again := true; again; {
		again = false
		for _, eq := range a.equations {
			again = narrow(eq, lo, hi) || again
		}
	}
	return lo, hi
}

func narrow(eq []int, lo, hi []int64) (changed bool) {
	set := func(cell int, least, most int64) {
		if most = min(most, endless); least > lo[cell] || most < hi[cell] {
			lo[cell], hi[cell], changed = max(lo[cell], least), min(hi[cell], most), true
		}
	}
	for i, cell := range eq {
		var least, most int64 // of the other parts together
		for _, other := range eq[1:] {
			if i == 0 || other != cell {
				least, most = least+lo[other], most+hi[other]
			}
		}
		switch {
		case i == 0:
			set(cell, least, most)
		case hi[eq[0]] == endless:
			set(cell, lo[eq[0]]-most, endless)
		default:
			set(cell, lo[eq[0]]-most, hi[eq[0]]-least)
		}
	}
	return changed
}
