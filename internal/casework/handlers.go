package casework

import (
	"cmp"
	"context"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/export"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations on cases and their files.
type Handlers struct{}

// ListCases returns one page of the cases in the caller's view.
func (Handlers) ListCases(ctx context.Context, req api.ListCasesRequestObject) (api.ListCasesResponseObject, error) {
	p := req.Params
	f := Filter{
		Status: p.Status, RiskLevel: p.RiskLevel, OwnerID: p.OwnerID, BeneficiaryID: p.BeneficiaryID, DuplicateOf: p.DuplicateOf, Mine: p.Mine, Overdue: p.Overdue,
		UpdatedSince: p.UpdatedSince,
	}
	if export.Wanted(ctx) {
		return exportCases(ctx, f, cmp.Or(string(wire.Value(p.Sort)), "-created_at")), export.Whole(p.Cursor, p.IncludeTotal)
	}
	page, err := listCases(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), f)
	if err != nil {
		return nil, err
	}
	return api.ListCases200JSONResponse{Data: wire.Each(page.Rows, toCase), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateCase begins a draft.
func (Handlers) CreateCase(ctx context.Context, req api.CreateCaseRequestObject) (api.CreateCaseResponseObject, error) {
	c := fromCaseCreate(*req.Body)
	if err := Begin(ctx, c); err != nil {
		return nil, err
	}
	return api.CreateCase201JSONResponse{Body: toCase(c), Headers: api.CreateCase201ResponseHeaders{ETag: wire.ETag(c.Version), Location: c.path()}}, nil
}

func (c *Case) path() string {
	return "/v1/centres/" + c.CentreID.String() + "/cases/" + c.ID.String()
}

// GetCase returns a case; a merged one leads to the case that survived it.
func (Handlers) GetCase(ctx context.Context, req api.GetCaseRequestObject) (api.GetCaseResponseObject, error) {
	c, err := find(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if c.Status == Duplicate && c.DuplicateOf != nil {
		survivor := Case{Record: db.Record{CentreID: c.CentreID, ID: *c.DuplicateOf}}
		return api.GetCase308Response{Headers: api.GetCase308ResponseHeaders{Location: survivor.path()}}, nil
	}
	return api.GetCase200JSONResponse{Body: toCase(c), Headers: api.GetCase200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// UpdateCase applies a merge patch; a change of risk is a transition of its own.
func (Handlers) UpdateCase(ctx context.Context, req api.UpdateCaseRequestObject) (api.UpdateCaseResponseObject, error) {
	c, err := lock(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := update(ctx, c, *req.Body); err != nil {
		return nil, err
	}
	return api.UpdateCase200JSONResponse{Body: toCase(c), Headers: api.UpdateCase200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

func update(ctx context.Context, c *Case, b api.CasePatch) error {
	if !c.underWay() {
		return fault.State(string(c.Status), "A case that has ended is not changed. Reopen it first.")
	}
	before := c.Sensitivity
	c.patch(b)
	switch {
	case c.Sensitivity == before:
	case c.Sensitivity == Restricted:
		if err := restrict(ctx, c); err != nil {
			return err
		}
	case before == Restricted:
		if err := onlyTeam(ctx, c); err != nil {
			return err
		}
	}
	return saveWithRisk(ctx, c, b)
}

// restrict raises the wall: by somebody who stays inside, and around the duplicates that lead to
// the case, too.
func restrict(ctx context.Context, c *Case) error {
	on, err := onTeam(ctx, c)
	if err != nil {
		return err
	}
	if !on {
		return fault.InvalidField("/sensitivity", "not_on_team", "You would lock yourself out: a restricted case is seen by its team alone. Join the team first.")
	}
	return lifted(ctx, func() error {
		return db.Tx(ctx).Model(&Case{}).Where("duplicate_of = ? and sensitivity <> ?", c.ID, Restricted).
			Updates(map[string]any{"sensitivity": Restricted, "version": gorm.Expr("version + 1"), "updated_at": db.Now()}).Error
	})
}

func saveWithRisk(ctx context.Context, c *Case, b api.CasePatch) error {
	if b.RiskLevel == nil || *b.RiskLevel == c.RiskLevel {
		return db.Save(ctx, c)
	}
	a, err := newAct(ctx, c)
	if err != nil {
		return err
	}
	a.RiskLevel, a.Reason = *b.RiskLevel, wire.Value(b.RiskReason)
	return enact(ctx, c, VerbChangeRisk, a)
}

// OpenCase opens a draft.
func (Handlers) OpenCase(ctx context.Context, req api.OpenCaseRequestObject) (api.OpenCaseResponseObject, error) {
	c, err := move(ctx, req.ID, req.Params.IfMatch, VerbOpen, func(a *Act) {
		if req.Body != nil {
			a.CaseloadOverride = wire.Value(req.Body.CaseloadOverride)
		}
	})
	if err != nil {
		return nil, err
	}
	return api.OpenCase200JSONResponse{Body: toCase(c), Headers: api.OpenCase200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// ScreenOutCase ends a draft that is not opened.
func (Handlers) ScreenOutCase(ctx context.Context, req api.ScreenOutCaseRequestObject) (api.ScreenOutCaseResponseObject, error) {
	c, err := move(ctx, req.ID, req.Params.IfMatch, VerbScreenOut, func(a *Act) { a.Reason = req.Body.Reason })
	if err != nil {
		return nil, err
	}
	return api.ScreenOutCase200JSONResponse{Body: toCase(c), Headers: api.ScreenOutCase200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// AssignCase gives the case an owner.
func (Handlers) AssignCase(ctx context.Context, req api.AssignCaseRequestObject) (api.AssignCaseResponseObject, error) {
	c, err := move(ctx, req.ID, req.Params.IfMatch, VerbAssign, func(a *Act) {
		a.OwnerID, a.Reason, a.CaseloadOverride = &req.Body.OwnerID, wire.Value(req.Body.Reason), wire.Value(req.Body.CaseloadOverride)
	})
	if err != nil {
		return nil, err
	}
	return api.AssignCase200JSONResponse{Body: toCase(c), Headers: api.AssignCase200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// HoldCase lets the case rest until a review.
func (Handlers) HoldCase(ctx context.Context, req api.HoldCaseRequestObject) (api.HoldCaseResponseObject, error) {
	c, err := move(ctx, req.ID, req.Params.IfMatch, VerbHold, func(a *Act) {
		a.Reason, a.ReviewOn = req.Body.Reason, wire.Date(req.Body.ReviewOn)
	})
	if err != nil {
		return nil, err
	}
	return api.HoldCase200JSONResponse{Body: toCase(c), Headers: api.HoldCase200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// ResumeCase goes on with a case on hold.
func (Handlers) ResumeCase(ctx context.Context, req api.ResumeCaseRequestObject) (api.ResumeCaseResponseObject, error) {
	c, err := move(ctx, req.ID, req.Params.IfMatch, VerbResume, func(*Act) {})
	if err != nil {
		return nil, err
	}
	return api.ResumeCase200JSONResponse{Body: toCase(c), Headers: api.ResumeCase200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// RequestCaseClosure asks a second person to close the case.
func (Handlers) RequestCaseClosure(ctx context.Context, req api.RequestCaseClosureRequestObject) (api.RequestCaseClosureResponseObject, error) {
	b := req.Body
	c, err := move(ctx, req.ID, req.Params.IfMatch, VerbRequestClosure, func(a *Act) {
		a.ReasonCode, a.Reason = b.Reason, b.Summary
		a.told(wire.Each(b.Checklist, fromAnswer), b.PersonInformed)
		a.Justification, a.ReferralOverride, a.BestInterestNote = wire.Value(b.Justification), wire.Value(b.ReferralOverride), wire.Value(b.BestInterestNote)
	})
	if err != nil {
		return nil, err
	}
	return api.RequestCaseClosure200JSONResponse{Body: toCase(c), Headers: api.RequestCaseClosure200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// GetCaseClosureChecklist tells what is asked when the case closes for a reason.
func (Handlers) GetCaseClosureChecklist(ctx context.Context, req api.GetCaseClosureChecklistRequestObject) (api.GetCaseClosureChecklistResponseObject, error) {
	c, err := find(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	a, err := newAct(ctx, c)
	if err != nil {
		return nil, err
	}
	items := a.Policy.ClosureItems(wire.Value(req.Params.Reason), c.RiskLevel)
	return api.GetCaseClosureChecklist200JSONResponse{SopID: a.SOPID, Items: wire.Each(items, func(i *centre.ClosureItem) api.ClosureQuestion {
		return api.ClosureQuestion{Code: i.Code, Label: i.Label(codelist.LanguageFrom(ctx)), Required: i.Required}
	})}, nil
}

// ApproveCaseClosure closes the case.
func (Handlers) ApproveCaseClosure(ctx context.Context, req api.ApproveCaseClosureRequestObject) (api.ApproveCaseClosureResponseObject, error) {
	c, err := move(ctx, req.ID, req.Params.IfMatch, VerbApproveClosure, func(a *Act) {
		a.Reason, a.BestInterestNote = wire.Value(req.Body.Comment), wire.Value(req.Body.BestInterestNote)
		a.told(wire.Each(req.Body.Checklist, fromAnswer), nil)
	})
	if err != nil {
		return nil, err
	}
	return api.ApproveCaseClosure200JSONResponse{Body: toCase(c), Headers: api.ApproveCaseClosure200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// RejectCaseClosure keeps the case open.
func (Handlers) RejectCaseClosure(ctx context.Context, req api.RejectCaseClosureRequestObject) (api.RejectCaseClosureResponseObject, error) {
	c, err := move(ctx, req.ID, req.Params.IfMatch, VerbRejectClosure, func(a *Act) { a.Reason = req.Body.Comment })
	if err != nil {
		return nil, err
	}
	return api.RejectCaseClosure200JSONResponse{Body: toCase(c), Headers: api.RejectCaseClosure200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// ReopenCase begins again with a closed case.
func (Handlers) ReopenCase(ctx context.Context, req api.ReopenCaseRequestObject) (api.ReopenCaseResponseObject, error) {
	c, err := move(ctx, req.ID, req.Params.IfMatch, VerbReopen, func(a *Act) {
		a.Reason, a.RiskLevel, a.CaseloadOverride = req.Body.Reason, req.Body.RiskLevel, wire.Value(req.Body.CaseloadOverride)
		if req.Body.OwnerID != nil {
			a.OwnerID = req.Body.OwnerID
		}
	})
	if err != nil {
		return nil, err
	}
	return api.ReopenCase200JSONResponse{Body: toCase(c), Headers: api.ReopenCase200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// MergeCase makes the case a duplicate of another.
func (Handlers) MergeCase(ctx context.Context, req api.MergeCaseRequestObject) (api.MergeCaseResponseObject, error) {
	c, err := move(ctx, req.ID, req.Params.IfMatch, VerbMerge, func(a *Act) {
		a.SurvivorID, a.Reason = req.Body.SurvivorID, req.Body.Reason
	})
	if err != nil {
		return nil, err
	}
	return api.MergeCase200JSONResponse{Body: toCase(c), Headers: api.MergeCase200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// UndoCaseMerge makes a duplicate what it was before.
func (Handlers) UndoCaseMerge(ctx context.Context, req api.UndoCaseMergeRequestObject) (api.UndoCaseMergeResponseObject, error) {
	c, err := move(ctx, req.ID, req.Params.IfMatch, VerbUndoMerge, func(a *Act) { a.Reason = req.Body.Reason })
	if err != nil {
		return nil, err
	}
	return api.UndoCaseMerge200JSONResponse{Body: toCase(c), Headers: api.UndoCaseMerge200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}
