package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/codelist"
)

// The matrix: every operation of the spec × no token, broken token, each role, another
// centre's staff, another centre's ids, partner, government. It is generated from the spec, so an
// operation cannot be missing from it; one that it cannot arrange for fails it.

// publicOperations need no token. A new one has to be named here.
var publicOperations = []string{
	"getIndex", "getHealth", "getReadiness", "getJWKS", "getAuthorizationServerMetadata", "signIn", "createToken", "revokeToken", "followAttachmentLink",
}

type operation struct {
	id, method, path string
	scopes           []string // any of them; the spec declares one set per operation
	public           bool
	body             any
	mediaType        string
	stream           bool
	headers          []string // the parameters it takes in headers
}

func operations(t *testing.T) (ops []operation, roles map[string][]string, clientScopes []string) {
	t.Helper()
	doc, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			o := operation{id: op.OperationID, method: method, path: path, public: op.Security != nil && len(*op.Security) == 0}
			if op.Security == nil {
				t.Errorf("%s declares no security", op.OperationID)
				continue
			}
			for _, alternative := range *op.Security {
				o.scopes = append(o.scopes, alternative["oauth2"]...)
			}
			o.stream, _ = op.Extensions["x-stream"].(bool)
			o.body, o.mediaType = example(op)
			for _, p := range op.Parameters {
				if p.Value.In == openapi3.ParameterInHeader {
					o.headers = append(o.headers, p.Value.Name)
				}
			}
			ops = append(ops, o)
		}
	}
	sort.Slice(ops, func(i, j int) bool { return ops[i].id < ops[j].id })
	scheme := doc.Components.SecuritySchemes["oauth2"].Value
	roles = map[string][]string{}
	for scope, held := range scheme.Extensions["x-roles"].(map[string]any) {
		for _, role := range held.([]any) {
			roles[scope] = append(roles[scope], role.(string))
		}
	}
	granted, _ := scheme.Extensions["x-client-scopes"].([]any)
	for _, s := range granted {
		clientScopes = append(clientScopes, s.(string))
	}
	return ops, roles, clientScopes
}

// example returns the body that the spec shows, so that calls get past validation.
func example(op *openapi3.Operation) (any, string) {
	if op.RequestBody == nil {
		return nil, ""
	}
	for mediaType, content := range op.RequestBody.Value.Content {
		if content.Example != nil {
			return content.Example, mediaType
		}
		for _, e := range content.Examples {
			return e.Value.Value, mediaType
		}
		return map[string]any{}, mediaType
	}
	return nil, ""
}

var placeholder = regexp.MustCompile(`\{[^}]+\}`)

// at fills a path: the centre, and the given id for everything else.
func at(path string, centre, id uuid.UUID) string {
	path = strings.ReplaceAll(path, "{centre_id}", centre.String())
	return placeholder.ReplaceAllStringFunc(path, func(name string) string {
		switch name {
		case "{list}":
			return "sex"
		}
		return id.String()
	})
}

func (o operation) call(h *apptest.House, p apptest.Person, path string) *apptest.Response {
	return o.with(h, p, path, apptest.IfMatch(`"1"`))
}

func (o operation) with(h *apptest.House, p apptest.Person, path string, headers ...apptest.Header) *apptest.Response {
	return o.through(h, h.Call, p, path, headers...)
}

// caller is one of the ways in which a house is called.
type caller func(p apptest.Person, method, path string, body any, headers ...apptest.Header) *apptest.Response

func (o operation) through(h *apptest.House, call caller, p apptest.Person, path string, headers ...apptest.Header) *apptest.Response {
	headers = append(headers, apptest.Header{Name: "Accept", Value: "application/json"})
	if o.mediaType != "" {
		headers = append(headers, apptest.Header{Name: "Content-Type", Value: o.mediaType})
	}
	if o.method == http.MethodPost {
		headers = append(headers, apptest.Key(uuid.NewString()))
	}
	if fields, ok := o.body.(map[string]any); ok && o.mediaType == "multipart/form-data" {
		body, contentType := form(h, fields)
		return call(p, o.method, path, body, append(headers, contentType)...)
	}
	return call(p, o.method, path, o.body, headers...)
}

// form writes the example of a form as its parts, the file last.
func form(h *apptest.House, fields map[string]any) (string, apptest.Header) {
	parts := []apptest.Part{}
	for name, value := range fields {
		if name != "file" {
			parts = append(parts, apptest.Part{Name: name, Content: []byte(fmt.Sprint(value))})
		}
	}
	return h.Form(append(parts, apptest.Part{Name: "file", FileName: "example.pdf", Type: "application/pdf", Content: []byte(fmt.Sprint(fields["file"]))})...)
}

// lacksRight tells that the answer is the refusal of a missing scope.
func lacksRight(r *apptest.Response) bool {
	return r.Status == 403 && r.Value("required_scopes") != nil
}

func staffRoles() []string {
	list, _ := codelist.Get("staff_role")
	roles := make([]string, len(list.Entries))
	for i, e := range list.Entries {
		roles[i] = e.Code
	}
	return roles
}

// centreRoles are those that a centre gives.
func centreRoles() []string {
	return slices.DeleteFunc(staffRoles(), func(role string) bool { return role == "network_officer" || role == "platform_operator" })
}

func TestMatrix(t *testing.T) {
	h := apptest.New(t)
	ops, holders, clientScopes := operations(t)
	partner := h.Client(h.Organisation("Partner", "ngo"), "partner:referrals")
	government := h.Client(h.Organisation("Ministry", "government"), "stats:read")
	staff, network := map[string]apptest.Person{}, []string{"network_officer", "platform_operator"}
	hire := func(role string) apptest.Person {
		if slices.Contains(network, role) {
			return h.Network(role)
		}
		return h.Staff(h.CentreA, role)
	}
	for _, role := range staffRoles() {
		staff[role] = hire(role)
	}
	stranger := h.Staff(h.CentreB, staffRoles()...)
	for _, o := range ops {
		t.Run(o.id, func(t *testing.T) {
			defer h.For(t)()
			path := at(o.path, h.CentreA, uuid.New())
			if o.public {
				if !slices.Contains(publicOperations, o.id) {
					t.Fatalf("%s is public but not on the list of public operations", o.id)
				}
				return
			}
			if len(o.scopes) == 0 {
				t.Fatalf("%s asks for no scope", o.id)
			}
			o.call(h, apptest.Person{}, path).WantCode(401, "unauthenticated")
			o.call(h, apptest.Person{Token: "e30.e30.e30"}, path).WantCode(401, "invalid_token")
			for role, person := range staff {
				may := slices.ContainsFunc(o.scopes, func(s string) bool {
					return slices.Contains(holders[s], role) || slices.Contains(holders[s], "everyone") || slices.Contains(holders[s], "signed_in")
				})
				if o.stream && may {
					continue // answers until it is cut off; has its own test
				}
				r := o.call(h, person, path)
				if lacksRight(r) == may || r.Status == 401 || r.Status >= 500 {
					t.Errorf("%s: %d %s, may = %v", role, r.Status, r.Raw, may)
				}
				if strings.HasPrefix(o.id, "signOut") {
					staff[role] = hire(role)
				}
			}
			for _, c := range []struct {
				name   string
				person apptest.Person
				scope  string
			}{{"partner", partner, "partner:referrals"}, {"government", government, "stats:read"}} {
				may := slices.Contains(o.scopes, c.scope) && !strings.Contains(o.path, "{centre_id}")
				if may && !slices.Contains(clientScopes, c.scope) {
					t.Errorf("%s is not a scope that clients may hold", c.scope)
				}
				if o.stream && may {
					continue
				}
				if r := o.call(h, c.person, path); lacksRight(r) == may || r.Status >= 500 {
					t.Errorf("%s: %d %s, may = %v", c.name, r.Status, r.Raw, may)
				}
			}
			if strings.Contains(o.path, "{centre_id}") {
				there := o.call(h, stranger, path).WantCode(404, "not_found")
				nowhere := o.call(h, stranger, at(o.path, uuid.New(), uuid.New())).WantCode(404, "not_found")
				if anonymous(there) != anonymous(nowhere) {
					t.Errorf("a centre of others answers %s, no centre %s", there.Raw, nowhere.Raw)
				}
			}
		})
	}
}

// anonymous is a body without what differs in every answer.
func anonymous(r *apptest.Response) string {
	var doc map[string]any
	if err := json.Unmarshal(r.Raw, &doc); err != nil {
		return string(r.Raw)
	}
	delete(doc, "instance")
	return fmt.Sprint(doc)
}
