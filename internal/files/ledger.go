package files

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/jobs"
)

// File is an entry of the ledger.
type File struct {
	db.Record
	State     State
	SealedKey string // what the content is encrypted with; empty once dropped
	Size      int64  // bytes, before encryption
}

// TableName implements schema.Tabler.
func (File) TableName() string { return "stored_files" }

// State is where a file is between its upload and its end.
type State string

// The states of a file.
const (
	Pending State = "pending" // being written; nothing refers to it
	Kept    State = "kept"
	Dropped State = "dropped" // unreadable already: its key is gone; the content is about to be
)

// Reserve enters a new file in the ledger of the context's centre. The transaction must be committed
// before the file is written.
func (s *Store) Reserve(ctx context.Context) (*File, error) {
	f := &File{Record: db.NewRecord(nil), State: Pending}
	_, f.SealedKey = s.newKey(f.ID)
	return f, db.Insert(ctx, f)
}

// Keep makes written files last, in the transaction that stores what refers to them. 503 when one
// took so long that it was given up.
func Keep(ctx context.Context, written ...*File) error {
	for _, f := range written {
		done := db.Tx(ctx).Model(f).Where("state = ?", Pending).Updates(map[string]any{
			"state": Kept, "size": f.Size, "version": f.Version + 1, "updated_at": db.Now(),
		})
		if done.Error != nil {
			return done.Error
		}
		if done.RowsAffected != 1 {
			return fault.New(fault.Unavailable, "upload_took_too_long", "The upload took too long and was given up. Send it again.")
		}
		f.State = Kept
	}
	return nil
}

// Drop gives files up, in the transaction that removes what refers to them: they cannot be read any
// more once it commits, and a job deletes their content.
func Drop(ctx context.Context, centre uuid.UUID, ids ...uuid.UUID) error {
	err := db.Tx(ctx).Model(&File{}).Where("id in ?", ids).Updates(map[string]any{
		"state": Dropped, "sealed_key": "", "updated_at": db.Now(),
	}).Error
	for _, id := range ids {
		if err == nil {
			err = jobs.Enqueue(ctx, DeleteArgs{CentreID: centre, FileID: id})
		}
	}
	return err
}

// Discard drops files of an upload that failed, in a transaction of its own. What it cannot drop now,
// the tick will.
func Discard(ctx context.Context, in func(context.Context, func(context.Context) error) error, written ...*File) {
	if len(written) == 0 {
		return
	}
	ids := make([]uuid.UUID, len(written))
	for i, f := range written {
		ids[i] = f.ID
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second) // whoever sent it may be gone
	defer cancel()
	if err := in(ctx, func(ctx context.Context) error { return Drop(ctx, written[0].CentreID.UUID(), ids...) }); err != nil {
		slog.WarnContext(ctx, "upload not cleared away yet", "error", err)
	}
}

// DeleteArgs are the arguments of the job that deletes the content of a dropped file.
type DeleteArgs struct {
	CentreID uuid.UUID `json:"centre_id"`
	FileID   uuid.UUID `json:"file_id"`
}

// Kind implements river.JobArgs.
func (DeleteArgs) Kind() string { return "files.delete" }

// Jobs registers the deletion of dropped content and the tick that drops what stayed pending.
func (s *Store) Jobs(r *jobs.Registry) {
	jobs.Handle(r, s.delete)
	r.Every(time.Hour, "files.sweep", func(ctx context.Context) error { return jobs.EachCentre(ctx, sweep) })
}

func (s *Store) delete(ctx context.Context, a DeleteArgs) error {
	scope := db.Scope{Centres: []uuid.UUID{a.CentreID}}
	if err := s.erase(ctx, a.CentreID, a.FileID); err != nil {
		return err
	}
	return jobs.In(ctx, scope, func(ctx context.Context) error {
		return db.Tx(ctx).Where("id = ? and state = ?", a.FileID, Dropped).Delete(&File{}).Error
	})
}

// sweepBatch bounds one centre's share of a sweep; the next tick goes on.
const sweepBatch = 500

func sweep(ctx context.Context, centre uuid.UUID) error {
	var left []File
	err := db.Tx(ctx).Clauses(clause.Locking{Strength: "UPDATE", Options: "SKIP LOCKED"}).
		Where("state = ? and created_at < ?", Pending, db.Now().Add(-pendingFor)).Limit(sweepBatch).Find(&left).Error
	for _, f := range left {
		err = errors.Join(err, Drop(ctx, centre, f.ID))
	}
	return err
}
