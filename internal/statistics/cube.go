package statistics

import (
	"slices"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/statistics/disclosure"
)

// Cube is what can be asked: counts by dimensions. A change of its dimensions or method is a new version.
type Cube struct {
	Code        string
	Version     int
	Title       string
	Measure     string // what is counted
	Unit        string
	Indicator   string // code list indicator
	Dimensions  []Dimension
	Methodology string
	Changes     []string // what each version brought, from 1
}

// Dimension is one way to break a cube down.
type Dimension struct {
	Code     string
	Kind     string // time | place | attribute
	Codelist string
	Released bool                                 // in the tables of outside audiences
	members  func(codelist.List) []codelist.Entry // nil: not fixed, the data tell
}

// The dimensions by name. Country is not crossed but a table of its own: each row of outside audiences carries it.
const (
	country        = "country"
	centre         = "centre"
	month          = "month"
	quarter        = "quarter"
	year           = "year"
	sex            = "sex"
	ageGroup       = "age_group"
	nationality    = "nationality"
	populationType = "population_type"
)

// unknown is the code of what was not recorded.
const unknown = "unknown"

// Registrations counts persons by the month of their registration.
var Registrations = Cube{
	Code: "registrations", Version: 1, Title: "Persons registered", Measure: "registrations", Unit: "person", Indicator: "REG_NEW",
	Dimensions: []Dimension{
		{Code: country, Kind: "place", Codelist: "country", Released: true},
		{Code: centre, Kind: "place"},
		{Code: month, Kind: "time", Released: true},
		{Code: quarter, Kind: "time", Released: true},
		{Code: year, Kind: "time", Released: true},
		{Code: sex, Kind: "attribute", Codelist: "sex", Released: true, members: all},
		{Code: ageGroup, Kind: "attribute", Codelist: "age_group", Released: true, members: ageScheme("unhcr")},
		{Code: nationality, Kind: "attribute", Codelist: "country", Released: true},
		{Code: populationType, Kind: "attribute", Codelist: "population_type", members: all},
	},
	Methodology: "Persons are counted once, in the centre and month of their registration; the month is that of the centre's own " +
		"calendar (time zone). Entries made in error and duplicates that were merged are not counted. Age is in full years at " +
		"registration, from a recorded or estimated date of birth, in the groups of the scheme unhcr; nationality is the main one. " +
		"What was not recorded is counted as unknown. Persons whose data were erased stay counted. The figures are administrative, " +
		"of those who came to a centre: they are not a sample of a population and must not be merged with surveys. " +
		"For audiences outside, counts above zero and below the threshold of the profile are hidden, and with them the cells from " +
		"which they could be computed; the table of a country and year is protected once with all its margins, and each " +
		"answer is a part of it. Zeros are shown. A released month stays as it is; corrections are published as a revision of " +
		"the whole table, once they are large enough not to tell of single persons.",
	Changes: []string{"First version."},
}

// Cubes are all cubes there are.
var Cubes = []*Cube{&Registrations}

func cubeOf(code string) (*Cube, bool) {
	i := slices.IndexFunc(Cubes, func(c *Cube) bool { return c.Code == code })
	if i < 0 {
		return nil, false
	}
	return Cubes[i], true
}

func (c *Cube) dimension(code string) (Dimension, bool) {
	i := slices.IndexFunc(c.Dimensions, func(d Dimension) bool { return d.Code == code })
	if i < 0 {
		return Dimension{}, false
	}
	return c.Dimensions[i], true
}

func all(l codelist.List) []codelist.Entry { return l.Entries }

func ageScheme(scheme string) func(codelist.List) []codelist.Entry {
	return func(l codelist.List) (in []codelist.Entry) {
		for _, e := range l.Entries {
			if s := e.Extra["scheme"]; s == scheme || s == "any" {
				in = append(in, e)
			}
		}
		return in
	}
}

// Members returns the codes of a dimension whose members are fixed, in the order of their list.
func (d Dimension) Members() []string {
	if d.members == nil {
		return nil
	}
	list, _ := codelist.Get(d.Codelist)
	var codes []string
	for _, e := range d.members(list) {
		codes = append(codes, e.Code)
	}
	return codes
}

// knows tells whether a code can be asked for.
func (d Dimension) knows(code string) bool {
	if d.members != nil {
		return slices.Contains(d.Members(), code)
	}
	return codelist.Known(d.Codelist, code) || d.Code == nationality && code == unknown
}

// fact is one finest cell of the protected cube.
type fact struct {
	Month       string `json:"month"`
	Sex         string `json:"sex"`
	AgeGroup    string `json:"age_group"`
	Nationality string `json:"nationality"`
	N           int64  `json:"n"`
}

// layout lays out the fixed cube of one country and year: months up to released are open, and so are quarters and the
// year when all their months are.
func layout(c *Cube, y int, released Month, nationalities []string) (*disclosure.Cube, error) {
	sexes, _ := c.dimension(sex)
	ages, _ := c.dimension(ageGroup)
	return disclosure.NewCube(c.Code, calendar(y, released), fixed(sexes), fixed(ages), listed(nationality, nationalities))
}

func calendar(y int, released Month) disclosure.Dimension {
	d := disclosure.Dimension{Name: month}
	for m := NewMonth(y, 1); m.Year() == y; m++ {
		if m.firstOf(quarter) {
			d.Members = append(d.Members, disclosure.Member{Code: m.Quarter()})
		}
		d.Members = append(d.Members, disclosure.Member{Code: m.String(), Parent: m.Quarter(), Closed: m > released})
	}
	return d
}

func fixed(d Dimension) disclosure.Dimension {
	out := disclosure.Dimension{Name: d.Code}
	list, _ := codelist.Get(d.Codelist)
	for _, e := range d.members(list) {
		out.Members = append(out.Members, disclosure.Member{Code: e.Code, Minor: isMinor(e)})
	}
	return out
}

// isMinor tells that an age group ends before 18.
func isMinor(e codelist.Entry) bool {
	to := e.Extra["age_to"]
	return len(to) == 1 || len(to) == 2 && to < "18"
}

func listed(name string, codes []string) disclosure.Dimension {
	d := disclosure.Dimension{Name: name}
	for _, code := range codes {
		d.Members = append(d.Members, disclosure.Member{Code: code})
	}
	return d
}

// nationalitiesOf lists what occurs in the facts; unknown always does, so that no table is without members.
func nationalitiesOf(facts ...[]fact) []string {
	codes := []string{unknown}
	for _, list := range facts {
		for _, f := range list {
			codes = append(codes, f.Nationality)
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

func fill(c *disclosure.Cube, facts []fact) error {
	for _, f := range facts {
		if err := c.Add(f.N, f.Month, f.Sex, f.AgeGroup, f.Nationality); err != nil {
			return err
		}
	}
	return nil
}
