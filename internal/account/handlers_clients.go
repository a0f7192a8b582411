package account

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// ListAPIClients returns one page of the systems that may call.
func (Handlers) ListAPIClients(ctx context.Context, req api.ListAPIClientsRequestObject) (api.ListAPIClientsResponseObject, error) {
	p := req.Params
	page, err := listClients(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "name"), p.OrganisationID, p.Revoked)
	if err != nil {
		return nil, err
	}
	out := api.APIClientPage{Data: make([]api.APIClient, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toClient(&page.Rows[i], "")
	}
	return api.ListAPIClients200JSONResponse(out), nil
}

// CreateAPIClient adds a system and shows its secret, once.
func (h Handlers) CreateAPIClient(ctx context.Context, req api.CreateAPIClientRequestObject) (api.CreateAPIClientResponseObject, error) {
	c := fromClientCreate(*req.Body)
	if err := c.Validate(h.ClientScopes); err != nil {
		return nil, err
	}
	if err := activeOrganisation(ctx, c.OrganisationID); err != nil {
		return nil, err
	}
	secret := c.secret(nil)
	if err := db.Insert(ctx, &c); err != nil {
		return nil, err
	}
	return api.CreateAPIClient201JSONResponse{Body: toClient(&c, secret), Headers: api.CreateAPIClient201ResponseHeaders{
		ETag: wire.ETag(c.Version), Location: "/v1/api-clients/" + c.ID.String(),
	}}, nil
}

// GetAPIClient returns one client, without any secret.
func (Handlers) GetAPIClient(ctx context.Context, req api.GetAPIClientRequestObject) (api.GetAPIClientResponseObject, error) {
	c, err := db.Get[APIClient](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetAPIClient200JSONResponse{Body: toClient(c, ""), Headers: api.GetAPIClient200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// UpdateAPIClient applies a merge patch; when its rights change, tokens with the old ones are
// refused from now on.
func (h Handlers) UpdateAPIClient(ctx context.Context, req api.UpdateAPIClientRequestObject) (api.UpdateAPIClientResponseObject, error) {
	c, err := lockClient(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	save, before := h.saveAndRevoke, *c
	c.patch(*req.Body)
	if err := c.Validate(h.ClientScopes); err != nil {
		return nil, err
	}
	if slices.Equal(before.Scopes, c.Scopes) && slices.Equal(before.Networks, c.Networks) {
		save = func(ctx context.Context, c *APIClient) error { return db.Save(ctx, c) }
	}
	if err := save(ctx, c); err != nil {
		return nil, err
	}
	return api.UpdateAPIClient200JSONResponse{Body: toClient(c, ""), Headers: api.UpdateAPIClient200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// RotateAPIClientSecret gives out a new secret; the old one works on for the time of grace.
func (h Handlers) RotateAPIClientSecret(ctx context.Context, req api.RotateAPIClientSecretRequestObject) (api.RotateAPIClientSecretResponseObject, error) {
	c, err := lockClient(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	secret := c.secret(h.graceEnds())
	if err := db.Save(ctx, c); err != nil {
		return nil, err
	}
	return api.RotateAPIClientSecret200JSONResponse{Body: toClient(c, secret), Headers: api.RotateAPIClientSecret200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

func (h Handlers) graceEnds() *time.Time {
	if h.Settings.ClientSecretGrace == 0 {
		return nil
	}
	until := db.Now().Add(h.Settings.ClientSecretGrace)
	return &until
}

// RevokeAPIClient shuts a client out for good.
func (h Handlers) RevokeAPIClient(ctx context.Context, req api.RevokeAPIClientRequestObject) (api.RevokeAPIClientResponseObject, error) {
	c, err := lockClient(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	now := db.Now()
	c.RevokedAt, c.PreviousSecretHash, c.PreviousSecretUntil = &now, nil, nil
	if err := h.saveAndRevoke(ctx, c); err != nil {
		return nil, err
	}
	return api.RevokeAPIClient200JSONResponse{Body: toClient(c, ""), Headers: api.RevokeAPIClient200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

func lockClient(ctx context.Context, id uuid.UUID, ifMatch string) (*APIClient, error) {
	c, err := db.Lock[APIClient](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	return c, c.revoked()
}

func (h Handlers) saveAndRevoke(ctx context.Context, c *APIClient) error {
	if err := db.Save(ctx, c); err != nil {
		return err
	}
	return h.revoke(ctx, revokedSubject, c.ID)
}
