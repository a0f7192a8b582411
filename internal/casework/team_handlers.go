package casework

import (
	"context"

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
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), transitionSorts, all)
	if err != nil {
		return nil, err
	}
	return api.ListCaseHistory200JSONResponse{Data: wire.Each(page.Rows, toTransition), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

var teamSorts = db.Sorts[TeamMember]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(m *TeamMember) any { return m.CreatedAt }},
}

// ListCaseTeam returns one page of a case's team.
func (Handlers) ListCaseTeam(ctx context.Context, req api.ListCaseTeamRequestObject) (api.ListCaseTeamResponseObject, error) {
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), teamSorts, func(q *gorm.DB) *gorm.DB {
		return where(q, "(ended_at is null) = ?", p.Current)
	})
	if err != nil {
		return nil, err
	}
	return api.ListCaseTeam200JSONResponse{Data: wire.Each(page.Rows, toTeamMember), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
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
	if err := mayStay(ctx, c, req.Body.UserID); err != nil {
		return nil, err
	}
	if err := letIn(ctx, c, req.Body.UserID, "/user_id"); err != nil {
		return nil, err
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
	m, err := change(ctx, place{req.ID, req.MemberID, req.Params.IfMatch}, LockCase, func(c *Case, m *TeamMember, a *Act) error {
		others, err := db.Count[TeamMember](ctx, func(q *gorm.DB) *gorm.DB {
			return q.Where("case_id = ? and id <> ? and ended_at is null", c.ID, m.ID)
		})
		if err != nil {
			return err
		}
		return m.end(a.At, others == 0 && c.Sensitivity == Restricted)
	})
	if err != nil {
		return nil, err
	}
	return api.EndCaseTeamMember200JSONResponse{Body: toTeamMember(m), Headers: api.EndCaseTeamMember200ResponseHeaders{ETag: wire.ETag(m.Version)}}, nil
}
