package identity

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/jobs"
)

// Jobs registers what this domain works on outside requests.
func Jobs(r *jobs.Registry) { r.Every(20*time.Second, "identity.recheck", recheckAll) }

// Two desks may register one person at the same instant; neither sees the other's record before it
// is committed. So whoever was registered a short while ago is compared once more with everybody
// registered meanwhile, and the pair is in the queue soon after.

// meanwhile is longer than a registration takes from its look for duplicates to its commit, and
// than the time between two looks.
const meanwhile = time.Minute

// many bounds how many are looked at again at a time.
const many = 500

func recheckAll(ctx context.Context) error {
	var all []uuid.UUID
	err := jobs.In(ctx, db.Scope{Network: true, ReadOnly: true}, func(ctx context.Context) error {
		return db.Tx(ctx).Raw("select id from centres order by id").Scan(&all).Error
	})
	for i := 0; i < len(all) && err == nil; i++ {
		err = jobs.In(ctx, db.Scope{Centres: all[i : i+1]}, recheck)
	}
	return err
}

// recheck queues pairs among those who were registered at almost the same time. Only who shares a
// rare key with another of them is weighed. An import settles its own rows before it registers them.
func recheck(ctx context.Context) error {
	var people []beneficiary.Beneficiary
	err := db.Tx(ctx).Raw(`with recent as (
			select id from beneficiaries where centre_id = any (scope_centres()) and created_at > ? and status = 'active'),
		met as (
			select k.beneficiary_id, count(*) over (partition by k.key) as people from beneficiary_keys k
			where k.centre_id = any (scope_centres()) and k.beneficiary_id in (select id from recent) and k.key not like 'n:%')
		select b.* from beneficiaries b where b.centre_id = any (scope_centres()) and b.source <> 'import'
			and b.id in (select beneficiary_id from met where people > 1) order by b.id desc limit ?`, db.Now().Add(-meanwhile), many).Scan(&people).Error
	if err != nil || len(people) == 0 {
		return err
	}
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return err
	}
	return beneficiary.Queue(ctx, policy.Registration.DuplicateRules(), "recheck", people...)
}
