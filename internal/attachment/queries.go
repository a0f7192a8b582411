package attachment

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

var sorts = db.Sorts[Attachment]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(a *Attachment) any { return a.CreatedAt }},
}

// list returns one page of what is attached; 404 where the caller sees no such owner.
func list(ctx context.Context, o owner, l db.Listing, narrow db.Conditions, voided bool) (db.Paged[Attachment], error) {
	if err := o.see(ctx); err != nil {
		return db.Paged[Attachment]{}, err
	}
	return db.Page(ctx, l, sorts, func(q *gorm.DB) *gorm.DB {
		q = narrow.Apply(o.where(q))
		if !voided {
			q = q.Where("voided_at is null")
		}
		return q
	})
}

// find returns an attachment of an owner that the caller sees, or the 404.
func find(ctx context.Context, o owner, id uuid.UUID) (*Attachment, error) {
	if o.kase != uuid.Nil { // a person is seen by whoever sees what is attached
		if err := o.see(ctx); err != nil {
			return nil, err
		}
	}
	return db.One[Attachment](ctx, func(q *gorm.DB) *gorm.DB { return o.where(q).Where("id = ?", id) })
}

// change holds the owner and the attachment, judges and makes a change, and stores it. Who makes
// something restricted need not be able to see it afterwards.
func change(ctx context.Context, o owner, id uuid.UUID, ifMatch string, fn func(*Attachment) error) (*Attachment, error) {
	if err := o.hold(ctx); err != nil {
		return nil, err
	}
	if _, err := find(ctx, o, id); err != nil {
		return nil, err
	}
	a, err := db.Lock[Attachment](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if err := fn(a); err != nil {
		return nil, err
	}
	return a, casework.Lifted(ctx, func() error { return db.Save(ctx, a) })
}

// relabel applies a merge patch.
func (a *Attachment) relabel(p patch) error {
	if err := a.current(); err != nil {
		return err
	}
	if p.kind != nil {
		if err := a.reclassify(*p.kind); err != nil {
			return err
		}
	}
	wire.Clear(&a.Label, p.label)
	wire.Set(&a.Sensitivity, p.sensitivity)
	return nil
}
