package stock

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// CreateStockReceipt posts a goods received note.
func (Handlers) CreateStockReceipt(ctx context.Context, req api.CreateStockReceiptRequestObject) (api.CreateStockReceiptResponseObject, error) {
	d, entries := fromReceipt(*req.Body)
	row, err := record(ctx, d, entries)
	if err != nil {
		return nil, err
	}
	return api.CreateStockReceipt201JSONResponse{Body: toPaper(row), Headers: api.CreateStockReceipt201ResponseHeaders{ETag: wire.ETag(row.Version), Location: wire.Path(req.CentreID, "stock", "documents", row.ID)}}, nil
}

// CreateStockRelease posts a release.
func (Handlers) CreateStockRelease(ctx context.Context, req api.CreateStockReleaseRequestObject) (api.CreateStockReleaseResponseObject, error) {
	d, entries := fromRelease(*req.Body)
	row, err := record(ctx, d, entries)
	if err != nil {
		return nil, err
	}
	return api.CreateStockRelease201JSONResponse{Body: toPaper(row), Headers: api.CreateStockRelease201ResponseHeaders{ETag: wire.ETag(row.Version), Location: wire.Path(req.CentreID, "stock", "documents", row.ID)}}, nil
}

// CreateStockLoss reports a loss.
func (Handlers) CreateStockLoss(ctx context.Context, req api.CreateStockLossRequestObject) (api.CreateStockLossResponseObject, error) {
	d, entries := fromLoss(*req.Body)
	row, err := record(ctx, d, entries)
	if err != nil {
		return nil, err
	}
	return api.CreateStockLoss201JSONResponse{Body: toPaper(row), Headers: api.CreateStockLoss201ResponseHeaders{ETag: wire.ETag(row.Version), Location: wire.Path(req.CentreID, "stock", "documents", row.ID)}}, nil
}

// CreateStockDisposal records a disposal.
func (Handlers) CreateStockDisposal(ctx context.Context, req api.CreateStockDisposalRequestObject) (api.CreateStockDisposalResponseObject, error) {
	d, entries := fromDisposal(*req.Body)
	row, err := record(ctx, d, entries)
	if err != nil {
		return nil, err
	}
	return api.CreateStockDisposal201JSONResponse{Body: toPaper(row), Headers: api.CreateStockDisposal201ResponseHeaders{ETag: wire.ETag(row.Version), Location: wire.Path(req.CentreID, "stock", "documents", row.ID)}}, nil
}

// CreateStockAdjustment puts a balance right.
func (Handlers) CreateStockAdjustment(ctx context.Context, req api.CreateStockAdjustmentRequestObject) (api.CreateStockAdjustmentResponseObject, error) {
	d, entries := fromAdjustment(*req.Body)
	row, err := record(ctx, d, entries)
	if err != nil {
		return nil, err
	}
	return api.CreateStockAdjustment201JSONResponse{Body: toPaper(row), Headers: api.CreateStockAdjustment201ResponseHeaders{ETag: wire.ETag(row.Version), Location: wire.Path(req.CentreID, "stock", "documents", row.ID)}}, nil
}

// ListStockDocuments returns one page of documents, without their lines.
func (Handlers) ListStockDocuments(ctx context.Context, req api.ListStockDocumentsRequestObject) (api.ListStockDocumentsResponseObject, error) {
	p := req.Params
	f := db.When(db.Conditions{}, "kind = ?", p.Kind)
	f = db.When(f, "status = ?", p.Status)
	f = db.When(f, "occurred_at >= ?", p.OccurredFrom)
	f = db.When(f, "occurred_at < ?", p.OccurredTo)
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-occurred_at"), documentSorts, f.Apply)
	if err != nil {
		return nil, err
	}
	return api.ListStockDocuments200JSONResponse{Data: wire.Each(page.Rows, toDocument), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// GetStockDocument returns one document with its lines and movements.
func (Handlers) GetStockDocument(ctx context.Context, req api.GetStockDocumentRequestObject) (api.GetStockDocumentResponseObject, error) {
	row, err := findPaper(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetStockDocument200JSONResponse{Body: toPaper(row), Headers: api.GetStockDocument200ResponseHeaders{ETag: wire.ETag(row.Version)}}, nil
}

// ApproveStockDocument posts a document that waits.
func (Handlers) ApproveStockDocument(ctx context.Context, req api.ApproveStockDocumentRequestObject) (api.ApproveStockDocumentResponseObject, error) {
	row, err := approve(ctx, req.ID, req.Params.IfMatch, wire.Value(req.Body.Note))
	if err != nil {
		return nil, err
	}
	return api.ApproveStockDocument200JSONResponse{Body: toPaper(row), Headers: api.ApproveStockDocument200ResponseHeaders{ETag: wire.ETag(row.Version)}}, nil
}

// RejectStockDocument ends a document that waits.
func (Handlers) RejectStockDocument(ctx context.Context, req api.RejectStockDocumentRequestObject) (api.RejectStockDocumentResponseObject, error) {
	row, err := reject(ctx, req.ID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.RejectStockDocument200JSONResponse{Body: toPaper(row), Headers: api.RejectStockDocument200ResponseHeaders{ETag: wire.ETag(row.Version)}}, nil
}

// ReverseStockMovement posts the opposite of an entry.
func (Handlers) ReverseStockMovement(ctx context.Context, req api.ReverseStockMovementRequestObject) (api.ReverseStockMovementResponseObject, error) {
	row, err := reverse(ctx, req.ID, req.Body.ID, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.ReverseStockMovement201JSONResponse{Body: toPaper(row), Headers: api.ReverseStockMovement201ResponseHeaders{ETag: wire.ETag(row.Version), Location: wire.Path(req.CentreID, "stock", "documents", row.ID)}}, nil
}
