package referral

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// standard is what is disclosed where nobody chose.
var standard = db.Strings{"age_group", "sex"}

// draft stores a new draft from a case that the caller may know of, and the needs that go with it.
func draft(ctx context.Context, r *Referral, caseID uuid.UUID, needs []uuid.UUID) error {
	c, err := casework.LockCase(ctx, caseID)
	if fault.Is(err, fault.NotFound) {
		return fault.InvalidField("/case_id", "unknown_case", "There is no such case here.")
	}
	if err != nil {
		return err
	}
	r.Direction, r.Status, r.Number, r.CreatedBy = Outbound, Draft, newNumber(), actor(ctx)
	r.CaseID, r.BeneficiaryID, r.NeedCount = &c.ID, &c.BeneficiaryID, len(needs)
	if r.DisclosedFields == nil {
		r.DisclosedFields = standard
	}
	if err := r.check(ctx); err != nil {
		return err
	}
	if err := db.Insert(ctx, r); err != nil {
		return err
	}
	return r.choose(ctx, needs)
}

// check judges what a draft says, whenever it is written.
func (r *Referral) check(ctx context.Context) error {
	if _, err := findReceiver(ctx, r.OrganisationID); err != nil {
		return err
	}
	rules := fault.Rules()
	r.checkMode(rules)
	if r.Channel == "phone" && r.Priority != "emergency" {
		rules.Add("/channel", "emergency_only", "A referral goes by telephone in an emergency only; choose another channel.")
	}
	if r.Explanation == "" && (slices.Contains(r.Reasons, "other") || slices.Contains(r.Services, "other")) {
		rules.Add("/explanation", "required", "Where the code is other, explain what is asked for.")
	}
	return rules.Err()
}

// choose stores which specific needs go out. Whoever may not see a need cannot choose it; one that
// is chosen and hidden from the caller stays.
func (r *Referral) choose(ctx context.Context, ids []uuid.UUID) error {
	r.Needs = nil
	if len(ids) == 0 {
		return nil
	}
	needs, err := needsOf(ctx, *r.BeneficiaryID, ids)
	if err != nil {
		return err
	}
	for _, n := range needs {
		r.Needs = append(r.Needs, Need{
			Record: db.NewRecord(nil), ReferralID: r.ID, NeedID: n.ID, CodeSystem: n.CodeSystem, Code: n.Code, Sensitivity: n.Sensitivity, Since: n.Since,
		})
	}
	return db.Insert(ctx, &r.Needs)
}

// present returns those of the needs that the person still has and the caller may see.
func present(ctx context.Context, person uuid.UUID, ids []uuid.UUID) ([]beneficiary.SpecificNeed, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return db.Find[beneficiary.SpecificNeed](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("beneficiary_id = ? and id in ? and ended_on is null", person, ids).Order("id")
	})
}

// needsOf is present for needs that were asked for: 422 unless they are all there.
func needsOf(ctx context.Context, person uuid.UUID, ids []uuid.UUID) ([]beneficiary.SpecificNeed, error) {
	needs, err := present(ctx, person, ids)
	if err == nil && len(needs) != len(ids) {
		err = fault.InvalidField("/need_ids", "unknown_need", "The person has no such need, or not any more.")
	}
	return needs, err
}

// rewrite judges and stores a changed draft. What was asked for or approved for the draft before
// does not hold for this one.
func (r *Referral) rewrite(ctx context.Context, needs []uuid.UUID) error {
	if needs != nil {
		r.NeedCount += len(needs) - len(r.Needs)
	}
	r.endOverride()
	if err := r.check(ctx); err != nil {
		return err
	}
	if needs != nil {
		if err := db.Tx(ctx).Where("referral_id = ?", r.ID).Delete(&Need{}).Error; err != nil {
			return err
		}
		if err := r.choose(ctx, needs); err != nil {
			return err
		}
	}
	return db.Save(ctx, r)
}

func (r *Referral) endOverride() {
	r.OverrideStatus, r.OverrideBasis, r.OverrideReason = "", "", ""
	r.OverrideRequestedBy, r.OverrideRequestedAt, r.OverrideDecidedBy, r.OverrideDecidedAt = nil, nil, nil, nil
}

// drafted wants a draft of the centre's own.
func (r *Referral) drafted() error {
	if r.Direction == Outbound && r.Status == Draft {
		return nil
	}
	return fault.State(string(r.Status), "Only a draft can be changed. Revoke what was sent, and draft it again.").With("allowed_states", of(Draft))
}

// resend drafts a referral again that ended without the service, and settles the one before.
func resend(ctx context.Context, id uuid.UUID, receiver *uuid.UUID) (*Referral, error) {
	old, err := worked(ctx, id)
	if err != nil {
		return nil, err
	}
	if old.Direction != Outbound || !old.Status.ended() || old.Status == Completed {
		return nil, fault.State(string(old.Status), "A referral is drafted again when it ended without the service.").With("allowed_states", of(Declined, NotDelivered, Revoked, Expired))
	}
	again := old.copied()
	if receiver != nil {
		again.OrganisationID, again.ServiceID = *receiver, nil
		again.TwinCentreID, again.Destination.V = nil, Place{}
	}
	still, err := present(ctx, *old.BeneficiaryID, toNeedIDs(old.Needs))
	if err != nil {
		return nil, err
	}
	needs := make([]uuid.UUID, len(still))
	for i, n := range still {
		needs[i] = n.ID
	}
	if err := draft(ctx, again, *old.CaseID, needs); err != nil {
		return nil, err
	}
	return again, settle(ctx, id, "")
}

// copied is a new referral that asks for the same.
func (r *Referral) copied() *Referral {
	return &Referral{
		Record: db.NewRecord(nil), PreviousID: &r.ID, ActionID: r.ActionID, ServiceID: r.ServiceID, DisclosedFields: r.DisclosedFields,
		TwinCentreID: r.TwinCentreID, Destination: r.Destination,
		Explanation: r.Explanation, Background: r.Background, ServicesProvided: r.ServicesProvided,
		Envelope: Envelope{
			Priority: r.Priority, OrganisationID: r.OrganisationID, Reasons: r.Reasons, Services: r.Services, Channel: r.Channel,
			FeedbackWanted: r.FeedbackWanted, Contact: r.Contact, ClientMode: r.ClientMode,
		},
	}
}

// settle notes that somebody has dealt with a referral that was not served.
func settle(ctx context.Context, id uuid.UUID, resolution string) error {
	r, err := db.LockAny[Referral](ctx, id)
	if err != nil || !r.NeedsAttention() {
		return err
	}
	r.resolve(ctx, resolution)
	return db.Save(ctx, r)
}

func (r *Referral) resolve(ctx context.Context, resolution string) {
	now := db.Now()
	r.ResolvedAt, r.ResolvedBy, r.Resolution = &now, actor(ctx), resolution
}
