package attachment

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/fault"
)

// form is what an upload says before its file.
type form struct {
	id          *uuid.UUID
	kind        string
	label       string
	sensitivity string
	assessment  *uuid.UUID
	sha256      string // of the file, hexadecimal; empty: not said
}

// The fields of a form are short; see the spec.
const (
	longestField = 2 << 10 // bytes
	longestLabel = 200     // characters
)

// readForm reads up to the file, which is answered unread. The spec's validator does not see a form,
// so that every field is checked here.
func readForm(r *multipart.Reader) (*form, *multipart.Part, error) {
	f, seen := &form{sensitivity: normal}, map[string]bool{}
	rules := fault.Rules()
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, nil, fault.InvalidField("file", "required", "The form has no part named file.")
		}
		if err != nil {
			return nil, nil, unreadable(err)
		}
		name := part.FormName()
		if seen[name] || !slices.Contains([]string{"id", "kind", "label", "sensitivity", "assessment_id", "sha256", "file"}, name) {
			return nil, nil, fault.New(fault.Malformed, "unknown_part", "The form takes id, kind, label, sensitivity, assessment_id, sha256 and, last, file, each once.")
		}
		if seen[name] = true; name == "file" {
			if f.kind == "" {
				rules.Add("kind", "required", "The part kind comes before the part file.")
			}
			return f, part, rules.Err()
		}
		if err := f.take(rules, name, part); err != nil {
			return nil, nil, err
		}
	}
}

func (f *form) take(rules *fault.Error, name string, part io.Reader) error {
	raw, err := io.ReadAll(io.LimitReader(part, longestField+1))
	if err != nil {
		return unreadable(err)
	}
	text := string(raw)
	if len(raw) > longestField || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		rules.Add(name, "invalid_text", "The field is too long, or holds what is no text.")
		return nil
	}
	f.set(rules, name, text)
	return nil
}

var hexadecimal = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (f *form) set(rules *fault.Error, name, text string) {
	switch name {
	case "id":
		f.id = identifier(rules, name, text)
	case "assessment_id":
		f.assessment = identifier(rules, name, text)
	case "kind":
		if f.kind = text; !codelist.Known("attachment_kind", text) {
			rules.Add(name, "unknown_code", "Not a code of the list attachment_kind.")
		}
	case "label":
		if f.label = strings.TrimSpace(text); utf8.RuneCountInString(text) > longestLabel {
			rules.Add(name, "too_long", "The text must have at most 200 characters.")
		}
	case "sensitivity":
		if f.sensitivity = text; !slices.Contains([]string{normal, "sensitive", "restricted"}, text) {
			rules.Add(name, "unknown_value", "The value must be one of normal, sensitive, restricted.")
		}
	case "sha256":
		if f.sha256 = text; !hexadecimal.MatchString(text) {
			rules.Add(name, "wrong_format", "The value must be 64 hexadecimal digits.")
		}
	}
}

func identifier(rules *fault.Error, name, text string) *uuid.UUID {
	id, err := uuid.Parse(text)
	if err != nil || id == uuid.Nil {
		rules.Add(name, "wrong_format", "The value must have the format uuid.")
	}
	return &id
}

// unreadable says what became of a body that could not be read to its end.
func unreadable(err error) error {
	var known *fault.Error
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &large), errors.Is(err, errTooLarge):
		return fault.New(fault.TooLarge, "file_too_large", "The file is larger than is taken here.").Because(err)
	}
	return fault.New(fault.Malformed, "unreadable_body", "The form ended before it was complete, or cannot be read.").Because(err)
}
