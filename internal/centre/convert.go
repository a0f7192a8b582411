package centre

import (
	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

func toCentre(c *Centre) api.Centre {
	return api.Centre{
		ID: c.ID, Version: c.Version, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
		Code: c.Code, Name: c.Name, OrganisationID: c.OrganisationID, Country: c.Country, Pcode: wire.Opt(c.Pcode),
		Latitude: c.Latitude, Longitude: c.Longitude, TimeZone: c.TimeZone, Languages: wire.List([]string(c.Languages)),
		Typologies: wire.List([]string(c.Typologies)), PrimaryTypology: wire.Opt(c.PrimaryTypology),
		AccessModes: wire.List([]string(c.AccessModes)), Services: wire.List([]string(c.Services)),
		Capacity: c.Capacity, SiteAreaM2: c.SiteAreaM2, LivingAreaM2: c.LivingAreaM2, Toilets: c.Toilets, Showers: c.Showers,
		WaterLitresPerDay: c.WaterLitresPerDay, Phase: c.Phase, ManagementModel: c.ManagementModel,
	}
}

func fromCentreCreate(b api.CentreCreate) Centre {
	return Centre{
		Global: db.NewGlobal(b.ID), OrganisationID: b.OrganisationID, Code: b.Code, Name: b.Name, Country: b.Country,
		Pcode: wire.Value(b.Pcode), Latitude: b.Latitude, Longitude: b.Longitude, TimeZone: b.TimeZone,
		Languages: b.Languages, Typologies: b.Typologies, PrimaryTypology: wire.Value(b.PrimaryTypology),
		AccessModes: b.AccessModes, Services: b.Services, Capacity: b.Capacity, SiteAreaM2: b.SiteAreaM2,
		LivingAreaM2: b.LivingAreaM2, Toilets: b.Toilets, Showers: b.Showers, WaterLitresPerDay: b.WaterLitresPerDay,
		Phase: b.Phase, ManagementModel: b.ManagementModel,
	}
}

func (c *Centre) patch(b api.CentrePatch) {
	wire.Set(&c.Name, b.Name)
	wire.SetNull(&c.OrganisationID, b.OrganisationID)
	wire.Clear(&c.Pcode, b.Pcode)
	wire.SetNull(&c.Latitude, b.Latitude)
	wire.SetNull(&c.Longitude, b.Longitude)
	wire.Set(&c.TimeZone, b.TimeZone)
	wire.SetList(&c.Languages, b.Languages)
	wire.SetList(&c.Typologies, b.Typologies)
	wire.Clear(&c.PrimaryTypology, b.PrimaryTypology)
	wire.SetList(&c.AccessModes, b.AccessModes)
	wire.SetList(&c.Services, b.Services)
	wire.SetNull(&c.Capacity, b.Capacity)
	wire.SetNull(&c.SiteAreaM2, b.SiteAreaM2)
	wire.SetNull(&c.LivingAreaM2, b.LivingAreaM2)
	wire.SetNull(&c.Toilets, b.Toilets)
	wire.SetNull(&c.Showers, b.Showers)
	wire.SetNull(&c.WaterLitresPerDay, b.WaterLitresPerDay)
}
