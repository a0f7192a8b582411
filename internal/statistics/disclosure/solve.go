package disclosure

import (
	"cmp"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// prime is the Mersenne prime 2^61−1: rank modulo it equals rank over the rationals but for a chance of about 2^-60.
const prime = 1<<61 - 1

// term is one coefficient of a sparse equation.
type term struct {
	cell int
	coef uint64
}

// determined tells which hidden cells follow from the others by linear algebra: those that are zero in a random vector
// of the null space of the lattice's equations. Known counts do not matter, only which cells are known.
func (l *lattice) determined(hidden []bool) []bool {
	pivots := l.echelon(hidden)
	null := make([]uint64, l.size)
	draw := rand.New(rand.NewPCG(1, 2)) // fixed, so that the answer is repeatable
	determined := make([]bool, l.size)
	for cell := l.size - 1; cell >= 0; cell-- {
		switch row := pivots[cell]; {
		case !hidden[cell]:
		case row == nil:
			null[cell] = 1 + draw.Uint64N(prime-1)
		default:
			null[cell] = solve(row, null)
			determined[cell] = null[cell] == 0
		}
	}
	return determined
}

// solve returns the first cell of a row whose other cells have values and whose terms sum to zero.
func solve(row []term, value []uint64) uint64 {
	var sum uint64
	for _, t := range row[1:] {
		sum = addMod(sum, mulMod(t.coef, value[t.cell]))
	}
	return negMod(sum) // pivot rows lead with 1
}

// echelon brings the equations of the hidden cells into echelon form: rows by their first cell, which has coefficient 1.
// Totals come before their parts in index order, so that they are eliminated first and rows stay sparse.
func (l *lattice) echelon(hidden []bool) [][]term {
	pivots := make([][]term, l.size)
	var spare []term
	for _, row := range l.equations(hidden) {
		for len(row) > 0 && pivots[row[0].cell] != nil {
			row, spare = eliminate(row, pivots[row[0].cell], spare[:0]), row
		}
		if len(row) > 0 {
			pivots[row[0].cell] = normalise(slices.Clone(row))
		}
	}
	return pivots
}

// equations returns the lattice's equations in the hidden cells, the shortest first.
func (l *lattice) equations(hidden []bool) [][]term {
	var rows [][]term
	for _, ln := range l.lines {
		var row []term
		for i, cell := range ln {
			if hidden[cell] && i == 0 {
				row = append(row, term{int(cell), prime - 1})
			} else if hidden[cell] {
				row = append(row, term{int(cell), 1})
			}
		}
		if len(row) > 0 {
			slices.SortFunc(row, func(a, b term) int { return cmp.Compare(a.cell, b.cell) })
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b []term) int { return cmp.Compare(len(a), len(b)) })
	return rows
}

// eliminate subtracts the pivot row as often as makes the first cell vanish, and appends what is left to out.
func eliminate(row, pivot, out []term) []term {
	factor := negMod(row[0].coef)
	i, j := 1, 1
	for i < len(row) && j < len(pivot) {
		switch a, b := row[i], pivot[j]; {
		case a.cell < b.cell:
			out = append(out, a)
			i++
		case b.cell < a.cell:
			out = append(out, term{b.cell, mulMod(factor, b.coef)})
			j++
		default:
			if c := addMod(a.coef, mulMod(factor, b.coef)); c != 0 {
				out = append(out, term{a.cell, c})
			}
			i, j = i+1, j+1
		}
	}
	out = append(out, row[i:]...)
	for _, b := range pivot[j:] {
		out = append(out, term{b.cell, mulMod(factor, b.coef)})
	}
	return out
}

// normalise scales a row so that it leads with 1.
func normalise(row []term) []term {
	inverse := powMod(row[0].coef, prime-2)
	for i := range row {
		row[i].coef = mulMod(row[i].coef, inverse)
	}
	return row
}

func addMod(a, b uint64) uint64 {
	if s := a + b; s < prime {
		return s
	}
	return a + b - prime
}

func negMod(a uint64) uint64 {
	if a == 0 {
		return 0
	}
	return prime - a
}

// mulMod uses that 2^61 is 1 modulo the prime.
func mulMod(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return addMod(lo&prime, hi<<3|lo>>61)
}

func powMod(base, exponent uint64) uint64 {
	result := uint64(1)
	for ; exponent > 0; exponent >>= 1 {
		if exponent&1 == 1 {
			result = mulMod(result, base)
		}
		base = mulMod(base, base)
	}
	return result
}
