// Command bench measures the API against a server written by hand for the same work: net/http and
// pgx, the same statements, the same JSON, the same token check, the same row-level security, one
// pipelined round trip. Both run in turn, in one run, on one database; what counts is the ratio.
//
//	go run ./internal/bench -write docs/benchmarks.md
//	go run ./internal/bench -only read -rounds 3 -slice 1s
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/app"
	"github.com/waystation/waystation/internal/app/cli"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/embedpg"
)

// clients call at the same time, as the aims say.
const clients = 32

// options are the flags.
type options struct {
	only   string
	people int
	rounds int
	slice  time.Duration
	file   string

	profile string
}

func main() {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "reference":
			exit(serveReference(os.Args[2]))
		case "profiled":
			exit(serveProfiled(os.Args[2]))
		}
	}
	var o options
	flag.StringVar(&o.only, "only", "", "measure these scenarios alone, between commas: read, page, search, create, acknowledge, figures, duplicates")
	flag.IntVar(&o.people, "people", 200_000, "how many people to load")
	flag.IntVar(&o.rounds, "rounds", 7, "turns of each server")
	flag.DurationVar(&o.slice, "slice", 3*time.Second, "length of one turn")
	flag.StringVar(&o.profile, "profile", "", "file for a CPU profile of the product, which then runs inside this program; FILE.allocs tells what it allocated")
	flag.StringVar(&o.file, "write", "", "file to write the report to")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := bench(ctx, o)
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func bench(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "waystation-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server, err := embedpg.Start(ctx, embedpg.Options{Settings: map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "shared_buffers": "512MB", "max_wal_size": "4GB", "log_line_prefix": spyPrefix,
	}})
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop() }()
	url := server.URL("postgres")
	w, err := populate(ctx, url, o.people)
	if err != nil {
		return err
	}
	ours, theirs, err := w.serve(ctx, dir, url, o.profile)
	if err != nil {
		return err
	}
	defer ours.stop()
	defer theirs.stop()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := w.publish(ours.target); err != nil {
		return err
	}
	if err := w.verify(ctx, ours.target, theirs.target, server, conn); err != nil {
		return err
	}
	g := rig{ours.target, theirs.target, conn, o.rounds, o.slice}
	results, err := w.measureAll(ctx, g, o.only)
	if err != nil {
		return err
	}
	if alone := w.crowded(); wanted(o.only, alone) { // last: a million people more would slow the rest
		if err := w.crowd(ctx, url, 1_000_000); err != nil {
			return err
		}
		g.theirs = g.ours
		g.ours.looks = true
		r, err := g.compare(ctx, alone)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	return o.report(ctx, conn, results, ours.pid, theirs.pid)
}

func populate(ctx context.Context, url string, people int) (*world, error) {
	if err := app.Migrate(ctx, url); err != nil {
		return nil, err
	}
	start := time.Now()
	w, err := load(ctx, url, 20, people)
	fmt.Fprintf(os.Stderr, "%d people in 20 centres, loaded in %.1f s\n", people, time.Since(start).Seconds())
	return w, err
}

func (w *world) verify(ctx context.Context, ours, theirs target, server *embedpg.Server, conn *pgx.Conn) error {
	s, err := newSpy(ctx, server, conn)
	if err != nil {
		return err
	}
	if err := w.agree(ours, theirs, s); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "both servers answer the same, by the same statements")
	return s.watch(ctx, "none")
}

// wanted tells whether a scenario is among those that were asked for: all, where none was.
func wanted(only string, s scenario) bool {
	return only == "" || slices.Contains(strings.Split(only, ","), s.name)
}

func (w *world) measureAll(ctx context.Context, g rig, only string) ([]result, error) {
	var results []result
	for _, s := range w.scenarios() {
		if !wanted(only, s) {
			continue
		}
		r, err := g.compare(ctx, s)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
		fmt.Fprintln(os.Stderr, r.line())
	}
	return results, nil
}

// process is a started server.
type process struct {
	target
	stop func()
}

// setting is what the reference server is told.
type setting struct {
	Addr, DatabaseURL, Issuer, KeyFile string
}

const issuer = "http://bench.test"

// serve runs both servers as processes of their own.
func (w *world) serve(ctx context.Context, dir, url, profile string) (ours, theirs process, err error) {
	self, err := os.Executable()
	if err != nil {
		return ours, theirs, err
	}
	keyFile := filepath.Join(dir, "signing-key.pem")
	key, err := auth.LoadOrCreateKey(keyFile)
	if err != nil {
		return ours, theirs, err
	}
	if err := w.sign(auth.Issuer{URL: issuer, Key: key}); err != nil {
		return ours, theirs, err
	}
	addr, err := freeAddress()
	if err != nil {
		return ours, theirs, err
	}
	cmd, err := product(ctx, self, dir, profile)
	if err != nil {
		return ours, theirs, err
	}
	cmd.Env = append(os.Environ(), "WAYSTATION_ADDR="+addr, "WAYSTATION_DATABASE_URL="+url, "WAYSTATION_DATA_DIR="+dir, "WAYSTATION_PUBLIC_URL="+issuer,
		"WAYSTATION_RATE_LIMIT=0", "WAYSTATION_MAX_CONNECTIONS=20", "WAYSTATION_ACCESS_TOKEN_TTL=10h")
	if ours, err = launch("Waystation", addr, cmd); err != nil {
		return ours, theirs, err
	}
	if addr, err = freeAddress(); err != nil {
		return ours, theirs, err
	}
	told, _ := json.Marshal(setting{addr, url, issuer, keyFile})
	theirs, err = launch("reference", addr, exec.Command(self, "reference", string(told)))
	return ours, theirs, err
}

// product is the binary as it is shipped, or, to be profiled, the same server inside this program.
func product(ctx context.Context, self, dir, profile string) (*exec.Cmd, error) {
	if profile != "" {
		return exec.Command(self, "profiled", profile), nil
	}
	binary := filepath.Join(dir, "waystation")
	if out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "./cmd/waystation").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return exec.Command(binary, "serve"), nil
}

func serveProfiled(file string) error {
	var raw bytes.Buffer
	if err := pprof.StartCPUProfile(&raw); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := cli.Serve(ctx, cli.ServeOptions{})
	stop()
	pprof.StopCPUProfile()
	allocated, opened := os.Create(file + ".allocs")
	if opened == nil {
		opened = errors.Join(pprof.Lookup("allocs").WriteTo(allocated, 0), allocated.Close())
	}
	return errors.Join(err, opened, writeProfile(file, &raw))
}

// writeProfile keeps a profile without where on this machine it was made: the compiler optimises by it, so it is
// part of the project.
func writeProfile(file string, raw io.Reader) error {
	p, err := profile.Parse(raw)
	if err != nil {
		return err
	}
	for _, m := range p.Mapping {
		m.File, m.BuildID = "", ""
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(p.Compact().Write(out), out.Close())
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func launch(name, addr string, cmd *exec.Cmd) (process, error) {
	log, err := os.CreateTemp("", "waystation-bench-*.log")
	if err != nil {
		return process{}, err
	}
	cmd.Stderr = log // both log to a file, as a server does
	if err := cmd.Start(); err != nil {
		return process{}, err
	}
	p := process{target{name: name, base: "http://" + addr, pid: cmd.Process.Pid}, func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		_ = os.Remove(log.Name())
	}}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if res, err := http.Get(p.base + "/healthz"); err == nil {
			res.Body.Close()
			return p, nil
		}
	}
	p.stop()
	return p, errors.New(name + " does not answer")
}

// sign makes the tokens that the scenarios carry.
func (w *world) sign(i auth.Issuer) error {
	roles := map[uuid.UUID][]string{}
	for _, c := range append(slices.Clone(w.Centres), w.Crowded) {
		roles[c] = []string{"registrar"}
	}
	for token, p := range map[*string]auth.Principal{
		&w.staffToken:   {Kind: auth.User, ID: w.Staff, OrganisationID: w.Office, Centres: roles},
		&w.networkToken: {Kind: auth.User, ID: w.Staff, OrganisationID: w.Office, NetworkRoles: []string{"network_officer"}},
		&w.partnerToken: {Kind: auth.Client, ID: db.NewID(), OrganisationID: w.Partner, Scopes: []string{"partner:referrals"}},
		&w.stateToken:   {Kind: auth.Client, ID: db.NewID(), OrganisationID: w.State, Scopes: []string{"stats:read"}},
	} {
		var err error
		if *token, err = i.Mint(p, 10*time.Hour, time.Now()); err != nil {
			return err
		}
	}
	return nil
}
