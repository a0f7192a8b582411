package casework

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/tenant"
)

// Who sees which files of a centre, beside the wall around restricted ones: supervisors and the
// centre's manager all, caseworkers those they work on and those nobody owns yet, everyone else
// with the right to read cases those whose team they are on. The system sees all.
var (
	seeAll        = []string{"case_supervisor", "centre_manager"}
	seeUnassigned = []string{"caseworker"}
)

// inView narrows a query on cases to those the caller may know of.
func inView(ctx context.Context) db.Build {
	p := auth.From(ctx)
	roles := rolesOf(ctx)
	return func(q *gorm.DB) *gorm.DB {
		if p == nil || p.Kind == auth.System || holdsAny(roles, seeAll) {
			return q
		}
		own := `owner_id = ? or id in (select case_id from case_team where centre_id = cases.centre_id and user_id = ? and ended_at is null)`
		if holdsAny(roles, seeUnassigned) {
			own = "owner_id is null or " + own
		}
		return q.Where("("+own+")", p.ID, p.ID)
	}
}

// rolesOf returns the caller's roles in the centre of the context.
func rolesOf(ctx context.Context) []string {
	p := auth.From(ctx)
	centre, err := tenant.One(ctx)
	if p == nil || err != nil {
		return nil
	}
	return slices.Concat(p.Centres[centre], p.NetworkRoles)
}

func holdsAny(roles, wanted []string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(wanted, r) })
}

// find returns a case that the caller may know of, or the 404.
func find(ctx context.Context, id uuid.UUID) (*Case, error) {
	return db.One[Case](ctx, func(q *gorm.DB) *gorm.DB { return inView(ctx)(q).Where("id = ?", id) })
}

// lock is find for a change: 404 out of view, 412 when the caller has seen another version.
func lock(ctx context.Context, id uuid.UUID, ifMatch string) (*Case, error) {
	if _, err := find(ctx, id); err != nil {
		return nil, err
	}
	return db.Lock[Case](ctx, id, ifMatch)
}

// lifted runs what the system itself does to a file, whether or not the caller may see it. Nothing
// that fn reads may reach the caller.
func lifted(ctx context.Context, fn func() error) error {
	set := func(value string) error {
		return db.Tx(ctx).Exec("select set_config('app.need_to_know', ?, true)", value).Error
	}
	if err := set("lifted"); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return err // the transaction is lost, and the setting with it
	}
	return set("")
}
