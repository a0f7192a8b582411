package attachment

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/files"
)

// Parcel is an attachment of a case on its way into a copy of the case in another centre.
type Parcel struct {
	Attachment
	Case    uuid.UUID                                                  // the copy
	From    transaction                                                // of the centre that it comes from …
	In      transaction                                                // … and of the other one
	Renamed func(ctx context.Context, id uuid.UUID) (uuid.UUID, error) // the id there of what has this one here
}

// Deliver copies the content, encrypted with a key of the other centre, and what is known of it. What was delivered before
// stays as it is; content that is not kept any more is left. It needs a job's session: no transaction is open while bytes move.
func (p *Parcel) Deliver(ctx context.Context, store *files.Store) error {
	there, err := p.copy(ctx)
	if err != nil || there == nil {
		return err
	}
	var written []*files.File
	for _, id := range []**uuid.UUID{&there.FileID, &there.ThumbnailID} {
		if *id == nil {
			continue
		}
		f, err := p.move(ctx, store, **id)
		if err != nil || f == nil {
			return err
		}
		*id = &f.ID
		written = append(written, f)
	}
	return p.In(ctx, func(ctx context.Context) error {
		if err := files.Keep(ctx, written...); err != nil {
			return err
		}
		return db.Insert(ctx, there)
	})
}

// move copies the content of a file; nil where it is not kept any more.
func (p *Parcel) move(ctx context.Context, store *files.Store, id uuid.UUID) (*files.File, error) {
	var from []files.File
	err := p.From(ctx, func(ctx context.Context) error {
		return db.Tx(ctx).Where("id = ? and state = ?", id, files.Kept).Find(&from).Error
	})
	if err != nil || len(from) == 0 {
		return nil, err
	}
	var to *files.File
	if err = p.In(ctx, func(ctx context.Context) (err error) { to, err = store.Reserve(ctx); return err }); err != nil {
		return nil, err
	}
	content, err := store.Open(ctx, &from[0])
	if err != nil {
		return nil, err
	}
	defer func() { _ = content.Close() }()
	return to, store.Write(ctx, to, content)
}

// copy is the attachment as the other centre will know it; nil where it does already.
func (p *Parcel) copy(ctx context.Context) (there *Attachment, err error) {
	err = p.In(ctx, func(ctx context.Context) error {
		id, err := p.Renamed(ctx, p.ID)
		if err != nil {
			return err
		}
		known, err := exists(ctx, "attachments", id)
		if err != nil || known {
			return err
		}
		x := p.Attachment
		x.Record, x.CaseID, x.RequestKey = db.NewRecord(&id), &p.Case, nil
		if x.AssessmentID, err = p.assessment(ctx); err == nil {
			there = &x
		}
		return err
	})
	return there, err
}

// assessment is the copy of the one that it was brought to, if that went over.
func (p *Parcel) assessment(ctx context.Context) (*uuid.UUID, error) {
	if p.AssessmentID == nil {
		return nil, nil
	}
	id, err := p.Renamed(ctx, *p.AssessmentID)
	if err != nil {
		return nil, err
	}
	known, err := exists(ctx, "case_assessments", id)
	if !known {
		return nil, err
	}
	return &id, err
}

func exists(ctx context.Context, table string, id uuid.UUID) (known bool, err error) {
	err = db.Tx(ctx).Table(table).Select("count(*) > 0").Where("centre_id = any (scope_centres()) and id = ?", id).Scan(&known).Error
	return known, err
}
