package distribution

import (
	"crypto/sha256"
	"encoding/json"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/headcount"
	"github.com/waystation/waystation/internal/wire"
)

func toRule(r *Rule) api.EntitlementRule {
	out := api.EntitlementRule{
		ID: r.ID, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Name: r.Name, ItemID: r.ItemID, Trigger: api.EntitlementTrigger(r.Trigger),
		Per: api.EntitlementPer(r.Per), GroupSize: r.GroupSize, Quantity: r.Quantity.String(), IntervalDays: r.IntervalDays, Sexes: wire.List(r.Sexes),
		AgeFrom: r.AgeFrom, AgeTo: r.AgeTo, HouseholdFrom: r.HouseholdFrom, HouseholdTo: r.HouseholdTo, Active: r.Active, Note: wire.Opt(r.Note),
		Needs: wire.Each(r.Needs.V, func(n *Need) api.EntitlementNeed {
			return api.EntitlementNeed{CodeSystem: api.EntitlementNeedCodeSystem(n.CodeSystem), Code: n.Code}
		}),
	}
	if r.SeasonFrom != "" {
		out.Season = &api.EntitlementSeason{From: r.SeasonFrom, To: r.SeasonTo}
	}
	return out
}

func fromNeeds(needs []api.EntitlementNeed) []Need {
	return wire.Each(needs, func(n *api.EntitlementNeed) Need { return Need{string(n.CodeSystem), n.Code} })
}

func fromRuleCreate(b api.EntitlementRuleCreate) *Rule {
	r := &Rule{
		Record: db.NewRecord(b.ID), Name: b.Name, ItemID: b.ItemID, Trigger: string(b.Trigger), Per: string(b.Per), GroupSize: b.GroupSize, Quantity: wire.Number(b.Quantity),
		IntervalDays: b.IntervalDays, Sexes: b.Sexes, AgeFrom: b.AgeFrom, AgeTo: b.AgeTo, HouseholdFrom: b.HouseholdFrom, HouseholdTo: b.HouseholdTo, Note: wire.Value(b.Note),
	}
	r.Needs.V = fromNeeds(b.Needs)
	season := wire.Value(b.Season)
	r.SeasonFrom, r.SeasonTo = season.From, season.To
	return r
}

func (r *Rule) patch(p api.EntitlementRulePatch) {
	wire.Set(&r.Name, p.Name)
	wire.SetNull(&r.GroupSize, p.GroupSize)
	if p.Quantity != nil {
		r.Quantity = wire.Number(*p.Quantity)
	}
	wire.SetNull(&r.IntervalDays, p.IntervalDays)
	wire.SetList(&r.Sexes, p.Sexes)
	wire.SetNull(&r.AgeFrom, p.AgeFrom)
	wire.SetNull(&r.AgeTo, p.AgeTo)
	if p.Needs != nil {
		r.Needs.V = fromNeeds(p.Needs)
	}
	wire.SetNull(&r.HouseholdFrom, p.HouseholdFrom)
	wire.SetNull(&r.HouseholdTo, p.HouseholdTo)
	season := api.EntitlementSeason{From: r.SeasonFrom, To: r.SeasonTo}
	wire.Clear(&season, p.Season)
	r.SeasonFrom, r.SeasonTo = season.From, season.To
	wire.Set(&r.Active, p.Active)
	wire.Clear(&r.Note, p.Note)
}

func (k *checked) toEntitlement(v *verdict) api.Entitlement {
	out := api.Entitlement{
		RuleID: v.rule.ID, Name: v.rule.Name, ItemID: v.rule.ItemID, Allowed: v.allowed, Reason: wire.Opt(api.EntitlementReason(v.reason)), Quantity: v.quantity.String(),
		AvailableFrom: wire.ToOptDate(v.from), AvailableUntil: wire.ToOptDate(v.until),
	}
	if u := v.received; u != nil {
		out.Received = &api.EntitlementReceived{IssueID: u.IssueID, BeneficiaryID: u.BeneficiaryID, IssuedOn: wire.ToDate(u.IssuedOn)}
	}
	return out
}

func toCheck(k *checked) api.EntitlementCheck {
	out := api.EntitlementCheck{
		BeneficiaryID: k.person.ID, HouseholdID: k.person.HouseholdID, On: wire.ToDate(k.on), Entitlements: wire.Each(k.verdicts, k.toEntitlement), Household: []api.EntitlementsOfMember{},
	}
	for _, o := range k.home(k.person)[1:] {
		out.Household = append(out.Household, api.EntitlementsOfMember{BeneficiaryID: o.ID, Entitlements: wire.Each(k.others[o.ID], k.toEntitlement)})
	}
	return out
}

func toQuantity(q *Quantity) api.DistributionQuantity {
	return api.DistributionQuantity{ItemID: q.ItemID, Quantity: q.Quantity.String()}
}

func fromQuantity(q *api.DistributionQuantity) Quantity {
	return Quantity{ItemID: q.ItemID, Quantity: wire.Number(q.Quantity)}
}

func toOffer(o *Offer) api.DistributionOffer {
	out := api.DistributionOffer{RuleID: o.RuleID, ItemID: &o.ItemID}
	if o.Quantity != nil {
		out.Quantity = wire.Ptr(o.Quantity.String())
	}
	return out
}

func fromOffer(o *api.DistributionOffer) Offer {
	return Offer{RuleID: o.RuleID, ItemID: wire.Value(o.ItemID), Quantity: wire.OptNumber(o.Quantity)}
}

func toDistribution(d *Distribution) api.Distribution {
	out := api.Distribution{
		ID: d.ID, Version: d.Version, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, Title: d.Title, Mode: api.DistributionMode(d.Mode), Route: api.DistributionRoute(d.Route),
		Status: api.DistributionStatus(d.Status), LocationID: d.LocationID, ScheduledOn: wire.ToDate(d.ScheduledOn), OpenList: d.OpenList, Offers: wire.Each(d.Offers.V, toOffer), Note: wire.Opt(d.Note),
		PlannedBy: d.PlannedBy, ApprovedBy: d.ApprovedBy, ApprovedAt: d.ApprovedAt, OpenedBy: d.OpenedBy, OpenedAt: d.OpenedAt, ClosedBy: d.ClosedBy, ClosedAt: d.ClosedAt,
		ReconciledBy: d.ReconciledBy, ReconciledAt: d.ReconciledAt, AdjustmentID: d.AdjustmentID, Reason: wire.Opt(d.Reason),
	}
	if d.OpenedAt != nil {
		out.Brought = wire.Each(d.Brought.V, toQuantity)
	}
	if d.ReconciledAt != nil {
		out.Reconciliation = wire.Each(d.Reconciliation.V, toVariance)
	}
	return out
}

func toVariance(v *Variance) api.DistributionVariance {
	return api.DistributionVariance{
		ItemID: v.ItemID, Brought: v.Brought.String(), Issued: v.Issued.String(), Returned: v.Returned.String(), Variance: v.Variance.String(), Explanation: wire.Opt(v.Explanation),
	}
}

func fromCounted(c *api.DistributionCounted) counted {
	return counted{itemID: c.ItemID, returned: wire.Number(c.Returned), explanation: wire.Value(c.Explanation)}
}

func fromDistributionCreate(b api.DistributionCreate) *Distribution {
	d := &Distribution{
		Record: db.NewRecord(b.ID), Title: b.Title, Mode: string(wire.Value(b.Mode)), Route: string(wire.Value(b.Route)), LocationID: b.LocationID,
		ScheduledOn: wire.Date(b.ScheduledOn), OpenList: wire.Value(b.OpenList), Note: wire.Value(b.Note),
	}
	if d.Mode == "" {
		d.Mode = named
	}
	if d.Route == "" {
		d.Route = general
	}
	d.Offers.V, d.Brought.V, d.Reconciliation.V = wire.Each(b.Offers, fromOffer), []Quantity{}, []Variance{}
	return d
}

func (d *Distribution) patch(p api.DistributionPatch) {
	wire.Set(&d.Title, p.Title)
	wire.Set(&d.LocationID, p.LocationID)
	if p.ScheduledOn != nil {
		d.ScheduledOn = wire.Date(*p.ScheduledOn)
	}
	wire.Set(&d.OpenList, p.OpenList)
	if p.Offers != nil {
		d.Offers.V = wire.Each(p.Offers, fromOffer)
	}
	wire.Clear(&d.Note, p.Note)
}

func toIssue(i *Issue) api.DistributionIssue {
	out := api.DistributionIssue{
		ID: i.ID, Version: i.Version, CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt, DistributionID: i.DistributionID, BeneficiaryID: i.BeneficiaryID, HouseholdID: i.HouseholdID,
		Persons: i.Persons, IssuedAt: i.IssuedAt, IssuedOn: wire.ToDate(i.IssuedOn), IssuedBy: i.IssuedBy, DocumentID: i.DocumentID, Overridden: i.Overridden,
		OverrideReason: wire.Opt(i.OverrideReason), ReversedAt: i.ReversedAt, ReversedBy: i.ReversedBy, Reason: wire.Opt(i.Reason), ReversalID: i.ReversalID,
		Proof: api.DistributionProof{Kind: api.DistributionProofKind(i.Proof), AttachmentID: i.AttachmentID, Reference: wire.Opt(i.Reference), Witness: wire.Opt(i.Witness)},
		Items: toItems(i.Items.V),
	}
	if i.ProxyName != "" {
		out.Proxy = &api.DistributionProxy{Name: i.ProxyName, BeneficiaryID: i.ProxyID, Authorisation: i.Authorisation}
	}
	if len(i.Headcounts.V) > 0 {
		out.Headcounts = wire.Each(i.Headcounts.V, headcount.To)
	}
	return out
}

func fromIssueCreate(b api.DistributionIssueCreate) (request, error) {
	asked, err := digest(b)
	i := &Issue{
		Record: db.NewRecord(b.ID), BeneficiaryID: b.BeneficiaryID, Asked: asked, Proof: string(b.Proof.Kind), AttachmentID: b.Proof.AttachmentID,
		Reference: wire.Value(b.Proof.Reference), Witness: wire.Value(b.Proof.Witness), IssuedAt: wire.Moment(wire.Value(b.IssuedAt)), OverrideReason: wire.Value(b.OverrideReason),
	}
	if p := b.Proxy; p != nil {
		i.ProxyName, i.ProxyID, i.Authorisation = p.Name, p.BeneficiaryID, p.Authorisation
	}
	i.Headcounts.V, i.Items.V = wire.List(headcount.From(b.Headcounts)), []Issued{}
	r := request{issue: i, token: wire.Value(b.Token)}
	if b.Items != nil {
		r.wishes = wire.Each(b.Items, func(w *api.DistributionIssueItemCreate) wish {
			return wish{ruleID: w.RuleID, itemID: w.ItemID, lotID: w.LotID, quantity: wire.OptNumber(w.Quantity), reason: wire.Value(w.Reason)}
		})
	}
	return r, err
}

// digest tells requests apart that came under one id. A counter that lost its connection says when it was, in addition.
func digest(b api.DistributionIssueCreate) ([]byte, error) {
	b.IssuedAt = nil
	raw, err := json.Marshal(b)
	sum := sha256.Sum256(raw)
	return sum[:], err
}
