package httpd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/fault"
)

func init() {
	openapi3.DefineStringFormatValidator("uuid", openapi3.NewCallbackValidator(func(s string) error { _, err := uuid.Parse(s); return err }))
	openapi3.DefineStringFormatValidator("date", openapi3.NewCallbackValidator(func(s string) error { return storable(time.Parse(time.DateOnly, s)) }))
	openapi3.DefineStringFormatValidator("date-time", openapi3.NewCallbackValidator(func(s string) error { return storable(time.Parse(time.RFC3339, s)) }))
}

// storable refuses the year 0, which PostgreSQL does not know.
func storable(t time.Time, err error) error {
	if err == nil && t.UTC().Year() < 1 {
		return errors.New("before the year 1")
	}
	return err
}

var validation = &openapi3filter.Options{
	MultiError:                        true, // every wrong field at once
	KeepValidatedValue:                true, // handlers get exactly what was validated
	RejectWhenRequestBodyNotSpecified: true,
	AuthenticationFunc:                openapi3filter.NoopAuthenticationFunc, // done before
}

var validationNoBody = func() *openapi3filter.Options {
	o := *validation
	o.ExcludeRequestBody = true
	return &o
}()

// body reads the whole JSON body, at most max bytes, so that it can be validated, hashed and
// read again when a lost race repeats the work.
func body(c echo.Context, o *Operation, max int64) ([]byte, error) {
	if o.MaxBody > 0 {
		max = o.MaxBody
	}
	r := c.Request()
	if r.ContentLength > max {
		return nil, tooLarge(max)
	}
	if r.Body == http.NoBody {
		return nil, nil
	}
	r.Body = http.MaxBytesReader(c.Response(), r.Body, max)
	if !o.Form && (!o.Body || !isJSON(r.Header.Get(echo.HeaderContentType))) {
		return nil, nil
	}
	raw, err := io.ReadAll(r.Body)
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return nil, tooLarge(max)
	}
	if err != nil {
		return nil, fault.New(fault.Malformed, "unreadable_body", "The body ended before it was complete.").Because(err)
	}
	if o.Form {
		return raw, form(r, raw)
	}
	if len(raw) > 0 && !json.Valid(raw) { // one value and nothing behind it
		return nil, fault.New(fault.Malformed, "invalid_json", "The body is not one valid JSON value.")
	}
	return raw, nil
}

// form checks what RFC 6749 section 3.2 asks of a form: its type, and no parameter twice.
func form(r *http.Request, raw []byte) error {
	if mediaType, _, _ := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType)); mediaType != echo.MIMEApplicationForm {
		return fault.New(fault.Malformed, "invalid_form", "The body must be "+echo.MIMEApplicationForm+".")
	}
	values, err := url.ParseQuery(string(raw))
	if err != nil {
		return fault.New(fault.Malformed, "invalid_form", "The body is not a valid form.").Because(err)
	}
	for _, v := range values {
		if len(v) > 1 {
			return fault.New(fault.Malformed, "invalid_form", "A parameter is given more than once.")
		}
	}
	return nil
}

func tooLarge(max int64) error {
	return fault.New(fault.TooLarge, "body_too_large", "The body is larger than %d bytes.", max)
}

// validate checks a request against the spec, and what the spec's validator leaves open:
// unknown query parameters, NUL characters and codes. It returns the codes that the body submits.
func validate(c echo.Context, o *Operation, raw []byte) ([]codelist.Use, error) {
	if bare(c, o) {
		return nil, nil
	}
	r := c.Request()
	if err := parameters(c, o); err != nil {
		return nil, err
	}
	options := validation
	if !o.Body || (raw == nil && !isJSON(r.Header.Get(echo.HeaderContentType)) && r.ContentLength != 0 && declares(o, r)) {
		options = validationNoBody
	}
	if raw != nil {
		r.Body = io.NopCloser(bytes.NewReader(raw))
	}
	judged := r
	if options == validationNoBody { // out of the validator's sight: it would hold all of an upload to pass it on
		judged = r.WithContext(r.Context())
		judged.Body = nil
	}
	path := map[string]string{}
	for _, name := range c.ParamNames() {
		path[name] = c.Param(name)
	}
	err := openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: judged, PathParams: path, Route: o.route, Options: options,
	})
	if err != nil {
		return nil, invalid(err, o)
	}
	w := walker{rules: fault.Rules()}
	if kept, ok := r.Body.(interface{ ValidatedValue() any }); ok {
		for mediaType, content := range o.route.Operation.RequestBody.Value.Content {
			if isJSON(mediaType) {
				w.walk(content.Schema.Value, kept.ValidatedValue(), "")
			}
		}
	}
	return w.codes, w.rules.Err()
}

// bare tells that a request brings nothing to validate but the ids of its path, and that they are ids: most
// reads of one thing, which would spend more on being validated than on being read.
func bare(c echo.Context, o *Operation) bool {
	r := c.Request()
	if !o.plain || r.URL.RawQuery != "" || r.ContentLength != 0 {
		return false
	}
	for _, name := range o.headers {
		if r.Header[name] != nil {
			return false
		}
	}
	for _, id := range c.ParamValues() {
		if uuid.Validate(id) != nil {
			return false
		}
	}
	return true
}

// declares tells that the operation takes this kind of body beside JSON: a file, a form.
func declares(o *Operation, r *http.Request) bool {
	return o.route.Operation.RequestBody.Value.Content.Get(r.Header.Get(echo.HeaderContentType)) != nil
}

func parameters(c echo.Context, o *Operation) error {
	bad := fault.New(fault.Malformed, "invalid_parameter", "A parameter of the request is not understood; see errors.")
	query, err := url.ParseQuery(c.Request().URL.RawQuery) // echo's own copy would miss the spec's defaults
	if err != nil {
		return bad.Because(err)
	}
	for name, values := range query {
		if !o.query[name] {
			bad.Add(name, "unknown_parameter", "This operation has no such parameter.")
		}
		for _, v := range values {
			if strings.ContainsRune(v, 0) {
				bad.Add(name, "invalid_text", "NUL characters cannot be stored.")
			}
		}
	}
	for _, p := range o.route.Operation.Parameters {
		if list := codelistOf(p.Value.Schema); list != "" {
			if v := query.Get(p.Value.Name); v != "" && !codelist.Known(list, v) {
				bad.Add(p.Value.Name, "unknown_code", "Not a code of the list "+list+"; GET /v1/codelists/"+list+" tells them.")
			}
		}
	}
	return bad.Err()
}

func codelistOf(s *openapi3.SchemaRef) string {
	if s == nil || s.Value == nil {
		return ""
	}
	list, _ := s.Value.Extensions["x-codelist"].(string)
	return list
}

// walker gathers what is wrong in a body beyond its schema, and the codes it submits.
type walker struct {
	rules *fault.Error
	codes []codelist.Use
}

// walk follows value and schema together and reports NUL characters and unknown codes.
func (w *walker) walk(s *openapi3.Schema, value any, pointer string) {
	switch v := value.(type) {
	case string:
		w.text(s, v, pointer)
	case []any:
		for i, item := range v {
			w.walk(itemsOf(s), item, pointer+"/"+strconv.Itoa(i))
		}
	case map[string]any:
		for name, member := range v {
			if strings.ContainsRune(name, 0) {
				w.rules.Add(pointer, "invalid_text", "NUL characters cannot be stored.")
				continue
			}
			w.walk(memberOf(s, name), member, pointer+"/"+escape(name))
		}
	}
}

func (w *walker) text(s *openapi3.Schema, v, pointer string) {
	list, _ := s.Extensions["x-codelist"].(string)
	switch {
	case strings.ContainsRune(v, 0):
		w.rules.Add(pointer, "invalid_text", "NUL characters cannot be stored.")
	case list == "":
	case codelist.Known(list, v):
		w.codes = append(w.codes, codelist.Use{Pointer: pointer, List: list, Code: v})
	default:
		w.rules.Add(pointer, "unknown_code", "Not a code of the list "+list+"; GET /v1/codelists/"+list+" tells them.")
	}
}

var anything = &openapi3.Schema{}

func itemsOf(s *openapi3.Schema) *openapi3.Schema {
	if s.Items != nil && s.Items.Value != nil {
		return s.Items.Value
	}
	return anything
}

func memberOf(s *openapi3.Schema, name string) *openapi3.Schema {
	if p, ok := s.Properties[name]; ok && p.Value != nil {
		return p.Value
	}
	for _, all := range [][]*openapi3.SchemaRef{s.AllOf, s.OneOf, s.AnyOf} {
		for _, part := range all {
			if found := memberOf(part.Value, name); found != anything {
				return found
			}
		}
	}
	if s.AdditionalProperties.Schema != nil && s.AdditionalProperties.Schema.Value != nil {
		return s.AdditionalProperties.Schema.Value
	}
	return anything
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

func escape(name string) string { return pointerEscape.Replace(name) }

// mediaTypes are those of the bodies that the operation takes, in alphabetical order.
func (o *Operation) mediaTypes() []string {
	if o.route.Operation.RequestBody == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(o.route.Operation.RequestBody.Value.Content))
}

// invalid turns the validator's errors into one fault. Its own texts print the submitted
// value, so ours are made of pointer and reason alone.
func invalid(err error, o *Operation) error {
	found := &findings{}
	found.add(err)
	switch {
	case found.mediaType:
		return fault.New(fault.Unsupported, "unsupported_media_type", "This operation takes a body of Content-Type %s.", strings.Join(o.mediaTypes(), " or "))
	case found.precondition:
		return fault.New(fault.Precondition, "if_match_required", "This change needs If-Match with the ETag that was read.")
	case found.path:
		return fault.Missing()
	case found.malformed:
		return fault.New(fault.Malformed, "invalid_json", "The body is missing or is not valid JSON.")
	case len(found.parameters) > 0:
		f := fault.New(fault.Malformed, "invalid_parameter", "A parameter of the request is not understood; see errors.")
		f.Fields = found.parameters
		return f
	}
	f := fault.Rules()
	f.Fields = found.fields
	return f
}

type findings struct {
	mediaType, precondition, path, malformed bool
	parameters, fields                       []fault.Field
}

func (f *findings) add(err error) {
	switch e := err.(type) { // not errors.As: it looks through a request error into its parts
	case openapi3.MultiError:
		for _, one := range e {
			f.add(one)
		}
	case *openapi3filter.RequestError:
		f.request(e)
	default:
		f.malformed = true
	}
}

func (f *findings) request(e *openapi3filter.RequestError) {
	switch {
	case e.Parameter != nil && e.Parameter.Name == "If-Match" && errors.Is(e.Err, openapi3filter.ErrInvalidRequired):
		f.precondition = true
	case e.Parameter != nil && e.Parameter.In == openapi3.ParameterInPath:
		f.path = true
	case e.Parameter != nil:
		f.parameters = append(f.parameters, parameterField(e))
	case strings.HasPrefix(e.Reason, "header Content-Type"):
		f.mediaType = true
	case e.Err != nil && f.schema(e.Err, ""):
	default:
		f.malformed = true
	}
}

func parameterField(e *openapi3filter.RequestError) fault.Field {
	field := fault.Field{Pointer: e.Parameter.Name, Code: "invalid_value", Detail: "Not a value this parameter takes."}
	var schema *openapi3.SchemaError
	if errors.As(e.Err, &schema) {
		field.Code, field.Detail = reason(schema)
	}
	if errors.Is(e.Err, openapi3filter.ErrInvalidRequired) {
		field.Code, field.Detail = "required", "This parameter is required."
	}
	return field
}

func (f *findings) schema(err error, at string) bool {
	if many, ok := err.(openapi3.MultiError); ok {
		found := false
		for _, e := range many {
			found = f.schema(e, at) || found
		}
		return found
	}
	var schema *openapi3.SchemaError
	if !errors.As(err, &schema) {
		return false
	}
	pointer := at
	for _, step := range schema.JSONPointer() {
		pointer += "/" + escape(step)
	}
	code, detail := reason(schema)
	if code == "unknown_field" {
		if name := unknownField.FindStringSubmatch(schema.Reason); name != nil {
			pointer += "/" + escape(name[1])
		}
	}
	f.fields = append(f.fields, fault.Field{Pointer: pointer, Code: code, Detail: detail})
	return true
}

// unknownField finds in the validator's text what it does not say otherwise.
var unknownField = regexp.MustCompile(`^property "(.*)" is unsupported$`)

// listed names the values of an enumeration as a sentence takes them.
func listed(values []any) string {
	names := make([]string, 0, len(values))
	for _, v := range values {
		if v != nil {
			names = append(names, fmt.Sprint(v))
		}
	}
	return strings.Join(names, ", ")
}

// reason words one broken schema rule. The code is the JSON Schema keyword in snake case.
func reason(e *openapi3.SchemaError) (code, detail string) {
	s := e.Schema
	number := func(p *float64) string { return strconv.FormatFloat(*p, 'f', -1, 64) }
	switch e.SchemaField {
	case "required":
		return "required", "This field is required."
	case "properties", "additionalProperties":
		return "unknown_field", "There is no such field here."
	case "type":
		return "wrong_type", "The value must be of type " + strings.Join(s.Type.Slice(), " or ") + "."
	case "nullable":
		return "not_null", "The value must not be null."
	case "enum":
		return "unknown_value", "The value must be one of " + listed(s.Enum) + "."
	case "format":
		return "wrong_format", "The value must have the format " + s.Format + "."
	case "pattern":
		return "wrong_format", "The value must match " + s.Pattern + "."
	case "minLength":
		return "too_short", fmt.Sprintf("The text must have at least %d characters.", s.MinLength)
	case "maxLength":
		return "too_long", fmt.Sprintf("The text must have at most %d characters.", *s.MaxLength)
	case "minimum":
		return "too_small", "The value must be at least " + number(s.Min) + "."
	case "maximum":
		return "too_large", "The value must be at most " + number(s.Max) + "."
	case "minItems":
		return "too_few", fmt.Sprintf("The list must have at least %d entries.", s.MinItems)
	case "maxItems":
		return "too_many", fmt.Sprintf("The list must have at most %d entries.", *s.MaxItems)
	case "uniqueItems":
		return "repeated", "The list must not repeat an entry."
	case "minProperties":
		return "empty", "At least one field is needed."
	}
	return "invalid_value", "The value breaks the rule " + e.SchemaField + "."
}
