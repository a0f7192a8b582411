package attachment

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/files"
	"github.com/waystation/waystation/internal/jobs"
)

// Jobs registers the deletion of content that is kept no longer.
func Jobs(r *jobs.Registry) {
	r.Every(time.Hour, "attachment.retain", func(ctx context.Context) error { return jobs.EachCentre(ctx, retain) })
}

// retainBatch bounds one centre's share of a tick; the next one goes on.
const retainBatch = 500

// retain deletes the content of what was voided, and of scans that were compared with the document,
// once the centre's SOP keeps it no longer (handbook 9.5), unless a legal hold keeps it. What is known of it stays.
func retain(ctx context.Context, _ uuid.UUID) error {
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return err
	}
	before := func(days int) time.Time { return db.Now().AddDate(0, 0, -days) }
	return casework.Lifted(ctx, func() error {
		var due []Attachment
		err := db.Tx(ctx).Clauses(clause.Locking{Strength: "UPDATE", Options: "SKIP LOCKED"}).Limit(retainBatch).
			Where("content_deleted_at is null and coalesce(voided_at, verified_at) is not null").
			Where("voided_at < ? or kind = ? and verified_at < ?", before(policy.Attachments.VoidedKeepDays), scan, before(policy.Attachments.ScanKeepDays)).
			Where("not on_legal_hold(centre_id, beneficiary_id, case_id)").
			Find(&due).Error
		for i := range due {
			if err == nil {
				err = due[i].deleteContent(ctx)
			}
		}
		return err
	})
}

// deleteContent keeps what is known of an attachment and gives its files up.
func (a *Attachment) deleteContent(ctx context.Context) error {
	var gone []uuid.UUID
	for _, id := range []*uuid.UUID{a.FileID, a.ThumbnailID} {
		if id != nil {
			gone = append(gone, *id)
		}
	}
	now := db.Now()
	a.FileID, a.ThumbnailID, a.ContentDeletedAt = nil, nil, &now
	if err := db.Save(ctx, a); err != nil {
		return err
	}
	return files.Drop(ctx, a.CentreID.UUID(), gone...)
}
