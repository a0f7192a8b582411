// Package migrations embeds the schema: plain SQL, applied by goose in the order of the numbers.
package migrations

import "embed"

// FS holds the migration files.
//
//go:embed *.sql
var FS embed.FS
