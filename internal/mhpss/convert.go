package mhpss

import (
	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/headcount"
	"github.com/waystation/waystation/internal/wire"
)

func toSession(s *Session) api.MhpssSession {
	out := api.MhpssSession{
		ID: s.ID, Version: s.Version, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, Kind: api.MhpssSessionKind(s.Kind), Status: api.MhpssSessionStatus(s.Status),
		Activity: s.Activity, PyramidLevel: s.PyramidLevel, PsychoEducation: s.PsychoEducation, Topic: wire.Opt(s.Topic), StartsAt: s.StartsAt, StartsOn: wire.ToDate(s.StartsOn),
		Minutes: s.Minutes, Modality: api.MhpssSessionModality(s.Modality), Place: wire.Opt(s.Place), Language: wire.Opt(s.Language), Interpreter: s.Interpreter,
		FacilitatorID: s.FacilitatorID, SupervisorID: s.SupervisorID, Plan: wire.Opt(s.Plan), Materials: s.Materials, CaseID: s.CaseID,
		Headcounts: wire.Each(s.Headcounts.V, headcount.To), Persons: s.Persons, Reason: wire.Opt(s.Reason),
	}
	for _, p := range s.participants {
		one := api.MhpssParticipant{BeneficiaryID: p.BeneficiaryID, Role: wire.Ptr(api.MhpssParticipantRole(p.Role))}
		if s.Status == held {
			one.Attended = wire.Ptr(p.AttendedAt != nil)
		}
		out.Participants = append(out.Participants, one)
	}
	return out
}

func fromCreate(b api.MhpssSessionCreate, by *uuid.UUID) *Session {
	s := &Session{
		Record: db.NewRecord(b.ID), Kind: string(b.Kind), Status: held, Activity: b.Activity, PyramidLevel: b.PyramidLevel, PsychoEducation: wire.Value(b.PsychoEducation),
		Topic: wire.Value(b.Topic), StartsAt: wire.Moment(b.StartsAt), Minutes: b.Minutes, Modality: "in_person", Place: wire.Value(b.Place), Language: wire.Value(b.Language),
		Interpreter: b.Interpreter, SupervisorID: b.SupervisorID, Plan: wire.Value(b.Plan), Materials: wire.List(b.Materials), CaseID: b.CaseID, CreatedBy: by,
	}
	s.Headcounts.V = wire.List(headcount.From(b.Headcounts))
	if b.Status != nil {
		s.Status = string(*b.Status)
	}
	if b.Modality != nil {
		s.Modality = string(*b.Modality)
	}
	switch {
	case b.FacilitatorID != nil:
		s.FacilitatorID = *b.FacilitatorID
	case by != nil:
		s.FacilitatorID = *by
	}
	return s
}

func fromParticipants(list []api.MhpssParticipant) []named {
	if list == nil {
		return nil
	}
	return wire.Each(list, func(p *api.MhpssParticipant) named {
		n := named{id: p.BeneficiaryID, role: "participant", absent: p.Attended != nil && !*p.Attended}
		if p.Role != nil {
			n.role = string(*p.Role)
		}
		return n
	})
}

func (s *Session) patch(p api.MhpssSessionPatch) {
	wire.Set(&s.Activity, p.Activity)
	wire.Set(&s.PyramidLevel, p.PyramidLevel)
	wire.Set(&s.PsychoEducation, p.PsychoEducation)
	wire.Clear(&s.Topic, p.Topic)
	if p.StartsAt != nil {
		s.StartsAt = wire.Moment(*p.StartsAt)
	}
	if p.Minutes != nil {
		s.Minutes = p.Minutes
	}
	if p.Modality != nil {
		s.Modality = string(*p.Modality)
	}
	wire.Clear(&s.Place, p.Place)
	wire.Clear(&s.Language, p.Language)
	wire.SetNull(&s.Interpreter, p.Interpreter)
	wire.Set(&s.FacilitatorID, p.FacilitatorID)
	wire.SetNull(&s.SupervisorID, p.SupervisorID)
	wire.Clear(&s.Plan, p.Plan)
	wire.SetList(&s.Materials, p.Materials)
	if p.Headcounts != nil {
		s.Headcounts.V = headcount.From(p.Headcounts)
	}
}

func toNote(n *Note) api.MhpssNote {
	return api.MhpssNote{ID: n.ID, Version: n.Version, CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt, SessionID: n.SessionID, WrittenBy: n.WrittenBy, Text: n.Text}
}

func toCounted(c *counted) api.MhpssActivityCount {
	return api.MhpssActivityCount{Activity: c.Activity, PyramidLevel: c.PyramidLevel, Kind: api.MhpssSessionKind(c.Kind), PsychoEducation: c.PsychoEducation,
		Sessions: c.Sessions, Attendances: c.Attendances, Minutes: c.Minutes}
}
