package beneficiary

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// ListReferenceBlocks returns one page of the blocks that were reserved.
func (Handlers) ListReferenceBlocks(ctx context.Context, req api.ListReferenceBlocksRequestObject) (api.ListReferenceBlocksResponseObject, error) {
	p := req.Params
	page, err := listBlocks(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), string(wire.Value(p.Status)))
	if err != nil {
		return nil, err
	}
	out := api.ReferenceBlockPage{Data: make([]api.ReferenceBlock, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toBlock(&page.Rows[i].ReferenceBlock, page.Rows[i].Used)
	}
	return api.ListReferenceBlocks200JSONResponse(out), nil
}

// CreateReferenceBlock reserves references for a device.
func (Handlers) CreateReferenceBlock(ctx context.Context, req api.CreateReferenceBlockRequestObject) (api.CreateReferenceBlockResponseObject, error) {
	b := ReferenceBlock{Record: db.NewRecord(req.Body.ID), Label: req.Body.Label, Size: req.Body.Size, ReservedBy: actor(ctx), ExpiresAt: optMoment(req.Body.ExpiresAt)}
	if err := b.Reserve(ctx); err != nil {
		return nil, err
	}
	out, err := toWholeBlock(ctx, &b)
	if err != nil {
		return nil, err
	}
	return api.CreateReferenceBlock201JSONResponse{Body: out, Headers: api.CreateReferenceBlock201ResponseHeaders{
		ETag: wire.ETag(b.Version), Location: wire.Path(req.CentreID, "reference-blocks", b.ID),
	}}, nil
}

// GetReferenceBlock returns one block with all its references.
func (Handlers) GetReferenceBlock(ctx context.Context, req api.GetReferenceBlockRequestObject) (api.GetReferenceBlockResponseObject, error) {
	b, err := db.Get[ReferenceBlock](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	out, err := toWholeBlock(ctx, b)
	if err != nil {
		return nil, err
	}
	return api.GetReferenceBlock200JSONResponse{Body: out, Headers: api.GetReferenceBlock200ResponseHeaders{ETag: wire.ETag(b.Version)}}, nil
}

// ReleaseReferenceBlock takes a block out of use.
func (Handlers) ReleaseReferenceBlock(ctx context.Context, req api.ReleaseReferenceBlockRequestObject) (api.ReleaseReferenceBlockResponseObject, error) {
	b, err := db.Lock[ReferenceBlock](ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := b.Release(db.Now()); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, b); err != nil {
		return nil, err
	}
	out, err := toWholeBlock(ctx, b)
	if err != nil {
		return nil, err
	}
	return api.ReleaseReferenceBlock200JSONResponse{Body: out, Headers: api.ReleaseReferenceBlock200ResponseHeaders{ETag: wire.ETag(b.Version)}}, nil
}

func toBlock(b *ReferenceBlock, used int) api.ReferenceBlock {
	return api.ReferenceBlock{
		ID: b.ID, Version: b.Version, CreatedAt: b.CreatedAt, UpdatedAt: b.UpdatedAt, Label: b.Label,
		Status: api.ReferenceBlockStatus(b.Status(db.Now())), Size: b.Size, UsedCount: used,
		ReservedBy: b.ReservedBy, ExpiresAt: b.ExpiresAt, ReleasedAt: b.ReleasedAt,
	}
}

// toWholeBlock names the references too.
func toWholeBlock(ctx context.Context, b *ReferenceBlock) (api.ReferenceBlock, error) {
	used, unused, err := b.numbers(ctx)
	out := toBlock(b, len(used))
	out.Used, out.Unused = used, unused
	return out, err
}
