package apptest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/waystation/waystation/api"
)

// contract checks answers against the spec.
type contract struct {
	doc    *openapi3.T
	routes []route
}

type route struct {
	pattern *regexp.Regexp
	path    string
	item    *openapi3.PathItem
}

// A stream of JSON documents is text to the spec.
func init() {
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
		raw, err := io.ReadAll(body)
		return string(raw), err
	})
}

var loaded struct {
	sync.Once
	contract *contract
	err      error
}

func specOf(t testing.TB) *contract {
	loaded.Do(func() { loaded.contract, loaded.err = loadContract() })
	if loaded.err != nil {
		t.Fatal(loaded.err)
	}
	return loaded.contract
}

func loadContract() (*contract, error) {
	doc, err := api.GetSpec()
	if err != nil {
		return nil, err
	}
	doc.Servers = nil
	c := &contract{doc: doc}
	placeholder := regexp.MustCompile(`\\\{[^}]+\\\}`)
	for path, item := range doc.Paths.Map() {
		pattern := placeholder.ReplaceAllString(regexp.QuoteMeta(path), "[^/]+")
		c.routes = append(c.routes, route{regexp.MustCompile("^" + pattern + "$"), path, item})
	}
	return c, nil
}

// find returns the route of a path: the one with the fewest placeholders.
func (c *contract) find(path string) *route {
	var best *route
	for i := range c.routes {
		r := &c.routes[i]
		if r.pattern.MatchString(path) && (best == nil || strings.Count(r.path, "{") < strings.Count(best.path, "{")) {
			best = r
		}
	}
	return best
}

func (c *contract) check(t testing.TB, req *http.Request, res *http.Response, raw []byte) {
	t.Helper()
	r := c.find(req.URL.Path)
	if r == nil {
		return
	}
	op := r.item.GetOperation(req.Method)
	if op == nil || res.StatusCode == http.StatusNotModified {
		return
	}
	err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: req, Route: &routers.Route{Spec: c.doc, Path: r.path, PathItem: r.item, Method: req.Method, Operation: op},
		},
		Status: res.StatusCode, Header: res.Header, Body: io.NopCloser(bytes.NewReader(raw)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	})
	if err != nil {
		t.Errorf("%s %s answers %d against the spec: %v", req.Method, req.URL.Path, res.StatusCode, err)
	}
}
