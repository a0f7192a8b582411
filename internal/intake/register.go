package intake

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/intake/sheet"
	"github.com/waystation/waystation/internal/reception"
)

// register decides about the accepted rows of a batch, and registers them where save says so. Every
// row goes through the rules of package beneficiary; the rows that keep them are stored together, and
// one by one should the database refuse any. It returns how many rows are decided, from the first.
func register(ctx context.Context, i *Import, p *pass, batch []*outcome, save bool) (int, error) {
	r, arrivals, homes, err := judge(ctx, i, p, batch)
	switch {
	case err != nil || len(arrivals) == 0:
	case r.holds(i):
		return r.sift(ctx, i, batch, arrivals, homes, save)
	case save:
		if err = r.save(ctx, i, arrivals, homes); err == nil {
			err = r.queue(ctx, arrivals)
		}
	}
	return len(batch), err
}

func (r *registrar) holds(i *Import) bool {
	return i.OnDuplicate == Hold && r.terms.Policy.DuplicateRules().Check
}

// queue finds whom those who were registered as they came may be a duplicate of.
func (r *registrar) queue(ctx context.Context, arrivals []*arrival) error {
	var people []beneficiary.Beneficiary
	for _, a := range arrivals {
		if a.row.Status == rowCreated {
			people = append(people, *a.person)
		}
	}
	return beneficiary.Queue(ctx, r.terms.Policy.DuplicateRules(), foundHere, people...)
}

func newRegistrar(ctx context.Context, i *Import, p *pass) (*registrar, error) {
	terms, err := beneficiary.TermsOf(ctx)
	return &registrar{terms: terms, zone: zoneOf(p), source: i.SourceSystem, language: sheetLanguage(i.Definition.V), pass: p}, err
}

// judge goes by the rules, row by row: it returns the rows that may be registered.
func judge(ctx context.Context, i *Import, p *pass, batch []*outcome) (*registrar, []*arrival, households, error) {
	r, err := newRegistrar(ctx, i, p)
	var f *fault.Error
	if errors.As(err, &f) && f.Kind == fault.Conflict {
		err = finalError{sheet.NewIssue(sheet.RuleBroken, "", "", map[string]string{"rule": f.Code})}
	}
	if err != nil {
		return nil, nil, nil, err
	}
	known, err := lookUp(ctx, i, r, batch)
	if err != nil {
		return nil, nil, nil, err
	}
	var arrivals []*arrival
	for _, o := range batch {
		if o.Status != rowAccepted || recognise(o, known[r.key(o.values.SourceID)], p) {
			continue
		}
		if a := r.admit(o); a != nil {
			arrivals = append(arrivals, a)
		}
	}
	homes, err := openHouseholds(ctx, r, arrivals)
	return r, slices.DeleteFunc(arrivals, func(a *arrival) bool { return a.row.Status != rowAccepted }), homes, err
}

func zoneOf(p *pass) *time.Location {
	zone, err := time.LoadLocation(p.centre.TimeZone)
	if err != nil {
		return time.UTC
	}
	return zone
}

func sheetLanguage(m sheet.Mapping) string {
	if len(m.Languages) == 0 {
		return ""
	}
	return m.Languages[0]
}

// earlier is a row that was imported before.
type earlier struct {
	person      uuid.UUID
	reference   string
	fingerprint []byte // nil where it is not known any more
}

// lookUp finds which rows of the batch were imported before.
func lookUp(ctx context.Context, i *Import, r *registrar, batch []*outcome) (map[string]*earlier, error) {
	var keys []string
	for _, o := range batch {
		if o.Status == rowAccepted {
			keys = append(keys, r.key(o.values.SourceID))
		}
	}
	tx, err := db.Pgx(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `select k.key, b.id, b.reference, s.fingerprint from unnest($2::text[]) k (key)
		left join import_sources s on s.centre_id = $1 and s.source_key = k.key
		left join beneficiaries own on own.centre_id = $1 and own.source_key = k.key
		join beneficiaries b on b.centre_id = $1 and b.id = coalesce(own.id, s.beneficiary_id)`, i.CentreID.UUID(), keys)
	if err != nil {
		return nil, err
	}
	known := map[string]*earlier{}
	var key string
	var e earlier
	_, err = pgx.ForEachRow(rows, []any{&key, &e.person, &e.reference, &e.fingerprint}, func() error {
		one := e
		one.fingerprint = append([]byte(nil), e.fingerprint...)
		known[key] = &one
		return nil
	})
	return known, err
}

// recognise settles a row that was imported before: it creates nothing and overwrites nothing.
func recognise(o *outcome, e *earlier, p *pass) bool {
	if e == nil {
		return false
	}
	o.Status, o.BeneficiaryID, o.Reference = rowUnchanged, &e.person, e.reference
	if len(e.fingerprint) > 0 && string(e.fingerprint) != string(fingerprint(o.values)) {
		o.Status = rowChanged
		o.warn(p.issue(sheet.ChangedInSource, sheet.SourceID))
	}
	return true
}

// save stores arrivals together; if the database refuses, each for itself.
func (r *registrar) save(ctx context.Context, i *Import, arrivals []*arrival, homes households) error {
	refused, err := db.Attempt(ctx, func() error { return r.store(ctx, i, arrivals, homes) })
	if err != nil || refused == nil {
		return err
	}
	for _, a := range arrivals {
		refused, err := db.Attempt(ctx, func() error { return r.store(ctx, i, []*arrival{a}, homes) })
		if err != nil {
			return err
		}
		if refused != nil {
			r.rejected(a.row, refused)
		}
	}
	return nil
}

// needsAtOnce keeps a statement below the 65,535 parameters that PostgreSQL takes.
const needsAtOnce = 2000

// store writes arrivals with all that belongs to them, parents first, in few round trips.
func (r *registrar) store(ctx context.Context, i *Import, arrivals []*arrival, homes households) error {
	persons := make([]beneficiary.Beneficiary, len(arrivals))
	var consents []beneficiary.Consent
	var needs []beneficiary.SpecificNeed
	var visits []reception.Visit
	for k, a := range arrivals {
		persons[k] = *a.person
		consents = append(consents, a.consents...)
		needs = append(needs, a.needs...)
		visits = append(visits, a.visits...)
	}
	rows := []any{&persons}
	if len(consents) > 0 {
		rows = append(rows, &consents)
	}
	for some := range slices.Chunk(needs, needsAtOnce) {
		rows = append(rows, &some)
	}
	if len(visits) > 0 {
		rows = append(rows, &visits)
	}
	if err := db.InsertAll(ctx, rows...); err != nil {
		return err
	}
	if err := r.remember(ctx, i, arrivals); err != nil {
		return err
	}
	if err := homes.join(ctx, arrivals); err != nil { // last: it notes what is stored
		return err
	}
	for k, a := range arrivals {
		a.row.Status, a.row.BeneficiaryID, a.row.Reference = rowCreated, &persons[k].ID, persons[k].Reference
	}
	return nil
}

// remember notes which rows were taken in, for the next file.
func (r *registrar) remember(ctx context.Context, i *Import, arrivals []*arrival) error {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	keys, ids, prints := make([]string, len(arrivals)), make([]uuid.UUID, len(arrivals)), make([][]byte, len(arrivals))
	for k, a := range arrivals {
		keys[k], ids[k], prints[k] = r.key(a.row.values.SourceID), a.person.ID, fingerprint(a.row.values)
	}
	_, err = tx.Exec(ctx, `insert into import_sources (centre_id, source_key, beneficiary_id, fingerprint)
		select $1, k, p, f from unnest($2::text[], $3::uuid[], $4::bytea[]) as s (k, p, f)`, i.CentreID.UUID(), keys, ids, prints)
	return err
}
