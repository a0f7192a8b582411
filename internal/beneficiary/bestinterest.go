package beneficiary

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/task"
	"github.com/waystation/waystation/internal/tenant"
)

// BestInterestDecided tells whether a best-interest procedure found what trigger names (code list
// best_interest_trigger) to be in a child's best interests, and is not due for review (handbook 3.7). It
// looks at the files that the caller may know of.
func BestInterestDecided(ctx context.Context, child uuid.UUID, trigger string) (decided bool, err error) {
	here, err := tenant.One(ctx)
	if err != nil {
		return false, err
	}
	err = db.Tx(ctx).Raw("select best_interest_decided(?, ?, ?)", here, child, trigger).Scan(&decided).Error
	return decided, err
}

// GuardedAct is something that a best-interest procedure is to precede.
type GuardedAct struct {
	Resource string    // as the change feed calls it
	ID       uuid.UUID // which
	Child    uuid.UUID
	Triggers []string // code list best_interest_trigger: all of them must be decided
	Reason   string   // why it cannot wait, or why nobody decided; empty: it waits
	Pointer  string   // of the reason in the request
}

// InBestInterests lets an act through that best-interest procedures precede: a pending decision never
// blocks what is urgent. With a reason it goes through undecided, and a supervisor is to review it within
// the SOP's time; without one it is a 422 that names the way out.
func InBestInterests(ctx context.Context, a GuardedAct) error {
	for _, trigger := range a.Triggers {
		decided, err := BestInterestDecided(ctx, a.Child, trigger)
		switch {
		case err != nil:
			return err
		case decided:
		case a.Reason == "":
			return fault.InvalidField(a.Pointer, "best_interest_procedure_required",
				"No best-interest procedure (%s) has been decided in the child's favour. Decide one on the child's case; or, where it cannot wait, say why: it is then reviewed.", trigger)
		default:
			return a.review(ctx)
		}
	}
	return nil
}

// review raises the task of looking at what was done undecided.
func (a GuardedAct) review(ctx context.Context) error {
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return err
	}
	return task.Raise(ctx, task.Task{Key: fmt.Sprintf("best_interest_review:%s", a.ID), Kind: "best_interest_review", Resource: a.Resource, ResourceID: a.ID,
		BeneficiaryID: &a.Child, Role: "case_supervisor", DueAt: db.Now().Add(policy.Case.BestInterestReview()).Truncate(time.Microsecond)})
}
