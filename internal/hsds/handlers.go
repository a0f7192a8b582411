package hsds

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// GetHsdsIndex tells which version of HSDS this is.
func (h Handlers) GetHsdsIndex(context.Context, api.GetHsdsIndexRequestObject) (api.GetHsdsIndexResponseObject, error) {
	return api.GetHsdsIndex200JSONResponse{Version: "3.0", Profile: "https://docs.openreferral.org/en/v3.0.1/hsds/overview.html", OpenapiURL: h.PublicURL + "/openapi.json"}, nil
}

// ListHsdsServices returns one page of public services.
func (Handlers) ListHsdsServices(ctx context.Context, req api.ListHsdsServicesRequestObject) (api.ListHsdsServicesResponseObject, error) {
	p := req.Params
	f := filter{search: p.Search, term: p.TaxonomyTermID, taxonomy: p.TaxonomyID, organisation: p.OrganizationID, modified: p.ModifiedAfter}
	found, err := page[service](ctx, *p.Page, *p.PerPage, "name, id", f.services)
	if err != nil {
		return nil, err
	}
	n, err := around(ctx, found.rows)
	if err != nil {
		return nil, err
	}
	contents := wire.Each(found.rows, func(s *service) api.HsdsService {
		switch {
		case wire.Value(p.Minimal):
			return brief(s)
		case wire.Value(p.Full):
			return toFullService(s, n)
		}
		return toService(s, n.providers[s.OrganisationID])
	})
	return api.ListHsdsServices200JSONResponse{TotalItems: found.total, TotalPages: found.pages(), PageNumber: found.number, Size: len(contents), FirstPage: found.first(), LastPage: found.last(), Empty: len(contents) == 0, Contents: contents}, nil
}

// GetHsdsService returns a service with all that belongs to it.
func (Handlers) GetHsdsService(ctx context.Context, req api.GetHsdsServiceRequestObject) (api.GetHsdsServiceResponseObject, error) {
	s, err := one[service](ctx, req.ID, filter{}.services)
	if err != nil {
		return nil, err
	}
	n, err := around(ctx, []service{*s})
	if err != nil {
		return nil, err
	}
	return api.GetHsdsService200JSONResponse(toFullService(s, n)), nil
}

// ListHsdsOrganizations returns one page of providers.
func (Handlers) ListHsdsOrganizations(ctx context.Context, req api.ListHsdsOrganizationsRequestObject) (api.ListHsdsOrganizationsResponseObject, error) {
	p := req.Params
	f := filter{search: p.Search, term: p.TaxonomyTermID, taxonomy: p.TaxonomyID}
	found, err := page[provider](ctx, *p.Page, *p.PerPage, "name, id", f.providers)
	if err != nil {
		return nil, err
	}
	contents := wire.Each(found.rows, toOrganisation)
	if wire.Value(p.Full) || wire.Value(p.FullService) {
		if contents, err = nested(ctx, found.rows, wire.Value(p.FullService)); err != nil {
			return nil, err
		}
	}
	return api.ListHsdsOrganizations200JSONResponse{TotalItems: found.total, TotalPages: found.pages(), PageNumber: found.number, Size: len(contents), FirstPage: found.first(), LastPage: found.last(), Empty: len(contents) == 0, Contents: contents}, nil
}

// GetHsdsOrganization returns a provider with its services.
func (Handlers) GetHsdsOrganization(ctx context.Context, req api.GetHsdsOrganizationRequestObject) (api.GetHsdsOrganizationResponseObject, error) {
	o, err := one[provider](ctx, req.ID, filter{}.providers)
	if err != nil {
		return nil, err
	}
	contents, err := nested(ctx, []provider{*o}, wire.Value(req.Params.FullService))
	if err != nil {
		return nil, err
	}
	return api.GetHsdsOrganization200JSONResponse(contents[0]), nil
}

// nested writes providers with their services, fully where that was asked for.
func nested(ctx context.Context, list []provider, fully bool) ([]api.HsdsOrganization, error) {
	services, err := served(ctx, list)
	if err != nil {
		return nil, err
	}
	var n *nest
	if fully {
		var all []service
		for _, of := range services {
			all = append(all, of...)
		}
		read, err := around(ctx, all)
		if err != nil {
			return nil, err
		}
		n = &read
	}
	return wire.Each(list, func(p *provider) api.HsdsOrganization { return toFullOrganisation(p, services[p.ID], n) }), nil
}

// ListHsdsServiceAtLocations returns one page of services by location.
func (Handlers) ListHsdsServiceAtLocations(ctx context.Context, req api.ListHsdsServiceAtLocationsRequestObject) (api.ListHsdsServiceAtLocationsResponseObject, error) {
	p := req.Params
	f := filter{search: p.Search, term: p.TaxonomyTermID, taxonomy: p.TaxonomyID, organisation: p.OrganizationID, modified: p.ModifiedAfter, place: p.Postcode}
	found, err := page[site](ctx, *p.Page, *p.PerPage, "service_id, location_id", f.sites)
	if err != nil {
		return nil, err
	}
	contents, err := located(ctx, found.rows, wire.Value(p.Full))
	if err != nil {
		return nil, err
	}
	return api.ListHsdsServiceAtLocations200JSONResponse{TotalItems: found.total, TotalPages: found.pages(), PageNumber: found.number, Size: len(contents), FirstPage: found.first(), LastPage: found.last(), Empty: len(contents) == 0, Contents: contents}, nil
}

// GetHsdsServiceAtLocation returns a service at a location.
func (Handlers) GetHsdsServiceAtLocation(ctx context.Context, req api.GetHsdsServiceAtLocationRequestObject) (api.GetHsdsServiceAtLocationResponseObject, error) {
	at, err := one[site](ctx, req.ID, filter{}.sites)
	if err != nil {
		return nil, err
	}
	contents, err := located(ctx, []site{*at}, true)
	if err != nil {
		return nil, err
	}
	return api.GetHsdsServiceAtLocation200JSONResponse(contents[0]), nil
}

// located writes sites; in the form of lists without what is many of one.
func located(ctx context.Context, list []site, fully bool) ([]api.HsdsServiceAtLocation, error) {
	ids := wire.Each(list, func(s *site) any { return s.ServiceID })
	found, err := db.Find[service](ctx, func(q *gorm.DB) *gorm.DB { return filter{}.services(q).Where("id in ?", ids) })
	if err != nil {
		return nil, err
	}
	n, err := around(ctx, found)
	if err != nil {
		return nil, err
	}
	return wire.Each(list, func(at *site) api.HsdsServiceAtLocation { return n.located(at, found, fully) }), nil
}

func (n nest) located(at *site, services []service, fully bool) api.HsdsServiceAtLocation {
	s := &services[slices.IndexFunc(services, func(s service) bool { return s.ID == at.ServiceID })]
	out := toSite(at, s, n.locations[at.LocationID])
	out.Service = wire.Ptr(toService(s, n.providers[s.OrganisationID]))
	if !fully {
		out.Schedules, out.Location.Addresses, out.Location.Accessibility = nil, nil, nil
	}
	return out
}

// ListHsdsTaxonomies returns one page of taxonomies.
func (Handlers) ListHsdsTaxonomies(_ context.Context, req api.ListHsdsTaxonomiesRequestObject) (api.ListHsdsTaxonomiesResponseObject, error) {
	p := req.Params
	all := slices.DeleteFunc(slices.Clone(shipped().all), func(t api.HsdsTaxonomy) bool { return !speaks(t.Name+" "+t.Description, p.Search) })
	found := cut(all, *p.Page, *p.PerPage)
	return api.ListHsdsTaxonomies200JSONResponse{TotalItems: found.total, TotalPages: found.pages(), PageNumber: found.number, Size: len(found.rows), FirstPage: found.first(), LastPage: found.last(), Empty: len(found.rows) == 0, Contents: found.rows}, nil
}

// GetHsdsTaxonomy returns a taxonomy.
func (Handlers) GetHsdsTaxonomy(_ context.Context, req api.GetHsdsTaxonomyRequestObject) (api.GetHsdsTaxonomyResponseObject, error) {
	for _, t := range shipped().all {
		if t.ID.String() == req.ID {
			return api.GetHsdsTaxonomy200JSONResponse(t), nil
		}
	}
	return nil, fault.Missing()
}

// ListHsdsTaxonomyTerms returns one page of terms.
func (Handlers) ListHsdsTaxonomyTerms(_ context.Context, req api.ListHsdsTaxonomyTermsRequestObject) (api.ListHsdsTaxonomyTermsResponseObject, error) {
	p := req.Params
	is := func(id interface{ String() string }, wanted *string) bool {
		return wanted == nil || id.String() == *wanted
	}
	all := []api.HsdsTaxonomyTerm{}
	for _, t := range shipped().terms {
		if is(t.taxonomy, p.TaxonomyID) && is(t.parent, p.ParentID) && (!wire.Value(p.TopOnly) || t.shown.ParentID == nil) && speaks(t.shown.Name+" "+t.shown.Description, p.Search) {
			all = append(all, t.shown)
		}
	}
	found := cut(all, *p.Page, *p.PerPage)
	return api.ListHsdsTaxonomyTerms200JSONResponse{TotalItems: found.total, TotalPages: found.pages(), PageNumber: found.number, Size: len(found.rows), FirstPage: found.first(), LastPage: found.last(), Empty: len(found.rows) == 0, Contents: found.rows}, nil
}

// GetHsdsTaxonomyTerm returns a term.
func (Handlers) GetHsdsTaxonomyTerm(_ context.Context, req api.GetHsdsTaxonomyTermRequestObject) (api.GetHsdsTaxonomyTermResponseObject, error) {
	t := shipped().find(req.ID)
	if t == nil {
		return nil, fault.Missing()
	}
	return api.GetHsdsTaxonomyTerm200JSONResponse(t.shown), nil
}
