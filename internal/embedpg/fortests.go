//go:build linux || darwin || freebsd

package embedpg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// The packages of one `go test ./...` are separate processes, and they share one temporary
// cluster. A keeper, which is the first test program started once more under
// another name, runs it for all. In a folder of the user's, with flocks that the
// kernel gives back when a process dies:
//
//	gate          one client at a time looks for the keeper or starts it
//	lease         shared by every client while it uses the cluster; the keeper ends when it
//	              has been able to take it alone for the length of the grace
//	keeper        held by the keeper while it lives; contains its pid
//	server.json   written by the keeper once the cluster answers
//	keeper.log    what the keeper has to say

const (
	// keeperName is argv[0] of a keeper: how a program knows that it is to be one.
	keeperName = "waystation-test-postgres"

	// graceVariable shortens the time that the cluster waits for the next client.
	graceVariable = "WAYSTATION_TEST_DATABASE_GRACE"
	defaultGrace  = 30 * time.Second
)

func init() {
	if len(os.Args) == 2 && os.Args[0] == keeperName {
		os.Exit(keep(testFolder(os.Args[1])))
	}
}

// ForTests returns the superuser's URL of a throw-away PostgreSQL that all test processes of this
// user share; each must use databases of its own. The cluster ends by itself about 30 seconds after
// the last process has called stop or died. If WAYSTATION_TEST_DATABASE_URL is
// set, that server is used and left alone.
func ForTests() (url string, stop func(), err error) {
	if url := os.Getenv(TestDatabaseURL); url != "" {
		return url, func() {}, nil
	}
	folder := testFolder(filepath.Join(os.TempDir(), "waystation-test-"+strconv.Itoa(os.Getuid())))
	if err := own(string(folder), nil); err != nil {
		return "", nil, err
	}
	lease, err := flock(folder.path("lease"), syscall.LOCK_SH) // waits while a keeper is ending
	if err != nil {
		return "", nil, err
	}
	if url, err = folder.connect(); err != nil {
		return "", nil, errors.Join(err, lease.Close())
	}
	return url, func() { _ = lease.Close() }, nil
}

// testFolder is where clients and keeper meet.
type testFolder string

func (f testFolder) path(name string) string { return filepath.Join(string(f), name) }

// connect returns the URL of the cluster, starting a keeper if none lives.
func (f testFolder) connect() (string, error) {
	gate, err := flock(f.path("gate"), syscall.LOCK_EX)
	if err != nil {
		return "", err
	}
	defer gate.Close()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	if f.kept() {
		if url, err := f.await(ctx, nil); err == nil {
			return url, ping(ctx, url)
		}
	}
	_ = os.Remove(f.path("server.json")) // of a keeper that was killed
	keeper, err := f.startKeeper()
	if err != nil {
		return "", err
	}
	return f.await(ctx, keeper)
}

// kept reports whether a keeper lives.
func (f testFolder) kept() bool {
	probe, err := flock(f.path("keeper"), syscall.LOCK_SH|syscall.LOCK_NB)
	if err == nil {
		_ = probe.Close()
	}
	return errors.Is(err, syscall.EWOULDBLOCK)
}

// startKeeper starts this program once more as a keeper, in a session of its own and with none of
// our files, so that neither Ctrl-C reaches it nor `go test` waits for it.
func (f testFolder) startKeeper() (<-chan error, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(f.path("keeper.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := &exec.Cmd{Path: self, Args: []string{keeperName, string(f)}, Dir: "/", Stderr: log, SysProcAttr: &syscall.SysProcAttr{Setsid: true}}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- exitState(cmd) }()
	return ended, nil
}

// await returns the URL that the keeper writes. It gives up when the keeper that we started
// (ended) or that somebody else started (the lock) is gone.
func (f testFolder) await(ctx context.Context, ended <-chan error) (string, error) {
	for {
		var server struct{ URL string }
		if text, err := os.ReadFile(f.path("server.json")); err == nil {
			return server.URL, json.Unmarshal(text, &server)
		}
		if ended == nil && !f.kept() {
			return "", errors.New("the keeper of the test PostgreSQL is gone")
		}
		select {
		case state := <-ended:
			return "", fmt.Errorf("the test PostgreSQL did not start (%v):\n%s", state, tail(f.path("keeper.log")))
		case <-ctx.Done():
			return "", fmt.Errorf("the test PostgreSQL is not ready: %w:\n%s", ctx.Err(), tail(f.path("keeper.log")))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// keep is the keeper's main: it runs the cluster until nobody uses it. It returns the exit status.
func keep(f testFolder) int {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	if err := f.keep(ctx, log); err != nil {
		log.Error("the test PostgreSQL failed", "error", err)
		return 1
	}
	return 0
}

func (f testFolder) keep(ctx context.Context, log *slog.Logger) error {
	life, err := flock(f.path("keeper"), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		return err
	}
	defer life.Close()
	if err := sign(life); err != nil {
		return err
	}
	lease, err := os.OpenFile(f.path("lease"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lease.Close() // taken alone until we have ended: newcomers wait, then start anew
	server, err := Start(ctx, Options{Log: log})
	if err != nil {
		return err
	}
	if err := f.publish(server.URL("postgres")); err != nil {
		return errors.Join(err, server.Stop())
	}
	awaitIdle(ctx, server, lease, grace())
	died := server.Err()
	return errors.Join(died, os.Remove(f.path("server.json")), server.Stop())
}

// publish writes server.json whole or not at all.
func (f testFolder) publish(url string) error {
	text, err := json.Marshal(struct{ URL string }{url})
	if err != nil {
		return err
	}
	unfinished := f.path("server.json.unfinished")
	if err := os.WriteFile(unfinished, text, 0o600); err != nil {
		return err
	}
	return os.Rename(unfinished, f.path("server.json"))
}

// awaitIdle returns when no client has held the lease for the length of the grace, which it then
// holds alone, or when the server or we are told to end.
func awaitIdle(ctx context.Context, server *Server, lease *os.File, grace time.Duration) {
	tick := time.NewTicker(min(max(grace/20, 50*time.Millisecond), time.Second))
	defer tick.Stop()
	for idleSince := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-server.Done():
			return
		case now := <-tick.C:
			if relock(lease, syscall.LOCK_EX|syscall.LOCK_NB) != nil {
				idleSince = now
				continue
			}
			if now.Sub(idleSince) >= grace {
				return
			}
			_ = relock(lease, syscall.LOCK_UN)
		}
	}
}

func grace() time.Duration {
	if d, err := time.ParseDuration(os.Getenv(graceVariable)); err == nil {
		return d
	}
	return defaultGrace
}
