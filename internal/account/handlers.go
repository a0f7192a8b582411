package account

import (
	"context"
	"time"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations on organisations, users, members, clients and signing in.
type Handlers struct {
	Issuer       auth.Issuer
	Keys         *auth.KeySet
	Passwords    Hasher
	Vault        *auth.Vault
	Revocations  *auth.Revocations
	Permissions  *auth.Permissions
	ClientScopes []string // what API clients may be granted
	Settings     Settings
}

// Settings are the operator's choices; see the configuration for what each means.
type Settings struct {
	AccessTokenTTL       time.Duration
	RefreshTokenTTL      time.Duration
	LockoutAfter         int // failed sign-ins
	LockoutFor           time.Duration
	TemporaryPasswordTTL time.Duration
	ClientSecretGrace    time.Duration
	MandatoryTrainings   []string
}

// ListOrganisations returns one page of the network's organisations.
func (Handlers) ListOrganisations(ctx context.Context, req api.ListOrganisationsRequestObject) (api.ListOrganisationsResponseObject, error) {
	p := req.Params
	page, err := listOrganisations(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "name"), p.Type, p.Active)
	if err != nil {
		return nil, err
	}
	out := api.OrganisationPage{Data: make([]api.Organisation, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toOrganisation(&page.Rows[i])
	}
	return api.ListOrganisations200JSONResponse(out), nil
}

// CreateOrganisation adds an organisation.
func (Handlers) CreateOrganisation(ctx context.Context, req api.CreateOrganisationRequestObject) (api.CreateOrganisationResponseObject, error) {
	o := fromOrganisationCreate(*req.Body)
	if err := db.Insert(ctx, &o); err != nil {
		return nil, err
	}
	return api.CreateOrganisation201JSONResponse{Body: toOrganisation(&o), Headers: api.CreateOrganisation201ResponseHeaders{
		ETag: wire.ETag(o.Version), Location: "/v1/organisations/" + o.ID.String(),
	}}, nil
}

// GetOrganisation returns one organisation.
func (Handlers) GetOrganisation(ctx context.Context, req api.GetOrganisationRequestObject) (api.GetOrganisationResponseObject, error) {
	o, err := db.Get[Organisation](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetOrganisation200JSONResponse{Body: toOrganisation(o), Headers: api.GetOrganisation200ResponseHeaders{ETag: wire.ETag(o.Version)}}, nil
}

// UpdateOrganisation applies a merge patch.
func (Handlers) UpdateOrganisation(ctx context.Context, req api.UpdateOrganisationRequestObject) (api.UpdateOrganisationResponseObject, error) {
	o, err := db.Lock[Organisation](ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	o.patch(*req.Body)
	if err := db.Save(ctx, o); err != nil {
		return nil, err
	}
	return api.UpdateOrganisation200JSONResponse{Body: toOrganisation(o), Headers: api.UpdateOrganisation200ResponseHeaders{ETag: wire.ETag(o.Version)}}, nil
}
