package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

func perSecond(s sample) float64 { return s.perSecond }
func p50(s sample) float64       { return float64(s.p50) / 1e6 }
func cpu(s sample) float64       { return float64(s.cpu) / 1e3 }
func held(s sample) float64      { return float64(s.memory) }
func p99(s sample) float64       { return float64(s.p99) / 1e6 }

func (r result) line() string {
	aim := "–"
	if r.scenario.aim > 0 {
		aim = fmt.Sprintf("%.2f", r.scenario.aim)
	}
	return fmt.Sprintf("| %s | %.0f | %.0f | **%.2f** | %s | %.1f / %.1f | %.1f / %.1f | %.0f / %.0f | %.0f / %.0f |", r.scenario.title,
		median(r.ours, perSecond), median(r.theirs, perSecond), r.ratio(), aim,
		median(r.ours, p50), median(r.theirs, p50), median(r.ours, p99), median(r.theirs, p99),
		median(r.ours, cpu), median(r.theirs, cpu), median(r.ours, held), median(r.theirs, held))
}

// report prints what was measured and on what, and writes it down where it was asked to.
func (o options) report(ctx context.Context, conn *pgx.Conn, results []result, ours, theirs int) error {
	var b strings.Builder
	fmt.Fprintf(&b, intro, clients, o.people, o.rounds, o.slice)
	for _, r := range results {
		b.WriteString(r.line() + "\n")
	}
	fmt.Fprintf(&b, "\nPeak memory of the process: Waystation %d MiB, by hand %d MiB.\n\n", memory(ours, "VmHWM:"), memory(theirs, "VmHWM:"))
	machine, err := machine(ctx, conn)
	if err != nil {
		return err
	}
	b.WriteString(machine + reading)
	fmt.Print(b.String())
	if o.file == "" {
		return nil
	}
	return os.WriteFile(o.file, []byte(b.String()), 0o644)
}

const intro = `# Benchmarks

Made by ` + "`make bench`" + `; nothing here is typed in by hand. Waystation is measured against a server written by hand for
the same work (` + "`internal/bench/reference*.go`" + `: net/http and pgx, no framework). Both run as processes of their own on one
PostgreSQL and take turns in one run, %d clients at a time, on %d people in 20 centres, %d turns of %s each.
The ratio is the median over the pairs of turns.

| | Waystation /s | by hand /s | ratio | aim | p50 ms, ours / by hand | p99 ms, ours / by hand | CPU µs a request, ours / by hand | memory MiB, ours / by hand |
|---|---|---|---|---|---|---|---|---|
`

const reading = `
## How to read this

- The server by hand does the same for the database: the same role, the same row-level security, the same statements with
  the same line of the audit trail, the same triggers. Before anything is measured both servers are asked the same, and the run
  fails where their answers differ as JSON, or the statements that PostgreSQL logged.
- It checks the same tokens with the same code, and writes a line of log a request. It has what such a server needs and no
  more: no validation against the contract, no idempotency, no metrics, no problem documents. The ratio is the price of those.
- Not compared is how a transaction is opened and closed. A referral's move takes Waystation four round trips (begin, lock,
  change, commit); the server by hand pipelines them into two.
- The figures are read through the same code on both sides: disclosure control is the product's own there, and the ratio tells
  only of what stands in front of it. Most answers come from memory.
- These centres look for duplicates at registration no more than the server by hand does: the scenario repeats a few names.
  The last line is of another kind: Waystation against itself, registering in a centre of a million people where each newcomer is
  looked for among them and what is found is queued, against a centre where nobody is looked for. The aim, a third, is three times the time.
- Both collect garbage at the same GOGC, the product's.
- After each turn of a scenario that writes, the rows, the lines of the trail and the events are counted: one each for every
  success, none twice, or the run fails.
- Clients, both servers and PostgreSQL share the machine's cores: throughput is what the whole arrangement does, and another
  machine gives other numbers. Ratios carry over; compare only what one run measured.
- Where PostgreSQL or the disk does most of the work (a page, a search, a commit), the two servers come close whatever they
  do. The read of one person is the hardest test of what the server itself adds.

## To repeat it

` + "```sh\nmake bench                                              # all, and this page\ngo run ./internal/bench -only read -rounds 3 -slice 1s  # one, printed\n```\n"

func machine(ctx context.Context, conn *pgx.Conn) (string, error) {
	var version, fsync string
	if err := conn.QueryRow(ctx, "select current_setting('server_version'), current_setting('fsync')").Scan(&version, &fsync); err != nil {
		return "", err
	}
	return fmt.Sprintf("Machine: %s, %d cores, %s of memory, %s/%s; %s; PostgreSQL %s, fsync %s; %s.\n",
		fromProc("cpuinfo", "model name"), runtime.NumCPU(), fromProc("meminfo", "MemTotal"), runtime.GOOS, runtime.GOARCH,
		runtime.Version(), version, fsync, time.Now().UTC().Format(time.DateOnly)), nil
}

// fromProc reads one value of a file that Linux keeps about the machine.
func fromProc(file, name string) string {
	raw, err := os.ReadFile("/proc/" + file)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(raw)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
