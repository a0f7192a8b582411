package cli

import (
	"context"
	"errors"
	"os"

	"github.com/waystation/waystation/internal/app"
	"github.com/waystation/waystation/internal/intake"
)

// ImportOptions are the flags of import.
type ImportOptions struct {
	File    string
	Mapping string
	Centre  string // code; empty: every centre that the sheet names
	DryRun  bool
}

// Import takes in a registration sheet and prints what became of its rows.
func Import(ctx context.Context, o ImportOptions) error {
	if o.File == "" || o.Mapping == "" {
		return errors.New("import needs --file and --mapping")
	}
	return withApp(ctx, func(a *app.App) error {
		c := intake.Command{File: o.File, Mapping: o.Mapping, Options: intake.Options{Mode: intake.Commit}}
		if o.DryRun {
			c.Mode = intake.DryRun
		}
		if o.Centre != "" {
			c.Centres = []string{o.Centre}
		}
		return c.Run(ctx, a.DB, os.Stdout)
	})
}
