package report_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/report"
)

// closed puts n cases into the centre that were opened a number of days ago, judged a day later and closed the day after.
func (d *desk) closed(n, daysAgo int) {
	d.T.Helper()
	d.Exec(`with made as (insert into cases (centre_id, id, version, created_at, updated_at, number, beneficiary_id, source, status, risk_level, sensitivity, owner_id, opened_at, closed_at)
			select c.centre_id, gen_random_uuid(), 1, now(), now(), gen_random_uuid()::text, c.beneficiary_id, 'walk_in', 'closed', 'medium', 'normal', c.owner_id, now(), now()
			from cases c cross join generate_series(1, $2) where c.id = $1 returning centre_id, id, owner_id),
		planned as (insert into case_plans (centre_id, id, version, created_at, updated_at, case_id, number, status)
			select centre_id, id, 1, now(), now(), id, 1, 'draft' from made returning centre_id, id),
		aimed as (insert into case_goals (centre_id, id, version, created_at, updated_at, case_id, plan_id, description, progress)
			select centre_id, id, 1, now(), now(), id, id, 'x', 'met' from planned returning centre_id, id),
		judged as (insert into case_evaluations (centre_id, id, version, created_at, updated_at, case_id, plan_id, goal_id, progress, reason, evaluated_on)
			select centre_id, id, 1, now() - make_interval(days => $3 - 1), now(), id, id, id, 'met', 'x', current_date from aimed)
		insert into case_states (centre_id, case_id, at, status, sensitivity, owner_id, closure_reason, run, responded, assessed, planned, plan_due_at)
			select centre_id, id, now() - make_interval(days => $3 - k), case k when 2 then 'closed' else 'open' end, 'normal', owner_id, case k when 2 then 'plan_completed' else '' end, 0, true, true, k > 0,
				now() - make_interval(days => $3 - 1)
			from made cross join generate_series(0, 2) k`, d.file, n, daysAgo)
	d.Exec("delete from case_states where at > now() - interval '1 hour'") // of the cases as they were put there
}

// cost explains a report as it is asked for: the blocks that it reads, in the functions that it calls too.
func (d *desk) cost(name string, from, to int) float64 {
	d.T.Helper()
	day := func(ago int) time.Time { return time.Now().UTC().AddDate(0, 0, -ago).Truncate(24 * time.Hour) }
	sql, args := "select * from caseloads_by_risk($1::jsonb)", []any{`{"medium": 1}`}
	if name != "caseload" {
		sql, args = report.Statement(name, d.CentreA, day(from), day(to))
	}
	var raw []byte
	err := d.App.DB.InTx(context.Background(), db.Scope{Centres: db.UUIDs{d.CentreA}, ActorID: d.supervisor.ID, ActorKind: "user"}, func(ctx context.Context) error {
		tx, err := db.Pgx(ctx)
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, "explain (analyze, buffers, format json) "+sql, args...).Scan(&raw)
	})
	var explained []struct {
		Plan struct {
			Hit  float64 `json:"Shared Hit Blocks"`
			Read float64 `json:"Shared Read Blocks"`
		}
	}
	if err != nil || json.Unmarshal(raw, &explained) != nil {
		d.T.Fatal(err, string(raw))
	}
	return explained[0].Plan.Hit + explained[0].Plan.Read
}

// A report costs what happened in its period, however many cases closed before it and after it: by indexes, whose depth alone grows.
func TestReports_AreFlatWithTheCasesClosedOutsideOfThePeriod(t *testing.T) {
	d := newDesk(t)
	d.closed(50, 300) // in the period
	before := map[string]float64{}
	for _, outside := range []int{1500, 4500} {
		d.closed(outside, 700)
		d.closed(outside, 100)
		d.Exec("vacuum analyze")
		for _, name := range []string{"timeliness", "outcomes", "reopened", "caseload"} {
			blocks := d.cost(name, 305, 290)
			t.Logf("%s reads %v blocks beside %d closed before and after", name, blocks, outside)
			if few, again := before[name]; again && blocks > 1.4*few+20 {
				t.Errorf("%s reads %v beside few cases and %v beside many", name, few, blocks)
			}
			before[name] = blocks
		}
	}
	found := d.Call(d.supervisor, "GET", d.reports+"outcomes"+period(305, 290), nil).Want(200)
	if found.Text("data", 0, "closures") != "50" || found.Text("data", 0, "goals_met") != "50" {
		t.Errorf("%s", found.Raw)
	}
}
