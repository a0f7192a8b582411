package casework

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// Begin makes a draft, by all rules, whoever it comes from: it gives the case its number, its
// first team and the first line of its history. 422 when the person is not registered here or
// their record is not in use any more, or the owner does not fit.
func Begin(ctx context.Context, c *Case) error {
	a := &Act{At: c.CreatedAt, By: caller(ctx), Roles: rolesOf(ctx), OwnerID: c.OwnerID, CaseloadOverride: c.CaseloadOverride}
	if err := c.prepare(ctx, a); err != nil {
		return err
	}
	first := &Transition{Record: db.NewRecord(nil), CaseID: c.ID, Verb: VerbCreate, ToStatus: Draft, ByID: a.By, RiskLevel: c.RiskLevel, OwnerID: c.OwnerID,
		CaseloadOverride: a.overrode()}
	return db.InsertAll(ctx, append([]any{c, first}, c.firstTeam(ctx, a)...)...)
}

// prepare judges a draft and fills in what the caller does not choose.
func (c *Case) prepare(ctx context.Context, a *Act) error {
	if err := registered(ctx, c.BeneficiaryID); err != nil {
		return err
	}
	if err := ownerFits(ctx, c, a); err != nil {
		return err
	}
	if c.OwnerID != nil {
		if err := c.giveFirst(ctx, a); err != nil {
			return err
		}
	}
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return err
	}
	c.Status, c.ConsentBasis, c.CreatedBy = Draft, "consent", a.By
	c.reckon(policy)
	c.Number, err = nextNumber(ctx)
	return err
}

// giveFirst judges the owner that a draft begins with.
func (c *Case) giveFirst(ctx context.Context, a *Act) error {
	if err := loaded(ctx, c, a); err != nil {
		return err
	}
	rules := fault.Rules()
	a.fitOwner(c.OwnerID, rules)
	a.fitLoad(c, c.RiskLevel, rules)
	c.assignTo(c.OwnerID, a)
	return rules.Err()
}

// registered wants a person who is registered here, and holds them: they are not merged or voided meanwhile.
func registered(ctx context.Context, id uuid.UUID) error {
	b, err := db.LockAny[beneficiary.Beneficiary](ctx, id)
	if fault.Is(err, fault.NotFound) {
		return unknownBeneficiary()
	}
	if err != nil {
		return err
	}
	if b.Status != beneficiary.Active {
		return fault.InvalidField("/beneficiary_id", "record_ended", "This registration was merged or voided. Use the one that is in use.")
	}
	return nil
}

// firstTeam is the owner and whoever begins the case with a role in case management.
func (c *Case) firstTeam(ctx context.Context, a *Act) (team []any) {
	if c.OwnerID != nil {
		team = append(team, newTeamMember(c, *c.OwnerID, owner))
	}
	if a.By != nil && (c.OwnerID == nil || *c.OwnerID != *a.By) && holdsAny(rolesOf(ctx), teamRoles) {
		team = append(team, newTeamMember(c, *a.By, member))
	}
	return team
}

// nextNumber gives out the centre's next case number. The counter's row stays locked until the
// transaction ends, so numbers are neither given twice nor left out.
func nextNumber(ctx context.Context) (string, error) {
	here, err := tenant.One(ctx)
	if err != nil {
		return "", err
	}
	var number string
	err = db.Tx(ctx).Raw(`with next as (insert into case_counters (centre_id, last) values (?, 1)
			on conflict (centre_id) do update set last = case_counters.last + 1 returning centre_id, last)
		select c.code || '-C-' || lpad(next.last::text, 6, '0') from next join centres c on c.id = next.centre_id`, here).Scan(&number).Error
	return number, err
}
