// Package app puts the house together: the only package that knows every domain.
package app

import (
	"context"
	"net/url"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/account"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/config"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/files"
	"github.com/waystation/waystation/internal/httpd"
	"github.com/waystation/waystation/internal/identity"
	"github.com/waystation/waystation/internal/statistics"
)

// requestTimeout leaves room for the answer: callers are promised 503 within five seconds.
const requestTimeout = 4 * time.Second

// App is one running process of the product.
type App struct {
	Config      config.Config
	DB          *db.DB
	HTTP        *httpd.Server
	Issuer      auth.Issuer
	Keys        *auth.KeySet
	Revocations *auth.Revocations
	Statistics  *statistics.Service
	vault       *auth.Vault
	files       *files.Store
	accounts    account.Handlers
	feeds       events.Handlers
	stop        context.CancelFunc
	background  sync.WaitGroup

	centres *centreList
	codes   *centre.CodeGate
	figures *db.DB // as the role that sees counts and nothing else
}

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
	a.figures, err = db.Open(ctx, db.Options{
		URL: a.Config.StatisticsDatabaseURL.Reveal(), Role: db.StatisticsRole, MaxConnections: max(2, int(a.Config.MaxConnections)/4),
		ConnectTimeout: a.Config.ConnectTimeout, StatementTimeout: a.Config.StatementTimeout, LockTimeout: a.Config.LockTimeout,
		IdleTimeout: a.Config.IdleTransactionTimeout,
	})
	if err != nil {
		return err
	}
	a.Statistics = statistics.New(a.figures)
	if err := a.loadKeys(); err != nil {
		return err
	}
	if a.files, err = files.OpenStore(ctx, blobURL(a.Config), a.vault); err != nil {
		return err
	}
	a.Revocations = auth.NewRevocations(auth.RevocationsConfig{Keep: a.Config.AccessTokenTTL, StaleAfter: a.Config.RevocationStaleAfter})
	providers, err := a.providers()
	if err != nil {
		return err
	}
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Issuer: a.Issuer.URL, Keys: a.Keys, Revocations: a.Revocations, Providers: providers})
	if err != nil {
		return err
	}
	if err := a.serve(verifier); err != nil {
		return err
	}
	feed := account.Feed{Connect: a.DB.Pool.Config().ConnConfig, Revocations: a.Revocations}
	a.background.Go(func() { feed.Run(ctx) })
	return nil
}

// loadKeys reads what signs tokens, what checks them and what seals stored secrets.
func (a *App) loadKeys() error {
	key, err := auth.LoadOrCreateKey(inDataDir(a.Config, a.Config.SigningKeyFile, "signing-key.pem"))
	if err != nil {
		return err
	}
	others, err := auth.LoadPublicKeys(a.Config.VerificationKeys)
	if err != nil {
		return err
	}
	a.Issuer = auth.Issuer{URL: a.Config.PublicURL, Key: key}
	a.Keys = auth.NewKeySet(key.PublicKey, others...)
	a.vault, err = auth.LoadOrCreateVault(inDataDir(a.Config, a.Config.EncryptionKeyFile, "encryption-keys"))
	return err
}

// blobURL is where files are kept: in the data folder, unless told.
func blobURL(c config.Config) string {
	if c.BlobURL != "" {
		return c.BlobURL.Reveal()
	}
	folder, err := filepath.Abs(filepath.Join(c.DataDir, "files"))
	if err != nil {
		folder = filepath.Join(c.DataDir, "files")
	}
	return (&url.URL{Scheme: "file", Path: folder}).String()
}

func inDataDir(c config.Config, file, standard string) string {
	if file != "" {
		return file
	}
	return filepath.Join(c.DataDir, standard)
}

// providers are the outside issuers whose tokens are accepted; nil where there are none.
func (a *App) providers() (*auth.Providers, error) {
	if a.Config.Issuers == "" {
		return nil, nil
	}
	list, err := auth.ReadProviders(a.Config.Issuers)
	if err != nil {
		return nil, err
	}
	return auth.NewProviders(list, auth.ProvidersConfig{
		Lookup: account.Lookup(a.DB), CentreID: account.CentreID(a.DB), Development: !a.Config.Production(),
	})
}

// passwords is one for the whole process: it bounds how much memory hashing takes.
var passwords = sync.OnceValues(func() (*auth.Passwords, error) {
	return auth.NewPasswords(auth.PasswordParams, max(2, runtime.NumCPU()))
})

func (a *App) account(permissions *auth.Permissions, clientScopes []string) (account.Handlers, error) {
	hasher, err := passwords()
	c := a.Config
	return account.Handlers{
		Issuer: a.Issuer, Keys: a.Keys, Passwords: hasher, Vault: a.vault, Revocations: a.Revocations,
		Permissions: permissions, ClientScopes: clientScopes, Settings: account.Settings{
			AccessTokenTTL: c.AccessTokenTTL, RefreshTokenTTL: c.RefreshTokenTTL, LockoutAfter: c.LockoutAfter, LockoutFor: c.LockoutFor,
			TemporaryPasswordTTL: c.TemporaryPasswordTTL, ClientSecretGrace: c.ClientSecretGrace, MandatoryTrainings: c.MandatoryTrainings,
		},
	}, err
}

func (a *App) serve(verifier *auth.Verifier) error {
	a.centres, a.codes = newCentres(a.DB), centre.NewCodeGate(requestTimeout)
	spec, err := api.GetSpec()
	if err != nil {
		return err
	}
	permissions := httpd.Permissions(spec)
	if a.accounts, err = a.account(permissions, httpd.ClientScopes(spec)); err != nil {
		return err
	}
	a.feeds = events.Handlers{Hub: events.NewHub(a.DB), Permissions: permissions, Kept: a.Config.ChangesKept}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.HTTP, err = httpd.New(httpd.Options{
		Spec: spec, DB: a.DB, Verifier: verifier, Permissions: permissions, Centres: a.centres.all, Codes: a.codes.Check, Survivor: identity.SurvivorOf,
		MaxBody: int64(a.Config.MaxBody), MaxUploads: a.Config.MaxUploads, RateLimit: a.Config.RateLimit, GuardedLimit: a.Config.SignInRateLimit,
		HashKey: a.vault.DeriveKey("stored answers"), Origins: a.Config.CORSOrigins,
		TrustedProxies: a.Config.TrustedProxies, Registry: registry,
		Timeout: requestTimeout,
	})
	if err != nil {
		return err
	}
	api.RegisterHandlers(a.HTTP.Echo, api.NewStrictHandler(a.server(), nil))
	return a.HTTP.MountPages(a.Config.DocsEnabled, registry)
}

// EndStreams ends the answers that would go on for ever, so that a server can shut down; their
// clients connect again.
func (a *App) EndStreams() {
	if a.feeds.Hub != nil {
		a.feeds.Hub.Close()
	}
}

// Close ends what Open began.
func (a *App) Close() {
	a.stop()
	a.EndStreams()
	a.background.Wait()
	for _, d := range []*db.DB{a.DB, a.figures} {
		if d != nil {
			d.Close()
		}
	}
	if a.files != nil {
		_ = a.files.Close()
	}
}
