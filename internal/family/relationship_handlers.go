package family

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct{}

// ListRelationships returns one page of a person's relationships, as they see them.
func (Handlers) ListRelationships(ctx context.Context, req api.ListRelationshipsRequestObject) (api.ListRelationshipsResponseObject, error) {
	p := req.Params
	active := p.Active == nil || *p.Active
	page, err := list(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), req.ID, active, wire.Value(p.Voided))
	if err != nil {
		return nil, err
	}
	return api.ListRelationships200JSONResponse{Data: wire.Each(page.Rows, toRelationship), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// RecordRelationship relates two people.
func (Handlers) RecordRelationship(ctx context.Context, req api.RecordRelationshipRequestObject) (api.RecordRelationshipResponseObject, error) {
	r := fromRelationshipCreate(*req.Body)
	r.BeneficiaryID, r.RecordedBy = req.ID, &auth.From(ctx).ID
	if err := relate(ctx, &r); err != nil {
		return nil, err
	}
	return api.RecordRelationship201JSONResponse{Body: toRelationship(&r), Headers: api.RecordRelationship201ResponseHeaders{
		ETag: wire.ETag(r.Version), Location: wire.Path(req.CentreID, "beneficiaries", req.ID, "relationships", r.ID),
	}}, nil
}

// GetRelationship returns one relationship, as the person of the path sees it.
func (Handlers) GetRelationship(ctx context.Context, req api.GetRelationshipRequestObject) (api.GetRelationshipResponseObject, error) {
	r, err := find(ctx, req.ID, req.RelationshipID)
	if err != nil {
		return nil, err
	}
	return api.GetRelationship200JSONResponse{Body: toRelationship(r), Headers: api.GetRelationship200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// UpdateRelationship applies a merge patch, from the side of the person of the path.
func (Handlers) UpdateRelationship(ctx context.Context, req api.UpdateRelationshipRequestObject) (api.UpdateRelationshipResponseObject, error) {
	r, err := change(ctx, req.ID, req.RelationshipID, req.Params.IfMatch, func(r *Relationship) error {
		if err := r.lasting(); err != nil {
			return err
		}
		r.patch(*req.Body)
		if err := r.Validate(beneficiary.Latest()); err != nil {
			return err
		}
		return r.checkCaregiver(ctx)
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateRelationship200JSONResponse{Body: toRelationship(r), Headers: api.UpdateRelationship200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// VerifyRelationship records that the caller checked the relationship.
func (Handlers) VerifyRelationship(ctx context.Context, req api.VerifyRelationshipRequestObject) (api.VerifyRelationshipResponseObject, error) {
	r, err := change(ctx, req.ID, req.RelationshipID, req.Params.IfMatch, func(r *Relationship) error {
		return r.verify(auth.From(ctx).ID, db.Now())
	})
	if err != nil {
		return nil, err
	}
	return api.VerifyRelationship200JSONResponse{Body: toRelationship(r), Headers: api.VerifyRelationship200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// EndRelationship records that a relationship is over.
func (Handlers) EndRelationship(ctx context.Context, req api.EndRelationshipRequestObject) (api.EndRelationshipResponseObject, error) {
	r, err := change(ctx, req.ID, req.RelationshipID, req.Params.IfMatch, func(r *Relationship) error {
		on, err := dayOr(ctx, req.Body.EndedOn)
		if err != nil {
			return err
		}
		return r.end(on, beneficiary.Latest())
	})
	if err != nil {
		return nil, err
	}
	return api.EndRelationship200JSONResponse{Body: toRelationship(r), Headers: api.EndRelationship200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}

// VoidRelationship hides one that was recorded in error.
func (Handlers) VoidRelationship(ctx context.Context, req api.VoidRelationshipRequestObject) (api.VoidRelationshipResponseObject, error) {
	r, err := change(ctx, req.ID, req.RelationshipID, req.Params.IfMatch, func(r *Relationship) error {
		r.VoidedAt, r.VoidedBy, r.VoidReason = wire.Ptr(db.Now()), &auth.From(ctx).ID, req.Body.Reason
		return nil
	})
	if err != nil {
		return nil, err
	}
	return api.VoidRelationship200JSONResponse{Body: toRelationship(r), Headers: api.VoidRelationship200ResponseHeaders{ETag: wire.ETag(r.Version)}}, nil
}
