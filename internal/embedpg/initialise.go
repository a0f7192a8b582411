//go:build linux || darwin || freebsd

package embedpg

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// superuser is the role that initdb makes; it owns the cluster and provisions the rest.
const superuser = "postgres"

// locales are tried in this order. The first sorts by code point, the same everywhere, and
// still knows the letters of every script; not every system has it.
var locales = []string{"C.UTF-8", "en_US.UTF-8", "C"}

// initialise makes the cluster, unless it is there, and reads its password.
func (s *Server) initialise(ctx context.Context) error {
	if !initialised(s.dir) {
		if err := s.writePassword(); err != nil {
			return err
		}
		if err := s.initdb(ctx); err != nil {
			return err
		}
	}
	password, err := os.ReadFile(s.passwordFile())
	if err != nil {
		return fmt.Errorf("the password of the private PostgreSQL is missing: %w", err)
	}
	s.password = strings.TrimSpace(string(password))
	return nil
}

func (s *Server) writePassword() error {
	if err := os.WriteFile(s.passwordFile(), []byte(rand.Text()+"\n"), 0o600); err != nil {
		return err
	}
	return s.account.give(s.passwordFile())
}

// initdb works in another folder and renames it at the end, so that one that was
// interrupted is never taken for a cluster.
func (s *Server) initdb(ctx context.Context) error {
	unfinished := s.dataDir() + ".unfinished"
	var failed error
	for _, locale := range locales {
		if err := os.RemoveAll(unfinished); err != nil {
			return err
		}
		args := []string{
			"-D", unfinished, "--username", superuser, "--pwfile", s.passwordFile(), "--auth", "scram-sha-256",
			"--encoding", "UTF8", "--locale", locale, "--no-instructions",
		}
		if !s.options.Persistent {
			args = append(args, "--no-sync")
		}
		out, err := output(ctx, command(s.account, s.binaries.path("initdb"), args...))
		if err == nil {
			return os.Rename(unfinished, s.dataDir())
		}
		failed = fmt.Errorf("initdb: %w:\n%s", err, out)
		if !strings.Contains(out, "locale") {
			break
		}
	}
	return failed
}

// output runs a command to its end and returns what it printed.
func output(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	p, err := launch(cmd)
	if err != nil {
		return "", err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		_ = syscall.Kill(-p.pid, syscall.SIGKILL) // with the servers that initdb runs
		<-p.done
		return "", ctx.Err()
	}
	var exit *exec.ExitError
	if errors.As(p.state, &exit) {
		return out.String(), p.state
	}
	return out.String(), nil
}
