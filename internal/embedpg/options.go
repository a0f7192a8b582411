// Package embedpg runs a private PostgreSQL for `make run`, tests and benchmarks, with the
// binaries that are on the machine. It is no way to run a production database.
//
// The folder of one cluster:
//
//	lock           held (flock) by the process that runs the cluster; contains its pid
//	password       of the superuser, mode 0600
//	data/          what initdb makes
//	postgres.log   of the present run; postgres.log.old of the one before
package embedpg

import (
	"errors"
	"log/slog"
)

// Options says how to run a cluster. The zero value is a temporary cluster on a free port.
type Options struct {
	// DataDir is the cluster's folder if it is persistent, and required then; otherwise the
	// folder in which the temporary one is made (empty: the system's temporary folder).
	DataDir string

	// Port on 127.0.0.1; 0 takes a free one.
	Port int

	// Log receives what an operator should know; nil drops it. PostgreSQL's own log is a
	// file in the cluster's folder.
	Log *slog.Logger

	// Persistent keeps the data between starts. Otherwise Stop removes them, and the cluster
	// runs without the writes that make it survive a power cut (fsync=off and its like).
	Persistent bool

	// Settings are PostgreSQL settings by name; they win over the package's own.
	Settings map[string]string
}

// ErrInUse is wrapped by the error of [Start] when another live process runs the cluster.
var ErrInUse = errors.New("in use")

// TestDatabaseURL is the environment variable that makes [ForTests] use an existing server:
// the URL of a role that may create databases and roles.
const TestDatabaseURL = "WAYSTATION_TEST_DATABASE_URL"

func (o Options) log() *slog.Logger {
	if o.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Log
}
