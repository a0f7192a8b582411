package beneficiary_test

import (
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/config"
)

// counter stands between the product and its database and counts how often the product waits for
// an answer.
type counter struct {
	trips   atomic.Int64
	network string
	address string
}

func (c *counter) between(t *testing.T, database string) string {
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	c.network, c.address = "tcp", u.Host
	q := u.Query()
	if host := q.Get("host"); filepath.IsAbs(host) {
		c.network, c.address = "unix", filepath.Join(host, ".s.PGSQL."+q.Get("port"))
	}
	q.Del("host")
	q.Del("port")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go c.carry(client)
		}
	}()
	u.Host, u.RawQuery = l.Addr().String(), q.Encode()
	return u.String()
}

func (c *counter) carry(client net.Conn) {
	server, err := net.Dial(c.network, c.address)
	if err != nil {
		_ = client.Close()
		return
	}
	var asked atomic.Bool
	pipe := func(to io.WriteCloser, from io.Reader, seen func()) {
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			if n > 0 {
				seen()
				if _, err := to.Write(buf[:n]); err != nil {
					break
				}
			}
			if err != nil {
				break
			}
		}
		_ = to.Close()
	}
	go pipe(server, client, func() {
		if asked.CompareAndSwap(false, true) {
			c.trips.Add(1)
		}
	})
	pipe(client, server, func() { asked.Store(false) })
}

// fewest returns the least number of round trips that do needs: the first runs also prepare statements.
func (c *counter) fewest(do func()) int64 {
	least := int64(1 << 30)
	for range 8 {
		before := c.trips.Load()
		do()
		least = min(least, c.trips.Load()-before)
	}
	return least
}

func TestHotPaths_AskTheDatabaseOnce(t *testing.T) {
	c := &counter{}
	h := apptest.New(t, func(cfg *config.Config) {
		cfg.DatabaseURL = config.Secret(c.between(t, cfg.DatabaseURL.Reveal()))
		cfg.MaxConnections = 1
	})
	p := h.Staff(h.CentreA, "registrar")
	at := register(h, p, nil).Header.Get("Location")
	for name, w := range map[string]struct {
		most int64
		do   func()
	}{
		"read one": {1, func() { h.Call(p, "GET", at, nil).Want(200) }},
		"page":     {1, func() { h.Call(p, "GET", people(h), nil).Want(200) }},
		"search":   {1, func() { h.Call(p, "GET", people(h)+"?q=Jallow", nil).Want(200) }},
		"register": {3, func() { register(h, p, nil) }}, // the centre's terms, whom the person may be, then person and consent as one transaction
	} {
		if n := c.fewest(w.do); n != w.most {
			t.Errorf("%s: %d round trips, want %d", name, n, w.most)
		}
	}
}
