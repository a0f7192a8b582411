// Package jobs is the queue of work that follows a request: a job is stored in the transaction
// that asks for it and runs after the commit, in any process that works, at least once. It
// outlives the process that works on it and a restart of the database.
//
// A domain declares its arguments and registers what works on them:
//
//	type SendArgs struct{ CentreID, ReferralID uuid.UUID }
//
//	func (SendArgs) Kind() string { return "referral.send" }
//
//	func Jobs(r *jobs.Registry) { jobs.Handle(r, send); r.Every(time.Hour, "referral.expire", expire) }
//
// Arguments are ids and codes: job rows are seen by every worker and carry no row-level security.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/waystation/waystation/internal/db"
)

// Schema is where the queue keeps its tables.
const Schema = "river"

// inserter only writes jobs, into whichever transaction it is given; it holds no connection.
var inserter = sync.OnceValues(func() (*river.Client[pgx.Tx], error) {
	return river.NewClient(riverpgxv5.New(nil), &river.Config{Schema: Schema})
})

// Enqueue stores a job in the transaction of ctx: it runs soon after the commit, and never if
// the transaction is rolled back.
func Enqueue(ctx context.Context, args river.JobArgs, options ...Option) error {
	client, err := inserter()
	if err != nil {
		return err
	}
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	var o river.InsertOpts
	for _, set := range options {
		set(&o)
	}
	if _, err = client.InsertTx(ctx, tx, args, &o); err != nil {
		return fmt.Errorf("jobs: %s: %w", args.Kind(), err)
	}
	return nil
}

// Option changes how one job is stored.
type Option func(*river.InsertOpts)

// At lets a job wait until an instant.
func At(t time.Time) Option { return func(o *river.InsertOpts) { o.ScheduledAt = t } }

// Attempts limits how often a job is tried; 25 where nothing is said, spread over three weeks.
func Attempts(n int) Option { return func(o *river.InsertOpts) { o.MaxAttempts = n } }

// Unique stores no second job of the same kind and arguments while one waits or runs.
func Unique() Option { return func(o *river.InsertOpts) { o.UniqueOpts = whileActive() } }

// In runs fn in one transaction of a job. Where the scope does not say who acts, it is the
// system; the trail shows the job as operation and request.
func In(ctx context.Context, s db.Scope, fn func(context.Context) error) error {
	job := db.Current(ctx)
	if job == nil {
		return db.ErrOutsideSession
	}
	if s.ActorKind == "" {
		s.ActorKind = job.Scope().ActorKind
	}
	s.Operation, s.RequestID = job.Scope().Operation, job.Scope().RequestID
	return job.DB().InTx(ctx, s, fn)
}

// EachCentre runs fn for every centre there is, each in a transaction inside that centre. One that
// fails does not keep the others waiting.
func EachCentre(ctx context.Context, fn func(ctx context.Context, centre uuid.UUID) error) error {
	var centres []uuid.UUID
	err := In(ctx, db.Scope{Network: true, ReadOnly: true}, func(ctx context.Context) error {
		return db.Tx(ctx).Raw("select id from centres order by id").Scan(&centres).Error
	})
	for _, centre := range centres {
		err = errors.Join(err, In(ctx, db.Scope{Centres: []uuid.UUID{centre}}, func(ctx context.Context) error { return fn(ctx, centre) }))
	}
	return err
}
