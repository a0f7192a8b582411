//go:build linux || darwin || freebsd

package embedpg

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Under root PostgreSQL runs as somebody who cannot pass a closed folder: the data go elsewhere,
// and are found there again. Under any other user a folder closed to others is the right place.
func TestPlace_FolderClosedToOthers(t *testing.T) {
	closed := folder(t)
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	wanted := filepath.Join(closed, "pg")
	log, said := logger()
	options := Options{DataDir: wanted, Persistent: true, Log: log}
	s := start(t, options)
	if os.Geteuid() != 0 {
		if s.Dir() != wanted || said.Len() == 0 {
			t.Errorf("not root: used %s, log %s", s.Dir(), said)
		}
		return
	}
	t.Cleanup(func() { _ = os.RemoveAll(s.Dir()) })
	if strings.HasPrefix(s.Dir(), closed) || !strings.Contains(said.String(), "used="+s.Dir()) {
		t.Errorf("root: used %s, log %s", s.Dir(), said)
	}
	stop(t, s)

	if err := os.Chmod(closed, 0o755); err != nil { // reachable now, but the data are where they are
		t.Fatal(err)
	}
	acc, err := unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := place(options, acc, log); err != nil || again != s.Dir() {
		t.Errorf("place: %s, %v; want %s", again, err, s.Dir())
	}
}

func TestAccount_Reaches(t *testing.T) {
	stranger := &account{name: "stranger", uid: 64000, gid: 64000}
	open := folder(t)
	closed := filepath.Join(open, "closed")
	inside := filepath.Join(closed, "inside")
	if err := os.MkdirAll(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	if !stranger.reaches(inside) {
		t.Error("an open folder is said to be closed")
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	if stranger.reaches(inside) || stranger.reaches(filepath.Join(open, "missing")) {
		t.Error("a closed or missing folder is said to be open")
	}
	us := &account{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}
	if !us.enters(closed) {
		t.Error("the owner is said to be shut out")
	}
}

func TestOwn_RefusesWhatIsNotOurs(t *testing.T) {
	base := folder(t)
	file, link := filepath.Join(base, "file"), filepath.Join(base, "link")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(base, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link} {
		if err := own(path, nil); err == nil {
			t.Errorf("%s was taken for a data folder", path)
		}
	}
	stranger := &account{name: "stranger", uid: 64000, gid: 64000}
	if err := own(base, stranger); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
		t.Errorf("a folder with files of ours was given away: %v", err)
	}
}

func TestSweep_RemovesWhatAKilledProcessLeft(t *testing.T) {
	base := folder(t)
	log, _ := logger()
	holder, url := child(t, "temporary:"+base)
	sweep(base, 0, log)
	if !answers(url) {
		t.Fatal("a live cluster was swept away")
	}
	kill(holder)
	sweep(base, 0, log)
	if left, err := os.ReadDir(base); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
