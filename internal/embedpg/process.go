//go:build linux || darwin || freebsd

package embedpg

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a child whose end is awaited in the background.
type process struct {
	pid   int
	done  chan struct{} // closed when it has ended
	state error         // how it ended; read after done
}

// launch starts a command. The parent-death signal of Linux is sent when the *thread* that
// started the child ends, so the child gets a thread that lives as long as it does.
func launch(cmd *exec.Cmd) (*process, error) {
	p := &process{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			p.state = exitState(cmd)
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func exitState(cmd *exec.Cmd) error {
	if err := cmd.Wait(); err != nil {
		return err
	}
	return errors.New("exit status 0")
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// end sends a signal and reports whether the process has ended within the limit.
func (p *process) end(signal syscall.Signal, limit time.Duration) bool {
	if p.ended() {
		return true
	}
	_ = syscall.Kill(p.pid, signal)
	select {
	case <-p.done:
		return true
	case <-time.After(limit):
		return false
	}
}

// endOrphan ends a server that still runs on these data although its parent, whose lock we
// now hold, is gone, and clears a postmaster.pid that would stop the next start: its
// number may by now belong to another process.
func endOrphan(dataDir string, log *slog.Logger) error {
	pidFile := filepath.Join(dataDir, "postmaster.pid")
	pid, err := readPID(pidFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		if err != nil || !isPostmaster(pid, dataDir) {
			break
		}
		log.Warn("ending a PostgreSQL that outlived its parent", "pid", pid, "data", dataDir)
		_ = syscall.Kill(pid, signal)
		awaitEnd(pid, dataDir, 15*time.Second)
	}
	if err == nil && isPostmaster(pid, dataDir) {
		return fmt.Errorf("a PostgreSQL (pid %d) left over from a killed process still runs on %s and does not end: end it by hand", pid, dataDir)
	}
	if err := os.Remove(pidFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func awaitEnd(pid int, dataDir string, limit time.Duration) {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline) && isPostmaster(pid, dataDir); {
		time.Sleep(20 * time.Millisecond)
	}
}

// isPostmaster reports whether the process runs a server on these data.
func isPostmaster(pid int, dataDir string) bool {
	args := commandLine(pid)
	i := slices.Index(args, "-D")
	return i >= 0 && i+1 < len(args) && args[i+1] == dataDir
}

// readPID reads the process id in the first line of a file.
func readPID(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(strings.TrimSpace(first))
}
