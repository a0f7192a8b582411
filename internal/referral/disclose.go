package referral

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/fold"
)

// The client modes: code list referral_client_mode. A coded person is known to the receiver by a
// code that only the sender can resolve; an anonymous one by nothing.
const (
	Identified = "identified"
	Coded      = "coded"
	Anonymous  = "anonymous"
)

// Content is what a referral tells of a person; a field that was not chosen is empty. The names
// are those of the API, and of the disclosure ledger.
type Content struct {
	Code               string     `json:"code,omitempty"`
	AgeGroup           string     `json:"age_group,omitempty"`
	Sex                string     `json:"sex,omitempty"`
	GenderIdentity     string     `json:"gender_identity,omitempty"`
	GivenName          string     `json:"given_name,omitempty"`
	FamilyName         string     `json:"family_name,omitempty"`
	OtherNames         []string   `json:"other_names,omitempty"`
	BirthDate          *db.Date   `json:"birth_date,omitempty"`
	BirthDatePrecision string     `json:"birth_date_precision,omitempty"`
	Nationalities      []string   `json:"nationalities,omitempty"`
	CountryOfOrigin    string     `json:"country_of_origin,omitempty"`
	Languages          []string   `json:"languages,omitempty"`
	MaritalStatus      string     `json:"marital_status,omitempty"`
	EducationLevel     string     `json:"education_level,omitempty"`
	MigrationStatus    string     `json:"migration_status,omitempty"`
	Phone              string     `json:"phone,omitempty"`
	DocumentType       string     `json:"document_type,omitempty"`
	DocumentNumber     string     `json:"document_number,omitempty"`
	Explanation        string     `json:"explanation,omitempty"`
	Background         string     `json:"background,omitempty"`
	ServicesProvided   string     `json:"services_provided,omitempty"`
	Needs              []NeedFact `json:"needs,omitempty"`
}

// NeedFact is a specific need as the receiver reads it.
type NeedFact struct {
	CodeSystem string   `json:"code_system"`
	Code       string   `json:"code"`
	Since      *db.Date `json:"since,omitempty"`
}

// before is what the receiver reads before acceptance: enough to decide, too little to know who
// it is. The function partner_open says the same.
var before = []string{"code", "age_group", "sex"}

// facts are what content is made from.
type facts struct {
	person *beneficiary.Beneficiary
	today  time.Time // where the centre is
	*Referral
}

// disclosable is one field that may be chosen, with the modes in which it may go out.
type disclosable struct {
	modes []string
	put   func(*Content, facts)
}

var (
	always = []string{Identified, Coded, Anonymous}
	known  = []string{Identified, Coded} // the receiver may ask whom it is about
	named  = []string{Identified}
)

// disclosables is the list of what may leave the centre about a person. A field is not disclosed
// unless it stands here, suits the mode and was chosen. Rule 14 rests on this table.
var disclosables = map[string]disclosable{
	"age_group":         {always, func(c *Content, f facts) { c.AgeGroup = ageGroup(f.person.BirthDate, f.today) }},
	"sex":               {always, func(c *Content, f facts) { c.Sex = f.person.Sex }},
	"gender_identity":   {known, func(c *Content, f facts) { c.GenderIdentity = f.person.GenderIdentity }},
	"nationalities":     {known, func(c *Content, f facts) { c.Nationalities = f.person.Nationalities }},
	"languages":         {known, func(c *Content, f facts) { c.Languages = f.person.Languages }},
	"migration_status":  {known, func(c *Content, f facts) { c.MigrationStatus = f.person.MigrationStatus }},
	"background":        {known, func(c *Content, f facts) { c.Background = f.Background }},
	"services_provided": {known, func(c *Content, f facts) { c.ServicesProvided = f.ServicesProvided }},
	"given_name":        {named, func(c *Content, f facts) { c.GivenName = f.person.GivenName }},
	"family_name":       {named, func(c *Content, f facts) { c.FamilyName = f.person.FamilyName }},
	"other_names":       {named, func(c *Content, f facts) { c.OtherNames = f.person.OtherNames }},
	"birth_date":        {named, putBirthDate},
	"country_of_origin": {named, func(c *Content, f facts) { c.CountryOfOrigin = f.person.CountryOfOrigin }},
	"marital_status":    {named, func(c *Content, f facts) { c.MaritalStatus = f.person.MaritalStatus }},
	"education_level":   {named, func(c *Content, f facts) { c.EducationLevel = f.person.EducationLevel }},
	"phone":             {named, func(c *Content, f facts) { c.Phone = f.person.Phone }},
	"document":          {named, putDocument},
}

func putBirthDate(c *Content, f facts) {
	if f.person.BirthDate != nil {
		c.BirthDate, c.BirthDatePrecision = f.person.BirthDate, *f.person.BirthDatePrecision
	}
}

func putDocument(c *Content, f facts) {
	c.DocumentType, c.DocumentNumber = f.person.DocumentType, f.person.DocumentNumber
}

// content gathers exactly what the referral discloses, its needs included.
func (f facts) content() Content {
	c := Content{Explanation: f.Explanation}
	if f.ClientMode != Anonymous {
		c.Code = f.ClientCode
	}
	for _, field := range f.DisclosedFields {
		disclosables[field].put(&c, f)
	}
	for _, n := range f.Needs {
		c.Needs = append(c.Needs, NeedFact{n.CodeSystem, n.Code, n.Since})
	}
	return c
}

// age returns completed years on a day.
func age(born db.Date, on time.Time) int {
	years := on.Year() - born.Year()
	if on.Format("0102") < born.Format("0102") { // the birthday is still to come
		years--
	}
	return years
}

// ageGroup returns the code of list age_group, scheme unhcr, for the age on a day.
func ageGroup(born *db.Date, on time.Time) string {
	if born == nil {
		return "unknown"
	}
	years := age(*born, on)
	groups, _ := codelist.Get("age_group")
	for _, g := range groups.Entries {
		from, _ := strconv.Atoi(g.Extra["age_from"])
		to, err := strconv.Atoi(g.Extra["age_to"])
		if g.Extra["scheme"] == "unhcr" && years >= from && (err != nil || years <= to) {
			return g.Code
		}
	}
	return "unknown"
}

// checkMode refuses what does not suit the client mode.
func (r *Referral) checkMode(rules *fault.Error) {
	for i, field := range r.DisclosedFields {
		if !slices.Contains(disclosables[field].modes, r.ClientMode) {
			rules.Add("/disclosed_fields/"+strconv.Itoa(i), "not_in_this_mode", "A referral whose person is "+r.ClientMode+" does not tell this.")
		}
	}
	if r.ClientMode == Anonymous && r.NeedCount > 0 {
		rules.Add("/need_ids", "not_in_this_mode", "An anonymous referral tells age group and sex at most.")
	}
}

// identifiers are the words and runs of digits that a person could be known by.
type identifiers struct {
	words []string // folded
	runs  []string // letters and digits without anything between
}

// identifiersOf gathers them; also the centre's own references, which other papers carry.
func identifiersOf(b *beneficiary.Beneficiary, caseNumber string) identifiers {
	var i identifiers
	for _, name := range append([]string{b.GivenName, b.FamilyName}, b.OtherNames...) {
		for _, word := range strings.Fields(fold.Key(name)) {
			if len([]rune(word)) > 2 { // shorter ones are words of every language
				i.words = append(i.words, word)
			}
		}
	}
	for _, run := range []string{b.DocumentNumber, b.Reference, caseNumber} {
		i.add(run, 4)
	}
	if phone := digits(b.Phone); len(phone) >= 6 {
		i.add(phone[max(0, len(phone)-8):], 6) // with or without the country's prefix
	}
	if b.BirthDate != nil && *b.BirthDatePrecision == "day" {
		i.add(b.BirthDate.Format("20060102"), 8)
		i.add(b.BirthDate.Format("02012006"), 8)
	}
	return i
}

func (i *identifiers) add(run string, least int) {
	if k := squeeze(run); len(k) >= least {
		i.runs = append(i.runs, k)
	}
}

func squeeze(text string) string { return strings.ReplaceAll(fold.Key(text), " ", "") }

func digits(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, fold.Digits(text))
}

// in tells that a text names the person.
func (i identifiers) in(text string) bool {
	words, run := strings.Fields(fold.Key(text)), squeeze(text)
	return slices.ContainsFunc(i.words, func(w string) bool { return slices.Contains(words, w) }) ||
		slices.ContainsFunc(i.runs, func(r string) bool { return strings.Contains(run, r) })
}

// checkTexts keeps identifying words out of what a coded or anonymous referral says (rule 14).
func (r *Referral) checkTexts(rules *fault.Error, i identifiers) {
	if r.ClientMode == Identified {
		return
	}
	for _, t := range []struct{ pointer, text string }{{"/explanation", r.Explanation}, {"/background", r.Background}, {"/services_provided", r.ServicesProvided}} {
		if i.in(t.text) {
			rules.Add(t.pointer, "identifies_person", "The text names the person, or a number they are known by; a "+r.ClientMode+" referral must not.")
		}
	}
}
