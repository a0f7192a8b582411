package centre

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// SOP is one version of a centre's standard operating procedures. Draft → active with four eyes;
// the version that was active before is superseded, and cases keep the version they were opened under.
type SOP struct {
	db.Record
	Number       int
	Title        string
	Status       string // draft | active | superseded
	Policy       db.JSON[Policy]
	DraftedBy    *uuid.UUID
	Editors      db.UUIDs // everyone who wrote on the draft, the drafter included
	ActivatedBy  *uuid.UUID
	ActivatedAt  *time.Time
	SupersededAt *time.Time
}

// TableName implements schema.Tabler.
func (SOP) TableName() string { return "sops" }

var (
	_ = db.Constraint("sops_active_key", func() *fault.Error {
		return fault.New(fault.Conflict, "activated_meanwhile", "Another draft came into force at this moment. Compare the two, then activate again if this one is to replace it.")
	})
	_ = db.Constraint("sops_four_eyes_check", fourEyes)
	_ = db.Constraint("sops_activated_check", func() *fault.Error { return noDraft("active") })
)

func fourEyes() *fault.Error {
	return fault.New(fault.Invalid, "four_eyes", "Whoever wrote on a draft cannot activate it. Ask a colleague with this right to read and activate it.")
}

func noDraft(status string) *fault.Error {
	return fault.State(status, "Only a draft can be changed or activated. Draft a new version based on this one.")
}

// ActivePolicy returns the policy in force in the context's centre and the id of its SOP; the
// default policy, and no id, where none was activated yet.
func ActivePolicy(ctx context.Context) (Policy, *uuid.UUID, error) {
	active, err := activeSOP(ctx)
	if err != nil {
		return Policy{}, nil, err
	}
	if active == nil {
		return DefaultPolicy(), nil, nil
	}
	return active.Policy.V.completed(), &active.ID, nil
}

// activeSOP returns the SOP in force, nil where there is none yet.
func activeSOP(ctx context.Context) (*SOP, error) {
	found, err := db.Find[SOP](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("status = 'active'").Limit(1) })
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
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
	return found.Policy.V.completed(), nil
}

var sopSorts = db.Sorts[SOP]{
	"number":     {SQL: "number", Cast: "bigint", Value: func(s *SOP) any { return s.Number }},
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(s *SOP) any { return s.CreatedAt }},
}

func listSOPs(ctx context.Context, l db.Listing, status string) (db.Paged[SOP], error) {
	return db.Page(ctx, l, sopSorts, func(q *gorm.DB) *gorm.DB {
		if status != "" {
			q = q.Where("status = ?", status)
		}
		return q
	})
}

// basis returns the policy that a new draft starts from.
func basis(ctx context.Context, from *uuid.UUID) (Policy, error) {
	if from == nil {
		p, _, err := ActivePolicy(ctx)
		return p, err
	}
	p, err := PolicyOf(ctx, from)
	if fault.Is(err, fault.NotFound) {
		return p, fault.InvalidField("/based_on", "unknown_sop", "The centre has no such version.").Because(err)
	}
	return p, err
}

// draft stores a new draft under the centre's next number.
func (s *SOP) draft(ctx context.Context, by uuid.UUID) error {
	s.Status, s.DraftedBy, s.Editors = "draft", &by, db.UUIDs{by}
	if err := s.Policy.V.Validate(); err != nil {
		return err
	}
	centre, err := tenant.One(ctx)
	if err != nil {
		return err
	}
	if _, err := db.LockAny[Centre](ctx, centre); err != nil { // drafts are numbered one after another
		return err
	}
	err = db.Tx(ctx).Model(&SOP{}).Select("coalesce(max(number), 0) + 1").Scan(&s.Number).Error
	if err != nil {
		return err
	}
	return db.Insert(ctx, s)
}

// edit judges a change of a draft by one of its writers.
func (s *SOP) edit(by uuid.UUID) error {
	if s.Status != "draft" {
		return noDraft(s.Status)
	}
	if !slices.Contains(s.Editors, by) {
		s.Editors = append(s.Editors, by)
	}
	return s.Policy.V.Validate()
}

// activate judges and makes the step from draft to active.
func (s *SOP) activate(by uuid.UUID) error {
	switch {
	case s.Status != "draft":
		return noDraft(s.Status)
	case slices.Contains(s.Editors, by), s.DraftedBy != nil && *s.DraftedBy == by:
		return fourEyes()
	}
	if err := s.Policy.V.Validate(); err != nil { // the rules may be stricter than when it was drafted
		return err
	}
	now := db.Now()
	s.Status, s.ActivatedBy, s.ActivatedAt = "active", &by, &now
	return nil
}

// activateSOP puts a draft into force and supersedes what was. Of two activations at once the
// database lets one through: only one version is active.
func activateSOP(ctx context.Context, id uuid.UUID, ifMatch string, by uuid.UUID) (*SOP, error) {
	s, err := db.Lock[SOP](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if err := s.activate(by); err != nil {
		return nil, err
	}
	if err := supersede(ctx, *s.ActivatedAt); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, s); err != nil {
		return nil, err
	}
	return s, events.Emit(ctx, events.Event{CentreID: s.CentreID.UUID(), Type: "sop.activated", Resource: "sop", SubjectID: s.ID, Version: s.Version})
}

func supersede(ctx context.Context, at time.Time) error {
	active, err := activeSOP(ctx)
	if err != nil || active == nil {
		return err
	}
	active, err = db.LockAny[SOP](ctx, active.ID)
	if err != nil || active.Status != "active" { // another activation was quicker; the index will tell
		return err
	}
	active.Status, active.SupersededAt = "superseded", &at
	return db.Save(ctx, active)
}
