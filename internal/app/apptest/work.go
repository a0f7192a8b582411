package apptest

import (
	"context"
	"time"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/jobs"
)

// Work lets the house work on its jobs until none is due, and returns then. Ticks do not run by
// themselves; see Tick.
func (h *House) Work() {
	h.T.Helper()
	h.startWorking()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var due bool
		h.Scan(`select exists (select 1 from river.river_job
			where state = 'running' or (state in ('available', 'pending') and scheduled_at <= now()))`, nil, &due)
		if !due {
			h.logFailures()
			return
		}
	}
	h.T.Fatal("jobs do not come to an end")
}

// logFailures tells what the jobs met that wait for another attempt: a test that goes on without them may fail for it.
func (h *House) logFailures() {
	h.T.Helper()
	var failures []string
	h.Scan(`select coalesce(array_agg(kind || ': ' || (errors[cardinality(errors)]->>'error')), '{}') from river.river_job where state in ('retryable', 'discarded')`, nil, &failures)
	for _, one := range failures {
		h.T.Log("a job failed: ", one)
	}
}

// WorkAhead is Work for jobs that are scheduled for later or wait for another attempt, too.
func (h *House) WorkAhead() {
	h.T.Helper()
	h.Exec("update river.river_job set state = 'available', scheduled_at = now() where state in ('scheduled', 'retryable')")
	h.Work()
}

// Tick runs one periodic job of the house and what follows from it.
func (h *House) Tick(name string) {
	h.T.Helper()
	err := h.App.DB.InTx(context.Background(), db.Scope{ActorKind: "system"}, func(ctx context.Context) error {
		return jobs.Enqueue(ctx, jobs.Tick{Name: name})
	})
	if err != nil {
		h.T.Fatal(err)
	}
	h.Work()
	var failure *string
	h.Scan(`select (select errors[cardinality(errors)]->>'error' from river.river_job
		where kind = 'tick' and args->>'name' = $1 order by id desc limit 1)`, []any{name}, &failure)
	if failure != nil {
		h.T.Fatalf("tick %s: %s", name, *failure)
	}
}

// startWorking starts the workers of this house, once.
func (h *House) startWorking() {
	h.working.Do(func() {
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- h.App.WorkAs(ctx, jobs.Options{OnDemand: true}) }()
		h.T.Cleanup(func() {
			stop()
			if err := <-done; err != nil {
				h.T.Error(err)
			}
		})
	})
}
