package distribution

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// ListEntitlementRules returns one page of rules.
func (Handlers) ListEntitlementRules(ctx context.Context, req api.ListEntitlementRulesRequestObject) (api.ListEntitlementRulesResponseObject, error) {
	p := req.Params
	f := db.When(db.Conditions{}, "active = ?", p.Active)
	f = db.When(f, "item_id = ?", p.ItemID)
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "name"), ruleSorts, f.Apply)
	if err != nil {
		return nil, err
	}
	return api.ListEntitlementRules200JSONResponse{Data: wire.Each(page.Rows, toRule), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateEntitlementRule lays down who may receive an item.
func (Handlers) CreateEntitlementRule(ctx context.Context, req api.CreateEntitlementRuleRequestObject) (api.CreateEntitlementRuleResponseObject, error) {
	r := fromRuleCreate(*req.Body)
	if err := addRule(ctx, r); err != nil {
		return nil, err
	}
	return api.CreateEntitlementRule201JSONResponse{Body: toRule(r), Headers: api.CreateEntitlementRule201ResponseHeaders{ETag: wire.ETag(r.Version), Location: wire.Path(req.CentreID, "entitlement-rules", r.ID)}}, nil
}

// GetEntitlementRule returns one rule.
func (Handlers) GetEntitlementRule(ctx context.Context, req api.GetEntitlementRuleRequestObject) (api.GetEntitlementRuleResponseObject, error) {
	r, err := db.Get[Rule](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetEntitlementRule200JSONResponse{Body: toRule(r), Headers: api.GetEntitlementRule200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// UpdateEntitlementRule applies a merge patch to a rule.
func (Handlers) UpdateEntitlementRule(ctx context.Context, req api.UpdateEntitlementRuleRequestObject) (api.UpdateEntitlementRuleResponseObject, error) {
	r, err := changeRule(ctx, req.ID, req.Params.IfMatch, func(r *Rule) { r.patch(*req.Body) })
	if err != nil {
		return nil, err
	}
	return api.UpdateEntitlementRule200JSONResponse{Body: toRule(r), Headers: api.UpdateEntitlementRule200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// CheckEntitlements tells what a person and their household may receive.
func (Handlers) CheckEntitlements(ctx context.Context, req api.CheckEntitlementsRequestObject) (api.CheckEntitlementsResponseObject, error) {
	on := wire.OptDate(req.Params.On)
	if on == nil {
		today, err := centre.Today(ctx, req.CentreID)
		if err != nil {
			return nil, err
		}
		on = &today
	}
	k, err := check(ctx, req.Params.BeneficiaryID, req.Params.RuleID, *on)
	if err != nil {
		return nil, err
	}
	return api.CheckEntitlements200JSONResponse(toCheck(k)), nil
}
