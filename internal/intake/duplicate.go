package intake

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/intake/sheet"
)

// OnDuplicate says what becomes of a row whose person is likely to be registered already.
type OnDuplicate string

// A row is held until somebody decides, or imported all the same.
const (
	Hold      OnDuplicate = "hold"
	TakeAsIs  OnDuplicate = "import"
	foundHere             = "import" // what the queue of pairs says of who found them
)

// Candidate is whom a row may be: somebody who is registered or, in a dry run, an earlier row.
type Candidate struct {
	BeneficiaryID *uuid.UUID           `json:"beneficiary_id,omitempty"`
	Reference     string               `json:"reference,omitempty"`
	Line          int                  `json:"line,omitempty"`
	Score         float64              `json:"score"`
	Level         string               `json:"level"`
	Reasons       []beneficiary.Reason `json:"reasons"`
}

// newcomer is a row of the present batch with the keys under which it meets others.
type newcomer struct {
	*arrival
	beneficiary.Meeting
	wave int // behind every row that it may be a duplicate of
}

// maxWaves bounds what one transaction does for rows that are much alike; those behind are left to the next.
const maxWaves = 25

// line puts the arrivals of a batch in waves: each row comes after all earlier ones that it may be
// a duplicate of, so that it meets those who were registered and nobody who was held. It returns how
// many rows of the batch found their place, from the first.
func line(ctx context.Context, batch []*outcome, arrivals []*arrival) (waves [][]*newcomer, taken int, err error) {
	persons := make([]*beneficiary.Beneficiary, len(arrivals))
	for k, a := range arrivals {
		persons[k] = a.person
	}
	meetings, err := beneficiary.Meetings(ctx, persons...)
	if err != nil {
		return nil, 0, err
	}
	behind := map[string]int{} // the first wave behind those who have a key
	for k, a := range arrivals {
		n := &newcomer{arrival: a, Meeting: meetings[k]}
		for _, probe := range n.Probes {
			n.wave = max(n.wave, behind[probe])
		}
		if n.wave == maxWaves {
			return waves, slices.Index(batch, a.row), nil
		}
		for _, key := range n.Keys {
			behind[key] = max(behind[key], n.wave+1)
		}
		if n.wave == len(waves) {
			waves = append(waves, nil)
		}
		waves[n.wave] = append(waves[n.wave], n)
	}
	return waves, len(batch), nil
}

// sift lets pass the arrivals of a batch that are not likely to be registered already: they are
// registered or, in a run that saves nothing, kept in mind for those who come after them.
func (r *registrar) sift(ctx context.Context, i *Import, batch []*outcome, arrivals []*arrival, homes households, save bool) (int, error) {
	waves, taken, err := line(ctx, batch, arrivals)
	for k := 0; k < len(waves) && err == nil; k++ {
		var clear []*newcomer
		if clear, err = r.weigh(ctx, i, waves[k], homes, save); err != nil {
			break
		}
		if save {
			err = r.take(ctx, i, clear, homes)
		} else {
			err = notePeople(ctx, i, clear, homes)
		}
	}
	return taken, err
}

// take stores those who passed, and queues whom they may still be a duplicate of.
func (r *registrar) take(ctx context.Context, i *Import, people []*newcomer, homes households) error {
	if len(people) == 0 {
		return nil
	}
	arrivals := make([]*arrival, len(people))
	for k, n := range people {
		arrivals[k] = n.arrival
	}
	if err := r.save(ctx, i, arrivals, homes); err != nil {
		return err
	}
	var pairs []beneficiary.Duplicate
	for _, n := range people {
		for _, c := range n.possible {
			if n.row.Status == rowCreated {
				pairs = append(pairs, beneficiary.Pair(n.person.ID, c, foundHere, nil))
			}
		}
	}
	return beneficiary.QueuePairs(ctx, pairs)
}

// weigh asks the register about people, holds those who are likely to be in it and returns the others.
func (r *registrar) weigh(ctx context.Context, i *Import, people []*newcomer, homes households, save bool) (clear []*newcomer, err error) {
	seeking := make([]beneficiary.Seeking, len(people))
	for k, n := range people {
		seeking[k] = beneficiary.Seeking{Person: n.person, HouseholdID: homes.known(n.household)}
		if !save {
			seeking[k].HouseholdID = homes.expected(n.household)
		}
	}
	var run *uuid.UUID
	if !save {
		run = &i.ID
	}
	found, err := beneficiary.CandidatesBeside(ctx, r.terms.Policy.DuplicateRules(), run, seeking...)
	if err != nil {
		return nil, err
	}
	for k, n := range people {
		if len(beneficiary.Likely(found[k])) == 0 {
			n.possible = found[k]
			clear = append(clear, n)
			continue
		}
		n.row.hold(i, toCandidates(found[k]), r.pass.issue(sheet.LikelyDuplicate, sheet.SourceID))
	}
	return clear, nil
}

func toCandidates(found []beneficiary.Candidate) []Candidate {
	out := make([]Candidate, len(found))
	for k, c := range found {
		out[k] = Candidate{Score: c.Score, Level: c.Level, Reasons: c.Reasons}
		if c.Line != nil {
			out[k].Line = *c.Line
		} else {
			out[k].BeneficiaryID, out[k].Reference = &found[k].ID, c.Reference
		}
	}
	return out
}

// noted is what a run that saves nothing keeps in mind of somebody.
type noted struct {
	ID            uuid.UUID  `json:"id"`
	Line          int        `json:"line"`
	Name          string     `json:"search_name"`
	Keys          []string   `json:"search_keys"`
	BirthDate     *db.Date   `json:"birth_date"`
	Precision     *string    `json:"birth_date_precision"`
	Sex           string     `json:"sex"`
	Nationalities []string   `json:"nationalities"`
	HouseholdID   *uuid.UUID `json:"household_id"`
}

// notePeople keeps people in mind until the run ends.
func notePeople(ctx context.Context, i *Import, people []*newcomer, homes households) error {
	if len(people) == 0 {
		return nil
	}
	list := make([]noted, len(people))
	for k, n := range people {
		b := n.person
		list[k] = noted{b.ID, n.row.Line, b.SearchName, append([]string{}, b.SearchKeys...), b.BirthDate, b.BirthDatePrecision, b.Sex, append([]string{}, b.Nationalities...), homes.expected(n.household)}
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `with p as (
			insert into import_people (centre_id, import_id, id, line, search_name, search_keys, birth_date, birth_date_precision, sex, nationalities, household_id)
			select $1, $2, p.* from jsonb_to_recordset($3) p (id uuid, line int, search_name text, search_keys text[], birth_date date, birth_date_precision text, sex text, nationalities text[], household_id uuid)
			returning id, search_keys || duplicate_blocks(search_keys, birth_date, birth_date_precision, nationalities) as keys)
		insert into import_people_keys (centre_id, import_id, key, person_id)
			select distinct $1::uuid, $2::uuid, key, p.id from p, unnest(p.keys) key where key not like 'n:%'`, i.CentreID.UUID(), i.ID, string(raw))
	return err
}

// deletePeople forgets whom a run has kept in mind.
func deletePeople(ctx context.Context, i *Import) error {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `with keys as (delete from import_people_keys where centre_id = $1 and import_id = $2)
		delete from import_people where centre_id = $1 and import_id = $2`, i.CentreID.UUID(), i.ID)
	return err
}

// hold lets a row wait for a decision. A real run keeps what the row says, as long as its file could stay.
func (o *outcome) hold(i *Import, candidates []Candidate, issue sheet.Issue) {
	o.Status, o.Candidates.V = rowDuplicate, candidates
	o.warn(issue)
	if i.Mode == Commit {
		o.Held, o.HeldUntil = &db.JSON[sheet.Row]{V: o.values}, i.FileUntil
	}
}
