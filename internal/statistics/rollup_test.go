package statistics_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/statistics"
	"github.com/waystation/waystation/internal/statistics/disclosure"
)

// person is what statistics know of somebody.
type person struct {
	centre      uuid.UUID
	on          string // registered
	sex         string
	born        string // empty: unknown
	nationality string // empty: none
}

// adult is a man from Nigeria, registered on a day.
func adult(centre uuid.UUID, on string) person { return person{centre, on, "1", "1990-06-15", "NGA"} }

// register stores people in one statement, as their centres' staff would.
func register(h *apptest.House, people ...person) []uuid.UUID {
	h.T.Helper()
	ids := make([]uuid.UUID, len(people))
	var rows []string
	var args []any
	for i, p := range people {
		ids[i] = db.NewID()
		n := len(args)
		rows = append(rows, fmt.Sprintf("($%d::uuid, $%d::uuid, 1, now(), now(), $%[2]d::text, 'basic', $%d::date, $%[3]d::date, $%d::text, nullif($%d, '')::date, case when $%[5]d <> '' then 'day' end, 'migrant', case when $%d = '' then '{}'::text[] else array[$%[6]d::text] end, 'api', 'consent')",
			n+1, n+2, n+3, n+4, n+5, n+6))
		args = append(args, p.centre, ids[i].String(), p.on, p.sex, p.born, p.nationality)
	}
	h.Exec(`insert into beneficiaries (centre_id, id, version, created_at, updated_at, reference, registration_level, registered_on, reception_on, sex,
		birth_date, birth_date_precision, population_type, nationalities, source, basis) values `+strings.Join(rows, ", "), args...)
	return ids
}

func many(n int, p person) []person {
	people := make([]person, n)
	for i := range people {
		people[i] = p
	}
	return people
}

// total is what is kept of a centre.
func total(h *apptest.House, centre uuid.UUID) (n int64) {
	h.T.Helper()
	h.Scan(`select coalesce(sum(n), 0)::bigint from (select centre_id, n from stat_registrations union all select centre_id, n from stat_registration_deltas) f
		where centre_id = $1`, []any{centre}, &n)
	return n
}

// recount proves a centre's figures.
func recount(h *apptest.House, centre uuid.UUID) (drift []statistics.Drift) {
	h.T.Helper()
	err := h.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{centre}}, func(ctx context.Context) (err error) {
		drift, err = statistics.Recount(ctx, centre)
		return err
	})
	if err != nil {
		h.T.Fatal(err)
	}
	return drift
}

// rule 36
func TestAgeGroup_IsTheOneAtTheEvent(t *testing.T) {
	h := apptest.New(t)
	list, _ := codelist.Get("age_group")
	group := func(birth, event any) (code string) {
		h.Scan("select stat_age_group($1::date, $2::date)", []any{birth, event}, &code)
		return code
	}
	for years := range 121 {
		birth := time.Date(1900, 3, 1, 0, 0, 0, 0, time.UTC)
		want := ""
		for _, e := range list.Entries {
			var from, to int
			_, _ = fmt.Sscan(e.Extra["age_from"], &from)
			if _, err := fmt.Sscan(e.Extra["age_to"], &to); err != nil {
				to = 200
			}
			if e.Extra["scheme"] == "unhcr" && from <= years && years <= to {
				want = e.Code
			}
		}
		for _, event := range []time.Time{birth.AddDate(years, 0, 0), birth.AddDate(years+1, 0, -1)} {
			if got := group(birth, event); got != want {
				t.Errorf("aged %d on %s: %s, want %s", years, event.Format(time.DateOnly), got, want)
			}
		}
	}
	for _, c := range []struct{ birth, event, want any }{
		{nil, "2024-01-01", "unknown"}, {"2024-01-02", "2024-01-01", "unknown"}, {"2024-01-01", "2024-01-01", "unhcr_0_4"},
		{"2020-02-29", "2025-02-28", "unhcr_0_4"}, {"2020-02-29", "2025-03-01", "unhcr_5_11"},
	} {
		if got := group(c.birth, c.event); got != c.want {
			t.Errorf("born %v, event %v: %s", c.birth, c.event, got)
		}
	}
}

// rule 35: registered_on is the centre's own calendar date, so the month must not depend on any session's zone.
func TestMonth_IsThatOfTheCentresCalendar(t *testing.T) {
	h := apptest.New(t)
	for _, zone := range []string{"Pacific/Kiritimati", "Pacific/Pago_Pago", "Africa/Niamey"} {
		var last, first time.Time
		h.Scan("select stat_month('2024-01-31'), stat_month('2024-02-01') from set_config('timezone', $1, false)", []any{zone}, &last, &first)
		if last.Format(time.DateOnly) != "2024-01-01" || first.Format(time.DateOnly) != "2024-02-01" {
			t.Errorf("%s: %v, %v", zone, last, first)
		}
	}
}

func TestFigures_FollowEveryChangeOfAPerson(t *testing.T) {
	h := apptest.New(t)
	analyst := h.Staff(h.CentreA, "me_analyst")
	ids := register(h, many(3, adult(h.CentreA, "2024-01-31"))...)
	ask := func() string {
		return string(h.Call(analyst, "GET", "/v1/statistics/cubes/registrations/data?from=2024-01&to=2024-02&format=csv&dimensions=month,sex,age_group,nationality", nil).Want(200).Raw)
	}
	head := "month,sex,age_group,nationality,value,status\n"
	for i, step := range []struct{ sql, want string }{
		{"select $1::uuid", "2024-01,1,unhcr_18_59,NGA,3,\n"},
		{"update beneficiaries set given_name = 'Ada', remarks = 'x' where id = $1", "2024-01,1,unhcr_18_59,NGA,3,\n"},
		{"update beneficiaries set sex = '2' where id = $1", "2024-01,1,unhcr_18_59,NGA,2,\n2024-01,2,unhcr_18_59,NGA,1,\n"},
		{"update beneficiaries set nationalities = '{MLI,NGA}' where id = $1", "2024-01,1,unhcr_18_59,NGA,2,\n2024-01,2,unhcr_18_59,MLI,1,\n"},
		{"update beneficiaries set nationalities = '{MLI,SEN}' where id = $1", "2024-01,1,unhcr_18_59,NGA,2,\n2024-01,2,unhcr_18_59,MLI,1,\n"},
		{"update beneficiaries set nationalities = '{}' where id = $1", "2024-01,1,unhcr_18_59,NGA,2,\n2024-01,2,unhcr_18_59,unknown,1,\n"},
		{"update beneficiaries set birth_date = '2012-02-01' where id = $1", "2024-01,1,unhcr_18_59,NGA,2,\n2024-01,2,unhcr_5_11,unknown,1,\n"},
		{"update beneficiaries set registered_on = '2024-02-01' where id = $1", "2024-01,1,unhcr_18_59,NGA,2,\n2024-02,2,unhcr_12_17,unknown,1,\n"},
		{"update beneficiaries set birth_date = null, birth_date_precision = null where id = $1", "2024-01,1,unhcr_18_59,NGA,2,\n2024-02,2,unknown,unknown,1,\n"},
		{"update beneficiaries set status = 'void' where id = $1", "2024-01,1,unhcr_18_59,NGA,2,\n"},
		{"update beneficiaries set status = 'active' where id = $1", "2024-01,1,unhcr_18_59,NGA,2,\n2024-02,2,unknown,unknown,1,\n"},
		{"update beneficiaries set status = 'merged' where id = $1", "2024-01,1,unhcr_18_59,NGA,2,\n"},
		{"update beneficiaries set sex = '9' where id = $1", "2024-01,1,unhcr_18_59,NGA,2,\n"},
	} {
		h.Exec(step.sql, ids[0])
		if got := ask(); got != head+step.want {
			t.Errorf("after %s: %s", step.sql, got)
		}
		if i%3 == 0 {
			h.Tick("statistics.compact")
		}
		if got := ask(); got != head+step.want {
			t.Errorf("compacted after %s: %s", step.sql, got)
		}
	}
	h.Exec("delete from beneficiaries where id = $1", ids[1])
	if n := total(h, h.CentreA); n != 1 {
		t.Errorf("after a delete: %d", n)
	}
	if drift := recount(h, h.CentreA); len(drift) != 0 {
		t.Errorf("drift: %v", drift)
	}
}

// rule 30
func TestFigures_OutliveAnErasure(t *testing.T) {
	h := apptest.New(t)
	ids := register(h, many(3, adult(h.CentreA, "2024-01-31"))...)
	for _, sql := range []string{
		"update beneficiaries set birth_date = null, birth_date_precision = null, nationalities = '{}' where id = $1",
		"update beneficiaries set status = 'void' where id = $1", "delete from beneficiaries where id = $1",
	} {
		err := h.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{h.CentreA}}, func(ctx context.Context) error {
			if err := db.Tx(ctx).Exec("select keep_figures()").Error; err != nil {
				return err
			}
			return db.Tx(ctx).Exec(strings.Replace(sql, "$1", "?", 1), ids[0]).Error
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := total(h, h.CentreA); n != 3 {
			t.Errorf("after %s: %d counted", sql, n)
		}
		if drift := recount(h, h.CentreA); len(drift) != 0 {
			t.Errorf("after %s: drift %v", sql, drift)
		}
	}
	var adults int
	h.Scan("select sum(n) from stat_registration_deltas where nationality = 'NGA' and age_group = 'unhcr_18_59'", nil, &adults)
	if adults != 3 {
		t.Errorf("%d adults from Nigeria", adults)
	}
}

func TestFigures_StayExactUnderParallelWork(t *testing.T) {
	h := apptest.New(t)
	var all sync.WaitGroup
	scope := db.Scope{Centres: []uuid.UUID{h.CentreA}}
	for range 8 {
		all.Go(func() {
			for i := range 10 {
				ids := register(h, many(3, adult(h.CentreA, "2024-03-01"))...)
				h.Exec("update beneficiaries set sex = '2' where id = $1", ids[0])
				if i%5 == 0 {
					h.Exec("update beneficiaries set status = 'void' where id = $1", ids[1])
				}
			}
		})
	}
	for range 2 {
		all.Go(func() {
			for range 5 {
				h.Tick("statistics.compact")
			}
		})
	}
	all.Wait()
	if n := total(h, h.CentreA); n != 8*(10*3-2) {
		t.Errorf("%d counted", n)
	}
	if drift := recount(h, h.CentreA); len(drift) != 0 {
		t.Errorf("drift: %v", drift)
	}
	err := h.App.DB.InTx(context.Background(), scope, func(ctx context.Context) error {
		return db.Tx(ctx).Exec("update beneficiaries set sex = '1'").Error // many rows in one statement, as staff
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Tick("statistics.compact")
	var rows, left int
	h.Scan("select count(*), (select count(*) from stat_registration_deltas) from stat_registrations", nil, &rows, &left)
	if rows != 1 || left != 0 {
		t.Errorf("%d cells are kept, %d changes are left", rows, left)
	}
}

func TestRecount_ReportsDrift(t *testing.T) {
	h := apptest.New(t)
	register(h, many(3, adult(h.CentreA, "2024-01-31"))...)
	register(h, adult(h.CentreB, "2024-01-31"))
	h.Tick("statistics.compact")
	h.Exec("update stat_registrations set n = n + 2 where centre_id = $1", h.CentreA)
	h.Tick("statistics.recount")
	var persons int
	var drift string
	h.Scan("select persons, drift::text from stat_recounts where centre_id = $1", []any{h.CentreA}, &persons, &drift)
	if persons != 3 || !strings.Contains(drift, `"kept": 5`) || !strings.Contains(drift, `"counted": 3`) {
		t.Errorf("%d persons, drift %s", persons, drift)
	}
	h.Scan("select drift::text from stat_recounts where centre_id = $1", []any{h.CentreB}, &drift)
	if drift != "[]" {
		t.Errorf("the other centre drifts: %s", drift)
	}
}

func TestStatisticsRole_ReadsFiguresAndNothingElse(t *testing.T) {
	h := apptest.New(t)
	register(h, adult(h.CentreA, "2024-01-31"), adult(h.CentreB, "2024-01-31"))
	d, err := db.Open(context.Background(), db.Options{URL: h.App.Config.StatisticsDatabaseURL.Reveal(), Role: db.StatisticsRole, MaxConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	may := map[string]bool{"stat_centres": true, "stat_registrations": true, "stat_registration_deltas": true,
		"statistics_profiles": true, "statistics_publications": true, "statistics_holds": true}
	var tables []string
	h.Scan("select array_agg(table_name::text order by table_name) from information_schema.tables where table_schema = 'public'", nil, &tables)
	refusals := []string{"permission denied", "is not a table", "cannot delete from view", "cannot insert into view"}
	for _, table := range tables {
		_, err := d.Pool.Exec(context.Background(), "select count(*) from "+table)
		if may[table] != (err == nil) {
			t.Errorf("%s: %v", table, err)
		}
		delete(may, table)
		for _, write := range []string{"delete from " + table, "insert into " + table + " default values", "truncate " + table} {
			_, err := d.Pool.Exec(context.Background(), write)
			if err == nil || !slices.ContainsFunc(refusals, func(r string) bool { return strings.Contains(err.Error(), r) }) {
				t.Errorf("%s: %v", write, err)
			}
		}
	}
	if len(may) > 0 || len(tables) < 20 {
		t.Errorf("of %v these were not found: %v", tables, may)
	}
	var centres int
	if err := d.Pool.QueryRow(context.Background(), "select count(distinct centre_id) from stat_registration_deltas").Scan(&centres); err != nil || centres != 2 {
		t.Errorf("%d centres, %v", centres, err)
	}
}

func TestProfiles_AreTheDefaultsOfTheHandbook(t *testing.T) {
	h := apptest.New(t)
	for _, want := range []disclosure.Profile{disclosure.Internal(), disclosure.Government(), disclosure.Partner(), disclosure.Public(nil)} {
		got := disclosure.Profile{Audience: want.Audience, AllowSensitive: want.AllowSensitive}
		var keyBytes int
		h.Scan(`select min_cell, min_cell_restricted, under_age_min_cell, protection, hide_sensitive_zeros, rounding_base, max_dimensions, length(rounding_key)
			from statistics_profiles where audience = $1`, []any{want.Audience}, &got.MinCell, &got.MinCellRestricted, &got.UnderAgeMinCell,
			&got.Protection, &got.HideSensitiveZeros, &got.RoundingBase, &got.MaxDimensions, &keyBytes)
		if fmt.Sprint(got) != fmt.Sprint(want) || keyBytes != 32 {
			t.Errorf("stored %v, default %v, key of %d bytes", got, want, keyBytes)
		}
	}
}
