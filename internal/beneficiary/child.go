package beneficiary

import (
	"time"

	"github.com/waystation/waystation/internal/db"
)

// ChildOn tells that the person is, or may be, under 18 on a day; in doubt a person is protected
// as a child (handbook 3.7).
func (b *Beneficiary) ChildOn(day time.Time) bool { return b.childOn(day) }

// AgesOn returns the person's age in completed years on a day, from the least to the most that a birth date known by
// month or year may mean; known is false where no birth date is.
func (b *Beneficiary) AgesOn(day db.Date) (youngest, oldest int, known bool) {
	if b.BirthDate == nil {
		return 0, 0, false
	}
	return years(lastDay(*b.BirthDate, *b.BirthDatePrecision), day), years(*b.BirthDate, day), true
}

// years are the completed years between two days; none before the first.
func years(born, day db.Date) int {
	n := day.Year() - born.Year()
	if day.Month() < born.Month() || day.Month() == born.Month() && day.Day() < born.Day() {
		n--
	}
	return max(n, 0)
}
