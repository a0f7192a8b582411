package centre

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
)

// SOP is one version of a centre's standard operating procedures. Draft → active with four eyes;
// the version that was active before is superseded, and cases keep the version they were opened under.
type SOP struct {
	db.Record
	Number      int
	Title       string
	Status      string // draft | active | superseded
	Policy      db.JSON[Policy]
	DraftedBy   *uuid.UUID
	ActivatedBy *uuid.UUID
	ActivatedAt *time.Time
}

// TableName implements schema.Tabler.
func (SOP) TableName() string { return "sops" }

// ActivePolicy returns the policy in force in the context's centre and the id of its SOP; the
// default policy, and no id, where none was activated yet.
func ActivePolicy(ctx context.Context) (Policy, *uuid.UUID, error) {
	found, err := db.Find[SOP](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("status = 'active'").Limit(1) })
	if err != nil {
		return Policy{}, nil, err
	}
	if len(found) == 0 {
		return DefaultPolicy(), nil, nil
	}
	return found[0].Policy.V, &found[0].ID, nil
}

// PolicyOf returns the policy of one SOP version; nil is the default policy.
func PolicyOf(ctx context.Context, sop *uuid.UUID) (Policy, error) {
	if sop == nil {
		return DefaultPolicy(), nil
	}
	found, err := db.Get[SOP](ctx, *sop)
	if err != nil {
		return Policy{}, err
	}
	return found.Policy.V, nil
}
