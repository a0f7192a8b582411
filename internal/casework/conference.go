package casework

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Conference is a formal review of a case by several parties (handbook 1, duty D9).
type Conference struct {
	db.Record
	CaseID       uuid.UUID
	ScheduledAt  time.Time
	Purpose      string
	Participants db.JSON[[]Participant] // from outside; staff are invited
	HeldAt       *time.Time
	Outcome      string // code list case_conference_outcome, once it was held
	Decisions    string
	CancelledAt  *time.Time
	CancelReason string
	ConvenedBy   *uuid.UUID
}

// Participant is somebody from outside who takes part.
type Participant struct {
	Name         string `json:"name"`
	Organisation string `json:"organisation,omitempty"`
}

// TableName implements schema.Tabler.
func (Conference) TableName() string { return "case_conferences" }

// Personal marks what a conference is about as personal data.
func (Conference) Personal() {}

// Restricted implements db.Restricted: the file may be, so its read line is on disk first.
func (Conference) Restricted() {}

// Invitation lets a member of staff read a file for a conference, from when until when; it does not
// let them write.
type Invitation struct {
	db.Record
	CaseID       uuid.UUID
	ConferenceID uuid.UUID
	UserID       uuid.UUID
	FromAt       time.Time
	UntilAt      time.Time
	EndedAt      *time.Time
	InvitedBy    *uuid.UUID
}

// TableName implements schema.Tabler.
func (Invitation) TableName() string { return "case_invitations" }

var _ = db.Constraint("case_invitations_user_key", func() *fault.Error {
	return fault.New(fault.Conflict, "already_invited", "They are invited to this conference already.")
})

func (m *Conference) ended() error {
	switch {
	case m.HeldAt != nil:
		return fault.State("held", "This conference was held; what it decided stays.")
	case m.CancelledAt != nil:
		return fault.State("cancelled", "This conference was cancelled.")
	}
	return nil
}

// hold records what a conference decided.
func (m *Conference) hold(at time.Time, outcome, decisions string, now time.Time) error {
	if err := m.ended(); err != nil {
		return err
	}
	if err := happened("/held_at", at, now); err != nil {
		return err
	}
	m.HeldAt, m.Outcome, m.Decisions = &at, outcome, decisions
	return nil
}

func (m *Conference) cancel(reason string, at time.Time) error {
	if err := m.ended(); err != nil {
		return err
	}
	m.CancelReason, m.CancelledAt = reason, &at
	return nil
}

// invite lets somebody read the file: at most until some days after the conference, as the SOP says.
func (i *Invitation) invite(ctx context.Context, c *Case, m *Conference, a *Act) error {
	if err := m.ended(); err != nil {
		return err
	}
	fits, err := worksAs(ctx, i.UserID, teamRoles)
	if err != nil {
		return err
	}
	if !fits {
		return fault.InvalidField("/user_id", "unfit_member", "Active staff of this centre with roles in case management are invited; name others among the participants.")
	}
	if err := mayStay(ctx, c, i.UserID); err != nil {
		return err
	}
	if err := letIn(ctx, c, i.UserID, "/user_id"); err != nil {
		return err
	}
	last := m.readUntil(a)
	if i.UntilAt.IsZero() {
		i.UntilAt = last
	}
	switch {
	case i.UntilAt.After(last):
		return fault.InvalidField("/until_at", "too_long", "The file may be read until "+last.UTC().Format(time.RFC3339)+", as the SOP says. Choose that time or an earlier one.")
	case !i.UntilAt.After(i.FromAt) || !i.UntilAt.After(a.At):
		return fault.InvalidField("/until_at", "in_the_past", "This is over before it begins.")
	}
	i.CaseID, i.ConferenceID, i.InvitedBy = c.ID, m.ID, a.By
	return nil
}

func (i *Invitation) end(at time.Time) error {
	if i.EndedAt != nil {
		return fault.State("ended", "This invitation was taken back already.")
	}
	i.EndedAt = &at
	return nil
}

// readUntil is how long the file may be read for a conference, as the SOP says.
func (m *Conference) readUntil(a *Act) time.Time {
	return m.ScheduledAt.Add(a.Policy.Case.ConferenceRead())
}

// shorten keeps invitations within what a conference that was moved allows.
func (m *Conference) shorten(ctx context.Context, a *Act) error {
	last := m.readUntil(a)
	long, err := db.Find[Invitation](ctx, func(q *gorm.DB) *gorm.DB {
		return inConference(m.CaseID, m.ID, true)(q).Where("until_at > ?", last)
	})
	if err != nil {
		return err
	}
	for i := range long {
		if invited := &long[i]; last.After(invited.FromAt) {
			invited.UntilAt = last
		} else {
			invited.EndedAt = a.now()
		}
		if err := db.Save(ctx, &long[i]); err != nil {
			return err
		}
	}
	return nil
}

// uninvite ends all invitations to a conference that is not held.
func uninvite(ctx context.Context, m *Conference, at time.Time) error {
	invited, err := db.Find[Invitation](ctx, inConference(m.CaseID, m.ID, true))
	if err != nil {
		return err
	}
	for i := range invited {
		invited[i].EndedAt = &at
		if err := db.Save(ctx, &invited[i]); err != nil {
			return err
		}
	}
	return nil
}
