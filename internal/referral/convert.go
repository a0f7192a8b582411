package referral

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

func toReferral(r *Referral) api.Referral {
	now := time.Now()
	return api.Referral{
		ID: r.ID, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Direction: api.ReferralDirection(r.Direction), Number: r.Number,
		Status: string(r.Status), Priority: r.Priority, OrganisationID: r.OrganisationID, CaseID: r.CaseID, BeneficiaryID: r.BeneficiaryID,
		ReceivingCentre: toPlace(r.Destination.V), ActionID: r.ActionID, PreviousID: r.PreviousID, Reasons: wire.List(r.Reasons), Services: wire.List(r.Services),
		Explanation: wire.Opt(r.Explanation), Background: wire.Opt(r.Background), ServicesProvided: wire.Opt(r.ServicesProvided),
		Channel: r.Channel, FollowUpOn: wire.ToOptDate(r.FollowUpOn), FeedbackWanted: r.FeedbackWanted, Contact: toContact(r.Contact.V),
		ClientMode: wire.Opt(r.ClientMode), ClientCode: wire.Opt(r.ClientCode), DisclosedFields: toFields(r.DisclosedFields), NeedIds: toNeedIDs(r.Needs),
		ConsentID: r.ConsentID, AgreementID: r.AgreementID, ServiceID: r.ServiceID, Override: toOverride(r), CreatedBy: r.CreatedBy, SentBy: r.SentBy,
		SentAt: r.SentAt, AcknowledgeDueAt: r.AcknowledgeDueAt, DecisionDueAt: r.DecisionDueAt, FeedbackDueAt: r.FeedbackDueAt, ExpiresAt: r.ExpiresAt,
		AcknowledgedAt: r.AcknowledgedAt, RespondedAt: r.RespondedAt, AppointmentAt: r.AppointmentAt, StartedAt: r.StartedAt, ClosedAt: r.ClosedAt,
		AccessUntil: r.accessUntil(), Overdue: r.Overdue(now), DeliveredOn: wire.ToOptDate(r.DeliveredOn), DeclineReason: wire.Opt(r.DeclineReason),
		NotDeliveredReason: wire.Opt(r.NotDeliveredReason), RevokeReason: wire.Opt(api.ReferralRevokeReason(r.RevokeReason)), ClosingNote: wire.Opt(r.ClosingNote),
		DeletionRequestedAt: r.DeletionRequestedAt, DeletionConfirmedAt: r.DeletionConfirmedAt,
		NeedsAttention: r.NeedsAttention(), ResolvedAt: r.ResolvedAt, Resolution: wire.Opt(r.Resolution),
	}
}

func toPlace(p Place) *api.ReferralPlace {
	if p == (Place{}) {
		return nil
	}
	return &api.ReferralPlace{Name: p.Name, Code: p.Code}
}

func toContact(c Contact) *api.ReferralContact {
	if c == (Contact{}) {
		return nil
	}
	return &api.ReferralContact{Name: wire.Opt(c.Name), Position: wire.Opt(c.Position), Phone: wire.Opt(c.Phone), Email: wire.Opt(c.Email)}
}

func fromContact(c *api.ReferralContact) db.JSON[Contact] {
	if c == nil {
		return db.JSON[Contact]{}
	}
	return db.JSON[Contact]{V: Contact{wire.Value(c.Name), wire.Value(c.Position), wire.Value(c.Phone), wire.Value(c.Email)}}
}

func toFields(fields []string) []api.DisclosedField {
	out := make([]api.DisclosedField, len(fields))
	for i, f := range fields {
		out[i] = api.DisclosedField(f)
	}
	return out
}

func fromFields(fields []api.DisclosedField) db.Strings {
	if fields == nil {
		return nil
	}
	out := make(db.Strings, len(fields))
	for i, f := range fields {
		out[i] = string(f)
	}
	return out
}

func toNeedIDs(needs []Need) []uuid.UUID {
	ids := make([]uuid.UUID, len(needs))
	for i, n := range needs {
		ids[i] = n.NeedID
	}
	return ids
}

func toOverride(r *Referral) *api.ReferralOverride {
	if r.OverrideStatus == "" {
		return nil
	}
	return &api.ReferralOverride{
		Status: api.ReferralOverrideStatus(r.OverrideStatus), Basis: r.OverrideBasis, Reason: r.OverrideReason, RequestedBy: wire.Value(r.OverrideRequestedBy),
		RequestedAt: wire.Value(r.OverrideRequestedAt), DecidedBy: r.OverrideDecidedBy, DecidedAt: r.OverrideDecidedAt,
	}
}

func fromReferralCreate(b api.ReferralCreate) *Referral {
	return &Referral{
		Record: db.NewRecord(b.ID), ActionID: b.ActionID, ServiceID: b.ServiceID, Explanation: wire.Value(b.Explanation), Background: wire.Value(b.Background),
		ServicesProvided: wire.Value(b.ServicesProvided), DisclosedFields: fromFields(b.DisclosedFields),
		Envelope: Envelope{
			Priority: b.Priority, OrganisationID: wire.Value(b.OrganisationID), Reasons: b.Reasons, Services: b.Services, Channel: wire.Value(b.Channel),
			FollowUpOn: wire.OptDate(b.FollowUpOn), FeedbackWanted: wire.Value(b.FeedbackWanted), Contact: fromContact(b.Contact), ClientMode: b.ClientMode,
		},
	}
}

func (r *Referral) patch(b api.ReferralPatch) {
	wire.SetNull(&r.ActionID, b.ActionID)
	wire.SetNull(&r.ServiceID, b.ServiceID)
	if b.OrganisationID != nil {
		r.OrganisationID, r.TwinCentreID, r.Destination.V = *b.OrganisationID, nil, Place{}
	}
	wire.Set(&r.Priority, b.Priority)
	wire.SetList(&r.Reasons, b.Reasons)
	wire.SetList(&r.Services, b.Services)
	wire.Clear(&r.Explanation, b.Explanation)
	wire.Clear(&r.Background, b.Background)
	wire.Clear(&r.ServicesProvided, b.ServicesProvided)
	wire.Set(&r.Channel, b.Channel)
	wire.Set(&r.FeedbackWanted, b.FeedbackWanted)
	wire.Set(&r.ClientMode, b.ClientMode)
	wire.SetList(&r.DisclosedFields, fromFields(b.DisclosedFields))
	if b.Contact != nil {
		r.Contact = fromContact(b.Contact)
	}
	if b.FollowUpOn.IsSpecified() {
		r.FollowUpOn = nil
		if day, err := b.FollowUpOn.Get(); err == nil {
			r.FollowUpOn = wire.Ptr(wire.Date(day))
		}
	}
}

// toPreview lists a content field by field, in the order of their names.
func toPreview(mode string, frozen bool, c Content) api.ReferralPreview {
	out := api.ReferralPreview{Frozen: frozen, ClientMode: mode, Fields: []api.ReferralPreviewField{}}
	values := c.values()
	for _, field := range fieldsOf(c) {
		opens := api.ReferralPreviewFieldOpensOnAcceptance
		if slices.Contains(before, field) {
			opens = api.ReferralPreviewFieldOpensOnSend
		}
		out.Fields = append(out.Fields, api.ReferralPreviewField{Field: field, Value: values[field], Opens: opens})
	}
	return out
}

func toContent(c *Content) *api.ReferralContent {
	if c == nil {
		return nil
	}
	out := &api.ReferralContent{
		Code: wire.Opt(c.Code), AgeGroup: wire.Opt(c.AgeGroup), Sex: wire.Opt(c.Sex), GenderIdentity: wire.Opt(c.GenderIdentity),
		GivenName: wire.Opt(c.GivenName), FamilyName: wire.Opt(c.FamilyName), OtherNames: c.OtherNames,
		BirthDate: wire.ToOptDate(c.BirthDate), BirthDatePrecision: wire.Opt(c.BirthDatePrecision), Nationalities: c.Nationalities,
		CountryOfOrigin: wire.Opt(c.CountryOfOrigin), Languages: c.Languages, MaritalStatus: wire.Opt(c.MaritalStatus),
		EducationLevel: wire.Opt(c.EducationLevel), MigrationStatus: wire.Opt(c.MigrationStatus), Phone: wire.Opt(c.Phone),
		DocumentType: wire.Opt(c.DocumentType), DocumentNumber: wire.Opt(c.DocumentNumber), Explanation: wire.Opt(c.Explanation),
		Background: wire.Opt(c.Background), ServicesProvided: wire.Opt(c.ServicesProvided),
	}
	for _, n := range c.Needs {
		out.Needs = append(out.Needs, api.ReferralNeed{CodeSystem: api.ReferralNeedCodeSystem(n.CodeSystem), Code: n.Code, Since: wire.ToOptDate(n.Since)})
	}
	return out
}

func toMove(m *Move) api.ReferralMove {
	return api.ReferralMove{
		ID: m.ID, CreatedAt: m.CreatedAt, FromStatus: wire.Opt(string(m.FromStatus)), ToStatus: string(m.ToStatus),
		Side: api.ReferralMoveSide(m.Side), ActorID: m.ActorID, Reason: wire.Opt(m.Reason),
	}
}

// toMessage names the author to the centre only.
func toMessage(m *Message, author bool) api.ReferralMessage {
	out := api.ReferralMessage{ID: m.ID, CreatedAt: m.CreatedAt, Side: api.ReferralMessageSide(m.Side), Body: m.Body}
	if author {
		out.AuthorID = &m.AuthorID
	}
	return out
}

func toMessagePage(page db.Paged[Message], author bool) api.ReferralMessagePage {
	out := api.ReferralMessagePage{Data: make([]api.ReferralMessage, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toMessage(&page.Rows[i], author)
	}
	return out
}

func toDisclosure(d *Entry) api.Disclosure {
	return api.Disclosure{
		ID: d.ID, CreatedAt: d.CreatedAt, BeneficiaryID: d.BeneficiaryID, ReferralID: d.ReferralID, OrganisationID: d.OrganisationID,
		Act: api.DisclosureAct(d.Act), Fields: wire.List(d.Fields), ConsentID: d.ConsentID, Basis: d.Basis, ActorID: d.ActorID, List: wire.Opt(d.List),
	}
}

func toInboxItem(r *Referral) api.InboxItem {
	return api.InboxItem{
		ID: r.ID, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Number: r.Number, Status: string(r.Status), Priority: r.Priority,
		OrganisationID: r.OrganisationID, Reasons: wire.List(r.Reasons), Services: wire.List(r.Services), Explanation: wire.Opt(r.Explanation),
		Background: wire.Opt(r.Background), ServicesProvided: wire.Opt(r.ServicesProvided), FollowUpOn: wire.ToOptDate(r.FollowUpOn),
		Contact: toContact(r.Contact.V), Person: toPerson(r.described()), Consent: toStatement(r.ConsentStatement.V), BeneficiaryID: r.BeneficiaryID, CaseID: r.CaseID,
		SentAt: r.SentAt, AcknowledgeDueAt: r.AcknowledgeDueAt, DecisionDueAt: r.DecisionDueAt, FeedbackDueAt: r.FeedbackDueAt, ExpiresAt: r.ExpiresAt,
		AcknowledgedAt: r.AcknowledgedAt, RespondedAt: r.RespondedAt, AppointmentAt: r.AppointmentAt, StartedAt: r.StartedAt, ClosedAt: r.ClosedAt,
		Overdue: r.Overdue(time.Now()), DeliveredOn: wire.ToOptDate(r.DeliveredOn), DeclineReason: wire.Opt(r.DeclineReason),
		NotDeliveredReason: wire.Opt(r.NotDeliveredReason), RevokeReason: wire.Opt(api.InboxItemRevokeReason(r.RevokeReason)), ClosingNote: wire.Opt(r.ClosingNote),
		Origin: toOrigin(r.Origin.V), Content: toContent(r.disclosedHere()), DeletionRequestedAt: r.DeletionRequestedAt, DeletionConfirmedAt: r.DeletionConfirmedAt,
	}
}

func toPerson(p Person) api.ReferralPerson {
	return api.ReferralPerson{
		GivenName: wire.Opt(p.GivenName), FamilyName: wire.Opt(p.FamilyName), OtherNames: p.OtherNames, Sex: p.Sex, BirthDate: wire.ToOptDate(p.BirthDate),
		BirthDatePrecision: wire.Opt(p.BirthDatePrecision), Nationalities: p.Nationalities, Languages: p.Languages, Phone: wire.Opt(p.Phone),
		DocumentType: wire.Opt(p.DocumentType), DocumentNumber: wire.Opt(p.DocumentNumber), Address: wire.Opt(p.Address),
	}
}

func fromPerson(p api.ReferralPerson) Person {
	return Person{
		GivenName: wire.Value(p.GivenName), FamilyName: wire.Value(p.FamilyName), OtherNames: p.OtherNames, Sex: p.Sex, BirthDate: wire.OptDate(p.BirthDate),
		BirthDatePrecision: wire.Value(p.BirthDatePrecision), Nationalities: p.Nationalities, Languages: p.Languages, Phone: wire.Value(p.Phone),
		DocumentType: wire.Value(p.DocumentType), DocumentNumber: wire.Value(p.DocumentNumber), Address: wire.Value(p.Address),
	}
}

func toStatement(s Statement) api.ReferralConsent {
	return api.ReferralConsent{Given: s.Given, Statement: s.Statement, GivenOn: wire.ToOptDate(s.GivenOn), Basis: wire.Opt(s.Basis)}
}

func fromSubmission(b api.PartnerReferralCreate) *submission {
	c := b.Consent
	return &submission{
		Global: db.NewGlobal(nil), Explanation: wire.Value(b.Explanation), Background: wire.Value(b.Background), ServicesProvided: wire.Value(b.ServicesProvided),
		Person:           db.JSON[Person]{V: fromPerson(b.Person)},
		ConsentStatement: db.JSON[Statement]{V: Statement{c.Given, c.Statement, wire.OptDate(c.GivenOn), wire.Value(c.Basis)}},
		Envelope: Envelope{
			Priority: b.Priority, Reasons: b.Reasons, Services: b.Services, FollowUpOn: wire.OptDate(b.FollowUpOn),
			FeedbackWanted: wire.Value(b.FeedbackWanted), Contact: fromContact(b.Contact),
		},
	}
}

// partner is what a submission answers: the envelope, as the partner's list will show it.
func (s *submission) partner() *PartnerReferral {
	return &PartnerReferral{Global: s.Global, CentreID: s.CentreID, Envelope: s.Envelope}
}

func toPartnerReferral(p *PartnerReferral, content *Content) api.PartnerReferral {
	out := api.PartnerReferral{
		ID: p.ID, Version: p.Version, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, Direction: api.PartnerReferralDirection(p.Direction), Number: p.Number,
		Status: string(p.Status), Priority: p.Priority, CentreID: p.CentreID, Origin: toOrigin(p.Origin.V), Reasons: wire.List(p.Reasons), Services: wire.List(p.Services),
		Channel: wire.Opt(p.Channel), FollowUpOn: wire.ToOptDate(p.FollowUpOn), FeedbackWanted: p.FeedbackWanted, Contact: toContact(p.Contact.V),
		ClientMode: wire.Opt(p.ClientMode), SentAt: p.SentAt, AcknowledgeDueAt: p.AcknowledgeDueAt, DecisionDueAt: p.DecisionDueAt, FeedbackDueAt: p.FeedbackDueAt,
		ExpiresAt: p.ExpiresAt, AcknowledgedAt: p.AcknowledgedAt, RespondedAt: p.RespondedAt, AppointmentAt: p.AppointmentAt, StartedAt: p.StartedAt,
		ClosedAt: p.ClosedAt, AccessUntil: p.accessUntil(), Overdue: p.Overdue(time.Now()), RevokeReason: wire.Opt(api.PartnerReferralRevokeReason(p.RevokeReason)),
	}
	if p.Direction == Outbound { // of its own submission a partner learns the state, not why: the reason may tell who is known here
		out.DeliveredOn, out.ClosingNote = wire.ToOptDate(p.DeliveredOn), wire.Opt(p.ClosingNote)
		out.DeclineReason, out.NotDeliveredReason = wire.Opt(p.DeclineReason), wire.Opt(p.NotDeliveredReason)
	}
	if p.released() {
		out.Content = toContent(content)
	} else {
		out.Preview = toContent(content)
	}
	return out
}

func toOrigin(o Origin) *api.ReferralOrigin {
	if o == (Origin{}) {
		return nil
	}
	return &api.ReferralOrigin{Centre: o.Centre, Code: o.Code, Country: o.Country, Pcode: wire.Opt(o.Pcode)}
}

func toDeletionRequest(d *PartnerDeletion) api.DeletionRequest {
	return api.DeletionRequest{ReferralID: d.ID, Number: d.Number, RequestedAt: d.DeletionRequestedAt, ConfirmedAt: d.DeletionConfirmedAt}
}

func toMatch(m match) api.ReferralMatch {
	b := m.person
	return api.ReferralMatch{
		BeneficiaryID: b.ID, Reference: b.Reference, GivenName: wire.Opt(b.GivenName), FamilyName: wire.Opt(b.FamilyName), Sex: b.Sex,
		BirthDate: wire.ToOptDate(b.BirthDate), Score: m.score, Reasons: wire.List(m.reasons),
	}
}

func fromInboxAccept(b api.InboxAccept) arrival {
	in := arrival{known: b.BeneficiaryID, openCase: wire.Value(b.OpenCase)}
	if r := b.Registration; r != nil {
		in.registration = &beneficiary.Registration{
			Age: r.Age,
			Person: beneficiary.Beneficiary{
				ReceptionOn: wire.Date(r.ReceptionOn), PopulationType: r.PopulationType, Basis: wire.Value(r.Basis), BasisReason: wire.Value(r.BasisReason),
			},
			Consent: fromInboxConsent(r.Consent), Acknowledged: r.AcknowledgedDuplicates,
		}
	}
	return in
}

func fromInboxConsent(c *api.InboxConsent) *beneficiary.Consent {
	if c == nil {
		return nil
	}
	return &beneficiary.Consent{
		Decision: beneficiary.Given, Giver: c.Giver, GiverName: wire.Value(c.GiverName), Method: c.Method, Language: wire.Value(c.Language),
		StatementVersion: wire.Value(c.StatementVersion), CertifiedBy: wire.Value(c.CertifiedBy), CertifiedAt: c.CertifiedAt,
	}
}

func toCandidates(list []candidate, priority string) api.EligibleReceivers {
	return api.EligibleReceivers{Data: wire.Each(list, func(c *candidate) api.EligibleReceiver { return toCandidate(c, priority) })}
}

func toCandidate(c *candidate, priority string) api.EligibleReceiver {
	due := c.deadlines(priority)
	out := api.EligibleReceiver{
		ServiceID: c.ID, Name: c.Name, Type: c.Type, OrganisationID: c.OrganisationID, OrganisationName: c.ProviderName, Eligible: len(c.Reasons) == 0,
		Reasons: wire.Each(c.Reasons, func(r *string) api.EligibleReceiverReasons { return api.EligibleReceiverReasons(*r) }), OpenNow: c.OpenNow,
		DistanceKm: c.DistanceKm, Free: c.Free, Held: c.Held,
		Languages: wire.List([]string(c.Languages)), ReferralMethods: wire.List([]string(c.ReferralMethods)), ClientModes: c.modes(),
		AcknowledgeHours: due.AcknowledgeHours[priority], DecisionHours: due.DecisionHours[priority],
	}
	if c.agreement != nil {
		out.AgreementID = &c.agreement.ID
	}
	return out
}
