package jobs_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app"
	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/jobs"
)

type noteArgs struct {
	CentreID uuid.UUID `json:"centre_id"`
	Text     string    `json:"text"`
}

func (noteArgs) Kind() string { return "test.note" }

// start works on what register names until the test ends.
func start(t *testing.T, h *apptest.House, register func(*jobs.Registry)) {
	t.Helper()
	r := jobs.NewRegistry(h.App.DB)
	register(r)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Work(ctx, jobs.Options{OnDemand: true}) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func enqueue(t *testing.T, h *apptest.House, args noteArgs, options ...jobs.Option) {
	t.Helper()
	err := h.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{args.CentreID}}, func(ctx context.Context) error {
		return jobs.Enqueue(ctx, args, options...)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func receive[T any](t *testing.T, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(15 * time.Second):
		t.Fatal("nothing was worked on")
	}
	return v
}

func TestJob_RunsAfterTheCommitAndNeverAfterARollback(t *testing.T) {
	h := apptest.New(t)
	worked := make(chan string, 10)
	start(t, h, func(r *jobs.Registry) {
		jobs.Handle(r, func(_ context.Context, args noteArgs) error { worked <- args.Text; return nil })
	})
	undone := errors.New("undone")
	err := h.App.DB.InTx(context.Background(), db.Scope{}, func(ctx context.Context) error {
		return errors.Join(jobs.Enqueue(ctx, noteArgs{Text: "rolled back"}), undone)
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	enqueue(t, h, noteArgs{Text: "committed"})
	if got := receive(t, worked); got != "committed" {
		t.Errorf("worked on %q", got)
	}
	var rows int
	h.Scan("select count(*) from river.river_job", nil, &rows)
	if rows != 1 {
		t.Errorf("%d jobs were stored", rows)
	}
}

func TestJob_ActsAsTheSystemInsideItsCentre(t *testing.T) {
	h := apptest.New(t)
	worked := make(chan error, 1)
	start(t, h, func(r *jobs.Registry) {
		jobs.Handle(r, func(ctx context.Context, args noteArgs) error {
			err := jobs.In(ctx, db.Scope{Centres: []uuid.UUID{args.CentreID}}, func(ctx context.Context) error {
				return db.Tx(ctx).Exec("update centres set name = ?, version = version + 1", args.Text).Error
			})
			worked <- err
			return err
		})
	})
	enqueue(t, h, noteArgs{h.CentreA, "Renamed"})
	if err := receive(t, worked); err != nil {
		t.Fatal(err)
	}
	var renamed int
	h.Scan("select count(*) from centres where name = 'Renamed'", nil, &renamed)
	if renamed != 1 {
		t.Errorf("%d centres were renamed", renamed)
	}
	var kind, operation string
	h.Scan("select actor_kind, operation from audit_events where centre_id = $1 and action = 'update'", []any{h.CentreA}, &kind, &operation)
	if kind != "system" || operation != "test.note" {
		t.Errorf("the trail says %s, %s", kind, operation)
	}
}

func TestJob_ThatFailsIsTriedAgain(t *testing.T) {
	h := apptest.New(t)
	var attempts atomic.Int32
	worked := make(chan int32, 10)
	start(t, h, func(r *jobs.Registry) {
		jobs.Handle(r, func(context.Context, noteArgs) error {
			n := attempts.Add(1)
			worked <- n
			if n == 1 {
				panic("broken")
			}
			return nil
		})
	})
	enqueue(t, h, noteArgs{})
	receive(t, worked)
	if n := receive(t, worked); n != 2 {
		t.Errorf("attempt %d", n)
	}
}

func TestUnique_KeepsASecondJobOutWhileTheFirstWaits(t *testing.T) {
	h := apptest.New(t)
	for range 3 {
		enqueue(t, h, noteArgs{Text: "same"}, jobs.Unique())
	}
	enqueue(t, h, noteArgs{Text: "other"}, jobs.Unique())
	var rows int
	h.Scan("select count(*) from river.river_job", nil, &rows)
	if rows != 2 {
		t.Errorf("%d jobs wait", rows)
	}
}

func TestTick_RunsWhatWasRegisteredUnderItsName(t *testing.T) {
	h := apptest.New(t)
	ticked := make(chan string, 2)
	start(t, h, func(r *jobs.Registry) {
		r.Every(time.Hour, "test.count", func(ctx context.Context) error {
			ticked <- db.Current(ctx).Scope().Operation
			return nil
		})
	})
	err := h.App.DB.InTx(context.Background(), db.Scope{}, func(ctx context.Context) error {
		return jobs.Enqueue(ctx, jobs.Tick{Name: "test.count"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := receive(t, ticked); got != "test.count" {
		t.Errorf("ticked as %q", got)
	}
}

func TestPeriodicJobs_StartByThemselves(t *testing.T) {
	h := apptest.New(t)
	ticked := make(chan struct{}, 10)
	r := jobs.NewRegistry(h.App.DB)
	r.Every(time.Hour, "test.count", func(context.Context) error { ticked <- struct{}{}; return nil })
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Work(ctx, jobs.Options{}) }()
	receive(t, ticked)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWorkers_GoOnWhenTheDatabaseComesBack(t *testing.T) {
	h := apptest.New(t)
	worked := make(chan string, 10)
	start(t, h, func(r *jobs.Registry) {
		jobs.Handle(r, func(_ context.Context, args noteArgs) error { worked <- args.Text; return nil })
	})
	enqueue(t, h, noteArgs{Text: "before"})
	receive(t, worked)
	h.Exec("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
	for deadline := time.Now().Add(10 * time.Second); h.App.DB.Ping(context.Background()) != nil; {
		if time.Now().After(deadline) {
			t.Fatal("the database does not answer")
		}
	}
	enqueue(t, h, noteArgs{Text: "after"})
	if got := receive(t, worked); got != "after" {
		t.Errorf("worked on %q", got)
	}
}

const victim = "WAYSTATION_TEST_JOBS_VICTIM"

// TestMain lets this program be the process that is killed in the middle of a job.
func TestMain(m *testing.M) {
	if url := os.Getenv(victim); url != "" {
		hang(url)
	}
	os.Exit(m.Run())
}

func hang(url string) {
	d, err := db.Open(context.Background(), db.Options{URL: url})
	if err != nil {
		panic(err)
	}
	r := jobs.NewRegistry(d)
	jobs.Handle(r, func(context.Context, noteArgs) error { select {} })
	panic(r.Work(context.Background(), jobs.Options{OnDemand: true}))
}

func TestJob_OutlivesTheProcessThatIsKilledOverIt(t *testing.T) {
	h := apptest.New(t)
	enqueue(t, h, noteArgs{Text: "unfinished"})
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), victim+"="+h.App.Config.DatabaseURL.Reveal())
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	for running := false; !running; time.Sleep(10 * time.Millisecond) {
		h.Scan("select exists (select 1 from river.river_job where state = 'running')", nil, &running)
	}
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait() // killed, as it says
	h.Exec("update river.river_job set attempted_at = now() - interval '2 minutes'")
	h.Exec("delete from river.river_leader") // the dead leader's term, which ends after some seconds
	worked := make(chan string, 1)
	start(t, h, func(r *jobs.Registry) {
		jobs.Handle(r, func(_ context.Context, args noteArgs) error { worked <- args.Text; return nil })
	})
	if got := receive(t, worked); got != "unfinished" {
		t.Errorf("worked on %q", got)
	}
}

func TestMigrate_ManyAtOnceLeaveOneQueue(t *testing.T) {
	h := apptest.New(t)
	url := h.App.Config.DatabaseOwnerURL.Reveal()
	h.Exec("drop schema river cascade")
	h.Exec("create schema river")
	if waits, err := jobs.Pending(context.Background(), url); err != nil || !waits {
		t.Fatalf("an empty schema is pending: %v, %v", waits, err)
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := app.Migrate(context.Background(), url); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if waits, err := jobs.Pending(context.Background(), url); err != nil || waits {
		t.Errorf("still pending: %v, %v", waits, err)
	}
}
