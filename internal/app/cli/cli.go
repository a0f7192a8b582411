// Package cli is what the commands of the binary do.
package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/app"
	"github.com/waystation/waystation/internal/config"
	"github.com/waystation/waystation/internal/embedpg"
)

// setup reads the settings, sets up the log and makes sure there is a database to reach.
func setup(ctx context.Context) (c config.Config, stop func(), err error) {
	if c, err = config.Load(); err != nil {
		return c, nil, err
	}
	options := &slog.HandlerOptions{Level: c.LogLevel}
	var handler slog.Handler = slog.NewTextHandler(os.Stderr, options)
	if c.LogFormat == "json" {
		handler = slog.NewJSONHandler(os.Stderr, options)
	}
	slog.SetDefault(slog.New(handler))
	if c.DatabaseURL != "" {
		return c, func() {}, nil
	}
	return private(ctx, c)
}

// private starts the PostgreSQL of the data folder, or joins the one that another command of
// ours runs there.
func private(ctx context.Context, c config.Config) (config.Config, func(), error) {
	folder, err := filepath.Abs(filepath.Join(c.DataDir, "postgres"))
	if err != nil {
		return c, nil, err
	}
	if err := os.MkdirAll(c.DataDir, 0o755); err != nil {
		return c, nil, err
	}
	note := filepath.Join(c.DataDir, "postgres.url")
	server, err := embedpg.Start(ctx, embedpg.Options{DataDir: folder, Persistent: true, Log: slog.Default()})
	if errors.Is(err, embedpg.ErrInUse) {
		url, readErr := os.ReadFile(note)
		if readErr != nil {
			return c, nil, err
		}
		return withDatabase(c, strings.TrimSpace(string(url))), func() {}, nil
	}
	if err != nil {
		return c, nil, err
	}
	stop := func() {
		_ = os.Remove(note)
		if err := server.Stop(); err != nil {
			slog.Error("private PostgreSQL", "error", err)
		}
	}
	url, err := createDatabase(ctx, server)
	if err == nil {
		err = os.WriteFile(note, []byte(url+"\n"), 0o600)
	}
	if err != nil {
		stop()
		return c, nil, err
	}
	return withDatabase(c, url), stop, nil
}

func withDatabase(c config.Config, url string) config.Config {
	c.DatabaseURL, c.DatabaseOwnerURL, c.StatisticsDatabaseURL = config.Secret(url), config.Secret(url), config.Secret(url)
	return c
}

func createDatabase(ctx context.Context, server *embedpg.Server) (string, error) {
	conn, err := pgx.Connect(ctx, server.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var exists bool
	if err := conn.QueryRow(ctx, "select exists (select 1 from pg_database where datname = 'waystation')").Scan(&exists); err != nil {
		return "", err
	}
	if !exists {
		if _, err := conn.Exec(ctx, "create database waystation"); err != nil {
			return "", err
		}
	}
	return server.URL("waystation"), nil
}

// ServeOptions are the flags of serve.
type ServeOptions struct {
	Demo bool // migrate, seed an empty database, run jobs too, and print the way in
	Work bool // run jobs too
}

// gcPercent lets garbage grow to four times what is live before it is collected. Most of what is live
// is the contract, some 20 MB that never change and that each collection walks again. GOGC overrides it.
const gcPercent = 400

// Serve answers requests until ctx ends.
func Serve(ctx context.Context, o ServeOptions) error {
	c, stop, err := setup(ctx)
	if err != nil {
		return err
	}
	defer stop()
	listener, err := net.Listen("tcp", c.Addr) // before the work of migrating: a taken port is told at once
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w\nSomething else uses the port. Stop it, or set WAYSTATION_ADDR to another one", c.Addr, err)
	}
	defer listener.Close()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if o.Demo {
		if err := prepareDemo(ctx, c); err != nil {
			return err
		}
	}
	a, err := app.Open(ctx, c)
	if err != nil {
		return err
	}
	defer a.Close()
	var working sync.WaitGroup
	defer working.Wait() // running jobs finish before the database goes
	if o.Demo || o.Work {
		working.Go(func() {
			if err := a.Work(ctx); err != nil {
				slog.Error("jobs", "error", err)
			}
		})
	}
	if o.Demo {
		welcome(os.Stdout, listener.Addr())
	}
	return listen(ctx, a, listener)
}

func listen(ctx context.Context, a *app.App, listener net.Listener) error {
	server := &http.Server{Handler: a.HTTP.Echo, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	server.RegisterOnShutdown(a.EndStreams)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	slog.Info("serving", "addr", listener.Addr().String())
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	slog.Info("stopping")
	grace, cancel := context.WithTimeout(context.Background(), a.Config.ShutdownTimeout)
	defer cancel()
	return server.Shutdown(grace)
}

// Work runs background jobs until ctx ends.
func Work(ctx context.Context) error {
	return withApp(ctx, func(a *app.App) error {
		return a.Work(ctx)
	})
}

func withApp(ctx context.Context, do func(*app.App) error) error {
	c, stop, err := setup(ctx)
	if err != nil {
		return err
	}
	defer stop()
	a, err := app.Open(ctx, c)
	if err != nil {
		return err
	}
	defer a.Close()
	return do(a)
}

// Migrate brings the schema to this version.
func Migrate(ctx context.Context) error {
	c, stop, err := setup(ctx)
	if err != nil {
		return err
	}
	defer stop()
	return app.Migrate(ctx, c.DatabaseOwnerURL.Reveal())
}

// Version prints the version.
func Version() error {
	fmt.Println(app.Version())
	return nil
}
