package disclosure

import (
	"math"
	"slices"
)

// unbounded is an upper bound that says nothing.
const unbounded = math.MaxInt64

// bounds is what a reader knows of every cell from sums and non-negativity alone.
type bounds struct {
	lo, hi         []int64
	loLine, hiLine []int32 // the line that set each bound; -1 = none
}

// exposedByBounds propagates bounds along the lines, wave by wave, and returns the hidden cells whose range first turns
// out narrower than they need. What later waves would find often has the same cause and goes away with it.
func (s *suppressor) exposedByBounds(r reader) []exposure {
	b := s.newBounds(r)
	wave := make([]int32, len(s.lines))
	for l := range wave {
		wave[l] = int32(l)
	}
	queued := make([]bool, len(s.lines))
	for len(wave) > 0 {
		var next []int32
		var exposed []exposure
		for _, l := range wave {
			queued[l] = false
			for _, cell := range b.narrow(l, s.lines[l]) {
				if need := s.need[cell]; need > 0 && b.narrower(cell, r.need(need)) {
					exposed = append(exposed, exposure{int(cell), b.causes(cell)})
				}
				for _, other := range s.linesOf[cell] {
					if !queued[other] {
						queued[other] = true
						next = append(next, other)
					}
				}
			}
		}
		if len(exposed) > 0 {
			return exposed
		}
		wave = next
	}
	return nil
}

// newBounds starts from the published counts and what the reader takes for granted of hidden ones.
func (s *suppressor) newBounds(r reader) *bounds {
	b := &bounds{make([]int64, s.size), make([]int64, s.size), make([]int32, s.size), make([]int32, s.size)}
	for cell, n := range s.count {
		b.lo[cell], b.hi[cell] = n, n
		if s.reason[cell] != Published {
			b.lo[cell], b.hi[cell] = s.floor(cell, r), unbounded
		}
		b.loLine[cell], b.hiLine[cell] = -1, -1
	}
	return b
}

func (b *bounds) narrower(cell int32, need int64) bool {
	return b.hi[cell] != unbounded && b.hi[cell]-b.lo[cell] < need
}

// causes returns the lines that set the bounds of a cell.
func (b *bounds) causes(cell int32) []int32 {
	return slices.DeleteFunc([]int32{b.hiLine[cell], b.loLine[cell]}, func(l int32) bool { return l < 0 })
}

// narrow applies one line, total = sum of parts, and returns the cells whose bounds it moved.
func (b *bounds) narrow(l int32, ln line) (moved []int32) {
	var lo, hi int64
	open := 0 // parts without an upper bound
	for _, p := range ln[1:] {
		lo += b.lo[p]
		if b.hi[p] == unbounded {
			open++
		} else {
			hi += b.hi[p]
		}
	}
	total := ln[0]
	top, bottom := b.hi[total], b.lo[total]
	changed := b.raise(total, lo, l)
	if open == 0 {
		changed = b.lower(total, hi, l) || changed
	}
	if changed {
		moved = append(moved, total)
	}
	for _, p := range ln[1:] {
		changed = false
		was := [2]int64{b.lo[p], b.hi[p]}
		if top != unbounded {
			changed = b.lower(p, top-(lo-was[0]), l)
		}
		if open == 0 {
			changed = b.raise(p, bottom-(hi-was[1]), l) || changed
		} else if open == 1 && was[1] == unbounded {
			changed = b.raise(p, bottom-hi, l) || changed
		}
		if changed {
			moved = append(moved, p)
		}
	}
	return moved
}

func (b *bounds) raise(cell int32, lo int64, l int32) bool {
	if lo <= b.lo[cell] {
		return false
	}
	b.lo[cell], b.loLine[cell] = lo, l
	return true
}

func (b *bounds) lower(cell int32, hi int64, l int32) bool {
	if hi >= b.hi[cell] {
		return false
	}
	b.hi[cell], b.hiLine[cell] = hi, l
	return true
}
