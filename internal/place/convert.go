package place

import (
	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/wire"
)

func toCapacity(c *Capacity) api.ServiceCapacity {
	return api.ServiceCapacity{
		ServiceID: c.ID, Version: c.Version, UpdatedAt: c.UpdatedAt, Unit: wire.Opt(c.Unit), Maximum: c.Maximum, Elsewhere: c.Elsewhere, HoldHours: c.HoldHours,
		Held: c.Held, Taken: c.Taken, Waiting: c.Waiting, Free: c.Free(),
	}
}

func (c *Capacity) patch(p api.ServiceCapacityPatch) {
	wire.Clear(&c.Unit, p.Unit)
	wire.SetNull(&c.Maximum, p.Maximum)
	wire.Set(&c.Elsewhere, p.Elsewhere)
	wire.Set(&c.HoldHours, p.HoldHours)
}

func toHold(h *Hold) api.Hold {
	return api.Hold{
		ID: h.ID, Version: h.Version, CreatedAt: h.CreatedAt, UpdatedAt: h.UpdatedAt, ServiceID: h.ServiceID, OrganisationID: h.OrganisationID,
		ReferralID: h.ReferralID, CaseID: h.CaseID, CreatedBy: h.CreatedBy, Places: h.Places, Status: api.HoldStatus(h.Status), UntilAt: h.UntilAt,
		Position: h.Position, PromotedAt: h.PromotedAt, EndedAt: h.EndedAt,
	}
}

func toProviderHold(h *ProviderHold) api.ProviderHold {
	return api.ProviderHold{
		ID: h.ID, Version: h.Version, CreatedAt: h.CreatedAt, UpdatedAt: h.UpdatedAt, ServiceID: h.ServiceID, Places: h.Places, Status: api.HoldStatus(h.Status),
		UntilAt: h.UntilAt, Position: h.Position, PromotedAt: h.PromotedAt, EndedAt: h.EndedAt,
	}
}
