package jobs

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/waystation/waystation/internal/db"
)

// Queues. Ticks have their own, so that a long import does not hold them up.
const (
	defaultQueue = river.QueueDefault
	tickQueue    = "ticks"
	// Outgoing is for jobs that call other systems: one that hangs holds up none of our own work.
	Outgoing = "outgoing"
)

// defaultTimeout is how long one attempt may run. A process that was killed leaves its jobs
// running on paper; they are taken up again once this has passed.
const defaultTimeout = time.Minute

// Registry is everything this house knows to work on.
type Registry struct {
	db       *db.DB
	workers  *river.Workers
	periodic []*river.PeriodicJob
	ticks    map[string]func(context.Context) error
}

// NewRegistry returns an empty registry whose jobs work on d.
func NewRegistry(d *db.DB) *Registry {
	r := &Registry{db: d, workers: river.NewWorkers(), ticks: map[string]func(context.Context) error{}}
	Handle(r, r.tick)
	return r
}

// Handle registers what works on jobs of T. One attempt may take a minute, or what
// `func (T) Timeout() time.Duration` says. work gets a context for In; an error means another
// attempt later, so work must bear to run twice.
func Handle[T river.JobArgs](r *Registry, work func(ctx context.Context, args T) error) {
	river.AddWorker(r.workers, &worker[T]{db: r.db, work: work})
}

// Every runs work about once each interval, in one process of all, and whenever another process
// takes over. name is domain.verb; a run that is due while the last one still works is left out.
func (r *Registry) Every(interval time.Duration, name string, work func(context.Context) error) {
	r.ticks[name] = work
	r.periodic = append(r.periodic, river.NewPeriodicJob(river.PeriodicInterval(interval),
		func() (river.JobArgs, *river.InsertOpts) { return Tick{name}, nil }, &river.PeriodicJobOpts{ID: name, RunOnStart: true}))
}

// Tick is one run of what Every registered.
type Tick struct {
	Name string `json:"name"`
}

// Kind implements river.JobArgs.
func (Tick) Kind() string { return "tick" }

// InsertOpts implements river.JobArgsWithInsertOpts. A tick that fails waits for the next one.
func (Tick) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: tickQueue, MaxAttempts: 1, UniqueOpts: whileActive()}
}

func whileActive() river.UniqueOpts {
	return river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}}
}

func (r *Registry) tick(ctx context.Context, t Tick) error {
	work, ok := r.ticks[t.Name]
	if !ok {
		return fmt.Errorf("jobs: no tick %q", t.Name)
	}
	return work(ctx)
}

// worker carries a job from the queue to the function that a domain registered.
type worker[T river.JobArgs] struct {
	river.WorkerDefaults[T]
	db   *db.DB
	work func(context.Context, T) error
}

// Timeout implements river.Worker.
func (*worker[T]) Timeout(job *river.Job[T]) time.Duration {
	if own, ok := any(job.Args).(interface{ Timeout() time.Duration }); ok {
		return own.Timeout()
	}
	return defaultTimeout
}

// Work implements river.Worker.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	name := job.Kind
	if t, ok := any(job.Args).(Tick); ok {
		name = cmp.Or(t.Name, name)
	}
	session := w.db.Session(db.Scope{ActorKind: "system", Operation: name, RequestID: fmt.Sprintf("job:%d", job.ID)})
	defer session.Rollback() // nothing, unless work forgot In
	return w.work(session.Bind(ctx), job.Args)
}
