package account

import (
	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

func toOrganisation(o *Organisation) api.Organisation {
	return api.Organisation{
		ID: o.ID, Version: o.Version, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
		Name: o.Name, Type: o.Type, Country: wire.Opt(o.Country), Email: wire.Opt(o.Email), Phone: wire.Opt(o.Phone),
		Website: wire.Opt(o.Website), Description: wire.Opt(o.Description), Active: o.Active,
	}
}

func fromOrganisationCreate(b api.OrganisationCreate) Organisation {
	return Organisation{
		Global: db.NewGlobal(b.ID), Name: b.Name, Type: b.Type, Country: wire.Value(b.Country), Email: wire.Value(b.Email),
		Phone: wire.Value(b.Phone), Website: wire.Value(b.Website), Description: wire.Value(b.Description), Active: true,
	}
}

func (o *Organisation) patch(b api.OrganisationPatch) {
	wire.Set(&o.Name, b.Name)
	wire.Set(&o.Type, b.Type)
	wire.Clear(&o.Country, b.Country)
	wire.Clear(&o.Email, b.Email)
	wire.Clear(&o.Phone, b.Phone)
	wire.Clear(&o.Website, b.Website)
	wire.Clear(&o.Description, b.Description)
	wire.Set(&o.Active, b.Active)
}
