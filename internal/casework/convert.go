package casework

import (
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"
	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// list converts a page of rows.
func toCase(c *Case) api.Case {
	return api.Case{
		ID: c.ID, Version: c.Version, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
		Number: c.Number, BeneficiaryID: c.BeneficiaryID, Status: string(c.Status), Stage: c.Stage(), RiskLevel: wire.Opt(c.RiskLevel),
		Sensitivity: api.CaseSensitivity(c.Sensitivity), Source: c.Source, Summary: wire.Opt(c.Summary),
		OwnerID: c.OwnerID, CreatedBy: c.CreatedBy, SopID: c.SOPID, OpenedAt: c.OpenedAt, ReopenedAt: c.ReopenedAt, ReopenedCount: c.ReopenedCount,
		AssignedAt: c.AssignedAt, CaseloadOverriddenAt: c.CaseloadOverriddenAt, ClosedAt: c.ClosedAt, ClosureReason: wire.Opt(c.ClosureReason), ReferralOverride: wire.Opt(c.ReferralOverride),
		HeldAt: c.HeldAt, HoldReason: wire.Opt(c.HoldReason), HoldReviewOn: wire.ToOptDate(c.HoldReviewOn),
		ConsentBasis: c.ConsentBasis, ConsentOverrideReason: wire.Opt(c.ConsentOverrideReason), ConsentOverrideUntil: wire.ToOptDate(c.ConsentOverrideUntil),
		DuplicateOf: c.DuplicateOf, MergedAt: c.MergedAt, OpenReferrals: c.OpenReferrals,
		AssignDueAt: c.AssignDueAt, ResponseDueAt: c.ResponseDueAt, AssessmentDueAt: c.AssessmentDueAt, PlanDueAt: c.PlanDueAt,
		FollowupDueAt: c.FollowupDueAt, RespondedAt: c.RespondedAt, AssessedAt: c.AssessedAt, PlannedAt: c.PlannedAt, FollowedUpAt: c.FollowedUpAt,
	}
}

func fromCaseCreate(b api.CaseCreate) *Case {
	c := &Case{Record: db.NewRecord(b.ID), BeneficiaryID: b.BeneficiaryID, Source: b.Source, RiskLevel: wire.Value(b.RiskLevel),
		Sensitivity: string(wire.Value(b.Sensitivity)), Summary: wire.Value(b.Summary), OwnerID: b.OwnerID,
		CaseloadOverride: wire.Value(b.CaseloadOverride)}
	if c.Sensitivity == "" {
		c.Sensitivity = Normal
	}
	return c
}

// patch applies all but the risk level, which changes by a transition.
func (c *Case) patch(b api.CasePatch) {
	wire.Clear(&c.Summary, b.Summary)
	wire.Set(&c.Source, b.Source)
	if b.Sensitivity != nil {
		c.Sensitivity = string(*b.Sensitivity)
	}
}

func toTransition(t *Transition) api.CaseTransition {
	return api.CaseTransition{
		ID: t.ID, CaseID: t.CaseID, Verb: string(t.Verb), FromStatus: wire.Opt(string(t.FromStatus)), ToStatus: string(t.ToStatus), At: t.CreatedAt,
		ByID: t.ByID, Reason: wire.Opt(t.Reason), ReasonCode: wire.Opt(t.ReasonCode), RiskLevel: wire.Opt(t.RiskLevel), OwnerID: t.OwnerID, CaseloadOverride: wire.Opt(t.CaseloadOverride),
	}
}

func toTeamMember(m *TeamMember) api.CaseTeamMember {
	return api.CaseTeamMember{ID: m.ID, Version: m.Version, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
		CaseID: m.CaseID, UserID: m.UserID, Role: api.CaseTeamMemberRole(m.Role), EndedAt: m.EndedAt}
}

func toApproval(p *Approval) api.CaseApproval {
	d := p.Details.V
	return api.CaseApproval{
		ID: p.ID, Version: p.Version, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
		CaseID: p.CaseID, Kind: api.CaseApprovalKind(p.Kind), PlanID: p.of("plan"), AssessmentID: p.of("assessment"), Status: p.Status, Reason: wire.Opt(p.Reason),
		Basis: wire.Opt(d.Basis), ExpiresOn: wire.ToOptDate(d.ExpiresOn), ReasonCode: wire.Opt(d.ReasonCode), PersonInformed: d.PersonInformed, Justification: wire.Opt(d.Justification),
		ReferralOverride: wire.Opt(d.ReferralOverride), BestInterestNote: wire.Opt(d.BestInterestNote), GoalsMetPercent: d.GoalsMetPercent, Checklist: wire.Each(d.Checklist, toAnswer),
		RequestedBy: p.RequestedBy, DecidedBy: p.DecidedBy, DecidedAt: p.DecidedAt, Comment: wire.Opt(p.Comment),
	}
}

func toAnswer(x *Answer) api.ClosureAnswer {
	return api.ClosureAnswer{Code: x.Code, Answer: api.ClosureAnswerAnswer(x.Answer), Note: wire.Opt(x.Note)}
}

func fromAnswer(x *api.ClosureAnswer) Answer {
	return Answer{x.Code, string(x.Answer), wire.Value(x.Note)}
}

func fromApprovalCreate(b api.CaseApprovalCreate, c *Case, by *uuid.UUID) *Approval {
	p := &Approval{Record: db.NewRecord(b.ID), CaseID: c.ID, Kind: string(b.Kind), Status: requested, Reason: b.Reason, RequestedBy: by}
	switch b.Kind {
	case api.CaseApprovalCreateKindPlan:
		p.SubjectID = b.PlanID
	case api.CaseApprovalCreateKindAssessment, api.CaseApprovalCreateKindAssessmentVoid:
		p.SubjectID = b.AssessmentID
	default:
		p.Details.V.Basis, p.Details.V.ExpiresOn = wire.Value(b.Basis), wire.OptDate(b.ExpiresOn)
	}
	return p
}

func toPlan(p *Plan) api.CasePlan {
	return api.CasePlan{
		ID: p.ID, Version: p.Version, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
		CaseID: p.CaseID, Number: p.Number, Status: api.CasePlanStatus(p.Status), Summary: wire.Opt(p.Summary), ReviewOn: wire.ToOptDate(p.ReviewOn),
		Agreed: p.Agreed, AgreedOn: wire.ToOptDate(p.AgreedOn), CopyGiven: p.CopyGiven, CopyGivenOn: wire.ToOptDate(p.CopyGivenOn), CopyGivenBy: p.CopyGivenBy,
		CopyLanguage: wire.Opt(api.CopyLanguage(p.CopyLanguage)), Costs: toCosts(p.costs()), EvaluationID: p.EvaluationID, RevisesID: p.RevisesID, RevisionReason: wire.Opt(p.RevisionReason),
		CreatedBy: p.CreatedBy, ActivatedBy: p.ActivatedBy, ActivatedAt: p.ActivatedAt, EndedAt: p.EndedAt,
		Goals: wire.Each(p.Goals, toGoal), Actions: wire.Each(p.Actions, toAction),
	}
}

func fromPlanCreate(b api.CasePlanCreate, c *Case, a *Act) (*Plan, error) {
	p := &Plan{Record: db.NewRecord(b.ID), CaseID: c.ID, Status: draft, Summary: wire.Value(b.Summary), ReviewOn: wire.OptDate(b.ReviewOn), CreatedBy: a.By}
	for _, g := range b.Goals {
		goal := Goal{Record: db.NewRecord(nil), CaseID: c.ID, PlanID: p.ID, ProblemID: g.ProblemID, Description: g.Description, Progress: "not_started", TargetOn: wire.OptDate(g.TargetOn)}
		p.Goals = append(p.Goals, goal)
		for _, x := range g.Actions {
			p.Actions = append(p.Actions, fromActionDraft(x, p, &goal.ID))
		}
	}
	for _, x := range b.Actions {
		p.Actions = append(p.Actions, fromActionDraft(x, p, nil))
	}
	return p, p.agree(wire.Value(b.Agreed), wire.OptDate(b.AgreedOn), a)
}

func fromActionDraft(b api.CaseActionDraft, p *Plan, goal *uuid.UUID) Action {
	x := Action{
		Record: db.NewRecord(nil), CaseID: p.CaseID, PlanID: p.ID, GoalID: goal, Description: wire.Value(b.Description), ServiceType: wire.Value(b.ServiceType),
		ResponsibleID: b.ResponsibleID, Responsible: wire.Value(b.Responsible), DueOn: wire.Date(b.DueOn), FundingSource: wire.Value(b.FundingSource), Status: "planned",
	}
	x.Cost, x.Currency = fromMoney(b.Cost)
	return x
}

// patch applies an agreement after what was agreed to, and one that is taken back before it.
func (p *Plan) patch(b api.CasePlanPatch, a *Act) error {
	agreed, on := p.Agreed, p.AgreedOn
	wire.Set(&agreed, b.Agreed)
	clearDate(&on, b.AgreedOn)
	if !agreed {
		p.Agreed = false
	}
	if b.Summary.IsSpecified() || b.ReviewOn.IsSpecified() {
		if err := p.changeable("changed"); err != nil {
			return err
		}
	}
	wire.Clear(&p.Summary, b.Summary)
	clearDate(&p.ReviewOn, b.ReviewOn)
	return p.agree(agreed, on, a)
}

func toGoal(g *Goal) api.CaseGoal {
	return api.CaseGoal{
		ID: g.ID, Version: g.Version, CreatedAt: g.CreatedAt, UpdatedAt: g.UpdatedAt, CaseID: g.CaseID, PlanID: g.PlanID, ProblemID: g.ProblemID, Description: g.Description,
		Progress: g.Progress, ProgressNote: wire.Opt(g.ProgressNote), ReviewOn: wire.ToOptDate(g.ReviewOn), TargetOn: wire.ToOptDate(g.TargetOn), CopiedFrom: g.CopiedFrom,
	}
}

func fromGoalCreate(b api.CaseGoalCreate, c *Case) *Goal {
	return &Goal{Record: db.NewRecord(b.ID), CaseID: c.ID, PlanID: b.PlanID, ProblemID: b.ProblemID, Description: b.Description, Progress: "not_started", TargetOn: wire.OptDate(b.TargetOn)}
}

func (g *Goal) patch(b api.CaseGoalPatch) {
	wire.Set(&g.Description, b.Description)
	wire.SetNull(&g.ProblemID, b.ProblemID)
	clearDate(&g.TargetOn, b.TargetOn)
}

func toAction(x *Action) api.CaseAction {
	return api.CaseAction{
		ID: x.ID, Version: x.Version, CreatedAt: x.CreatedAt, UpdatedAt: x.UpdatedAt, CaseID: x.CaseID, PlanID: x.PlanID, GoalID: x.GoalID,
		Description: wire.Opt(x.Description), ServiceType: wire.Opt(x.ServiceType), ResponsibleID: x.ResponsibleID, Responsible: wire.Opt(x.Responsible),
		DueOn: wire.ToDate(x.DueOn), Cost: toMoney(x.Cost, x.Currency), FundingSource: wire.Opt(x.FundingSource), Status: api.CaseActionStatus(x.Status), DoneOn: wire.ToOptDate(x.DoneOn), Outcome: wire.Opt(x.Outcome), CopiedFrom: x.CopiedFrom,
	}
}

func fromActionCreate(b api.CaseActionCreate, p *Plan) *Action {
	x := fromActionDraft(api.CaseActionDraft{
		Description: b.Description, ServiceType: b.ServiceType, ResponsibleID: b.ResponsibleID, Responsible: b.Responsible, DueOn: b.DueOn,
		Cost: b.Cost, FundingSource: b.FundingSource,
	}, p, b.GoalID)
	x.Record = db.NewRecord(b.ID)
	return &x
}

func (x *Action) patch(b api.CaseActionPatch) {
	wire.SetNull(&x.GoalID, b.GoalID)
	wire.Clear(&x.Description, b.Description)
	wire.Clear(&x.ServiceType, b.ServiceType)
	wire.SetNull(&x.ResponsibleID, b.ResponsibleID)
	wire.Clear(&x.Responsible, b.Responsible)
	if b.DueOn != nil {
		x.DueOn = wire.Date(*b.DueOn)
	}
	if b.Cost.IsSpecified() {
		var cost *api.Money
		wire.SetNull(&cost, b.Cost)
		x.Cost, x.Currency = fromMoney(cost)
	}
	wire.Clear(&x.FundingSource, b.FundingSource)
	if b.Status != nil {
		x.Status = string(*b.Status)
	}
	clearDate(&x.DoneOn, b.DoneOn)
	wire.Clear(&x.Outcome, b.Outcome)
}

func toNote(n *Note) api.CaseNote {
	out := api.CaseNote{
		ID: n.ID, Version: n.Version, CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt, CaseID: n.CaseID, AuthorID: n.AuthorID, Text: &n.Text,
		OccurredAt: n.OccurredAt, Late: n.Late, Mentions: wire.List([]uuid.UUID(n.Mentions)), EditedAt: n.EditedAt, VoidReason: wire.Opt(n.VoidReason), VoidedAt: n.VoidedAt, VoidedBy: n.VoidedBy,
	}
	if n.VoidedAt != nil {
		out.Text = nil
	}
	return out
}

func fromNoteCreate(b api.CaseNoteCreate, c *Case) *Note {
	n := &Note{Record: db.NewRecord(b.ID), CaseID: c.ID, Text: b.Text}
	n.OccurredAt = moment(b.OccurredAt, n.CreatedAt)
	n.mention(wire.Value(b.Mentions))
	return n
}

func toNoteVersion(v *NoteVersion) api.CaseNoteVersion {
	return api.CaseNoteVersion{NoteID: v.NoteID, Number: v.Number, Text: v.Text, OccurredAt: v.OccurredAt, WrittenAt: v.WrittenAt}
}

func toFollowup(f *Followup) api.CaseFollowup {
	return api.CaseFollowup{
		ID: f.ID, Version: f.Version, CreatedAt: f.CreatedAt, UpdatedAt: f.UpdatedAt, CaseID: f.CaseID, Type: f.Type, DueAt: f.DueAt,
		ResponsibleID: f.ResponsibleID, DoneAt: f.DoneAt, DoneBy: f.DoneBy, Outcome: wire.Opt(f.Outcome), Need: wire.Opt(f.Need),
		VoidReason: wire.Opt(f.VoidReason), VoidedAt: f.VoidedAt, Attempts: wire.Each(f.Attempts, toAttempt),
	}
}

func toAttempt(x *ContactAttempt) api.ContactAttempt {
	return api.ContactAttempt{At: x.At, Method: api.ContactAttemptMethod(x.Method), Note: wire.Opt(x.Note), ByID: x.ByID, VisitID: x.VisitID}
}

// moment reads an instant as precisely as it is kept.
func moment(at *time.Time, standard time.Time) time.Time {
	if at == nil {
		return standard
	}
	return wire.Moment(*at)
}

// clearDate applies a nullable date of a merge patch.
func clearDate(to **db.Date, patch nullable.Nullable[openapi_types.Date]) {
	if !patch.IsSpecified() {
		return
	}
	*to = nil
	if d, err := patch.Get(); err == nil {
		*to = wire.Ptr(wire.Date(d))
	}
}
