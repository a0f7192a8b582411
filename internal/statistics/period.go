package statistics

import (
	"fmt"
	"time"
)

// Month is a calendar month, counted from January of the year 0.
type Month int

// NewMonth returns a month of a year; number is 1 to 12.
func NewMonth(y, number int) Month { return Month(y*12 + number - 1) }

// MonthOf returns the month of a date in its own zone.
func MonthOf(t time.Time) Month { return NewMonth(t.Year(), int(t.Month())) }

// ParseMonth reads 2024-01.
func ParseMonth(s string) (Month, error) {
	t, err := time.Parse("2006-01", s)
	return MonthOf(t), err
}

// Year of the month.
func (m Month) Year() int { return int(m) / 12 }

// String writes 2024-01.
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m.Year(), int(m)%12+1) }

// Quarter writes the month's quarter, 2024-Q1.
func (m Month) Quarter() string { return fmt.Sprintf("%04d-Q%d", m.Year(), int(m)%12/3+1) }

// First returns the first day of the month.
func (m Month) First() time.Time {
	return time.Date(m.Year(), time.Month(int(m)%12+1), 1, 0, 0, 0, 0, time.UTC)
}

// months of each unit of time; the answer without one is a single cell.
var months = map[string]int{month: 1, quarter: 3, year: 12}

func (m Month) firstOf(unit string) bool { return int(m)%months[unit] == 0 }
func (m Month) lastOf(unit string) bool  { return (m + 1).firstOf(unit) }

// alignedTo returns the last month up to m that ends a unit.
func (m Month) alignedTo(unit string) Month {
	for !m.lastOf(unit) {
		m--
	}
	return m
}

// code names the unit that a month is in.
func (m Month) code(unit string) string {
	switch unit {
	case quarter:
		return m.Quarter()
	case year:
		return fmt.Sprintf("%04d", m.Year())
	}
	return m.String()
}

// released returns the last month that is over everywhere, even where clocks are twelve hours behind, and older than
// the embargo.
func released(now time.Time, embargoDays int) Month {
	return MonthOf(now.UTC().Add(-12*time.Hour).AddDate(0, 0, -embargoDays)) - 1
}
