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

var visitSorts = db.Sorts[Visit]{
	"planned_at": {SQL: "planned_at", Cast: "timestamptz", Value: func(v *Visit) any { return v.PlannedAt }},
}

// ListCaseVisits returns one page of the visits of a case.
func (Handlers) ListCaseVisits(ctx context.Context, req api.ListCaseVisitsRequestObject) (api.ListCaseVisitsResponseObject, error) {
	p := req.Params
	page, err := pageOf(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-planned_at"), visitSorts, func(q *gorm.DB) *gorm.DB {
		if p.Status == nil {
			q = q.Where("status <> ?", void)
		}
		return where(where(q, "status = ?", p.Status), "followup_id = ?", p.FollowupID)
	})
	if err != nil {
		return nil, err
	}
	exact, err := atWork(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.ListCaseVisits200JSONResponse{Data: wire.Each(page.Rows, func(v *Visit) api.CaseVisit { return toVisit(v, exact) }), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// PlanCaseVisit plans a visit.
func (Handlers) PlanCaseVisit(ctx context.Context, req api.PlanCaseVisitRequestObject) (api.PlanCaseVisitResponseObject, error) {
	c, err := lockFollowable(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	a, err := newAct(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := today(ctx, c, a); err != nil {
		return nil, err
	}
	v, err := fromVisitCreate(*req.Body, c, a)
	if err != nil {
		return nil, err
	}
	if err := planVisit(ctx, c, v, req.Body.FollowupID, a); err != nil {
		return nil, err
	}
	body, err := shown(ctx, v)
	if err != nil {
		return nil, err
	}
	return api.PlanCaseVisit201JSONResponse{Body: body, Headers: api.PlanCaseVisit201ResponseHeaders{ETag: wire.ETag(v.Version), Location: c.path() + "/visits/" + v.ID.String()}}, nil
}

// shown is a visit as the caller may read it.
func shown(ctx context.Context, v *Visit) (api.CaseVisit, error) {
	exact, err := atWork(ctx, v.CaseID)
	return toVisit(v, exact), err
}

// GetCaseVisit returns one visit.
func (Handlers) GetCaseVisit(ctx context.Context, req api.GetCaseVisitRequestObject) (api.GetCaseVisitResponseObject, error) {
	v, err := read[Visit](ctx, req.ID, req.VisitID)
	if err != nil {
		return nil, err
	}
	body, err := shown(ctx, v)
	if err != nil {
		return nil, err
	}
	return api.GetCaseVisit200JSONResponse{Body: body, Headers: api.GetCaseVisit200ResponseHeaders{ETag: wire.ETag(v.Version)}}, nil
}

// visited is what a change of a visit answers.
type visited struct {
	body api.CaseVisit
	etag string
}

// changeVisit changes a visit of a case whose person may be followed up.
func changeVisit(ctx context.Context, caseID, id uuid.UUID, ifMatch string, fn func(*Case, *Visit, *Act) error) (visited, error) {
	v, err := change(ctx, place{caseID, id, ifMatch}, lockFollowable, fn)
	if err != nil {
		return visited{}, err
	}
	body, err := shown(ctx, v)
	return visited{body, wire.ETag(v.Version)}, err
}

// UpdateCaseVisit applies a merge patch to a planned visit; what is kept of where it was can be
// taken back at any time.
func (Handlers) UpdateCaseVisit(ctx context.Context, req api.UpdateCaseVisitRequestObject) (api.UpdateCaseVisitResponseObject, error) {
	out, err := changeVisit(ctx, req.ID, req.VisitID, req.Params.IfMatch, func(c *Case, v *Visit, a *Act) error {
		if err := today(ctx, c, a); err != nil {
			return err
		}
		if err := v.patch(*req.Body, a); err != nil {
			return err
		}
		return v.visitors(ctx)
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateCaseVisit200JSONResponse{Body: out.body, Headers: api.UpdateCaseVisit200ResponseHeaders{ETag: out.etag}}, nil
}

// CheckVisitSafety notes whether a planned visit is safe.
func (Handlers) CheckVisitSafety(ctx context.Context, req api.CheckVisitSafetyRequestObject) (api.CheckVisitSafetyResponseObject, error) {
	out, err := changeVisit(ctx, req.ID, req.VisitID, req.Params.IfMatch, func(_ *Case, v *Visit, a *Act) error {
		return v.checkSafety(fromSafety(*req.Body, a), a)
	})
	if err != nil {
		return nil, err
	}
	return api.CheckVisitSafety200JSONResponse{Body: out.body, Headers: api.CheckVisitSafety200ResponseHeaders{ETag: out.etag}}, nil
}

// RecordCaseVisit records how a visit went.
func (Handlers) RecordCaseVisit(ctx context.Context, req api.RecordCaseVisitRequestObject) (api.RecordCaseVisitResponseObject, error) {
	b := req.Body
	out, err := changeVisit(ctx, req.ID, req.VisitID, req.Params.IfMatch, func(c *Case, v *Visit, a *Act) error {
		at := moment(b.VisitedAt, a.At)
		if (b.Need != nil) != (string(b.Result) == visitMet) {
			return fault.InvalidField("/need", "incomplete", "A visit that met the person says what they need; one that met nobody does not.")
		}
		if err := v.record(string(b.Result), at, wire.Value(b.Outcome), a); err != nil {
			return err
		}
		next, err := nextVisit(b.NextAt, at)
		if err != nil {
			return err
		}
		if b.Need == nil {
			return v.missed(ctx, c, next, a)
		}
		return v.met(ctx, c, *b.Need, next, a)
	})
	if err != nil {
		return nil, err
	}
	return api.RecordCaseVisit200JSONResponse{Body: out.body, Headers: api.RecordCaseVisit200ResponseHeaders{ETag: out.etag}}, nil
}

// CancelCaseVisit gives a planned visit up; its follow-up stays due.
func (Handlers) CancelCaseVisit(ctx context.Context, req api.CancelCaseVisitRequestObject) (api.CancelCaseVisitResponseObject, error) {
	out, err := changeVisit(ctx, req.ID, req.VisitID, req.Params.IfMatch, func(_ *Case, v *Visit, _ *Act) error { return v.cancel(req.Body.Reason) })
	if err != nil {
		return nil, err
	}
	return api.CancelCaseVisit200JSONResponse{Body: out.body, Headers: api.CancelCaseVisit200ResponseHeaders{ETag: out.etag}}, nil
}

// VoidCaseVisit hides a visit that was entered in error, with what it brought about.
func (Handlers) VoidCaseVisit(ctx context.Context, req api.VoidCaseVisitRequestObject) (api.VoidCaseVisitResponseObject, error) {
	out, err := changeVisit(ctx, req.ID, req.VisitID, req.Params.IfMatch, func(c *Case, v *Visit, a *Act) error {
		was := v.Status
		if err := v.void(req.Body.Reason, a); err != nil {
			return err
		}
		return v.takeBack(ctx, c, was, a)
	})
	if err != nil {
		return nil, err
	}
	return api.VoidCaseVisit200JSONResponse{Body: out.body, Headers: api.VoidCaseVisit200ResponseHeaders{ETag: out.etag}}, nil
}
