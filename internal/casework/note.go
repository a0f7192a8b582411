package casework

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Note is what somebody wrote down about a case. It is edited by its author only, keeps what it
// said before, and is never deleted (duty D12).
type Note struct {
	db.Record
	CaseID     uuid.UUID
	AuthorID   uuid.UUID
	Text       string
	OccurredAt time.Time
	Late       bool // written longer after the fact than the SOP allows
	EditedAt   *time.Time
	Mentions   db.UUIDs // whose attention it asks for
	VoidReason string
	VoidedAt   *time.Time
	VoidedBy   *uuid.UUID
}

// TableName implements schema.Tabler.
func (Note) TableName() string { return "case_notes" }

// Personal marks what a note tells as personal data.
func (Note) Personal() {}

// Restricted implements db.Restricted: the file may be, so its read line is on disk first.
func (Note) Restricted() {}

// NoteVersion is what a note said before an edit.
type NoteVersion struct {
	db.Record
	CaseID     uuid.UUID
	NoteID     uuid.UUID
	Number     int64 // the version of the note that said so
	Text       string
	OccurredAt time.Time
	WrittenAt  time.Time
}

// TableName implements schema.Tabler.
func (NoteVersion) TableName() string { return "case_note_versions" }

// Personal marks what a note said as personal data.
func (NoteVersion) Personal() {}

// Restricted implements db.Restricted: the file may be, so its read line is on disk first.
func (NoteVersion) Restricted() {}

// skew is how far ahead of ours a caller's clock may be.
const skew = 5 * time.Minute

// happened refuses a time to come.
func happened(pointer string, at, now time.Time) error {
	if at.After(now.Add(skew)) {
		return fault.InvalidField(pointer, "in_the_future", "This is still to come.")
	}
	return nil
}

// mark tells whether the note was written late; 0 hours: no note is.
func (n *Note) mark(lateHours int) {
	n.Late = lateHours > 0 && n.CreatedAt.Sub(n.OccurredAt) > hours(lateHours)
}

// mayEdit keeps a note to its author.
func (n *Note) mayEdit(a *Act) error {
	if n.VoidedAt != nil {
		return fault.State("void", "This note was voided.")
	}
	if a.By == nil || n.AuthorID != *a.By {
		return fault.Denied("A note is edited by its author. Write another one.")
	}
	return nil
}

// void hides a note that was written in error.
func (n *Note) void(reason string, a *Act) error {
	if n.VoidedAt != nil {
		return fault.State("void", "This note was voided already.")
	}
	if (a.By == nil || n.AuthorID != *a.By) && !holdsAny(a.Roles, supervisors) {
		return fault.Denied("A note is voided by its author or a supervisor.")
	}
	n.VoidReason, n.VoidedAt, n.VoidedBy = reason, a.now(), a.By
	return nil
}

var supervisors = []string{"case_supervisor"}

// version keeps what the note says now.
func (n *Note) version() *NoteVersion {
	written := n.CreatedAt
	if n.EditedAt != nil {
		written = *n.EditedAt
	}
	return &NoteVersion{Record: db.NewRecord(nil), CaseID: n.CaseID, NoteID: n.ID, Number: n.Version, Text: n.Text, OccurredAt: n.OccurredAt, WrittenAt: written}
}

// addNote stores a note; the first one after the opening answers the clock of the first response.
func addNote(ctx context.Context, c *Case, n *Note) error {
	a, err := newAct(ctx, c)
	if err != nil {
		return err
	}
	if err := happened("/occurred_at", n.OccurredAt, a.At); err != nil {
		return err
	}
	n.AuthorID = *a.By
	n.mark(a.Policy.Case.LateNoteHours)
	if err := db.Insert(ctx, n); err != nil {
		return err
	}
	if err := n.call(ctx, c); err != nil {
		return err
	}
	if !c.respond(a.At) {
		return nil
	}
	return db.Save(ctx, c)
}

// respond stops the clock of the first response; false where it does not run.
func (c *Case) respond(at time.Time) bool {
	if c.RespondedAt != nil || c.startedAt() == nil {
		return false
	}
	c.RespondedAt = &at
	return true
}
