//go:build linux || darwin || freebsd

package embedpg

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// temporaryPattern names the folders of temporary clusters.
const temporaryPattern = "waystation-pg-*"

// place decides where the cluster lives and makes the folder, owned by the account.
func place(options Options, acc *account, log *slog.Logger) (string, error) {
	if !options.Persistent {
		return placeTemporary(options.DataDir, acc, log)
	}
	if options.DataDir == "" {
		return "", errors.New("a persistent PostgreSQL needs a data folder")
	}
	wanted, err := filepath.Abs(options.DataDir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(wanted), 0o755); err != nil {
		return "", err
	}
	others := fallbacks(wanted)
	if acc.reaches(filepath.Dir(wanted)) && (initialised(wanted) || !anyInitialised(others)) {
		return wanted, own(wanted, acc)
	}
	return placeElsewhere(wanted, others, acc, log)
}

// fallbacks are folders for the data of a folder that PostgreSQL's account cannot reach, such
// as one below /root. The hash keeps the data of two such folders apart and finds them again.
func fallbacks(wanted string) []string {
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(wanted)))[:12]
	return []string{
		filepath.Join("/var/lib/waystation", hash),
		filepath.Join(os.TempDir(), "waystation-"+hash),
		filepath.Join("/var/tmp", "waystation-"+hash),
	}
}

func placeElsewhere(wanted string, others []string, acc *account, log *slog.Logger) (string, error) {
	var failed error
	for _, dir := range others {
		if anyInitialised(others) && !initialised(dir) {
			continue
		}
		if err := ownReachable(dir, acc); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		log.Warn("PostgreSQL does not run as root and its user cannot reach the data folder: the data are kept elsewhere",
			"user", acc.name, "wanted", wanted, "used", dir)
		return dir, nil
	}
	return "", fmt.Errorf("PostgreSQL's user %s cannot reach %s, and no other folder will do: start Waystation as an ordinary user, or choose another data folder: %w", acc.name, wanted, failed)
}

func ownReachable(dir string, acc *account) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if !acc.reaches(filepath.Dir(dir)) {
		return fmt.Errorf("%s cannot be reached", filepath.Dir(dir))
	}
	return own(dir, acc)
}

// own makes the folder, for the account alone. One that is there already must be ours or the
// account's: in a temporary folder somebody else could have laid it there.
func own(dir string, acc *account) error {
	if err := os.Mkdir(dir, 0o700); err == nil {
		return acc.give(dir)
	} else if !errors.Is(err, os.ErrExist) {
		return err
	}
	owner, err := folderOwner(dir)
	if err != nil {
		return err
	}
	if left, err := os.ReadDir(dir); acc != nil && int(owner) == os.Geteuid() && err == nil && len(left) == 0 {
		return acc.give(dir)
	}
	if (acc == nil && int(owner) != os.Geteuid()) || (acc != nil && owner != acc.uid) {
		return fmt.Errorf("the data folder %s belongs to another user (uid %d): start Waystation as that user, or choose another data folder", dir, owner)
	}
	return nil
}

// folderOwner returns the uid of a folder's owner; a symbolic link is no folder.
func folderOwner(dir string) (uint32, error) {
	info, err := os.Lstat(dir)
	if err != nil {
		return 0, err
	}
	if !info.IsDir() {
		return 0, fmt.Errorf("%s is not a folder", dir)
	}
	return info.Sys().(*syscall.Stat_t).Uid, nil
}

func initialised(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "data", "PG_VERSION"))
	return err == nil
}

func anyInitialised(dirs []string) bool {
	for _, dir := range dirs {
		if initialised(dir) {
			return true
		}
	}
	return false
}

func placeTemporary(base string, acc *account, log *slog.Logger) (string, error) {
	bases := []string{base}
	if base == "" {
		bases = []string{os.TempDir(), "/tmp", "/var/tmp"}
	} else if err := os.MkdirAll(base, 0o755); err != nil {
		return "", err
	}
	for _, base := range bases {
		if !acc.reaches(base) {
			continue
		}
		base, err := filepath.Abs(base)
		if err != nil {
			return "", err
		}
		sweep(base, time.Minute, log)
		dir, err := os.MkdirTemp(base, temporaryPattern)
		if err != nil {
			return "", err
		}
		return dir, acc.give(dir)
	}
	return "", fmt.Errorf("PostgreSQL's user cannot reach the temporary folder (tried %q)", bases)
}

// sweep removes temporary clusters whose process was killed. Young ones are left alone: they
// may be just about to be locked.
func sweep(base string, age time.Duration, log *slog.Logger) {
	dirs, _ := filepath.Glob(filepath.Join(base, temporaryPattern))
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < age {
			continue
		}
		lock, err := lockDir(dir)
		if err != nil {
			continue // in use, or another user's
		}
		if endOrphan(filepath.Join(dir, "data"), log) == nil {
			log.Info("removing a temporary PostgreSQL whose process was killed", "folder", dir)
			_ = os.RemoveAll(dir)
		}
		_ = lock.Close()
	}
}
