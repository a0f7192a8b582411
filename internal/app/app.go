// Package app puts the house together: the only package that knows every domain.
package app

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/config"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/httpd"
)

// App is one running process of the product.
type App struct {
	Config config.Config
	DB     *db.DB
	HTTP   *httpd.Server
	Issuer auth.Issuer
	Keys   *auth.KeySet
	stop   context.CancelFunc

	centres *centreList
	codes   *centre.CodeGate
}

// requestTimeout ends every request that does not stream.
const requestTimeout = 4500 * time.Millisecond

// Version is what the build says, for `/` and `waystation version`.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "0.1.0"
}

// Open builds the app. It needs no database yet: until one answers, requests get 503.
func Open(ctx context.Context, c config.Config) (*App, error) {
	ctx, stop := context.WithCancel(ctx)
	a := &App{Config: c, stop: stop}
	if err := a.open(ctx); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func (a *App) open(ctx context.Context) error {
	var err error
	a.DB, err = db.Open(ctx, db.Options{
		URL: a.Config.DatabaseURL.Reveal(), MaxConnections: int(a.Config.MaxConnections), ConnectTimeout: a.Config.ConnectTimeout,
		StatementTimeout: a.Config.StatementTimeout, LockTimeout: a.Config.LockTimeout, IdleTimeout: a.Config.IdleTransactionTimeout,
	})
	if err != nil {
		return err
	}
	key, err := auth.LoadOrCreateKey(keyFile(a.Config))
	if err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	a.Issuer = auth.Issuer{URL: a.Config.PublicURL, Key: key}
	a.Keys = auth.NewKeySet(key.PublicKey)
	revocations := auth.NewRevocations(auth.RevocationsConfig{Keep: a.Config.AccessTokenTTL})
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Issuer: a.Issuer.URL, Keys: a.Keys, Revocations: revocations})
	if err != nil {
		return err
	}
	return a.serve(verifier)
}

func keyFile(c config.Config) string {
	if c.SigningKeyFile != "" {
		return c.SigningKeyFile
	}
	return filepath.Join(c.DataDir, "signing-key.pem")
}

func (a *App) serve(verifier *auth.Verifier) error {
	a.centres, a.codes = newCentres(a.DB), centre.NewCodeGate(requestTimeout)
	spec, err := api.GetSpec()
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.HTTP, err = httpd.New(httpd.Options{
		Spec: spec, DB: a.DB, Verifier: verifier, Permissions: httpd.Permissions(spec), Centres: a.centres.all, Codes: a.codes.Check,
		MaxBody: int64(a.Config.MaxBody), RateLimit: a.Config.RateLimit, Origins: a.Config.CORSOrigins,
		TrustedProxies: a.Config.TrustedProxies, Registry: registry,
		Timeout: requestTimeout,
	})
	if err != nil {
		return err
	}
	api.RegisterHandlers(a.HTTP.Echo, api.NewStrictHandler(a.server(), nil))
	return a.HTTP.MountPages(a.Config.DocsEnabled, registry)
}

// Close ends what Open began.
func (a *App) Close() {
	a.stop()
	if a.DB != nil {
		a.DB.Close()
	}
}
