package app

import (
	"context"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/jobs"
	"github.com/waystation/waystation/migrations"
)

// Migrate brings the schema to this version, as the role that owns the tables.
func Migrate(ctx context.Context, url string) error {
	if err := db.Migrate(ctx, url, migrations.FS); err != nil {
		return err
	}
	return jobs.Migrate(ctx, url)
}

// pending tells whether the schema is older than this version expects.
func pending(ctx context.Context, url string) (bool, error) {
	if is, err := db.Pending(ctx, url, migrations.FS); is || err != nil {
		return is, err
	}
	return jobs.Pending(ctx, url)
}
