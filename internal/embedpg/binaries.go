//go:build linux || darwin || freebsd

package embedpg

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// oldestMajor is the oldest PostgreSQL that the schema works with.
const oldestMajor = 15

// binFolders are where distributions and installers keep a server that is not on the PATH.
var binFolders = []string{
	"/usr/lib/postgresql/*/bin",                                       // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                                // PostgreSQL's own RPMs
	"/usr/libexec/postgresql*",                                        // Alpine
	"/opt/homebrew/opt/postgresql*/bin",                               // Homebrew, Apple silicon
	"/usr/local/opt/postgresql*/bin",                                  // Homebrew, Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",                  // Homebrew on Linux
	"/opt/local/lib/postgresql*/bin",                                  // MacPorts
	"/Applications/Postgres.app/Contents/Versions/*/bin",              // Postgres.app
	"/Library/PostgreSQL/*/bin",                                       // EDB on macOS
	"/opt/PostgreSQL/*/bin",                                           // EDB on Linux
	"/usr/local/pgsql/bin",                                            // built from source
	"/run/current-system/sw/bin", "/nix/var/nix/profiles/default/bin", // Nix
}

// binaries is one installed PostgreSQL.
type binaries struct {
	dir   string
	major int
}

func (b binaries) path(program string) string { return filepath.Join(b.dir, program) }

// chooseBinaries returns the PostgreSQL to run: of the version that made the data if there are
// any, else the one on the PATH or the newest. Without any on the machine it fetches one.
func chooseBinaries(ctx context.Context, dataDir string, acc *account, log *slog.Logger) (binaries, error) {
	found := installed(ctx, acc)
	if len(found) == 0 {
		log.Info("no PostgreSQL on this machine: fetching one")
		fetched, err := fetch(ctx, downloads, acc)
		if err != nil {
			return binaries{}, err
		}
		found = []binaries{fetched}
	}
	text, err := os.ReadFile(filepath.Join(dataDir, "PG_VERSION"))
	if err != nil {
		return found[0], nil
	}
	return matching(found, strings.TrimSpace(string(text)), dataDir)
}

func matching(found []binaries, version, dataDir string) (binaries, error) {
	var have []string
	for _, b := range found {
		if strconv.Itoa(b.major) == version {
			return b, nil
		}
		have = append(have, fmt.Sprintf("%d (%s)", b.major, b.dir))
	}
	return binaries{}, fmt.Errorf("the data in %s were made by PostgreSQL %s, but this machine has %s: install PostgreSQL %s, or move that folder away to start with an empty database",
		dataDir, version, strings.Join(have, ", "), version)
}

// installed lists the usable servers of this machine, best first, each once.
func installed(ctx context.Context, acc *account) []binaries {
	var found []binaries
	for _, dir := range searchPath(ctx) {
		b, err := inspect(ctx, dir, acc)
		if err == nil && !slices.ContainsFunc(found, func(o binaries) bool { return o.dir == b.dir }) {
			found = append(found, b)
		}
	}
	return found
}

// searchPath lists folders that may hold a server: PATH, pg_config, then the usual ones, newest first.
func searchPath(ctx context.Context) []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	var usual []string
	for _, pattern := range binFolders {
		matches, _ := filepath.Glob(pattern)
		usual = append(usual, matches...)
	}
	slices.SortStableFunc(usual, func(a, b string) int { return folderVersion(b) - folderVersion(a) })
	return append(dirs, usual...)
}

var digits = regexp.MustCompile(`\d+`)

// folderVersion guesses the major version from a folder's name, for sorting only.
func folderVersion(dir string) int {
	n, _ := strconv.Atoi(digits.FindString(dir))
	return n
}

// inspect asks the server in a folder for its version. The folder must have initdb too
// (client packages do not) and be within the account's reach.
func inspect(ctx context.Context, dir string, acc *account) (binaries, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return binaries{}, err
	}
	if !acc.reaches(dir) {
		return binaries{}, fmt.Errorf("%s cannot be reached by %s", dir, acc.name)
	}
	b := binaries{dir: dir}
	if _, err := os.Stat(b.path("initdb")); err != nil {
		return b, err
	}
	out, err := exec.CommandContext(ctx, b.path("postgres"), "--version").Output()
	if err != nil {
		return b, fmt.Errorf("%s --version: %w", b.path("postgres"), err)
	}
	// "postgres (PostgreSQL) 15.14 (Debian …)"
	if b.major, err = strconv.Atoi(digits.FindString(string(out))); err != nil || b.major < oldestMajor {
		return b, fmt.Errorf("%s is %s; PostgreSQL %d or newer is needed", dir, strings.TrimSpace(string(out)), oldestMajor)
	}
	return b, nil
}

// installHint says how to get PostgreSQL on an operating system (runtime.GOOS).
func installHint(goos string) string {
	switch goos {
	case "darwin":
		return "brew install postgresql@17"
	case "freebsd":
		return "pkg install postgresql17-server"
	default:
		return "apt install postgresql (Debian, Ubuntu), dnf install postgresql-server (Fedora, RHEL), apk add postgresql (Alpine) or pacman -S postgresql (Arch)"
	}
}

func errNoPostgres(cause error) error {
	return fmt.Errorf("no PostgreSQL %d or newer was found on this machine, and none could be fetched (%w).\nInstall one: %s\nor point WAYSTATION_DATABASE_URL at a server of your own", oldestMajor, cause, installHint(runtime.GOOS))
}
