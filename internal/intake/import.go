// Package intake takes in registrations from files that centres keep. A mapping says what the
// columns of a file mean; package sheet reads its rows with it; the rules of registration are
// those of package beneficiary, row by row.
//
// A file is taken in batches, each one transaction: progress is visible, and a process that is
// killed goes on where the last batch ended. A row is known again by its source key, so that no
// repeat creates a person twice.
package intake

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/intake/sheet"
)

// Mode tells a dry run, which saves nothing, from a real one.
type Mode string

// The modes.
const (
	DryRun Mode = "dry_run"
	Commit Mode = "commit"
)

// Atomicity says what a rejected row does to the others.
type Atomicity string

// The two atomicities: every row for itself, or all rows or none.
const (
	PerRow       Atomicity = "per_row"
	AllOrNothing Atomicity = "all_or_nothing"
)

// Status is where an import is in its life.
type Status string

// The states: queued → running → completed, failed or cancelled. A completed dry run may be queued again, for good.
const (
	Queued    Status = "queued"
	Running   Status = "running"
	Completed Status = "completed"
	Failed    Status = "failed"
	Cancelled Status = "cancelled"
)

// Import is one file on its way into one centre.
type Import struct {
	db.Record
	Mode         Mode
	Atomicity    Atomicity
	OnDuplicate  OnDuplicate
	Status       Status
	MappingID    *uuid.UUID
	MappingName  string
	SourceSystem string
	Definition   db.JSON[sheet.Mapping] // the mapping as it was when the import was asked for
	FileName     string
	FileSize     int64 // bytes
	FileSha256   []byte
	Format       sheet.Format
	Sheet        string     // of a spreadsheet
	Encoding     string     // WHATWG name, as declared or detected; empty for a spreadsheet
	Delimiter    string     // of CSV
	FileUntil    *time.Time // nil once the file is deleted
	Rows         int        // in the file
	Counts       `gorm:"embedded"`
	Notes        db.JSON[[]sheet.Issue] // about the sheet as a whole
	Failure      *db.JSON[sheet.Issue]
	CreatedBy    *uuid.UUID
	RequestKey   string
	Stumbles     int // attempts that ended in an unexpected error
	StartedAt    *time.Time
	FinishedAt   *time.Time
}

// Counts are the numbers of an import so far. Accepted rows keep the rules; those that were not
// imported before are created by a real run.
type Counts struct {
	Processed, Accepted, Created, Unchanged, Changed, Skipped, Rejected, WithWarnings int
	Duplicates, Linked, LeftOut                                                       int // see the row's status
	Errors, Warnings                                                                  db.JSON[map[sheet.Code]int]
}

// add counts one row. Rows of other centres count as skipped and as nothing else.
func (c *Counts) add(o *outcome) {
	c.Processed++
	switch o.Status {
	case rowRejected:
		c.Rejected++
	case rowSkipped:
		c.Skipped++
		return
	case rowCreated:
		c.Created++
	case rowUnchanged:
		c.Unchanged++
	case rowChanged:
		c.Changed++
	case rowDuplicate:
		c.Duplicates++
	}
	if o.Status != rowRejected && o.Status != rowDuplicate {
		c.Accepted++
	}
	warned := false
	for _, i := range o.Issues.V {
		if i.Severity == sheet.Error {
			c.Errors.V = increment(c.Errors.V, i.Code)
		} else {
			c.Warnings.V = increment(c.Warnings.V, i.Code)
			warned = true
		}
	}
	if warned {
		c.WithWarnings++
	}
}

func increment(m map[sheet.Code]int, code sheet.Code) map[sheet.Code]int {
	if m == nil {
		m = map[sheet.Code]int{}
	}
	m[code]++
	return m
}

// noCounts is where every run begins.
func noCounts() Counts {
	return Counts{Errors: db.JSON[map[sheet.Code]int]{V: map[sheet.Code]int{}}, Warnings: db.JSON[map[sheet.Code]int]{V: map[sheet.Code]int{}}}
}

var importSorts = db.Sorts[Import]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(i *Import) any { return i.CreatedAt }},
}

func listImports[S, M ~string](ctx context.Context, l db.Listing, status *S, mode *M) (db.Paged[Import], error) {
	return db.Page(ctx, l, importSorts, func(q *gorm.DB) *gorm.DB {
		if status != nil {
			q = q.Where("status = ?", string(*status))
		}
		if mode != nil {
			q = q.Where("mode = ?", string(*mode))
		}
		return q
	})
}

// Progress is how much of the file was worked on, from 0 to 1.
func (i *Import) Progress() float64 {
	if i.Rows == 0 {
		return 1
	}
	return float64(i.Processed) / float64(i.Rows)
}

// Ended tells that the import does not go on by itself.
func (i *Import) Ended() bool { return i.Status != Queued && i.Status != Running }

// atomic tells that the import checks every row before it saves any.
func (i *Import) atomic() bool { return i.Mode == Commit && i.Atomicity == AllOrNothing }

// saves tells that rows are registered as they are read.
func (i *Import) saves() bool { return i.Mode == Commit && !i.atomic() }

// start begins a run, or takes one up again; false where there is nothing to do.
func (i *Import) start(now time.Time) bool {
	if i.Status == Queued {
		i.Status, i.StartedAt = Running, &now
	}
	return i.Status == Running
}

// complete ends a run whose every row has its outcome.
func (i *Import) complete(now time.Time) { i.end(Completed, now) }

// fail ends a run that cannot go on; a nil issue leaves the rows to say why.
func (i *Import) fail(issue *sheet.Issue, now time.Time) {
	if issue != nil {
		i.Failure = &db.JSON[sheet.Issue]{V: *issue}
	}
	i.end(Failed, now)
}

func (i *Import) end(s Status, now time.Time) { i.Status, i.FinishedAt = s, &now }

// Cancel stops a run. What was saved stays. A second cancel changes nothing.
func (i *Import) Cancel(now time.Time) error {
	if i.Status == Cancelled {
		return nil
	}
	if i.Ended() {
		return fault.State(string(i.Status), "The import has ended already; there is nothing to stop.")
	}
	i.end(Cancelled, now)
	return nil
}

// CommitDryRun turns a finished dry run into a real run that waits for its turn. keep is how long
// its file may stay.
func (i *Import) CommitDryRun(now time.Time, keep time.Duration) error {
	if i.Mode != DryRun || i.Status != Completed {
		return fault.State(string(i.Status), "Only a completed dry run can be committed.")
	}
	if i.FileUntil == nil {
		return fault.State(string(i.Status), "The file of this dry run was deleted. Send it again.")
	}
	if i.Atomicity == AllOrNothing && i.Rejected > 0 {
		return fault.New(fault.Invalid, "rows_rejected", "The import is all_or_nothing and %d rows break a rule. Correct the file and send it again, or import it per_row.", i.Rejected)
	}
	until := now.Add(keep)
	i.Mode, i.Status, i.FileUntil = Commit, Queued, &until
	i.Counts, i.StartedAt, i.FinishedAt = noCounts(), nil, nil
	return nil
}
