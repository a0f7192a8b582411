package casework

import (
	"context"
	"reflect"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// planDiff is what differs between two versions of a plan.
type planDiff struct {
	Plan           []difference
	Goals, Actions []partDiff
}

// difference is one field that differs; nil stands for nothing.
type difference struct {
	Field         string
	Before, After any
}

// partDiff is a goal or an action that one version has and the other has not, or has otherwise.
type partDiff struct {
	Change  string // added | removed | changed
	ID      uuid.UUID
	Changes []difference
}

// part is a goal or an action as it is compared: what it was first copied from, and its fields.
type part struct {
	id, origin uuid.UUID
	fields     []field
}

type field struct {
	name  string
	value any // nil: nothing
	same  any // what it is compared by, where that is not the value itself
}

func compare(before, after []field) []difference {
	out := []difference{}
	for i := range after {
		was, is := before[i], after[i]
		if !reflect.DeepEqual(was.key(), is.key()) {
			out = append(out, difference{is.name, was.value, is.value})
		}
	}
	return out
}

func (f field) key() any {
	if f.same != nil {
		return f.same
	}
	return f.value
}

// blank has the names of fields without their values.
func blank(fields []field) []field {
	out := make([]field, len(fields))
	for i, f := range fields {
		out[i].name = f.name
	}
	return out
}

// compareParts matches parts by what they were first copied from: those of the later version in its
// order, then those that it has not got any more.
func compareParts(from, to []part) []partDiff {
	out, before := []partDiff{}, map[uuid.UUID]part{}
	for _, p := range from {
		before[p.origin] = p
	}
	for _, p := range to {
		was, known := before[p.origin]
		delete(before, p.origin)
		if !known {
			out = append(out, partDiff{"added", p.id, compare(blank(p.fields), p.fields)})
		} else if changes := compare(was.fields, p.fields); len(changes) > 0 {
			out = append(out, partDiff{"changed", p.id, changes})
		}
	}
	for _, p := range from {
		if _, gone := before[p.origin]; gone {
			out = append(out, partDiff{"removed", p.id, compare(p.fields, blank(p.fields))})
		}
	}
	return out
}

// origins leads from a goal or an action to the one that it was first copied from.
type origins map[uuid.UUID]uuid.UUID

func (o origins) of(id uuid.UUID) uuid.UUID {
	for {
		from, copied := o[id]
		if !copied {
			return id
		}
		id = from
	}
}

// originsOf reads what each goal or action of a case was copied from.
func originsOf(ctx context.Context, c *Case, table string) (origins, error) {
	var copies []struct{ ID, CopiedFrom uuid.UUID }
	err := db.Tx(ctx).Table(table).Select("id, copied_from").Where("centre_id = ? and case_id = ? and copied_from is not null", c.CentreID.UUID(), c.ID).Scan(&copies).Error
	o := origins{}
	for _, x := range copies {
		o[x.ID] = x.CopiedFrom
	}
	return o, err
}

// diff compares a version of a case's plan with another, contents included.
func (p *Plan) diff(ctx context.Context, c *Case, from *Plan) (planDiff, error) {
	goals, err := originsOf(ctx, c, "case_goals")
	if err != nil {
		return planDiff{}, err
	}
	actions, err := originsOf(ctx, c, "case_actions")
	if err != nil {
		return planDiff{}, err
	}
	return planDiff{
		Plan:    compare(from.fields(), p.fields()),
		Goals:   compareParts(from.goalParts(goals), p.goalParts(goals)),
		Actions: compareParts(from.actionParts(actions, goals), p.actionParts(actions, goals)),
	}, nil
}

func (p *Plan) fields() []field {
	return []field{{name: "summary", value: said(p.Summary)}, {name: "review_on", value: day(p.ReviewOn)}, {name: "agreed_on", value: day(p.AgreedOn)}}
}

func (p *Plan) goalParts(o origins) (parts []part) {
	for _, g := range p.Goals {
		parts = append(parts, part{g.ID, o.of(g.ID), []field{
			{name: "description", value: said(g.Description)}, {name: "problem_id", value: named(g.ProblemID)}, {name: "target_on", value: day(g.TargetOn)},
			{name: "progress", value: said(g.Progress)}, {name: "progress_note", value: said(g.ProgressNote)}, {name: "review_on", value: day(g.ReviewOn)},
		}})
	}
	return parts
}

func (p *Plan) actionParts(o, goals origins) (parts []part) {
	for _, x := range p.Actions {
		goal := field{name: "goal_id", value: named(x.GoalID)}
		if x.GoalID != nil {
			goal.same = goals.of(*x.GoalID) // the same goal has another id in each version
		}
		cost := field{name: "cost"}
		if x.Cost != nil {
			cost.value = map[string]any{"amount": x.Cost.String(), "currency": x.Currency}
		}
		parts = append(parts, part{x.ID, o.of(x.ID), []field{
			goal, {name: "description", value: said(x.Description)}, {name: "service_type", value: said(x.ServiceType)}, {name: "responsible_id", value: named(x.ResponsibleID)},
			{name: "responsible", value: said(x.Responsible)}, {name: "due_on", value: x.DueOn.String()}, cost, {name: "funding_source", value: said(x.FundingSource)},
			{name: "status", value: said(x.Status)}, {name: "done_on", value: day(x.DoneOn)}, {name: "outcome", value: said(x.Outcome)},
		}})
	}
	return parts
}

func said(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func day(d *db.Date) any {
	if d == nil {
		return nil
	}
	return d.String()
}

func named(id *uuid.UUID) any {
	if id == nil {
		return nil
	}
	return id.String()
}

// other finds the version that a plan is compared with: the one asked for, or else the one that it was
// copied from.
func (p *Plan) other(ctx context.Context, asked *uuid.UUID) (*Plan, error) {
	if asked == nil {
		asked = p.RevisesID
	}
	if asked == nil {
		return nil, fault.InvalidField("from", "required", "This version was copied from none. Say which one to compare it with.")
	}
	from, err := one[Plan](ctx, p.CaseID, *asked)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.InvalidField("from", "unknown_plan", "The case has no such plan.")
	}
	return from, err
}
