package statistics

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// query is a request for figures, understood.
type query struct {
	cube       *Cube
	dimensions []string // in the order of the cube
	unit       string   // month, quarter or year if among the dimensions; else empty
	from, to   Month
	filters    []filter // by attribute or country, in the order of the cube
	centres    []uuid.UUID
	pcode      string
	csv        bool
}

type filter struct {
	dimension string
	codes     []string
}

const maxMonths = 120

// understand reads the parameters. last is the newest month that the audience could get. Unknown dimensions and codes
// are 400, periods that make no sense 422.
func understand(c *Cube, p api.GetCubeDataParams, audience string, last Month) (query, error) {
	q := query{cube: c, centres: p.Centre, pcode: wire.Value(p.Pcode), csv: wantsCSV(p)}
	bad := fault.New(fault.Malformed, "invalid_parameter", "A parameter of the request is not understood; see errors.")
	q.readDimensions(p.Dimensions, audience, bad)
	for _, f := range []filter{{country, p.Country}, {sex, p.Sex}, {ageGroup, p.AgeGroup}, {nationality, p.Nationality}, {populationType, p.PopulationType}} {
		q.readFilter(f, bad)
	}
	if err := bad.Err(); err != nil {
		return q, err
	}
	if audience != Internal {
		if err := q.isReleased(); err != nil {
			return q, err
		}
	}
	return q, q.readPeriod(p.From, p.To, audience, last)
}

func wantsCSV(p api.GetCubeDataParams) bool {
	if p.Format != nil {
		return *p.Format == api.GetCubeDataParamsFormatCsv
	}
	return wire.Negotiate([]string{wire.Value(p.Accept)}, wire.JSON, wire.CSV) == wire.CSV
}

// readDimensions takes them in the cube's order. Rows of outside audiences always carry the country.
func (q *query) readDimensions(asked []string, audience string, bad *fault.Error) {
	if asked == nil {
		asked = []string{month}
	}
	if audience != Internal {
		asked = append(slices.Clone(asked), country)
	}
	for _, code := range asked {
		if _, ok := q.cube.dimension(code); !ok && code != "" {
			bad.Add("dimensions", "unknown_dimension", "The cube has no such dimension; GET …/cubes/"+q.cube.Code+" lists them.")
		}
	}
	for _, d := range q.cube.Dimensions {
		if !slices.Contains(asked, d.Code) {
			continue
		}
		q.dimensions = append(q.dimensions, d.Code)
		if d.Kind == "time" && q.unit != "" {
			bad.Add("dimensions", "several_units", "At most one of month, quarter and year.")
		} else if d.Kind == "time" {
			q.unit = d.Code
		}
	}
}

func (q *query) readFilter(f filter, bad *fault.Error) {
	if len(f.codes) == 0 {
		return
	}
	d, _ := q.cube.dimension(f.dimension)
	for _, code := range f.codes {
		if !d.knows(code) {
			bad.Add(f.dimension, "unknown_code", "Not a member of this dimension.")
		}
	}
	q.filters = append(q.filters, f)
}

// isReleased refuses what stays inside: centres, places below the country, and dimensions that are not in the tables.
func (q *query) isReleased() error {
	if len(q.centres) > 0 || q.pcode != "" {
		return notForOutside("Figures below the country")
	}
	named := slices.Clone(q.dimensions)
	for _, f := range q.filters {
		named = append(named, f.dimension)
	}
	for _, code := range named {
		if d, _ := q.cube.dimension(code); !d.Released {
			return notForOutside("The dimension " + code)
		}
	}
	return nil
}

func notForOutside(what string) error {
	return fault.New(fault.Forbidden, "not_released_to_audience", "%s is not released to this audience.", what)
}

// readPeriod sets from and to. Units of time must be whole, so that a quarter is never a part of one.
func (q *query) readPeriod(from, to *string, audience string, last Month) error {
	unit := q.unit
	if unit == "" {
		unit = month
	}
	latest := last.alignedTo(unit)
	if q.unit == "" && audience != Internal {
		latest = last.alignedTo(year)
	}
	q.to = latest
	if to != nil {
		q.to, _ = ParseMonth(*to) // the spec's pattern has passed
	}
	q.from = NewMonth(q.to.Year(), 1)
	if from != nil {
		q.from, _ = ParseMonth(*from)
	}
	switch {
	case q.from > q.to && to == nil:
		return notReleased(last)
	case q.from > q.to:
		return fault.InvalidField("from", "after_to", "The period ends before it begins.")
	case q.to-q.from >= maxMonths:
		return fault.New(fault.Invalid, "period_too_long", "At most %d months in one answer.", maxMonths)
	case !q.from.firstOf(unit) || !q.to.lastOf(unit):
		return notOnePeriod("The period must be of whole " + unit + "s.")
	}
	return nil
}

func notOnePeriod(why string) error {
	return fault.New(fault.Invalid, "not_one_period", "%s", why)
}

func notReleased(last Month) error {
	return fault.New(fault.Invalid, "not_released", "These figures are not released yet.").With("released_to", last.String())
}

// key tells two queries apart.
func (q query) key() string {
	return fmt.Sprint(q.cube.Code, q.dimensions, q.from, q.to, q.filters, q.csv)
}

// codesOf returns what a filter names, or nil where there is none.
func (q query) codesOf(dimension string) []string {
	for _, f := range q.filters {
		if f.dimension == dimension {
			return f.codes
		}
	}
	return nil
}
