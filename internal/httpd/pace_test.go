package httpd

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
)

// paced serves behind pace alone: it reads the body, answers, and waits a while before it ends.
func paced(t *testing.T, grace, work time.Duration) (address string, left chan bool) {
	t.Helper()
	e, left := echo.New(), make(chan bool, 1)
	e.Use((&Server{grace: grace}).pace)
	e.POST("/read", func(c echo.Context) error {
		if _, err := io.ReadAll(c.Request().Body); err != nil {
			return c.NoContent(http.StatusBadRequest)
		}
		select {
		case <-c.Request().Context().Done():
			left <- true
		case <-time.After(work):
			left <- false
		}
		return c.NoContent(http.StatusNoContent)
	})
	e.POST("/refuse", func(c echo.Context) error { return c.NoContent(http.StatusUnauthorized) })
	e.GET("/much", func(c echo.Context) error {
		c.Response().WriteHeader(http.StatusOK)
		for piece := make([]byte, 1<<20); ; {
			if _, err := c.Response().Write(piece); err != nil {
				left <- true
				return nil
			}
		}
	})
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), left
}

// sends opens a connection and writes to it.
func sends(t *testing.T, address, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Whether or not the operation reads it: the server itself reads what a handler left.
func TestPace_ABodyThatNeverComesEndsTheConnection(t *testing.T) {
	address, _ := paced(t, 50*time.Millisecond, 0)
	for _, path := range []string{"/read", "/refuse"} {
		conn := sends(t, address, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.ReadAll(conn); err != nil {
			t.Errorf("%s: still open: %v", path, err)
		}
	}
}

func TestPace_ASlowBodyThatKeepsComingIsRead(t *testing.T) {
	const grace = 200 * time.Millisecond
	address, left := paced(t, grace, 0)
	conn := sends(t, address, fmt.Sprintf("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 4*paceRate))
	for range 4 { // together longer than the grace
		time.Sleep(grace / 2)
		if _, err := conn.Write(make([]byte, paceRate)); err != nil {
			t.Fatal(err)
		}
	}
	if <-left {
		t.Error("cut off")
	}
}

func TestPace_WorkLongerThanTheGraceIsNotTakenForACallerWhoLeft(t *testing.T) {
	address, left := paced(t, 50*time.Millisecond, 200*time.Millisecond)
	r, err := http.Post("http://"+address+"/read", "text/plain", io.LimitReader(neverending{}, 10))
	if err != nil || r.StatusCode != http.StatusNoContent || <-left {
		t.Errorf("%v, %v", r, err)
	}
}

type neverending struct{}

func (neverending) Read(p []byte) (int, error) { return len(p), nil }

func TestPace_AnAnswerThatNobodyTakesIsBrokenOff(t *testing.T) {
	address, left := paced(t, 50*time.Millisecond, 0)
	sends(t, address, "GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Error("still writing")
	}
}
