package wire

import (
	"net/http"
	"time"
)

// Patient returns a writer for an answer that streams: its receiver may take within for each piece,
// and however long for all of them.
func Patient(w http.ResponseWriter, within time.Duration) http.ResponseWriter {
	return &patient{w, http.NewResponseController(w), within}
}

type patient struct {
	http.ResponseWriter
	line   *http.ResponseController
	within time.Duration
}

// Write implements http.ResponseWriter.
func (p *patient) Write(b []byte) (int, error) {
	if err := p.line.SetWriteDeadline(time.Now().Add(p.within)); err != nil {
		return 0, err
	}
	return p.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }
