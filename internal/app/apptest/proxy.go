package apptest

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Proxy stands between the server and its database and can make it slow, silent or gone.
type Proxy struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	open     map[net.Conn]struct{}
	silent   chan struct{} // closed while traffic flows
	gone     bool
}

// NewProxy listens for the database behind dbURL and returns itself and the URL through it.
func NewProxy(t testing.TB, dbURL string) (*Proxy, string) {
	t.Helper()
	u, err := url.Parse(dbURL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, target: u.Host, open: map[net.Conn]struct{}{}, silent: make(chan struct{})}
	close(p.silent)
	t.Cleanup(func() { l.Close(); p.Cut() })
	go p.accept()
	u.Host = l.Addr().String()
	return p, u.String()
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		gone := p.gone
		p.mu.Unlock()
		if gone {
			c.Close()
			continue
		}
		go p.serve(c)
	}
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	p.open[client], p.open[server] = struct{}{}, struct{}{}
	p.mu.Unlock()
	go p.pipe(server, client)
	p.pipe(client, server)
	client.Close()
	server.Close()
	p.mu.Lock()
	delete(p.open, client)
	delete(p.open, server)
	p.mu.Unlock()
}

func (p *Proxy) pipe(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		flows := p.silent
		p.mu.Unlock()
		<-flows
		if _, werr := to.Write(buffer[:n]); err != nil || werr != nil {
			if err != io.EOF || werr != nil {
				to.Close()
			}
			return
		}
	}
}

// Silence keeps connections open but lets nothing through, until Flow.
func (p *Proxy) Silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = make(chan struct{})
}

// Flow ends a silence or an absence.
func (p *Proxy) Flow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = false
	select {
	case <-p.silent:
	default:
		close(p.silent)
	}
}

// Gone cuts all connections and refuses new ones, until Flow.
func (p *Proxy) Gone() {
	p.mu.Lock()
	p.gone = true
	p.mu.Unlock()
	p.Cut()
}

// Cut breaks all connections, as a restart does.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		c.Close()
	}
}
