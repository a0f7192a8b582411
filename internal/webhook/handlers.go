package webhook

import (
	"context"
	"slices"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct {
	Settings Settings
	Vault    *auth.Vault
}

// ListWebhookEndpoints returns one page of the endpoints in the caller's reach.
func (Handlers) ListWebhookEndpoints(ctx context.Context, req api.ListWebhookEndpointsRequestObject) (api.ListWebhookEndpointsResponseObject, error) {
	p := req.Params
	f := db.When(db.Conditions{}, "status = ?", p.Status)
	f = db.When(f, "follows = ?", p.CentreID)
	page, err := listEndpoints(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), f)
	if err != nil {
		return nil, err
	}
	return api.ListWebhookEndpoints200JSONResponse{Data: wire.Each(page.Rows, toEndpoint), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// CreateWebhookEndpoint adds an endpoint that is told what happens from now on, and shows its secret, once.
func (h Handlers) CreateWebhookEndpoint(ctx context.Context, req api.CreateWebhookEndpointRequestObject) (api.CreateWebhookEndpointResponseObject, error) {
	e := fromCreate(*req.Body, auth.From(ctx))
	if err := e.Validate(h.Settings); err != nil {
		return nil, err
	}
	if err := followable(ctx, e); err != nil {
		return nil, err
	}
	var err error
	if e.Cursor, err = events.Now(ctx); err != nil {
		return nil, err
	}
	secret := newSecret()
	e.Secret = h.Vault.Seal(secret, e.sealedFor())
	if err := db.Insert(ctx, e); err != nil {
		return nil, err
	}
	return api.CreateWebhookEndpoint201JSONResponse{Body: showing(e, secret), Headers: api.CreateWebhookEndpoint201ResponseHeaders{
		ETag: wire.ETag(e.Version), Location: "/v1/webhook-endpoints/" + e.ID.String(),
	}}, nil
}

// followable refuses staff an endpoint without a centre of theirs, and a partner's system one with any.
func followable(ctx context.Context, e *Endpoint) error {
	switch {
	case e.OwnerKind == string(auth.Client) && e.Follows != nil:
		return fault.InvalidField("/centre_id", "not_a_partners", "A partner's system is told what concerns its organisation, and follows no centre.")
	case e.OwnerKind == string(auth.User) && e.Follows == nil:
		return fault.InvalidField("/centre_id", "required", "Name the centre to follow.")
	case e.Follows != nil && !slices.Contains(db.Current(ctx).Scope().Centres, *e.Follows):
		return fault.InvalidField("/centre_id", "unknown_reference", "There is no such centre where the caller may keep endpoints.")
	}
	return nil
}

// GetWebhookEndpoint returns an endpoint, without any secret.
func (Handlers) GetWebhookEndpoint(ctx context.Context, req api.GetWebhookEndpointRequestObject) (api.GetWebhookEndpointResponseObject, error) {
	e, err := db.Get[Endpoint](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetWebhookEndpoint200JSONResponse{Body: toEndpoint(e), Headers: api.GetWebhookEndpoint200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// UpdateWebhookEndpoint applies a merge patch.
func (h Handlers) UpdateWebhookEndpoint(ctx context.Context, req api.UpdateWebhookEndpointRequestObject) (api.UpdateWebhookEndpointResponseObject, error) {
	e, err := own(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	e.patch(*req.Body)
	if err := e.Validate(h.Settings); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, e); err != nil {
		return nil, err
	}
	return api.UpdateWebhookEndpoint200JSONResponse{Body: toEndpoint(e), Headers: api.UpdateWebhookEndpoint200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// RotateWebhookSecret gives out a new secret; the one before signs beside it for the time of grace.
func (h Handlers) RotateWebhookSecret(ctx context.Context, req api.RotateWebhookSecretRequestObject) (api.RotateWebhookSecretResponseObject, error) {
	e, err := own(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	secret := e.rotate(h.Vault, db.Now().Add(h.Settings.SecretGrace))
	if err := db.Save(ctx, e); err != nil {
		return nil, err
	}
	return api.RotateWebhookSecret200JSONResponse{Body: showing(e, secret), Headers: api.RotateWebhookSecret200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// PauseWebhookEndpoint stops the telling; nothing that happens meanwhile is lost.
func (Handlers) PauseWebhookEndpoint(ctx context.Context, req api.PauseWebhookEndpointRequestObject) (api.PauseWebhookEndpointResponseObject, error) {
	e, err := db.Lock[Endpoint](ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := e.running(); err != nil {
		return nil, err
	}
	e.stop(paused, byHand)
	if err := db.Save(ctx, e); err != nil {
		return nil, err
	}
	return api.PauseWebhookEndpoint200JSONResponse{Body: toEndpoint(e), Headers: api.PauseWebhookEndpoint200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// ResumeWebhookEndpoint goes on with the message at which the endpoint stopped.
func (Handlers) ResumeWebhookEndpoint(ctx context.Context, req api.ResumeWebhookEndpointRequestObject) (api.ResumeWebhookEndpointResponseObject, error) {
	e, err := own(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if e.Status == active {
		return nil, fault.State(e.Status, "The endpoint is active already.")
	}
	e.Status, e.Reason = active, ""
	if err := db.Save(ctx, e); err != nil {
		return nil, err
	}
	if err := again(ctx, e.ID); err != nil {
		return nil, err
	}
	return api.ResumeWebhookEndpoint200JSONResponse{Body: toEndpoint(e), Headers: api.ResumeWebhookEndpoint200ResponseHeaders{ETag: wire.ETag(e.Version)}}, nil
}

// TestWebhookEndpoint puts a test event in line.
func (Handlers) TestWebhookEndpoint(ctx context.Context, req api.TestWebhookEndpointRequestObject) (api.TestWebhookEndpointResponseObject, error) {
	e, err := seen(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if err := e.running(); err != nil {
		return nil, err
	}
	d, err := testing(e)
	if err != nil {
		return nil, err
	}
	if err := db.Insert(ctx, d); err != nil {
		return nil, err
	}
	return api.TestWebhookEndpoint202JSONResponse(toDelivery(d)), nil
}

// ListWebhookDeliveries returns one page of what an endpoint was told.
func (Handlers) ListWebhookDeliveries(ctx context.Context, req api.ListWebhookDeliveriesRequestObject) (api.ListWebhookDeliveriesResponseObject, error) {
	if _, err := seen(ctx, req.ID); err != nil {
		return nil, err
	}
	p := req.Params
	f := db.Conditions{}.And("endpoint_id = ?", req.ID)
	f = db.When(f, "status = ?", p.Status)
	f = db.When(f, "type = ?", p.Type)
	page, err := listDeliveries(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-at"), f)
	if err != nil {
		return nil, err
	}
	return api.ListWebhookDeliveries200JSONResponse{Data: wire.Each(page.Rows, toDelivery), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// ReplayWebhookEvents puts messages in line again.
func (Handlers) ReplayWebhookEvents(ctx context.Context, req api.ReplayWebhookEventsRequestObject) (api.ReplayWebhookEventsResponseObject, error) {
	chosen := fromReplay(*req.Body)
	if err := chosen.validate(); err != nil {
		return nil, err
	}
	if _, err := seen(ctx, req.ID); err != nil {
		return nil, err
	}
	n, err := chosen.replay(ctx, req.ID)
	return api.ReplayWebhookEvents202JSONResponse{Messages: n}, err
}
