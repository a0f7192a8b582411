package casework

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// LockCase returns a case that the caller may change and holds it until the transaction ends:
// 404 where there is none, or none for this caller; 403 where they may only read it.
func LockCase(ctx context.Context, id uuid.UUID) (*Case, error) {
	if _, err := worked(ctx, id); err != nil {
		return nil, err
	}
	return db.LockAny[Case](ctx, id)
}

// Find returns a case that the caller may know of, or the 404.
func Find(ctx context.Context, id uuid.UUID) (*Case, error) { return find(ctx, id) }

// LockUnderWay is LockCase for what adds to the case's file: 409 when the case has ended.
func LockUnderWay(ctx context.Context, id uuid.UUID) (*Case, error) { return lockUnderWay(ctx, id) }

// Lifted runs what the system itself does to the files of cases, whether or not the caller may see
// them. Nothing that fn reads may reach a caller who did not write it.
func Lifted(ctx context.Context, fn func() error) error { return lifted(ctx, fn) }

// ReferralOpened counts a referral that begins and holds the case until the transaction ends, so
// that it cannot close meanwhile. 404 out of the caller's view, 409 unless the case is open or on hold.
func ReferralOpened(ctx context.Context, caseID uuid.UUID) error {
	c, err := LockCase(ctx, caseID)
	if err != nil {
		return err
	}
	if c.Status != Open && c.Status != OnHold {
		return fault.State(string(c.Status), "Referrals begin from a case that is open or on hold.").With("allowed_states", of(Open, OnHold))
	}
	c.OpenReferrals++
	return db.Save(ctx, c)
}

// ReferralEnded counts a referral that ended, however it ended and whoever ended it: the caller
// need not see the case.
func ReferralEnded(ctx context.Context, caseID uuid.UUID) error {
	return lifted(ctx, func() error {
		c, err := db.LockAny[Case](ctx, caseID)
		if err != nil {
			return err
		}
		c.OpenReferrals--
		return db.Save(ctx, c)
	})
}

// RestOn lets a case that was received be worked without consent, on the basis that the sender's rested on, for as long as the
// SOP here allows.
func RestOn(ctx context.Context, c *Case, basis, reason string) error {
	_, until, err := overridable(ctx, c)
	if err != nil {
		return err
	}
	c.ConsentBasis, c.ConsentOverrideReason, c.ConsentOverrideUntil = basis, reason, &until
	return db.Save(ctx, c)
}

// ConsentWithdrawn ends what rests on a consent that the person took back: with the scope
// case_management, every open or held case without another basis waits for its closure. Other
// scopes leave cases alone. The caller need not see the cases.
func ConsentWithdrawn(ctx context.Context, beneficiaryID uuid.UUID, scope string) error {
	if scope != scopeCaseManagement {
		return nil
	}
	return lifted(ctx, func() error {
		var cases []Case
		err := db.Tx(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Order("id").
			Where("beneficiary_id = ? and status in ? and consent_basis = 'consent'", beneficiaryID, moves[VerbWithdrawConsent].from).Find(&cases).Error
		if err != nil {
			return err
		}
		for i := range cases {
			if err := withdraw(ctx, &cases[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func withdraw(ctx context.Context, c *Case) error {
	a := &Act{At: db.Now(), ReasonCode: "consent_withdrawn"}
	if err := enact(ctx, c, VerbWithdrawConsent, a); err != nil {
		return err
	}
	return db.Insert(ctx, newApproval(c, "closure", a))
}

// samePerson tells whether two registrations are of one person: the same, or merged into one.
func samePerson(ctx context.Context, a, b uuid.UUID) (bool, error) {
	if a == b {
		return true, nil
	}
	var survivors int64
	err := db.Tx(ctx).Raw(`with recursive up (start, id, merged_into) as (
			select id, id, merged_into from beneficiaries where centre_id in ? and id in ?
			union
			select up.start, b.id, b.merged_into from up join beneficiaries b on b.centre_id in ? and b.id = up.merged_into)
		select count(distinct id) from up where merged_into is null`, tenant.Centres(ctx), []uuid.UUID{a, b}, tenant.Centres(ctx)).Scan(&survivors).Error
	return survivors == 1, err
}
