package beneficiary

import (
	"time"

	"github.com/oapi-codegen/nullable"
	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// How people answer: one by one all that is kept, in a list less. Score is of searches only.
var (
	shown  = db.NewShape[Beneficiary, api.Beneficiary]("score").Where("status <> 'merged'") // whose id leads to the survivor
	listed = db.NewShape[Beneficiary, api.Beneficiary](append([]string{"score"}, unlisted...)...)
)

// unlisted may be restricted: whoever needs it opens the record, and that is logged person by person
// (handbook 9.3).
var unlisted = []string{"gender_identity", "migration_status", "migration_reasons"}

func toBeneficiary(b *Beneficiary) api.Beneficiary {
	out := api.Beneficiary{
		ID: b.ID, Version: b.Version, CreatedAt: b.CreatedAt, UpdatedAt: b.UpdatedAt,
		Reference: b.Reference, RegistrationLevel: b.RegistrationLevel, RegisteredOn: wire.ToDate(b.RegisteredOn), ReceptionOn: wire.ToDate(b.ReceptionOn),
		GivenName: wire.Opt(b.GivenName), FamilyName: wire.Opt(b.FamilyName), OtherNames: wire.List([]string(b.OtherNames)),
		Sex: b.Sex, GenderIdentity: wire.Opt(b.GenderIdentity), BirthDate: wire.ToOptDate(b.BirthDate), BirthDatePrecision: b.BirthDatePrecision,
		PopulationType: b.PopulationType, Nationalities: wire.List([]string(b.Nationalities)), CountryOfOrigin: wire.Opt(b.CountryOfOrigin),
		Languages: wire.List([]string(b.Languages)), InterviewLanguage: wire.Opt(b.InterviewLanguage), InterpreterUsed: b.InterpreterUsed,
		MaritalStatus: wire.Opt(b.MaritalStatus), EducationLevel: wire.Opt(b.EducationLevel), MigrationStatus: wire.Opt(b.MigrationStatus),
		MigrationReasons: b.MigrationReasons, IntendedDestination: wire.Opt(b.IntendedDestination), Phone: wire.Opt(b.Phone),
		DocumentType: wire.Opt(b.DocumentType), DocumentNumber: wire.Opt(b.DocumentNumber), Remarks: wire.Opt(b.Remarks),
		Basis: b.Basis, BasisReason: wire.Opt(b.BasisReason), Source: b.Source, Status: api.BeneficiaryStatus(b.Status),
		MergedInto: b.MergedInto, VoidReason: wire.Opt(b.VoidReason),
	}
	if len(b.Answers.V) > 0 {
		answers := api.BeneficiaryAnswers(b.Answers.V)
		out.Answers = &answers
	}
	return out
}

// toListed leaves out what a list does not tell; see unlisted.
func toListed(b *Beneficiary) api.Beneficiary {
	out := toBeneficiary(b)
	out.GenderIdentity, out.MigrationStatus, out.MigrationReasons = nil, nil, nil
	return out
}

func fromCreate(b api.BeneficiaryCreate) Registration {
	r := Registration{Age: b.Age, Consent: fromRegistrationConsent(b.Consent), Assent: fromRegistrationConsent(b.Assent), Acknowledged: b.AcknowledgedDuplicates}
	r.Person = Beneficiary{
		Record:            db.Record{ID: wire.Value(b.ID)},
		Reference:         wire.Value(b.Reference),
		RegistrationLevel: b.RegistrationLevel, ReceptionOn: wire.Date(b.ReceptionOn), RegisteredOn: wire.Value(wire.OptDate(b.RegisteredOn)),
		GivenName: wire.Value(b.GivenName), FamilyName: wire.Value(b.FamilyName), OtherNames: b.OtherNames, Sex: b.Sex,
		GenderIdentity: wire.Value(b.GenderIdentity), BirthDate: wire.OptDate(b.BirthDate), BirthDatePrecision: b.BirthDatePrecision,
		PopulationType: b.PopulationType, Nationalities: b.Nationalities, CountryOfOrigin: wire.Value(b.CountryOfOrigin), Languages: b.Languages,
		InterviewLanguage: wire.Value(b.InterviewLanguage), InterpreterUsed: b.InterpreterUsed, MaritalStatus: wire.Value(b.MaritalStatus),
		EducationLevel: wire.Value(b.EducationLevel), MigrationStatus: wire.Value(b.MigrationStatus), MigrationReasons: b.MigrationReasons,
		IntendedDestination: wire.Value(b.IntendedDestination), Phone: wire.Value(b.Phone), DocumentType: wire.Value(b.DocumentType),
		DocumentNumber: wire.Value(b.DocumentNumber), Remarks: wire.Value(b.Remarks), Source: "api",
		Basis: wire.Value(b.Basis), BasisReason: wire.Value(b.BasisReason), Answers: db.JSON[map[string]string]{V: wire.Value(b.Answers)},
	}
	return r
}

func fromRegistrationConsent(c *api.RegistrationConsent) *Consent {
	if c == nil {
		return nil
	}
	return &Consent{
		Decision: string(c.Decision), Giver: c.Giver, GiverName: wire.Value(c.GiverName), Method: c.Method, Language: wire.Value(c.Language),
		InterpreterUsed: c.InterpreterUsed, StatementVersion: wire.Value(c.StatementVersion), ValidUntil: wire.OptDate(c.ValidUntil),
		GivenAt: wire.Moment(wire.Value(c.GivenAt)), CertifiedBy: wire.Value(c.CertifiedBy), CertifiedAt: optMoment(c.CertifiedAt), Note: wire.Value(c.Note),
	}
}

func optMoment(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return wire.Ptr(wire.Moment(*t))
}

func (b *Beneficiary) patch(p api.BeneficiaryPatch) {
	wire.Set(&b.RegistrationLevel, p.RegistrationLevel)
	setDate(&b.RegisteredOn, p.RegisteredOn)
	setDate(&b.ReceptionOn, p.ReceptionOn)
	wire.Clear(&b.GivenName, p.GivenName)
	wire.Clear(&b.FamilyName, p.FamilyName)
	wire.SetList(&b.OtherNames, p.OtherNames)
	wire.Set(&b.Sex, p.Sex)
	wire.Clear(&b.GenderIdentity, p.GenderIdentity)
	b.patchBirth(p)
	wire.Set(&b.PopulationType, p.PopulationType)
	wire.SetList(&b.Nationalities, p.Nationalities)
	wire.Clear(&b.CountryOfOrigin, p.CountryOfOrigin)
	wire.SetList(&b.Languages, p.Languages)
	wire.Clear(&b.InterviewLanguage, p.InterviewLanguage)
	wire.SetNull(&b.InterpreterUsed, p.InterpreterUsed)
	wire.Clear(&b.MaritalStatus, p.MaritalStatus)
	wire.Clear(&b.EducationLevel, p.EducationLevel)
	wire.Clear(&b.MigrationStatus, p.MigrationStatus)
	wire.SetList(&b.MigrationReasons, p.MigrationReasons)
	wire.Clear(&b.IntendedDestination, p.IntendedDestination)
	wire.Clear(&b.Phone, p.Phone)
	wire.Clear(&b.DocumentType, p.DocumentType)
	wire.Clear(&b.DocumentNumber, p.DocumentNumber)
	wire.Clear(&b.Remarks, p.Remarks)
	b.patchAnswers(p.Answers)
}

// patchBirth takes the precision away with the date.
func (b *Beneficiary) patchBirth(p api.BeneficiaryPatch) {
	setNullDate(&b.BirthDate, p.BirthDate)
	if b.BirthDate == nil {
		b.BirthDatePrecision = nil
	}
	wire.SetNull(&b.BirthDatePrecision, p.BirthDatePrecision)
}

// patchAnswers merges answers by field and drops those whose field has a value now.
func (b *Beneficiary) patchAnswers(p map[string]*string) {
	answers := map[string]string{}
	for field, answer := range b.Answers.V {
		if has := fields[field]; has == nil || !has(b) {
			answers[field] = answer
		}
	}
	for field, answer := range p {
		answers[field] = wire.Value(answer)
	}
	b.Answers.V = answers
}

func setDate(to *db.Date, p *openapi_types.Date) {
	if p != nil {
		*to = wire.Date(*p)
	}
}

func setNullDate(to **db.Date, p nullable.Nullable[openapi_types.Date]) {
	if !p.IsSpecified() {
		return
	}
	*to = nil
	if v, err := p.Get(); err == nil {
		*to = wire.Ptr(wire.Date(v))
	}
}

func toNeed(n *SpecificNeed) api.SpecificNeed {
	return api.SpecificNeed{
		ID: n.ID, Version: n.Version, CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt, BeneficiaryID: n.BeneficiaryID,
		CodeSystem: api.SpecificNeedCodeSystem(n.CodeSystem), CodeSystemVersion: wire.Opt(n.CodeSystemVersion), Code: n.Code, Sensitivity: api.SpecificNeedSensitivity(n.Sensitivity),
		Confidence: api.SpecificNeedConfidence(n.Confidence), Since: wire.ToOptDate(n.Since), ReviewOn: wire.ToOptDate(n.ReviewOn),
		EndedOn: wire.ToOptDate(n.EndedOn), Note: wire.Opt(n.Note), IdentifiedBy: n.IdentifiedBy,
	}
}

func fromNeedCreate(b api.SpecificNeedCreate) SpecificNeed {
	return SpecificNeed{
		Record: db.NewRecord(b.ID), CodeSystem: string(b.CodeSystem), Code: b.Code, Confidence: string(b.Confidence),
		Since: wire.OptDate(b.Since), ReviewOn: wire.OptDate(b.ReviewOn), Note: wire.Value(b.Note),
	}
}

func (n *SpecificNeed) patch(p api.SpecificNeedPatch) {
	if p.Confidence != nil {
		n.Confidence = string(*p.Confidence)
	}
	setNullDate(&n.Since, p.Since)
	setNullDate(&n.ReviewOn, p.ReviewOn)
	wire.Clear(&n.Note, p.Note)
}

func toHousehold(h *Household) api.Household {
	return api.Household{
		ID: h.ID, Version: h.Version, CreatedAt: h.CreatedAt, UpdatedAt: h.UpdatedAt, Reference: h.Reference, HeadID: h.HeadID,
		Size: h.Size, DeclaredSize: h.DeclaredSize, Note: wire.Opt(h.Note), Status: api.HouseholdStatus(h.Status), VoidReason: wire.Opt(h.VoidReason),
	}
}

func (h *Household) patch(p api.HouseholdPatch) {
	wire.SetNull(&h.HeadID, p.HeadID)
	wire.SetNull(&h.DeclaredSize, p.DeclaredSize)
	wire.Clear(&h.Note, p.Note)
}

func toMember(m *HouseholdMember) api.HouseholdMember {
	return api.HouseholdMember{
		ID: m.ID, Version: m.Version, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt, HouseholdID: m.HouseholdID, BeneficiaryID: m.BeneficiaryID,
		Relationship: m.Relationship, JoinedOn: wire.ToDate(m.JoinedOn), LeftOn: wire.ToOptDate(m.LeftOn),
	}
}

func fromMemberCreate(b api.HouseholdMemberCreate, today db.Date) HouseholdMember {
	m := HouseholdMember{Record: db.NewRecord(b.ID), BeneficiaryID: b.BeneficiaryID, Relationship: b.Relationship, JoinedOn: today}
	setDate(&m.JoinedOn, b.JoinedOn)
	return m
}
