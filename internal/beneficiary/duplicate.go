package beneficiary

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/beneficiary/namekey"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// Duplicate is a pair of records that may be of one person, and what was decided about it.
type Duplicate struct {
	db.Record
	OneID          uuid.UUID // the lower id of the two
	OtherID        uuid.UUID
	Score          float64 // as it was when they were found, up to 1
	Level          string  // PossibleDuplicate | LikelyDuplicate, by the thresholds of then
	Reasons        db.JSON[[]Reason]
	FoundBy        string // registration | recheck | import
	Status         string // pending | later | not_duplicate | merged
	AcknowledgedBy *uuid.UUID
	AcknowledgedAt *time.Time
	ReviewOn       *db.Date // of a pair that is looked at later
	DecidedBy      *uuid.UUID
	DecidedAt      *time.Time
}

// Personal implements db.Personal.
func (Duplicate) Personal() {}

// How sure a pair is.
const (
	PossibleDuplicate = "possible"
	LikelyDuplicate   = "likely"
)

var _ = db.Constraint("duplicates_pair_key", func() *fault.Error {
	return fault.New(fault.Conflict, "pair_known", "This pair is in the queue already.")
})

// Reason is one evidence for or against two records being of one person.
type Reason struct {
	Evidence  string  `json:"evidence"`  // names, birth_date, sex, nationality, phone, document, household
	Agreement float64 `json:"agreement"` // from 1 down to -1
	Weight    float64 `json:"weight"`    // what a full agreement counts
}

// Candidate is a registered person who may be the one who is being registered.
type Candidate struct {
	Nr        int       `json:"-"` // of the person asked for
	Line      *int      `json:"-"` // of an import's row, for somebody who is not registered; see CandidatesBeside
	ID        uuid.UUID `json:"beneficiary_id"`
	Reference string    `json:"reference"`
	Score     float64   `json:"score"`
	Level     string    `json:"level" gorm:"-"`
	Reasons   []Reason  `json:"reasons" gorm:"serializer:json"`
}

// Seeking is somebody whom candidates are asked for.
type Seeking struct {
	Person      *Beneficiary
	HouseholdID *uuid.UUID // whom they came with, where it is known
}

// description is what the database compares; see duplicate_candidates.
type description struct {
	Self          uuid.UUID  `json:"self"`
	Sounds        []string   `json:"sounds"`
	Spelled       []string   `json:"spelled"`
	Keys          []string   `json:"keys"`
	BirthDate     *db.Date   `json:"birth_date"`
	Precision     *string    `json:"birth_date_precision"`
	Sex           string     `json:"sex"`
	Nationalities []string   `json:"nationalities"`
	HouseholdID   *uuid.UUID `json:"household_id"`
}

func describe(s Seeking) description {
	b := s.Person
	sounds, spelled := namekey.Parts(b.SearchName)
	return description{Self: b.ID, Sounds: noNull(sounds), Spelled: noNull(spelled), Keys: noNull(b.SearchKeys), Nationalities: noNull(b.Nationalities),
		BirthDate: b.BirthDate, Precision: b.BirthDatePrecision, Sex: b.Sex, HouseholdID: s.HouseholdID}
}

// noNull returns the list, empty where there is none.
func noNull(list []string) []string { return append([]string{}, list...) }

// weighed is how many records are weighed under one key: of a name that more people share on one
// day or in one year, names alone tell nobody apart.
const weighed = 200

// Candidates returns, for each person of the context's centre that was admitted (see Terms.Admit),
// who of those registered may be the same, the likeliest first and none below the policy's
// threshold of a possible duplicate. Nobody registered under the person's own id is among them. It
// costs one round trip and leaves no line in the trail: whoever shows the result to somebody writes it.
func Candidates(ctx context.Context, policy centre.DuplicatePolicy, people ...Seeking) ([][]Candidate, error) {
	return CandidatesBeside(ctx, policy, nil, people...)
}

// CandidatesBeside looks among those, too, whom a run of an import that saves nothing has accepted so far.
func CandidatesBeside(ctx context.Context, policy centre.DuplicatePolicy, run *uuid.UUID, people ...Seeking) ([][]Candidate, error) {
	here, err := tenant.One(ctx)
	if err != nil {
		return nil, err
	}
	described := make([]description, len(people))
	for i, p := range people {
		described[i] = describe(p)
	}
	asked, err := json.Marshal(described)
	if err != nil {
		return nil, err
	}
	rules, err := json.Marshal(policy)
	if err != nil {
		return nil, err
	}
	found, err := db.Select[Candidate](ctx, "select nr, id, reference, line, score, reasons from duplicate_candidates($1, $2, $3, $4, $5)", here, string(asked), string(rules), weighed, run)
	if err != nil {
		return nil, err
	}
	out := make([][]Candidate, len(people))
	for _, c := range found {
		c.Level = LevelOf(policy, c.Score)
		out[c.Nr-1] = append(out[c.Nr-1], c)
	}
	return out, nil
}

// LevelOf says what a score comes to under a policy.
func LevelOf(policy centre.DuplicatePolicy, score float64) string {
	if score >= policy.Likely {
		return LikelyDuplicate
	}
	return PossibleDuplicate
}

// Likely returns the candidates that a registration must not pass over.
func Likely(candidates []Candidate) []Candidate {
	return slices.DeleteFunc(slices.Clone(candidates), func(c Candidate) bool { return c.Level != LikelyDuplicate })
}

// unmet answers the 409 of a registration with likely duplicates that nobody has acknowledged. It
// tells about people, so its line is written although the registration is refused.
func unmet(candidates []Candidate, acknowledged []uuid.UUID) error {
	likely := Likely(candidates)
	if !slices.ContainsFunc(likely, func(c Candidate) bool { return !slices.Contains(acknowledged, c.ID) }) {
		return nil
	}
	ids := make([]uuid.UUID, len(likely))
	for i, c := range likely {
		ids[i] = c.ID
	}
	return fault.New(fault.Conflict, "likely_duplicate", "The person seems to be registered already. Look at the candidates and go on with one of them, or repeat the registration with all their ids in acknowledged_duplicates.").
		With("candidates", likely).Telling("beneficiaries", ids...)
}

// Pair returns the line of the queue for two records; by is who registered one of them although the
// other was shown, or nil.
func Pair(id uuid.UUID, c Candidate, foundBy string, by *uuid.UUID) Duplicate {
	d := Duplicate{Record: db.NewRecord(nil), OneID: id, OtherID: c.ID, Score: c.Score, Level: c.Level, FoundBy: foundBy, Status: "pending"}
	d.Reasons.V = c.Reasons
	if bytes.Compare(d.OneID[:], d.OtherID[:]) > 0 {
		d.OneID, d.OtherID = d.OtherID, d.OneID
	}
	if by != nil && c.Level == LikelyDuplicate {
		d.AcknowledgedBy, d.AcknowledgedAt = by, &d.CreatedAt
	}
	return d
}

// Described returns somebody of whom only a part is told as a registration would keep them: a 422
// for dates that cannot be. An age counts from today.
func Described(b Beneficiary, age *int) (*Beneficiary, error) {
	rules := fault.Rules()
	b.ReceptionOn = latest()
	switch {
	case age != nil && b.BirthDate != nil:
		rules.Add("/age", "age_and_birth_date", "Give the birth date or the age, not both.")
	case age != nil:
		b.estimate(*age)
	}
	b.tidy()
	if err := b.Validate(latest()); err != nil {
		rules.Fields = append(rules.Fields, err.(*fault.Error).Fields...)
	}
	return &b, rules.Err()
}

// Queue looks again for whom people who are registered may be a duplicate of, and queues the pairs
// that nobody knows yet. Where policy has nothing checked it does nothing.
func Queue(ctx context.Context, policy centre.DuplicatePolicy, foundBy string, people ...Beneficiary) error {
	if !policy.Check || len(people) == 0 {
		return nil
	}
	seeking := make([]Seeking, len(people))
	for i := range people {
		seeking[i].Person = &people[i]
	}
	found, err := Candidates(ctx, policy, seeking...)
	if err != nil {
		return err
	}
	var pairs []Duplicate
	for i, candidates := range found {
		for _, c := range candidates {
			pairs = append(pairs, Pair(people[i].ID, c, foundBy, nil))
		}
	}
	return QueuePairs(ctx, pairs)
}

// QueuePairs adds pairs to the queue; one that is there already stays as it is.
func QueuePairs(ctx context.Context, pairs []Duplicate) error {
	if len(pairs) == 0 {
		return nil
	}
	return db.Tx(ctx).Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(&pairs, 32).Error
}

// Meeting is under which keys somebody is found, and under which they look for others: two people
// are weighed against each other where a key of one is a probe of the other.
type Meeting struct {
	Keys, Probes db.Strings
}

// Meetings returns the keys and probes of people who were admitted, so that those who are not
// registered yet can be compared among themselves. It costs one round trip.
func Meetings(ctx context.Context, people ...*Beneficiary) ([]Meeting, error) {
	asked := make([]description, len(people))
	for i, b := range people {
		asked[i] = describe(Seeking{Person: b})
	}
	raw, err := json.Marshal(asked)
	if err != nil {
		return nil, err
	}
	return db.Select[Meeting](ctx, `select array_remove(who.keys || duplicate_blocks(who.keys, who.birth_date, who.birth_date_precision, who.nationalities), null) as keys,
			array_remove(duplicate_probes(who.keys, who.birth_date, who.birth_date_precision, who.nationalities), null) as probes
		from rows from (jsonb_to_recordset($1::jsonb) as (keys text[], birth_date date, birth_date_precision text, nationalities text[]))
			with ordinality who (keys, birth_date, birth_date_precision, nationalities, nr) order by nr`, string(raw))
}

// foundOtherwise tells that a change of the record may lead to other duplicates than before.
func (b *Beneficiary) foundOtherwise(was *Beneficiary) bool {
	sameDay := b.BirthDate == was.BirthDate || b.BirthDate != nil && was.BirthDate != nil && b.BirthDate.Equal(was.BirthDate.Time)
	return !sameDay || b.SearchName != was.SearchName || !slices.Equal(b.SearchKeys, was.SearchKeys)
}
