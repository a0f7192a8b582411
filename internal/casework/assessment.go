package casework

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/form"
)

// Assessment is what was asked of and about a person on one version of a form (duty D2). Once
// completed it never changes, and the database holds to that; an amendment is a new version that
// supersedes it.
type Assessment struct {
	db.Record
	CaseID            uuid.UUID
	Kind              string // code list form_kind, that of the form
	FormID            uuid.UUID
	FormOrigin        string // network | centre
	Status            string // draft | completed | superseded | void
	Answers           db.JSON[map[string]any]
	AssessorID        uuid.UUID
	InterviewLanguage string // BCP 47
	InterpreterUsed   *bool
	StartedAt         time.Time
	CompletedAt       *time.Time
	CompletedBy       *uuid.UUID
	Summary           string
	Outcome           string
	SuggestedRisk     string // code list case_risk_level; a suggestion and no more
	RiskLevel         string // what the person who completed it decided; empty: the case's stays
	AmendsID          *uuid.UUID
	AmendReason       string
	VoidReason        string
	VoidedAt          *time.Time
	VoidedBy          *uuid.UUID
}

// TableName implements schema.Tabler.
func (Assessment) TableName() string { return "case_assessments" }

// Personal marks what an assessment tells as personal data.
func (Assessment) Personal() {}

// Restricted implements db.Restricted: the file may be, so its read line is on disk first.
func (Assessment) Restricted() {}

var _ = db.Constraint("case_assessments_amends_key", func() *fault.Error {
	return fault.New(fault.Conflict, "amendment_exists", "An amendment of this version is there already.")
})

// can tells that the assessment is in the state that a change needs; 409 if not.
func (x *Assessment) can(need, what string) error {
	if x.Status == need {
		return nil
	}
	return fault.State(x.Status, "An assessment that is %s cannot be %s. Amend the one that is completed.", x.Status, what).With("allowed_states", []string{need})
}

// amend copies a completed assessment into a draft that will take its place.
func (x *Assessment) amend(reason string, by uuid.UUID) (*Assessment, error) {
	if err := x.can(completed, "amended"); err != nil {
		return nil, err
	}
	next := *x
	next.Record, next.Status, next.AmendsID, next.AmendReason = db.NewRecord(nil), draft, &x.ID, reason
	next.AssessorID, next.StartedAt = by, next.CreatedAt
	next.CompletedAt, next.CompletedBy, next.SuggestedRisk, next.RiskLevel = nil, nil, "", ""
	return &next, nil
}

// complete judges the answers as a whole and fixes them. In a restricted file it must be known in
// which language and through whom the person spoke (rule 37).
func (x *Assessment) complete(c *Case, f *form.Form, a *Act) error {
	if err := x.can(draft, "completed"); err != nil {
		return err
	}
	rules := fault.Rules()
	if c.Sensitivity == Restricted && (x.InterviewLanguage == "" || x.InterpreterUsed == nil) {
		rules.Add("/interview_language", "language_required", "Of a restricted interview, say in which language it was and whether an interpreter was there.")
	}
	if err := rules.Err(); err != nil {
		return err
	}
	if err := f.Check(x.Answers.V, false); err != nil {
		return err
	}
	x.Status, x.CompletedAt, x.CompletedBy, x.SuggestedRisk = completed, a.now(), a.By, suggest(x.Answers.V, a)
	return nil
}

// factor is what an answer on the determinants of vulnerability says of one of them.
type factor struct {
	Code     string
	Polarity string // risk | protective | neutral
	Severity int    // 0 to 3
}

// suggest weighs the determinants that were answered: risks less protections. It suggests a risk
// level and decides nothing (handbook 3.5); empty where no determinant was asked for.
func suggest(answers map[string]any, a *Act) string {
	factors := factorsOf(answers)
	if len(factors) == 0 {
		return ""
	}
	balance, severe := 0, false
	for _, f := range factors {
		switch f.Polarity {
		case "risk":
			balance += f.Severity
			severe = severe || f.Severity == 3
		case "protective":
			balance -= f.Severity
		}
	}
	high, medium := a.Policy.Case.HighRiskBalance, a.Policy.Case.MediumRiskBalance
	switch {
	case high > 0 && balance >= high:
		return "high"
	case severe || medium > 0 && balance >= medium:
		return "medium"
	}
	return "low"
}

// factorsOf reads the determinants from answers: a list for each level, by its code.
func factorsOf(answers map[string]any) (all []factor) {
	levels, _ := codelist.Get("domv_level")
	for _, level := range levels.Entries {
		var list []factor
		raw, err := json.Marshal(answers[level.Code])
		if err == nil && json.Unmarshal(raw, &list) == nil { // a list of something else is none of ours
			all = append(all, slices.DeleteFunc(list, func(f factor) bool { return !codelist.Known("domv_factor", f.Code) })...)
		}
	}
	return all
}

// mergePatch applies a JSON Merge Patch (RFC 7396) to answers.
func mergePatch(to, patch map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range to {
		out[key] = value
	}
	for key, value := range patch {
		inner, is := value.(map[string]any)
		switch {
		case value == nil:
			delete(out, key)
		case is:
			before, _ := out[key].(map[string]any)
			out[key] = mergePatch(before, inner)
		default:
			out[key] = value
		}
	}
	return out
}

// startAssessment stores a draft on a published form.
func startAssessment(ctx context.Context, x *Assessment) error {
	f, err := form.Find(ctx, x.FormID)
	if fault.Is(err, fault.NotFound) {
		return fault.InvalidField("/form_id", "unknown_form", "The centre finds no such form.")
	}
	if err != nil {
		return err
	}
	if err := f.Startable(); err != nil {
		return err
	}
	x.Kind, x.FormOrigin = f.Kind, f.Origin
	if err := f.Check(x.Answers.V, true); err != nil {
		return err
	}
	return db.Insert(ctx, x)
}

// changeAssessment changes an assessment of a case that is under way.
func changeAssessment(ctx context.Context, at place, fn func(*Case, *Assessment, *form.Form, *Act) error, then ...func(*Case, *Assessment, *Act) error) (*Assessment, error) {
	return change(ctx, at, lockUnderWay, func(c *Case, x *Assessment, a *Act) error {
		f, err := form.Find(ctx, x.FormID)
		if err != nil {
			return err
		}
		return fn(c, x, f, a)
	}, then...)
}

// assessed is what a completed assessment brings about: the version before is superseded, the case's clock
// stops, and its risk is what the person who completed it decided.
func assessed(ctx context.Context, c *Case, x *Assessment, a *Act) error {
	if err := supersede(ctx, x); err != nil {
		return err
	}
	if c.AssessedAt == nil && c.startedAt() != nil {
		c.AssessedAt = a.now()
	}
	if x.RiskLevel == "" || x.RiskLevel == c.RiskLevel {
		if err := db.Save(ctx, c); err != nil {
			return err
		}
	} else {
		a.RiskLevel, a.Reason = x.RiskLevel, "assessment"
		if err := enact(ctx, c, VerbChangeRisk, a); err != nil {
			return err
		}
	}
	return c.tell(ctx, "case.assessed", map[string]any{"assessment_id": x.ID, "kind": x.Kind})
}

func supersede(ctx context.Context, x *Assessment) error {
	if x.AmendsID == nil {
		return nil
	}
	before, err := db.LockAny[Assessment](ctx, *x.AmendsID)
	if err != nil {
		return err
	}
	before.Status = superseded
	return db.Save(ctx, before)
}

// mayPlan keeps planning to cases that were assessed, as far as the SOP says (handbook 3.3), and the
// assessment to one that a second person approved.
func mayPlan(ctx context.Context, c *Case, a *Act) error {
	if !a.Policy.Case.PlanNeedsAssessment {
		return nil
	}
	if c.AssessedAt == nil {
		return fault.New(fault.Invalid, "assessment_required", "The SOP plans on a completed assessment. Complete one first; what is urgent needs no plan.")
	}
	if !a.Policy.Approvals["assessment"].Required {
		return nil
	}
	fine, err := db.Exists[Approval](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("case_id = ? and kind = 'assessment' and status = ? and created_at >= ?", c.ID, approved, c.startedAt()).
			Where("exists (select 1 from case_assessments x where x.centre_id = case_approvals.centre_id and x.id = case_approvals.subject_id and x.status <> ?)", void)
	})
	if err == nil && !fine {
		return fault.New(fault.Invalid, "approval_required", "The SOP asks for the approval of an assessment by a second person (approvals, kind assessment).")
	}
	return err
}
