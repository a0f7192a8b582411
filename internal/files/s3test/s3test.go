// Package s3test is an S3 server inside a test's own process.
package s3test

import (
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Bucket starts a server with one empty bucket and returns the address to open it by.
func Bucket(t testing.TB) string {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("files"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	t.Cleanup(server.Close)
	q := url.Values{"endpoint": {server.URL}, "region": {"eu-west-3"}, "use_path_style": {"true"}, "anonymous": {"true"}}
	return "s3://files?" + q.Encode()
}
