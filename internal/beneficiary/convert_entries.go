package beneficiary

import (
	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

func toName(n *Name) api.BeneficiaryName {
	return api.BeneficiaryName{
		ID: n.ID, Version: n.Version, CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt, BeneficiaryID: n.BeneficiaryID, Kind: n.Kind,
		GivenName: wire.Opt(n.GivenName), FamilyName: wire.Opt(n.FamilyName), Script: wire.Opt(n.Script), Language: wire.Opt(n.Language), Note: wire.Opt(n.Note),
		RecordedBy: n.RecordedBy, VoidedAt: n.VoidedAt, VoidedBy: n.VoidedBy, VoidReason: wire.Opt(n.VoidReason),
	}
}

func fromNameCreate(b api.BeneficiaryNameCreate) Name {
	return Name{Record: db.NewRecord(b.ID), Kind: b.Kind, GivenName: wire.Value(b.GivenName), FamilyName: wire.Value(b.FamilyName),
		Script: wire.Value(b.Script), Language: wire.Value(b.Language), Note: wire.Value(b.Note)}
}

func (n *Name) patch(p api.BeneficiaryNamePatch) {
	wire.Set(&n.Kind, p.Kind)
	wire.Clear(&n.GivenName, p.GivenName)
	wire.Clear(&n.FamilyName, p.FamilyName)
	wire.Clear(&n.Script, p.Script)
	wire.Clear(&n.Language, p.Language)
	wire.Clear(&n.Note, p.Note)
}

func toDocument(d *IdentityDocument) api.IdentityDocument {
	return api.IdentityDocument{
		ID: d.ID, Version: d.Version, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, BeneficiaryID: d.BeneficiaryID, Type: d.Type,
		Number: wire.Opt(d.Number), IssuingCountry: wire.Opt(d.IssuingCountry), IssuedOn: wire.ToOptDate(d.IssuedOn), ExpiresOn: wire.ToOptDate(d.ExpiresOn),
		Note: wire.Opt(d.Note), AttachmentID: d.AttachmentID, VerifiedAt: d.VerifiedAt, VerifiedBy: d.VerifiedBy,
		RecordedBy: d.RecordedBy, VoidedAt: d.VoidedAt, VoidedBy: d.VoidedBy, VoidReason: wire.Opt(d.VoidReason),
	}
}

func fromDocumentCreate(b api.IdentityDocumentCreate) IdentityDocument {
	return IdentityDocument{Record: db.NewRecord(b.ID), Type: b.Type, Number: wire.Value(b.Number), IssuingCountry: wire.Value(b.IssuingCountry),
		IssuedOn: wire.OptDate(b.IssuedOn), ExpiresOn: wire.OptDate(b.ExpiresOn), Note: wire.Value(b.Note), AttachmentID: b.AttachmentID}
}

func (d *IdentityDocument) patch(p api.IdentityDocumentPatch) {
	wire.Set(&d.Type, p.Type)
	wire.Clear(&d.Number, p.Number)
	wire.Clear(&d.IssuingCountry, p.IssuingCountry)
	setNullDate(&d.IssuedOn, p.IssuedOn)
	setNullDate(&d.ExpiresOn, p.ExpiresOn)
	wire.Clear(&d.Note, p.Note)
	wire.SetNull(&d.AttachmentID, p.AttachmentID)
}

func toContact(c *Contact) api.Contact {
	return api.Contact{
		ID: c.ID, Version: c.Version, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, BeneficiaryID: c.BeneficiaryID, Kind: c.Kind, Value: c.Value,
		Name: wire.Opt(c.Name), Relationship: wire.Opt(c.Relationship), Safe: api.ContactSafe(c.Safe), SafeWhen: wire.Opt(c.SafeWhen), Preferred: c.Preferred,
		ConsentNote: wire.Opt(c.ConsentNote), Note: wire.Opt(c.Note),
		RecordedBy: c.RecordedBy, VoidedAt: c.VoidedAt, VoidedBy: c.VoidedBy, VoidReason: wire.Opt(c.VoidReason),
	}
}

func fromContactCreate(b api.ContactCreate) Contact {
	c := Contact{Record: db.NewRecord(b.ID), Kind: b.Kind, Value: b.Value, Name: wire.Value(b.Name), Relationship: wire.Value(b.Relationship), Safe: unknown,
		SafeWhen: wire.Value(b.SafeWhen), Preferred: wire.Value(b.Preferred), ConsentNote: wire.Value(b.ConsentNote), Note: wire.Value(b.Note)}
	wire.Set(&c.Safe, (*string)(b.Safe))
	return c
}

func (c *Contact) patch(p api.ContactPatch) {
	wire.Set(&c.Kind, p.Kind)
	wire.Set(&c.Value, p.Value)
	wire.Clear(&c.Name, p.Name)
	wire.Clear(&c.Relationship, p.Relationship)
	wire.Set(&c.Safe, (*string)(p.Safe))
	wire.Clear(&c.SafeWhen, p.SafeWhen)
	wire.Set(&c.Preferred, p.Preferred)
	wire.Clear(&c.ConsentNote, p.ConsentNote)
	wire.Clear(&c.Note, p.Note)
}

func toLeg(l *JourneyLeg) api.JourneyLeg {
	return api.JourneyLeg{
		ID: l.ID, Version: l.Version, CreatedAt: l.CreatedAt, UpdatedAt: l.UpdatedAt, BeneficiaryID: l.BeneficiaryID, Position: l.Position,
		FromCountry: wire.Opt(l.FromCountry), FromPlace: wire.Opt(l.FromPlace), FromPcode: wire.Opt(l.FromPcode),
		ToCountry: wire.Opt(l.ToCountry), ToPlace: wire.Opt(l.ToPlace), ToPcode: wire.Opt(l.ToPcode), Mode: wire.Opt(l.Mode),
		DepartedOn: wire.ToOptDate(l.DepartedOn), DepartedPrecision: l.DepartedPrecision, ArrivedOn: wire.ToOptDate(l.ArrivedOn), ArrivedPrecision: l.ArrivedPrecision,
		Note: wire.Opt(l.Note), RecordedBy: l.RecordedBy, VoidedAt: l.VoidedAt, VoidedBy: l.VoidedBy, VoidReason: wire.Opt(l.VoidReason),
	}
}

func fromLegCreate(b api.JourneyLegCreate) JourneyLeg {
	return JourneyLeg{Record: db.NewRecord(b.ID), Position: wire.Value(b.Position),
		FromCountry: wire.Value(b.FromCountry), FromPlace: wire.Value(b.FromPlace), FromPcode: wire.Value(b.FromPcode),
		ToCountry: wire.Value(b.ToCountry), ToPlace: wire.Value(b.ToPlace), ToPcode: wire.Value(b.ToPcode), Mode: wire.Value(b.Mode),
		DepartedOn: wire.OptDate(b.DepartedOn), DepartedPrecision: b.DepartedPrecision, ArrivedOn: wire.OptDate(b.ArrivedOn), ArrivedPrecision: b.ArrivedPrecision,
		Note: wire.Value(b.Note)}
}

func (l *JourneyLeg) patch(p api.JourneyLegPatch) {
	wire.Set(&l.Position, p.Position)
	wire.Clear(&l.FromCountry, p.FromCountry)
	wire.Clear(&l.FromPlace, p.FromPlace)
	wire.Clear(&l.FromPcode, p.FromPcode)
	wire.Clear(&l.ToCountry, p.ToCountry)
	wire.Clear(&l.ToPlace, p.ToPlace)
	wire.Clear(&l.ToPcode, p.ToPcode)
	wire.Clear(&l.Mode, p.Mode)
	if setNullDate(&l.DepartedOn, p.DepartedOn); l.DepartedOn == nil {
		l.DepartedPrecision = nil
	}
	wire.SetNull(&l.DepartedPrecision, p.DepartedPrecision)
	if setNullDate(&l.ArrivedOn, p.ArrivedOn); l.ArrivedOn == nil {
		l.ArrivedPrecision = nil
	}
	wire.SetNull(&l.ArrivedPrecision, p.ArrivedPrecision)
	wire.Clear(&l.Note, p.Note)
}

func toFunctional(a *FunctionalAssessment) api.FunctionalAssessment {
	level := func(domain string) api.FunctionalAnswer { return api.FunctionalAnswer(a.Levels.V[domain]) }
	return api.FunctionalAssessment{
		ID: a.ID, Version: a.Version, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, BeneficiaryID: a.BeneficiaryID,
		Levels: api.FunctionalLevels{Seeing: level("seeing"), Hearing: level("hearing"), Walking: level("walking"), Remembering: level("remembering"),
			SelfCare: level("self_care"), Communicating: level("communicating")},
		AnsweredBy: api.FunctionalAssessmentAnsweredBy(a.AnsweredBy), AssessedAt: a.AssessedAt, CutOffLevel: a.CutOffLevel, CutOffDomains: a.CutOffDomains,
		ReachesCutOff: a.ReachesCutOff, Note: wire.Opt(a.Note),
		RecordedBy: a.RecordedBy, VoidedAt: a.VoidedAt, VoidedBy: a.VoidedBy, VoidReason: wire.Opt(a.VoidReason),
	}
}

func fromFunctionalCreate(b api.FunctionalAssessmentCreate) FunctionalAssessment {
	l := b.Levels
	a := FunctionalAssessment{Record: db.NewRecord(b.ID), AnsweredBy: string(b.AnsweredBy), Note: wire.Value(b.Note), Levels: db.JSON[map[string]string]{V: map[string]string{
		"seeing": string(l.Seeing), "hearing": string(l.Hearing), "walking": string(l.Walking), "remembering": string(l.Remembering),
		"self_care": string(l.SelfCare), "communicating": string(l.Communicating),
	}}}
	if a.AssessedAt = a.CreatedAt; b.AssessedAt != nil {
		a.AssessedAt = wire.Moment(*b.AssessedAt)
	}
	return a
}

func toScreening(s *VulnerabilityScreening) api.VulnerabilityScreening {
	list, _ := codelist.Get("domv_factor")
	return api.VulnerabilityScreening{
		ID: s.ID, Version: s.Version, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, BeneficiaryID: s.BeneficiaryID,
		Sensitivity: api.VulnerabilityScreeningSensitivity(s.Sensitivity), ScreenedAt: s.ScreenedAt, InterviewLanguage: wire.Opt(s.InterviewLanguage), InterpreterUsed: s.InterpreterUsed,
		SuggestedLevel: s.SuggestedLevel, ConfirmedLevel: wire.Opt(s.ConfirmedLevel), ConfirmedBy: s.ConfirmedBy, ConfirmedAt: s.ConfirmedAt,
		ConfirmNote: wire.Opt(s.ConfirmNote), Note: wire.Opt(s.Note),
		RecordedBy: s.RecordedBy, VoidedAt: s.VoidedAt, VoidedBy: s.VoidedBy, VoidReason: wire.Opt(s.VoidReason),
		Factors: wire.Each(s.Factors.V, func(f *Factor) api.ScreeningFactor {
			entry, _ := list.Entry(f.Code)
			return api.ScreeningFactor{Level: entry.Parent, Factor: f.Code, Polarity: api.ScreeningFactorPolarity(f.Polarity), Severity: f.Severity, Note: wire.Opt(f.Note), Source: wire.Opt(f.Source)}
		}),
	}
}

func fromScreeningCreate(b api.VulnerabilityScreeningCreate) VulnerabilityScreening {
	s := VulnerabilityScreening{Record: db.NewRecord(b.ID), InterviewLanguage: wire.Value(b.InterviewLanguage), InterpreterUsed: b.InterpreterUsed, Note: wire.Value(b.Note)}
	if s.ScreenedAt = s.CreatedAt; b.ScreenedAt != nil {
		s.ScreenedAt = wire.Moment(*b.ScreenedAt)
	}
	s.Factors.V = wire.Each(b.Factors, func(f *api.ScreeningFactorCreate) Factor {
		return Factor{Code: f.Factor, Polarity: string(f.Polarity), Severity: wire.Value(f.Severity), Note: wire.Value(f.Note), Source: wire.Value(f.Source)}
	})
	return s
}

func toCompleteness(c *Completeness) api.Completeness {
	missing := func(by api.MissingFieldRequiredBy, fields []string) []api.MissingField {
		return wire.Each(fields, func(f *string) api.MissingField { return api.MissingField{Field: *f, RequiredBy: by} })
	}
	out := api.Completeness{
		BeneficiaryID: c.Person.ID, RegistrationLevel: c.Person.RegistrationLevel, Child: c.Child,
		Missing: append(missing(api.MissingFieldRequiredBySop, c.Sop), missing(api.MissingFieldRequiredByChild, c.Children)...), MissingForFull: missing(api.MissingFieldRequiredBySop, c.Full),
	}
	out.Complete = len(out.Missing) == 0
	return out
}
