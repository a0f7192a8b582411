package beneficiary

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
)

func TestStanding_TheLatestDecisionHoldsAndANoByNameIsOutlivedOnlyByAYesByName(t *testing.T) {
	x, y := uuid.New(), uuid.New()
	at := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	day := func(month time.Month, d int) *db.Date {
		on := db.NewDate(time.Date(2026, month, d, 0, 0, 0, 0, time.UTC))
		return &on
	}
	all := func(decision string) Consent { return Consent{Decision: decision, Giver: "individual"} }
	to := func(decision string, ids ...uuid.UUID) Consent {
		return Consent{Decision: decision, Giver: "individual", RecipientIDs: ids}
	}
	except := func(ids ...uuid.UUID) Consent { return Consent{Decision: Given, Giver: "individual", ExcludedIDs: ids} }
	until := func(d *db.Date) Consent { return Consent{Decision: Given, Giver: "individual", ValidUntil: d} }
	for name, c := range map[string]struct {
		latestFirst     []Consent
		general, x, y   string
		entryX          int // the entry that decides towards x
		entryXUndecided bool
	}{
		"nothing":                       {nil, "", "", "", 0, true},
		"given":                         {[]Consent{all(Given)}, Given, Given, Given, 0, false},
		"refused":                       {[]Consent{all(Refused)}, Refused, Refused, Refused, 0, false},
		"given, then withdrawn":         {[]Consent{all(Withdrawn), all(Given)}, Withdrawn, Withdrawn, Withdrawn, 0, false},
		"withdrawn, then given":         {[]Consent{all(Given), all(Withdrawn)}, Given, Given, Given, 0, false},
		"to x only":                     {[]Consent{to(Given, x)}, "", Given, "", 0, false},
		"to y only":                     {[]Consent{to(Given, y)}, "", "", Given, 0, true},
		"to all but x":                  {[]Consent{except(x)}, Given, Refused, Given, 0, false},
		"to all but x, then to all":     {[]Consent{all(Given), except(x)}, Given, Refused, Given, 1, false},
		"to all but x, then to x":       {[]Consent{to(Given, x), except(x)}, Given, Given, Given, 0, false},
		"to x, then all but x":          {[]Consent{except(x), to(Given, x)}, Given, Refused, Given, 0, false},
		"to all, then withdrawn from x": {[]Consent{to(Withdrawn, x), all(Given)}, Given, Withdrawn, Given, 0, false},
		"withdrawn from x, then to all": {[]Consent{all(Given), to(Withdrawn, x)}, Given, Withdrawn, Given, 1, false},
		"to x, then withdrawn from all": {[]Consent{all(Withdrawn), to(Given, x)}, Withdrawn, Withdrawn, Withdrawn, 0, false},
		"to x, then to all":             {[]Consent{all(Given), to(Given, x)}, Given, Given, Given, 0, false},
		"valid until yesterday":         {[]Consent{until(day(5, 31))}, Expired, Expired, Expired, 0, false},
		"valid until today":             {[]Consent{until(day(6, 1))}, Given, Given, Given, 0, false},
		"assent decides nothing":        {[]Consent{{Decision: Refused, Giver: Assent}, all(Given)}, Given, Given, Given, 1, false},
		"assent alone":                  {[]Consent{{Decision: Given, Giver: Assent}}, "", "", "", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, general := standing(c.latestFirst, nil, at)
			entry, towardsX := standing(c.latestFirst, &x, at)
			_, towardsY := standing(c.latestFirst, &y, at)
			if general != c.general || towardsX != c.x || towardsY != c.y {
				t.Errorf("in general %q, towards x %q, towards y %q", general, towardsX, towardsY)
			}
			if c.entryXUndecided != (entry == nil) || entry != nil && entry != &c.latestFirst[c.entryX] {
				t.Errorf("towards x decides %+v", entry)
			}
		})
	}
}

func TestChild_InDoubtIsProtected(t *testing.T) {
	day := func(s string) time.Time { d, _ := time.Parse(time.DateOnly, s); return d }
	for name, c := range map[string]struct {
		born, precision, on string
		child               bool
	}{
		"eve of 18":           {"2008-03-02", "day", "2026-03-01", true},
		"18th birthday":       {"2008-03-01", "day", "2026-03-01", false},
		"month of 18":         {"2008-03-01", "month", "2026-03-15", true},
		"month after":         {"2008-03-01", "month", "2026-03-31", false},
		"year of 18":          {"2008-01-01", "year", "2026-12-30", true},
		"year after":          {"2008-01-01", "year", "2027-01-01", false},
		"estimated 18":        {"2008-03-01", "estimated", "2026-03-01", false},
		"born on 29 February": {"2008-02-29", "day", "2026-02-28", true},
	} {
		born := db.NewDate(day(c.born))
		b := Beneficiary{BirthDate: &born, BirthDatePrecision: &c.precision}
		if got := b.childOn(day(c.on)); got != c.child {
			t.Errorf("%s: child %v", name, got)
		}
	}
	if (&Beneficiary{}).childOn(day("2026-01-01")) {
		t.Error("a person of unknown age is taken for a child")
	}
}

func TestEstimate_KeepsFebruary(t *testing.T) {
	for reception, want := range map[string]string{"2024-02-29": "2023-02-28", "2024-03-01": "2023-03-01", "2025-02-28": "2024-02-28"} {
		b := Beneficiary{}
		_ = b.ReceptionOn.Scan(reception)
		b.estimate(1)
		if b.BirthDate.String() != want {
			t.Errorf("one year before %s is %s", reception, b.BirthDate)
		}
	}
}
