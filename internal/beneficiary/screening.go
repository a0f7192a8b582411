package beneficiary

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// VulnerabilityScreening weighs what makes somebody vulnerable against what protects them, by the
// determinants of migrant vulnerability (handbook 3.5). It suggests a risk level and decides
// nothing. One with a restricted factor is seen by the person's case team only.
type VulnerabilityScreening struct {
	db.Record
	Entry
	Sensitivity       string // the highest of its factors
	Factors           db.JSON[[]Factor]
	ScreenedAt        time.Time
	InterviewLanguage string
	InterpreterUsed   *bool
	SuggestedLevel    string // code list case_risk_level
	ConfirmedLevel    string // what a person made of it; empty until then
	ConfirmedBy       *uuid.UUID
	ConfirmedAt       *time.Time
	ConfirmNote       string
	Note              string
}

// Factor is one determinant and which way it pulls.
type Factor struct {
	Code     string `json:"factor"`   // code list domv_factor; its parent is the level
	Polarity string `json:"polarity"` // risk | protective | neutral
	Severity int    `json:"severity"` // 0–3
	Note     string `json:"note,omitempty"`
	Source   string `json:"source,omitempty"`
}

// The ways that a factor pulls.
const (
	risk       = "risk"
	protective = "protective"
	neutral    = "neutral"
)

// Restricted implements db.Restricted.
func (VulnerabilityScreening) Restricted() {}

var _ = IDTaken("vulnerability_screenings_pkey")

// Validate implements Recorded. It also settles the sensitivity, which comes with the factors.
func (s *VulnerabilityScreening) Validate(latest db.Date) error {
	rules := fault.Rules()
	s.checkFactors(rules)
	if day := db.NewDate(s.ScreenedAt); s.ScreenedAt.After(db.Now()) {
		rules.Add("/screened_at", "in_the_future", "The screening lies in the future.")
	} else {
		CheckPast(rules, "/screened_at", &day, latest)
	}
	if s.Sensitivity == "restricted" { // handbook 15, rule 37
		if s.InterviewLanguage == "" {
			rules.Add("/interview_language", "required", "A restricted interview records its language.")
		}
		if s.InterpreterUsed == nil {
			rules.Add("/interpreter_used", "required", "A restricted interview records whether an interpreter was there.")
		}
	}
	return rules.Err()
}

func (s *VulnerabilityScreening) checkFactors(rules *fault.Error) {
	s.Sensitivity = "normal"
	list, _ := codelist.Get("domv_factor")
	seen := map[[2]string]bool{}
	for i, f := range s.Factors.V {
		pointer, key := fmt.Sprintf("/factors/%d", i), [2]string{f.Code, f.Polarity}
		if seen[key] {
			rules.Add(pointer, "repeated", "The factor is given with this polarity already.")
		}
		if seen[key] = true; f.Polarity == neutral && f.Severity != 0 {
			rules.Add(pointer+"/severity", "neutral_weighs_nothing", "A neutral factor has no severity.")
		}
		entry, _ := list.Entry(f.Code)
		s.Sensitivity = higher(s.Sensitivity, entry.Extra["sensitivity"])
	}
}

// higher is the more sensitive of two; empty is normal.
func higher(a, b string) string {
	rank := map[string]int{"sensitive": 1, "restricted": 2}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// suggest weighs risks against protective factors: a suggestion, never eligibility (handbook 3.5).
func (s *VulnerabilityScreening) suggest(p centre.PeoplePolicy) {
	balance := 0
	for _, f := range s.Factors.V {
		switch f.Polarity {
		case risk:
			balance += f.Severity
		case protective:
			balance -= f.Severity
		}
	}
	switch {
	case balance >= p.ScreeningHighFrom:
		s.SuggestedLevel = "high"
	case balance >= p.ScreeningMediumFrom:
		s.SuggestedLevel = "medium"
	default:
		s.SuggestedLevel = "low"
	}
}

// confirm records the level that a person decided on: 409 when somebody did before.
func (s *VulnerabilityScreening) confirm(level, note string, by *uuid.UUID, at time.Time) error {
	if s.ConfirmedAt != nil {
		return fault.State("confirmed", "A risk level was confirmed already. Screen again where something has changed.")
	}
	s.ConfirmedLevel, s.ConfirmNote, s.ConfirmedBy, s.ConfirmedAt = level, note, by, &at
	return nil
}

var screeningSorts = db.Sorts[VulnerabilityScreening]{
	"screened_at": {SQL: "screened_at", Cast: "timestamptz", Value: func(s *VulnerabilityScreening) any { return s.ScreenedAt }},
}
