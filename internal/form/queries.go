package form

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// Find returns a form of the centre or of the network, in whatever state: answers are read and
// checked on the version that asked for them. 404 where there is none.
func Find(ctx context.Context, id uuid.UUID) (*Form, error) { return db.Get[Form](ctx, id) }

var sorts = db.Sorts[Form]{
	"key":        {SQL: "key", Cast: "text", Value: func(f *Form) any { return f.Key }},
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(f *Form) any { return f.CreatedAt }},
}

// filter narrows a list of forms; nil leaves a field alone.
type filter struct {
	kind, key, status, origin *string
	inForce                   *bool
}

func (f filter) narrow(q *gorm.DB) *gorm.DB {
	for condition, value := range map[string]*string{"kind = ?": f.kind, "key = ?": f.key, "status = ?": f.status, "origin = ?": f.origin} {
		if value != nil {
			q = q.Where(condition, *value)
		}
	}
	if f.inForce != nil {
		q = q.Where("in_force = ?", *f.inForce)
	}
	return q
}

// begin stores a draft as the next version of its key.
func begin(ctx context.Context, t *Template) error {
	if err := t.check(); err != nil {
		return err
	}
	if err := hold(ctx, t.Key); err != nil {
		return err
	}
	here, err := tenant.One(ctx)
	if err != nil {
		return err
	}
	err = db.Tx(ctx).Raw("select coalesce(max(number), 0) + 1 from forms where centre_id = ? and key = ?", here, t.Key).Scan(&t.Number).Error
	if err != nil {
		return err
	}
	t.CreatedBy = caller(ctx)
	return db.Insert(ctx, t)
}

// hold lets one transaction at a time number and publish the versions of a key.
func hold(ctx context.Context, key string) error {
	here, err := tenant.One(ctx)
	if err != nil {
		return err
	}
	return db.Tx(ctx).Exec("select pg_advisory_xact_lock(hashtextextended('form ' || ? || ' ' || ?, 0))", here.String(), key).Error
}

// enforce publishes a draft in the place of the version before.
func enforce(ctx context.Context, t *Template) error {
	now := db.Now()
	if err := t.publish(caller(ctx), now); err != nil {
		return err
	}
	if err := hold(ctx, t.Key); err != nil {
		return err
	}
	err := db.Tx(ctx).Model(&Template{}).Where("key = ? and status = ?", t.Key, published).
		Updates(map[string]any{"status": superseded, "ended_at": now, "updated_at": now, "version": gorm.Expr("version + 1")}).Error
	if err != nil {
		return err
	}
	return db.Save(ctx, t)
}

// lock holds a form of the centre for a change; the network's are not the centre's to change.
func lock(ctx context.Context, id uuid.UUID, ifMatch string) (*Template, error) {
	f, err := Find(ctx, id)
	if err != nil {
		return nil, err
	}
	if f.Origin == Network {
		if err := db.Expect(ctx, &f.Template, id, ifMatch); err != nil {
			return nil, err
		}
		return nil, fault.Denied("The network's forms are not changed here. Begin the centre's own version of it (based_on).")
	}
	return db.Lock[Template](ctx, id, ifMatch)
}

func caller(ctx context.Context) *uuid.UUID {
	if p := auth.From(ctx); p != nil && p.Kind != auth.System {
		return &p.ID
	}
	return nil
}
