package sheet

import (
	"errors"
	"io"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/waystation/waystation/internal/codelist/country"
	"github.com/waystation/waystation/internal/fold"
	"github.com/waystation/waystation/internal/formula"
)

// Options set what the rules depend on.
type Options struct {
	// Today is the day in the centre's time zone; later dates are in the future.
	Today Date
	// MaxAge in years, default 120.
	MaxAge int
	// MaxAgeGap is by how many years age and birth date may differ, default 1.
	MaxAgeGap int
	// Known tells whether a centre uses a code of a list; nil means the shipped lists.
	Known func(list, code string) bool
	// Off tells whether the centre has switched a code off; nil means that it has none. A row that says
	// such a code is an error, a mapping that does is not.
	Off func(list, code string) bool
}

func (o Options) withDefaults() Options {
	if o.MaxAge == 0 {
		o.MaxAge = 120
	}
	if o.MaxAgeGap == 0 {
		o.MaxAgeGap = 1
	}
	if o.Off == nil {
		o.Off = func(string, string) bool { return false }
	}
	return o
}

// Normaliser applies a mapping to the rows of one sheet. It keeps nothing between
// rows and may be used by several goroutines.
type Normaliser struct {
	mapping Mapping
	options Options
	header  []string
	columns map[Field]column
	centres map[string]string
}

// column is a Column made ready: where its cell is and its values by folded key.
type column struct {
	name     string
	index    int // -1 for a constant
	values   map[string]string
	fallback string
}

// NewNormaliser checks the mapping against the header. The issues are those of
// Mapping.Check; when one is an error the normaliser is nil.
func NewNormaliser(m Mapping, header []string, o Options) (*Normaliser, []Issue) {
	issues := m.Check(header, o.Known)
	if hasError(issues) {
		return nil, issues
	}
	if m.DateOrder == "" {
		m.DateOrder = DMY
	}
	if m.ListSeparator == "" {
		m.ListSeparator = ";"
	}
	n := &Normaliser{mapping: m, options: o.withDefaults(), header: header, columns: map[Field]column{}, centres: foldKeys(m.Centres)}
	for field, text := range m.Constants {
		n.columns[field] = column{index: -1, fallback: text}
	}
	for _, c := range m.Columns {
		n.columns[c.Target] = column{name: c.Source, index: find(header, c.Source), values: foldKeys(c.Values), fallback: c.Default}
	}
	return n, issues
}

func foldKeys(in map[string]string) map[string]string {
	out := make(map[string]string, len(in))
	for key, value := range in {
		if key = fold.Key(key); key != "" {
			out[key] = value
		}
	}
	return out
}

// All normalises a whole sheet as a stream. An error ends it; rows with faults do not.
func (n *Normaliser) All(records Records) iter.Seq2[Result, error] {
	return func(yield func(Result, error) bool) {
		for {
			rec, err := records.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Result{}, err)
				return
			}
			if !yield(n.Row(rec), nil) {
				return
			}
		}
	}
}

// Row normalises one record. A row of the wrong width is not read at all: its
// cells may stand under the wrong headers.
func (n *Normaliser) Row(rec Record) Result {
	w := &reading{n: n, rec: rec, faulty: map[Field]bool{}}
	if !w.problems() {
		return Result{Line: rec.Line, Issues: w.issues}
	}
	w.identity()
	w.dates()
	w.contact()
	w.journey()
	w.household()
	w.consent()
	if w.row.Consent == "refused" {
		w.row = anonymous(w.row, n.options.Today)
	}
	return Result{Line: rec.Line, Row: w.row, Issues: w.issues}
}

// anonymous keeps what a headcount needs: rule 1, no personal record without
// consent.
func anonymous(r Row, today Date) Row {
	age := r.Age
	if age == nil && !r.BirthDate.IsZero() {
		at := r.RegisteredOn
		if at.IsZero() {
			at = today
		}
		years := r.BirthDate.yearsUntil(at)
		age = &years
	}
	return Row{SourceID: r.SourceID, Centre: r.Centre, CentreMapped: r.CentreMapped, RegisteredOn: r.RegisteredOn,
		ArrivedOn: r.ArrivedOn, Sex: r.Sex, Age: age, Nationalities: r.Nationalities, ArrivalMode: r.ArrivalMode,
		Consent: r.Consent}
}

// reading is the state of one row.
type reading struct {
	n      *Normaliser
	rec    Record
	row    Row
	issues []Issue
	faulty map[Field]bool // fields that have an error already
}

func (w *reading) fault(code Code, field Field, args ...string) {
	var m map[string]string
	for i := 0; i+1 < len(args); i += 2 {
		if m == nil {
			m = map[string]string{}
		}
		m[args[i]] = args[i+1]
	}
	issue := newIssue(code, field, w.n.columns[field].name, m)
	w.faulty[field] = w.faulty[field] || issue.Severity == Error
	w.issues = append(w.issues, issue)
}

// problems takes over what the reader found; false when the row cannot be read.
func (w *reading) problems() bool {
	for _, p := range w.rec.Problems {
		if p.Cell < 0 {
			w.issues = append(w.issues, newIssue(p.Code, "", "", map[string]string{"limit": strconv.Itoa(p.Limit)}))
			return false
		}
		field := w.n.fieldAt(p.Cell)
		if field == Ignore {
			continue
		}
		w.fault(p.Code, field, "limit", strconv.Itoa(p.Limit))
	}
	if len(w.rec.Cells) != len(w.n.header) {
		w.issues = append(w.issues, newIssue(RowWidth, "", "", nil))
		return false
	}
	return true
}

func (n *Normaliser) fieldAt(cell int) Field {
	for field, c := range n.columns {
		if c.index == cell {
			return field
		}
	}
	return Ignore
}

// cell is the text of a field: the mapping's value for it, the default for an
// empty one. Signs for "nothing here" are empty.
func (w *reading) cell(field Field) string {
	c, ok := w.n.columns[field]
	if !ok || w.faulty[field] {
		return ""
	}
	text := c.fallback
	if c.index >= 0 {
		if raw := strings.TrimSpace(strings.ReplaceAll(w.rec.Cells[c.index], itemEnd, w.n.mapping.ListSeparator)); !absentCells[strings.ToLower(raw)] {
			text = raw
		}
	}
	if value, ok := c.values[fold.Key(text)]; ok && text != "" {
		return value
	}
	return text
}

// asked is cell, with "unknown" and "declined" taken out into the answers.
func (w *reading) asked(field Field) string {
	text := w.cell(field)
	if a, ok := answerOf(text); ok {
		if w.row.Answers == nil {
			w.row.Answers = map[Field]Answer{}
		}
		w.row.Answers[field] = a
		return ""
	}
	return text
}

// text is asked for free text, which may not look like a formula unnoticed.
func (w *reading) text(field Field) string {
	text := w.asked(field)
	if formula.Runs(text) {
		w.fault(FormulaText, field)
	}
	return text
}

// need is cell for a field that every registration has.
func (w *reading) need(field Field) string {
	text := w.cell(field)
	if text == "" && !w.faulty[field] {
		w.fault(Missing, field)
	}
	return text
}

// code finds the code that a text means on the field's list.
func (w *reading) code(field Field, text string) string {
	if text == "" {
		return ""
	}
	list := lists[field]
	code, ok := text, isKnown(w.n.options.Known, list, text)
	if !ok {
		code, ok = vocabulary()[list].code[fold.Key(text)]
		ok = ok && isKnown(w.n.options.Known, list, code)
	}
	if !ok {
		w.fault(UnknownCode, field, "list", list)
		return ""
	}
	return w.active(field, code)
}

// active lets a code of the field's list pass that the centre has not switched off.
func (w *reading) active(field Field, code string) string {
	if list := listOf(field); w.n.options.Off(list, code) {
		w.fault(InactiveCode, field, "list", list)
		return ""
	}
	return code
}

func (w *reading) identity() {
	w.row.SourceID = w.need(SourceID)
	w.centre()
	w.row.FamilyName = w.text(FamilyName)
	w.row.GivenName = w.text(GivenName)
	w.row.Sex = w.code(Sex, w.sexAnswer())
	w.row.Nationalities = w.nationalities()
	w.row.Language = w.code(Language, w.asked(Language))
	w.row.DocumentType = w.code(DocumentType, w.asked(DocumentType))
	w.row.DocumentNumber = w.text(DocumentNumber)
	if w.row.DocumentNumber != "" && w.row.DocumentType == "" && !w.faulty[DocumentType] {
		w.fault(DocumentTypeMissing, DocumentType)
	}
}

// sexAnswer puts the answers without a value as ISO/IEC 5218 does.
func (w *reading) sexAnswer() string {
	text := w.need(Sex)
	switch a, _ := answerOf(text); a {
	case Unknown:
		return "0"
	case Declined:
		return "9"
	}
	return text
}

func (w *reading) centre() {
	text := w.cell(Centre)
	if text == "" {
		return
	}
	w.row.Centre = text
	name, ok := w.n.centres[fold.Key(text)]
	switch {
	case ok:
		w.row.Centre, w.row.CentreMapped = name, true
	case len(w.n.centres) > 0:
		w.fault(UnknownCentre, Centre)
	}
}

func (w *reading) nationalities() []string {
	text := w.asked(Nationality)
	if text == "" {
		return nil
	}
	if alpha3, ok := country.Lookup(text); ok {
		if w.active(Nationality, alpha3) == "" {
			return nil
		}
		return []string{alpha3}
	}
	var out []string
	for _, part := range w.list(Nationality, text, "/", ",") {
		alpha3, ok := country.Lookup(part)
		if !ok {
			w.fault(UnknownCountry, Nationality)
			return nil
		}
		if w.active(Nationality, alpha3) == "" {
			return nil
		}
		if !slices.Contains(out, alpha3) {
			out = append(out, alpha3)
		}
	}
	return out
}

// list splits a cell by the mapping's separator and by those given, and applies
// the column's values to each part.
func (w *reading) list(field Field, text string, separators ...string) []string {
	for _, s := range separators {
		text = strings.ReplaceAll(text, s, w.n.mapping.ListSeparator)
	}
	var out []string
	for part := range strings.SplitSeq(text, w.n.mapping.ListSeparator) {
		part = strings.TrimSpace(part)
		if value, ok := w.n.columns[field].values[fold.Key(part)]; ok {
			part = value
		}
		if part != "" {
			out = append(out, part)
		}
	}
	return out
}

// date reads a date that may not lie in the future; a missing one is zero.
func (w *reading) date(field Field, text string, latestYear int) (Date, Precision) {
	if text == "" {
		return Date{}, ""
	}
	date, precision, code := ParseDate(text, w.n.mapping.DateOrder, latestYear)
	switch {
	case code != "":
		w.fault(code, field)
	case date.After(w.n.options.Today):
		w.fault(DateFuture, field)
	default:
		return date, precision
	}
	return Date{}, ""
}

// day is date for fields that need a full one.
func (w *reading) day(field Field, text string) Date {
	date, precision := w.date(field, text, w.n.options.Today.Year())
	if precision == Month || precision == Year {
		w.fault(DateIncomplete, field)
		return Date{}
	}
	return date
}

func (w *reading) dates() {
	w.row.RegisteredOn = w.day(RegisteredOn, w.need(RegisteredOn))
	w.row.ArrivedOn = w.day(ArrivedOn, w.asked(ArrivedOn))
	if !w.row.RegisteredOn.IsZero() && w.row.ArrivedOn.After(w.row.RegisteredOn) {
		w.fault(ArrivalAfterRegistration, ArrivedOn)
	}
	w.birth()
	months, ok := w.age()
	switch {
	case !w.row.BirthDate.IsZero():
		w.compareAge()
	case ok && !w.row.RegisteredOn.IsZero() && !w.faulty[BirthDate]:
		w.row.BirthDate = w.row.RegisteredOn.less(months/12, months%12)
		w.row.BirthPrecision = Estimated
	case !ok && !w.faulty[Age] && !w.faulty[BirthDate]:
		w.fault(AgeOrBirthMissing, BirthDate)
	}
}

func (w *reading) birth() {
	at := w.row.RegisteredOn
	if at.IsZero() {
		at = w.n.options.Today
	}
	date, precision := w.date(BirthDate, w.asked(BirthDate), at.Year())
	if date.After(at) {
		w.fault(BirthAfterRegistration, BirthDate)
		return
	}
	w.row.BirthDate, w.row.BirthPrecision = date, precision
}

// age reads the age as given, in months of life.
func (w *reading) age() (months int, ok bool) {
	text := w.asked(Age)
	if text == "" {
		return 0, false
	}
	if months, ok = parseAge(text); !ok {
		w.fault(AgeUnreadable, Age)
		return 0, false
	}
	years := months / 12
	if months < 0 || years > w.n.options.MaxAge {
		w.fault(AgeOutOfRange, Age, "limit", strconv.Itoa(w.n.options.MaxAge))
		return 0, false
	}
	w.row.Age = &years
	return months, true
}

// compareAge: the birth date wins, but somebody should look.
func (w *reading) compareAge() {
	if w.row.Age == nil || w.row.RegisteredOn.IsZero() {
		return
	}
	gap := w.row.BirthDate.yearsUntil(w.row.RegisteredOn) - *w.row.Age
	if max(gap, -gap) > w.n.options.MaxAgeGap {
		w.fault(AgeContradictsBirth, Age)
	}
}

var (
	phoneFill  = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", ".", "", "-", "", "(", "", ")", "", "/", "")
	phoneShape = regexp.MustCompile(`^\+[1-9]\d{6,14}$`) // E.164: at most 15 digits
)

func (w *reading) contact() {
	raw := w.asked(Phone)
	if raw == "" {
		return
	}
	number := phoneFill.Replace(fold.Digits(raw))
	if rest, ok := strings.CutPrefix(number, "00"); ok {
		number = "+" + rest
	}
	if code := w.n.mapping.CallingCode; code != "" && !strings.HasPrefix(number, "+") {
		number = code + number
	}
	if !phoneShape.MatchString(number) {
		w.row.PhoneRaw = raw
		w.fault(PhoneUnreadable, Phone)
		return
	}
	w.row.Phone = number
}

func (w *reading) journey() {
	mode, from := splitArrival(w.cell(ArrivalMode))
	w.row.ArrivalMode, w.row.ArrivedFrom = w.code(ArrivalMode, mode), from
	w.row.MigrationStatus = w.code(MigrationStatus, w.asked(MigrationStatus))
	if w.row.MigrationStatus == "" && !w.faulty[MigrationStatus] {
		w.row.MigrationStatus = statusOf[w.row.ArrivalMode]
	}
	w.row.MigrationReason = w.code(MigrationReason, w.asked(MigrationReason))
	w.row.Destination = w.destination()
	for _, part := range w.list(Vulnerabilities, w.asked(Vulnerabilities)) {
		code := w.code(Vulnerabilities, part)
		if w.faulty[Vulnerabilities] {
			w.row.Vulnerabilities = nil
			break
		}
		if !slices.Contains(w.row.Vulnerabilities, code) {
			w.row.Vulnerabilities = append(w.row.Vulnerabilities, code)
		}
	}
	w.row.Remarks = w.text(Remarks)
}

// splitArrival takes the country off a mode: a mapping's "expelled:DZA", or what
// sheets write, "expulsé d'Algérie". Without a country the text stays whole.
func splitArrival(text string) (mode, from string) {
	if mode, from, ok := strings.Cut(text, ":"); ok && country.Valid(from) {
		return mode, from
	}
	words := strings.Fields(fold.Key(text))
	for i := 1; i < len(words)-1; i++ {
		code, known := vocabulary()["arrival_mode"].code[strings.Join(words[:i], " ")]
		alpha3, place := country.Lookup(strings.Join(words[i+1:], " "))
		if known && place && fromWords[words[i]] {
			return code, alpha3
		}
	}
	return text, ""
}

// fromWords stand between a mode and the country left.
var fromWords = map[string]bool{"d": true, "de": true, "du": true, "des": true, "from": true, "desde": true, "من": true}

func (w *reading) destination() string {
	text := w.asked(Destination)
	if text == "" {
		return ""
	}
	if homeWords[fold.Key(text)] {
		return ReturnOrigin
	}
	alpha3, ok := country.Lookup(text)
	if !ok {
		w.fault(UnknownCountry, Destination)
		return ""
	}
	return w.active(Destination, alpha3)
}

func (w *reading) household() {
	w.row.Household = w.text(Household)
	w.row.HouseholdRelationship = w.relationship()
	related := w.row.HouseholdRelationship != "" || w.faulty[HouseholdRelationship]
	switch {
	case w.row.Household != "" && !related && w.row.Answers[HouseholdRelationship] == "":
		w.fault(RelationshipMissing, HouseholdRelationship)
	case w.row.Household == "" && related:
		w.fault(RelationshipAlone, HouseholdRelationship)
	}
}

func (w *reading) relationship() string {
	code := w.code(HouseholdRelationship, w.asked(HouseholdRelationship))
	g, open := gendered[code]
	switch {
	case !open:
		return code
	case w.row.Sex == "1":
		return w.active(HouseholdRelationship, g.male)
	case w.row.Sex == "2":
		return w.active(HouseholdRelationship, g.female)
	}
	w.fault(RelationshipUngendered, HouseholdRelationship)
	return w.active(HouseholdRelationship, g.neither)
}

// consent holds rules 1 and 2: a decision, a method, and for a verbal consent the
// person who certified it.
func (w *reading) consent() {
	text := w.cell(Consent)
	if text == "" {
		if !w.faulty[Consent] {
			w.fault(ConsentMissing, Consent)
		}
		return
	}
	w.row.Consent = w.code(Consent, text)
	w.row.ConsentMethod = w.code(ConsentMethod, w.asked(ConsentMethod))
	w.row.CertifiedBy = w.text(CertifiedBy)
	switch {
	case w.row.Consent == "refused":
		w.fault(ConsentRefused, Consent)
	case w.row.Consent != "given":
	case w.row.ConsentMethod == "" && !w.faulty[ConsentMethod]:
		w.fault(ConsentMethodMissing, ConsentMethod)
	case w.row.ConsentMethod == "verbal_certified" && w.row.CertifiedBy == "" && !w.faulty[CertifiedBy]:
		w.fault(ConsentUncertified, CertifiedBy)
	}
}
