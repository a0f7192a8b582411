package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/waystation/waystation/internal/beneficiary/namekey"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fold"
)

// What is read of a person: all that their record tells, what a list tells, and what a search joins.
var (
	wholeColumns = strings.Fields(`centre_id answers basis basis_reason birth_date birth_date_precision country_of_origin created_at document_number document_type
		education_level family_name gender_identity given_name id intended_destination interpreter_used interview_language languages marital_status merged_into migration_reasons
		migration_status nationalities other_names phone population_type reception_on reference registered_on registration_level remarks sex source status updated_at
		version void_reason`)
	listedColumns = slices.DeleteFunc(slices.Clone(wholeColumns), func(name string) bool {
		return name == "gender_identity" || name == "migration_reasons" || name == "migration_status"
	})
	searchColumns = strings.Fields(`centre_id id version created_at updated_at reference registration_level registered_on
		reception_on given_name family_name other_names sex gender_identity birth_date birth_date_precision population_type nationalities country_of_origin languages
		interview_language interpreter_used marital_status education_level migration_status migration_reasons intended_destination phone document_type document_number
		remarks source source_key basis basis_reason status merged_into void_reason created_by answers search_name search_keys score`)
)

func selected(columns []string) string {
	return `"beneficiaries"."` + strings.Join(columns, `","beneficiaries"."`) + `"`
}

// The statements that PostgreSQL logged of the product; the run fails where they are others.
const (
	seen = "), seen as (insert into audit_events (centre_id, action, resource, subject_ids) " +
		"select centre_id, 'read', 'beneficiaries', array_agg(id) from page group by centre_id) select * from page"
	searchPeople = `with page as (SELECT beneficiaries.*, found.score FROM "beneficiaries" ` +
		`join search_beneficiaries(array[$1]::uuid[], $2, $3, $4, $5, $6, $7) found on found.centre_id = beneficiaries.centre_id and found.id = beneficiaries.id ` +
		`WHERE beneficiaries.status = $8 AND "beneficiaries"."centre_id" = $9 ORDER BY found.score desc, beneficiaries.id desc LIMIT $10), ` +
		`seen as (insert into audit_events (centre_id, action, resource, subject_ids, after) select (scope_centres())[1], 'search', 'beneficiaries', ` +
		`coalesce(array_agg(id), '{}'), jsonb_build_object('results', count(*)) from page) select * from page`
	registrationTerms = "select coalesce((select h.phase from centre_phases h where h.centre_id = c.id and h.voided_at is null " +
		"and h.starts_on <= (now() at time zone c.time_zone)::date order by h.starts_on desc limit 1), c.phase) as phase, " +
		"s.id as sop_id, s.policy->'registration' as registration from centres c left join sops s on s.centre_id = c.id and s.status = 'active' where c.id = $1"
	insertPerson = `INSERT INTO "beneficiaries" ("centre_id","id","version","created_at","updated_at","registration_level","reception_on","given_name","family_name",` +
		`"other_names","sex","gender_identity","birth_date","birth_date_precision","population_type","nationalities","country_of_origin","languages","interview_language",` +
		`"interpreter_used","marital_status","education_level","migration_status","migration_reasons","intended_destination","phone","document_type","document_number",` +
		`"remarks","source","source_key","basis","basis_reason","status","merged_into","void_reason","created_by","answers","search_name","search_keys") ` +
		`VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24,$25,$26,$27,$28,$29,$30,$31,$32,$33,$34,$35,$36,$37,$38,$39,$40) ` +
		`RETURNING "reference","registered_on"`
	insertConsent = `INSERT INTO "consents" ("centre_id","id","version","created_at","updated_at","beneficiary_id","scope","decision","giver","giver_name","method",` +
		`"language","interpreter_used","statement_version","recipient_ids","excluded_ids","exclusion_reason","valid_until","given_at","certified_by","certified_at","note","evidence_id","recorded_by") ` +
		`VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24)`
)

var (
	readPerson = `with page as (SELECT ` + selected(wholeColumns) + ` FROM "beneficiaries" WHERE (id = $1 AND status <> 'merged') AND "beneficiaries"."centre_id" = $2 LIMIT $3` + seen
	pagePeople = `with page as (SELECT ` + selected(listedColumns) + ` FROM "beneficiaries" WHERE (beneficiaries.status = $1 AND registered_on >= $2 AND sex = $3) ` +
		`AND "beneficiaries"."centre_id" = $4 ORDER BY created_at desc, id desc LIMIT $5` + seen
)

// person is a row as it is read, and most of a body as it is sent.
type person struct {
	id, mergedInto       uuid.UUID
	version              int64
	createdAt, updatedAt time.Time
	reference            string
	registeredOn         time.Time
	receptionOn          time.Time
	birthDate            *time.Time
	source, status       string
	voidReason           string
	answers              []byte
	score                float64

	RegistrationLevel   string   `json:"registration_level"`
	GivenName           string   `json:"given_name"`
	FamilyName          string   `json:"family_name"`
	OtherNames          []string `json:"other_names"`
	Sex                 string   `json:"sex"`
	GenderIdentity      string   `json:"gender_identity"`
	BirthDatePrecision  *string  `json:"birth_date_precision"`
	PopulationType      string   `json:"population_type"`
	Nationalities       []string `json:"nationalities"`
	CountryOfOrigin     string   `json:"country_of_origin"`
	Languages           []string `json:"languages"`
	InterviewLanguage   string   `json:"interview_language"`
	InterpreterUsed     *bool    `json:"interpreter_used"`
	MaritalStatus       string   `json:"marital_status"`
	EducationLevel      string   `json:"education_level"`
	MigrationStatus     string   `json:"migration_status"`
	MigrationReasons    []string `json:"migration_reasons"`
	IntendedDestination string   `json:"intended_destination"`
	Phone               string   `json:"phone"`
	DocumentType        string   `json:"document_type"`
	DocumentNumber      string   `json:"document_number"`
	Remarks             string   `json:"remarks"`
	Basis               string   `json:"basis"`
	BasisReason         string   `json:"basis_reason"`
}

// targets are where the columns go; what no answer shows is not decoded.
func (p *person) targets(columns []string) []any {
	to := make([]any, len(columns))
	for i, name := range columns {
		to[i] = p.target(name)
	}
	return to
}

func (p *person) target(column string) any {
	switch column {
	case "id":
		return (*[16]byte)(&p.id)
	case "version":
		return &p.version
	case "created_at":
		return &p.createdAt
	case "updated_at":
		return &p.updatedAt
	case "reference":
		return &p.reference
	case "registered_on":
		return &p.registeredOn
	case "reception_on":
		return &p.receptionOn
	case "birth_date":
		return &p.birthDate
	case "source":
		return &p.source
	case "status":
		return &p.status
	case "merged_into":
		return (*merged)(&p.mergedInto)
	case "void_reason":
		return &p.voidReason
	case "answers":
		return &p.answers
	case "score":
		return &p.score
	case "registration_level":
		return &p.RegistrationLevel
	case "given_name":
		return &p.GivenName
	case "family_name":
		return &p.FamilyName
	case "other_names":
		return &p.OtherNames
	case "sex":
		return &p.Sex
	case "gender_identity":
		return &p.GenderIdentity
	case "birth_date_precision":
		return &p.BirthDatePrecision
	case "population_type":
		return &p.PopulationType
	case "nationalities":
		return &p.Nationalities
	case "country_of_origin":
		return &p.CountryOfOrigin
	case "languages":
		return &p.Languages
	case "interview_language":
		return &p.InterviewLanguage
	case "interpreter_used":
		return &p.InterpreterUsed
	case "marital_status":
		return &p.MaritalStatus
	case "education_level":
		return &p.EducationLevel
	case "migration_status":
		return &p.MigrationStatus
	case "migration_reasons":
		return &p.MigrationReasons
	case "intended_destination":
		return &p.IntendedDestination
	case "phone":
		return &p.Phone
	case "document_type":
		return &p.DocumentType
	case "document_number":
		return &p.DocumentNumber
	case "remarks":
		return &p.Remarks
	case "basis":
		return &p.Basis
	case "basis_reason":
		return &p.BasisReason
	}
	return nil
}

// merged is a uuid that is mostly null.
type merged uuid.UUID

// ScanUUID implements pgtype.UUIDScanner.
func (m *merged) ScanUUID(v pgtype.UUID) error {
	*m = v.Bytes
	return nil
}

func (s *reference) read(c *call, id string) error {
	key, err := uuid.Parse(id)
	if err != nil {
		return pgx.ErrNoRows
	}
	found := false
	err = s.ask(c, "getBeneficiary", func(p *person) {
		found = true
		c.w.Header()["Etag"] = []string{`"` + strconv.FormatInt(p.version, 10) + `"`}
		c.out = p.whole(c.out)
	}, wholeColumns, readPerson, key, c.centre, 1)
	if err == nil && !found {
		return pgx.ErrNoRows
	}
	return err
}

func (s *reference) page(c *call, from, sex, limit string) error {
	most, n, last := number(limit), 0, person{}
	c.out = append(c.out, `{"data":[`...)
	err := s.ask(c, "listBeneficiaries", func(p *person) {
		if n++; n <= most {
			if n > 1 {
				c.out = append(c.out, ',')
			}
			c.out = append(p.append(c.out), '}')
			last.id, last.createdAt = p.id, p.createdAt
		}
	}, listedColumns, pagePeople, "active", from, sex, c.centre, most+1)
	c.out = append(c.out, `],"next_cursor":`...)
	if n > most {
		cursor := append(make([]byte, 0, 128), `{"s":"-created_at","v":"`...)
		cursor = append(last.createdAt.UTC().AppendFormat(cursor, time.RFC3339Nano), `","i":"`...)
		cursor = append(hex36(cursor, last.id), `"}`...)
		c.out = append(base64.RawURLEncoding.AppendEncode(append(c.out, '"'), cursor), '"', '}', '\n')
		return err
	}
	c.out = append(c.out, "null}\n"...)
	return err
}

func (s *reference) search(c *call, words, limit string) error {
	exact, sounds, n := []string{}, []string{}, 0
	for _, k := range namekey.Keys(words) {
		sounds = append(sounds, "n:"+k)
	}
	if k := strings.ReplaceAll(fold.Key(words), " ", ""); len(k) >= 4 {
		exact = append(exact, "d:"+k)
	}
	c.out = append(c.out, `{"data":[`...)
	err := s.ask(c, "listBeneficiaries", func(p *person) {
		if n++; n > 1 {
			c.out = append(c.out, ',')
		}
		c.out = append(p.append(c.out), `,"score":`...)
		c.out = append(strconv.AppendFloat(c.out, p.score, 'g', -1, 64), '}')
	}, searchColumns, searchPeople, c.centre, strings.ToUpper(words), exact, sounds, fold.Key(words), 5, 500, "active", c.centre, number(limit))
	c.out = append(c.out, `],"next_cursor":null}`+"\n"...)
	return err
}

func number(limit string) int {
	n, _ := strconv.Atoi(limit)
	return n
}

// ask sends scope and statement as one pipeline and shows every row.
func (s *reference) ask(c *call, operation string, show func(*person), columns []string, sql string, args ...any) error {
	b := &pgx.Batch{}
	c.scope(b, operation, "off")
	b.Queue(sql, args...)
	results := s.pool.SendBatch(c.r.Context(), b)
	defer results.Close()
	if _, err := results.Exec(); err != nil {
		return err
	}
	rows, err := results.Query()
	if err != nil {
		return err
	}
	var p person
	targets := p.targets(columns)
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			rows.Close()
			return err
		}
		show(&p)
	}
	return errors.Join(rows.Err(), results.Close())
}

// application is the body of a registration.
type application struct {
	person
	ReceptionOn string  `json:"reception_on"`
	BirthDate   string  `json:"birth_date"`
	Consent     consent `json:"consent"`
}

type consent struct {
	Decision        string `json:"decision"`
	Giver           string `json:"giver"`
	GiverName       string `json:"giver_name"`
	Method          string `json:"method"`
	Language        string `json:"language"`
	InterpreterUsed *bool  `json:"interpreter_used"`
}

func (s *reference) register(c *call) error {
	raw, err := io.ReadAll(c.r.Body)
	if err != nil {
		return err
	}
	var a application
	if err := json.Unmarshal(raw, &a); err != nil {
		return err
	}
	if err := s.allowed(c); err != nil {
		return err
	}
	if err := a.fill(); err != nil {
		return err
	}
	p := &a.person
	now := db.Now()
	p.id, p.version, p.createdAt, p.updatedAt = db.NewID(), 1, now, now
	if err := s.insert(c, &a, now); err != nil {
		return err
	}
	h := c.w.Header()
	h["Etag"], h["Location"] = []string{`"1"`}, []string{"/v1/centres/" + c.centre + peoplePath + "/" + p.id.String()}
	c.out = p.whole(c.out)
	return nil
}

var errRefused = errors.New("refused")

// fill judges a registration in short and sets what follows from it.
func (a *application) fill() (err error) {
	p := &a.person
	if a.Consent.Decision != "given" || p.RegistrationLevel == "" || p.Sex == "" || p.PopulationType == "" {
		return errRefused
	}
	if p.receptionOn, err = time.Parse(time.DateOnly, a.ReceptionOn); err != nil {
		return err
	}
	if a.BirthDate != "" {
		born, err := time.Parse(time.DateOnly, a.BirthDate)
		if err != nil || born.After(p.receptionOn) {
			return errRefused
		}
		precision := "day"
		p.birthDate, p.BirthDatePrecision = &born, &precision
	}
	p.source, p.Basis, p.status = "api", "consent", "active"
	return nil
}

// allowed asks whether the centre registers anybody today.
func (s *reference) allowed(c *call) error {
	b := &pgx.Batch{}
	c.scope(b, "createBeneficiary", "on")
	b.Queue(registrationTerms, c.centre)
	results := s.pool.SendBatch(c.r.Context(), b)
	defer results.Close()
	if _, err := results.Exec(); err != nil {
		return err
	}
	var phase string
	var policy struct {
		ClosedInPhases []string `json:"closed_in_phases"`
	}
	var sop *[16]byte
	var terms []byte
	if err := results.QueryRow().Scan(&phase, &sop, &terms); err != nil {
		return err
	}
	policy.ClosedInPhases = []string{"phase_out", "handed_over", "closed"}
	if sop != nil {
		if err := json.Unmarshal(terms, &policy); err != nil {
			return err
		}
	}
	if slices.Contains(policy.ClosedInPhases, phase) {
		return errRefused
	}
	return results.Close()
}

func (s *reference) insert(c *call, a *application, now time.Time) error {
	p, names := &a.person, strings.Join(append([]string{a.GivenName, a.FamilyName}, a.OtherNames...), " ")
	b := &pgx.Batch{}
	c.scope(b, "createBeneficiary", "on")
	b.Queue(insertPerson, c.centre, p.id, 1, now, now, p.RegistrationLevel, p.receptionOn, p.GivenName, p.FamilyName, list(p.OtherNames), p.Sex, p.GenderIdentity,
		p.birthDate, p.BirthDatePrecision, p.PopulationType, list(p.Nationalities), p.CountryOfOrigin, list(p.Languages), p.InterviewLanguage, p.InterpreterUsed, p.MaritalStatus,
		p.EducationLevel, p.MigrationStatus, list(p.MigrationReasons), p.IntendedDestination, p.Phone, p.DocumentType, p.DocumentNumber, p.Remarks, p.source, nil,
		p.Basis, p.BasisReason, p.status, nil, "", c.caller.ID, "{}", fold.Key(names), p.keys(names))
	b.Queue(insertConsent, c.centre, db.NewID(), 1, now, now, p.id, "registration", a.Consent.Decision, a.Consent.Giver, a.Consent.GiverName, a.Consent.Method,
		a.Consent.Language, a.Consent.InterpreterUsed, "", []uuid.UUID{}, []uuid.UUID{}, "", nil, now, "", nil, "", nil, c.caller.ID)
	results := s.pool.SendBatch(c.r.Context(), b)
	defer results.Close()
	if _, err := results.Exec(); err != nil {
		return err
	}
	if err := results.QueryRow().Scan(&p.reference, &p.registeredOn); err != nil {
		return err
	}
	if _, err := results.Exec(); err != nil {
		return err
	}
	return results.Close()
}

func list(of []string) []string {
	if of == nil {
		return []string{}
	}
	return of
}

// keys are what the person is found by: how the names sound, and the telephone.
func (p *person) keys(names string) []string {
	keys := []string{}
	for _, k := range namekey.Keys(names) {
		keys = append(keys, "n:"+k)
	}
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, p.Phone)
	if len(digits) >= 6 {
		keys = append(keys, "p:"+digits[max(0, len(digits)-8):])
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// append writes the person as lists show them, without the closing brace.
func (p *person) append(b []byte) []byte {
	b = append(hex36(append(b, `{"id":"`...), p.id), `","version":`...)
	b = append(strconv.AppendInt(b, p.version, 10), `,"created_at":"`...)
	b = append(p.createdAt.UTC().AppendFormat(b, time.RFC3339Nano), `","updated_at":"`...)
	b = append(p.updatedAt.UTC().AppendFormat(b, time.RFC3339Nano), `","registered_on":"`...)
	b = append(p.registeredOn.AppendFormat(b, time.DateOnly), `","reception_on":"`...)
	b = append(p.receptionOn.AppendFormat(b, time.DateOnly), '"')
	if p.birthDate != nil {
		b = append(p.birthDate.AppendFormat(append(b, `,"birth_date":"`...), time.DateOnly), '"')
		b = member(b, `,"birth_date_precision":`, *p.BirthDatePrecision)
	}
	if p.InterpreterUsed != nil {
		b = strconv.AppendBool(append(b, `,"interpreter_used":`...), *p.InterpreterUsed)
	}
	if p.mergedInto != uuid.Nil {
		b = append(hex36(append(b, `,"merged_into":"`...), p.mergedInto), '"')
	}
	if len(p.answers) > 2 {
		b = append(append(b, `,"answers":`...), p.answers...)
	}
	b = texts(texts(b, `,"other_names":[`, p.OtherNames), `,"nationalities":[`, p.Nationalities)
	b = texts(b, `,"languages":[`, p.Languages)
	b = member(member(b, `,"reference":`, p.reference), `,"registration_level":`, p.RegistrationLevel)
	b = member(member(b, `,"given_name":`, p.GivenName), `,"family_name":`, p.FamilyName)
	b = member(member(b, `,"sex":`, p.Sex), `,"education_level":`, p.EducationLevel)
	b = member(member(b, `,"population_type":`, p.PopulationType), `,"country_of_origin":`, p.CountryOfOrigin)
	b = member(member(b, `,"interview_language":`, p.InterviewLanguage), `,"marital_status":`, p.MaritalStatus)
	b = member(member(b, `,"intended_destination":`, p.IntendedDestination), `,"phone":`, p.Phone)
	b = member(member(b, `,"document_type":`, p.DocumentType), `,"document_number":`, p.DocumentNumber)
	b = member(member(b, `,"remarks":`, p.Remarks), `,"source":`, p.source)
	b = member(member(b, `,"basis":`, p.Basis), `,"basis_reason":`, p.BasisReason)
	return member(member(b, `,"status":`, p.status), `,"void_reason":`, p.voidReason)
}

// whole writes the person with what lists leave out.
func (p *person) whole(b []byte) []byte {
	b = member(member(p.append(b), `,"gender_identity":`, p.GenderIdentity), `,"migration_status":`, p.MigrationStatus)
	if len(p.MigrationReasons) > 0 {
		b = texts(b, `,"migration_reasons":[`, p.MigrationReasons)
	}
	return append(b, '}', '\n')
}

// member writes a name and its text; an empty text is left out.
func member(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	return quote(append(b, name...), text)
}

func texts(b []byte, name string, of []string) []byte {
	b = append(b, name...)
	for i, text := range of {
		if i > 0 {
			b = append(b, ',')
		}
		b = quote(b, text)
	}
	return append(b, ']')
}

// quote writes a text as JSON; all but a few are plain.
func quote(b []byte, text string) []byte {
	for i := range len(text) {
		if text[i] < ' ' || text[i] == '"' || text[i] == '\\' {
			escaped, _ := json.Marshal(text)
			return append(b, escaped...)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}
