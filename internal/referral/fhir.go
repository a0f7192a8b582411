package referral

import (
	"maps"
	"reflect"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
)

// A referral in the terms of HL7 FHIR R4: a ServiceRequest, the Task by which the receiver answers it, and a Patient with what was
// disclosed and nothing else. It is read; the moves are those of this API.

// resource is one as FHIR writes it.
type resource = map[string]any

// The systems of identifiers and codes that are our own.
const (
	fhirSystem   = "urn:waystation:"
	fhirReferral = fhirSystem + "referral"
)

// fhirStatus is that of the ServiceRequest: whether what is asked for still is. The Task says how the receiver stands to it.
var fhirStatus = map[Status]string{
	Draft: "draft", Sent: "active", Acknowledged: "active", Accepted: "active", Waitlisted: "on-hold", InProgress: "active",
	Completed: "completed", Declined: "revoked", NotDelivered: "revoked", Revoked: "revoked", Expired: "revoked",
}

var fhirPriority = map[string]string{"emergency": "stat", "urgent": "urgent", "normal": "routine"}

// fhirGender is by code list sex.
var fhirGender = map[string]string{"1": "male", "2": "female"}

// seen is a referral as one of its sides sees it.
type seen struct {
	*Envelope
	id      uuid.UUID
	record  db.Global
	content Content // what that side may read of the person
	owner   string  // who is asked, where that is known
}

// bundle writes a referral as a collection of resources that refer to each other.
func (s seen) bundle() resource {
	entry := func(kind string, r resource) resource { return resource{"fullUrl": s.url(kind), "resource": r} }
	return resource{
		"resourceType": "Bundle", "id": s.id.String(), "type": "collection", "timestamp": instant(&s.record.UpdatedAt),
		"entry": []any{entry("ServiceRequest", s.serviceRequest()), entry("Task", s.task()), entry("Patient", s.patient())},
	}
}

// url names a resource of the bundle. That of the person tells nothing of who it is here.
func (s seen) url(kind string) string { return "urn:uuid:" + uuid.NewSHA1(s.id, []byte(kind)).String() }

// base is a resource of the bundle with what there is to say.
func (s seen) base(kind string, more resource) resource {
	r := filled(more)
	r["resourceType"], r["id"], r["meta"] = kind, s.id.String(), resource{"lastUpdated": instant(&s.record.UpdatedAt)}
	return r
}

// filled leaves out what is empty: FHIR knows no empty values.
func filled(r resource) resource {
	maps.DeleteFunc(r, func(_ string, value any) bool { return reflect.ValueOf(value).Len() == 0 })
	return r
}

func (s seen) serviceRequest() resource {
	c := s.content
	var notes []any
	for _, text := range []string{c.Explanation, c.Background, c.ServicesProvided} {
		if text != "" {
			notes = append(notes, resource{"text": text})
		}
	}
	reasons := concepts("referral_reason", s.Reasons)
	for _, n := range c.Needs {
		reasons = append(reasons, concept(n.CodeSystem, n.Code))
	}
	return s.base("ServiceRequest", resource{
		"identifier": []any{resource{"system": fhirReferral, "value": s.Number}}, "status": fhirStatus[s.Status], "intent": "order", "priority": fhirPriority[s.Priority],
		"category": concepts("service_type", s.Services), "reasonCode": reasons, "subject": resource{"reference": s.url("Patient")}, "authoredOn": instant(s.SentAt),
		"requester": nameless(s.Origin.V.Centre), "performer": some(nameless(s.owner)), "note": notes,
	})
}

// task follows the status: code list referral_status says which of FHIR's each is.
func (s seen) task() resource {
	list, _ := codelist.Get("referral_status")
	status, _ := list.Entry(string(s.Status))
	var output []any
	if s.DeliveredOn != nil {
		output = append(output, resource{"type": resource{"text": "delivered_on"}, "valueDate": s.DeliveredOn.String()})
	}
	if s.ClosingNote != "" {
		output = append(output, resource{"type": resource{"text": "closing_note"}, "valueString": s.ClosingNote})
	}
	return s.base("Task", resource{
		"identifier": []any{resource{"system": fhirReferral, "value": s.Number}}, "status": status.Extra["fhir_task"], "businessStatus": concept("referral_status", string(s.Status)),
		"statusReason": s.why(), "intent": "order", "priority": fhirPriority[s.Priority], "focus": resource{"reference": s.url("ServiceRequest")}, "for": resource{"reference": s.url("Patient")},
		"authoredOn": instant(s.SentAt), "lastModified": instant(&s.record.UpdatedAt), "requester": nameless(s.Origin.V.Centre), "owner": nameless(s.owner),
		"executionPeriod": span(s.StartedAt, s.ClosedAt), "restriction": within(s.nextDue()), "output": output,
	})
}

// why is the reason for which it ended without the service.
func (s seen) why() resource {
	switch {
	case s.DeclineReason != "":
		return concept("referral_decline_reason", s.DeclineReason)
	case s.NotDeliveredReason != "":
		return concept("not_delivered_reason", s.NotDeliveredReason)
	case s.RevokeReason != "":
		return resource{"text": s.RevokeReason}
	}
	return nil
}

// patient is what may be read of the person.
func (s seen) patient() resource {
	c := s.content
	var identifiers, name, telecom, languages, more []any
	if c.Code != "" {
		identifiers = append(identifiers, resource{"system": fhirSystem + "client-code", "value": c.Code})
	}
	if c.DocumentNumber != "" {
		identifiers = append(identifiers, resource{"type": concept("document_type", c.DocumentType), "value": c.DocumentNumber})
	}
	if c.FamilyName != "" || c.GivenName != "" {
		name = append(name, filled(resource{"family": c.FamilyName, "given": values(c.GivenName)}))
	}
	for _, other := range c.OtherNames {
		name = append(name, resource{"use": "nickname", "text": other})
	}
	if c.Phone != "" {
		telecom = append(telecom, resource{"system": "phone", "value": c.Phone})
	}
	for _, tag := range c.Languages {
		languages = append(languages, resource{"language": resource{"coding": []any{resource{"system": "urn:ietf:bcp:47", "code": tag}}}})
	}
	for _, country := range c.Nationalities {
		more = append(more, resource{"url": "http://hl7.org/fhir/StructureDefinition/patient-nationality", "extension": []any{resource{"url": "code", "valueCodeableConcept": concept("country", country)}}})
	}
	for _, own := range []struct{ name, list, code string }{{"age_group", "age_group", c.AgeGroup}, {"country_of_origin", "country", c.CountryOfOrigin},
		{"education_level", "education_level", c.EducationLevel}, {"migration_status", "migration_status", c.MigrationStatus}} {
		if own.code != "" {
			more = append(more, resource{"url": fhirSystem + own.name, "valueCodeableConcept": concept(own.list, own.code)})
		}
	}
	if c.GenderIdentity != "" {
		more = append(more, resource{"url": fhirSystem + "gender_identity", "valueString": c.GenderIdentity})
	}
	return s.base("Patient", resource{
		"identifier": identifiers, "name": name, "telecom": telecom, "communication": languages, "extension": more, "gender": gender(c.Sex),
		"birthDate": born(c.BirthDate, c.BirthDatePrecision), "maritalStatus": concept("marital_status", c.MaritalStatus),
	})
}

func gender(sex string) string {
	if sex == "" {
		return ""
	}
	if known := fhirGender[sex]; known != "" {
		return known
	}
	return "unknown"
}

// born is a date as exact as it is known.
func born(day *db.Date, precision string) string {
	switch {
	case day == nil:
		return ""
	case precision == "day":
		return day.String()
	case precision == "month":
		return day.Format("2006-01")
	}
	return day.Format("2006")
}

// concept is a code of one of our lists; nothing for none.
func concept(list, code string) resource {
	if code == "" {
		return nil
	}
	coding := resource{"system": fhirSystem + "codelist:" + list, "code": code}
	if label := codelist.Label(list, code, codelist.English); label != "" {
		coding["display"] = label
	}
	return resource{"coding": []any{coding}}
}

func concepts(list string, codes []string) []any {
	var all []any
	for _, code := range codes {
		all = append(all, concept(list, code))
	}
	return all
}

// nameless refers to somebody who has no resource here.
func nameless(who string) resource {
	if who == "" {
		return nil
	}
	return resource{"display": who}
}

func some(r resource) []any {
	if r == nil {
		return nil
	}
	return []any{r}
}

func values(text string) []any {
	if text == "" {
		return nil
	}
	return []any{text}
}

func instant(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// span is a period; nothing before it begins.
func span(from, to *time.Time) resource {
	if from == nil {
		return nil
	}
	p := resource{"start": instant(from)}
	if to != nil {
		p["end"] = instant(to)
	}
	return p
}

// within is the deadline that runs.
func within(due *time.Time) resource {
	if due == nil {
		return nil
	}
	return resource{"period": resource{"end": instant(due)}}
}
