// Package config reads the settings of the server from WAYSTATION_* environment
// variables, checks them once and reports every mistake together. The struct below is
// the only list of settings; [Table] renders it for the README.
package config

import (
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Prefix starts the name of every environment variable that the server reads.
const Prefix = "WAYSTATION_"

// Mode says how strict the server is with its own settings.
type Mode string

// The two modes. Development fills in what is missing (a private database, a signing key);
// production refuses to start without them.
const (
	Development Mode = "development"
	Production  Mode = "production"
)

// Config holds every setting of the server. [Load] makes one; after that it never changes.
// The tags are the documentation: env names the variable without its prefix, doc its meaning.
type Config struct {
	Mode      Mode   `env:"MODE" envDefault:"development" doc:"development or production. Production refuses to start without a database, a signing key and an https public URL."`
	Addr      string `env:"ADDR" envDefault:":8080" doc:"Address to listen on, host:port."`
	PublicURL string `env:"PUBLIC_URL" envDefault:"http://localhost:8080" doc:"URL under which clients reach the server: issuer of its tokens and base of the links it writes. Without a trailing slash."`
	DataDir   string `env:"DATA_DIR" envDefault:".data" doc:"Folder for what the server keeps itself: in development the private PostgreSQL and the signing key."`

	DatabaseURL            Secret        `env:"DATABASE_URL" doc:"PostgreSQL URL of the application role (neither owner nor BYPASSRLS). Empty in development: a private PostgreSQL is started in the data folder."`
	DatabaseOwnerURL       Secret        `env:"DATABASE_OWNER_URL" doc:"PostgreSQL URL of the role that owns the tables, used by migrations only. Empty: the database URL."`
	StatisticsDatabaseURL  Secret        `env:"STATISTICS_DATABASE_URL" doc:"PostgreSQL URL that statistics read from: the statistics role, on a replica if there is one. Empty: the database URL."`
	MaxConnections         int32         `env:"MAX_CONNECTIONS" envDefault:"20" doc:"Size of the connection pool of one server process."`
	ConnectTimeout         time.Duration `env:"CONNECT_TIMEOUT" envDefault:"3s" doc:"Longest wait for a database connection, new or from the pool; then the request is answered 503."`
	StatementTimeout       time.Duration `env:"STATEMENT_TIMEOUT" envDefault:"5s" doc:"Longest run of one SQL statement of a request."`
	LockTimeout            time.Duration `env:"LOCK_TIMEOUT" envDefault:"2s" doc:"Longest wait of a statement for a row or table lock."`
	IdleTransactionTimeout time.Duration `env:"IDLE_TRANSACTION_TIMEOUT" envDefault:"10s" doc:"Longest time a transaction may stay open without a statement; PostgreSQL then ends it."`

	SigningKeyFile    string        `env:"SIGNING_KEY_FILE" doc:"Ed25519 private key (PKCS #8, PEM) that signs access tokens. Required in production; in development made in the data folder."`
	VerificationKeys  string        `env:"VERIFICATION_KEYS_DIR" doc:"Folder of further Ed25519 keys (.pem) whose tokens are accepted: the next signing key before it signs, the last one until its tokens have expired."`
	EncryptionKeyFile string        `env:"ENCRYPTION_KEY_FILE" doc:"Keys that seal stored secrets, such as those of one-time codes: 32 bytes in base64, one key a line; the first seals, all open. Required in production; in development made in the data folder."`
	AccessTokenTTL    time.Duration `env:"ACCESS_TOKEN_TTL" envDefault:"10m" doc:"Life of an access token."`
	RefreshTokenTTL   time.Duration `env:"REFRESH_TOKEN_TTL" envDefault:"720h" doc:"Life of a refresh token: how long a person stays signed in without using the system."`
	Issuers           string        `env:"OIDC_ISSUERS" doc:"Path of a JSON file that lists the outside OpenID Connect issuers whose tokens are accepted."`

	RevocationStaleAfter time.Duration `env:"REVOCATION_STALE_AFTER" envDefault:"10s" doc:"How long a server may be without news of who has signed out; after that it answers 503 rather than accept a token."`
	LockoutAfter         int           `env:"LOCKOUT_AFTER" envDefault:"5" doc:"Failed sign-ins after which an account is locked for a while."`
	LockoutFor           time.Duration `env:"LOCKOUT_FOR" envDefault:"15m" doc:"How long the first lock lasts; each further failure doubles it, up to a day."`
	TemporaryPasswordTTL time.Duration `env:"TEMPORARY_PASSWORD_TTL" envDefault:"168h" doc:"How long a password set by an administrator may be used to sign in for the first time."`
	ClientSecretGrace    time.Duration `env:"CLIENT_SECRET_GRACE" envDefault:"24h" doc:"How long the old secret of an API client works, and that of a webhook endpoint signs, after it was rotated."`
	MandatoryTrainings   []string      `env:"MANDATORY_TRAININGS" envDefault:"code_of_conduct" doc:"Trainings (comma-separated) that must be valid before a person is granted a role."`

	ChangesKept time.Duration `env:"CHANGES_KEPT" envDefault:"2160h" doc:"How long the change feed keeps a change. A client that was away for longer begins anew. At least 192h."`

	WebhookNetworks []netip.Prefix `env:"WEBHOOK_NETWORKS" doc:"Networks (CIDR, comma-separated) to which webhooks may go although they are not public, such as that of a system in the same building. Empty: none."`
	WebhookTimeout  time.Duration  `env:"WEBHOOK_TIMEOUT" envDefault:"15s" doc:"How long the receiver of a webhook may take to answer. At most 30s."`
	WebhooksKept    time.Duration  `env:"WEBHOOKS_KEPT" envDefault:"720h" doc:"How long it is kept what an endpoint was told, for its log and for sending it again."`

	ServiceVerificationDays int `env:"SERVICE_VERIFICATION_DAYS" envDefault:"92" doc:"Days after which an entry of the service map has to be verified again; behind them it is stale."`
	ServiceReminderDays     int `env:"SERVICE_REMINDER_DAYS" envDefault:"14" doc:"Days before a verification of the service map is due on which it is asked for."`

	MaxBody         Size           `env:"MAX_BODY" envDefault:"1MiB" doc:"Largest request body, in bytes or with KiB, MiB, GiB. Operations that take files state their own limit in the API description."`
	ImportFileDays  int            `env:"IMPORT_FILE_DAYS" envDefault:"30" doc:"Days for which the file of a dry run is kept for its real run, and rows that wait for a decision about duplicates. Files hold personal data; that of a real run is deleted when the run ends."`
	BlobURL         Secret         `env:"BLOB_URL" doc:"Where uploaded files are kept: file:///folder, or s3://bucket with the parameters region, endpoint, use_path_style, ssetype (AES256, aws:kms) and kmskeyid; credentials as the AWS SDK finds them. Files are encrypted with ENCRYPTION_KEY_FILE in either. A bucket needs a rule that ends incomplete multipart uploads. Empty: the folder files in the data folder; several servers must share it."`
	MaxAttachment   Size           `env:"MAX_ATTACHMENT" envDefault:"100MiB" doc:"Largest file that can be attached; at most 100MiB."`
	MaxImage        Size           `env:"MAX_IMAGE" envDefault:"25MiB" doc:"Largest image that can be attached. One at a time is held in memory, decoded."`
	MaxImagePixels  int            `env:"MAX_IMAGE_PIXELS" envDefault:"40000000" doc:"Most pixels of an image; each takes 4 bytes and more while it is worked on."`
	MaxUploads      int            `env:"MAX_UPLOADS" envDefault:"16" doc:"Uploads that one process takes at a time, and a quarter of it of one caller; more are answered 503."`
	RateLimit       int            `env:"RATE_LIMIT" envDefault:"600" doc:"Requests per minute and caller; 0 switches the limit off."`
	SignInRateLimit int            `env:"SIGN_IN_RATE_LIMIT" envDefault:"60" doc:"Attempts per minute, operation and address to sign in or get a token, and per caller to prove a password; 0 switches the limit off."`
	TrustedProxies  []netip.Prefix `env:"TRUSTED_PROXIES" doc:"Networks (CIDR, comma-separated) of the reverse proxies whose X-Forwarded-For is believed. Empty: the peer's address is the caller's."`
	CORSOrigins     []string       `env:"CORS_ORIGINS" doc:"Origins (comma-separated) whose pages may call the API from a browser. Empty: none."`
	ShutdownTimeout time.Duration  `env:"SHUTDOWN_TIMEOUT" envDefault:"15s" doc:"Time that running requests and jobs get to finish when the server is told to stop."`

	LogLevel    slog.Level `env:"LOG_LEVEL" envDefault:"INFO" doc:"DEBUG, INFO, WARN or ERROR."`
	LogFormat   string     `env:"LOG_FORMAT" doc:"text or json. Empty: text in development, json in production."`
	DocsEnabled bool       `env:"DOCS_ENABLED" envDefault:"true" doc:"Serve the API description and its documentation page."`
}

// Load reads and checks the settings of this process's environment. The error is an
// [*InvalidError] that names every bad variable, never the value of a secret.
func Load() (Config, error) {
	return load(env.ToMap(os.Environ()))
}

// load is Load for a given environment.
func load(environ map[string]string) (Config, error) {
	var c Config
	bad := problems{}
	err := env.ParseWithOptions(&c, env.Options{Prefix: Prefix, Environment: environ})
	bad.addParse(err)
	c.validate(bad)
	if len(bad) > 0 {
		return Config{}, &InvalidError{Problems: bad.lines()}
	}
	c.complete()
	return c, nil
}

// Production reports whether the server runs in production mode.
func (c Config) Production() bool { return c.Mode == Production }

// complete derives the settings that default to another one.
func (c *Config) complete() {
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	if c.DatabaseOwnerURL == "" {
		c.DatabaseOwnerURL = c.DatabaseURL
	}
	if c.StatisticsDatabaseURL == "" {
		c.StatisticsDatabaseURL = c.DatabaseURL
	}
	if c.LogFormat == "" && c.Production() {
		c.LogFormat = "json"
	} else if c.LogFormat == "" {
		c.LogFormat = "text"
	}
}
