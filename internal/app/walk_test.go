package app_test

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/waystation/waystation/internal/app"
	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/app/demo"
)

// TestWalks runs every walk of the documentation against a server with the demonstration, twice:
// a walk may be taken again.
func TestWalks(t *testing.T) {
	c := apptest.Config(t)
	c.SignInRateLimit = 0
	a, err := app.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := demo.Seed(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if err := demo.Seed(t.Context(), a); err != nil {
		t.Fatalf("seeding again: %v", err)
	}
	working, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Work(working) }()
	defer func() { stop(); <-ended }()
	server := httptest.NewServer(a.HTTP.Echo)
	defer server.Close()
	walks, err := filepath.Glob("../../docs/walks/*.sh")
	if err != nil || len(walks) == 0 {
		t.Fatalf("no walks: %v", err)
	}
	path := tools(t)
	for _, walk := range walks {
		t.Run(filepath.Base(walk), func(t *testing.T) {
			for range 2 {
				cmd := exec.CommandContext(t.Context(), "bash", walk)
				cmd.Env = append(os.Environ(), "BASE_URL="+server.URL, "PATH="+path)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
		})
	}
}

// tools is a PATH with jq: the machine's, or one built from the modules.
func tools(t *testing.T) string {
	path := os.Getenv("PATH")
	if _, err := exec.LookPath("jq"); err == nil {
		return path
	}
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "jq"), "github.com/itchyny/gojq/cmd/gojq").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir + string(os.PathListSeparator) + path
}
