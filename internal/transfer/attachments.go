package transfer

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/attachment"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/files"
	"github.com/waystation/waystation/internal/jobs"
)

// BringArgs are the arguments of the job that brings the attachments of a case that was accepted: their bytes are
// encrypted for the target anew, and what the source keeps stays as it was.
type BringArgs struct {
	SourceID   uuid.UUID `json:"source_id"`
	TransferID uuid.UUID `json:"transfer_id"`
	TargetID   uuid.UUID `json:"target_id"`
}

// Kind implements river.JobArgs.
func (BringArgs) Kind() string { return "transfer.bring" }

// Jobs registers what transfers need done after their acceptance.
func Jobs(r *jobs.Registry, store *files.Store) {
	jobs.Handle(r, func(ctx context.Context, a BringArgs) error { return bring(ctx, store, a) })
}

// cargo is what is brought of a transfer.
type cargo struct {
	Transfer
	found     []attachment.Attachment
	documents []document
}

// document is what a best-interest procedure of the source refers to.
type document struct{ ID, DocumentID uuid.UUID }

func bring(ctx context.Context, store *files.Store, a BringArgs) error {
	var from cargo
	here, there := within(a.SourceID), within(a.TargetID)
	if err := here(ctx, func(ctx context.Context) error { return from.load(ctx, a.TransferID) }); err != nil {
		return err
	}
	for i := range from.found {
		x := attachment.Parcel{Attachment: from.found[i], Case: *from.TargetCaseID, From: here, In: there}
		x.Renamed = func(ctx context.Context, id uuid.UUID) (renamed uuid.UUID, err error) {
			err = db.Tx(ctx).Raw("select transfer_id(?, ?::text)", from.ContinuityToken, id).Row().Scan(&renamed)
			return renamed, err
		}
		if err := x.Deliver(ctx, store); err != nil {
			return err
		}
	}
	return there(ctx, func(ctx context.Context) error { return from.link(ctx, a.TargetID) })
}

// within is a transaction of the house in a centre.
func within(centre uuid.UUID) func(context.Context, func(context.Context) error) error {
	return func(ctx context.Context, work func(context.Context) error) error {
		return jobs.In(ctx, db.Scope{Centres: []uuid.UUID{centre}}, func(ctx context.Context) error {
			return casework.Lifted(ctx, func() error { return work(ctx) })
		})
	}
}

// load finds what the transfer covers: everything that is attached to the case and not voided. Photographs are of the person:
// they go where the person consents to that.
func (c *cargo) load(ctx context.Context, id uuid.UUID) error {
	if err := db.Tx(ctx).Where("id = ? and status = ?", id, Accepted).Take(&c.Transfer).Error; err != nil {
		return err
	}
	if !slices.Contains(c.Parts, "attachments") {
		return nil
	}
	pictured, err := beneficiary.EffectiveConsent(ctx, c.BeneficiaryID, "media", nil, db.Now())
	if err != nil {
		return err
	}
	q := db.Tx(ctx).Where("case_id = ? and voided_at is null and file_id is not null", c.CaseID)
	if pictured == nil {
		q = q.Where("kind <> 'photo'")
	}
	if err := q.Order("id").Find(&c.found).Error; err != nil {
		return err
	}
	return db.Tx(ctx).Raw("select id, document_id from best_interest_procedures where centre_id = ? and case_id = ? and document_id is not null",
		c.CentreID.UUID(), c.CaseID).Scan(&c.documents).Error
}

// link ties the documents of procedures to the attachments that they became.
func (c *cargo) link(ctx context.Context, centre uuid.UUID) error {
	for _, d := range c.documents {
		err := db.Tx(ctx).Exec(`select transfer_document(a.centre_id, transfer_id(?, ?::text), a.id) from attachments a where a.centre_id = ? and a.id = transfer_id(?, ?::text)`,
			c.ContinuityToken, d.ID, centre, c.ContinuityToken, d.DocumentID).Error
		if err != nil {
			return err
		}
	}
	return nil
}
