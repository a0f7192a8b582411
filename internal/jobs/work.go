package jobs

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// outgoingWorkers mostly wait for somebody else's answer.
const outgoingWorkers = 16

// Options say how one process works.
type Options struct {
	Workers         int           // jobs at a time; 0: 4
	ShutdownTimeout time.Duration // for running jobs when the process ends; 0: 15 s
	// OnDemand is for tests: start at once, and run no tick but those that are asked for.
	OnDemand bool
}

// Work works on jobs until ctx ends; then running jobs get the shutdown timeout to finish. While
// the database does not answer it waits.
func (r *Registry) Work(ctx context.Context, o Options) error {
	client, err := r.client(o)
	if err != nil {
		return err
	}
	for err := client.Start(ctx); err != nil; err = client.Start(ctx) {
		slog.WarnContext(ctx, "jobs wait for the database", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
	<-client.Stopped()
	return nil
}

func (r *Registry) client(o Options) (*river.Client[pgx.Tx], error) {
	c := &river.Config{
		Schema: Schema, Workers: r.workers, PeriodicJobs: r.periodic, Logger: slog.Default(),
		Queues: map[string]river.QueueConfig{
			defaultQueue: {MaxWorkers: cmp.Or(o.Workers, 4)},
			tickQueue:    {MaxWorkers: 2},
			Outgoing:     {MaxWorkers: outgoingWorkers},
		},
		JobTimeout:                  defaultTimeout,
		RescueStuckJobsAfter:        defaultTimeout + 15*time.Second,
		SoftStopTimeout:             cmp.Or(o.ShutdownTimeout, 15*time.Second),
		CompletedJobRetentionPeriod: time.Hour,  // ticks add up
		ReindexerIndexNames:         []string{}, // only an owner may, and we are none
	}
	if o.OnDemand {
		c.PeriodicJobs, c.TestOnly = nil, true
		c.FetchCooldown, c.FetchPollInterval = 5*time.Millisecond, 50*time.Millisecond
	}
	return river.NewClient(riverpgxv5.New(r.db.Pool), c)
}
