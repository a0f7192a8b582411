package casework

import (
	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

func toAssessment(x *Assessment) api.CaseAssessment {
	return api.CaseAssessment{
		ID: x.ID, Version: x.Version, CreatedAt: x.CreatedAt, UpdatedAt: x.UpdatedAt, CaseID: x.CaseID, Kind: x.Kind,
		FormID: x.FormID, FormOrigin: api.CaseAssessmentFormOrigin(x.FormOrigin), Status: api.CaseAssessmentStatus(x.Status), Answers: x.Answers.V, AssessorID: x.AssessorID,
		InterviewLanguage: wire.Opt(x.InterviewLanguage), InterpreterUsed: x.InterpreterUsed, StartedAt: x.StartedAt, CompletedAt: x.CompletedAt, CompletedBy: x.CompletedBy,
		Summary: wire.Opt(x.Summary), Outcome: wire.Opt(x.Outcome), SuggestedRisk: wire.Opt(x.SuggestedRisk), RiskLevel: wire.Opt(x.RiskLevel),
		AmendsID: x.AmendsID, AmendReason: wire.Opt(x.AmendReason), VoidReason: wire.Opt(x.VoidReason), VoidedAt: x.VoidedAt, VoidedBy: x.VoidedBy,
	}
}

func fromAssessmentCreate(b api.CaseAssessmentCreate, c *Case) *Assessment {
	x := &Assessment{Record: db.NewRecord(b.ID), CaseID: c.ID, FormID: b.FormID, Status: draft, Answers: db.JSON[map[string]any]{V: b.Answers},
		InterviewLanguage: wire.Value(b.InterviewLanguage), InterpreterUsed: b.InterpreterUsed}
	if x.Answers.V == nil {
		x.Answers.V = map[string]any{}
	}
	x.StartedAt = moment(b.StartedAt, x.CreatedAt)
	return x
}

func (x *Assessment) patch(b api.CaseAssessmentPatch) {
	x.Answers.V = mergePatch(x.Answers.V, b.Answers)
	wire.Clear(&x.InterviewLanguage, b.InterviewLanguage)
	wire.SetNull(&x.InterpreterUsed, b.InterpreterUsed)
}

func toProblem(p *Problem) api.CaseProblem {
	return api.CaseProblem{
		ID: p.ID, Version: p.Version, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, CaseID: p.CaseID, Code: p.Code, Description: wire.Opt(p.Description),
		Sensitivity: api.CaseProblemSensitivity(p.Sensitivity), Status: api.CaseProblemStatus(p.Status), Since: wire.ToOptDate(p.Since), AssessmentID: p.AssessmentID,
		RecordedBy: p.RecordedBy, ResolvedOn: wire.ToOptDate(p.ResolvedOn), Resolution: wire.Opt(p.Resolution),
	}
}

func fromProblemCreate(b api.CaseProblemCreate, c *Case, by *uuid.UUID) *Problem {
	return &Problem{Record: db.NewRecord(b.ID), CaseID: c.ID, Code: b.Code, Description: wire.Value(b.Description), Sensitivity: string(wire.Value(b.Sensitivity)),
		Status: active, Since: wire.OptDate(b.Since), AssessmentID: b.AssessmentID, RecordedBy: by}
}

func (p *Problem) patch(b api.CaseProblemPatch) {
	wire.Set(&p.Code, b.Code)
	wire.Clear(&p.Description, b.Description)
	wire.Set(&p.Sensitivity, (*string)(b.Sensitivity))
	clearDate(&p.Since, b.Since)
}
