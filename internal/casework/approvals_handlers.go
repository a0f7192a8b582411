package casework

import (
	"context"
	"errors"
	"slices"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// ListApprovals returns one page of what waits for a second person in the cases in view.
func (Handlers) ListApprovals(ctx context.Context, req api.ListApprovalsRequestObject) (api.ListApprovalsResponseObject, error) {
	p := req.Params
	kinds, err := decidableKinds(ctx)
	if err != nil {
		return nil, err
	}
	view, by := inView(ctx), caller(ctx)
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), approvalSorts, func(q *gorm.DB) *gorm.DB {
		q = q.Where("case_id in (?)", view(db.Tx(ctx).Model(&Case{}).Select("id")))
		q = where(where(where(q, "status = ?", p.Status), "kind = ?", p.Kind), "requested_by = ?", p.RequestedBy)
		if p.Decidable != nil {
			q = q.Where("(status = ? and kind in ? and requested_by is distinct from ?) = ?", requested, kinds, by, *p.Decidable)
		}
		return q
	})
	if err != nil {
		return nil, err
	}
	return api.ListApprovals200JSONResponse{Data: wire.Each(page.Rows, toApproval), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// decidableKinds are those that the SOP in force lets the caller's roles decide. A case that lives by an
// older SOP is judged by that one when it comes to the decision.
func decidableKinds(ctx context.Context) ([]string, error) {
	policy, _, err := centre.ActivePolicy(ctx)
	kinds := []string{""} // an empty list is no SQL
	for _, kind := range []string{"closure", "consent_override", "plan", "assessment", voidAssessment} {
		a := Act{Policy: policy, Roles: rolesOf(ctx)}
		if a.decides(kind, nil) == nil {
			kinds = append(kinds, kind)
		}
	}
	return kinds, err
}

// DecideApprovals decides several approvals, each by itself.
func (Handlers) DecideApprovals(ctx context.Context, req api.DecideApprovalsRequestObject) (api.DecideApprovalsResponseObject, error) {
	out := api.ApprovalResults{Results: []api.ApprovalResult{}}
	for _, item := range req.Body.Items {
		result, err := decideOne(ctx, item, *req.Body)
		if err != nil {
			return nil, err
		}
		out.Results = append(out.Results, result)
	}
	return api.DecideApprovals200JSONResponse(out), nil
}

// refusals are the faults of one item, and not of the request.
var refusals = []fault.Kind{fault.Forbidden, fault.NotFound, fault.Conflict, fault.Stale, fault.Invalid}

// decideOne decides one of several. What it is refused for is its own result; nothing of it stays
// behind. What the whole request would be repeated or given up for is an error.
func decideOne(ctx context.Context, item api.ApprovalItem, b api.ApprovalDecisions) (api.ApprovalResult, error) {
	var decided *Approval
	err := db.Tx(ctx).Transaction(func(*gorm.DB) (err error) { // a savepoint
		decided, err = decideAny(ctx, item, b)
		return err
	})
	if err == nil {
		approval := toApproval(decided)
		return api.ApprovalResult{ID: item.ID, Outcome: api.ApprovalResultOutcomeDecided, Approval: &approval}, nil
	}
	var refused *fault.Error
	if db.Retryable(err) || !errors.As(db.Fault(err), &refused) || !slices.Contains(refusals, refused.Kind) {
		return api.ApprovalResult{}, err
	}
	code, detail := refused.Code, refused.Public
	if len(refused.Fields) > 0 {
		code, detail = refused.Fields[0].Code, refused.Fields[0].Detail
	}
	return api.ApprovalResult{ID: item.ID, Outcome: api.ApprovalResultOutcomeRefused, Code: &code, Detail: &detail}, nil
}

// decideAny decides an approval of any kind; a closure with its case.
func decideAny(ctx context.Context, item api.ApprovalItem, b api.ApprovalDecisions) (*Approval, error) {
	p, err := db.Get[Approval](ctx, item.ID)
	if err != nil {
		return nil, err
	}
	at := place{p.CaseID, p.ID, wire.ETag(item.Version)}
	status, verb := approved, VerbApproveClosure
	if b.Decision == api.ApprovalDecisionsDecisionReject {
		status, verb = rejected, VerbRejectClosure
	}
	if p.Kind != "closure" {
		return decideApproval(ctx, at, status, wire.Value(b.Comment))
	}
	c, err := LockCase(ctx, p.CaseID)
	if err != nil {
		return nil, err
	}
	if p, err = inFile[Approval](ctx, c, p.ID, at.ifMatch); err != nil {
		return nil, err
	}
	if p.Status != requested {
		return nil, fault.State(p.Status, "This was decided already.")
	}
	if err := carry(ctx, c, verb, func(a *Act) { a.Reason, a.BestInterestNote = wire.Value(b.Comment), wire.Value(b.BestInterestNote) }); err != nil {
		return nil, err
	}
	return one[Approval](ctx, c.ID, p.ID)
}
