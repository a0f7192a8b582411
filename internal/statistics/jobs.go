package statistics

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/jobs"
)

// Jobs registers what keeps the figures: their compaction, their proof, and publications that are due.
func Jobs(r *jobs.Registry, s *Service) {
	r.Every(5*time.Minute, "statistics.compact", eachCentre(compact))
	r.Every(24*time.Hour, "statistics.recount", eachCentre(func(ctx context.Context, centre uuid.UUID) error {
		_, err := Recount(ctx, centre)
		return err
	}))
	r.Every(time.Hour, "statistics.publish", s.publishDue)
}

// eachCentre runs fn once per centre, each in a transaction that reaches nothing but that centre.
func eachCentre(fn func(context.Context, uuid.UUID) error) func(context.Context) error {
	return func(ctx context.Context) error {
		var centres []uuid.UUID
		err := jobs.In(ctx, db.Scope{Network: true, ReadOnly: true}, func(ctx context.Context) error {
			return db.Tx(ctx).Raw("select centre_id from stat_centres order by centre_id").Scan(&centres).Error
		})
		for _, c := range centres {
			err = errors.Join(err, jobs.In(ctx, db.Scope{Centres: []uuid.UUID{c}}, func(ctx context.Context) error { return fn(ctx, c) }))
		}
		return err
	}
}

// compact moves the changes of a centre into its counts. Changes that commit meanwhile wait for the next run; a second
// run at the same time finds them gone.
func compact(ctx context.Context, centre uuid.UUID) error {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `with moved as (delete from stat_registration_deltas where centre_id = $1 returning *)
		insert into stat_registrations as s (centre_id, month, sex, age_group, nationality, population_type, n)
		select centre_id, month, sex, age_group, nationality, population_type, sum(n) from moved
		group by 1, 2, 3, 4, 5, 6 having sum(n) <> 0 order by 1, 2, 3, 4, 5, 6
		on conflict (centre_id, month, sex, age_group, nationality, population_type) do update set n = s.n + excluded.n`, centre)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "delete from stat_registrations where centre_id = $1 and n = 0", centre)
	return err
}

// Drift is a cell whose kept count is not what a recount of the persons gives.
type Drift struct {
	Month          string `json:"month"`
	Sex            string `json:"sex"`
	AgeGroup       string `json:"age_group"`
	Nationality    string `json:"nationality"`
	PopulationType string `json:"population_type"`
	Kept           int64  `json:"kept"`
	Counted        int64  `json:"counted"` // persons, and figures kept of erased ones
}

// Recount counts a centre's persons anew, as of one moment, stores the result in stat_recounts and returns where
// the kept counts differ: nothing, or there is a fault to find. It repairs nothing. The centre must be in scope.
func Recount(ctx context.Context, centre uuid.UUID) ([]Drift, error) {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return nil, err
	}
	var persons int64
	var drift db.JSON[[]Drift]
	err = tx.QueryRow(ctx, `with counted as (
			select stat_month(registered_on) as month, sex, stat_age_group(birth_date, registered_on) as age_group,
			       coalesce(nationalities[1], 'unknown') as nationality, population_type, 0::bigint as kept, 1::bigint as counted
			  from beneficiaries where centre_id = $2 and status = 'active'
			union all select month, sex, age_group, nationality, population_type, 0, n from stat_registrations_kept where centre_id = $2
			union all select month, sex, age_group, nationality, population_type, n, 0 from stat_registrations where centre_id = $2
			union all select month, sex, age_group, nationality, population_type, n, 0 from stat_registration_deltas where centre_id = $2
		), cells as (
			select month, sex, age_group, nationality, population_type, sum(kept) as kept, sum(counted) as counted
			  from counted group by 1, 2, 3, 4, 5
		)
		insert into stat_recounts (centre_id, id, persons, drift)
		select $2, $1, coalesce(sum(counted), 0), coalesce(jsonb_agg(jsonb_build_object('month', to_char(month, 'YYYY-MM'), 'sex', sex, 'age_group', age_group,
			'nationality', nationality, 'population_type', population_type, 'kept', kept, 'counted', counted)
			order by month, sex, age_group, nationality, population_type) filter (where kept <> counted), '[]') from cells
		returning persons, drift`, db.NewID(), centre).Scan(&persons, &drift)
	if err != nil {
		return nil, err
	}
	if n := len(drift.V); n > 0 {
		slog.ErrorContext(ctx, "statistics drift", "centre_id", centre, "cells", n, "persons", persons)
	}
	return drift.V, nil
}

// publishDue extends and revises the tables that somebody has asked for; first ones are published when they are.
func (s *Service) publishDue(ctx context.Context) error {
	e, err := s.edition(ctx)
	if err != nil {
		return err
	}
	for b := range e.heads {
		if _, ok := cubeOf(b.Cube); !ok {
			continue // a cube that is no longer kept: its tables stay as they are
		}
		_, _, failed := s.publish(ctx, b)
		err = errors.Join(err, failed)
	}
	return err
}
