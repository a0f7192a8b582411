package casework

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// Caseload is what one member of staff carries: the weighted cases under way that they own
// (handbook 3.4). A restricted one counts for whoever may know of it, its owner first of all.
type Caseload struct {
	CentreID tenant.ID `gorm:"type:uuid;primaryKey;->"`
	ID       uuid.UUID `gorm:"type:uuid;primaryKey;->"` // the user's
	Name     string
	Load     float64
}

// RowID implements db.Row.
func (c *Caseload) RowID() uuid.UUID { return c.ID }

// State is how a load stands to the limit: ok, warning from the SOP's percentage on, full when no case of
// whole weight fits.
func (l *Caseload) State(p centre.CaseloadPolicy) string {
	switch {
	case l.Load >= float64(p.Limit):
		return "full"
	case 100*l.Load >= float64(p.WarnPercent*p.Limit):
		return "warning"
	}
	return "ok"
}

// weights writes what a case counts for the database function caseloads.
func weights(p centre.CaseloadPolicy) string {
	raw, _ := json.Marshal(p.Weights) // numbers by name always have JSON
	return string(raw)
}

var caseloadSorts = db.Sorts[Caseload]{
	"load": {SQL: "load", Cast: "float8", Value: func(l *Caseload) any { return l.Load }},
	"name": {SQL: "name", Cast: "text", Value: func(l *Caseload) any { return l.Name }},
}

// carriers are those who may own cases today and whoever owns any all the same.
const carriers = `(select w.centre_id, u.id, u.name, coalesce(l.load, 0) as load
	from (select centre_id, user_id from members where role in ? and ended_at is null and centre_today(centre_id) between starts_on and coalesce(expires_on, 'infinity')
		union select centre_id, user_id from caseloads(?::jsonb)) w
	join users u on u.id = w.user_id left join caseloads(?::jsonb) l on l.centre_id = w.centre_id and l.user_id = w.user_id) as caseloads`

func listCaseloads(ctx context.Context, l db.Listing, p centre.CaseloadPolicy, of *uuid.UUID) (db.Paged[Caseload], error) {
	return db.Page(ctx, l, caseloadSorts, func(q *gorm.DB) *gorm.DB {
		return db.When(nil, "id = ?", of).Apply(q.Table(carriers, ownerRoles, weights(p), weights(p)))
	})
}

// burden is what the guard of a caseload judges.
type burden struct {
	Policy centre.CaseloadPolicy
	Others float64 // what the owner carries beside the case
}

// loaded looks up what the owner carries, and holds their membership: of two cases that are given to
// somebody with room for one, the second waits to see the first.
func loaded(ctx context.Context, c *Case, a *Act) error {
	if a.OwnerID == nil {
		return nil
	}
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return err
	}
	here, err := tenant.One(ctx)
	if err != nil {
		return err
	}
	a.Burden.Policy = policy.Caseload
	if err := db.Tx(ctx).Exec("select from members where centre_id = ? and user_id = ? order by id for no key update", here, *a.OwnerID).Error; err != nil {
		return err
	}
	return db.Tx(ctx).Raw("select coalesce((select load from caseloads(?::jsonb, ?, ?)), 0)", weights(policy.Caseload), *a.OwnerID, c.ID).Scan(&a.Burden.Others).Error
}

// fitLoad keeps cases from somebody whose load is full as far as the caller may know – a refusal tells of no
// restricted case either –, unless a supervisor says why they get one more. What
// the owner was let have once is not asked again.
func (a *Act) fitLoad(c *Case, risk string, rules *fault.Error) {
	p := a.Burden.Policy
	let := c.CaseloadOverriddenAt != nil && c.OwnerID != nil && a.OwnerID != nil && *c.OwnerID == *a.OwnerID
	if a.OwnerID == nil || let || a.Burden.Others+p.Weight(risk) <= float64(p.Limit) {
		return
	}
	switch {
	case a.CaseloadOverride == "":
		rules.Add("/owner_id", "caseload_full", fmt.Sprintf("With this case the owner would carry more than the %d weighted cases that the SOP allows. Choose a colleague, or let a supervisor say why in caseload_override.", p.Limit))
	case a.By != nil && !holdsAny(a.Roles, overrideRoles):
		rules.Add("/caseload_override", "supervisor_required", "Only a supervisor gives somebody more cases than the SOP allows.")
	default:
		a.Overrides = true
	}
}

// overrideRoles may give somebody more cases than the SOP allows (handbook 3.4).
var overrideRoles = []string{"case_supervisor"}

// carried notes whether the owner was let have the case above their limit.
func (c *Case) carried(a *Act) {
	if a.Overrides {
		c.CaseloadOverriddenAt = a.now()
	}
}

// overrode is the reason of an override that was needed.
func (a *Act) overrode() string {
	if a.Overrides {
		return a.CaseloadOverride
	}
	return ""
}

// RiskLoad is what somebody carries, by risk, restricted cases left out: the line of a report, which nobody may
// find such a case in.
type RiskLoad struct {
	Whose  string     // worker | nobody | centre
	UserID *uuid.UUID // of a worker
	Name   string
	Cases  int
	Load   float64                 // weighted
	ByRisk db.JSON[map[string]int] // cases by code list case_risk_level; none: not assessed yet
}

// RiskLoads returns the centre's line, nobody's, and those of everybody who may own cases; with of, that of one.
// The figures are the same whoever asks.
func RiskLoads(ctx context.Context, p centre.CaseloadPolicy, of *uuid.UUID) ([]RiskLoad, error) {
	here, err := tenant.One(ctx)
	if err != nil {
		return nil, err
	}
	return db.Select[RiskLoad](ctx, `
		with load as (select * from caseloads_by_risk($2::jsonb) where centre_id = $1),
			carrier as (
				select user_id from members where centre_id = $1 and role = any ($3) and ended_at is null and centre_today(centre_id) between starts_on and coalesce(expires_on, 'infinity')
				union select user_id from load),
			part as (
				select case when grouping(c.user_id) = 1 then 'centre' when c.user_id is null then 'nobody' else 'worker' end as whose, c.user_id,
					coalesce(nullif(l.risk_level, ''), 'none') as risk, coalesce(sum(l.cases), 0)::int as cases, coalesce(sum(l.load), 0) as load
				from carrier c left join load l on l.user_id is not distinct from c.user_id
				group by grouping sets ((3), (3, c.user_id)))
		select p.whose, p.user_id, coalesce(u.name, '') as name, sum(p.cases)::int as cases, sum(p.load) as load,
			coalesce(jsonb_object_agg(p.risk, p.cases) filter (where p.cases > 0), '{}') as by_risk
		from part p left join users u on u.id = p.user_id
		where $4::uuid is null or p.user_id = $4
		group by 1, 2, 3 order by array_position(array['centre', 'nobody', 'worker'], p.whose), name, p.user_id`,
		here, weights(p), ownerRoles, of)
}
