package casework

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/tenant"
)

// scopeCaseManagement is the scope of consent that casework rests on: code list consent_scope.
const scopeCaseManagement = "case_management"

// enact carries out a transition on a locked case, with its history and its event.
func enact(ctx context.Context, c *Case, v Verb, a *Act) error {
	row, err := c.apply(v, a)
	if err != nil {
		return err
	}
	if err := db.Save(ctx, c); err != nil {
		return err
	}
	if err := db.Insert(ctx, row); err != nil {
		return err
	}
	return c.tell(ctx, moves[v].event, map[string]any{"from": a.From, "to": c.Status})
}

// tell emits an event about the case; a restricted one is not even said to exist.
func (c *Case) tell(ctx context.Context, event string, data map[string]any) error {
	if c.Sensitivity == Restricted {
		return nil
	}
	return events.Emit(ctx, events.Event{CentreID: c.CentreID.UUID(), Type: event, Resource: "case", SubjectID: c.ID, Version: c.Version, Data: data})
}

// newAct begins an act of the caller under the rules that the case lives by: those of its SOP,
// or, before it is opened, of the centre's active one.
func newAct(ctx context.Context, c *Case) (*Act, error) {
	a := &Act{At: db.Now(), By: caller(ctx), Roles: rolesOf(ctx), SOPID: c.SOPID}
	var err error
	if c.OpenedAt == nil {
		a.Policy, a.SOPID, err = centre.ActivePolicy(ctx)
	} else {
		a.Policy, err = centre.PolicyOf(ctx, c.SOPID)
	}
	return a, err
}

// caller is nil where the system acts.
func caller(ctx context.Context) *uuid.UUID {
	p := auth.From(ctx)
	if p == nil || p.Kind == auth.System {
		return nil
	}
	return &p.ID
}

func centresOf(ctx context.Context) []uuid.UUID { return tenant.Centres(ctx) }
