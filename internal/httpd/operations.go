package httpd

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/labstack/echo/v4"

	"github.com/waystation/waystation/internal/wire"
)

// Operation is what the middlewares know of one operation: everything comes from the spec.
type Operation struct {
	ID      string
	Method  string
	Path    string     // as in the spec, /v1/centres/{centre_id}
	Scopes  [][]string // alternatives, each a set of scopes; empty: public
	Centre  bool       // works inside the centre of its path
	Network bool       // x-network: keeps the network's own directory
	Audit   bool       // x-audit-read: reading it leaves a line in the trail
	Stream  bool       // x-stream: writes its answer while it works; no buffered transaction
	Export  bool       // x-export: also answers with a stream of all rows, where Accept asks for one
	Bundled bool       // x-bundle: may be a part of another request; see Server.Part
	Media   []string   // what it answers beside JSON, by Accept; JSON first
	MaxBody int64      // x-max-body, bytes; 0: the server's limit
	Body    bool       // takes a JSON body that the spec describes
	Form    bool       // takes a form (OAuth); its errors are those of RFC 6749
	Keyed   bool       // takes an Idempotency-Key: a repeat gets the stored answer
	Guarded bool       // x-guarded: takes a secret that somebody may guess; few tries a minute
	Purpose string     // what a call is for that does not say so: the part of the API that it is of
	Ordered bool       // x-ordered: the order of the body's keys says something; handlers get its bytes
	Person  bool       // works on the person of its path; a merged one leads to the survivor. Not where x-merged says so
	Once    []string   // x-shown-once: members of the answer that a repeat of the request does not get again

	// Operators (x-network: operators) is Network only for callers whose network role gives the
	// scope; others keep to their centres.
	Operators bool

	route   *routers.Route
	query   map[string]bool
	headers []string // that the spec describes, in canonical form
	plain   bool     // may come with nothing but ids in its path; see bare
}

// Public tells that the operation asks for no token.
func (o *Operation) Public() bool { return len(o.Scopes) == 0 }

// Operations is the table of all operations.
type Operations map[Route]*Operation

// Route is where echo finds an operation.
type Route struct{ Method, Path string } // "GET", "/v1/centres/:centre_id"

// at returns the operation that echo has found, nil where it is none of the API's.
func (o Operations) at(c echo.Context) *Operation { return o[Route{c.Request().Method, c.Path()}] }

// NewOperations reads the table from the spec. An operation without a declared scope that is
// not marked public (`security: []`) is an error.
func NewOperations(doc *openapi3.T) (Operations, error) {
	doc.Servers = nil // else the validator checks the host
	table := Operations{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			o, err := newOperation(doc, path, item, method, op)
			if err != nil {
				return nil, err
			}
			table[Route{method, echoPath(path)}] = o
		}
	}
	return table, nil
}

// personPath is where everything of one person is.
const personPath = "/v1/centres/{centre_id}/beneficiaries/{id}"

func newOperation(doc *openapi3.T, path string, item *openapi3.PathItem, method string, op *openapi3.Operation) (*Operation, error) {
	if op.Security == nil {
		return nil, fmt.Errorf("httpd: %s declares no security", op.OperationID)
	}
	checked := *op
	checked.Security = &openapi3.SecurityRequirements{} // admit decides who may; the validator need not look again
	o := &Operation{
		ID: op.OperationID, Method: method, Path: path,
		Centre:  strings.Contains(path, "{centre_id}"),
		Network: flag(op, "x-network"), Audit: flag(op, "x-audit-read"), Stream: flag(op, "x-stream"), Guarded: flag(op, "x-guarded"),
		Export: flag(op, "x-export"), Purpose: strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(op.Tags[0])),
		Person: strings.HasPrefix(path, personPath) && !flag(op, "x-merged"), Bundled: flag(op, "x-bundle"), Ordered: flag(op, "x-ordered"),
		Operators: op.Extensions["x-network"] == "operators", Once: names(op, "x-shown-once"),
		route: &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: &checked},
		query: map[string]bool{}, plain: op.RequestBody == nil,
	}
	for _, alternative := range *op.Security {
		o.Scopes = append(o.Scopes, alternative["oauth2"])
	}
	if n, ok := op.Extensions["x-max-body"].(float64); ok {
		o.MaxBody = int64(n)
	}
	for _, list := range []openapi3.Parameters{item.Parameters, op.Parameters} {
		for _, p := range list {
			switch p.Value.In {
			case openapi3.ParameterInQuery:
				o.query[p.Value.Name] = true
			case openapi3.ParameterInHeader:
				o.headers = append(o.headers, http.CanonicalHeaderKey(p.Value.Name))
			}
			o.Keyed = o.Keyed || p.Value.Name == "Idempotency-Key"
			o.plain = o.plain && leavable(p.Value)
		}
	}
	if ok := op.Responses.Value("200"); ok != nil && ok.Value.Content[wire.JSON] != nil {
		o.Media = slices.Sorted(maps.Keys(ok.Value.Content))
		o.Media = append([]string{wire.JSON}, slices.DeleteFunc(o.Media, func(m string) bool { return m == wire.JSON })...)
	}
	if op.RequestBody != nil {
		for mediaType := range op.RequestBody.Value.Content {
			o.Body = o.Body || isJSON(mediaType)
			o.Form = o.Form || mediaType == echo.MIMEApplicationForm
		}
	}
	return o, nil
}

// leavable tells that a parameter needs no validator where it is left out, or is a path's id.
func leavable(p *openapi3.Parameter) bool {
	if p.In == openapi3.ParameterInPath {
		return p.Schema.Value.Format == "uuid"
	}
	return !p.Required && p.Schema.Value.Default == nil
}

func flag(op *openapi3.Operation, name string) bool {
	on, _ := op.Extensions[name].(bool)
	return on
}

func names(op *openapi3.Operation, name string) []string {
	listed, _ := op.Extensions[name].([]any)
	all := make([]string, len(listed))
	for i, v := range listed {
		all[i], _ = v.(string)
	}
	return all
}

func isJSON(mediaType string) bool {
	base, _, _ := strings.Cut(mediaType, ";")
	base = strings.TrimSpace(base)
	return base == "application/json" || strings.HasSuffix(base, "+json")
}

func echoPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}
