//go:build linux || darwin || freebsd

package embedpg

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the unprivileged user that PostgreSQL runs as when we are root, which it refuses to be.
type account struct {
	name     string
	uid, gid uint32
}

// unprivileged returns the account to drop to, or nil if we are not root and need none.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			return newAccount(u)
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as: start Waystation as an ordinary user")
}

func newAccount(u *user.User) (*account, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &account{name: u.Username, uid: uint32(uid), gid: uint32(gid)}, errors.Join(err, err2)
}

// reaches reports whether the account may pass through every folder down to this one. Without
// an account we go as ourselves, and the operating system's own error will do.
func (a *account) reaches(dir string) bool {
	if a == nil {
		return true
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	for ; a.enters(dir); dir = filepath.Dir(dir) {
		if dir == filepath.Dir(dir) {
			return true
		}
	}
	return false
}

func (a *account) enters(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil {
		return false
	}
	bit := os.FileMode(0o001)
	switch owner := info.Sys().(*syscall.Stat_t); {
	case owner.Uid == a.uid:
		bit = 0o100
	case owner.Gid == a.gid:
		bit = 0o010
	}
	return info.Mode()&bit != 0
}

// give makes the account own a file or folder of ours.
func (a *account) give(path string) error {
	if a == nil {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}
