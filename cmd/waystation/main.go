// Command waystation runs a migrant centre's API: see README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/waystation/waystation/internal/app/cli"
)

const usage = `usage: waystation COMMAND

  serve [--demo] [--work]       answer requests; --demo first migrates and seeds, and runs jobs too
  work                          run background jobs
  migrate                       bring the database's schema to this version
  seed                          fill an empty database with the demonstration
  token --user EMAIL | --client ID [--ttl 1h]
                                print a development token
  import --file F --mapping M [--centre CODE] [--dry-run]
                                take in a registration sheet
  version                       print the version

Settings come from WAYSTATION_* environment variables; README.md lists them.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "waystation:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	flags := flag.NewFlagSet("waystation "+args[0], flag.ExitOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	switch args[0] {
	case "serve":
		var o cli.ServeOptions
		flags.BoolVar(&o.Demo, "demo", false, "")
		flags.BoolVar(&o.Work, "work", false, "")
		_ = flags.Parse(args[1:])
		return cli.Serve(ctx, o)
	case "work":
		return cli.Work(ctx)
	case "migrate":
		return cli.Migrate(ctx)
	case "seed":
		return cli.Seed(ctx)
	case "token":
		user, client := flags.String("user", "", ""), flags.String("client", "", "")
		ttl := flags.Duration("ttl", time.Hour, "")
		_ = flags.Parse(args[1:])
		return cli.Token(ctx, *user, *client, *ttl)
	case "import":
		var o cli.ImportOptions
		flags.StringVar(&o.File, "file", "", "")
		flags.StringVar(&o.Mapping, "mapping", "", "")
		flags.StringVar(&o.Centre, "centre", "", "")
		flags.BoolVar(&o.DryRun, "dry-run", false, "")
		_ = flags.Parse(args[1:])
		return cli.Import(ctx, o)
	case "version":
		return cli.Version()
	}
	fmt.Fprint(os.Stderr, usage)
	return fmt.Errorf("no command %q", args[0])
}
