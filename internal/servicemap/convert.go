package servicemap

import (
	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

func toService(s *Service) api.Service {
	return api.Service{
		ID: s.ID, Version: s.Version, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, OrganisationID: s.OrganisationID, Name: s.Name, Type: s.Type,
		MhpssActivity: wire.Opt(s.MHPSSActivity), Description: wire.Opt(s.Description), Languages: wire.List([]string(s.Languages)), Cost: wire.Opt(s.Cost),
		Status: s.Status, Public: s.Public, Sexes: wire.List([]string(s.Sexes)), MinimumAge: s.MinimumAge, MaximumAge: s.MaximumAge,
		PopulationTypes: wire.List([]string(s.PopulationTypes)), Nationalities: wire.List([]string(s.Nationalities)), CoveragePcodes: wire.List([]string(s.CoveragePcodes)),
		ReferralMethods: wire.List([]string(s.ReferralMethods)), ContactOffice: wire.Opt(s.ContactOffice), ContactEmail: wire.Opt(s.ContactEmail), ContactPhone: wire.Opt(s.ContactPhone),
		AcknowledgeHours: s.AcknowledgeHours, DecisionHours: s.DecisionHours, Sites: wire.Each(s.Sites.V, toSite), VerifiedAt: s.VerifiedAt, VerifiedBy: s.VerifiedBy,
		ExternalCode: wire.Opt(s.ExternalCode), MigrationStatuses: wire.List([]string(s.MigrationStatuses)), SpecificNeeds: wire.List([]string(s.SpecificNeeds)),
		IntakeCriteria: wire.Opt(s.IntakeCriteria), RegistrationRequired: s.RegistrationRequired, DocumentsRequired: wire.List([]string(s.DocumentsRequired)),
		Interpretation: wire.Opt(s.Interpretation), AccessModes: wire.Each(s.AccessModes, func(m *string) api.ServiceAccessModes { return api.ServiceAccessModes(*m) }),
		Accessibility: wire.Opt(s.Accessibility), CoverageExtent: wire.Opt(s.CoverageExtent), Availability: wire.Opt(s.Availability), NextStep: wire.Opt(s.NextStep),
		FeedbackChannel: wire.Opt(s.FeedbackChannel), FeedbackDays: s.FeedbackDays, FundingEndsOn: wire.ToOptDate(s.FundingEndsOn), Source: wire.Opt(s.Source),
		VerificationNote: wire.Opt(s.VerificationNote), NextVerificationDueOn: wire.ToDate(s.NextVerificationDueOn), Stale: s.Stale(db.Now()),
	}
}

func toFound(f *found) api.Service {
	s := toService(&f.Service)
	s.DistanceKm = f.DistanceKm
	return s
}

func toSite(s *Site) api.ServiceSite {
	return api.ServiceSite{
		LocationID: s.LocationID,
		Hours: wire.Each(s.Hours, func(h *Hours) api.ServiceHours {
			return api.ServiceHours{Weekday: api.ServiceHoursWeekday(h.Weekday), OpensAt: h.OpensAt, ClosesAt: h.ClosesAt, Frequency: wire.Opt(api.ServiceHoursFrequency(h.Frequency)),
				Interval: wire.Opt(h.Interval), Ordinal: wire.Opt(h.Ordinal), StartsOn: wire.ToOptDate(h.StartsOn), EndsOn: wire.ToOptDate(h.EndsOn)}
		}),
		Exceptions: wire.Each(s.Exceptions, func(e *Exception) api.ServiceException {
			return api.ServiceException{On: wire.ToDate(e.On), OpensAt: wire.Opt(e.OpensAt), ClosesAt: wire.Opt(e.ClosesAt)}
		}),
	}
}

func fromSites(list []api.ServiceSite) []Site {
	return wire.Each(list, func(s *api.ServiceSite) Site {
		return Site{
			LocationID: s.LocationID,
			Hours: wire.Each(s.Hours, func(h *api.ServiceHours) Hours {
				return Hours{Weekday: string(h.Weekday), OpensAt: h.OpensAt, ClosesAt: h.ClosesAt, Frequency: string(wire.Value(h.Frequency)),
					Interval: wire.Value(h.Interval), Ordinal: wire.Value(h.Ordinal), StartsOn: wire.OptDate(h.StartsOn), EndsOn: wire.OptDate(h.EndsOn)}
			}),
			Exceptions: wire.Each(s.Exceptions, func(e *api.ServiceException) Exception {
				return Exception{On: wire.Date(e.On), OpensAt: wire.Value(e.OpensAt), ClosesAt: wire.Value(e.ClosesAt)}
			}),
		}
	})
}

func fromCreate(b api.ServiceCreate, provider uuid.UUID) *Service {
	s := &Service{
		Global: db.NewGlobal(b.ID), OrganisationID: provider, Name: b.Name, Type: b.Type, MHPSSActivity: wire.Value(b.MhpssActivity), Description: wire.Value(b.Description),
		Languages: b.Languages, Cost: wire.Value(b.Cost), Status: active, Public: b.Public == nil || *b.Public, Sexes: b.Sexes, MinimumAge: b.MinimumAge, MaximumAge: b.MaximumAge,
		PopulationTypes: b.PopulationTypes, Nationalities: b.Nationalities, CoveragePcodes: b.CoveragePcodes, ReferralMethods: b.ReferralMethods,
		ExternalCode: wire.Value(b.ExternalCode), MigrationStatuses: b.MigrationStatuses, SpecificNeeds: b.SpecificNeeds, IntakeCriteria: wire.Value(b.IntakeCriteria),
		RegistrationRequired: wire.Value(b.RegistrationRequired), DocumentsRequired: b.DocumentsRequired, Interpretation: wire.Value(b.Interpretation),
		AccessModes: modes(b.AccessModes), Accessibility: wire.Value(b.Accessibility), CoverageExtent: wire.Value(b.CoverageExtent), Availability: wire.Value(b.Availability),
		NextStep: wire.Value(b.NextStep), FeedbackChannel: wire.Value(b.FeedbackChannel), FeedbackDays: b.FeedbackDays, FundingEndsOn: wire.OptDate(b.FundingEndsOn), Source: wire.Value(b.Source),
		ContactOffice: wire.Value(b.ContactOffice), ContactEmail: wire.Value(b.ContactEmail), ContactPhone: wire.Value(b.ContactPhone),
		AcknowledgeHours: b.AcknowledgeHours, DecisionHours: b.DecisionHours,
	}
	wire.Set(&s.Status, b.Status)
	s.Sites.V = fromSites(b.Sites)
	return s
}

// modes are the ways to come to a service; nil where the caller gave none.
func modes[M ~string](given []M) db.Strings {
	var list db.Strings
	for _, m := range given {
		list = append(list, string(m))
	}
	if list == nil && given != nil {
		list = db.Strings{}
	}
	return list
}

func (s *Service) patch(p api.ServicePatch) {
	wire.Set(&s.Name, p.Name)
	wire.Set(&s.Type, p.Type)
	wire.Clear(&s.MHPSSActivity, p.MhpssActivity)
	wire.Clear(&s.Description, p.Description)
	wire.SetList(&s.Languages, p.Languages)
	wire.Clear(&s.Cost, p.Cost)
	wire.Set(&s.Status, p.Status)
	wire.Set(&s.Public, p.Public)
	wire.SetList(&s.Sexes, p.Sexes)
	wire.SetNull(&s.MinimumAge, p.MinimumAge)
	wire.SetNull(&s.MaximumAge, p.MaximumAge)
	wire.SetList(&s.PopulationTypes, p.PopulationTypes)
	wire.SetList(&s.Nationalities, p.Nationalities)
	wire.SetList(&s.CoveragePcodes, p.CoveragePcodes)
	wire.SetList(&s.ReferralMethods, p.ReferralMethods)
	wire.Clear(&s.ExternalCode, p.ExternalCode)
	wire.SetList(&s.MigrationStatuses, p.MigrationStatuses)
	wire.SetList(&s.SpecificNeeds, p.SpecificNeeds)
	wire.Clear(&s.IntakeCriteria, p.IntakeCriteria)
	wire.Set(&s.RegistrationRequired, p.RegistrationRequired)
	wire.SetList(&s.DocumentsRequired, p.DocumentsRequired)
	wire.Clear(&s.Interpretation, p.Interpretation)
	wire.SetList(&s.AccessModes, modes(p.AccessModes))
	wire.Clear(&s.Accessibility, p.Accessibility)
	wire.Clear(&s.CoverageExtent, p.CoverageExtent)
	wire.Clear(&s.Availability, p.Availability)
	wire.Clear(&s.NextStep, p.NextStep)
	wire.Clear(&s.FeedbackChannel, p.FeedbackChannel)
	wire.SetNull(&s.FeedbackDays, p.FeedbackDays)
	if p.FundingEndsOn.IsSpecified() {
		s.FundingEndsOn = nil
		if day, err := p.FundingEndsOn.Get(); err == nil {
			s.FundingEndsOn = wire.Ptr(wire.Date(day))
		}
	}
	wire.Clear(&s.Source, p.Source)
	wire.Clear(&s.ContactOffice, p.ContactOffice)
	wire.Clear(&s.ContactEmail, p.ContactEmail)
	wire.Clear(&s.ContactPhone, p.ContactPhone)
	wire.SetNull(&s.AcknowledgeHours, p.AcknowledgeHours)
	wire.SetNull(&s.DecisionHours, p.DecisionHours)
	if p.Sites != nil {
		s.Sites.V = fromSites(p.Sites)
	}
}

func toChange(c *Change) api.ServiceChange {
	return api.ServiceChange{
		ID: c.ID, Version: c.Version, At: c.At, ActorID: c.ActorID, ActorKind: api.ServiceChangeActorKind(c.ActorKind), Action: api.ServiceChangeAction(c.Action),
		Fields: wire.List([]string(c.Fields)), Note: wire.Opt(c.Note),
	}
}

func toLocation(l *Location) api.ServiceLocation {
	return api.ServiceLocation{
		ID: l.ID, Version: l.Version, CreatedAt: l.CreatedAt, UpdatedAt: l.UpdatedAt, OrganisationID: l.OrganisationID, Confidential: l.Confidential, Admin1Pcode: l.Admin1Pcode,
		Name: wire.Opt(l.Name), Address: wire.Opt(l.Address), Pcode: wire.Opt(l.Pcode), Latitude: l.Latitude, Longitude: l.Longitude, TimeZone: wire.Opt(l.TimeZone),
		RetiredAt: l.RetiredAt,
	}
}

func fromLocationCreate(b api.ServiceLocationCreate, provider uuid.UUID) *Location {
	return &Location{
		Global: db.NewGlobal(b.ID), OrganisationID: provider, Confidential: wire.Value(b.Confidential), Admin1Pcode: b.Admin1Pcode, Name: b.Name,
		Address: wire.Value(b.Address), Pcode: wire.Value(b.Pcode), Latitude: b.Latitude, Longitude: b.Longitude, TimeZone: b.TimeZone,
	}
}

func (l *Location) patch(p api.ServiceLocationPatch) {
	wire.Set(&l.Confidential, p.Confidential)
	wire.Set(&l.Admin1Pcode, p.Admin1Pcode)
	wire.Set(&l.Name, p.Name)
	wire.Clear(&l.Address, p.Address)
	wire.Clear(&l.Pcode, p.Pcode)
	wire.SetNull(&l.Latitude, p.Latitude)
	wire.SetNull(&l.Longitude, p.Longitude)
	wire.Set(&l.TimeZone, p.TimeZone)
}
