package casework

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Supervision is a session in which staff are supervised, one by one or together. It names no person:
// cases are told by their ids (handbook 4, duty A2). Only its supervisor and those who took part see it.
type Supervision struct {
	db.Record
	Kind           string // individual | group
	SupervisorID   uuid.UUID
	ParticipantIDs db.UUIDs
	HeldAt         time.Time
	Minutes        int
	Topics         db.Strings
	Actions        string
	CaseIDs        db.UUIDs
	VoidedAt       *time.Time
	VoidReason     string
}

// TableName implements schema.Tabler.
func (Supervision) TableName() string { return "supervision_sessions" }

// judge refuses what cannot have been: a session to come, strangers, oneself supervised, cases out of view.
func (s *Supervision) judge(ctx context.Context, now time.Time) error {
	if err := happened("/held_at", s.HeldAt, now); err != nil {
		return err
	}
	switch {
	case slices.Contains(s.ParticipantIDs, s.SupervisorID):
		return fault.InvalidField("/participant_ids", "own_supervisor", "Whoever supervises is not among those who are supervised.")
	case s.Kind == "individual" && len(s.ParticipantIDs) > 1:
		return fault.InvalidField("/participant_ids", "too_many", "An individual session has one participant. Record a group session.")
	}
	if err := areStaff(ctx, "/participant_ids", s.ParticipantIDs...); err != nil {
		return err
	}
	seen, err := db.Count[Case](ctx, func(q *gorm.DB) *gorm.DB { return inView(ctx)(q).Where("id = any (?)", s.CaseIDs) })
	if err == nil && int(seen) < len(s.CaseIDs) {
		return fault.InvalidField("/case_ids", "unknown_case", "There is no such case here.")
	}
	return err
}

// spoken leaves of the cases of sessions, for the answer, those that the caller may know of: a session
// of many is no way around the wall of a file.
func spoken(ctx context.Context, sessions ...*Supervision) error {
	var asked, known db.UUIDs
	for _, s := range sessions {
		asked = append(asked, s.CaseIDs...)
	}
	if len(asked) == 0 {
		return nil
	}
	if err := inView(ctx)(db.Tx(ctx).Model(&Case{})).Where("id = any (?)", asked).Pluck("id", &known).Error; err != nil {
		return err
	}
	for _, s := range sessions {
		s.CaseIDs = slices.DeleteFunc(s.CaseIDs, func(id uuid.UUID) bool { return !slices.Contains(known, id) })
	}
	return nil
}

// mayChange keeps a session to whoever held it.
func (s *Supervision) mayChange(by *uuid.UUID) error {
	if s.VoidedAt != nil {
		return fault.State("void", "This session was voided.")
	}
	if by == nil || *by != s.SupervisorID {
		return fault.Denied("A session is changed by its supervisor.")
	}
	return nil
}
