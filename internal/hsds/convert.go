package hsds

import (
	"cmp"
	"net/mail"
	"net/url"
	"strconv"

	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/pcode"
	"github.com/waystation/waystation/internal/servicemap"
	"github.com/waystation/waystation/internal/wire"
)

// toService writes a service in the form of lists: with its provider and nothing else that belongs to it.
func toService(s *service, p *provider) api.HsdsService {
	out := brief(s)
	out.OrganizationID, out.Description, out.Email = &s.OrganisationID, wire.Opt(s.Description), email(s.ContactEmail)
	out.InterpretationServices, out.ApplicationProcess, out.FeesDescription = wire.Opt(s.Interpretation), wire.Opt(s.NextStep), wire.Opt(s.Cost)
	out.EligibilityDescription, out.MinimumAge, out.MaximumAge = wire.Opt(s.IntakeCriteria), number(s.MinimumAge), number(s.MaximumAge)
	out.AssuredDate = wire.Ptr(wire.ToDate(db.NewDate(s.VerifiedAt)))
	if s.Stale(db.Now()) {
		out.Alert = wire.Ptr("The last verification of this entry is too long ago: ask before relying on it.")
	}
	if p != nil {
		out.Organization = wire.Ptr(toOrganisation(p))
	}
	return out
}

// brief is the least that names a service.
func brief(s *service) api.HsdsService {
	return api.HsdsService{ID: s.ID, Name: s.Name, Status: api.HsdsServiceStatus(s.Status), LastModified: &s.LastModified}
}

// toFullService nests all that belongs to a service.
func toFullService(s *service, n nest) api.HsdsService {
	out := toService(s, n.providers[s.OrganisationID])
	for _, code := range s.Languages {
		out.Languages = append(out.Languages, api.HsdsLanguage{ID: derived(s.ID, "language "+code), ServiceID: &s.ID, Code: wire.Ptr(code)})
	}
	for _, code := range s.DocumentsRequired {
		out.RequiredDocuments = append(out.RequiredDocuments, api.HsdsRequiredDocument{ID: derived(s.ID, "document "+code), ServiceID: &s.ID, Document: wire.Ptr(code)})
	}
	for _, code := range s.CoveragePcodes {
		out.ServiceAreas = append(out.ServiceAreas, api.HsdsServiceArea{ID: derived(s.ID, "area "+code), ServiceID: &s.ID, Name: wire.Ptr(pcode.Name(code)), Extent: wire.Ptr(code), ExtentType: wire.Ptr("text")})
	}
	for _, t := range shipped().of(s) {
		out.Attributes = append(out.Attributes, api.HsdsAttribute{ID: derived(s.ID, t.id.String()), LinkID: &s.ID, LinkEntity: wire.Ptr("service"), TaxonomyTermID: wire.Ptr(t.id), TaxonomyTerm: wire.Ptr(t.shown)})
	}
	if s.ContactPhone != "" {
		out.Phones = []api.HsdsPhone{{ID: derived(s.ID, "phone"), ServiceID: &s.ID, Number: s.ContactPhone}}
	}
	if s.ContactOffice != "" {
		out.Contacts = []api.HsdsContact{{ID: derived(s.ID, "contact"), ServiceID: &s.ID, Department: &s.ContactOffice, Email: email(s.ContactEmail)}}
	}
	for _, at := range n.sites[s.ID] {
		out.ServiceAtLocations = append(out.ServiceAtLocations, toSite(&at, s, n.locations[at.LocationID]))
	}
	return out
}

func toOrganisation(p *provider) api.HsdsOrganization {
	out := api.HsdsOrganization{ID: p.ID, Name: p.Name, Description: cmp.Or(p.Description, p.Name), Email: email(p.Email)}
	if at, err := url.Parse(p.Website); err == nil && at.IsAbs() {
		out.Website = &p.Website
	}
	return out
}

// toFullOrganisation nests the services of a provider, with all that belongs to those where they were asked for.
func toFullOrganisation(p *provider, services []service, n *nest) api.HsdsOrganization {
	out := toOrganisation(p)
	if p.Phone != "" {
		out.Phones = []api.HsdsPhone{{ID: derived(p.ID, "phone"), OrganizationID: &p.ID, Number: p.Phone}}
	}
	for i := range services {
		if n != nil {
			out.Services = append(out.Services, toFullService(&services[i], *n))
		} else {
			out.Services = append(out.Services, brief(&services[i]))
		}
	}
	return out
}

// toSite writes a service at a location, with its schedules.
func toSite(at *site, s *service, l *servicemap.Location) api.HsdsServiceAtLocation {
	out := api.HsdsServiceAtLocation{ID: at.ID, ServiceID: at.ServiceID, LocationID: at.LocationID, Location: wire.Ptr(toLocation(l, s))}
	for _, one := range s.Sites.V {
		if one.LocationID == at.LocationID {
			out.Schedules = schedules(at, one)
		}
	}
	return out
}

func toLocation(l *servicemap.Location, s *service) api.HsdsLocation {
	out := api.HsdsLocation{
		ID: l.ID, LocationType: api.HsdsLocationLocationTypePhysical, OrganizationID: &l.OrganisationID, Name: wire.Opt(l.Name), Latitude: l.Latitude, Longitude: l.Longitude,
		ExternalIdentifier: wire.Opt(cmp.Or(l.Pcode, l.Admin1Pcode)), ExternalIdentifierType: wire.Ptr("OCHA P-code"),
	}
	if l.Confidential {
		out.Description = wire.Ptr("Confidential: ask the provider.")
		return out
	}
	if l.Address != "" {
		out.Addresses = []api.HsdsAddress{{
			ID: derived(l.ID, "address"), LocationID: &l.ID, Address1: l.Address, City: pcode.Name(cmp.Or(l.Pcode, l.Admin1Pcode)), StateProvince: pcode.Name(l.Admin1Pcode),
			Country: alpha2(l.Admin1Pcode), AddressType: api.HsdsAddressAddressTypePhysical,
		}}
	}
	if s.Accessibility != "" {
		out.Accessibility = []api.HsdsAccessibility{{ID: derived(l.ID, "accessibility "+s.ID.String()), LocationID: &l.ID, Description: &s.Accessibility}}
	}
	return out
}

// alpha2 is the code of the country that an area lies in, empty where it is not known.
func alpha2(area string) string {
	above := pcode.Around(area)
	countries, _ := codelist.Get("country")
	for _, c := range countries.Entries {
		if c.Code == above[len(above)-1] {
			return c.Extra["alpha_2"]
		}
	}
	return ""
}

// schedules writes hours as rules of iCalendar, and each exception as a schedule that is valid for its day alone.
func schedules(at *site, s servicemap.Site) (list []api.HsdsSchedule) {
	for i, h := range s.Hours {
		one := api.HsdsSchedule{
			ID: derived(at.ID, "hours "+strconv.Itoa(i)), ServiceAtLocationID: &at.ID, Freq: wire.Ptr(api.HsdsScheduleFreq(cmp.Or(h.Frequency, "WEEKLY"))), Byday: wire.Ptr(h.Weekday),
			OpensAt: wire.Ptr(h.OpensAt), ClosesAt: wire.Ptr(h.ClosesAt), Dtstart: wire.ToOptDate(h.StartsOn), Until: wire.ToOptDate(h.EndsOn), Interval: wire.Ptr(float32(max(1, h.Interval))),
		}
		if h.Ordinal != 0 {
			one.Byday = wire.Ptr(strconv.Itoa(h.Ordinal) + h.Weekday)
		}
		list = append(list, one)
	}
	for i, e := range s.Exceptions {
		day := wire.ToDate(e.On)
		one := api.HsdsSchedule{ID: derived(at.ID, "exception "+strconv.Itoa(i)), ServiceAtLocationID: &at.ID, ValidFrom: &day, ValidTo: &day, OpensAt: wire.Opt(e.OpensAt), ClosesAt: wire.Opt(e.ClosesAt)}
		if e.OpensAt == "" {
			one.Notes = wire.Ptr("Closed on this day.")
		}
		list = append(list, one)
	}
	return list
}

// email writes an address that is one; HSDS takes no other.
func email(address string) *openapi_types.Email {
	if _, err := mail.ParseAddress(address); err != nil {
		return nil
	}
	return wire.Ptr(openapi_types.Email(address))
}

func number(n *int) *float32 {
	if n == nil {
		return nil
	}
	return wire.Ptr(float32(*n))
}
