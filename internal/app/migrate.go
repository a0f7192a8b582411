package app

import (
	"context"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/migrations"
)

// Migrate brings the schema to this version, as the role that owns the tables.
func Migrate(ctx context.Context, url string) error {
	return db.Migrate(ctx, url, migrations.FS)
}
