package agreement

import (
	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

func toAgreement(a *Agreement) api.Agreement {
	return api.Agreement{
		ID: a.ID, Version: a.Version, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, CentreID: a.PartyID, OrganisationID: a.OrganisationID, Purpose: a.Purpose,
		Fields: wire.Each(a.Fields, func(f *string) api.DisclosedField { return api.DisclosedField(*f) }), SensitivityCeiling: api.AgreementSensitivityCeiling(a.SensitivityCeiling),
		Channels: wire.List([]string(a.Channels)), RetentionDays: a.RetentionDays, SubSharing: a.SubSharing, AuditRight: a.AuditRight,
		BreachContact: toContact(a.BreachContact.V), BreachNoticeHours: a.BreachNoticeHours, AcknowledgeHours: toHours(a.AcknowledgeHours.V), DecisionHours: toHours(a.DecisionHours.V),
		StartsOn: wire.ToDate(a.StartsOn), EndsOn: wire.ToOptDate(a.EndsOn), Status: api.AgreementStatus(a.Status), InForce: a.inForce(db.NewDate(db.Now())),
	}
}

func fromCreate(b api.AgreementCreate) *Agreement {
	a := &Agreement{
		Global: db.NewGlobal(b.ID), PartyID: b.CentreID, OrganisationID: b.OrganisationID, Purpose: b.Purpose, Fields: fromFields(b.Fields),
		SensitivityCeiling: string(b.SensitivityCeiling), Channels: b.Channels, RetentionDays: b.RetentionDays, SubSharing: wire.Value(b.SubSharing), AuditRight: wire.Value(b.AuditRight),
		BreachNoticeHours: wire.Value(b.BreachNoticeHours), StartsOn: wire.Date(b.StartsOn), EndsOn: wire.OptDate(b.EndsOn), Status: draft,
	}
	a.BreachContact.V = fromContact(b.BreachContact)
	a.AcknowledgeHours.V, a.DecisionHours.V = fromHours(b.AcknowledgeHours), fromHours(b.DecisionHours)
	return a
}

func (a *Agreement) patch(p api.AgreementPatch) {
	wire.Set(&a.Purpose, p.Purpose)
	wire.SetList(&a.Fields, fromFields(p.Fields))
	wire.Set(&a.SensitivityCeiling, (*string)(p.SensitivityCeiling))
	wire.SetList(&a.Channels, p.Channels)
	wire.Set(&a.RetentionDays, p.RetentionDays)
	wire.Set(&a.SubSharing, p.SubSharing)
	wire.Set(&a.AuditRight, p.AuditRight)
	wire.Set(&a.BreachNoticeHours, p.BreachNoticeHours)
	if p.BreachContact != nil {
		a.BreachContact.V = fromContact(*p.BreachContact)
	}
	if p.AcknowledgeHours != nil {
		a.AcknowledgeHours.V = fromHours(p.AcknowledgeHours)
	}
	if p.DecisionHours != nil {
		a.DecisionHours.V = fromHours(p.DecisionHours)
	}
	if p.StartsOn != nil {
		a.StartsOn = wire.Date(*p.StartsOn)
	}
	if p.EndsOn.IsSpecified() {
		a.EndsOn = nil
		if day, err := p.EndsOn.Get(); err == nil {
			a.EndsOn = wire.Ptr(wire.Date(day))
		}
	}
}

func fromFields(list []api.DisclosedField) db.Strings {
	if list == nil {
		return nil
	}
	return db.Strings(wire.Each(list, func(f *api.DisclosedField) string { return string(*f) }))
}

func toContact(c Contact) api.AgreementContact {
	out := api.AgreementContact{Office: c.Office, Phone: wire.Opt(c.Phone)}
	if c.Email != "" {
		out.Email = wire.Ptr(openapi_types.Email(c.Email))
	}
	return out
}

func fromContact(c api.AgreementContact) Contact {
	return Contact{Office: c.Office, Email: string(wire.Value(c.Email)), Phone: wire.Value(c.Phone)}
}

func toHours(h map[string]int) api.AgreementHours {
	of := func(priority string) *int { return wire.Opt(h[priority]) }
	return api.AgreementHours{Emergency: of("emergency"), Urgent: of("urgent"), Normal: of("normal")}
}

func fromHours(h *api.AgreementHours) map[string]int {
	hours := map[string]int{}
	if h == nil {
		return hours
	}
	for priority, n := range map[string]*int{"emergency": h.Emergency, "urgent": h.Urgent, "normal": h.Normal} {
		if n != nil {
			hours[priority] = *n
		}
	}
	return hours
}
