package casework

import (
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

func toMoney(amount *decimal.Decimal, currency string) *api.Money {
	if amount == nil {
		return nil
	}
	return &api.Money{Amount: amount.String(), Currency: currency}
}

// fromMoney reads an amount. The spec's pattern lets nothing but a number through.
func fromMoney(m *api.Money) (*decimal.Decimal, string) {
	if m == nil {
		return nil, ""
	}
	return wire.Ptr(decimal.RequireFromString(m.Amount)), m.Currency
}

// toCosts lists sums in the order of their currencies.
func toCosts(sums map[string]decimal.Decimal) []api.Money {
	out := []api.Money{}
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		out = append(out, api.Money{Amount: sums[currency].String(), Currency: currency})
	}
	return out
}

func toPlanDiff(from, to *Plan, d planDiff) api.CasePlanDiff {
	return api.CasePlanDiff{
		FromID: from.ID, FromNumber: from.Number, ToID: to.ID, ToNumber: to.Number,
		Changes: wire.Each(d.Plan, toPlanChange), Goals: wire.Each(d.Goals, toPartDiff), Actions: wire.Each(d.Actions, toPartDiff),
	}
}

func toPartDiff(p *partDiff) api.CasePlanPartDiff {
	return api.CasePlanPartDiff{Change: api.CasePlanPartDiffChange(p.Change), ID: p.ID, Changes: wire.Each(p.Changes, toPlanChange)}
}

func toPlanChange(d *difference) api.CasePlanChange {
	return api.CasePlanChange{Field: d.Field, Before: d.Before, After: d.After}
}

func toEvaluation(e *Evaluation) api.CaseEvaluation {
	return api.CaseEvaluation{
		ID: e.ID, Version: e.Version, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt, CaseID: e.CaseID, PlanID: e.PlanID, GoalID: e.GoalID, Progress: e.Progress,
		Reason: e.Reason, EvaluatedOn: wire.ToDate(e.EvaluatedOn), ReviewOn: wire.ToOptDate(e.ReviewOn), EvaluatedBy: e.EvaluatedBy,
	}
}

func fromEvaluationCreate(b api.CaseEvaluationCreate, c *Case, today db.Date, by *uuid.UUID) *Evaluation {
	e := &Evaluation{Record: db.NewRecord(b.ID), CaseID: c.ID, GoalID: b.GoalID, Progress: b.Progress, Reason: b.Reason, EvaluatedOn: today,
		ReviewOn: wire.OptDate(b.ReviewOn), EvaluatedBy: by}
	if b.EvaluatedOn != nil {
		e.EvaluatedOn = wire.Date(*b.EvaluatedOn)
	}
	return e
}
