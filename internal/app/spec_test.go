package app_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/codelist"
)

// The habits that every operation of the spec shares, so that whoever has used one can guess the next.

// unkeyed are the POSTs under /v1 that keep no answer: each answer is a new secret.
var unkeyed = []string{"signIn", "createToken", "revokeToken", "createAttachmentLink", "createCaseAttachmentLink", "resolveRegistrationCard", "importServiceMap"}

// wordless have neither a body to send nor one to show.
var wordless = []string{"signOut", "signOutEverywhere", "endSession"}

// unversioned are transitions that answer an ETag and take none, each for a reason.
var unversioned = map[string]string{
	"enterStockCount": "several count at once; each line is its counter's",
	"decideImportRow": "only a row that waits takes a decision, and a repeat answers the same",
	"cancelImport":    "an import's version moves with every piece that is read; cancelling means whatever version there is",
}

// fixed are creations whose resource never changes, so that there is no version to name.
var fixed = map[string]string{
	"createReferralMessage": "what was said stays",
	"createPartnerMessage":  "what was said stays",
	"publishStatistics":     "a publication stays; a correction is another one",
}

// unaddressed are creations that are read in their list alone.
var unaddressed = []string{"createReferralMessage", "createPartnerMessage"}

// specOperation is an operation where it stands.
type specOperation struct {
	*openapi3.Operation
	method, path string
}

func specOperations(t *testing.T) (*openapi3.T, []specOperation) {
	t.Helper()
	doc, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	var ops []specOperation
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			ops = append(ops, specOperation{op, method, path})
		}
	}
	return doc, ops
}

// takes tells whether the operation has a parameter of that name.
func (o specOperation) takes(name string) bool {
	return slices.ContainsFunc(o.Parameters, func(p *openapi3.ParameterRef) bool { return p.Value.Name == name })
}

// answers calls f with every success response.
func (o specOperation) answers(f func(status string, r *openapi3.Response)) {
	for status, r := range o.Responses.Map() {
		if strings.HasPrefix(status, "2") {
			f(status, r.Value)
		}
	}
}

// answersHeader tells whether a success response has that header; with a status, that one.
func (o specOperation) answersHeader(name, only string) (there bool) {
	o.answers(func(status string, r *openapi3.Response) {
		_, has := r.Headers[name]
		there = there || has && (only == "" || only == status)
	})
	return there
}

// shows tells whether a reader finds an example of what is sent or answered.
func (o specOperation) shows() (shown bool) {
	look := func(c openapi3.Content) {
		for _, media := range c {
			shown = shown || media.Example != nil || len(media.Examples) > 0
		}
	}
	if o.RequestBody != nil {
		look(o.RequestBody.Value.Content)
	}
	o.answers(func(_ string, r *openapi3.Response) { look(r.Content) })
	return shown
}

func TestSpecHabits(t *testing.T) {
	_, ops := specOperations(t)
	for _, o := range ops {
		post, created := o.method == http.MethodPost, o.Responses.Value("201") != nil
		begun := o.Responses.Value("202") != nil && o.answersHeader("Location", "202") // a creation that goes on in the background
		_, excused := unversioned[o.OperationID]
		_, stays := fixed[o.OperationID]
		for _, habit := range []struct {
			kept bool
			told string
		}{
			{o.Summary != "", "has a summary"},
			{o.Description != "", "has a description"},
			{len(o.Tags) == 1, "has one tag"},
			{o.Security != nil, "declares its security"},
			{o.Responses.Default() != nil, "answers problems by default"},
			{o.shows() || slices.Contains(wordless, o.OperationID), "shows an example"},
			{!post || !strings.HasPrefix(o.path, "/v1/") || o.takes("Idempotency-Key") || slices.Contains(unkeyed, o.OperationID), "takes an Idempotency-Key"},
			{o.method != http.MethodPatch || o.takes("If-Match"), "takes If-Match, being a change"},
			{!post || created || begun || !o.answersHeader("ETag", "") || o.takes("If-Match") || excused, "takes If-Match, being a transition"},
			{!created || o.answersHeader("Location", "201") || slices.Contains(unaddressed, o.OperationID), "answers where the new resource is"},
			{!created || o.answersHeader("ETag", "201") || stays, "answers the new resource's version"},
			{!o.takes("cursor") || o.takes("limit") || o.OperationID == "streamEvents", "takes a limit beside its cursor"},
		} {
			if !habit.kept {
				t.Errorf("%s (%s %s) breaks the habit: %s", o.OperationID, o.method, o.path, habit.told)
			}
		}
	}
}

// The examples are what front-ends are first built against, so each must be an answer that could be.
func TestSpecExamplesHold(t *testing.T) {
	doc, _ := specOperations(t)
	if err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

func TestSpecScopesAreDeclared(t *testing.T) {
	doc, ops := specOperations(t)
	scheme := doc.Components.SecuritySchemes["oauth2"].Value
	described := scheme.Flows.ClientCredentials.Scopes
	roles := scheme.Extensions["x-roles"].(map[string]any)
	used := map[string]bool{}
	for _, o := range ops {
		for _, alternative := range *o.Security {
			for _, scope := range alternative["oauth2"] {
				used[scope] = true
			}
		}
	}
	for scope := range used {
		if described[scope] == "" {
			t.Errorf("%s has no description", scope)
		}
		if _, there := roles[scope]; !there {
			t.Errorf("x-roles does not say who holds %s", scope)
		}
	}
	for scope := range described {
		if !used[scope] {
			t.Errorf("%s opens nothing", scope)
		}
	}
	for _, scope := range slices.Concat(slices.Collect(maps.Keys(roles)), clientScopes(scheme)) {
		if described[scope] == "" {
			t.Errorf("%s is given out and not declared", scope)
		}
	}
}

func clientScopes(scheme *openapi3.SecurityScheme) (scopes []string) {
	for _, scope := range scheme.Extensions["x-client-scopes"].([]any) {
		scopes = append(scopes, scope.(string))
	}
	return scopes
}

func TestSpecNamesShippedCodelists(t *testing.T) {
	doc, ops := specOperations(t)
	seen := map[*openapi3.Schema]bool{}
	var walk func(where string, s *openapi3.SchemaRef)
	walk = func(where string, s *openapi3.SchemaRef) {
		if s == nil || s.Value == nil || seen[s.Value] {
			return
		}
		seen[s.Value] = true
		if list, named := s.Value.Extensions["x-codelist"]; named {
			if _, shipped := codelist.Get(fmt.Sprint(list)); !shipped {
				t.Errorf("%s takes codes of %v, which is not shipped", where, list)
			}
		}
		walk(where, s.Value.Items)
		walk(where, s.Value.AdditionalProperties.Schema)
		for name, property := range s.Value.Properties {
			walk(where+"/"+name, property)
		}
		for _, part := range slices.Concat(s.Value.AllOf, s.Value.OneOf, s.Value.AnyOf) {
			walk(where, part)
		}
	}
	for name, schema := range doc.Components.Schemas {
		walk(name, schema)
	}
	for _, o := range ops {
		for _, p := range o.Parameters {
			walk(o.OperationID+"?"+p.Value.Name, p.Value.Schema)
		}
	}
	if len(seen) < 500 {
		t.Errorf("only %d schemas were looked at", len(seen))
	}
}
