package referral

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
)

// LockWorked returns a referral that the caller works on, held until the transaction ends: 404 out of their view, 403 for a
// guest of its case.
func LockWorked(ctx context.Context, id uuid.UUID) (*Referral, error) {
	if _, err := worked(ctx, id); err != nil {
		return nil, err
	}
	return db.LockAny[Referral](ctx, id)
}

// UnderWay tells that the centre sends or sent the referral and that it has not ended.
func (r *Referral) UnderWay() bool { return r.Direction == Outbound && !r.Status.ended() }
