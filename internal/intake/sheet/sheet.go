// Package sheet turns a registration sheet that a centre already keeps into
// normalised registration rows, with every fault named by row, field and column.
//
// It is pure: no database, no network, no clock. A reader (NewCSV, or any other
// Records) yields raw cells; a Mapping, stored per centre, says what each column
// means; a Normaliser applies both and gives a Result per row. Rules that need
// other rows or the database (the same source id twice, a household with two
// heads, which centre a name is) belong to the caller.
package sheet

import (
	"encoding/json"
	"fmt"
	"time"
)

// Field is a target that a column can be mapped to.
type Field string

// The targets. Ignore names a column that is known and left out on purpose.
const (
	SourceID              Field = "source_id"
	Centre                Field = "centre"
	RegisteredOn          Field = "registered_on"
	GivenName             Field = "given_name"
	FamilyName            Field = "family_name"
	Sex                   Field = "sex"
	BirthDate             Field = "birth_date"
	Age                   Field = "age"
	Nationality           Field = "nationality"
	Language              Field = "language"
	Phone                 Field = "phone"
	DocumentType          Field = "document_type"
	DocumentNumber        Field = "document_number"
	Household             Field = "household"
	HouseholdRelationship Field = "household_relationship"
	ArrivedOn             Field = "arrived_on"
	ArrivalMode           Field = "arrival_mode"
	MigrationStatus       Field = "migration_status"
	MigrationReason       Field = "migration_reason"
	Destination           Field = "destination"
	Vulnerabilities       Field = "vulnerabilities"
	Consent               Field = "consent"
	ConsentMethod         Field = "consent_method"
	CertifiedBy           Field = "certified_by"
	Remarks               Field = "remarks"
	Ignore                Field = "ignore"
)

// lists names the code list of each coded field.
var lists = map[Field]string{
	Sex:                   "sex",
	Language:              "language_corridor",
	DocumentType:          "document_type",
	HouseholdRelationship: "household_relationship",
	ArrivalMode:           "arrival_mode",
	MigrationStatus:       "migration_status",
	MigrationReason:       "migration_reason",
	Vulnerabilities:       "migrant_vulnerability",
	Consent:               "consent_decision",
	ConsentMethod:         "consent_method",
}

var fields = map[Field]bool{
	SourceID: true, Centre: true, RegisteredOn: true, GivenName: true, FamilyName: true, Sex: true, BirthDate: true,
	Age: true, Nationality: true, Language: true, Phone: true, DocumentType: true, DocumentNumber: true, Household: true,
	HouseholdRelationship: true, ArrivedOn: true, ArrivalMode: true, MigrationStatus: true, MigrationReason: true,
	Destination: true, Vulnerabilities: true, Consent: true, ConsentMethod: true, CertifiedBy: true, Remarks: true,
	Ignore: true,
}

// Answer says why a field has no value although the question was asked. A field
// that is not in Row.Answers and has no value was never asked or left blank.
type Answer string

// The two answers without a value. Sex carries them itself (ISO/IEC 5218: 0 not
// known, 9 not stated).
const (
	Unknown  Answer = "unknown"
	Declined Answer = "declined"
)

// Precision says how much of a birth date is known.
type Precision string

// A date of precision month or year stands at its first day. An estimated date
// is the registration date less the age that was given.
const (
	Day       Precision = "day"
	Month     Precision = "month"
	Year      Precision = "year"
	Estimated Precision = "estimated"
)

// ReturnOrigin in Row.Destination means: back to the country of origin.
const ReturnOrigin = "return_origin"

// Row is one registration with normalised values. A zero value means: not given
// (see Answers). Codes are those of the named code list.
//
// When consent is refused only what an anonymous service contact needs is left:
// source id, centre, dates, sex, age, nationalities and arrival mode.
type Row struct {
	SourceID       string    `json:"source_id"`
	Centre         string    `json:"centre,omitempty"` // the mapping's name of the centre, or the cell as it stands
	CentreMapped   bool      `json:"centre_mapped"`    // false: Centre is the cell as it stands
	RegisteredOn   Date      `json:"registered_on,omitzero"`
	GivenName      string    `json:"given_name,omitempty"`
	FamilyName     string    `json:"family_name,omitempty"`
	Sex            string    `json:"sex,omitempty"` // list sex
	BirthDate      Date      `json:"birth_date,omitzero"`
	BirthPrecision Precision `json:"birth_precision,omitempty"`
	Age            *int      `json:"age,omitempty"` // completed years, as given
	Nationalities  []string  `json:"nationalities,omitempty"`
	Language       string    `json:"language,omitempty"`  // list language_corridor (ISO 639-3)
	Phone          string    `json:"phone,omitempty"`     // + and 7 to 15 digits
	PhoneRaw       string    `json:"phone_raw,omitempty"` // only when the number could not be read

	DocumentType          string `json:"document_type,omitempty"` // list document_type
	DocumentNumber        string `json:"document_number,omitempty"`
	Household             string `json:"household,omitempty"`              // the sheet's own key
	HouseholdRelationship string `json:"household_relationship,omitempty"` // list household_relationship

	ArrivedOn Date `json:"arrived_on,omitzero"`
	// ArrivalMode is how the person came to the centre: spontaneous, referred,
	// transferred, outreach, rescued, expelled or unknown. The list
	// centre_access_mode says how a centre opens its door and does not fit.
	ArrivalMode string `json:"arrival_mode,omitempty"`
	ArrivedFrom string `json:"arrived_from,omitempty"` // alpha-3 of the country expelled from, where the mapping says it
	// MigrationStatus is the sheet's own, or what the arrival mode implies:
	// expelled or rescued (list migration_status).
	MigrationStatus string   `json:"migration_status,omitempty"`
	MigrationReason string   `json:"migration_reason,omitempty"` // list migration_reason
	Destination     string   `json:"destination,omitempty"`      // alpha-3 or ReturnOrigin
	Vulnerabilities []string `json:"vulnerabilities,omitempty"`  // list migrant_vulnerability

	Consent       string `json:"consent,omitempty"`        // given or refused (list consent_decision)
	ConsentMethod string `json:"consent_method,omitempty"` // list consent_method
	CertifiedBy   string `json:"certified_by,omitempty"`
	Remarks       string `json:"remarks,omitempty"`

	Answers map[Field]Answer `json:"answers,omitempty"`
}

// Result is one row of the sheet after the mapping: the values that could be
// read, and every fault. A row with an error must not become a registration.
type Result struct {
	Line   int     `json:"line"` // where the row begins in the file, counted from 1
	Row    Row     `json:"row"`
	Issues []Issue `json:"issues,omitempty"`
}

// Accepted tells whether the row has no error; warnings do not count.
func (r Result) Accepted() bool { return !hasError(r.Issues) }

// Date is a calendar day, at midnight UTC, written 2006-01-02.
type Date struct{ time.Time }

// NewDate makes a date; out-of-range parts roll over as in time.Date.
func NewDate(year int, month time.Month, day int) Date {
	return Date{time.Date(year, month, day, 0, 0, 0, 0, time.UTC)}
}

// String writes the date as 2006-01-02, the zero date as "".
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Format(time.DateOnly)
}

// After tells whether the day is later than another.
func (d Date) After(other Date) bool { return d.Time.After(other.Time) }

// MarshalJSON writes the date as a string.
func (d Date) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads what MarshalJSON writes.
func (d *Date) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil || text == "" {
		*d = Date{}
		return err
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return fmt.Errorf("date: %w", err)
	}
	d.Time = t
	return nil
}

// less gives the day that many years and months earlier, held inside its month:
// 29 February less one year is 28 February, so that an age stays what was said.
func (d Date) less(years, months int) Date {
	first := NewDate(d.Year()-years, d.Month()-time.Month(months), 1)
	last := NewDate(first.Year(), first.Month()+1, 0)
	return NewDate(first.Year(), first.Month(), min(d.Day(), last.Day()))
}

// yearsUntil counts the completed years from the day to a later one.
func (d Date) yearsUntil(later Date) int {
	years := later.Year() - d.Year()
	if later.Month() < d.Month() || later.Month() == d.Month() && later.Day() < d.Day() {
		years--
	}
	return years
}
