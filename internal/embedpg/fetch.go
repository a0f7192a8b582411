//go:build linux || darwin || freebsd

package embedpg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

const (
	downloads      = "https://repo1.maven.org/maven2" // where the library's builds are published
	fetchedVersion = embeddedpostgres.V15             // the version that Waystation is tested with
)

// fetch downloads a PostgreSQL once and keeps it among the user's cached files, or, when it is to
// run under another account, in a folder that the account can reach.
func fetch(ctx context.Context, repository string, acc *account) (binaries, error) {
	dir, err := fetchFolder(acc)
	if err != nil {
		return binaries{}, errNoPostgres(err)
	}
	bin := filepath.Join(dir, "bin")
	if b, err := inspect(ctx, bin, acc); err == nil {
		return b, nil
	}
	unfinished := dir + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return binaries{}, errNoPostgres(err)
	}
	downloaded := download(ctx, repository, unfinished)
	if _, err := inspect(ctx, filepath.Join(unfinished, "bin"), acc); err != nil {
		return binaries{}, errNoPostgres(errors.Join(downloaded, err))
	}
	if err := errors.Join(os.RemoveAll(dir), os.Rename(unfinished, dir)); err != nil {
		return binaries{}, errNoPostgres(err)
	}
	return inspect(ctx, bin, acc)
}

func fetchFolder(acc *account) (string, error) {
	base := "/var/lib/waystation"
	if acc == nil {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		base = filepath.Join(cache, "waystation")
	}
	return filepath.Join(base, "postgresql-"+string(fetchedVersion)), nil
}

// download lets the library fetch and unpack. The library can only do that as the first step of
// a start, so its data folder is one that cannot exist: the start fails right after
// unpacking, and what is then in dir tells whether the download worked.
func download(ctx context.Context, repository, dir string) error {
	scratch, err := os.MkdirTemp("", "waystation-fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if err := os.WriteFile(filepath.Join(scratch, "file"), nil, 0o600); err != nil {
		return err
	}
	library := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(fetchedVersion).BinaryRepositoryURL(repository).Port(0).Logger(io.Discard).
		BinariesPath(dir).CachePath(scratch).RuntimePath(filepath.Join(scratch, "run")).
		DataPath(filepath.Join(scratch, "file", "data")))
	done := make(chan error, 1)
	go func() { done <- library.Start() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("fetch PostgreSQL: %w", ctx.Err())
	}
}
