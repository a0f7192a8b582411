// Package report counts what a centre needs to steer its case management (duty D14): caseloads, deadlines kept,
// outcomes, and cases that came back.
//
// Reports of a period are counted from case_states alone – how every case stood after each change, written by the
// database and never altered – and from judgements of goals, which are not either. Only what was recorded before the
// end of the period counts, so that a period that is over gives the same figures for ever (rule 22). Restricted cases
// are left out whoever asks. A case that is kept from somebody by name is left out of what they read: the difference to
// the cases in their sight would tell of it. Nothing else here depends on what the caller may see of the files.
package report

import (
	"context"
	"math"
	"slices"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// longest is how many days a report may span.
const longest = 366

// overseers read the lines of everybody; whoever else may read reports reads their own.
var overseers = []string{"case_supervisor", "centre_manager", "me_analyst"}

// query is what a report is asked for: a centre, its days from From to To, both included.
type query struct {
	centre   uuid.UUID
	from, to db.Date
	own      *uuid.UUID // only this worker's lines
}

// check judges the period: 422 when it ends before it begins or is too long.
func (q query) check() error {
	switch {
	case q.to.Before(q.from.Time):
		return fault.InvalidField("to", "out_of_order", "The period ends before it begins.")
	case q.to.Sub(q.from.Time).Hours() >= longest*24:
		return fault.InvalidField("to", "period_too_long", "A report spans %d days at most.", longest)
	}
	return nil
}

// ownOnly is the caller where they read their own lines alone.
func ownOnly(ctx context.Context, centre uuid.UUID) *uuid.UUID {
	p := auth.From(ctx)
	if slices.ContainsFunc(p.Centres[centre], func(role string) bool { return slices.Contains(overseers, role) }) {
		return nil
	}
	return &p.ID
}

// percent is part of whole, to one decimal; nil of nothing.
func percent(part, whole int) *float64 {
	if whole == 0 {
		return nil
	}
	p := math.Round(1000*float64(part)/float64(whole)) / 10
	return &p
}
