package casework

import (
	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// toVisit shows a visit, with the exact place to those who work on the case.
func toVisit(v *Visit, exact bool) api.CaseVisit {
	out := api.CaseVisit{
		ID: v.ID, Version: v.Version, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt, CaseID: v.CaseID, FollowupID: v.FollowupID, NextFollowupID: v.NextFollowupID,
		Kind: api.CaseVisitKind(v.Kind), Status: api.CaseVisitStatus(v.Status), PlannedAt: v.PlannedAt, VisitorID: v.VisitorID, CompanionID: v.CompanionID,
		Admin2Pcode: wire.Opt(v.Admin2Pcode), PlaceAgreedOn: wire.ToOptDate(v.PlaceAgreedOn), VisitedAt: v.VisitedAt, Outcome: wire.Opt(v.Outcome),
		Reason: wire.Opt(v.Reason), VoidedAt: v.VoidedAt,
	}
	if exact {
		out.Place = wire.Opt(v.Place)
	}
	if v.SafetyCheckedAt != nil {
		out.Safety = &api.VisitSafety{Worker: api.Safety(v.WorkerSafety), Person: api.Safety(v.PersonSafety), Note: wire.Opt(v.SafetyNote),
			CheckedAt: *v.SafetyCheckedAt, CheckedBy: v.SafetyCheckedBy}
	}
	return out
}

func fromVisitCreate(b api.CaseVisitCreate, c *Case, a *Act) (*Visit, error) {
	v := &Visit{Record: db.NewRecord(b.ID), CaseID: c.ID, Kind: string(b.Kind), Status: visitPlanned, PlannedAt: wire.Moment(b.PlannedAt), VisitorID: *a.By,
		CompanionID: b.CompanionID, Admin2Pcode: wire.Value(b.Admin2Pcode)}
	wire.Set(&v.VisitorID, b.VisitorID)
	return v, v.locate(wire.Value(b.Place), wire.OptDate(b.PlaceAgreedOn), a.Today)
}

func fromSafety(b api.VisitSafetyCheck, a *Act) safety {
	return safety{string(b.Worker), string(b.Person), wire.Value(b.Note), moment(b.CheckedAt, a.At)}
}

// patch changes a visit that is still to come. What is moved has to be found safe anew; an exact
// place can be taken back whenever the person asks for it.
func (v *Visit) patch(b api.CaseVisitPatch, a *Act) error {
	spot, agreed := v.Place, v.PlaceAgreedOn
	wire.Clear(&spot, b.Place)
	clearDate(&agreed, b.PlaceAgreedOn)
	if agreed == nil {
		spot = ""
	}
	takesBack := spot == "" && b.Kind == nil && b.PlannedAt == nil && b.VisitorID == nil && !b.CompanionID.IsSpecified() && !b.Admin2Pcode.IsSpecified()
	if err := v.planned(); err != nil && !takesBack {
		return err
	}
	before := *v
	wire.Set(&v.Kind, (*string)(b.Kind))
	v.PlannedAt = moment(b.PlannedAt, v.PlannedAt)
	wire.Set(&v.VisitorID, b.VisitorID)
	wire.SetNull(&v.CompanionID, b.CompanionID)
	wire.Clear(&v.Admin2Pcode, b.Admin2Pcode)
	if err := v.locate(spot, agreed, a.Today); err != nil {
		return err
	}
	if !v.PlannedAt.Equal(before.PlannedAt) || v.Admin2Pcode != before.Admin2Pcode || v.Place != before.Place {
		v.uncheck()
	}
	return nil
}
