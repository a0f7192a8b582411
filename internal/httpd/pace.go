package httpd

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// How slow a caller may be: the grace is for a line that stalls, the rate for one that is thin, such
// as a satellite phone's. Who is slower holds a connection that others need, and is cut off.
const (
	paceGrace = 30 * time.Second
	paceRate  = 1 << 10 // bytes a second
)

// pace gives the bytes of a request, and the head of its answer, a time to arrive. An answer that
// streams moves the deadline of its writes on by itself.
func (s *Server) pace(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		line := http.NewResponseController(c.Response().Writer)
		answerBy := func() { _ = line.SetWriteDeadline(time.Now().Add(s.grace)) } // fails only where no socket is
		c.Response().Before(answerBy)
		if r := c.Request(); r.Body != nil && r.Body != http.NoBody {
			answerBy() // "100 Continue" comes before the answer
			b := &pacedBody{ReadCloser: r.Body, line: line, from: time.Now(), grace: s.grace}
			b.expect()
			r.Body = b
		}
		return next(c)
	}
}

// pacedBody moves the deadline on by as much as what arrived has earned.
type pacedBody struct {
	io.ReadCloser
	line  *http.ResponseController
	from  time.Time
	grace time.Duration
	read  int64
}

func (b *pacedBody) expect() {
	_ = b.line.SetReadDeadline(b.from.Add(b.grace + time.Duration(b.read)*time.Second/paceRate))
}

// Read implements io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if errors.Is(err, io.EOF) {
		_ = b.line.SetReadDeadline(time.Time{}) // else the server takes the silence that follows for a caller who left
	} else {
		b.expect()
	}
	return n, err
}
