//go:build linux || darwin || freebsd

package embedpg

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

func TestForTests_ProcessesShareOneClusterThatEndsWithThem(t *testing.T) {
	base := folder(t)
	environ := []string{"TMPDIR=" + base, graceVariable + "=1s", TestDatabaseURL + "="}
	first, url := child(t, "forTests", environ...)
	second, again := child(t, "forTests", environ...)
	if url != again {
		t.Fatalf("two clusters: %s and %s", url, again)
	}
	kill(first)
	time.Sleep(1500 * time.Millisecond) // longer than the grace
	if !answers(url) {
		t.Fatal("the cluster ended with the first process")
	}
	kill(second)
	eventually(t, "the cluster ends and leaves no data", func() bool {
		left, _ := filepath.Glob(filepath.Join(base, temporaryPattern))
		return !answers(url) && len(left) == 0
	})
	if _, next := child(t, "forTests", environ...); next == url || !answers(next) {
		t.Errorf("a later process got %s", next)
	}
}

func TestForTests_ReplacesAKilledKeeper(t *testing.T) {
	base := folder(t)
	environ := []string{"TMPDIR=" + base, graceVariable + "=1s", TestDatabaseURL + "="}
	_, url := child(t, "forTests", environ...)
	killKeeper(t, base)
	eventually(t, "the cluster ends with its keeper", func() bool { return !answers(url) })
	_, next := child(t, "forTests", environ...)
	if next == url || !answers(next) {
		t.Errorf("got %s after %s", next, url)
	}
	killKeeper(t, base)
	eventually(t, "the second cluster ends too", func() bool { return !answers(next) })
}

// killKeeper kills the keeper of a folder, which is the parent of the one server in it.
func killKeeper(t *testing.T, base string) {
	t.Helper()
	folder := testFolder(filepath.Join(base, "waystation-test-"+strconv.Itoa(os.Getuid())))
	pid, err := readPID(folder.path("keeper"))
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the keeper is gone", func() bool { return !folder.kept() })
}

func TestForTests_UsesTheServerOfTheEnvironment(t *testing.T) {
	t.Setenv(TestDatabaseURL, "postgres://elsewhere/x")
	url, stop, err := ForTests()
	if err != nil || url != "postgres://elsewhere/x" {
		t.Errorf("got %s, %v", url, err)
	}
	stop()
}
