package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a setting that must not be seen, such as a database URL with its password.
// Every way of printing it (fmt verbs, slog, JSON) shows [redacted] instead, so that a
// logged Config gives nothing away; [Secret.Reveal] is the one way to the text.
type Secret string

const redacted = "[redacted]"

// Reveal returns the secret text itself.
func (s Secret) Reveal() string { return string(s) }

// String hides the text; an empty secret stays visibly empty.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format hides the text from every fmt verb, also those that bypass String (%x, %q, %#v).
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText hides the text from JSON and other encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the text from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
