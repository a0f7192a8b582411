package beneficiary

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/jobs"
	"github.com/waystation/waystation/internal/task"
)

// Jobs registers what people's records need done beside requests.
func Jobs(r *jobs.Registry) { r.Every(time.Hour, "beneficiary.need_reviews", RaiseReviews) }

// RaiseReviews raises a task for each specific need whose day of review has come where its centre
// is. A restricted need raises none: it would tell that there is one. Its case team finds it in the
// list of needs to review.
func RaiseReviews(ctx context.Context) error { return centre.Each(ctx, raiseReviews) }

// review is a need to look at again.
type review struct {
	ID            uuid.UUID
	BeneficiaryID uuid.UUID
	ReviewOn      db.Date
	Due           time.Time
}

const dueReviews = `
select n.id, n.beneficiary_id, n.review_on, n.review_on::timestamp at time zone c.time_zone as due
from specific_needs n join centres c on c.id = n.centre_id
join beneficiaries b on b.centre_id = n.centre_id and b.id = n.beneficiary_id and b.status = 'active'
where n.centre_id = any (scope_centres()) and n.ended_on is null and n.review_on <= centre_today(n.centre_id) and n.sensitivity <> 'restricted'
  and not exists (select from tasks t where t.centre_id = n.centre_id and t.key = 'need_review:' || n.id || ':' || n.review_on)
order by n.review_on, n.id limit 1000`

func raiseReviews(ctx context.Context) error {
	var due []review
	if err := db.Tx(ctx).Raw(dueReviews).Scan(&due).Error; err != nil {
		return err
	}
	for _, r := range due {
		err := task.Raise(ctx, task.Task{
			Key: fmt.Sprintf("need_review:%s:%s", r.ID, r.ReviewOn), Kind: "need_review", Resource: "specific_need", ResourceID: r.ID,
			BeneficiaryID: &r.BeneficiaryID, Role: "caseworker", DueAt: r.Due,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
