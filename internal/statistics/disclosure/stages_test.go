package disclosure_test

import (
	"slices"
	"testing"

	"github.com/waystation/waystation/internal/statistics/disclosure"
	"pgregory.net/rapid"
)

// released is a cube of two quarters of which the first months are open.
func released(t *rapid.T, s sample, months int) (*disclosure.Cube, []disclosure.Dimension) {
	period := disclosure.Dimension{Name: "zperiod", Members: []disclosure.Member{{Code: "q1"}, {Code: "q2"}}}
	for i, code := range []string{"m1", "m2", "m3", "m4"} {
		period.Members = append(period.Members, disclosure.Member{Code: code, Parent: []string{"q1", "q2"}[i/2], Closed: i >= months})
	}
	dims := append([]disclosure.Dimension{period}, s.dims...)
	c := must(disclosure.NewCube("staged", dims...))
	for i, r := range s.rows {
		for m := range months {
			n := (s.counts[i]*int64(m+3) + int64(i*m)) % 40
			if err := c.Add(n, append([]string{[]string{"m1", "m2", "m3", "m4"}[m]}, r...)...); err != nil {
				t.Fatal(err)
			}
		}
	}
	return c, dims
}

func drawStaged(t *rapid.T) sample {
	for {
		if s := draw(t); len(s.dims) <= 2 {
			s.profile.MaxDimensions = 0
			return s
		}
	}
}

// A table that is released month by month: what was shown stays, what was hidden stays hidden, sums appear when they
// are complete, and what all releases show together, which is the last one, gives nothing away.
func TestProtectAfter_ReleasesPieceByPiece(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStaged(t)
		var before *disclosure.Table
		for months := 1; months <= 4; months++ {
			cube, dims := released(t, s, months)
			table := must(disclosure.ProtectAfter(cube, s.profile, before))
			a := newAttacker(dims, table)
			for i := range a.solve() {
				if r := must(table.Reason(a.cells[i]...)); r != disclosure.Withheld {
					t.Fatalf("after %d months %q, %s, follows by algebra", months, a.cells[i], r)
				}
			}
			for _, cell := range a.cells {
				now := must(table.At(cell...))
				if incomplete(cell[0], months) && !now.Suppressed {
					t.Fatalf("after %d months %q is shown", months, cell)
				}
				if before == nil || must(before.Reason(cell...)) == disclosure.Withheld {
					continue
				}
				if was := must(before.At(cell...)); was.Suppressed != now.Suppressed || was.Count != now.Count {
					t.Fatalf("after %d months %q went from %v to %v", months, cell, was, now)
				}
			}
			before = table
		}
	})
}

func incomplete(period string, months int) bool {
	need := map[string]int{"m1": 1, "m2": 2, "q1": 2, "m3": 3, "m4": 4, "q2": 4, disclosure.Total: 4}
	return months < need[period]
}

func TestRestore_IsTheTableThatWasPublished(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		table := must(disclosure.Protect(s.cube(), s.profile))
		again := must(disclosure.Restore(s.cube(), s.profile, table.Hidden()))
		for _, cell := range newAttacker(s.dims, table).cells {
			if a, b := must(table.At(cell...)), must(again.At(cell...)); a.Suppressed != b.Suppressed || a.Count != b.Count {
				t.Fatalf("cell %q: %v, restored %v", cell, a, b)
			}
			if a, b := must(table.Reason(cell...)), must(again.Reason(cell...)); a != b {
				t.Fatalf("cell %q: %s, restored %s", cell, a, b)
			}
		}
	})
}

func TestTable_KnowsItsMembers(t *testing.T) {
	table := must(disclosure.Protect(row(20, 30), disclosure.Government()))
	got := []bool{table.Knows("column", "c00"), table.Knows("column", "c09"), table.Knows("line", "c00")}
	if !slices.Equal(got, []bool{true, false, false}) {
		t.Error(got)
	}
}
