package casework

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Wall keeps a file from one member of staff, whatever their role: they know the person, or are
// named in it. They never learn of the wall either.
type Wall struct {
	db.Record
	CaseID    uuid.UUID
	UserID    uuid.UUID
	Reason    string
	RaisedBy  *uuid.UUID
	EndReason string
	EndedAt   *time.Time
}

// TableName implements schema.Tabler.
func (Wall) TableName() string { return "case_walls" }

// Restricted implements db.Restricted: the file may be, so its read line is on disk first.
func (Wall) Restricted() {}

// Personal marks the reason as personal data.
func (Wall) Personal() {}

var _ = db.Constraint("case_walls_user_key", func() *fault.Error {
	return fault.New(fault.Conflict, "walled_off", "This file is kept from them already.")
})

// raise keeps a file from somebody. It needs a supervisor, or the file's owner.
func raise(ctx context.Context, c *Case, w *Wall) error {
	if err := mayWall(ctx, c); err != nil {
		return err
	}
	if err := areStaff(ctx, "/user_id", w.UserID); err != nil {
		return err
	}
	var on bool
	err := db.Tx(ctx).Raw("select exists (select 1 from case_team where centre_id = ? and case_id = ? and user_id = ? and ended_at is null)", c.CentreID.UUID(), c.ID, w.UserID).Scan(&on).Error
	if err != nil {
		return err
	}
	if on {
		return fault.InvalidField("/user_id", "on_team", "They work on this file. Take them off the team first, or assign it to another person.")
	}
	w.CaseID, w.RaisedBy = c.ID, caller(ctx)
	return db.Insert(ctx, w)
}

func mayWall(ctx context.Context, c *Case) error {
	by := caller(ctx)
	if holdsAny(rolesOf(ctx), supervisors) || by != nil && c.OwnerID != nil && *by == *c.OwnerID {
		return nil
	}
	return fault.Denied("A wall is raised and taken down by the file's owner or a supervisor.")
}

func (w *Wall) end(reason string, at time.Time) error {
	if w.EndedAt != nil {
		return fault.State("ended", "This wall was taken down already.")
	}
	w.EndReason, w.EndedAt = reason, &at
	return nil
}

// walledOff tells whether a file is kept from somebody.
func walledOff(ctx context.Context, c *Case, user uuid.UUID) (off bool, err error) {
	err = db.Tx(ctx).Raw("select exists (select 1 from case_walls where centre_id = ? and case_id = ? and user_id = ? and ended_at is null)",
		c.CentreID.UUID(), c.ID, user).Scan(&off).Error
	return off, err
}

// letIn refuses to show a file to somebody from whom it is kept.
func letIn(ctx context.Context, c *Case, user uuid.UUID, pointer string) error {
	off, err := walledOff(ctx, c, user)
	if err == nil && off {
		return fault.InvalidField(pointer, "walled_off", "This file is kept from them. Take the wall down first, or choose another person.")
	}
	return err
}
