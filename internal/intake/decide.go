package intake

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/intake/sheet"
)

type verdict string

const (
	importAnyway verdict = "import"
	linkTo       verdict = "link"
	leaveOut     verdict = "skip"
)

// decision is what somebody makes of a row that may be a duplicate.
type decision struct {
	verdict      verdict
	person       *uuid.UUID  // of a link
	acknowledged []uuid.UUID // likely duplicates that the row does not show
	language     string      // of messages
}

func (d decision) check() error {
	switch {
	case d.verdict == linkTo && d.person == nil:
		return fault.InvalidField("/beneficiary_id", "required", "Say who of those registered the row is.")
	case d.verdict != linkTo && d.person != nil:
		return fault.InvalidField("/beneficiary_id", "only_link", "Only a link names somebody.")
	}
	return nil
}

// decide settles a row that waits. It keeps imports of the centre out meanwhile: none of them
// registers the same row beside it.
func decide(ctx context.Context, importID, rowID uuid.UUID, d decision) (*Row, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	i, err := db.Get[Import](ctx, importID)
	if err != nil {
		return nil, err
	}
	if i, err = hold(ctx, i.CentreID.UUID(), importID); err != nil {
		return nil, err
	}
	row, err := lockRow(ctx, importID, rowID)
	if err != nil || row.decided(d) {
		return row, err
	}
	if row.Held == nil {
		return nil, fault.State(string(row.Status), "Only a row of a real run that waits takes a decision.")
	}
	if err := row.settle(ctx, i, d); err != nil {
		return nil, err
	}
	now := db.Now()
	row.Held, row.HeldUntil, row.Decision, row.DecidedAt = nil, nil, string(d.verdict), &now
	if by := caller(ctx); by != uuid.Nil {
		row.DecidedBy = &by
	}
	i.Counts.settle(row.Status)
	if err := db.Save(ctx, i); err != nil {
		return nil, err
	}
	return row, db.Tx(ctx).Select("*").Updates(row).Error
}

func lockRow(ctx context.Context, importID, id uuid.UUID) (*Row, error) {
	var row Row
	err := db.Tx(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("import_id = ? and id = ?", importID, id).Take(&row).Error
	return &row, db.Fault(err)
}

// decided tells that this very decision was made before.
func (r *Row) decided(d decision) bool {
	return r.Decision == string(d.verdict) && (d.person == nil || r.BeneficiaryID != nil && *r.BeneficiaryID == *d.person)
}

// settle counts a row that waited.
func (c *Counts) settle(to rowStatus) {
	c.Duplicates--
	switch to {
	case rowLeftOut:
		c.LeftOut++
		return
	case rowLinked:
		c.Linked++
	case rowCreated:
		c.Created++
	case rowUnchanged:
		c.Unchanged++
	case rowChanged:
		c.Changed++
	}
	c.Accepted++
}

// settle carries a decision out.
func (r *Row) settle(ctx context.Context, i *Import, d decision) error {
	if d.verdict == leaveOut {
		r.Status = rowLeftOut
		return nil
	}
	at, err := db.Get[centre.Centre](ctx, i.CentreID.UUID())
	if err != nil {
		return err
	}
	p := newPass(at, i.Definition.V, nil)
	reg, err := newRegistrar(ctx, i, p)
	if err != nil {
		return err
	}
	o := &outcome{Row: Row{Line: r.Line, SourceID: r.SourceID, Status: rowAccepted}, values: r.Held.V}
	known, err := lookUp(ctx, i, reg, []*outcome{o})
	if err != nil {
		return err
	}
	before := known[reg.key(o.values.SourceID)]
	switch {
	case d.verdict == linkTo:
		err = reg.link(ctx, i, o, before, *d.person)
	case !recognise(o, before, p):
		err = reg.importAnyway(ctx, i, o, r.shown(d.acknowledged), d.language)
	}
	r.Status, r.BeneficiaryID, r.Reference = o.Status, o.BeneficiaryID, o.Reference
	return err
}

// shown are the likely duplicates that whoever decides has seen.
func (r *Row) shown(others []uuid.UUID) []uuid.UUID {
	for _, c := range r.Candidates.V {
		if c.BeneficiaryID != nil {
			others = append(others, *c.BeneficiaryID)
		}
	}
	return others
}

// link ties the row's key to somebody who is registered.
func (r *registrar) link(ctx context.Context, i *Import, o *outcome, before *earlier, to uuid.UUID) error {
	b, err := db.LockAny[beneficiary.Beneficiary](ctx, to)
	var f *fault.Error
	switch {
	case errors.As(err, &f) && f.Kind == fault.NotFound:
		return fault.InvalidField("/beneficiary_id", "unknown_beneficiary", "The centre has registered nobody under this id.")
	case err != nil:
		return err
	case b.Status != beneficiary.Active:
		return fault.State(b.Status, "This registration was merged or voided. Link the row to the one that is in use.")
	case before != nil && before.person != to:
		return fault.New(fault.Conflict, "imported_meanwhile", "Another import has taken this row in as %s. Link it to that registration.", before.reference)
	case before == nil:
		if err := r.remember(ctx, i, []*arrival{{row: o, person: b}}); err != nil {
			return err
		}
	}
	o.Status, o.BeneficiaryID, o.Reference = rowLinked, &b.ID, b.Reference
	return nil
}

// importAnyway registers a row although it may be a duplicate, as a registration with
// acknowledged duplicates does.
func (r *registrar) importAnyway(ctx context.Context, i *Import, o *outcome, seen []uuid.UUID, language string) error {
	a := r.admit(o)
	if a == nil {
		return o.broken(language)
	}
	homes, err := openHouseholds(ctx, r, []*arrival{a})
	if err != nil {
		return err
	}
	if o.Status == rowRejected {
		return o.broken(language)
	}
	pairs, err := r.terms.Pairs(ctx, a.person, beneficiary.Registration{HouseholdID: homes.known(a.household), Acknowledged: seen}, foundHere)
	if err != nil {
		return err
	}
	if err := r.store(ctx, i, []*arrival{a}, homes); err != nil {
		return err
	}
	return beneficiary.QueuePairs(ctx, pairs)
}

// broken answers the 422 of a row that breaks rules by now.
func (o *outcome) broken(language string) error {
	rules := fault.Rules()
	for _, i := range o.Issues.V {
		if i.Severity == sheet.Error {
			rules.Add("", string(i.Code), i.Text(language))
		}
	}
	return rules.Err()
}

// letGo leaves out the rows of a centre's imports that waited too long.
func letGo(ctx context.Context, i *Import) error {
	issue := sheet.NewIssue(sheet.Undecided, "", "", nil)
	done := db.Tx(ctx).Exec(`update import_rows set status = ?, held = null, held_until = null, issues = issues || ?::jsonb, codes = codes || ?
		where centre_id = ? and import_id = ? and held_until < ?`, rowLeftOut, db.JSON[[]sheet.Issue]{V: []sheet.Issue{issue}}, db.Strings{string(issue.Code)}, i.CentreID.UUID(), i.ID, db.Now())
	for range done.RowsAffected {
		i.Counts.settle(rowLeftOut)
		i.Warnings.V = increment(i.Warnings.V, issue.Code)
	}
	return done.Error
}
