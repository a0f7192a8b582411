//go:build linux || darwin || freebsd

package embedpg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// startLimit is how long PostgreSQL may take to accept connections. Recovery after a crash
// takes longer than a plain start.
const startLimit = 2 * time.Minute

// run launches the server and waits until it answers. Two refusals pass by themselves and are
// tried again: somebody took the free port between our look and the start, and the
// children of a killed server have not all gone yet.
func (s *Server) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for attempt := 1; ; attempt++ {
		if err := s.choosePort(); err != nil {
			return err
		}
		err := s.launchAndWait(ctx)
		if err == nil || attempt == 20 || !s.refusalPasses() {
			return err
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (s *Server) refusalPasses() bool {
	tail := s.logTail()
	portRace := s.options.Port == 0 && strings.Contains(tail, "Address already in use")
	return s.process != nil && s.process.ended() && (portRace || strings.Contains(tail, "shared memory block"))
}

// choosePort takes the port asked for, or one that is free at this moment.
func (s *Server) choosePort() error {
	listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.options.Port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d of 127.0.0.1 is taken by another program: stop it, or choose another port (0 takes a free one)", s.options.Port)
	}
	if err != nil {
		return err
	}
	s.port = listener.Addr().(*net.TCPAddr).Port
	return listener.Close()
}

func (s *Server) launchAndWait(ctx context.Context) error {
	out, err := s.openLog()
	if err != nil {
		return err
	}
	defer out.Close() // the child has its own copy
	cmd := command(s.account, s.binaries.path("postgres"), s.arguments()...)
	cmd.Stdout, cmd.Stderr = out, out
	if s.process, err = launch(cmd); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	return s.waitReady(ctx)
}

// openLog starts a new log and keeps the one before. The server writes to a file of its own,
// never to our output: a pipe that it inherited would keep our parent waiting for it.
func (s *Server) openLog() (*os.File, error) {
	_ = os.Rename(s.logFile(), s.logFile()+".old")
	return os.OpenFile(s.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// arguments are the server's; -D stands first because [isPostmaster] looks for it.
func (s *Server) arguments() []string {
	settings := map[string]string{
		"listen_addresses": "127.0.0.1", "port": strconv.Itoa(s.port), "unix_socket_directories": "",
		"timezone": "UTC", "log_timezone": "UTC", "lc_messages": "C", "max_connections": "200",
	}
	if !s.options.Persistent {
		maps.Copy(settings, map[string]string{
			"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "wal_level": "minimal", "max_wal_senders": "0",
		})
	}
	maps.Copy(settings, s.options.Settings)
	args := []string{"-D", s.dataDir()}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}

// waitReady tries to connect until it works, the server ends, or a refusal is final.
func (s *Server) waitReady(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ping(ctx, s.URL("postgres"))
		if err == nil {
			return nil
		}
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code != "57P03" { // 57P03: starting up
			return fmt.Errorf("the private PostgreSQL in %s refuses its own superuser (does %s belong to these data?): %w", s.dir, s.passwordFile(), err)
		}
		select {
		case <-tick.C:
		case <-s.process.done:
			return fmt.Errorf("PostgreSQL did not start (%v):\n%s", s.process.state, s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL is not ready: %w:\n%s", ctx.Err(), s.logTail())
		}
	}
}

func ping(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// logTail returns the end of the server's log, for error messages.
func (s *Server) logTail() string { return tail(s.logFile()) }

func tail(path string) string {
	const limit = 2000
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > limit {
		_, _ = f.Seek(-limit, io.SeekEnd)
	}
	text, _ := io.ReadAll(f)
	return strings.TrimSpace(string(text))
}

// command prepares a PostgreSQL program: as the given account, in its own session, so that a
// Ctrl-C in the terminal reaches us alone, and with an environment of its own, because PGDATA,
// PGPORT and their like would change what it does.
func command(acc *account, path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = "/" // our own folder may be closed to the account
	cmd.Env = []string{"PATH=" + filepath.Dir(path) + ":/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if acc != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: acc.uid, Gid: acc.gid}
	}
	endWithParent(cmd.SysProcAttr)
	return cmd
}
