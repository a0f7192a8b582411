package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/intake/sheet"
)

// batchSize is how many rows one transaction takes: enough to be quick, few enough that
// progress shows and that a kill costs little.
const batchSize = 500

var (
	// errOvertaken ends a run whose import another process has moved, or somebody has cancelled.
	errOvertaken = errors.New("intake: another run has taken over")
	// errOutOfTime ends a run that shall go on in a job of its own.
	errOutOfTime = errors.New("intake: the run goes on later")
	// errRejected undoes an all_or_nothing import whose rows were accepted when they were checked.
	errRejected = errors.New("intake: a row was rejected")
)

// finalError ends an import for a reason that no repeat changes.
type finalError struct{ issue sheet.Issue }

func (e finalError) Error() string { return "intake: " + e.issue.Text("en") }

// run takes one import through its file.
type run struct {
	in    transaction
	id    uuid.UUID
	until time.Time // when to stop and go on later; zero: never

	imp    *Import
	centre *centre.Centre
	off    map[string][]string // codes that the centre has switched off, by list
	rows   sheet.Records
	pass   *pass
	done   int        // rows of the file that have their outcome
	rest   []*outcome // rows that were read and left to the next batch

	analysed int // after how many rows the planner was last told of the tables
}

// work runs the import from where it stands to its end. It returns errOutOfTime where it has to
// go on later; any other error is the server's, not the file's.
func (r *run) work(ctx context.Context) error {
	err := r.begin(ctx)
	for err == nil {
		err = r.step(ctx)
	}
	var final finalError
	switch {
	case errors.Is(err, io.EOF) && r.done != r.imp.Rows: // all of them were read when the file came
		return fmt.Errorf("intake: the file ends after %d of %d rows", r.done, r.imp.Rows)
	case errors.Is(err, io.EOF):
		return ignore(r.finish(ctx), errOvertaken)
	case errors.As(err, &final):
		return r.fail(ctx, final.issue)
	}
	return ignore(err, errOvertaken)
}

func (r *run) fail(ctx context.Context, why sheet.Issue) error {
	return ignore(r.close(ctx, func(i *Import) { i.fail(&why, db.Now()) }), errOvertaken)
}

func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// begin locks the import, opens its file and reads up to where the last run ended.
func (r *run) begin(ctx context.Context) error {
	err := r.in(ctx, func(ctx context.Context) (err error) {
		if r.imp, err = db.LockAny[Import](ctx, r.id); err != nil {
			return err
		}
		if !r.imp.start(db.Now()) {
			return errOvertaken
		}
		if r.centre, err = db.Get[centre.Centre](ctx, r.imp.CentreID.UUID()); err != nil {
			return err
		}
		if r.off, err = centre.InactiveCodes(ctx); err != nil {
			return err
		}
		return db.Save(ctx, r.imp)
	})
	if err != nil {
		return err
	}
	return r.rewind(ctx, r.imp.Processed)
}

// rewind opens the file anew and passes over the rows that have their outcome already.
func (r *run) rewind(ctx context.Context, done int) (err error) {
	if r.rows, err = openRows(ctx, r.in, r.imp.CentreID.UUID(), r.id); err != nil {
		return err
	}
	off := func(list, code string) bool { return slices.Contains(r.off[list], code) }
	n, issues := sheet.NewNormaliser(r.imp.Definition.V, r.rows.Header(), sheet.Options{Today: today(r.centre), Off: off})
	if n == nil { // was checked when the file came: the lists have changed since
		return finalError{issues[slices.IndexFunc(issues, func(i sheet.Issue) bool { return i.Severity == sheet.Error })]}
	}
	r.pass, r.done, r.rest = newPass(r.centre, r.imp.Definition.V, n), 0, nil
	for ; r.done < done; r.done++ {
		if _, err := r.rows.Next(); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) next() (*outcome, error) {
	rec, err := r.rows.Next()
	if err != nil {
		return nil, err
	}
	return r.pass.read(rec), nil
}

// today is the day at the centre.
func today(c *centre.Centre) sheet.Date {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	now := time.Now().In(zone)
	return sheet.NewDate(now.Year(), now.Month(), now.Day())
}

// step takes one batch in one transaction; io.EOF when no row is left.
func (r *run) step(ctx context.Context) error {
	if !r.until.IsZero() && time.Now().After(r.until) {
		return errOutOfTime
	}
	batch, err := r.batch()
	if err != nil {
		return err
	}
	taken := 0
	err = patiently(ctx, func() error {
		return r.in(ctx, func(ctx context.Context) (err error) {
			taken, err = r.take(ctx, batch)
			return err
		})
	})
	if err == nil {
		r.done += taken
		r.rest = batch[taken:]
	}
	return err
}

// batch reads the next rows, behind those that the last batch left.
func (r *run) batch() ([]*outcome, error) {
	batch := r.rest
	for len(batch) < batchSize {
		o, err := r.next()
		if errors.Is(err, io.EOF) && len(batch) > 0 {
			break
		}
		if err != nil {
			return nil, err
		}
		batch = append(batch, o)
	}
	return batch, nil
}

// take decides about a batch and stores what came of it, unless somebody else has moved the
// import. It returns how many rows it took, from the first.
func (r *run) take(ctx context.Context, batch []*outcome) (int, error) {
	if err := r.hold(ctx); err != nil {
		return 0, err
	}
	if r.imp.Status != Running || r.imp.Processed != r.done {
		return 0, errOvertaken
	}
	taken, err := r.settle(ctx, batch, r.imp.saves())
	if err != nil {
		return 0, err
	}
	return taken, db.Save(ctx, r.imp)
}

// settle says what becomes of each row of a batch, stores it and counts it.
func (r *run) settle(ctx context.Context, batch []*outcome, save bool) (int, error) {
	if err := r.analyse(ctx); err != nil {
		return 0, err
	}
	batch = fresh(batch)
	before, err := neighboursOf(ctx, r.imp, batch)
	if err != nil {
		return 0, err
	}
	r.pass.beside(batch, before)
	taken, err := register(ctx, r.imp, r.pass, batch, save)
	if err != nil {
		return 0, err
	}
	for _, o := range batch[:taken] {
		r.imp.add(o)
	}
	return taken, storeRows(ctx, r.imp, batch[:taken])
}

// analyse tells the planner how large the tables have become: after the first batch, and whenever a
// run has doubled what it stored.
func (r *run) analyse(ctx context.Context) error {
	if r.imp.Processed < max(batchSize, 2*r.analysed) {
		return nil
	}
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	r.analysed = r.imp.Processed
	_, err = tx.Exec(ctx, "select analyse_imported()")
	return err
}

// fresh copies the rows, so that a transaction that runs again judges them anew.
func fresh(batch []*outcome) []*outcome {
	out := make([]*outcome, len(batch))
	for k, o := range batch {
		c := *o
		c.Issues.V = append([]sheet.Issue(nil), o.Issues.V...)
		out[k] = &c
	}
	return out
}

func (r *run) hold(ctx context.Context) (err error) {
	r.imp, err = hold(ctx, r.imp.CentreID.UUID(), r.id)
	return err
}

// hold locks the import, and keeps other imports of the centre out until the transaction ends: of two
// that bring the same row the second finds what the first has saved.
func hold(ctx context.Context, centre, id uuid.UUID) (*Import, error) {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return nil, err
	}
	if _, err = tx.Exec(ctx, "select pg_advisory_xact_lock(hashtextextended('import ' || $1::text, 0))", centre.String()); err != nil {
		return nil, err
	}
	return db.LockAny[Import](ctx, id)
}

// finish ends a run whose rows all have their outcome. An all_or_nothing import has only
// been checked so far; if nothing was rejected it is saved now, in one transaction.
func (r *run) finish(ctx context.Context) error {
	if !r.imp.atomic() {
		return r.close(ctx, func(i *Import) { i.complete(db.Now()) })
	}
	if r.imp.Rejected > 0 {
		return r.close(ctx, func(i *Import) { i.fail(nil, db.Now()) })
	}
	err := r.saveAll(ctx)
	if errors.Is(err, errRejected) { // the register has changed since the check: check again
		if err = r.restart(ctx); err == nil {
			err = r.work(ctx)
		}
	}
	return err
}

// restart forgets what came of the rows so far.
func (r *run) restart(ctx context.Context) error {
	return r.close(ctx, func(i *Import) { i.Counts = noCounts() })
}

// saveAll registers every row of a checked file, or none.
func (r *run) saveAll(ctx context.Context) error {
	return patiently(ctx, func() error {
		return r.in(ctx, func(inside context.Context) error {
			if err := r.rewind(ctx, 0); err != nil { // here: the transaction may run again
				return err
			}
			return r.saveFile(inside)
		})
	})
}

func (r *run) saveFile(ctx context.Context) error {
	if err := r.hold(ctx); err != nil {
		return err
	}
	if r.imp.Status != Running {
		return errOvertaken
	}
	if err := deleteRows(ctx, r.imp); err != nil {
		return err
	}
	r.imp.Counts = noCounts()
	if err := r.saveBatches(ctx); err != nil {
		return err
	}
	r.imp.complete(db.Now())
	if err := deleteFile(ctx, r.imp); err != nil {
		return err
	}
	return db.Save(ctx, r.imp)
}

func (r *run) saveBatches(ctx context.Context) error {
	for {
		batch, err := r.batch()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		taken, err := r.settle(ctx, batch, true)
		if err != nil {
			return err
		}
		if r.imp.Rejected > 0 {
			return errRejected
		}
		r.rest = batch[taken:]
	}
}

// close ends, or begins anew, a run that is still ours. The file of a real run that ended is deleted.
func (r *run) close(ctx context.Context, change func(*Import)) error {
	return r.in(ctx, func(ctx context.Context) (err error) {
		if r.imp, err = db.LockAny[Import](ctx, r.id); err != nil {
			return err
		}
		if r.imp.Status != Running {
			return errOvertaken
		}
		change(r.imp)
		if err := deletePeople(ctx, r.imp); err != nil {
			return err
		}
		if r.imp.Processed == 0 {
			if err := deleteRows(ctx, r.imp); err != nil {
				return err
			}
		}
		if r.imp.Ended() && (r.imp.Mode == Commit || r.imp.Status != Completed) {
			if err := deleteFile(ctx, r.imp); err != nil {
				return err
			}
		}
		return db.Save(ctx, r.imp)
	})
}

// patiently repeats work that met a database which could not answer, or a lock held too long.
func patiently(ctx context.Context, work func() error) error {
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		err := work()
		if err == nil || wait > 2*time.Second || !fault.Is(db.Fault(err), fault.Unavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}
