package servicemap

import (
	"cmp"
	"context"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/export"
	"github.com/waystation/waystation/internal/pcode"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct {
	Permissions *auth.Permissions
	VerifyEvery int // days after which a verification is due again
}

// ListServices searches the service map.
func (Handlers) ListServices(ctx context.Context, req api.ListServicesRequestObject) (api.ListServicesResponseObject, error) {
	p := req.Params
	s, err := searchOf(p)
	if err != nil {
		return nil, err
	}
	standard := "name"
	if s.near != nil {
		standard = "distance"
	}
	if export.Wanted(ctx) {
		return exportServices(ctx, s, cmp.Or(string(wire.Value(p.Sort)), standard)), export.Whole(p.Cursor, p.IncludeTotal)
	}
	page, err := s.page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, standard))
	if err != nil {
		return nil, err
	}
	return api.ListServices200JSONResponse{Data: wire.Each(page.Rows, toFound), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

func searchOf(p api.ListServicesParams) (s search, err error) {
	if p.Near != nil {
		at, err := parsePoint(*p.Near)
		if err != nil {
			return s, err
		}
		s.near, s.radiusKm = &at, p.RadiusKm
	} else if p.RadiusKm != nil {
		return s, unplaced("radius_km", "nowhere", "A radius needs near.")
	}
	f := conditionsOf(p)
	f = whenTrue(f, overdue, p.Stale)
	s.Conditions = whenTrue(f, suggestible, p.Suggested)
	return s, nil
}

func conditionsOf(p api.ListServicesParams) db.Conditions {
	f := db.Conditions{}
	f = db.When(f, "organisation_id = ?", p.OrganisationID)
	f = db.When(f, "id = any (array(select service_id from service_sites where location_id = ?))", p.LocationID)
	f = db.When(f, "? in (type, split_part(type, '.', 1))", p.Type)
	f = db.When(f, "status = ?", p.Status)
	f = db.When(f, "? = any (languages)", p.Language)
	if p.Pcode != nil {
		f = f.And(inRegion, map[string]any{"pcode": *p.Pcode, "around": db.Strings(pcode.Around(*p.Pcode))})
	}
	f = db.When(f, "strpos(lower(unaccent(name || ' ' || description)), lower(unaccent(?))) > 0", p.Q)
	f = db.When(f, "sites_open_at(sites, ?)", p.OpenAt)
	f = db.When(f, "(sexes = '{}' or ? = any (sexes))", p.Sex)
	f = db.When(f, "? between coalesce(minimum_age, 0) and coalesce(maximum_age, 1000)", p.Age)
	f = db.When(f, "(population_types = '{}' or ? = any (population_types))", p.PopulationType)
	return db.When(f, "(nationalities = '{}' or ? = any (nationalities))", p.Nationality)
}

// whenTrue keeps what a condition holds for, or what it does not, as the caller asked.
func whenTrue(f db.Conditions, sql string, wanted *bool) db.Conditions {
	return db.When(f, "("+sql+") = ?", wanted)
}

// CreateService enters a service, verified now.
func (h Handlers) CreateService(ctx context.Context, req api.CreateServiceRequestObject) (api.CreateServiceResponseObject, error) {
	s, err := h.enter(ctx, *req.Body)
	if err != nil {
		return nil, err
	}
	return api.CreateService201JSONResponse{Body: toService(s), Headers: api.CreateService201ResponseHeaders{
		ETag: wire.ETag(s.Version), Location: "/v1/services/" + s.ID.String()}}, nil
}

// enter stores a new service.
func (h Handlers) enter(ctx context.Context, b api.ServiceCreate) (*Service, error) {
	provider, err := providerOf(ctx, b.OrganisationID)
	if err != nil {
		return nil, err
	}
	s := fromCreate(b, provider)
	s.verify(ctx, "", h.VerifyEvery)
	if err := s.judge(ctx); err != nil {
		return nil, err
	}
	return s, db.Insert(ctx, s)
}

// GetService returns one service.
func (Handlers) GetService(ctx context.Context, req api.GetServiceRequestObject) (api.GetServiceResponseObject, error) {
	s, err := db.Get[Service](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetService200JSONResponse{Body: toService(s), Headers: api.GetService200ResponseHeaders{ETag: wire.ETag(s.Version)}}, nil
}

// UpdateService applies a merge patch to a service.
func (Handlers) UpdateService(ctx context.Context, req api.UpdateServiceRequestObject) (api.UpdateServiceResponseObject, error) {
	s, err := change(ctx, req.ID, req.Params.IfMatch, func(s *Service) { s.patch(*req.Body) })
	if err != nil {
		return nil, err
	}
	return api.UpdateService200JSONResponse{Body: toService(s), Headers: api.UpdateService200ResponseHeaders{ETag: wire.ETag(s.Version)}}, nil
}

// VerifyService records that somebody made sure of a service.
func (h Handlers) VerifyService(ctx context.Context, req api.VerifyServiceRequestObject) (api.VerifyServiceResponseObject, error) {
	s, err := change(ctx, req.ID, req.Params.IfMatch, func(s *Service) { s.verify(ctx, req.Body.Note, h.VerifyEvery) })
	if err != nil {
		return nil, err
	}
	return api.VerifyService200JSONResponse{Body: toService(s), Headers: api.VerifyService200ResponseHeaders{ETag: wire.ETag(s.Version)}}, nil
}

// ListServiceChanges returns one page of a service's history.
func (Handlers) ListServiceChanges(ctx context.Context, req api.ListServiceChangesRequestObject) (api.ListServiceChangesResponseObject, error) {
	p := req.Params
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-version"), changeSorts,
		func(q *gorm.DB) *gorm.DB { return q.Where("service_id = ?", req.ID) })
	if err != nil {
		return nil, err
	}
	if len(page.Rows) == 0 {
		if _, err := db.Get[Service](ctx, req.ID); err != nil {
			return nil, err
		}
	}
	return api.ListServiceChanges200JSONResponse{Data: wire.Each(page.Rows, toChange), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}
