package statistics

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/statistics/disclosure"
	"github.com/waystation/waystation/internal/wire"
)

// outside answers an audience outside from the publications in force. Nothing is summed or protected here: rows are cells
// of the published tables. Tables that do not exist yet are published first.
func (s *Service) outside(ctx context.Context, e *edition, audience string, q query) (answer, error) {
	profile := e.profiles[audience]
	out := answer{dimensions: q.dimensions, from: q.from, meta: metaOf(q, profile)}
	out.meta.Frozen = true
	if crossed := q.crossed(); profile.MaxDimensions > 0 && crossed > profile.MaxDimensions {
		return out, tooManyDimensions(crossed, profile.MaxDimensions)
	}
	if err := q.sumsNothing(); err != nil {
		return out, err
	}
	parts, err := q.parts()
	if err != nil {
		return out, err
	}
	last := released(s.Now(), profile.EmbargoDays)
	for _, country := range q.countries(e) {
		for _, part := range parts {
			if part.year < e.first[country].Year() || NewMonth(part.year, 1) > last {
				continue
			}
			b := block{q.cube.Code, q.cube.Version, audience, country, part.year}
			if err := s.addBlock(ctx, e, b, q, part, &out); err != nil {
				return out, err
			}
		}
	}
	if len(out.rows) == 0 && q.to > last {
		return out, notReleased(last)
	}
	return out, nil
}

func tooManyDimensions(crossed, most int) error {
	return fault.New(fault.Invalid, "too_many_dimensions", "%d dimensions cross in one cell; this audience may see %d. Ask for fewer dimensions and filters.", crossed, most)
}

// crossed counts the dimensions that are not totals. A year is the total of its table, and the country is the table.
func (q query) crossed() int {
	crossing := map[string]bool{}
	for _, d := range q.dimensions {
		crossing[d] = true
	}
	for _, f := range q.filters {
		crossing[f.dimension] = true
	}
	if q.unit == "" && !(q.from.firstOf(year) && q.to.lastOf(year)) {
		crossing[month] = true
	}
	delete(crossing, country)
	delete(crossing, year)
	return len(crossing)
}

// sumsNothing refuses a filter by several members of a dimension that is not asked for.
func (q query) sumsNothing() error {
	for _, f := range q.filters {
		if f.dimension != country && len(f.codes) > 1 && !slices.Contains(q.dimensions, f.dimension) {
			return fault.New(fault.Invalid, "members_not_summed", "Several members of %s are not added up. Name it among the dimensions.", f.dimension)
		}
	}
	return nil
}

// countries are those asked for that have ever registered somebody.
func (q query) countries(e *edition) []string {
	known := slices.Sorted(maps.Keys(e.first))
	if asked := q.codesOf(country); asked != nil {
		known = slices.DeleteFunc(known, func(c string) bool { return !slices.Contains(asked, c) })
	}
	return known
}

// part is what an answer takes from the table of one year.
type part struct {
	year  int
	cells []span // in order
}

// span is one member of the time dimension: its code in the table and in the answer, and its last month.
type span struct {
	code, name string
	to         Month
}

// parts cuts the period along calendar years. A period without a unit must itself be one member.
func (q query) parts() ([]part, error) {
	unit := q.unit
	if unit == "" {
		unit = unitOf(q.from, q.to)
		if unit == "" {
			return nil, notOnePeriod("A total is of one month, one quarter or one year; ask by month, quarter or year instead.")
		}
	}
	var parts []part
	for m := q.from; m <= q.to; m += Month(months[unit]) {
		if n := len(parts); n == 0 || parts[n-1].year != m.Year() {
			parts = append(parts, part{year: m.Year()})
		}
		p := &parts[len(parts)-1]
		s := span{m.code(unit), m.code(unit), m + Month(months[unit]) - 1}
		if unit == year {
			s.code = disclosure.Total
		}
		p.cells = append(p.cells, s)
	}
	return parts, nil
}

// unitOf returns the unit that a period is exactly one of.
func unitOf(from, to Month) string {
	for unit, n := range months {
		if int(to-from) == n-1 && from.firstOf(unit) {
			return unit
		}
	}
	return ""
}

// addBlock adds the rows of one country and year.
func (s *Service) addBlock(ctx context.Context, e *edition, b block, q query, part part, out *answer) error {
	p, err := s.inForce(ctx, e, b)
	if err != nil {
		return err
	}
	table, err := s.tableOf(ctx, q.cube, p)
	if err != nil {
		return err
	}
	names := map[string]string{}
	var codes []string
	for _, c := range part.cells {
		if c.to <= p.released() {
			codes, names[c.code] = append(codes, c.code), c.name
			out.covers(c.to)
		}
	}
	if len(codes) == 0 {
		return nil
	}
	out.source(p)
	filters, some := q.selection(table, codes)
	if !some {
		return nil
	}
	cells, err := table.Select(q.axes(), filters)
	if errors.Is(err, disclosure.ErrTooManyDimensions) {
		return tooManyDimensions(q.crossed(), p.Profile.V.MaxDimensions)
	}
	if err != nil {
		return err
	}
	for _, c := range cells {
		out.rows = append(out.rows, q.row(b.Country, names, c))
	}
	return nil
}

// axes are the table's dimensions that rows are broken down by.
func (q query) axes() []string {
	axes := []string{month} // the one dimension of months, quarters and the year
	for _, d := range q.dimensions {
		if d == sex || d == ageGroup || d == nationality {
			axes = append(axes, d)
		}
	}
	return axes
}

// selection names the members to take. Members that the table does not have are those of nobody; it is false where
// that leaves none.
func (q query) selection(table *disclosure.Table, times []string) (map[string][]string, bool) {
	filters := map[string][]string{month: times}
	for _, f := range q.filters {
		if f.dimension == country {
			continue
		}
		known := slices.DeleteFunc(slices.Clone(f.codes), func(c string) bool { return !table.Knows(f.dimension, c) })
		if len(known) == 0 {
			return nil, false
		}
		filters[f.dimension] = known
	}
	return filters, true
}

// row names a cell the way the answer does.
func (q query) row(inCountry string, names map[string]string, c disclosure.Cell) row {
	codes := map[string]string{country: inCountry, q.unit: names[c.Members[0]], sex: c.Members[1], ageGroup: c.Members[2], nationality: c.Members[3]}
	r := row{value: c.Count, suppressed: c.Suppressed}
	for _, d := range q.dimensions {
		r.codes = append(r.codes, codes[d])
	}
	return r
}

// inForce returns the block's publication, and publishes it where it is the first one asked for.
func (s *Service) inForce(ctx context.Context, e *edition, b block) (Publication, error) {
	if p, ok := e.heads[b]; ok {
		return p, nil
	}
	p, _, err := s.publish(ctx, b)
	if err != nil {
		return Publication{}, err
	}
	return *p, nil
}

func (s *Service) tableOf(ctx context.Context, c *Cube, p Publication) (*disclosure.Table, error) {
	if t, ok := s.tables.Get(p.ID); ok {
		return t, nil
	}
	if p.Hidden.V == nil {
		whole, err := s.publication(ctx, p.ID)
		if err != nil {
			return nil, err
		}
		if len(whole) == 0 { // a replica that lags behind
			return nil, fault.New(fault.Unavailable, "temporarily_unavailable", "The figures are being published. Try again shortly.")
		}
		p = whole[0]
	}
	t, err := p.table(c, nationalitiesOf(p.Facts.V))
	if err == nil {
		s.tables.Add(p.ID, t)
	}
	return t, err
}

// covers notes that the answer reaches a month.
func (a *answer) covers(to Month) {
	if a.meta.Period == nil || a.meta.Period.To < to.String() {
		a.meta.Period = &api.CubePeriod{From: a.from.String(), To: to.String()}
	}
}

func (a *answer) source(p Publication) {
	a.meta.Publications = append(a.meta.Publications, api.CubeSource{Country: p.Country, Year: p.Year, Number: p.Number, PublishedAt: p.PublishedAt})
	if a.meta.PublishedAt == nil || a.meta.PublishedAt.Before(p.PublishedAt) {
		a.meta.PublishedAt = wire.Ptr(p.PublishedAt)
	}
}
