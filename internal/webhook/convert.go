package webhook

import (
	"strconv"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

func toEndpoint(e *Endpoint) api.WebhookEndpoint { return showing(e, "") }

// showing is the answer that gives out a secret.
func showing(e *Endpoint, secret string) api.WebhookEndpoint {
	return api.WebhookEndpoint{
		ID: e.ID, Version: e.Version, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt, OwnerID: e.OwnerID, OwnerKind: api.WebhookEndpointOwnerKind(e.OwnerKind),
		OrganisationID: e.OrganisationID, CentreID: e.Follows, URL: e.URL, Description: wire.Opt(e.Description), Types: wire.List([]string(e.Types)),
		Status: api.WebhookEndpointStatus(e.Status), Reason: wire.Opt(api.WebhookEndpointReason(e.Reason)), Secret: wire.Opt(secret),
		PreviousSecretUntil: e.PreviousSecretUntil, SucceededAt: e.SucceededAt, FailingSince: e.FailingSince,
	}
}

func fromCreate(b api.WebhookEndpointCreate, owner *auth.Principal) *Endpoint {
	e := &Endpoint{
		Global: db.NewGlobal(b.ID), OwnerID: owner.ID, OwnerKind: string(owner.Kind), OrganisationID: wire.Opt(owner.OrganisationID), Follows: b.CentreID,
		URL: b.URL, Description: wire.Value(b.Description), Types: b.Types, Status: active,
	}
	e.CursorAt = e.CreatedAt
	return e
}

func (e *Endpoint) patch(p api.WebhookEndpointPatch) {
	wire.Set(&e.URL, p.URL)
	wire.Clear(&e.Description, p.Description)
	wire.SetList(&e.Types, p.Types)
}

func toDelivery(d *Delivery) api.WebhookDelivery {
	out := api.WebhookDelivery{
		ID: d.ID, Type: d.Type, Resource: d.Resource, ResourceID: d.SubjectID, At: d.At, Status: api.WebhookDeliveryStatus(d.Status), Attempts: d.Attempts,
		EndedAt: d.EndedAt, Log: wire.Each(d.Log.V, toAttempt),
	}
	if d.EventID != nil {
		out.EventID = wire.Ptr(strconv.FormatInt(*d.EventID, 10))
	}
	if d.Status == pending {
		out.NextAttemptAt = &d.NextAttemptAt
	}
	return out
}

func toAttempt(a *Attempt) api.WebhookAttempt {
	return api.WebhookAttempt{At: a.At, Status: wire.Opt(a.Status), Error: wire.Opt(api.WebhookAttemptError(a.Error)), Milliseconds: a.Milliseconds}
}

func fromReplay(b api.WebhookReplay) selection {
	s := selection{from: b.From, until: b.Until}
	for _, text := range b.EventIds {
		id, _ := strconv.ParseInt(text, 10, 64) // digits alone, as the contract says
		s.events = append(s.events, id)
	}
	return s
}
