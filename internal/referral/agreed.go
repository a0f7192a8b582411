package referral

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/waystation/waystation/internal/agreement"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/servicemap"
)

// terms are on what a referral goes out beside its ground: the procedures in force, and what is agreed with the receiver.
type terms struct {
	policy    centre.ReferralPolicy
	agreement *agreement.Agreement // nil: none is in force
	service   *servicemap.Service  // nil: none is named
}

// agreed keeps the referral to what is agreed with the receiver (handbook 5.4) and to a service that takes it, and returns the terms.
func (r *Referral) agreed(ctx context.Context, rules *fault.Error) (t terms, err error) {
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return t, err
	}
	t.policy = policy.Referral
	if t.service, err = r.service(ctx, rules); err != nil {
		return t, err
	}
	if t.agreement, err = agreement.InForce(ctx, r.OrganisationID); err != nil {
		return t, err
	}
	if t.agreement == nil {
		inHouse, err := r.inHouse(ctx)
		if err != nil {
			return t, err
		}
		if r.ClientMode == Identified && !t.policy.IdentifiedWithoutAgreement && !inHouse {
			rules.Add("/client_mode", "no_agreement", "No sharing agreement with this receiver is in force: send the referral coded or anonymous.")
		}
		return t, nil
	}
	r.AgreementID = &t.agreement.ID
	r.keepTo(t.agreement, rules)
	return t, nil
}

// keepTo refuses what an agreement does not allow.
func (r *Referral) keepTo(a *agreement.Agreement, rules *fault.Error) {
	for i, field := range r.DisclosedFields {
		if !a.Allows(field) {
			rules.Add("/disclosed_fields/"+strconv.Itoa(i), "not_agreed", "The sharing agreement with this receiver does not name this.")
		}
	}
	if slices.ContainsFunc(r.Needs, func(n Need) bool { return !a.Covers(n.Sensitivity) }) {
		rules.Add("/need_ids", "above_ceiling", "A need is more sensitive than the sharing agreement with this receiver allows.")
	}
	if !slices.Contains(a.Channels, r.Channel) {
		rules.Add("/channel", "not_agreed", "The sharing agreement with this receiver does not name this channel.")
	}
}

// service is the entry of the service map that the referral names; one that takes no referrals is refused.
func (r *Referral) service(ctx context.Context, rules *fault.Error) (*servicemap.Service, error) {
	if r.ServiceID == nil {
		return nil, nil
	}
	s, err := servicemap.Find(ctx, *r.ServiceID)
	if fault.Is(err, fault.NotFound) || err == nil && s.OrganisationID != r.OrganisationID {
		rules.Add("/service_id", "unknown_service", "The receiver offers no such service.")
		return nil, nil
	}
	if err == nil && !s.TakesReferrals() {
		rules.Add("/service_id", "takes_no_referrals", "The service is not active, or takes no referrals.")
	}
	return s, err
}

// deadlines are the hours that the provider publishes for the service, else those of the agreement, else those of the procedures.
func (t terms) deadlines(priority string) centre.ReferralPolicy {
	p, usual := t.policy, centre.DefaultPolicy().Referral
	p.AcknowledgeHours, p.DecisionHours = overlaid(usual.AcknowledgeHours, p.AcknowledgeHours), overlaid(usual.DecisionHours, p.DecisionHours)
	if t.agreement != nil {
		p.AcknowledgeHours = overlaid(p.AcknowledgeHours, t.agreement.AcknowledgeHours.V)
		p.DecisionHours = overlaid(p.DecisionHours, t.agreement.DecisionHours.V)
	}
	if t.service != nil && t.service.AcknowledgeHours != nil {
		p.AcknowledgeHours[priority] = *t.service.AcknowledgeHours
	}
	if t.service != nil && t.service.DecisionHours != nil {
		p.DecisionHours[priority] = *t.service.DecisionHours
	}
	return p
}

// overlaid is a copy of hours by priority in which others go before.
func overlaid(hours, others map[string]int) map[string]int {
	all := map[string]int{}
	maps.Copy(all, hours)
	maps.Copy(all, others)
	return all
}
