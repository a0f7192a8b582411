package webhook

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/account"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/fault"
)

// partnerScopes say which scope of a partner's system opens which events of its organisation.
var partnerScopes = map[string]string{"referral": "partner:referrals", "service": "partner:services", "hold": "partner:services"}

// sight is what an endpoint may be told: what its owner may see, now.
type sight struct {
	may    *auth.Permissions
	owner  *auth.Principal
	centre uuid.UUID // zero for a partner
}

// sightOf asks what the owner of an endpoint may see now; nil where they may not have endpoints any more.
func (t *Teller) sightOf(ctx context.Context, e *Endpoint) (*sight, error) {
	owner, err := account.Standing(ctx, auth.Kind(e.OwnerKind), e.OwnerID)
	if err != nil || owner == nil {
		return nil, err
	}
	s := &sight{may: t.may, owner: owner}
	scope := "partner:webhooks"
	if e.Follows != nil {
		s.centre, scope = *e.Follows, "webhooks:write"
	}
	if !t.may.Allows(owner, s.centre, scope) {
		return nil, nil
	}
	return s, nil
}

// opens tells whether the owner may see changes of a resource.
func (s *sight) opens(resource string) bool {
	scope := partnerScopes[resource]
	if s.centre != uuid.Nil {
		scope = events.Resources()[resource]
	}
	return s.may.Allows(s.owner, s.centre, scope)
}

func (s *sight) shows(d *Delivery) bool { return d.EventID == nil || s.opens(d.Resource) }

// page reads on in the endpoint's feed. A place that the database no longer knows, as after it was set back, is given up
// for this moment.
func (s *sight) page(ctx context.Context, e *Endpoint) (page events.Page, err error) {
	if s.centre != uuid.Nil {
		page, err = events.Visible(ctx, s.may, s.owner, s.centre, e.Types, e.Cursor, batch)
	} else {
		page, err = events.Since(ctx, *e.OrganisationID, e.Cursor, batch)
		page.Changes = slices.DeleteFunc(page.Changes, func(c events.Change) bool { return !e.wants(c.Type) || !s.opens(c.Resource) })
	}
	if fault.Is(err, fault.Gone) {
		page = events.Page{}
		page.Next, err = events.Now(ctx)
	}
	return page, err
}
