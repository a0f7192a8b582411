package beneficiary

import (
	"context"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// JourneyLeg is one part of the way that a person came.
type JourneyLeg struct {
	db.Record
	Entry
	Position          int // order of the legs, from 1; two may share one
	FromCountry       string
	FromPlace         string
	FromPcode         string
	ToCountry         string
	ToPlace           string
	ToPcode           string
	Mode              string // code list transport_mode
	DepartedOn        *db.Date
	DepartedPrecision *string // code list birth_date_precision; nil exactly when DepartedOn is
	ArrivedOn         *db.Date
	ArrivedPrecision  *string
	Note              string
}

var _ = IDTaken("journey_legs_pkey")

// Validate implements Recorded. It also brings the dates into the form in which they are kept.
func (l *JourneyLeg) Validate(latest db.Date) error {
	rules := fault.Rules()
	if l.FromCountry == "" && l.FromPlace == "" && l.FromPcode == "" && l.ToCountry == "" && l.ToPlace == "" && l.ToPcode == "" {
		rules.Add("/from_place", "required", "Say where the leg began or where it led.")
	}
	settleDate(rules, "/departed", &l.DepartedOn, &l.DepartedPrecision, latest)
	settleDate(rules, "/arrived", &l.ArrivedOn, &l.ArrivedPrecision, latest)
	if l.DepartedOn != nil && l.ArrivedOn != nil && lastDay(*l.ArrivedOn, *l.ArrivedPrecision).Before(l.DepartedOn.Time) {
		rules.Add("/arrived_on", "before_departure", "The leg cannot end before it began.")
	}
	return rules.Err()
}

// settleDate gives a date its precision, keeps the first day of what is known and checks it.
func settleDate(rules *fault.Error, pointer string, on **db.Date, precision **string, latest db.Date) {
	switch {
	case *on == nil && *precision != nil:
		rules.Add(pointer+"_precision", "without_date", "A precision needs a date.")
		return
	case *on == nil:
		return
	case *precision == nil:
		day := "day"
		*precision = &day
	}
	*on = firstDay(**on, **precision)
	CheckPast(rules, pointer+"_on", *on, latest)
}

// next is the position behind a person's last leg.
func (l *JourneyLeg) next(ctx context.Context) error {
	return db.Tx(ctx).Raw("select coalesce(max(position), 0) + 1 from journey_legs where centre_id = any (scope_centres()) and beneficiary_id = ? and voided_at is null",
		l.BeneficiaryID).Scan(&l.Position).Error
}

var legSorts = db.Sorts[JourneyLeg]{
	"position": {SQL: "position", Cast: "bigint", Value: func(l *JourneyLeg) any { return l.Position }},
}
