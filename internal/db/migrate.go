package db

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver goose opens
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrate brings the schema of the database at url to this version. url names the role that
// owns the tables. Several processes may start at once: one migrates, the others wait.
func Migrate(ctx context.Context, url string, files fs.FS) error {
	return withGoose(url, files, func(p *goose.Provider) error {
		_, err := p.Up(ctx)
		return err
	})
}

// Pending tells whether the schema is older than this version expects.
func Pending(ctx context.Context, url string, files fs.FS) (pending bool, err error) {
	err = withGoose(url, files, func(p *goose.Provider) error {
		pending, err = p.HasPending(ctx)
		return err
	})
	return pending, err
}

// Unmigrate takes the schema down to version 0, for the test of the way back.
func Unmigrate(ctx context.Context, url string, files fs.FS) error {
	return withGoose(url, files, func(p *goose.Provider) error {
		_, err := p.DownTo(ctx, 0)
		return err
	})
}

func withGoose(url string, files fs.FS, do func(*goose.Provider) error) error {
	conn, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	p, err := goose.NewProvider(goose.DialectPostgres, conn, files, goose.WithSessionLocker(locker))
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	return errors.Join(do(p), conn.Close())
}
