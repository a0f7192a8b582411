package disclosure_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/waystation/waystation/internal/statistics/disclosure"
)

// registrations is a made-up cube of the shape that is published: few nationalities and adult men make up most of it,
// so that small cells are the norm for women and children.
func registrations(tb testing.TB, months, perMonth int, centres ...disclosure.Member) *disclosure.Cube {
	tb.Helper()
	dims := []disclosure.Dimension{
		numbered("month", months), numbered("sex", 3), numbered("age_group", 5), numbered("nationality", 25),
	}
	for i := range 3 {
		dims[2].Members[i].Minor = true
	}
	leaves := len(centres) - 4
	if len(centres) > 0 {
		dims = append(dims, disclosure.Dimension{Name: "centre", Members: centres})
	}
	c := must(disclosure.NewCube("registrations", dims...))
	r := rand.New(rand.NewPCG(7, 11))
	for month := range months {
		for range perMonth {
			codes := []string{
				dims[0].Members[month].Code,
				dims[1].Members[skewed(r, 3, 0.85)].Code,
				dims[2].Members[4-skewed(r, 5, 0.8)].Code,
				dims[3].Members[skewed(r, 25, 0.3)].Code,
			}
			if len(centres) > 0 {
				codes = append(codes, centres[4+r.IntN(leaves)].Code)
			}
			if err := c.Add(1, codes...); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return c
}

// skewed draws below n, each number less likely than the one before.
func skewed(r *rand.Rand, n int, p float64) int {
	for i := range n - 1 {
		if r.Float64() < p {
			return i
		}
	}
	return n - 1
}

// network is one country, three regions and n centres.
func network(n int) []disclosure.Member {
	members := []disclosure.Member{{Code: "XXA"}}
	for i := range 3 {
		members = append(members, disclosure.Member{Code: fmt.Sprint("r", i), Parent: "XXA"})
	}
	for i := range n {
		members = append(members, disclosure.Member{Code: fmt.Sprint("c", i), Parent: fmt.Sprint("r", i%3)})
	}
	return members
}

func BenchmarkProtect(b *testing.B) {
	for _, size := range []struct {
		name     string
		perMonth int
		centres  []disclosure.Member
	}{
		{"centre/60 a month", 60, nil},
		{"centre/600 a month", 600, nil},
		{"centre/6000 a month", 6000, nil},
		{"network of 10/2000 a month", 2000, network(10)},
	} {
		for _, audience := range []disclosure.Profile{disclosure.Government(), fourDimensions(disclosure.Public(testKey))} {
			b.Run(size.name+"/"+audience.Audience, func(b *testing.B) {
				cube := registrations(b, 24, size.perMonth, size.centres...)
				var table *disclosure.Table
				for b.Loop() {
					table = must(disclosure.Protect(cube, audience))
				}
				tally := table.Tally()
				b.ReportMetric(float64(tally[disclosure.Primary]), "primary")
				b.ReportMetric(float64(tally[disclosure.Complementary]), "complementary")
				b.ReportMetric(float64(tally[disclosure.Published]), "published")
			})
		}
	}
}

func fourDimensions(p disclosure.Profile) disclosure.Profile {
	p.MaxDimensions = 4
	return p
}
