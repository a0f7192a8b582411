package intake

import (
	"strings"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/fold"
	"github.com/waystation/waystation/internal/intake/sheet"
)

// pass reads the rows of one file in order and finds what shows only beside other rows. What came
// of earlier batches it asks the database (see neighbours): memory does not grow with the file, and
// whoever takes an import up again knows what the process before it knew.
type pass struct {
	centre     *centre.Centre
	normaliser *sheet.Normaliser
	columns    map[sheet.Field]string // header by field
	byCentre   bool                   // each row names its centre
}

func newPass(c *centre.Centre, m sheet.Mapping, n *sheet.Normaliser) *pass {
	p := &pass{centre: c, normaliser: n, columns: map[sheet.Field]string{}}
	for _, column := range m.Columns {
		p.columns[column.Target] = column.Source
	}
	_, named := p.columns[sheet.Centre]
	_, constant := m.Constants[sheet.Centre]
	p.byCentre = named || constant
	return p
}

// read judges the next row: accepted until the register says otherwise, skipped, or rejected.
func (p *pass) read(rec sheet.Record) *outcome {
	r := p.normaliser.Row(rec)
	o := &outcome{Row: Row{Line: r.Line, SourceID: r.Row.SourceID, Status: rowAccepted}, values: r.Row}
	o.Issues.V = r.Issues
	if !r.Accepted() {
		o.Status = rowRejected
	}
	if p.elsewhere(o) {
		o.skip(p.issue(sheet.OtherCentre, sheet.Centre))
	}
	return o
}

// beside judges the rows of a batch by each other and by those before them.
func (p *pass) beside(batch []*outcome, before *neighbours) {
	for _, o := range batch {
		if o.Status != rowSkipped {
			p.repeated(o, before)
			p.head(o, before)
		}
	}
}

func (p *pass) issue(code sheet.Code, field sheet.Field) sheet.Issue {
	return sheet.NewIssue(code, field, p.columns[field], nil)
}

// elsewhere tells that a row names another centre, by code or by name. One that names none where
// the others do belongs to nobody.
func (p *pass) elsewhere(o *outcome) bool {
	name := o.values.Centre
	switch {
	case !p.byCentre || hasIssue(o, sheet.UnknownCentre) || hasIssue(o, sheet.RowWidth):
		return false
	case name == "":
		if !hasFault(o, sheet.Centre) {
			o.reject(p.issue(sheet.Missing, sheet.Centre))
		}
		return false
	}
	return !strings.EqualFold(name, p.centre.Code) && fold.Key(name) != fold.Key(p.centre.Name)
}

func hasIssue(o *outcome, code sheet.Code) bool {
	for _, i := range o.Issues.V {
		if i.Code == code {
			return true
		}
	}
	return false
}

func hasFault(o *outcome, field sheet.Field) bool {
	for _, i := range o.Issues.V {
		if i.Field == field && i.Severity == sheet.Error {
			return true
		}
	}
	return false
}

// repeated rejects the second row of a number: nobody can tell which of the two is right.
func (p *pass) repeated(o *outcome, before *neighbours) {
	if o.SourceID == "" {
		return
	}
	if before.numbers[o.SourceID] {
		o.reject(p.issue(sheet.SourceIDRepeated, sheet.SourceID))
	}
	before.numbers[o.SourceID] = true
}

// head lets a household have one head: the first that is accepted.
func (p *pass) head(o *outcome, before *neighbours) {
	if o.Status != rowAccepted || o.values.Household == "" || o.values.HouseholdRelationship != beneficiary.Head {
		return
	}
	home := hashed(o.values.Household)
	if before.heads[home] {
		o.values.HouseholdRelationship = relationUnknown
		o.warn(p.issue(sheet.SecondHead, sheet.HouseholdRelationship))
		return
	}
	o.HeadOf, before.heads[home] = home[:], true
}

// relationUnknown stands where a sheet names no relationship that could hold.
const relationUnknown = "unknown"
