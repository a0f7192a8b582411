//go:build !linux && !darwin && !freebsd

package embedpg

import (
	"context"
	"errors"
	"os"
)

var errUnsupported = errors.New("a private PostgreSQL is run on Linux, macOS and FreeBSD only: install PostgreSQL and set WAYSTATION_DATABASE_URL")

// Server is a running private PostgreSQL; there is none on this operating system.
type Server struct{}

// Start fails on this operating system.
func Start(context.Context, Options) (*Server, error) { return nil, errUnsupported }

// URL returns "": there is no server.
func (s *Server) URL(string) string { return "" }

// Dir returns "": there is no server.
func (s *Server) Dir() string { return "" }

// Stop does nothing.
func (s *Server) Stop() error { return nil }

// Done returns a channel that never closes.
func (s *Server) Done() <-chan struct{} { return nil }

// Err returns nil.
func (s *Server) Err() error { return nil }

// ForTests returns the server that WAYSTATION_TEST_DATABASE_URL names, the only kind there is here.
func ForTests() (url string, stop func(), err error) {
	if url := os.Getenv(TestDatabaseURL); url != "" {
		return url, func() {}, nil
	}
	return "", nil, errUnsupported
}
