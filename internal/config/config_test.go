package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the settings table in README.md")

func TestLoad_DefaultsAreValidForDevelopment(t *testing.T) {
	c, err := load(map[string]string{})
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Mode: Development, Addr: ":8080", PublicURL: "http://localhost:8080", DataDir: ".data",
		MaxConnections: 20, ConnectTimeout: 3 * time.Second, StatementTimeout: 5 * time.Second,
		LockTimeout: 2 * time.Second, IdleTransactionTimeout: 10 * time.Second,
		AccessTokenTTL: 10 * time.Minute, RefreshTokenTTL: 720 * time.Hour,
		RevocationStaleAfter: 10 * time.Second, LockoutAfter: 5, LockoutFor: 15 * time.Minute, TemporaryPasswordTTL: 168 * time.Hour,
		ClientSecretGrace: 24 * time.Hour, MandatoryTrainings: []string{"code_of_conduct"}, SignInRateLimit: 60,
		ChangesKept: 90 * 24 * time.Hour, MaxBody: 1 << 20, MaxAttachment: 100 << 20, MaxImage: 25 << 20, MaxImagePixels: 40_000_000, MaxUploads: 16, ImportFileDays: 30, ServiceVerificationDays: 92, ServiceReminderDays: 14, WebhookTimeout: 15 * time.Second, WebhooksKept: 720 * time.Hour, RateLimit: 600, ShutdownTimeout: 15 * time.Second,
		LogLevel: slog.LevelInfo, LogFormat: "text", DocsEnabled: true,
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestLoad_ReadsTheEnvironmentOfTheProcess(t *testing.T) {
	t.Setenv("WAYSTATION_ADDR", "127.0.0.1:9")
	t.Setenv("WAYSTATION_PUBLIC_URL", "https://api.example.org/")
	t.Setenv("WAYSTATION_LOG_LEVEL", "debug")
	t.Setenv("WAYSTATION_TRUSTED_PROXIES", "10.0.0.0/8,::1/128")
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if c.Addr != "127.0.0.1:9" || c.PublicURL != "https://api.example.org" || c.LogLevel != slog.LevelDebug || len(c.TrustedProxies) != 2 {
		t.Errorf("got %+v", c)
	}
}

func TestLoad_OtherDatabasesDefaultToTheFirst(t *testing.T) {
	c, err := load(map[string]string{"WAYSTATION_DATABASE_URL": "postgres://app@db/x", "WAYSTATION_DATABASE_OWNER_URL": "postgres://owner@db/x"})
	if err != nil {
		t.Fatal(err)
	}
	if c.DatabaseOwnerURL.Reveal() != "postgres://owner@db/x" || c.StatisticsDatabaseURL != c.DatabaseURL {
		t.Errorf("owner %q, statistics %q", c.DatabaseOwnerURL.Reveal(), c.StatisticsDatabaseURL.Reveal())
	}
}

func TestLoad_ProductionAcceptsACompleteConfiguration(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := load(map[string]string{
		"WAYSTATION_MODE": "production", "WAYSTATION_DATABASE_URL": "postgresql://app@db/x",
		"WAYSTATION_SIGNING_KEY_FILE": key, "WAYSTATION_ENCRYPTION_KEY_FILE": key, "WAYSTATION_PUBLIC_URL": "https://api.example.org",
	})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Production() || c.LogFormat != "json" {
		t.Errorf("production %v, log format %q", c.Production(), c.LogFormat)
	}
}

func TestLoad_RefusesBadValues(t *testing.T) {
	cases := map[string]map[string]string{ // variable complained about → environment
		"MODE":                    {"MODE": "prod"},
		"ADDR":                    {"ADDR": "8080"},
		"PUBLIC_URL":              {"PUBLIC_URL": "api.example.org"},
		"CORS_ORIGINS":            {"CORS_ORIGINS": "https://a.example,https://b.example/path"},
		"DATABASE_URL":            {"DATABASE_URL": "mysql://x"},
		"STATISTICS_DATABASE_URL": {"DATABASE_URL": "postgres://x/y", "STATISTICS_DATABASE_URL": "nowhere"},
		"STATEMENT_TIMEOUT":       {"STATEMENT_TIMEOUT": "0"},
		"LOCK_TIMEOUT":            {"LOCK_TIMEOUT": "2"},
		"REFRESH_TOKEN_TTL":       {"REFRESH_TOKEN_TTL": "1m"},
		"MAX_CONNECTIONS":         {"MAX_CONNECTIONS": "0"},
		"RATE_LIMIT":              {"RATE_LIMIT": "-1"},
		"MAX_BODY":                {"MAX_BODY": "1MB"},
		"MAX_ATTACHMENT":          {"MAX_ATTACHMENT": "101MiB"},
		"MAX_IMAGE":               {"MAX_IMAGE": "101MiB"},
		"MAX_IMAGE_PIXELS":        {"MAX_IMAGE_PIXELS": "0"},
		"MAX_UPLOADS":             {"MAX_UPLOADS": "0"},
		"BLOB_URL":                {"BLOB_URL": "https://files.example"},
		"TRUSTED_PROXIES":         {"TRUSTED_PROXIES": "10.0.0.1"},
		"SIGNING_KEY_FILE":        {"SIGNING_KEY_FILE": "/nonexistent/key.pem"},
		"ENCRYPTION_KEY_FILE":     {"ENCRYPTION_KEY_FILE": "/nonexistent/vault.key"},
		"VERIFICATION_KEYS_DIR":   {"VERIFICATION_KEYS_DIR": "/nonexistent"},
		"REVOCATION_STALE_AFTER":  {"REVOCATION_STALE_AFTER": "0"},
		"LOCKOUT_AFTER":           {"LOCKOUT_AFTER": "0"},
		"LOCKOUT_FOR":             {"LOCKOUT_FOR": "-1m"},
		"TEMPORARY_PASSWORD_TTL":  {"TEMPORARY_PASSWORD_TTL": "soon"},
		"CLIENT_SECRET_GRACE":     {"CLIENT_SECRET_GRACE": "-1h"},
		"SIGN_IN_RATE_LIMIT":      {"SIGN_IN_RATE_LIMIT": "-1"},
		"OIDC_ISSUERS":            {"OIDC_ISSUERS": "/nonexistent/issuers.json"},
		"WEBHOOK_TIMEOUT":         {"WEBHOOK_TIMEOUT": "31s"},
		"WEBHOOKS_KEPT":           {"WEBHOOKS_KEPT": "0"},
		"LOG_LEVEL":               {"LOG_LEVEL": "loud"},
		"LOG_FORMAT":              {"LOG_FORMAT": "xml"},
		"DOCS_ENABLED":            {"DOCS_ENABLED": "maybe"},
	}
	for name, vars := range cases {
		environ := map[string]string{}
		for k, v := range vars {
			environ[Prefix+k] = v
		}
		var invalid *InvalidError
		if _, err := load(environ); !errors.As(err, &invalid) {
			t.Errorf("%v: got %v, want an InvalidError", vars, err)
		} else if len(invalid.Problems) != 1 || !strings.HasPrefix(invalid.Problems[0], Prefix+name+": ") {
			t.Errorf("%v: got %q, want one problem with %s", vars, invalid.Problems, Prefix+name)
		}
	}
}

func TestLoad_AnOwnerWithoutADatabaseIsRefused(t *testing.T) {
	_, err := load(map[string]string{"WAYSTATION_DATABASE_OWNER_URL": "postgres://owner@db/x"})
	if err == nil || !strings.Contains(err.Error(), "WAYSTATION_DATABASE_URL: is required") {
		t.Errorf("got %v", err)
	}
}

func TestLoad_ReportsEverythingTogether(t *testing.T) {
	_, err := load(map[string]string{
		"WAYSTATION_MODE": "production", "WAYSTATION_MAX_CONNECTIONS": "many", "WAYSTATION_CONNECT_TIMEOUT": "-3s",
	})
	for _, name := range []string{"DATABASE_URL", "SIGNING_KEY_FILE", "ENCRYPTION_KEY_FILE", "PUBLIC_URL", "MAX_CONNECTIONS", "CONNECT_TIMEOUT"} {
		if err == nil || !strings.Contains(err.Error(), "\n  "+Prefix+name+": ") {
			t.Errorf("no line about %s in: %v", name, err)
		}
	}
}

func TestLoad_ErrorsKeepSecrets(t *testing.T) {
	_, err := load(map[string]string{"WAYSTATION_DATABASE_URL": "postgres://app:hunter2@db:port/x"})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestSecret_IsNeverPrinted(t *testing.T) {
	c := Config{DatabaseURL: "postgres://app:hunter2@db/x"}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", c.DatabaseURL)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "config", c, "url", c.DatabaseURL)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "config", c, "url", c.DatabaseURL)
	if err := json.NewEncoder(&out).Encode(c); err != nil {
		t.Fatal(err)
	}
	hex := fmt.Sprintf("%x", "hunter2")
	if strings.Contains(out.String(), "hunter2") || strings.Contains(out.String(), hex) {
		t.Errorf("the secret shows in:\n%s", out.String())
	}
	if !strings.Contains(out.String(), redacted) {
		t.Errorf("nothing says that something is hidden:\n%s", out.String())
	}
	if c.DatabaseURL.Reveal() != "postgres://app:hunter2@db/x" {
		t.Error("Reveal hides the text")
	}
}

func TestSize_Units(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "1500": 1500, "2KiB": 2048, "1 MiB": 1 << 20, "3GiB": 3 << 30} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "1kb", "MiB", "9999999999GiB"} {
		var got Size
		if got.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

func TestTable_DocumentsEveryField(t *testing.T) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if f.Tag.Get("env") == "" || f.Tag.Get("doc") == "" || strings.Contains(f.Tag.Get("doc"), "|") {
			t.Errorf("%s needs an env and a doc tag without |", f.Name)
		}
	}
}

func TestTable_READMEIsCurrent(t *testing.T) {
	const begin, end, path = "<!-- settings:begin -->\n", "<!-- settings:end -->", "../../README.md"
	readme, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(readme), begin)
	table, after, closed := strings.Cut(rest, end)
	if !found {
		return // the table may live elsewhere
	}
	if !closed {
		t.Fatalf("%s has %q without %q", path, begin, end)
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+Table()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if table != Table() {
		t.Error("the settings in README.md are out of date: go test ./internal/config -run README -update")
	}
}
