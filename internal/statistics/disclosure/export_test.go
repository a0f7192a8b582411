package disclosure

// WithoutComplementary switches complementary suppression off, so that tests can show what it is for.
func WithoutComplementary(p Profile) Profile {
	p.skips = complementary
	return p
}

// WithoutAlgebra leaves only bounds along lines, which contain the rule of two hidden cells on every line.
func WithoutAlgebra(p Profile) Profile {
	p.skips = algebra
	return p
}
