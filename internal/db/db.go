// Package db is the only door to PostgreSQL. A Session is one transaction inside one
// scope: the centres, the actor and the organisation that row-level security sees.
// It begins when it is first used, so that a request which needs a single read
// pays a single round trip (see Find).
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Options bound what one process may ask of the database.
type Options struct {
	URL              string
	Role             string        // the role to work as; empty: AppRole
	MaxConnections   int           // 0: 20
	StatementTimeout time.Duration // 0: 4 s
	LockTimeout      time.Duration // 0: 2 s
	ConnectTimeout   time.Duration // 0: 2 s
	IdleTimeout      time.Duration // of an open transaction; 0: 10 s
}

// The roles of the server. Neither owns a table nor bypasses row-level security.
const (
	AppRole        = "waystation_app"
	StatisticsRole = "waystation_stats" // reads rollups only
)

// DB is a pool of connections. It is safe for concurrent use.
type DB struct {
	Pool    *pgxpool.Pool
	sql     *sql.DB
	gorm    *gorm.DB
	streams chan struct{} // one token for each export that runs
}

// Open prepares the pool. It does not connect: a server may start before its database.
func Open(ctx context.Context, o Options) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("db: %w", err)
	}
	cfg.MaxConns = int32(or(o.MaxConnections, 20))
	cfg.ConnConfig.ConnectTimeout = or(o.ConnectTimeout, 2*time.Second)
	milliseconds := func(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }
	for name, value := range map[string]string{
		"application_name":                    "waystation",
		"statement_timeout":                   milliseconds(or(o.StatementTimeout, 4*time.Second)),
		"lock_timeout":                        milliseconds(or(o.LockTimeout, 2*time.Second)),
		"idle_in_transaction_session_timeout": milliseconds(or(o.IdleTimeout, 10*time.Second)),
		"timezone":                            "UTC",
		"role":                                or(o.Role, AppRole),
	} {
		cfg.ConnConfig.RuntimeParams[name] = value
	}
	cfg.AfterConnect = func(_ context.Context, c *pgx.Conn) error {
		m := c.TypeMap()
		m.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{wrapOurs}, m.TryWrapEncodePlanFuncs...)
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("db: %w", err)
	}
	d := &DB{Pool: pool, sql: stdlib.OpenDBFromPool(pool), streams: make(chan struct{}, max(1, int(cfg.MaxConns)/4))}
	d.gorm, err = gorm.Open(postgres.New(postgres.Config{Conn: d.sql}), &gorm.Config{
		SkipDefaultTransaction: true, // the session is the transaction
		DisableAutomaticPing:   true,
		NowFunc:                Now,
		QueryFields:            true,           // name the columns: a newer schema may have more of them
		Logger:                 logger.Discard, // errors are told once, by whoever answers for them; values never
	})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("db: %w", err)
	}
	return d, nil
}

// Close ends all connections.
func (d *DB) Close() {
	_ = d.sql.Close()
	d.Pool.Close()
}

// Ping answers nil while the database answers.
func (d *DB) Ping(ctx context.Context) error {
	var one int
	return d.Pool.QueryRow(ctx, "select 1").Scan(&one)
}

// Models parses the tables of the given entities, for the test that compares them with the schema.
func (d *DB) Models() *gorm.DB { return d.gorm.Session(&gorm.Session{NewDB: true, DryRun: true}) }

// Now is the clock of the product: UTC, and as precise as PostgreSQL keeps it, so that what a
// create answers equals what the next read answers.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// InTx runs fn in a session of its own, for work that no request asked for: jobs, commands, streams.
// It commits when fn returns nil.
func (d *DB) InTx(ctx context.Context, s Scope, fn func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		session := d.Session(s)
		err := run(session.Bind(ctx), session, fn)
		if err == nil || attempt == maxAttempts || !Retryable(err) {
			return err
		}
	}
}

const maxAttempts = 4

func run(ctx context.Context, s *Session, fn func(context.Context) error) (err error) {
	defer s.Rollback()
	if err := fn(ctx); err != nil {
		return err
	}
	return s.Commit(ctx)
}

// ErrOutsideSession is what a handler meets that asks for the database outside any session.
var ErrOutsideSession = errors.New("db: no session in this context")

// Tx returns GORM inside the session's transaction. A failure to begin is the statement's error.
func Tx(ctx context.Context) *gorm.DB {
	s := Current(ctx)
	if s == nil {
		broken := &gorm.DB{Config: &gorm.Config{}}
		_ = broken.AddError(ErrOutsideSession)
		return broken
	}
	if err := s.begin(ctx); err != nil {
		g := s.db.gorm.Session(&gorm.Session{NewDB: true, Context: ctx})
		_ = g.AddError(err)
		return g
	}
	g := s.db.gorm.Session(&gorm.Session{NewDB: true, Context: ctx})
	g.Statement.ConnPool = pool{s.conn, s.tx, ctx}
	return g
}

// Pgx returns the same transaction to bulk statements and the job queue.
func Pgx(ctx context.Context) (pgx.Tx, error) {
	s := Current(ctx)
	if s == nil {
		return nil, ErrOutsideSession
	}
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	return s.tx, nil
}

// pool hands GORM the session's connection; a nested gorm transaction becomes a savepoint.
type pool struct {
	*sql.Conn
	tx  pgx.Tx
	ctx context.Context
}

func (pool) Commit() error     { return nil }
func (p pool) Rollback() error { return p.tx.Rollback(p.ctx) }
func (p pool) QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row {
	return p.Conn.QueryRowContext(ctx, q, args...)
}

func or[T comparable](v, standard T) T {
	var zero T
	if v == zero {
		return standard
	}
	return v
}
