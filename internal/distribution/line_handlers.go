package distribution

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/stock"
	"github.com/waystation/waystation/internal/wire"
)

func toItems(items []Issued) []api.DistributionIssueItem {
	return wire.Each(items, func(x *Issued) api.DistributionIssueItem {
		return api.DistributionIssueItem{ItemID: x.ItemID, RuleID: x.RuleID, Quantity: x.Quantity.String(), LotID: x.LotID, Reason: wire.Opt(x.Reason), Overridden: wire.Opt(x.Overridden)}
	})
}

func toLine(o *Line) api.DistributionLine {
	return api.DistributionLine{
		ID: o.ID, Version: o.Version, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt, DistributionID: o.DistributionID, BeneficiaryID: o.BeneficiaryID, HouseholdID: o.HouseholdID,
		Items: toItems(o.Items.V), IssueID: o.IssueID, RemovedAt: o.RemovedAt, Reason: wire.Opt(o.Reason),
	}
}

// ListDistributionLines returns one page of who is on a list.
func (Handlers) ListDistributionLines(ctx context.Context, req api.ListDistributionLinesRequestObject) (api.ListDistributionLinesResponseObject, error) {
	if _, err := db.Get[Distribution](ctx, req.ID); err != nil {
		return nil, err
	}
	p := req.Params
	f := db.When(db.Conditions{}.And("distribution_id = ? and removed_at is null", req.ID), "(issue_id is not null) = ?", p.Issued)
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), lineSorts, f.Apply)
	if err != nil {
		return nil, err
	}
	return api.ListDistributionLines200JSONResponse{Data: wire.Each(page.Rows, toLine), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// AddDistributionLines puts people on a list.
func (Handlers) AddDistributionLines(ctx context.Context, req api.AddDistributionLinesRequestObject) (api.AddDistributionLinesResponseObject, error) {
	lines, left, err := enlist(ctx, req.ID, wire.Each(req.Body.BeneficiaryIds, func(id *uuid.UUID) uuid.UUID { return *id }))
	if err != nil {
		return nil, err
	}
	return api.AddDistributionLines200JSONResponse{Lines: wire.Each(lines, toLine), LeftOut: wire.Each(left, func(l *leftOut) api.DistributionLeftOut {
		return api.DistributionLeftOut{BeneficiaryID: l.id, Reason: l.reason}
	})}, nil
}

// RemoveDistributionLine takes somebody off a list.
func (Handlers) RemoveDistributionLine(ctx context.Context, req api.RemoveDistributionLineRequestObject) (api.RemoveDistributionLineResponseObject, error) {
	o, err := removeLine(ctx, req.ID, req.LineID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.RemoveDistributionLine200JSONResponse{Body: toLine(o), Headers: api.RemoveDistributionLine200ResponseHeaders{ETag: wire.ETag(o.Version)}}, nil
}

// GetDistributionPickList says what to take from the shelves.
func (Handlers) GetDistributionPickList(ctx context.Context, req api.GetDistributionPickListRequestObject) (api.GetDistributionPickListResponseObject, error) {
	d, err := db.Get[Distribution](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	picks, err := toPick(ctx, d)
	if err != nil {
		return nil, err
	}
	return api.GetDistributionPickList200JSONResponse{LocationID: d.LocationID, Items: wire.Each(picks, func(p *stock.Pick) api.DistributionPick {
		return api.DistributionPick{ItemID: p.ItemID, Quantity: p.Quantity.String(), Short: p.Short.String(), Lots: wire.Each(p.Lots, func(l *stock.PickLot) api.DistributionPickLot {
			return api.DistributionPickLot{LotID: l.LotID, Batch: wire.Opt(l.Batch), ExpiresOn: wire.ToOptDate(l.ExpiresOn), Quantity: l.Quantity.String()}
		})}
	})}, nil
}
