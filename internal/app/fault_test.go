package app_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/config"
)

// promptly fails where an answer takes longer than the five seconds that callers are promised.
func promptly(t *testing.T, what string, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("%s took %v", what, took)
	}
}

func TestDatabaseGoneOrSilent_Answers503AndRecovers(t *testing.T) {
	var proxy *apptest.Proxy
	h := apptest.New(t, func(c *config.Config) {
		var through string
		proxy, through = apptest.NewProxy(t, c.DatabaseURL.Reveal())
		c.DatabaseURL = config.Secret(through)
	})
	admin := h.Staff(h.CentreA, "tenant_admin")
	create := func(name string) *apptest.Response {
		return h.Call(admin, "POST", "/v1/organisations", map[string]any{"name": name, "type": "ngo"})
	}
	recovered := func(what string) {
		t.Helper()
		proxy.Flow()
		deadline := time.Now().Add(10 * time.Second)
		for h.Call(admin, "GET", "/v1/organisations", nil).Status != 200 {
			if time.Now().After(deadline) {
				t.Fatalf("%s: no recovery", what)
			}
			time.Sleep(50 * time.Millisecond)
		}
		create("After " + what).Want(201)
	}
	create("Before").Want(201)
	for _, c := range []struct {
		what string
		harm func()
	}{{"gone", proxy.Gone}, {"silent", proxy.Silence}} {
		c.harm()
		promptly(t, c.what+": read", func() {
			r := h.Call(admin, "GET", "/v1/organisations", nil).Want(503)
			if r.Header.Get("Retry-After") == "" {
				t.Errorf("%s: no Retry-After", c.what)
			}
		})
		promptly(t, c.what+": write", func() { create("Lost").Want(503) })
		promptly(t, c.what+": readiness", func() { h.Call(apptest.Person{}, "GET", "/readyz", nil).Want(503) })
		h.Call(apptest.Person{}, "GET", "/healthz", nil).Want(200)
		recovered(c.what)
	}
	proxy.Cut() // a restart: every pooled connection is dead
	h.Call(admin, "GET", "/v1/organisations", nil).Want(200)
}

func TestSlowStatement_Answers503(t *testing.T) {
	h := apptest.New(t, func(c *config.Config) { c.LockTimeout = 300 * time.Millisecond })
	admin := h.Staff(h.CentreA, "tenant_admin")
	tx, err := h.Owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	if _, err := tx.Exec(t.Context(), "lock table organisations"); err != nil {
		t.Fatal(err)
	}
	promptly(t, "locked", func() { h.Call(admin, "GET", "/v1/organisations", nil).WantCode(503, "temporarily_unavailable") })
}

func TestKilledServer_KeepsWhatItAnswered(t *testing.T) {
	h := apptest.New(t)
	admin := h.Staff(h.CentreA, "tenant_admin")
	base, kill := startServer(t, h)
	var mu sync.Mutex
	var answered []string
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("Org %d-%d", worker, i)
				body, _ := json.Marshal(map[string]any{"name": name, "type": "ngo"})
				req, _ := http.NewRequest("POST", base+"/v1/organisations", bytes.NewReader(body))
				req.Header.Set("Authorization", "Bearer "+admin.Token)
				req.Header.Set("Content-Type", "application/json")
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					return
				}
				res.Body.Close()
				if res.StatusCode == 201 {
					mu.Lock()
					answered = append(answered, name)
					mu.Unlock()
				}
			}
		})
	}
	time.Sleep(500 * time.Millisecond)
	kill()
	wg.Wait()
	if len(answered) == 0 {
		t.Fatal("nothing was answered before the kill")
	}
	var kept int
	h.Scan("select count(*) from organisations where name = any($1)", []any{answered}, &kept)
	if kept != len(answered) {
		t.Errorf("answered %d, kept %d", len(answered), kept)
	}
}

// startServer runs the real binary on the house's database, with the house's signing key.
func startServer(t *testing.T, h *apptest.House) (base string, kill func()) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "waystation")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/waystation/waystation/cmd/waystation").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(binary, "serve")
	cmd.Env = append(os.Environ(), "WAYSTATION_ADDR=127.0.0.1:0", "WAYSTATION_DATABASE_URL="+h.App.Config.DatabaseURL.Reveal(),
		"WAYSTATION_DATA_DIR="+h.App.Config.DataDir, "WAYSTATION_PUBLIC_URL="+h.App.Config.PublicURL, "WAYSTATION_RATE_LIMIT=0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	t.Cleanup(kill)
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if _, addr, ok := strings.Cut(lines.Text(), "msg=serving addr="); ok {
			base = "http://" + strings.Fields(addr)[0]
			break
		}
	}
	if base == "" {
		t.Fatal("the server did not say where it serves")
	}
	go func() {
		for lines.Scan() {
		}
	}()
	return base, kill
}

func TestTwoServers_OneDatabase(t *testing.T) {
	h := apptest.New(t)
	other := h.Server()
	admin := h.Staff(h.CentreA, "tenant_admin")
	made := h.Call(admin, "POST", "/v1/organisations", map[string]any{"name": "Shared", "type": "ngo"}, apptest.Key("k")).Want(201)
	h.CallAt(other, admin, "GET", made.Header.Get("Location"), nil).Want(200)
	again := h.CallAt(other, admin, "POST", "/v1/organisations", map[string]any{"name": "Shared", "type": "ngo"}, apptest.Key("k")).Want(201)
	if again.ID() != made.ID() {
		t.Error("the other server created a second one")
	}
	h.CallAt(other, admin, "PATCH", made.Header.Get("Location"), map[string]any{"phone": "1"}, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(admin, "PATCH", made.Header.Get("Location"), map[string]any{"phone": "2"}, apptest.IfMatch(`"1"`)).WantCode(412, "stale_version")
}
