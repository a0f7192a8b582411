package disclosure

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// rounder rounds counts to a base, up or down without bias. A cell's draw depends on nothing but the key, the cube and
// the cell's codes: it is the same in every answer, and a count that grows never appears to fall.
type rounder struct {
	base int64
	mac  hash.Hash
	cube string
}

// newRounder returns nil where the profile shows exact counts.
func newRounder(p Profile, cube string) *rounder {
	if p.RoundingBase < 2 {
		return nil
	}
	return &rounder{base: p.RoundingBase, mac: hmac.New(sha256.New, p.RoundingKey), cube: cube}
}

// round never takes a count below the threshold that it passed.
func (r *rounder) round(n, threshold int64, codes []string) int64 {
	rest := n % r.base
	if rest == 0 {
		return n
	}
	if down := n - rest; down >= threshold && r.draw(codes) >= uint64(rest) {
		return down
	}
	return n - rest + r.base
}

// draw is a number below base, evenly spread over the cells. Lengths are hashed so that no two names run together.
func (r *rounder) draw(codes []string) uint64 {
	r.mac.Reset()
	for _, part := range append([]string{r.cube}, codes...) {
		r.mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		r.mac.Write([]byte(part))
	}
	return binary.BigEndian.Uint64(r.mac.Sum(nil)) % uint64(r.base)
}
