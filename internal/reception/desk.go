package reception

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// desk is a centre's reception at one moment: its terms, its days, who works there.
type desk struct {
	policy centre.ReceptionPolicy
	sop    *uuid.UUID // in force
	zone   *time.Location
	now    time.Time
	by     *uuid.UUID
}

func deskOf(ctx context.Context) (d desk, err error) {
	if _, err := db.Pgx(ctx); err != nil { // begin: more follows
		return d, err
	}
	id, err := tenant.One(ctx)
	if err != nil {
		return d, err
	}
	c, err := db.Get[centre.Centre](ctx, id)
	if err != nil {
		return d, err
	}
	policy, sop, err := centre.ActivePolicy(ctx)
	if err != nil {
		return d, err
	}
	d = desk{policy: policy.Reception, sop: sop, now: db.Now()}
	if caller := auth.From(ctx); caller != nil {
		d.by = &caller.ID
	}
	d.zone, err = time.LoadLocation(c.TimeZone)
	return d, err
}

// vouch records that the caller gave the orientation, by the procedures in force.
func (d desk) vouch(v *Visit) { v.OrientationBy, v.OrientationSOPID = d.by, d.sop }

// day is the centre's calendar day of an instant; statistics count by it.
func (d desk) day(at time.Time) db.Date { return db.NewDate(at.In(d.zone)) }

// step is an act of the caller, now where no instant is given.
func (d desk) step(at time.Time) step {
	if at.IsZero() {
		at = d.now
	}
	return step{at: at, now: d.now, by: d.by}
}

// open answers the 409 of a centre that receives nobody in its phase (handbook 2.1), unless a reason
// says why this arrival cannot wait: then it is received, and the reason stays with it.
func open(ctx context.Context, exception *string) error {
	err := centre.AcceptsRegistrations(ctx)
	var closed *fault.Error
	switch {
	case err == nil:
		*exception = ""
	case errors.As(err, &closed) && closed.Kind == fault.Conflict && *exception != "":
		return nil
	case errors.As(err, &closed) && closed.Kind == fault.Conflict:
		phase, _ := closed.Extra["current_state"].(string)
		return fault.State(phase, "The centre receives nobody in its present phase. Send people on to another centre; where somebody cannot wait, receive them and say why in exception_reason.")
	}
	return err
}
