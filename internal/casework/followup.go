package casework

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Followup is a contact with the person that is due or took place (handbook 3.1, step 5). Those
// that took place drive the case's follow-up clock.
type Followup struct {
	db.Record
	CaseID        uuid.UUID
	Type          string // code list case_followup_type
	DueAt         time.Time
	ResponsibleID *uuid.UUID
	DoneAt        *time.Time
	DoneBy        *uuid.UUID
	Outcome       string
	Need          string // code list case_followup_need; set exactly when done
	VoidReason    string
	VoidedAt      *time.Time
	Attempts      []ContactAttempt `gorm:"-"`
}

// TableName implements schema.Tabler.
func (Followup) TableName() string { return "case_followups" }

// Personal marks what a follow-up tells as personal data.
func (Followup) Personal() {}

// Restricted implements db.Restricted: the file may be, so its read line is on disk first.
func (Followup) Restricted() {}

// ContactAttempt is one attempt to reach the person that failed.
type ContactAttempt struct {
	db.Record
	CaseID     uuid.UUID
	FollowupID uuid.UUID
	At         time.Time
	Method     string // phone | message | visit | family | partner | other
	Note       string
	ByID       uuid.UUID
	VisitID    *uuid.UUID // the visit that met nobody
}

// TableName implements schema.Tabler.
func (ContactAttempt) TableName() string { return "case_contact_attempts" }

// Personal marks what an attempt tells as personal data.
func (ContactAttempt) Personal() {}

// Restricted implements db.Restricted: the file may be, so its read line is on disk first.
func (ContactAttempt) Restricted() {}

const urgentIntervention = "urgent_intervention"

// state is where the follow-up stands, for the 409 of a change that comes too late.
func (f *Followup) state() string {
	switch {
	case f.VoidedAt != nil:
		return "void"
	case f.DoneAt != nil:
		return "done"
	}
	return "due"
}

// due tells that the follow-up still waits; 409 if not.
func (f *Followup) due() error {
	if f.state() == "due" {
		return nil
	}
	return fault.State(f.state(), "This follow-up is not due any more.")
}

// complete records that the follow-up took place.
func (f *Followup) complete(at time.Time, need, outcome string, a *Act) error {
	if err := f.due(); err != nil {
		return err
	}
	if err := happened("/done_at", at, a.At); err != nil {
		return err
	}
	f.DoneAt, f.DoneBy, f.Need, f.Outcome = &at, a.By, need, outcome
	return nil
}

// attempt judges an attempt to reach the person for this follow-up.
func (f *Followup) attempt(x *ContactAttempt, now time.Time) error {
	if err := f.due(); err != nil {
		return err
	}
	return happened("/at", x.At, now)
}

// void hides a follow-up that was entered in error.
func (f *Followup) void(reason string, at time.Time) error {
	if f.VoidedAt != nil {
		return fault.State("void", "This follow-up was voided already.")
	}
	f.VoidReason, f.VoidedAt = reason, &at
	return nil
}

// heard moves the case's clock: the next follow-up is due by the cadence of the risk, counted
// from the last one; an urgent need comes by the first response to a high risk.
func (c *Case) heard(last *Followup, p centre.Policy) {
	c.UrgentDueAt, c.FollowedUpAt, c.FollowupFromAt = nil, nil, c.startedAt()
	if last != nil {
		c.FollowedUpAt, c.FollowupFromAt = last.DoneAt, last.DoneAt
		c.respond(*last.DoneAt)
		if last.Need == urgentIntervention {
			c.UrgentDueAt = after(last.DoneAt, hours(p.Risk["high"].FirstResponseHours))
		}
	}
	c.reckon(p)
}

// followed sets the case's clock by the last follow-up of its present run.
func followed(ctx context.Context, c *Case, a *Act) error {
	found, err := db.Find[Followup](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("case_id = ? and voided_at is null and done_at >= ?", c.ID, c.startedAt()).Order("done_at desc, id desc").Limit(1)
	})
	if err != nil {
		return err
	}
	var last *Followup
	if len(found) > 0 {
		last = &found[0]
	}
	c.heard(last, a.Policy)
	return db.Save(ctx, c)
}

// lockFollowable locks a case whose person may be followed up.
func lockFollowable(ctx context.Context, id uuid.UUID) (*Case, error) {
	c, err := LockCase(ctx, id)
	if err != nil {
		return nil, err
	}
	if c.Status == Draft || !c.underWay() {
		return nil, fault.State(string(c.Status), "A case is followed up from its opening to its closure.").With("allowed_states", of(Open, OnHold, PendingClosure))
	}
	return c, nil
}

// addFollowup stores a follow-up that is due, or one that took place.
func addFollowup(ctx context.Context, c *Case, f *Followup, a *Act) error {
	if f.DueAt.IsZero() {
		f.DueAt = a.At
		if c.FollowupDueAt != nil {
			f.DueAt = *c.FollowupDueAt
		}
	}
	if err := f.checkResponsible(ctx); err != nil {
		return err
	}
	if err := db.Insert(ctx, f); err != nil || f.DoneAt == nil {
		return err
	}
	return tookPlace(ctx, c, f, a)
}

func (f *Followup) checkResponsible(ctx context.Context) error {
	if f.ResponsibleID == nil {
		return nil
	}
	return areStaff(ctx, "/responsible_id", *f.ResponsibleID)
}

// tookPlace is what a completed follow-up brings about.
func tookPlace(ctx context.Context, c *Case, f *Followup, a *Act) error {
	if err := followed(ctx, c, a); err != nil {
		return err
	}
	if f.Need != urgentIntervention {
		return nil
	}
	return c.tell(ctx, "case.urgent_need", map[string]any{"followup_id": f.ID})
}

// withAttempts loads the attempts of follow-ups.
func withAttempts(ctx context.Context, followups []Followup) error {
	ids, at := make([]uuid.UUID, len(followups)), map[uuid.UUID]*Followup{}
	for i := range followups {
		ids[i], at[followups[i].ID] = followups[i].ID, &followups[i]
	}
	if len(ids) == 0 {
		return nil
	}
	attempts, err := db.Find[ContactAttempt](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("followup_id in ?", ids).Order("at, id") })
	for _, x := range attempts {
		at[x.FollowupID].Attempts = append(at[x.FollowupID].Attempts, x)
	}
	return err
}
