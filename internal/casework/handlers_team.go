package casework

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// all narrows nothing.
func all(q *gorm.DB) *gorm.DB { return q }

var transitionSorts = db.Sorts[Transition]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(t *Transition) any { return t.CreatedAt }},
}

// ListCaseHistory returns one page of a case's transitions.
func (Handlers) ListCaseHistory(ctx context.Context, req api.ListCaseHistoryRequestObject) (api.ListCaseHistoryResponseObject, error) {
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), transitionSorts, func(t *Transition) uuid.UUID { return t.ID }, all)
	if err != nil {
		return nil, err
	}
	return api.ListCaseHistory200JSONResponse{Data: list(page.Rows, toTransition), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

var teamSorts = db.Sorts[TeamMember]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(m *TeamMember) any { return m.CreatedAt }},
}

// ListCaseTeam returns one page of a case's team.
func (Handlers) ListCaseTeam(ctx context.Context, req api.ListCaseTeamRequestObject) (api.ListCaseTeamResponseObject, error) {
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), teamSorts, func(m *TeamMember) uuid.UUID { return m.ID }, func(q *gorm.DB) *gorm.DB {
		return where(q, "(ended_at is null) = ?", p.Current)
	})
	if err != nil {
		return nil, err
	}
	return api.ListCaseTeam200JSONResponse{Data: list(page.Rows, toTeamMember), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// AddCaseTeamMember gives somebody a place on the team.
func (Handlers) AddCaseTeamMember(ctx context.Context, req api.AddCaseTeamMemberRequestObject) (api.AddCaseTeamMemberResponseObject, error) {
	c, err := lockUnderWay(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	fits, err := worksAs(ctx, req.Body.UserID, teamRoles)
	if err != nil {
		return nil, err
	}
	if !fits {
		return nil, fault.InvalidField("/user_id", "unfit_member", "A team is active staff of this centre with roles in case management.")
	}
	m := newTeamMember(c, req.Body.UserID, member)
	m.Record = db.NewRecord(req.Body.ID)
	if err := db.Insert(ctx, m); err != nil {
		return nil, err
	}
	return api.AddCaseTeamMember201JSONResponse{Body: toTeamMember(m), Headers: api.AddCaseTeamMember201ResponseHeaders{ETag: wire.ETag(m.Version), Location: c.path() + "/team/" + m.ID.String()}}, nil
}

// GetCaseTeamMember returns one place on the team.
func (Handlers) GetCaseTeamMember(ctx context.Context, req api.GetCaseTeamMemberRequestObject) (api.GetCaseTeamMemberResponseObject, error) {
	m, err := read[TeamMember](ctx, req.ID, req.MemberID)
	if err != nil {
		return nil, err
	}
	return api.GetCaseTeamMember200JSONResponse{Body: toTeamMember(m), Headers: api.GetCaseTeamMember200ResponseHeaders{ETag: wire.ETag(m.Version)}}, nil
}

// EndCaseTeamMember ends somebody's place on the team.
func (Handlers) EndCaseTeamMember(ctx context.Context, req api.EndCaseTeamMemberRequestObject) (api.EndCaseTeamMemberResponseObject, error) {
	c, err := LockCase(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	m, err := inFile[TeamMember](ctx, c, req.MemberID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	others, err := db.Count[TeamMember](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("case_id = ? and id <> ? and ended_at is null", c.ID, m.ID)
	})
	if err != nil {
		return nil, err
	}
	if err := m.end(db.Now(), others == 0 && c.Sensitivity == Restricted); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, m); err != nil {
		return nil, err
	}
	return api.EndCaseTeamMember200JSONResponse{Body: toTeamMember(m), Headers: api.EndCaseTeamMember200ResponseHeaders{ETag: wire.ETag(m.Version)}}, nil
}

var approvalSorts = db.Sorts[Approval]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(p *Approval) any { return p.CreatedAt }},
}

// ListCaseApprovals returns one page of what needed a second person.
func (Handlers) ListCaseApprovals(ctx context.Context, req api.ListCaseApprovalsRequestObject) (api.ListCaseApprovalsResponseObject, error) {
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), approvalSorts, func(p *Approval) uuid.UUID { return p.ID }, func(q *gorm.DB) *gorm.DB {
		return where(q, "status = ?", p.Status)
	})
	if err != nil {
		return nil, err
	}
	return api.ListCaseApprovals200JSONResponse{Data: list(page.Rows, toApproval), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateCaseApproval asks for a decision.
func (Handlers) CreateCaseApproval(ctx context.Context, req api.CreateCaseApprovalRequestObject) (api.CreateCaseApprovalResponseObject, error) {
	c, err := LockCase(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if !c.underWay() && c.Status != Closed {
		return nil, fault.State(string(c.Status), "Nothing can be asked for about a case that has ended for good.")
	}
	p := fromApprovalCreate(*req.Body, c, caller(ctx))
	var plan *Plan
	if p.SubjectID != nil {
		if plan, err = planOf(ctx, c, *p.SubjectID); err != nil {
			return nil, err
		}
	}
	if err := p.validate(plan); err != nil {
		return nil, err
	}
	if err := db.Insert(ctx, p); err != nil {
		return nil, err
	}
	return api.CreateCaseApproval201JSONResponse{Body: toApproval(p), Headers: api.CreateCaseApproval201ResponseHeaders{ETag: wire.ETag(p.Version), Location: c.path() + "/approvals/" + p.ID.String()}}, nil
}

// GetCaseApproval returns one thing that needed a second person.
func (Handlers) GetCaseApproval(ctx context.Context, req api.GetCaseApprovalRequestObject) (api.GetCaseApprovalResponseObject, error) {
	p, err := read[Approval](ctx, req.ID, req.ApprovalID)
	if err != nil {
		return nil, err
	}
	return api.GetCaseApproval200JSONResponse{Body: toApproval(p), Headers: api.GetCaseApproval200ResponseHeaders{ETag: wire.ETag(p.Version)}}, nil
}

// ApproveCaseApproval grants what was asked for.
func (Handlers) ApproveCaseApproval(ctx context.Context, req api.ApproveCaseApprovalRequestObject) (api.ApproveCaseApprovalResponseObject, error) {
	p, err := decideApproval(ctx, req.ID, req.ApprovalID, req.Params.IfMatch, approved, wire.Value(req.Body.Comment))
	if err != nil {
		return nil, err
	}
	return api.ApproveCaseApproval200JSONResponse{Body: toApproval(p), Headers: api.ApproveCaseApproval200ResponseHeaders{ETag: wire.ETag(p.Version)}}, nil
}

// RejectCaseApproval refuses what was asked for.
func (Handlers) RejectCaseApproval(ctx context.Context, req api.RejectCaseApprovalRequestObject) (api.RejectCaseApprovalResponseObject, error) {
	p, err := decideApproval(ctx, req.ID, req.ApprovalID, req.Params.IfMatch, rejected, wire.Value(req.Body.Comment))
	if err != nil {
		return nil, err
	}
	return api.RejectCaseApproval200JSONResponse{Body: toApproval(p), Headers: api.RejectCaseApproval200ResponseHeaders{ETag: wire.ETag(p.Version)}}, nil
}
