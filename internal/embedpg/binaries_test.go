//go:build linux || darwin || freebsd

package embedpg

import (
	"archive/zip"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMatching_PrefersTheVersionOfTheData(t *testing.T) {
	found := []binaries{{"/a", 17}, {"/b", 15}}
	if b, err := matching(found, "15", "/data"); err != nil || b.dir != "/b" {
		t.Errorf("got %v, %v", b, err)
	}
	_, err := matching(found, "16", "/data")
	for _, part := range []string{"/data", "PostgreSQL 16", "17 (/a), 15 (/b)"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in: %v", part, err)
		}
	}
}

func TestInspect(t *testing.T) {
	write := func(dir, name, script string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	server, client, old := t.TempDir(), t.TempDir(), t.TempDir()
	write(server, "postgres", "echo postgres '(PostgreSQL)' 16beta1")
	write(server, "initdb", "")
	write(client, "postgres", "echo postgres '(PostgreSQL)' 16.1")
	write(old, "postgres", "echo postgres '(PostgreSQL)' 13.2")
	write(old, "initdb", "")
	if b, err := inspect(t.Context(), server, nil); err != nil || b.major != 16 {
		t.Errorf("a server: %v, %v", b, err)
	}
	if _, err := inspect(t.Context(), client, nil); err == nil {
		t.Error("a folder without initdb was accepted")
	}
	if _, err := inspect(t.Context(), old, nil); err == nil || !strings.Contains(err.Error(), "15 or newer") {
		t.Errorf("an old server: %v", err)
	}
	if _, err := inspect(t.Context(), server, &account{name: "stranger", uid: 64000, gid: 64000}); err == nil {
		t.Error("a server out of the account's reach was accepted")
	}
}

// The archive in testdata has the shape of the published ones: bin/postgres and bin/initdb, here
// two one-line scripts.
func TestFetch_KeepsWhatItDownloads(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	archive, err := os.ReadFile("testdata/postgres.txz")
	if err != nil {
		t.Fatal(err)
	}
	downloads := 0
	repository := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, ".jar") {
			http.NotFound(w, r)
			return
		}
		downloads++
		jar := zip.NewWriter(w)
		entry, err := jar.Create("postgres.txz")
		if err == nil {
			_, err = entry.Write(archive)
		}
		if err != nil || jar.Close() != nil {
			t.Error("the archive was not served")
		}
	}))
	defer repository.Close()
	for range 2 {
		b, err := fetch(t.Context(), repository.URL, nil)
		if err != nil || b.major != 15 {
			t.Fatalf("got %v, %v", b, err)
		}
	}
	if downloads != 1 {
		t.Errorf("downloaded %d times", downloads)
	}
}

func TestFetch_FailureSaysWhatToInstall(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	repository := httptest.NewServer(http.NotFoundHandler())
	defer repository.Close()
	_, err := fetch(t.Context(), repository.URL, nil)
	for _, part := range []string{"no PostgreSQL 15 or newer", "no version found matching", "Install one: ", "WAYSTATION_DATABASE_URL"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in: %v", part, err)
		}
	}
	for goos, part := range map[string]string{"linux": "apt install", "darwin": "brew install", "freebsd": "pkg install"} {
		if !strings.Contains(installHint(goos), part) {
			t.Errorf("%s: %s", goos, installHint(goos))
		}
	}
}
