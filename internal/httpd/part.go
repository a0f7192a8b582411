package httpd

import (
	"bytes"
	"context"
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/fault"
)

// Part prepares a POST below a centre as a part of the request that ctx belongs to: same caller, same
// transaction. It goes the way of a request of its own – the operation of the path, its scopes,
// validation, the centre's codes – but for what the whole request has met already: token, limits, key.
// do runs the operation's handler and returns its answer.
//
// It is for operations marked x-bundle alone: 422 for any other path, 403 where the caller lacks a
// scope, 422 where the body breaks the contract. Pointers are those of the part's own body.
func (s *Server) Part(ctx context.Context, centre uuid.UUID, path string, body []byte) (do func() (http.Header, []byte, error), err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "/v1/centres/"+centre.String()+path, bytes.NewReader(body))
	if err != nil {
		return nil, notBundled()
	}
	req.Header.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	out := &answer{header: http.Header{}}
	c := s.Echo.NewContext(req, out)
	s.Echo.Router().Find(req.Method, req.URL.Path, c)
	op := s.Operations.at(c)
	if op == nil || !op.Bundled {
		return nil, notBundled()
	}
	if !s.allows(auth.From(ctx), centre, op) {
		return nil, missingRight(op)
	}
	codes, err := validate(c, op, body)
	if err != nil {
		return nil, err
	}
	if err := s.gate(ctx, &request{op: op, centre: centre, codes: codes}); err != nil {
		return nil, err
	}
	return func() (http.Header, []byte, error) {
		err := c.Handler()(c)
		return out.header, out.body.Bytes(), err
	}, nil
}

func notBundled() error {
	return fault.New(fault.Invalid, "not_bundled", "Nothing can be created at this path as a part of a bundle.")
}
