package referral

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/jobs"
)

// revokeReferral closes the receiver's access at once.
func revokeReferral(ctx context.Context, id uuid.UUID, ifMatch, why string) (*Referral, error) {
	r, err := worked(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := db.Expect(ctx, r, id, ifMatch); err != nil {
		return nil, err
	}
	if err := r.can(VerbRevoke, r.side(false)); err != nil {
		return nil, err
	}
	if err := casework.ReferralEnded(ctx, *r.CaseID); err != nil { // the case's lock before the referral's
		return nil, err
	}
	if r, err = lock(ctx, id, ifMatch); err != nil {
		return nil, err
	}
	if err := r.move(VerbRevoke, Sender, Act{At: db.Now(), Note: why}); err != nil {
		return nil, err
	}
	return r, db.Save(ctx, r)
}

// resting says which scopes of consent a referral rests on, and for which receivers: organisation
// types, or all where none is named.
var resting = map[string]string{
	"registration": "", caseManagement: "", shareServices: "", "share_authorities": "government", "share_consulate": "consulate",
}

// ConsentWithdrawn ends what rests on a consent that a person took back, in the transaction that
// records it (rule 4): every referral of theirs that was sent and has not ended is revoked, to
// these recipients or, with none named, to all; the receiver is asked to delete what it read; and
// drafts lose the overrides that were approved before. The caller need not see the cases. Scopes
// that no referral rests on leave all as it is.
func ConsentWithdrawn(ctx context.Context, beneficiaryID uuid.UUID, scope string, recipients []uuid.UUID) error {
	kind, ours := resting[scope]
	if !ours {
		return nil
	}
	touched := func(q *gorm.DB) *gorm.DB {
		q = q.Where("direction = ? and beneficiary_id = ?", Outbound, beneficiaryID)
		if len(recipients) > 0 {
			q = q.Where("organisation_id in ?", recipients)
		}
		if kind != "" {
			q = q.Where("organisation_id in (select id from organisations where type = ?)", kind)
		}
		return q
	}
	if _, err := db.LockAny[beneficiary.Beneficiary](ctx, beneficiaryID); err != nil { // no referral is sent meanwhile
		return err
	}
	if err := lifted(ctx, func() error { return lapse(ctx, touched) }); err != nil {
		return err
	}
	now := db.Now()
	return end(ctx, VerbWithdraw, touched, func(r *Referral) { r.DeletionRequestedAt = &now })
}

// lapse ends the overrides of drafts: who approved them did not know of the withdrawal.
func lapse(ctx context.Context, touched db.Build) error {
	var drafts []Referral
	err := touched(db.Tx(ctx)).Clauses(clause.Locking{Strength: "UPDATE"}).Where("status = ? and override_status <> ''", Draft).Order("id").Find(&drafts).Error
	if err != nil {
		return err
	}
	for i := range drafts {
		drafts[i].endOverride()
		if err := db.Save(ctx, &drafts[i]); err != nil {
			return err
		}
	}
	return nil
}

// end makes the system's move on every referral that build selects and that takes it. Locks are
// taken in the order of the house, cases before referrals; whoever came first has won.
func end(ctx context.Context, v Verb, build db.Build, effect func(*Referral)) error {
	var found []Referral
	err := lifted(ctx, func() error {
		return build(db.Tx(ctx)).Where("status in ?", moves[v].from).Find(&found).Error
	})
	if err != nil {
		return err
	}
	slices.SortFunc(found, byCase)
	for i := range found {
		if err := endOne(ctx, v, &found[i], effect); err != nil {
			return err
		}
	}
	return nil
}

func byCase(a, b Referral) int {
	var of [2]uuid.UUID
	for i, r := range []*Referral{&a, &b} {
		if r.CaseID != nil {
			of[i] = *r.CaseID
		}
	}
	if c := bytes.Compare(of[0][:], of[1][:]); c != 0 {
		return c
	}
	return bytes.Compare(a.ID[:], b.ID[:])
}

func endOne(ctx context.Context, v Verb, seen *Referral, effect func(*Referral)) error {
	ended := false
	err := lifted(ctx, func() error {
		if seen.CaseID != nil {
			if _, err := db.LockAny[casework.Case](ctx, *seen.CaseID); err != nil {
				return err
			}
		}
		if err := holdSender(ctx, seen.ID); err != nil {
			return err
		}
		r, err := db.LockAny[Referral](ctx, seen.ID)
		if err != nil || r.move(v, System, Act{At: db.Now()}) != nil { // it moved on meanwhile
			return err
		}
		ended = true
		effect(r)
		return db.Save(ctx, r)
	})
	if err != nil || !ended || seen.CaseID == nil {
		return err
	}
	return casework.ReferralEnded(ctx, *seen.CaseID)
}

// expireAtOnce bounds one transaction; what is left waits for the next run.
const expireAtOnce = 100

// Expire ends the referrals of the context's centres that nobody acknowledged in time: the access
// closes, and the sender learns that another way is needed. Running it twice, or twice at once,
// ends each of them once.
func Expire(ctx context.Context) error {
	now := db.Now()
	if err := db.Tx(ctx).Exec("select referral_forget_completed(?)", now).Error; err != nil {
		return err
	}
	return end(ctx, VerbExpire, func(q *gorm.DB) *gorm.DB {
		return q.Where("expires_at <= ?", now).Order("expires_at, id").Limit(expireAtOnce)
	}, func(*Referral) {})
}

// Jobs registers what this domain works on by itself.
func Jobs(r *jobs.Registry) { r.Every(time.Minute, "referral.expire", expireAll) }

// expireAll runs Expire in each centre of the network, each in a transaction of its own.
func expireAll(ctx context.Context) error {
	var all []uuid.UUID
	err := jobs.In(ctx, db.Scope{Network: true, ReadOnly: true}, func(ctx context.Context) error {
		return db.Tx(ctx).Raw("select id from centres order by id").Scan(&all).Error
	})
	for i := 0; i < len(all) && err == nil; i++ {
		err = jobs.In(ctx, db.Scope{Centres: all[i : i+1]}, Expire)
	}
	return err
}
