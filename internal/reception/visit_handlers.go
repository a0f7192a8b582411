package reception

import (
	"cmp"
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/export"
	"github.com/waystation/waystation/internal/headcount"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct{}

// ListVisits returns one page of visits.
func (Handlers) ListVisits(ctx context.Context, req api.ListVisitsRequestObject) (api.ListVisitsResponseObject, error) {
	p := req.Params
	f := db.When(db.Conditions{}, "beneficiary_id = ?", p.BeneficiaryID)
	f = db.When(f, "rescue_event_id = ?", p.RescueEventID)
	f = db.When(f, "access_mode = ?", p.AccessMode)
	f = db.When(f, "priority_band = ?", p.PriorityBand)
	f = db.When(f, "arrived_on >= ?", wire.OptDate(p.ArrivedFrom))
	f = db.When(f, "arrived_on <= ?", wire.OptDate(p.ArrivedTo))
	if p.Status == nil {
		f = f.And("status <> ?", Void)
	}
	f = db.When(f, "status = ?", p.Status)
	if export.Wanted(ctx) {
		return exportVisits(ctx, p, f, cmp.Or(string(wire.Value(p.Sort)), "-arrived_at")), export.Whole(p.Cursor, p.IncludeTotal)
	}
	page, err := listVisits(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-arrived_at"), f)
	if err != nil {
		return nil, err
	}
	tallies, err := talliesOf(ctx, ofVisit, wire.Each(page.Rows, func(v *Visit) uuid.UUID { return v.ID })...)
	if err != nil {
		return nil, err
	}
	data := wire.Each(page.Rows, func(v *Visit) api.Visit { return toListed(v, tallies[v.ID]) })
	return api.ListVisits200JSONResponse{Data: data, NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// ListVisitQueue returns who waits, the first to be seen first.
func (Handlers) ListVisitQueue(ctx context.Context, req api.ListVisitQueueRequestObject) (api.ListVisitQueueResponseObject, error) {
	p := req.Params
	f := db.When(db.Conditions{}, "priority_band = ?", p.PriorityBand)
	l := wire.Listing[string](p.Limit, p.Cursor, nil, p.IncludeTotal, queueSort)
	page, err := listQueue(ctx, l, db.When(f, "(triaged_at is not null) = ?", p.Triaged))
	if err != nil {
		return nil, err
	}
	tallies, err := talliesOf(ctx, ofVisit, wire.Each(page.Rows, func(v *Visit) uuid.UUID { return v.ID })...)
	if err != nil {
		return nil, err
	}
	people, err := peopleOf(ctx, page.Rows)
	if err != nil {
		return nil, err
	}
	now := db.Now()
	data := wire.Each(page.Rows, func(v *Visit) api.VisitQueueEntry {
		e := api.VisitQueueEntry{Visit: toListed(v, tallies[v.ID]), WaitingSeconds: int64(max(0, now.Sub(v.ArrivedAt)).Seconds())}
		if v.BeneficiaryID != nil {
			e.Person = toPerson(people[*v.BeneficiaryID])
		}
		return e
	})
	return api.ListVisitQueue200JSONResponse{Data: data, NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateVisit receives an arrival.
func (Handlers) CreateVisit(ctx context.Context, req api.CreateVisitRequestObject) (api.CreateVisitResponseObject, error) {
	a := fromVisitCreate(*req.Body)
	d, err := deskOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := open(ctx, &a.visit.ExceptionReason); err != nil {
		return nil, err
	}
	if err := d.judge(a, ""); err != nil {
		return nil, err
	}
	if err := d.receive(ctx, a); err != nil {
		return nil, err
	}
	return api.CreateVisit201JSONResponse{Body: toVisit(&a), Headers: api.CreateVisit201ResponseHeaders{ETag: wire.ETag(a.visit.Version), Location: wire.Path(req.CentreID, "visits", a.visit.ID)}}, nil
}

// GetVisit returns one visit.
func (Handlers) GetVisit(ctx context.Context, req api.GetVisitRequestObject) (api.GetVisitResponseObject, error) {
	v, err := db.Get[Visit](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	a, err := whole(ctx, v)
	if err != nil {
		return nil, err
	}
	return api.GetVisit200JSONResponse{Body: toVisit(a), Headers: api.GetVisit200ResponseHeaders{ETag: wire.ETag(v.Version)}}, nil
}

// UpdateVisit applies a merge patch to a visit.
func (Handlers) UpdateVisit(ctx context.Context, req api.UpdateVisitRequestObject) (api.UpdateVisitResponseObject, error) {
	if req.Body.RescueEventID != nil {
		if err := holdVisitor(ctx, req.ID, req.Params.IfMatch); err != nil {
			return nil, err
		}
	}
	a, err := change(ctx, req.ID, req.Params.IfMatch, func(a *arrival, d desk) error {
		return a.correct(ctx, d, func() { a.visit.patch(*req.Body, d) }, headcount.From(req.Body.Headcounts))
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateVisit200JSONResponse{Body: toVisit(a), Headers: api.UpdateVisit200ResponseHeaders{ETag: wire.ETag(a.visit.Version)}}, nil
}

// TriageVisit records what reception found, and ranks the visit by it.
func (Handlers) TriageVisit(ctx context.Context, req api.TriageVisitRequestObject) (api.TriageVisitResponseObject, error) {
	a, err := change(ctx, req.ID, req.Params.IfMatch, func(a *arrival, d desk) error {
		t := fromTriage(req.Body)
		if err := a.visit.triage(*t, d.step(t.At)); err != nil {
			return err
		}
		return d.rank(ctx, *a)
	})
	if err != nil {
		return nil, err
	}
	return api.TriageVisit200JSONResponse{Body: toVisit(a), Headers: api.TriageVisit200ResponseHeaders{ETag: wire.ETag(a.visit.Version)}}, nil
}

// AdmitVisit calls somebody in from the queue.
func (Handlers) AdmitVisit(ctx context.Context, req api.AdmitVisitRequestObject) (api.AdmitVisitResponseObject, error) {
	a, err := change(ctx, req.ID, req.Params.IfMatch, func(a *arrival, d desk) error {
		return a.visit.admit(d.step(wire.Moment(wire.Value(req.Body.OccurredAt))))
	})
	if err != nil {
		return nil, err
	}
	return api.AdmitVisit200JSONResponse{Body: toVisit(a), Headers: api.AdmitVisit200ResponseHeaders{ETag: wire.ETag(a.visit.Version)}}, nil
}

// ReferVisitOut sends somebody on to another service.
func (Handlers) ReferVisitOut(ctx context.Context, req api.ReferVisitOutRequestObject) (api.ReferVisitOutResponseObject, error) {
	a, err := change(ctx, req.ID, req.Params.IfMatch, func(a *arrival, d desk) error {
		o := Outcome{Reason: req.Body.Reason, Note: wire.Value(req.Body.Note), OrganisationID: req.Body.OrganisationID}
		return a.visit.referOut(o, d.step(wire.Moment(wire.Value(req.Body.OccurredAt))))
	})
	if err != nil {
		return nil, err
	}
	return api.ReferVisitOut200JSONResponse{Body: toVisit(a), Headers: api.ReferVisitOut200ResponseHeaders{ETag: wire.ETag(a.visit.Version)}}, nil
}

// TurnVisitAway turns somebody away.
func (Handlers) TurnVisitAway(ctx context.Context, req api.TurnVisitAwayRequestObject) (api.TurnVisitAwayResponseObject, error) {
	a, err := change(ctx, req.ID, req.Params.IfMatch, func(a *arrival, d desk) error {
		o := Outcome{Reason: req.Body.Reason, Note: wire.Value(req.Body.Note)}
		if err := a.visit.turnAway(o, d.step(wire.Moment(wire.Value(req.Body.OccurredAt)))); err != nil {
			return err
		}
		return a.visit.told(ctx)
	})
	if err != nil {
		return nil, err
	}
	return api.TurnVisitAway200JSONResponse{Body: toVisit(a), Headers: api.TurnVisitAway200ResponseHeaders{ETag: wire.ETag(a.visit.Version)}}, nil
}

// LeaveVisit records that somebody left.
func (Handlers) LeaveVisit(ctx context.Context, req api.LeaveVisitRequestObject) (api.LeaveVisitResponseObject, error) {
	a, err := change(ctx, req.ID, req.Params.IfMatch, func(a *arrival, d desk) error {
		return a.visit.leave(d.step(wire.Moment(wire.Value(req.Body.OccurredAt))))
	})
	if err != nil {
		return nil, err
	}
	return api.LeaveVisit200JSONResponse{Body: toVisit(a), Headers: api.LeaveVisit200ResponseHeaders{ETag: wire.ETag(a.visit.Version)}}, nil
}

// IdentifyVisit says who a nameless visitor is.
func (Handlers) IdentifyVisit(ctx context.Context, req api.IdentifyVisitRequestObject) (api.IdentifyVisitResponseObject, error) {
	a, err := identify(ctx, req.ID, req.Params.IfMatch, req.Body.BeneficiaryID)
	if err != nil {
		return nil, err
	}
	return api.IdentifyVisit200JSONResponse{Body: toVisit(a), Headers: api.IdentifyVisit200ResponseHeaders{ETag: wire.ETag(a.visit.Version)}}, nil
}

// VoidVisit voids a visit made in error.
func (Handlers) VoidVisit(ctx context.Context, req api.VoidVisitRequestObject) (api.VoidVisitResponseObject, error) {
	a, err := change(ctx, req.ID, req.Params.IfMatch, func(a *arrival, d desk) error {
		return a.visit.void(ctx, req.Body.Reason)
	})
	if err != nil {
		return nil, err
	}
	return api.VoidVisit200JSONResponse{Body: toVisit(a), Headers: api.VoidVisit200ResponseHeaders{ETag: wire.ETag(a.visit.Version)}}, nil
}
