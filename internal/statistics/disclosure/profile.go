package disclosure

import "fmt"

// minKeyBytes is the shortest rounding key that cannot be guessed.
const minKeyBytes = 16

// Profile is what one audience may see. Every field is configuration; the functions below give the defaults.
type Profile struct {
	Audience           string
	MinCell            int64  // k: counts 0 < n < k are hidden; 1 hides nothing
	MinCellRestricted  int64  // k for cells of a sensitive dimension, if higher
	UnderAgeMinCell    int64  // k for cells of members marked as minors, if higher
	Protection         int64  // a small count stays uncertain by at least this many persons; below 1 counts as 1
	HideSensitiveZeros bool   // also hide that nobody is in a cell of a sensitive dimension
	RoundingBase       int64  // published counts are multiples of it; 0 or 1 = exact
	RoundingKey        []byte // secret of at least 16 bytes, needed to round; keep it as long as releases are compared
	MaxDimensions      int    // dimensions that may be crossed in one cell; 0 = any
	AllowSensitive     bool   // whether a cube may have sensitive dimensions

	skips step // tests only: shows that the attacker succeeds without it
}

type step uint8

const (
	complementary step = iota + 1 // all complementary suppression
	algebra                       // only its last argument
)

// Public is the default for anyone: k = 10, rounded to base 5 with the given secret, three dimensions, nothing sensitive.
func Public(roundingKey []byte) Profile {
	return Profile{
		Audience: "public", MinCell: 10, MinCellRestricted: 10, UnderAgeMinCell: 10, Protection: 5,
		HideSensitiveZeros: true, RoundingBase: 5, RoundingKey: roundingKey, MaxDimensions: 3,
	}
}

// Government is the default for a statistics office with an agreement: k = 5, but 10 for sensitive dimensions and for
// minors; exact counts, four dimensions. Sensitive dimensions come only with an agreement that names them: set
// AllowSensitive then.
func Government() Profile {
	return Profile{
		Audience: "government", MinCell: 5, MinCellRestricted: 10, UnderAgeMinCell: 10, Protection: 2, MaxDimensions: 4,
	}
}

// Partner is the default for a partner agency that looks at others' records: k = 5, four dimensions, nothing
// sensitive. A cube of nothing but the partner's own records needs no control: use [Internal].
func Partner() Profile {
	return Profile{
		Audience: "partner", MinCell: 5, MinCellRestricted: 10, UnderAgeMinCell: 10, Protection: 2, MaxDimensions: 4,
	}
}

// Internal is for the centre's own staff, whose roles decide what they see: nothing is hidden.
func Internal() Profile {
	return Profile{Audience: "internal", MinCell: 1, MinCellRestricted: 1, UnderAgeMinCell: 1, AllowSensitive: true}
}

func (p Profile) validate() error {
	switch {
	case p.MinCell < 1:
		return fmt.Errorf("%w: MinCell %d is below 1", ErrProfile, p.MinCell)
	case p.RoundingBase < 0 || p.MaxDimensions < 0 || p.Protection < 0:
		return fmt.Errorf("%w: negative RoundingBase, MaxDimensions or Protection", ErrProfile)
	case p.RoundingBase > 1 && len(p.RoundingKey) < minKeyBytes:
		return fmt.Errorf("%w: rounding needs a key of %d bytes", ErrProfile, minKeyBytes)
	}
	return nil
}

func (p Profile) admits(c *Cube) error {
	for _, t := range c.trees {
		if t.sensitive && !p.AllowSensitive {
			return fmt.Errorf("%w: %s is not released to %s", ErrSensitive, t.name, p.Audience)
		}
	}
	return nil
}

// minCell is the strictest threshold that applies to a cell.
func (p Profile) minCell(t traits) int64 {
	k := p.MinCell
	if t.sensitive {
		k = max(k, p.MinCellRestricted)
	}
	if t.minor {
		k = max(k, p.UnderAgeMinCell)
	}
	return k
}

func (p Profile) withholds(t traits) bool {
	return t.closed || p.MaxDimensions > 0 && t.crossed > p.MaxDimensions
}
