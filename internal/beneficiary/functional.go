package beneficiary

import (
	"time"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// FunctionalAssessment is what somebody answered to the Washington Group short set: how difficult
// six things are. It measures and diagnoses nothing.
type FunctionalAssessment struct {
	db.Record
	Entry
	Levels        db.JSON[map[string]string] // code list functional_difficulty_domain → …_level, unknown or declined
	AnsweredBy    string                     // self | proxy
	AssessedAt    time.Time
	CutOffLevel   string // of the SOP in force on that day
	CutOffDomains int
	ReachesCutOff bool
	Note          string
}

var _ = IDTaken("functional_assessments_pkey")

// Validate implements Recorded.
func (a *FunctionalAssessment) Validate(latest db.Date) error {
	if a.AssessedAt.After(db.Now()) {
		return fault.InvalidField("/assessed_at", "in_the_future", "The assessment lies in the future.")
	}
	rules, day := fault.Rules(), db.NewDate(a.AssessedAt)
	CheckPast(rules, "/assessed_at", &day, latest)
	return rules.Err()
}

// measure applies a cut-off: so many domains at this level or above. The codes of the levels are in
// the order of difficulty; an unknown or declined answer reaches none.
func (a *FunctionalAssessment) measure(p centre.PeoplePolicy) {
	a.CutOffLevel, a.CutOffDomains = p.FunctionalCutOffLevel, p.FunctionalCutOffDomains
	reached := 0
	for _, level := range a.Levels.V {
		if level != unknown && level != declined && level >= a.CutOffLevel {
			reached++
		}
	}
	a.ReachesCutOff = reached >= a.CutOffDomains
}

// What somebody may answer instead of a value.
const (
	unknown  = "unknown"
	declined = "declined"
)

var functionalSorts = db.Sorts[FunctionalAssessment]{
	"assessed_at": {SQL: "assessed_at", Cast: "timestamptz", Value: func(a *FunctionalAssessment) any { return a.AssessedAt }},
}
