package intake

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	bcp47 "golang.org/x/text/language"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/intake/sheet"
	"github.com/waystation/waystation/internal/reception"
	"github.com/waystation/waystation/internal/wire"
)

// registrar turns rows of a sheet into registrations of one centre.
type registrar struct {
	terms    beneficiary.Terms
	zone     *time.Location
	source   string // source system
	language string // of the sheet
	pass     *pass
}

// arrival is a row that may be registered, as it will be stored.
type arrival struct {
	row       *outcome
	person    *beneficiary.Beneficiary
	consents  []beneficiary.Consent
	needs     []beneficiary.SpecificNeed
	visits    []reception.Visit       // the arrival, where the sheet says how it was
	household string                  // the source system's key; empty: none
	possible  []beneficiary.Candidate // whom the person may be a duplicate of, none of them likely
}

// admit judges a row by the rules of registration. A row that breaks one is rejected; nil then.
func (r *registrar) admit(o *outcome) *arrival {
	r.bound(o)
	if o.Status == rowRejected {
		return nil
	}
	wanted := r.registration(o)
	person, consents, err := r.terms.Admit(wanted)
	if broke(err, "child_needs_caregiver") {
		wanted = r.asChild(o, wanted)
		person, consents, err = r.terms.Admit(wanted)
	}
	var needs []beneficiary.SpecificNeed
	if err == nil {
		needs, err = r.needs(o, person)
	}
	if err != nil {
		r.rejected(o, err)
		return nil
	}
	a := &arrival{row: o, person: person, consents: consents, needs: needs, visits: r.visits(o.values, person)}
	if o.values.Household != "" {
		a.household = r.key(o.values.Household)
	}
	return a
}

// bound holds texts to the lengths that the contract allows.
func (r *registrar) bound(o *outcome) {
	v := o.values
	for field, text := range map[sheet.Field]string{
		sheet.GivenName: v.GivenName, sheet.FamilyName: v.FamilyName, sheet.Phone: v.Phone + v.PhoneRaw, sheet.DocumentNumber: v.DocumentNumber,
		sheet.Remarks: v.Remarks, sheet.CertifiedBy: v.CertifiedBy, sheet.SourceID: v.SourceID, sheet.Household: v.Household,
	} {
		if limit := limits[field]; utf8.RuneCountInString(text) > limit {
			o.reject(sheet.NewIssue(sheet.TextTooLong, field, r.pass.columns[field], map[string]string{"limit": strconv.Itoa(limit)}))
		}
	}
}

// limits are the longest texts, in characters: those of BeneficiaryCreate and RegistrationConsent in the
// contract, and of the sheet's own keys.
var limits = map[sheet.Field]int{
	sheet.GivenName: 200, sheet.FamilyName: 200, sheet.Phone: 40, sheet.DocumentNumber: 60, sheet.Remarks: 4000, sheet.CertifiedBy: 200,
	sheet.SourceID: 100, sheet.Household: 100,
}

// registration says a row as the API would be told it.
func (r *registrar) registration(o *outcome) beneficiary.Registration {
	v := o.values
	registered := db.Date{Time: v.RegisteredOn.Time}
	key := r.key(v.SourceID)
	b := beneficiary.Beneficiary{
		RegistrationLevel: "basic", RegisteredOn: registered, ReceptionOn: registered, GivenName: v.GivenName, FamilyName: v.FamilyName,
		Sex: v.Sex, PopulationType: populationOf(v.MigrationStatus), Nationalities: v.Nationalities, Languages: languagesOf(v.Language),
		MigrationStatus: v.MigrationStatus, IntendedDestination: destinationOf(v), Phone: v.Phone + v.PhoneRaw,
		DocumentType: v.DocumentType, DocumentNumber: v.DocumentNumber, Remarks: v.Remarks, Source: "import", SourceKey: &key,
	}
	if !v.ArrivedOn.IsZero() {
		b.ReceptionOn = db.Date{Time: v.ArrivedOn.Time}
	}
	if v.MigrationReason != "" {
		b.MigrationReasons = db.Strings{v.MigrationReason}
	}
	if !v.BirthDate.IsZero() {
		b.BirthDate, b.BirthDatePrecision = &db.Date{Time: v.BirthDate.Time}, wire.Ptr(string(v.BirthPrecision))
	}
	bornLate(&b)
	b.Answers.V = answersOf(v)
	return beneficiary.Registration{Person: b, Consent: r.consent(v)}
}

// bornLate settles a birth after the arrival: an estimate is brought down to it, and who was
// born at the centre was received at birth.
func bornLate(b *beneficiary.Beneficiary) {
	switch {
	case b.BirthDate == nil || !b.BirthDate.After(b.ReceptionOn.Time):
	case *b.BirthDatePrecision == string(sheet.Estimated):
		b.BirthDate = wire.Ptr(b.ReceptionOn)
	default:
		b.ReceptionOn = *b.BirthDate
	}
}

// key tells a row of a source system from all others of the centre.
func (r *registrar) key(sourceID string) string { return r.source + ":" + sourceID }

// noon is the middle of a day at the centre, which is the same day in UTC, or now where that is earlier.
func (r *registrar) noon(day sheet.Date) time.Time {
	at := time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, r.zone).UTC()
	if at.After(r.terms.Now) {
		return r.terms.Now
	}
	return at
}

// visits are the arrival that a sheet tells of beside the registration: it ended with it.
func (r *registrar) visits(v sheet.Row, person *beneficiary.Beneficiary) []reception.Visit {
	if v.ArrivalMode == "" {
		return nil
	}
	arrived := v.RegisteredOn
	if !v.ArrivedOn.IsZero() && v.ArrivedOn.Before(arrived.Time) {
		arrived = v.ArrivedOn
	}
	on := func(day sheet.Date) reception.Instant {
		return reception.Instant{At: r.noon(day), On: db.Date{Time: day.Time}}
	}
	return []reception.Visit{reception.Bygone(person.ID, v.ArrivalMode, v.ArrivedFrom, on(arrived), on(v.RegisteredOn), r.terms.By)}
}

// consent is the decision that the row records, of the day of the registration.
func (r *registrar) consent(v sheet.Row) *beneficiary.Consent {
	at := r.noon(v.RegisteredOn)
	c := &beneficiary.Consent{Decision: v.Consent, Giver: "individual", Method: v.ConsentMethod, GivenAt: at, CertifiedBy: v.CertifiedBy}
	if c.CertifiedBy != "" {
		c.CertifiedAt = &at
	}
	return c
}

// asChild settles what a sheet does not say, who consented for a child (handbook 3.7): a
// caregiver where the child belongs to a household with a head, else the record stands on the
// child's best interests, with the child's assent. Somebody should look, so the row carries a warning.
func (r *registrar) asChild(o *outcome, wanted beneficiary.Registration) beneficiary.Registration {
	if r.accompanied(o.values) {
		wanted.Consent.Giver = "caregiver"
		o.warn(r.pass.issue(sheet.ChildCaregiver, sheet.Consent))
		return wanted
	}
	assent := *wanted.Consent
	assent.Giver = beneficiary.Assent
	issue := r.pass.issue(sheet.ChildAssent, sheet.Consent)
	wanted.Consent, wanted.Assent = nil, &assent
	wanted.Person.Basis, wanted.Person.BasisReason = "best_interests_child", issue.Text(r.language)
	o.warn(issue)
	return wanted
}

func (r *registrar) accompanied(v sheet.Row) bool {
	alone := v.HouseholdRelationship == "" || v.HouseholdRelationship == beneficiary.Head
	return v.Household != "" && !alone && !slices.Contains(v.Vulnerabilities, "uac")
}

// needs are the vulnerabilities of the row, found out on the day of the registration. A restricted
// one is written and not seen again but by the person's case team.
func (r *registrar) needs(o *outcome, person *beneficiary.Beneficiary) ([]beneficiary.SpecificNeed, error) {
	since := person.RegisteredOn
	var out []beneficiary.SpecificNeed
	for _, code := range o.values.Vulnerabilities {
		n := beneficiary.SpecificNeed{
			Record: db.NewRecord(nil), BeneficiaryID: person.ID, CodeSystem: vulnerabilityList, Code: code,
			Confidence: "self_reported", Since: &since, IdentifiedBy: r.terms.By,
		}
		if err := n.Validate(since); err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

const vulnerabilityList = "migrant_vulnerability"

// populationOf groups a migration status as the list population_type does. Who says nothing else
// on the sheet of a migrant centre is a migrant.
var populationOf = func() func(string) string {
	groups := sync.OnceValue(func() map[string]string {
		out := map[string]string{"": "migrant"}
		list, _ := codelist.Get("population_type")
		for _, e := range list.Entries {
			for status := range strings.FieldsSeq(e.Extra["migration_status"]) {
				out[status] = e.Code
			}
		}
		return out
	})
	return func(status string) string { return groups()[status] }
}()

// languagesOf writes an ISO 639-3 code as BCP 47 does: fra is fr.
func languagesOf(code string) db.Strings {
	base, err := bcp47.ParseBase(code)
	if err != nil {
		return nil
	}
	return db.Strings{base.String()}
}

// destinationOf names the country; the way home is known of who has one nationality.
func destinationOf(v sheet.Row) string {
	switch {
	case v.Destination != sheet.ReturnOrigin:
		return v.Destination
	case len(v.Nationalities) == 1:
		return v.Nationalities[0]
	}
	return ""
}

// answerFields are the API's names for the fields that a sheet can answer without a value.
var answerFields = map[sheet.Field]string{
	sheet.GivenName: "given_name", sheet.FamilyName: "family_name", sheet.Nationality: "nationalities", sheet.Language: "languages",
	sheet.Phone: "phone", sheet.DocumentType: "document_type", sheet.DocumentNumber: "document_number",
	sheet.MigrationStatus: "migration_status", sheet.MigrationReason: "migration_reasons", sheet.Destination: "intended_destination",
}

func answersOf(v sheet.Row) map[string]string {
	out := map[string]string{}
	for field, answer := range v.Answers {
		if field == sheet.MigrationStatus && v.MigrationStatus != "" {
			continue // the way of arrival says it
		}
		if name := answerFields[field]; name != "" {
			out[name] = string(answer)
		}
	}
	return out
}

// fingerprint tells a row that says something else from one that says the same.
func fingerprint(v sheet.Row) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("intake: " + err.Error()) // texts, numbers and dates: cannot fail
	}
	sum := sha256.Sum256(raw)
	return sum[:16]
}

// broke tells that a registration broke one rule.
func broke(err error, code string) bool {
	var f *fault.Error
	return errors.As(err, &f) && slices.ContainsFunc(f.Fields, func(x fault.Field) bool { return x.Code == code })
}

// rejected lists the rules that a registration broke. Their texts name rules, never values.
func (r *registrar) rejected(o *outcome, err error) {
	var f *fault.Error
	if !errors.As(db.Fault(err), &f) {
		f = fault.New(fault.Internal, "internal", "The row could not be saved.")
	}
	if len(f.Fields) == 0 {
		f.Add("", f.Code, f.Public)
	}
	for _, broken := range f.Fields {
		field := fieldAt(broken.Pointer)
		o.reject(sheet.NewIssue(sheet.RuleBroken, field, r.pass.columns[field], map[string]string{"rule": broken.Code}))
	}
}

// fieldAt names the field of a sheet that a pointer into a registration means.
func fieldAt(pointer string) sheet.Field {
	name := strings.TrimPrefix(pointer, "/")
	for field, own := range answerFields {
		if own == name {
			return field
		}
	}
	if strings.HasPrefix(name, "consent") {
		return sheet.Consent
	}
	switch name {
	case "birth_date", "birth_date_precision", "age":
		return sheet.BirthDate
	case "reception_on":
		return sheet.ArrivedOn
	}
	return sheet.Field(name)
}
