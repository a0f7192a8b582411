package referral

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/beneficiary/namekey"
)

// match is somebody registered here who may be the person of an inbound referral. Staff judge; nothing
// follows from it by itself.
type match struct {
	person  beneficiary.Beneficiary
	score   float64 // 0 to 1
	reasons []string
}

// The weights of what agrees, which come to 1 without a document, and how many are compared and shown.
const (
	nameWeight        = 0.6
	birthWeight       = 0.2
	sexWeight         = 0.1
	nationalityWeight = 0.1

	matchesCompared = 200
	matchesShown    = 20
)

// matches looks for the person among those registered here: by names as they sound, document or phone.
func matches(ctx context.Context, p Person) ([]match, error) {
	names := append([]string{p.GivenName, p.FamilyName}, p.OtherNames...)
	people, err := beneficiary.Resembling(ctx, names, p.DocumentNumber, p.Phone, matchesCompared)
	if err != nil {
		return nil, err
	}
	found, sounds := make([]match, len(people)), soundsOf(names)
	for i := range people {
		found[i] = compare(&people[i].Beneficiary, p, sounds)
	}
	slices.SortStableFunc(found, func(a, b match) int { return cmp.Compare(b.score, a.score) })
	return found[:min(len(found), matchesShown)], nil
}

func soundsOf(names []string) []string { return namekey.Keys(strings.Join(names, " ")) }

// compare weighs what agrees.
func compare(b *beneficiary.Beneficiary, p Person, sounds []string) match {
	m := match{person: *b}
	add := func(agrees bool, reason string, weight float64) {
		if agrees && weight > 0 {
			m.reasons, m.score = append(m.reasons, reason), min(1, m.score+weight)
		}
	}
	add(true, "name", nameWeight*share(sounds, soundsOf(append([]string{b.GivenName, b.FamilyName}, b.OtherNames...))))
	add(bornTogether(b, p), "birth_date", birthWeight)
	add(b.Sex == p.Sex && (p.Sex == "1" || p.Sex == "2"), "sex", sexWeight)
	add(slices.ContainsFunc(p.Nationalities, func(n string) bool { return slices.Contains(b.Nationalities, n) }), "nationality", nationalityWeight)
	add(b.HasDocument(p.DocumentNumber), "document", 1)
	add(b.HasPhone(p.Phone), "phone", nameWeight)
	return m
}

// share is how many of the wanted names the person has.
func share(wanted, has []string) float64 {
	if len(wanted) == 0 {
		return 0
	}
	n := 0
	for _, k := range wanted {
		if slices.Contains(has, k) {
			n++
		}
	}
	return float64(n) / float64(len(wanted))
}

// bornTogether compares days where both are known, else years, give or take one.
func bornTogether(b *beneficiary.Beneficiary, p Person) bool {
	if b.BirthDate == nil || p.BirthDate == nil {
		return false
	}
	if *b.BirthDatePrecision == "day" && p.BirthDatePrecision == "day" {
		return b.BirthDate.Equal(p.BirthDate.Time)
	}
	years := b.BirthDate.Year() - p.BirthDate.Year()
	return years >= -1 && years <= 1
}
