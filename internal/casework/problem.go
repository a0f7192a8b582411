package casework

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Problem is something that the case is about (duty D3), coded and in words. It is as sensitive as its
// code, or more; a restricted one is seen by the case team alone, and the database keeps that wall.
type Problem struct {
	db.Record
	CaseID       uuid.UUID
	Code         string // code list case_problem
	Description  string
	Sensitivity  string // normal | sensitive | restricted
	Status       string // active | resolved
	Since        *db.Date
	AssessmentID *uuid.UUID // that found it
	RecordedBy   *uuid.UUID
	ResolvedOn   *db.Date
	Resolution   string
}

// TableName implements schema.Tabler.
func (Problem) TableName() string { return "case_problems" }

// Personal marks what a problem tells as personal data.
func (Problem) Personal() {}

// Restricted implements db.Restricted.
func (Problem) Restricted() {}

const resolved = "resolved"

var sensitivities = map[string]int{Normal: 0, Sensitive: 1, Restricted: 2}

// classify settles the sensitivity: that of the code, unless the caller asks for more.
func (p *Problem) classify() {
	codes, _ := codelist.Get("case_problem")
	code, _ := codes.Entry(p.Code)
	if least := code.Extra["sensitivity"]; sensitivities[least] > sensitivities[p.Sensitivity] {
		p.Sensitivity = least
	}
	if p.Sensitivity == "" {
		p.Sensitivity = Normal
	}
}

// can tells that the problem is in the state that a change needs; 409 if not.
func (p *Problem) can(need, what string) error {
	if p.Status == need {
		return nil
	}
	return fault.State(p.Status, "A problem that is %s cannot be %s.", p.Status, what).With("allowed_states", []string{need})
}

// resolve ends a problem on a day.
func (p *Problem) resolve(on db.Date, resolution string, a *Act) error {
	if err := p.can(active, "resolved"); err != nil {
		return err
	}
	if on.After(a.Today.Time) || p.Since != nil && on.Before(p.Since.Time) {
		return fault.InvalidField("/resolved_on", "out_of_range", "Between the day it began and today.")
	}
	p.Status, p.ResolvedOn, p.Resolution = resolved, &on, resolution
	return nil
}

// reopen takes a resolution back.
func (p *Problem) reopen() error {
	if err := p.can(resolved, "reopened"); err != nil {
		return err
	}
	p.Status, p.ResolvedOn, p.Resolution = active, nil, ""
	return nil
}

// found checks that the assessment which found a problem is of the same case.
func (p *Problem) found(ctx context.Context) error {
	if p.AssessmentID == nil {
		return nil
	}
	_, err := one[Assessment](ctx, p.CaseID, *p.AssessmentID)
	if fault.Is(err, fault.NotFound) {
		return fault.InvalidField("/assessment_id", "unknown_assessment", "The case has no such assessment.")
	}
	return err
}

// answers checks that a goal answers a problem of its own case.
func (g *Goal) answers(ctx context.Context) error {
	if g.ProblemID == nil {
		return nil
	}
	_, err := one[Problem](ctx, g.CaseID, *g.ProblemID)
	if fault.Is(err, fault.NotFound) {
		return fault.InvalidField("/problem_id", "unknown_problem", "The case has no such problem.")
	}
	return err
}

// hideProblems takes from goals the problems that the caller may not know of: that there is one at
// all would say too much.
func hideProblems(ctx context.Context, goals []Goal) error {
	ids := []uuid.UUID{}
	for _, g := range goals {
		if g.ProblemID != nil {
			ids = append(ids, *g.ProblemID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	seen, err := db.Find[Problem](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id in ?", ids) })
	if err != nil {
		return err
	}
	known := map[uuid.UUID]bool{}
	for _, p := range seen {
		known[p.ID] = true
	}
	for i := range goals {
		if id := goals[i].ProblemID; id != nil && !known[*id] {
			goals[i].ProblemID = nil
		}
	}
	return nil
}
