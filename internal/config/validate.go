package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// InvalidError lists everything that is wrong with the settings, one line per variable.
type InvalidError struct {
	Problems []string // "WAYSTATION_MODE: must be …", sorted
}

// Error returns all problems, one per line.
func (e *InvalidError) Error() string {
	return "the settings are not valid:\n  " + strings.Join(e.Problems, "\n  ")
}

// problems holds the first complaint about each variable: the later checks of a
// value that could not even be read would only confuse.
type problems map[string]string

func (p problems) add(variable, format string, args ...any) {
	if _, found := p[variable]; !found {
		p[variable] = fmt.Sprintf(format, args...)
	}
}

// addParse takes over what the env library could not convert, by variable instead of by field.
func (p problems) addParse(err error) {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return
	}
	for _, e := range all.Errors {
		var parse env.ParseError
		if errors.As(e, &parse) {
			p.add(variable(parse.Name), "%v", parse.Err)
		} else {
			p.add("environment", "%v", e)
		}
	}
}

func (p problems) lines() []string {
	lines := make([]string, 0, len(p))
	for _, name := range slices.Sorted(maps.Keys(p)) {
		lines = append(lines, name+": "+p[name])
	}
	return lines
}

// variable returns the environment variable of a field of Config.
func variable(field string) string {
	f, _ := reflect.TypeFor[Config]().FieldByName(field)
	return Prefix + f.Tag.Get("env")
}

func (c *Config) validate(p problems) {
	c.validateMode(p)
	c.validateAddresses(p)
	c.validateDatabases(p)
	c.validateLimits(p)
	c.validateFiles(p)
}

func (c *Config) validateMode(p problems) {
	if c.Mode != Development && c.Mode != Production {
		p.add(variable("Mode"), "must be development or production, not %q", c.Mode)
	}
	if c.LogFormat != "" && c.LogFormat != "text" && c.LogFormat != "json" {
		p.add(variable("LogFormat"), "must be text or json, not %q", c.LogFormat)
	}
	if !c.Production() {
		return
	}
	if c.DatabaseURL == "" {
		p.add(variable("DatabaseURL"), "is required in production")
	}
	if c.SigningKeyFile == "" {
		p.add(variable("SigningKeyFile"), "is required in production")
	}
	if c.EncryptionKeyFile == "" {
		p.add(variable("EncryptionKeyFile"), "is required in production")
	}
	if !strings.HasPrefix(c.PublicURL, "https://") {
		p.add(variable("PublicURL"), "must start with https:// in production")
	}
}

func (c *Config) validateAddresses(p problems) {
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		p.add(variable("Addr"), "must be host:port or :port, not %q", c.Addr)
	}
	if !isOrigin(c.PublicURL, true) {
		p.add(variable("PublicURL"), "must be a URL such as https://api.example.org, without query or fragment")
	}
	for _, origin := range c.CORSOrigins {
		if !isOrigin(origin, false) {
			p.add(variable("CORSOrigins"), "must list origins such as https://app.example.org, not %q", origin)
		}
	}
}

// isOrigin reports whether text is an absolute http(s) URL of scheme, host and, where allowed, a path.
func isOrigin(text string, path bool) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" &&
		u.User == nil && u.RawQuery == "" && u.Fragment == "" && (path || u.Path == "")
}

func (c *Config) validateDatabases(p problems) {
	for field, secret := range map[string]Secret{
		"DatabaseURL": c.DatabaseURL, "DatabaseOwnerURL": c.DatabaseOwnerURL, "StatisticsDatabaseURL": c.StatisticsDatabaseURL,
	} {
		// The parser's own message repeats the URL with its password: it must not be shown.
		u, err := url.Parse(secret.Reveal())
		if secret != "" && (err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql")) {
			p.add(variable(field), "must be a URL such as postgres://user:password@host:5432/database")
		}
	}
	if c.DatabaseURL == "" && (c.DatabaseOwnerURL != "" || c.StatisticsDatabaseURL != "") {
		p.add(variable("DatabaseURL"), "is required when another database URL is given")
	}
}

func (c *Config) validateLimits(p problems) {
	for field, d := range map[string]time.Duration{
		"ConnectTimeout": c.ConnectTimeout, "StatementTimeout": c.StatementTimeout, "LockTimeout": c.LockTimeout,
		"IdleTransactionTimeout": c.IdleTransactionTimeout, "ShutdownTimeout": c.ShutdownTimeout,
		"AccessTokenTTL": c.AccessTokenTTL, "RefreshTokenTTL": c.RefreshTokenTTL,
		"RevocationStaleAfter": c.RevocationStaleAfter, "LockoutFor": c.LockoutFor, "TemporaryPasswordTTL": c.TemporaryPasswordTTL,
		"WebhookTimeout": c.WebhookTimeout, "WebhooksKept": c.WebhooksKept,
	} {
		// PostgreSQL counts timeouts in milliseconds and reads 0 as "no limit".
		if d < time.Millisecond {
			p.add(variable(field), "must be at least 1ms")
		}
	}
	if c.RefreshTokenTTL < c.AccessTokenTTL {
		p.add(variable("RefreshTokenTTL"), "must not be shorter than %s (%s)", variable("AccessTokenTTL"), c.AccessTokenTTL)
	}
	if c.ChangesKept < 192*time.Hour {
		p.add(variable("ChangesKept"), "must be at least 192h")
	}
	if c.MaxConnections < 1 {
		p.add(variable("MaxConnections"), "must be at least 1")
	}
	for field, n := range map[string]int{"RateLimit": c.RateLimit, "SignInRateLimit": c.SignInRateLimit} {
		if n < 0 {
			p.add(variable(field), "must be 0 (off) or more")
		}
	}
	if c.LockoutAfter < 1 {
		p.add(variable("LockoutAfter"), "must be at least 1")
	}
	if c.ClientSecretGrace < 0 {
		p.add(variable("ClientSecretGrace"), "must be 0 (none) or more")
	}
	if c.WebhookTimeout > 30*time.Second {
		p.add(variable("WebhookTimeout"), "must be at most 30s")
	}
	if c.ImportFileDays < 1 {
		p.add(variable("ImportFileDays"), "must be at least 1")
	}
	if c.ServiceVerificationDays < 1 {
		p.add(variable("ServiceVerificationDays"), "must be at least 1")
	}
	if c.ServiceReminderDays < 0 || c.ServiceReminderDays >= c.ServiceVerificationDays {
		p.add(variable("ServiceReminderDays"), "must be at least 0 and less than the days of a verification")
	}
	if c.MaxAttachment < 1 || c.MaxAttachment > 100<<20 {
		p.add(variable("MaxAttachment"), "must be at least 1 byte and at most 100MiB")
	}
	if c.MaxImage < 1 || c.MaxImage > c.MaxAttachment {
		p.add(variable("MaxImage"), "must be at least 1 byte and at most %s", variable("MaxAttachment"))
	}
	if c.MaxImagePixels < 1 {
		p.add(variable("MaxImagePixels"), "must be at least 1")
	}
	if c.MaxUploads < 1 {
		p.add(variable("MaxUploads"), "must be at least 1")
	}
	if c.MaxBody < 1 {
		p.add(variable("MaxBody"), "must be at least 1 byte")
	}
}

func (c *Config) validateFiles(p problems) {
	if u, err := url.Parse(c.BlobURL.Reveal()); c.BlobURL != "" && (err != nil || u.Scheme != "file" && u.Scheme != "s3") {
		p.add(variable("BlobURL"), "must be a URL such as file:///var/lib/waystation/files or s3://bucket?region=eu-west-3")
	}
	for field, path := range map[string]string{
		"SigningKeyFile": c.SigningKeyFile, "EncryptionKeyFile": c.EncryptionKeyFile, "VerificationKeys": c.VerificationKeys, "Issuers": c.Issuers,
	} {
		if path == "" {
			continue
		}
		if f, err := os.Open(path); err != nil {
			p.add(variable(field), "%v", err)
		} else {
			_ = f.Close()
		}
	}
	if c.DataDir == "" {
		p.add(variable("DataDir"), "must not be empty")
	}
}
