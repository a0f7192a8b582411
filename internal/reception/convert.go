package reception

import (
	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/headcount"
	"github.com/waystation/waystation/internal/wire"
)

func toVisit(a *arrival) api.Visit {
	v, out := a.visit, toListed(a.visit, a.tallies)
	out.ObservedGroups, out.KnownGroups = wire.List([]string(v.ObservedGroups)), wire.List([]string(v.KnownGroups))
	out.TriageNote, out.OutcomeNote, out.Note, out.ExceptionReason = wire.Opt(v.TriageNote), wire.Opt(v.OutcomeNote), wire.Opt(v.Note), wire.Opt(v.ExceptionReason)
	return out
}

// toListed leaves out what was found at triage and what was said: whoever needs it opens the visit, and that
// is logged visit by visit (handbook 9.3).
func toListed(v *Visit, tallies []headcount.Tally) api.Visit {
	out := api.Visit{
		ID: v.ID, Version: v.Version, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt, BeneficiaryID: v.BeneficiaryID, Headcount: v.Headcount,
		Headcounts: wire.Each(tallies, headcount.To), RescueEventID: v.RescueEventID, ReferralID: v.ReferralID, ArrivedAt: v.ArrivedAt,
		ArrivedOn: wire.ToDate(v.ArrivedOn), AccessMode: wire.Opt(v.AccessMode), ArrivalMode: wire.Opt(v.ArrivalMode), ExpelledFrom: wire.Opt(v.ExpelledFrom),
		Status: api.VisitStatus(v.Status), PriorityBand: v.PriorityBand, Eligibility: wire.Opt(v.Eligibility), TriagedAt: v.TriagedAt, TriagedBy: v.TriagedBy,
		AdmittedAt: v.AdmittedAt, AdmittedBy: v.AdmittedBy, EndedAt: v.EndedAt, EndedBy: v.EndedBy, OutcomeReason: wire.Opt(v.OutcomeReason),
		ReferredTo: v.ReferredTo, VoidReason: wire.Opt(v.VoidReason),
	}
	if v.OrientationOn != nil {
		out.Orientation = &api.OrientationGiven{GivenOn: wire.ToDate(*v.OrientationOn), Language: v.OrientationLanguage, Format: v.OrientationFormat,
			HouseRules: wire.Opt(api.HouseRulesAnswer(v.HouseRules)), GivenBy: v.OrientationBy, SopID: v.OrientationSOPID}
	}
	return out
}

func fromVisitCreate(b api.VisitCreate) arrival {
	v := &Visit{
		Record: db.NewRecord(b.ID), BeneficiaryID: b.BeneficiaryID, RescueEventID: b.RescueEventID, ReferralID: b.ReferralID, ArrivedAt: wire.Moment(b.ArrivedAt),
		AccessMode: b.AccessMode, ArrivalMode: wire.Value(b.ArrivalMode), ExpelledFrom: wire.Value(b.ExpelledFrom),
		ExceptionReason: wire.Value(b.ExceptionReason), Note: wire.Value(b.Note),
	}
	v.oriented(b.Orientation)
	return arrival{visit: v, tallies: headcount.From(b.Headcounts), triage: fromTriage(b.Triage)}
}

func fromGroup(g *api.RescueGroup) arrival {
	v := &Visit{
		Record: db.NewRecord(g.ID), ArrivedAt: wire.Moment(g.ArrivedAt), AccessMode: g.AccessMode, ArrivalMode: wire.Value(g.ArrivalMode),
		ExpelledFrom: wire.Value(g.ExpelledFrom), Note: wire.Value(g.Note),
	}
	return arrival{visit: v, tallies: headcount.From(g.Headcounts), triage: fromTriage(g.Triage)}
}

func fromTriage(t *api.VisitTriage) *Triage {
	if t == nil {
		return nil
	}
	return &Triage{Groups: t.Groups, Eligibility: t.Eligibility, Note: wire.Value(t.Note), At: wire.Moment(wire.Value(t.OccurredAt))}
}

func (v *Visit) oriented(o *api.Orientation) {
	if o != nil {
		v.OrientationOn, v.OrientationLanguage, v.OrientationFormat = wire.Ptr(wire.Date(o.GivenOn)), o.Language, o.Format
		v.HouseRules = string(wire.Value(o.HouseRules))
	}
}

func (v *Visit) patch(p api.VisitPatch, d desk) {
	if p.RescueEventID != nil {
		v.RescueEventID = p.RescueEventID
	}
	wire.SetNull(&v.ReferralID, p.ReferralID)
	if p.ArrivedAt != nil {
		v.ArrivedAt = wire.Moment(*p.ArrivedAt)
	}
	wire.Set(&v.AccessMode, p.AccessMode)
	wire.Clear(&v.ArrivalMode, p.ArrivalMode)
	wire.Clear(&v.ExpelledFrom, p.ExpelledFrom)
	if p.Orientation != nil {
		v.oriented(p.Orientation)
		d.vouch(v)
	}
	wire.Clear(&v.Note, p.Note)
}

func toPerson(b beneficiary.Beneficiary) *api.VisitPerson {
	return &api.VisitPerson{Reference: b.Reference, GivenName: wire.Opt(b.GivenName), FamilyName: wire.Opt(b.FamilyName)}
}

func toRescueEvent(e *Convoy) api.RescueEvent {
	return api.RescueEvent{
		ID: e.ID, Version: e.Version, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt, Kind: e.Kind, OccurredAt: e.OccurredAt, Place: wire.Opt(e.Place),
		OrganisationID: e.OrganisationID, Note: wire.Opt(e.Note), Status: api.RescueEventStatus(e.Status), VoidReason: wire.Opt(e.VoidReason),
		Headcount: e.Headcount, Headcounts: wire.Each(e.Tallies.V, headcount.To), Registered: e.Registered,
		ToRegister: max(0, e.Headcount-e.Registered), Surplus: max(0, e.Registered-e.Headcount), VisitIds: wire.List([]uuid.UUID(e.VisitIDs)),
	}
}

func fromRescueEventCreate(b api.RescueEventCreate) (*RescueEvent, []arrival) {
	e := &RescueEvent{Record: db.NewRecord(b.ID), Kind: b.Kind, OccurredAt: wire.Moment(b.OccurredAt), Place: wire.Value(b.Place), OrganisationID: b.OrganisationID, Note: wire.Value(b.Note)}
	return e, wire.Each(b.Visits, fromGroup)
}

func (e *RescueEvent) patch(p api.RescueEventPatch) {
	wire.Set(&e.Kind, p.Kind)
	if p.OccurredAt != nil {
		e.OccurredAt = wire.Moment(*p.OccurredAt)
	}
	wire.Clear(&e.Place, p.Place)
	wire.SetNull(&e.OrganisationID, p.OrganisationID)
	wire.Clear(&e.Note, p.Note)
}

func toLink(p *RescueEventPerson) api.RescueEventPerson {
	return api.RescueEventPerson{
		ID: p.ID, Version: p.Version, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, RescueEventID: p.RescueEventID, BeneficiaryID: p.BeneficiaryID,
		LinkedBy: p.LinkedBy, VoidedAt: p.VoidedAt, VoidReason: wire.Opt(p.VoidReason),
	}
}

func toContact(c *contact) api.ServiceContact {
	return api.ServiceContact{
		ID: c.ID, Version: c.Version, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, OccurredAt: c.OccurredAt, OccurredOn: wire.ToDate(c.OccurredOn),
		ServiceType: c.ServiceType, AccessMode: wire.Opt(c.AccessMode), Reason: wire.Opt(c.Reason), Place: wire.Opt(c.Place), Persons: c.Persons,
		Headcounts: wire.Each(c.tallies, headcount.To), Note: wire.Opt(c.Note), Status: api.ServiceContactStatus(c.Status), VoidReason: wire.Opt(c.VoidReason),
	}
}

func fromContactCreate(b api.ServiceContactCreate) *contact {
	return &contact{&ServiceContact{
		Record: db.NewRecord(b.ID), OccurredAt: wire.Moment(b.OccurredAt), ServiceType: b.ServiceType, AccessMode: wire.Value(b.AccessMode),
		Reason: wire.Value(b.Reason), Place: wire.Value(b.Place), Note: wire.Value(b.Note),
	}, headcount.From(b.Headcounts)}
}

func (c *ServiceContact) patch(p api.ServiceContactPatch) {
	if p.OccurredAt != nil {
		c.OccurredAt = wire.Moment(*p.OccurredAt)
	}
	wire.Set(&c.ServiceType, p.ServiceType)
	wire.Clear(&c.AccessMode, p.AccessMode)
	wire.Clear(&c.Reason, p.Reason)
	wire.Clear(&c.Place, p.Place)
	wire.Clear(&c.Note, p.Note)
}
