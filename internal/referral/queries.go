package referral

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// inView narrows a query on referrals to those whose case the caller may know of, and to those of no case.
func inView(ctx context.Context, q *gorm.DB) *gorm.DB {
	return q.Where("(case_id is null or case_id in (?))", casework.IDsInView(ctx, q))
}

// find returns a referral that the caller may know of, with its needs, or the 404.
func find(ctx context.Context, id uuid.UUID) (*Referral, error) {
	r, err := db.One[Referral](ctx, func(q *gorm.DB) *gorm.DB { return inView(ctx, q).Where("id = ?", id) })
	if err != nil {
		return nil, err
	}
	return r, loadNeeds(ctx, []*Referral{r})
}

// worked is find for whoever wants to change the referral: 403 for a guest of its case.
func worked(ctx context.Context, id uuid.UUID) (*Referral, error) {
	r, err := find(ctx, id)
	if err == nil && r.CaseID != nil {
		err = casework.MayWork(ctx, *r.CaseID)
	}
	return r, err
}

// lock is worked with the row held: 412 when the caller has seen another version.
func lock(ctx context.Context, id uuid.UUID, ifMatch string) (*Referral, error) {
	if _, err := worked(ctx, id); err != nil {
		return nil, err
	}
	r, err := db.Lock[Referral](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	return r, loadNeeds(ctx, []*Referral{r})
}

// loadNeeds reads the needs of many referrals at once, as far as the caller may see them.
func loadNeeds(ctx context.Context, referrals []*Referral) error {
	byID := map[uuid.UUID]*Referral{}
	for _, r := range referrals {
		if r.NeedCount > 0 {
			byID[r.ID] = r
		}
	}
	if len(byID) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, 0, len(byID))
	for id := range byID {
		ids = append(ids, id)
	}
	needs, err := db.Find[Need](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("referral_id in ?", ids).Order("id") })
	for _, n := range needs {
		byID[n.ReferralID].Needs = append(byID[n.ReferralID].Needs, n)
	}
	return err
}

// filter is what a list of referrals may be narrowed by.
type filter struct {
	status, priority, direction *string
	caseID, organisationID      *uuid.UUID
	overdue, needsAttention     *bool
}

func (f filter) apply(q *gorm.DB) *gorm.DB {
	for column, value := range map[string]*string{"status": f.status, "priority": f.priority, "direction": f.direction} {
		if value != nil {
			q = q.Where(column+" = ?", *value)
		}
	}
	for column, value := range map[string]*uuid.UUID{"case_id": f.caseID, "organisation_id": f.organisationID} {
		if value != nil {
			q = q.Where(column+" = ?", *value)
		}
	}
	if f.overdue != nil {
		q = q.Where("coalesce("+nextDueSQL+" < ?, false) = ?", db.Now(), *f.overdue)
	}
	if f.needsAttention != nil {
		q = q.Where("("+needsAttentionSQL+") = ?", *f.needsAttention)
	}
	return q
}

// sorts are the same for every list of referrals.
func sorts[T any](envelope func(*T) (*Envelope, db.Global)) db.Sorts[T] {
	urgency := `case priority when 'emergency' then 1 when 'urgent' then 2 else 3 end`
	return db.Sorts[T]{
		"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(r *T) any { _, g := envelope(r); return g.CreatedAt }},
		"updated_at": {SQL: "updated_at", Cast: "timestamptz", Value: func(r *T) any { _, g := envelope(r); return g.UpdatedAt }},
		"priority":   {SQL: urgency, Cast: "bigint", Value: func(r *T) any { e, _ := envelope(r); return e.urgency() }},
	}
}

// urgency is how the list sorts priorities: emergencies first.
func (e *Envelope) urgency() int {
	i := slices.Index([]string{"emergency", "urgent"}, e.Priority)
	if i < 0 {
		return 3
	}
	return i + 1
}

var referralSorts = sorts(func(r *Referral) (*Envelope, db.Global) {
	return &r.Envelope, db.Global{CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
})

func list(ctx context.Context, l db.Listing, f filter) (db.Paged[Referral], error) {
	page, err := db.Page(ctx, l, referralSorts, func(q *gorm.DB) *gorm.DB { return f.apply(inView(ctx, q)) })
	if err != nil {
		return page, err
	}
	rows := make([]*Referral, len(page.Rows))
	for i := range page.Rows {
		rows[i] = &page.Rows[i]
	}
	return page, loadNeeds(ctx, rows)
}

// receiver is what a referral has to know of the organisation on the other side.
type receiver struct {
	ID     uuid.UUID `gorm:"primaryKey"`
	Name   string
	Type   string // code list organisation_type
	Active bool
}

// TableName implements schema.Tabler.
func (receiver) TableName() string { return "organisations" }

// findReceiver wants an organisation that takes part in the network.
func findReceiver(ctx context.Context, id uuid.UUID) (*receiver, error) {
	found, err := db.Find[receiver](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Select("id", "name", "type", "active").Where("id = ?", id)
	})
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fault.InvalidField("/organisation_id", "unknown_organisation", "There is no such organisation.")
	case !found[0].Active:
		return nil, fault.InvalidField("/organisation_id", "inactive_organisation", "This organisation takes no part in the network any more. Choose another receiver.")
	}
	return &found[0], nil
}

// actor is nil where the system acts.
func actor(ctx context.Context) *uuid.UUID {
	if p := auth.From(ctx); p != nil && p.Kind != auth.System {
		return &p.ID
	}
	return nil
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

// lifted runs what must happen to a referral whether or not the caller may see its case. Nothing that
// fn reads may reach the caller.
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
