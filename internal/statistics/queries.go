package statistics

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
)

// counted is the figure: what was compacted and the changes since. One statement reads both as of one moment.
const counted = `(select centre_id, month, sex, age_group, nationality, population_type, n from stat_registrations
	union all select centre_id, month, sex, age_group, nationality, population_type, n from stat_registration_deltas)`

const publicationHead = "id, cube, cube_version, audience, country, year, number, kind, released_to, published_at"

func (s *Service) loadEdition(ctx context.Context) (*edition, error) {
	e := &edition{profiles: map[string]Profile{}, first: map[string]Month{}, heads: map[block]Publication{}, until: time.Now().Add(editionFor)}
	hash := sha256.New()
	err := s.read(ctx, func(ctx context.Context) error {
		profiles, err := db.Select[Profile](ctx, "select * from statistics_profiles order by audience")
		if err != nil {
			return err
		}
		for _, p := range profiles {
			e.profiles[p.Audience] = p
			fmt.Fprintln(hash, p)
		}
		if err := e.loadCountries(ctx); err != nil {
			return err
		}
		heads, err := db.Select[Publication](ctx, `select distinct on (cube, cube_version, audience, country, year) `+publicationHead+`
			from statistics_publications order by cube, cube_version, audience, country, year, number desc`)
		for _, p := range heads {
			e.heads[p.block()] = p
			fmt.Fprintln(hash, p.ID)
		}
		return err
	})
	fmt.Fprintln(hash, e.first)
	e.stamp = hex.EncodeToString(hash.Sum(nil)[:8])
	return e, err
}

func (e *edition) loadCountries(ctx context.Context) error {
	type first struct {
		Country string
		Month   db.Date
	}
	rows, err := db.Select[first](ctx, `select country, min(month) as month from stat_centres c cross join lateral (
			(select month from stat_registrations r where r.centre_id = c.centre_id order by month limit 1) union all
			(select month from stat_registration_deltas d where d.centre_id = c.centre_id order by month limit 1)) m
		group by country`)
	for _, r := range rows {
		e.first[r.Country] = MonthOf(r.Month.Time)
	}
	return err
}

// present reads the counts of one block as they are now.
func (s *Service) present(ctx context.Context, b block, to Month) (facts []fact, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		facts, err = db.Select[fact](ctx, `select to_char(month, 'YYYY-MM') as month, sex, age_group, nationality, sum(n)::bigint as n
			from `+counted+` f join stat_centres using (centre_id)
			where country = $1 and month between $2::date and $3::date
			group by 1, 2, 3, 4 having sum(n) <> 0`,
			b.Country, NewMonth(b.Year, 1).First(), to.First())
		return err
	})
	slices.SortFunc(facts, func(a, b fact) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return facts, err
}

// history reads all publications of a block, the first one first, with their tables.
func history(ctx context.Context, b block) ([]Publication, error) {
	return db.Select[Publication](ctx, `select * from statistics_publications
		where cube = $1 and cube_version = $2 and audience = $3 and country = $4 and year = $5 order by number`,
		b.Cube, b.CubeVersion, b.Audience, b.Country, b.Year)
}

// publicationsOf lists the newest publications without their tables; an empty audience means all.
func (s *Service) publicationsOf(ctx context.Context, audience, country string, year, limit int) (rows []Publication, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		rows, err = db.Select[Publication](ctx, `select `+publicationHead+` from statistics_publications
			where ($1 = '' or audience = $1) and ($2 = '' or country = $2) and ($3 = 0 or year = $3)
			order by published_at desc, id desc limit $4`, audience, country, year, limit)
		return err
	})
	return rows, err
}

func (s *Service) publication(ctx context.Context, id uuid.UUID) (rows []Publication, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		rows, err = db.Select[Publication](ctx, "select * from statistics_publications where id = $1", id)
		return err
	})
	return rows, err
}

// columns are the expressions of the dimensions over the counts f and their centres.
var columns = map[string]string{
	country: "country", centre: "centre_id::text", month: "to_char(month, 'YYYY-MM')", quarter: `to_char(month, 'YYYY-"Q"Q')`, year: "to_char(month, 'YYYY')",
	sex: "sex", ageGroup: "age_group", nationality: "nationality", populationType: "population_type",
}

type figure struct {
	Codes db.Strings
	N     int64
}

// inside reads the present counts of the session's centres: row-level security is what limits them.
func inside(ctx context.Context, q query) ([]figure, error) {
	groups := make([]string, len(q.dimensions))
	for i, d := range q.dimensions {
		groups[i] = columns[d]
	}
	codes := "array[" + strings.Join(groups, ", ") + "]::text[]"
	where, args := "month between $1::date and $2::date", []any{q.from.First(), q.to.First()}
	narrow := func(condition string, value any) {
		args = append(args, value)
		where += fmt.Sprintf(" and "+condition, len(args))
	}
	for _, f := range q.filters {
		narrow(f.dimension+" = any($%d)", f.codes)
	}
	if len(q.centres) > 0 {
		narrow("centre_id = any($%d)", q.centres)
	}
	if q.pcode != "" {
		narrow("pcode = $%d", q.pcode)
	}
	return db.Select[figure](ctx, "select "+codes+" as codes, sum(n)::bigint as n from "+counted+" f join stat_centres using (centre_id) where "+where+
		" group by 1 having sum(n) <> 0 order by 1", args...)
}
