package intake

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/intake/sheet"
	"github.com/waystation/waystation/internal/jobs"
)

// RunArgs ask for an import to go on.
type RunArgs struct {
	CentreID uuid.UUID `json:"centre_id"`
	ImportID uuid.UUID `json:"import_id"`
	ActorID  uuid.UUID `json:"actor_id"` // who imports; zero: the system
}

// Kind implements river.JobArgs.
func (RunArgs) Kind() string { return "import.run" }

// Jobs registers the work of this package: runs of imports, and the deletion of files that are kept no longer.
func Jobs(r *jobs.Registry) {
	jobs.Handle(r, work)
	r.Every(time.Hour, "import.expire", func(ctx context.Context) error { return jobs.EachCentre(ctx, expireAt) })
}

const (
	// slice is how long one job works on an import before it leaves the rest to the next, well
	// inside what a job may take.
	slice = 30 * time.Second
	// maxStumbles is how often an unexpected error may stop an import before it has failed.
	maxStumbles = 5
)

func work(ctx context.Context, a RunArgs) error {
	in := func(ctx context.Context, work func(context.Context) error) error {
		return jobs.In(ctx, scopeOf(a), work)
	}
	if a.ActorID != uuid.Nil {
		ctx = auth.With(ctx, &auth.Principal{Kind: auth.System, ID: a.ActorID})
	}
	r := &run{in: in, id: a.ImportID, until: time.Now().Add(slice)}
	err := r.work(ctx)
	if errors.Is(err, errOutOfTime) {
		return in(ctx, func(ctx context.Context) error { return jobs.Enqueue(ctx, a) })
	}
	if err != nil && ctx.Err() == nil {
		slog.ErrorContext(ctx, "import stumbled", "centre_id", a.CentreID, "import_id", a.ImportID, "error", err)
		return stumble(ctx, in, a.ImportID, err)
	}
	return err
}

func scopeOf(a RunArgs) db.Scope {
	return db.Scope{Centres: []uuid.UUID{a.CentreID}, ActorID: a.ActorID}
}

// stumble counts an attempt that failed for no reason of the file's. The queue tries again; an
// import that never gets through has failed.
func stumble(ctx context.Context, in transaction, id uuid.UUID, cause error) error {
	err := in(ctx, func(ctx context.Context) error {
		i, err := db.LockAny[Import](ctx, id)
		if err != nil || i.Ended() {
			return err
		}
		if i.Stumbles++; i.Stumbles >= maxStumbles {
			cause = nil
			issue := sheet.NewIssue(sheet.Interrupted, "", "", nil)
			i.fail(&issue, db.Now())
			if err := deleteFile(ctx, i); err != nil {
				return err
			}
		}
		return db.Save(ctx, i)
	})
	return errors.Join(cause, err)
}

// expireAt deletes what a centre's files said and whose time has passed.
func expireAt(ctx context.Context, _ uuid.UUID) error {
	if err := expireFiles(ctx); err != nil {
		return err
	}
	return expireRows(ctx)
}

// expireRows leaves out rows that nobody decided about.
func expireRows(ctx context.Context) error {
	var due []uuid.UUID
	if err := db.Tx(ctx).Model(&Row{}).Distinct().Where("held_until < ?", db.Now()).Order("import_id").Pluck("import_id", &due).Error; err != nil {
		return err
	}
	for _, id := range due {
		i, err := db.LockAny[Import](ctx, id)
		if err != nil {
			return err
		}
		if err := letGo(ctx, i); err != nil {
			return err
		}
		if err := db.Save(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// expireFiles deletes files; an import that still wanted its file has failed.
func expireFiles(ctx context.Context) error {
	var due []uuid.UUID
	if err := db.Tx(ctx).Model(&Import{}).Where("file_until < ?", db.Now()).Pluck("id", &due).Error; err != nil {
		return err
	}
	for _, id := range due {
		i, err := db.LockAny[Import](ctx, id)
		if err != nil {
			return err
		}
		if !i.Ended() {
			issue := sheet.NewIssue(sheet.FileExpired, "", "", nil)
			i.fail(&issue, db.Now())
		}
		if err := deleteFile(ctx, i); err != nil {
			return err
		}
		if err := db.Save(ctx, i); err != nil {
			return err
		}
	}
	return nil
}
