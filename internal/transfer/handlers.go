package transfer

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations on transfers, of both sides.
type Handlers struct{}

var sorts = db.Sorts[Transfer]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(t *Transfer) any { return t.CreatedAt }},
}

var incomingSorts = db.Sorts[Incoming]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(t *Incoming) any { return t.CreatedAt }},
}

// wholeFile are the parts of a file that can be chosen.
var wholeFile = db.Strings{"needs", "assessments", "plan", "notes", "follow_ups", "conferences", "best_interests", "attachments"}

// RequestTransfer asks another centre to take a case.
func (Handlers) RequestTransfer(ctx context.Context, req api.RequestTransferRequestObject) (api.RequestTransferResponseObject, error) {
	b := req.Body
	t := &Transfer{Record: db.NewRecord(b.ID), Reason: b.Reason, Parts: slices.Clone(wholeFile)}
	if b.Parts != nil {
		t.Parts = db.Strings{}
		for _, p := range b.Parts {
			t.Parts = append(t.Parts, string(p))
		}
	}
	var o *Override
	if b.Override != nil {
		o = &Override{b.Override.Basis, b.Override.Reason}
	}
	if err := request(ctx, req.ID, b.CentreCode, t, o); err != nil {
		return nil, err
	}
	return api.RequestTransfer201JSONResponse{Body: toTransfer(t), Headers: api.RequestTransfer201ResponseHeaders{ETag: wire.ETag(t.Version),
		Location: wire.Path(t.CentreID.UUID(), "transfers", t.ID)}}, nil
}

// ListTransfers returns one page of the cases that are handed over.
func (Handlers) ListTransfers(ctx context.Context, req api.ListTransfersRequestObject) (api.ListTransfersResponseObject, error) {
	p := req.Params
	also := db.When(db.When(nil, "status = ?", p.Status), "case_id = ?", p.CaseID)
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), sorts, func(q *gorm.DB) *gorm.DB {
		return also.Apply(inView(ctx, q))
	})
	if err != nil {
		return nil, err
	}
	return api.ListTransfers200JSONResponse{Data: wire.Each(page.Rows, toTransfer), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// GetTransfer returns one.
func (Handlers) GetTransfer(ctx context.Context, req api.GetTransferRequestObject) (api.GetTransferResponseObject, error) {
	t, err := find(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetTransfer200JSONResponse{Body: toTransfer(t), Headers: api.GetTransfer200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}

// WithdrawTransfer takes one back.
func (Handlers) WithdrawTransfer(ctx context.Context, req api.WithdrawTransferRequestObject) (api.WithdrawTransferResponseObject, error) {
	t, err := change(ctx, req.ID, req.Params.IfMatch, func(t *Transfer) error { return t.withdraw(req.Body.Reason, auth.From(ctx).ID) })
	if err != nil {
		return nil, err
	}
	return api.WithdrawTransfer200JSONResponse{Body: toTransfer(t), Headers: api.WithdrawTransfer200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}

// ApproveTransferOverride opens one to its target without consent.
func (Handlers) ApproveTransferOverride(ctx context.Context, req api.ApproveTransferOverrideRequestObject) (api.ApproveTransferOverrideResponseObject, error) {
	t, err := change(ctx, req.ID, req.Params.IfMatch, func(t *Transfer) error { return t.decideOverride(true, "", auth.From(ctx).ID) })
	if err != nil {
		return nil, err
	}
	return api.ApproveTransferOverride200JSONResponse{Body: toTransfer(t), Headers: api.ApproveTransferOverride200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}

// RejectTransferOverride ends one that has no consent.
func (Handlers) RejectTransferOverride(ctx context.Context, req api.RejectTransferOverrideRequestObject) (api.RejectTransferOverrideResponseObject, error) {
	t, err := change(ctx, req.ID, req.Params.IfMatch, func(t *Transfer) error { return t.decideOverride(false, req.Body.Reason, auth.From(ctx).ID) })
	if err != nil {
		return nil, err
	}
	return api.RejectTransferOverride200JSONResponse{Body: toTransfer(t), Headers: api.RejectTransferOverride200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}

// ListIncomingTransfers returns one page of the cases that other centres offer.
func (Handlers) ListIncomingTransfers(ctx context.Context, req api.ListIncomingTransfersRequestObject) (api.ListIncomingTransfersResponseObject, error) {
	p := req.Params
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), incomingSorts,
		db.When(nil, "status = ?", p.Status).Apply)
	if err != nil {
		return nil, err
	}
	return api.ListIncomingTransfers200JSONResponse{Data: wire.Each(page.Rows, toIncoming), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// GetIncomingTransfer returns one.
func (Handlers) GetIncomingTransfer(ctx context.Context, req api.GetIncomingTransferRequestObject) (api.GetIncomingTransferResponseObject, error) {
	t, err := db.Get[Incoming](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetIncomingTransfer200JSONResponse{Body: toIncoming(t), Headers: api.GetIncomingTransfer200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}

// AcceptTransfer takes the case over.
func (Handlers) AcceptTransfer(ctx context.Context, req api.AcceptTransferRequestObject) (api.AcceptTransferResponseObject, error) {
	t, err := accept(ctx, req.ID, req.Params.IfMatch, req.Body.OwnerID)
	if err != nil {
		return nil, err
	}
	return api.AcceptTransfer200JSONResponse{Body: toIncoming(t), Headers: api.AcceptTransfer200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}

// RefuseTransfer leaves the case where it is.
func (Handlers) RefuseTransfer(ctx context.Context, req api.RefuseTransferRequestObject) (api.RefuseTransferResponseObject, error) {
	t, err := refuse(ctx, req.ID, req.Params.IfMatch, req.Body.Reason, auth.From(ctx).ID)
	if err != nil {
		return nil, err
	}
	return api.RefuseTransfer200JSONResponse{Body: toIncoming(t), Headers: api.RefuseTransfer200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}

func toTransfer(t *Transfer) api.Transfer {
	return api.Transfer{
		ID: t.ID, Version: t.Version, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, CaseID: t.CaseID, BeneficiaryID: t.BeneficiaryID,
		Target: toPlace(t.Destination.V), Status: api.TransferStatus(t.Status), Reason: t.Reason, Parts: toParts(t.Parts), Preview: toPreview(t.Preview.V),
		ConsentID: t.ConsentID, OverrideBasis: wire.Opt(t.OverrideBasis), OverrideReason: wire.Opt(t.OverrideReason), OverrideDecidedBy: t.OverrideDecidedBy,
		RequestedBy: t.RequestedBy, DecidedAt: t.DecidedAt, DecisionNote: wire.Opt(t.DecisionNote), ContinuityToken: t.ContinuityToken,
	}
}

func toIncoming(t *Incoming) api.IncomingTransfer {
	return api.IncomingTransfer{
		ID: t.ID, Version: t.Version, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, Source: toPlace(t.Origin.V), Status: api.IncomingTransferStatus(t.Status),
		Parts: toParts(t.Parts), Preview: toPreview(t.Preview.V), DecidedBy: t.DecidedBy, DecidedAt: t.DecidedAt, CaseID: t.TargetCaseID,
	}
}

func toPlace(p Place) api.TransferPlace { return api.TransferPlace{Name: p.Name, Code: p.Code} }

func toPreview(p Preview) api.TransferPreview {
	return api.TransferPreview{RiskLevel: wire.Opt(p.RiskLevel), Sex: p.Sex, Child: p.Child, Languages: wire.List(p.Languages)}
}

func toParts(parts db.Strings) []api.TransferPart {
	return wire.Each(parts, func(p *string) api.TransferPart { return api.TransferPart(*p) })
}
