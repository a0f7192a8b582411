package app

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/form"
	"github.com/waystation/waystation/internal/jobs"
	"github.com/waystation/waystation/migrations"
)

// Migrate brings the schema to this version, as the role that owns the tables.
func Migrate(ctx context.Context, url string) error {
	if err := db.Migrate(ctx, url, migrations.FS); err != nil {
		return err
	}
	if err := jobs.Migrate(ctx, url); err != nil {
		return err
	}
	return withOwner(ctx, url, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "select begin_epoch()"); err != nil { // where the data came from another cluster
			return err
		}
		return form.Ship(ctx, conn)
	})
}

// pending tells whether the schema or the shipped forms are older than this version expects, or the
// data was restored into another cluster and Migrate has not run since.
func pending(ctx context.Context, url string) (bool, error) {
	if is, err := db.Pending(ctx, url, migrations.FS); is || err != nil {
		return is, err
	}
	if is, err := jobs.Pending(ctx, url); is || err != nil {
		return is, err
	}
	var here, unshipped bool
	err := withOwner(ctx, url, func(conn *pgx.Conn) (err error) {
		if unshipped, err = form.Unshipped(ctx, conn); err != nil {
			return err
		}
		return conn.QueryRow(ctx, `select exists (select from epochs
			where epoch = current_epoch() and cluster = (select system_identifier from pg_control_system()))`).Scan(&here)
	})
	return !here || unshipped, err
}

func withOwner(ctx context.Context, url string, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return errors.Join(do(conn), conn.Close(context.WithoutCancel(ctx)))
}
