package casework

import (
	"context"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

var approvalSorts = db.Sorts[Approval]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(p *Approval) any { return p.CreatedAt }},
}

// ListCaseApprovals returns one page of what needed a second person.
func (Handlers) ListCaseApprovals(ctx context.Context, req api.ListCaseApprovalsRequestObject) (api.ListCaseApprovalsResponseObject, error) {
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), approvalSorts, func(q *gorm.DB) *gorm.DB {
		return where(q, "status = ?", p.Status)
	})
	if err != nil {
		return nil, err
	}
	return api.ListCaseApprovals200JSONResponse{Data: wire.Each(page.Rows, toApproval), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
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
	if err := p.validate(ctx, c); err != nil {
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
	p, err := decideApproval(ctx, place{req.ID, req.ApprovalID, req.Params.IfMatch}, approved, wire.Value(req.Body.Comment))
	if err != nil {
		return nil, err
	}
	return api.ApproveCaseApproval200JSONResponse{Body: toApproval(p), Headers: api.ApproveCaseApproval200ResponseHeaders{ETag: wire.ETag(p.Version)}}, nil
}

// RejectCaseApproval refuses what was asked for.
func (Handlers) RejectCaseApproval(ctx context.Context, req api.RejectCaseApprovalRequestObject) (api.RejectCaseApprovalResponseObject, error) {
	p, err := decideApproval(ctx, place{req.ID, req.ApprovalID, req.Params.IfMatch}, rejected, wire.Value(req.Body.Comment))
	if err != nil {
		return nil, err
	}
	return api.RejectCaseApproval200JSONResponse{Body: toApproval(p), Headers: api.RejectCaseApproval200ResponseHeaders{ETag: wire.ETag(p.Version)}}, nil
}
