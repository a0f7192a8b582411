//go:build linux || darwin || freebsd

package embedpg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Server is a running private PostgreSQL. Its methods may be called from several goroutines.
type Server struct {
	options  Options
	log      *slog.Logger
	dir      string   // the cluster's folder
	account  *account // whom the server runs as; nil: ourselves
	binaries binaries
	lock     *os.File
	password string
	port     int
	process  *process

	stopping atomic.Bool
	stop     func() error
}

// Start makes the cluster if it is new and runs it. It returns once connections are accepted;
// ctx bounds the start only, [Server.Stop] ends the server. A server whose process dies
// without Stop ends too: at once on Linux, elsewhere at the next Start on its folder.
//
// It fails with [ErrInUse] if another live process runs the cluster, and with a message that
// says what to do if no PostgreSQL is found, the data belong to another major version, or the port is taken.
func Start(ctx context.Context, options Options) (*Server, error) {
	s := &Server{options: options, log: options.log()}
	s.stop = sync.OnceValue(s.shutdown)
	if err := s.start(ctx); err != nil {
		_ = s.Stop()
		return nil, err
	}
	s.log.Info("private PostgreSQL started", "version", s.binaries.major, "port", s.port, "folder", s.dir)
	return s, nil
}

func (s *Server) start(ctx context.Context) (err error) {
	if s.account, err = unprivileged(); err != nil {
		return err
	}
	if s.dir, err = place(s.options, s.account, s.log); err != nil {
		return err
	}
	// The server is recognised by the path it was started with, so that there must be only one.
	if s.dir, err = filepath.EvalSymlinks(s.dir); err != nil {
		return err
	}
	if s.lock, err = lockDir(s.dir); err != nil {
		return err
	}
	if err := endOrphan(s.dataDir(), s.log); err != nil {
		return err
	}
	if s.binaries, err = chooseBinaries(ctx, s.dataDir(), s.account, s.log); err != nil {
		return err
	}
	if err := s.initialise(ctx); err != nil {
		return err
	}
	return s.run(ctx)
}

// URL returns the superuser's connection URL of a database. It contains the password.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, s.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Dir returns the cluster's folder, which is not always the one that was asked for: see [Start]'s log.
func (s *Server) Dir() string { return s.dir }

// Done returns a channel that closes when PostgreSQL has ended, asked or not.
func (s *Server) Done() <-chan struct{} { return s.process.done }

// Err returns why PostgreSQL ended by itself, with the end of its log. It is nil while it
// runs and after Stop.
func (s *Server) Err() error {
	if !s.process.ended() || s.stopping.Load() {
		return nil
	}
	return fmt.Errorf("PostgreSQL ended by itself (%v):\n%s", s.process.state, s.logTail())
}

// Stop ends PostgreSQL, rolling back what is open, and removes a temporary cluster. Calling it
// again returns the first answer.
func (s *Server) Stop() error { return s.stop() }

func (s *Server) shutdown() error {
	s.stopping.Store(true)
	err := s.endProcess()
	if s.lock == nil { // nothing was begun, or the cluster is not ours
		return err
	}
	if !s.options.Persistent && err == nil {
		err = os.RemoveAll(s.dir)
	}
	return errors.Join(err, s.lock.Close())
}

// endProcess asks for a fast shutdown, then for an immediate one, which costs a recovery at
// the next start but no data.
func (s *Server) endProcess() error {
	if s.process == nil {
		return nil
	}
	signals := []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT}
	if !s.options.Persistent {
		signals = signals[1:] // no need for a last checkpoint
	}
	for _, signal := range signals {
		if s.process.end(signal, 30*time.Second) {
			return nil
		}
	}
	return fmt.Errorf("PostgreSQL (pid %d) does not end", s.process.pid)
}

func (s *Server) dataDir() string      { return filepath.Join(s.dir, "data") }
func (s *Server) passwordFile() string { return filepath.Join(s.dir, "password") }
func (s *Server) logFile() string      { return filepath.Join(s.dir, "postgres.log") }
