package jobs

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// Migrate brings the queue's tables to this version, as the role at url, which owns the schema.
// Several processes may start at once: one migrates, the others wait.
func Migrate(ctx context.Context, url string) error {
	return withMigrator(ctx, url, func(pool *pgxpool.Pool, m *rivermigrate.Migrator[pgx.Tx]) error {
		gate, err := pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer gate.Release()
		if _, err := gate.Exec(ctx, "select pg_advisory_lock(hashtext('waystation jobs'))"); err != nil {
			return err
		}
		defer func() {
			_, _ = gate.Exec(context.WithoutCancel(ctx), "select pg_advisory_unlock(hashtext('waystation jobs'))")
		}()
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	})
}

// Pending tells whether the queue's tables are older than this version expects.
func Pending(ctx context.Context, url string) (pending bool, err error) {
	err = withMigrator(ctx, url, func(_ *pgxpool.Pool, m *rivermigrate.Migrator[pgx.Tx]) error {
		v, err := m.Validate(ctx, nil)
		pending = err == nil && !v.OK
		return err
	})
	return pending, err
}

func withMigrator(ctx context.Context, url string, do func(*pgxpool.Pool, *rivermigrate.Migrator[pgx.Tx]) error) error {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	config.MaxConns = 2 // the gate and the work
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	defer pool.Close()
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: Schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	return do(pool, m)
}
