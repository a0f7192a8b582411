package referral

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/print"
	"github.com/waystation/waystation/internal/servicemap"
)

// form is a referral that was sent, on paper: the parts of the agreed inter-agency form, for partners without a system. It shows the
// frozen snapshot and nothing else of the person.
type form struct {
	*Referral
	language string // en | fr | ar | es
	zone     *time.Location
	receiver string // who is asked
	service  string // of the map, where one is named
	lines    []line
}

// line is one paragraph of a form.
type line struct {
	points, above float64 // of type; millimetres
	text          string
}

// printed draws the form of a referral that its receiver may read now, and enters into the ledger that it left. 409 before it is sent
// and after its end.
func printed(ctx context.Context, id uuid.UUID, language string) (*Referral, []byte, error) {
	r, err := worked(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if r.Direction != Outbound {
		return nil, nil, fault.Missing() // the form is the sender's
	}
	if !r.partnerSees(db.Now()) {
		return nil, nil, fault.State(string(r.Status), "A form is printed of a referral that was sent and has not ended.").With("allowed_states", open)
	}
	if len(r.Needs) != r.NeedCount {
		return nil, nil, fault.Denied("Only a member of the case's team may print this referral.")
	}
	f, err := newForm(ctx, r, language)
	if err != nil {
		return nil, nil, err
	}
	sheet, err := f.draw()
	if err != nil {
		return nil, nil, err
	}
	return r, sheet, db.Insert(ctx, r.disclosed(ctx, "print", fieldsOf(r.whole())))
}

func newForm(ctx context.Context, r *Referral, asked string) (*form, error) {
	here, err := db.Get[centre.Centre](ctx, r.CentreID.UUID())
	if err != nil {
		return nil, err
	}
	f := &form{Referral: r, receiver: r.Destination.V.Name}
	if f.language = asked; asked == "" {
		f.language = spoken(here.Languages)
	}
	if f.zone, err = time.LoadLocation(here.TimeZone); err != nil {
		return nil, err
	}
	if f.receiver == "" {
		to, err := findReceiver(ctx, r.OrganisationID)
		if err != nil {
			return nil, err
		}
		f.receiver = to.Name
	}
	if r.ServiceID != nil {
		s, err := servicemap.Find(ctx, *r.ServiceID)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		if err == nil {
			f.service = s.Name
		}
	}
	return f, nil
}

// spoken is the first of a centre's languages (BCP 47) that the form speaks, or English.
func spoken(tags []string) string {
	for _, tag := range tags {
		if base, _, _ := strings.Cut(strings.ToLower(tag), "-"); slices.Contains(languages, base) {
			return base
		}
	}
	return codelist.English
}

func (f *form) draw() ([]byte, error) {
	d, err := print.New(print.A4, f.Number)
	if err != nil {
		return nil, err
	}
	page := d.Flow(16)
	f.write()
	for _, l := range f.lines {
		page.Space(l.above)
		page.Text(l.points, l.text)
	}
	var out bytes.Buffer
	err = d.Write(&out)
	return out.Bytes(), err
}

// part begins a part of the form.
func (f *form) part(key string) { f.lines = append(f.lines, line{12, 3.5, in(f.language, key)}) }

// say adds a sentence.
func (f *form) say(text string) { f.lines = append(f.lines, line{9.5, 0.5, text}) }

// tell adds what is known under its name, and nothing where there is nothing.
func (f *form) tell(key string, values ...string) {
	values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
	if len(values) > 0 {
		f.say(in(f.language, key) + ": " + f.ordered(strings.Join(values, ", ")))
	}
}

// ordered keeps the figures of a date or a telephone number in their order between words that run from right to left.
func (f *form) ordered(value string) string {
	const leftToRight = "\u200e"
	if f.language == "ar" && strings.ContainsAny(value[:1], "+0123456789") {
		return leftToRight + value
	}
	return value
}

// fill leaves room for a hand to write.
func (f *form) fill(key string) {
	f.lines = append(f.lines, line{9.5, 1.5, in(f.language, key) + ": " + strings.Repeat(". ", 30)})
}

func (f *form) label(list, code string) string { return codelist.Label(list, code, f.language) }

func (f *form) labels(list string, codes []string) []string {
	out := make([]string, len(codes))
	for i, code := range codes {
		out[i] = f.label(list, code)
	}
	return out
}

func (f *form) moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.In(f.zone).Format("2006-01-02 15:04")
}

// write fills the parts in the order of the form.
func (f *form) write() {
	f.lines = append(f.lines, line{17, 0, in(f.language, "title")}, line{9, 1, in(f.language, "confidential")})
	f.tell("number", f.Number)
	f.tell("priority", f.label("referral_priority", f.Priority))
	f.tell("date", f.moment(f.SentAt))
	f.tell("channel", f.label("referral_channel", f.Channel))
	f.tell("answer_by", f.moment(f.DecisionDueAt))
	f.parties()
	f.client(f.whole())
	f.request(f.whole())
	f.ground()
	f.part("follow_up")
	if f.FollowUpOn != nil {
		f.tell("expected", f.FollowUpOn.String())
	}
	if f.FeedbackWanted {
		f.say(in(f.language, "wanted"))
	}
	f.part("receipt")
	f.fill("received")
	f.fill("answered")
	f.say(in(f.language, "copies"))
}

func (f *form) parties() {
	f.part("referring")
	f.tell("agency", f.Origin.V.Centre)
	f.tell("place", f.label("country", f.Origin.V.Country), f.Origin.V.Pcode)
	f.tell("contact", f.Contact.V.Name, f.Contact.V.Position)
	f.tell("phone", f.Contact.V.Phone)
	f.tell("email", f.Contact.V.Email)
	f.part("receiving")
	f.tell("agency", f.receiver)
	f.tell("service", f.service)
}

// client tells who is referred, as far as that is disclosed.
func (f *form) client(c Content) {
	f.part("client")
	if f.ClientMode != Identified {
		f.say(in(f.language, f.ClientMode))
	}
	f.tell("code", c.Code)
	f.tell("given_name", c.GivenName)
	f.tell("family_name", c.FamilyName)
	f.tell("other_names", c.OtherNames...)
	if c.BirthDate != nil {
		f.tell("birth_date", c.BirthDate.String(), f.label("birth_date_precision", c.BirthDatePrecision))
	}
	f.tell("age_group", f.label("age_group", c.AgeGroup))
	f.tell("sex", f.label("sex", c.Sex))
	f.tell("gender_identity", c.GenderIdentity)
	f.tell("nationalities", f.labels("country", c.Nationalities)...)
	f.tell("country_of_origin", f.label("country", c.CountryOfOrigin))
	f.tell("languages", f.tongues(c.Languages)...)
	f.tell("marital_status", f.label("marital_status", c.MaritalStatus))
	f.tell("education_level", f.label("education_level", c.EducationLevel))
	f.tell("migration_status", f.label("migration_status", c.MigrationStatus))
	f.tell("phone", c.Phone)
	f.tell("document_type", f.label("document_type", c.DocumentType), c.DocumentNumber)
	if f.ClientMode == Identified {
		f.part("minor")
		f.fill("caregiver")
		f.fill("separated")
		f.fill("informed")
	}
}

// tongues are the names of languages (BCP 47).
func (f *form) tongues(tags []string) []string {
	names, out := display.Languages(language.MustParse(f.language)), make([]string, len(tags))
	for i, tag := range tags {
		if out[i] = tag; names != nil {
			if t, err := language.Parse(tag); err == nil && names.Name(t) != "" {
				out[i] = names.Name(t)
			}
		}
	}
	return out
}

// request tells what is asked for and why.
func (f *form) request(c Content) {
	f.part("need")
	f.tell("reasons", f.labels("referral_reason", f.Reasons)...)
	f.tell("services", f.labels("service_type", f.Services)...)
	f.tell("explanation", c.Explanation)
	f.tell("background", c.Background)
	f.tell("services_provided", c.ServicesProvided)
	needs := make([]string, len(c.Needs))
	for i, n := range c.Needs {
		needs[i] = f.label(n.CodeSystem, n.Code)
	}
	f.tell("needs", needs...)
}

// ground tells what the referral rests on and what it discloses.
func (f *form) ground() {
	f.part("consent")
	if f.ConsentID != nil {
		f.say(in(f.language, "consented"))
	} else {
		f.tell("unasked", f.label("processing_basis", f.OverrideBasis))
	}
	fields := fieldsOf(f.whole())
	for i, field := range fields {
		fields[i] = in(f.language, field)
	}
	f.tell("disclosed", fields...)
	f.fill("restricted")
	f.fill("signed")
}
