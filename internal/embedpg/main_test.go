//go:build linux || darwin || freebsd

package embedpg

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// childVariable makes the test program a child process that runs one of the jobs below, prints a
// URL and waits for its end.
const childVariable = "WAYSTATION_EMBEDPG_CHILD"

func TestMain(m *testing.M) {
	if job := os.Getenv(childVariable); job != "" {
		beChild(job)
		return
	}
	os.Exit(m.Run())
}

func beChild(job string) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT) // survive a Ctrl-C, as a server does that shuts down
	kind, dir, _ := strings.Cut(job, ":")
	var url string
	var err error
	switch kind {
	case "forTests":
		url, _, err = ForTests()
	default:
		var s *Server
		if s, err = Start(context.Background(), Options{DataDir: dir, Persistent: kind == "persistent"}); err == nil {
			url = s.URL("postgres")
		}
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(url)
	time.Sleep(time.Minute)
}

// child starts a child process, in a process group of its own, and returns the URL it prints.
func child(t *testing.T, job string, environ ...string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(environ, childVariable+"="+job)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(cmd) })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "postgres://") {
		t.Fatalf("the child says %q, %v", line, err)
	}
	return cmd, strings.TrimSpace(line)
}

// kill ends a child the hard way and waits until it is gone.
func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// folder returns a temporary folder that other users can reach: t.TempDir's is closed to them.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}

// query runs one statement and returns the first column of its first row as text.
func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	text := ""
	if rows.Next() {
		text = string(rows.RawValues()[0])
	}
	rows.Close()
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return text
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 seconds: %s", what)
		}
	}
}

func answers(url string) bool { return ping(context.Background(), url) == nil }

// logger returns a log and what it has collected.
func logger() (*slog.Logger, *strings.Builder) {
	var out strings.Builder
	return slog.New(slog.NewTextHandler(&out, nil)), &out
}
