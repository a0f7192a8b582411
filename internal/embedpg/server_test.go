//go:build linux || darwin || freebsd

package embedpg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestServer_KeepsItsDataAndRefusesASecondStart(t *testing.T) {
	options := Options{DataDir: filepath.Join(folder(t), "pg"), Persistent: true}
	s := start(t, options)
	query(t, s.URL("postgres"), "create table kept (word text); insert into kept values ('Ωμέγα')")

	_, err := Start(t.Context(), options)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("by process %d:", os.Getpid())) {
		t.Errorf("second start: %v", err)
	}
	if !answers(s.URL("postgres")) {
		t.Fatal("the refused start has ended the first one")
	}

	stop(t, s)
	if s.Err() != nil || answers(s.URL("postgres")) {
		t.Errorf("after Stop: error %v, answers %v", s.Err(), answers(s.URL("postgres")))
	}
	s = start(t, options)
	if got := query(t, s.URL("postgres"), "select lower(word) from kept"); got != "ωμέγα" {
		t.Errorf("after a restart: %q", got)
	}
}

func TestServer_IsClosedToOthers(t *testing.T) {
	s := start(t, Options{DataDir: filepath.Join(folder(t), "pg"), Persistent: true})
	for setting, want := range map[string]string{
		"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "on", "full_page_writes": "on", "password_encryption": "scram-sha-256",
	} {
		if got := query(t, s.URL("postgres"), "show "+setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	if err := ping(t.Context(), strings.Replace(s.URL("postgres"), s.password, "guess", 1)); err == nil || !strings.Contains(err.Error(), "28P01") {
		t.Errorf("a wrong password: %v", err)
	}
	info, err := os.Stat(s.passwordFile())
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("password file: %v, %v", info.Mode(), err)
	}
	if len(s.password) < 26 {
		t.Errorf("the password has only %d characters", len(s.password))
	}
}

func TestServer_TemporaryIsFastAndLeavesNothing(t *testing.T) {
	base := folder(t)
	s := start(t, Options{DataDir: base, Settings: map[string]string{"full_page_writes": "on"}})
	for setting, want := range map[string]string{"fsync": "off", "synchronous_commit": "off", "full_page_writes": "on"} {
		if got := query(t, s.URL("postgres"), "show "+setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	stop(t, s)
	if left, err := os.ReadDir(base); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestStart_AfterTheHolderWasKilled(t *testing.T) {
	dir := filepath.Join(folder(t), "pg")
	holder, url := child(t, "persistent:"+dir)
	query(t, url, "create table kept (n int); insert into kept values (42)")

	// A Ctrl-C goes to the whole process group of the terminal: the server must not be in it.
	if err := syscall.Kill(-holder.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if !answers(url) {
		t.Fatal("the server was hit by the terminal's signal")
	}
	_, err := Start(t.Context(), Options{DataDir: dir, Persistent: true})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("by process %d:", holder.Process.Pid)) {
		t.Errorf("while the holder lives: %v", err)
	}

	old, err := readPID(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	kill(holder)
	s := start(t, Options{DataDir: dir, Persistent: true})
	if isPostmaster(old, s.dataDir()) {
		t.Error("the server of the killed holder still runs")
	}
	if got := query(t, s.URL("postgres"), "select n from kept"); got != "42" {
		t.Errorf("got %q", got)
	}
}

func TestStart_EndsAnOrphan(t *testing.T) {
	options := Options{DataDir: filepath.Join(folder(t), "pg"), Persistent: true}
	orphan := start(t, options)
	if err := orphan.lock.Close(); err != nil { // as if its parent had died and the kernel not told it
		t.Fatal(err)
	}
	orphan.lock = nil
	log, said := logger()
	options.Log = log
	s := start(t, options)
	if !orphan.process.ended() || !answers(s.URL("postgres")) {
		t.Errorf("orphan ended: %v", orphan.process.ended())
	}
	if orphan.Err() == nil || !strings.Contains(said.String(), "outlived its parent") {
		t.Errorf("error %v, log %s", orphan.Err(), said)
	}
}

func TestStart_RecoversAfterTheServerWasKilled(t *testing.T) {
	options := Options{DataDir: filepath.Join(folder(t), "pg"), Persistent: true}
	s := start(t, options)
	query(t, s.URL("postgres"), "create table kept (n int); insert into kept values (42)")
	if err := syscall.Kill(s.process.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if s.Err() == nil || !strings.Contains(s.Err().Error(), "killed") {
		t.Errorf("error %v", s.Err())
	}
	stop(t, s)
	// Its number now belongs to another process: this one.
	stale := fmt.Sprintf("%d\n%s\n", os.Getpid(), s.dataDir())
	if err := os.WriteFile(filepath.Join(s.dataDir(), "postmaster.pid"), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	s = start(t, options)
	if got := query(t, s.URL("postgres"), "select n from kept"); got != "42" {
		t.Errorf("got %q", got)
	}
}

func TestStart_Port(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	options := Options{DataDir: folder(t), Port: port}
	if _, err := Start(t.Context(), options); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("port %d of 127.0.0.1 is taken", port)) {
		t.Errorf("taken port: %v", err)
	}
	_ = listener.Close()
	if s := start(t, options); !strings.Contains(s.URL("postgres"), "@127.0.0.1:"+strconv.Itoa(port)+"/") {
		t.Errorf("got %s", s.URL("postgres"))
	}
}

func TestStart_DataOfAnotherVersion(t *testing.T) {
	dir := folder(t)
	if err := os.MkdirAll(filepath.Join(dir, "pg", "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pg", "data", "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	chown(t, filepath.Join(dir, "pg"))
	_, err := Start(t.Context(), Options{DataDir: filepath.Join(dir, "pg"), Persistent: true})
	if err == nil || !strings.Contains(err.Error(), "were made by PostgreSQL 9, but this machine has") {
		t.Errorf("got %v", err)
	}
}

func TestStart_CanBeCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	base := folder(t)
	if _, err := Start(ctx, Options{DataDir: base}); err == nil {
		t.Error("started")
	}
	if left, err := os.ReadDir(base); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestStart_BadSettingShowsTheServersLog(t *testing.T) {
	_, err := Start(t.Context(), Options{DataDir: folder(t), Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), `unrecognized configuration parameter "no_such_setting"`) {
		t.Errorf("got %v", err)
	}
}

// chown gives a folder to the account that PostgreSQL runs as.
func chown(t *testing.T, dir string) {
	t.Helper()
	acc, err := unprivileged()
	if err == nil {
		err = acc.give(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
}
