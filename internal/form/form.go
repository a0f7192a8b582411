// Package form keeps the templates of assessments and intakes: questions as data.
//
// A form is a JSON Schema (2020-12) with the layout hints of react-jsonschema-form beside it, and
// its texts in several languages. The network ships forms with the product; a centre adds its own, or its
// own version of a shipped one. A published form never changes: a newer version supersedes it, and answers
// stay with the version that asked for them. grammar.go says what a form may be made of, answers.go
// checks what people answer, render.go puts a form into one language.
package form

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Template is one version of a form that a centre made.
type Template struct {
	db.Record
	Key          string // what stays the same over versions: biopsychosocial
	Number       int    // the version, from 1 for each key and origin
	Kind         string // code list form_kind
	Title        string // in Language, as all texts of Schema and UISchema
	Description  string
	Language     string // BCP 47
	Status       string // draft | published | superseded | retired
	Schema       Document
	UISchema     Document `gorm:"column:ui_schema"`
	Translations db.JSON[Translations]
	BasedOn      *uuid.UUID // the form that it was copied from
	CreatedBy    *uuid.UUID
	PublishedBy  *uuid.UUID
	PublishedAt  *time.Time
	EndedAt      *time.Time // superseded or retired
}

// TableName implements schema.Tabler.
func (Template) TableName() string { return "forms" }

// Form is a form as a centre finds it: its own or the network's.
type Form struct {
	Template
	Origin  string // network | centre
	InForce bool   // the version of its key that new assessments start from
}

// TableName implements schema.Tabler.
func (Form) TableName() string { return "centre_forms" }

// Origins of a form.
const (
	Network = "network"
	Centre  = "centre"
)

// The statuses of a form.
const (
	draft      = "draft"
	published  = "published"
	superseded = "superseded"
	retired    = "retired"
)

// Translations are the texts of a form in other languages: language → text as it stands in the form →
// translation. A text that changes has to be translated anew.
type Translations map[string]map[string]string

// Languages returns the languages that the form can be shown in, its own first.
func (t *Template) Languages() []string {
	list := make([]string, 0, len(t.Translations.V))
	for language := range t.Translations.V {
		list = append(list, language)
	}
	slices.Sort(list)
	return append([]string{t.Language}, list...)
}

// can tells that a form is in one of the states that a change needs; 409 if not.
func (t *Template) can(what string, states ...string) error {
	if slices.Contains(states, t.Status) {
		return nil
	}
	return fault.State(t.Status, "A form that is %s cannot be %s. Begin a new version.", t.Status, what).With("allowed_states", states)
}

// publish puts a draft into force for good: whole, and with every text in every language.
func (t *Template) publish(by *uuid.UUID, at time.Time) error {
	if err := t.can("published", draft); err != nil {
		return err
	}
	if err := t.complete(); err != nil {
		return err
	}
	t.Status, t.PublishedBy, t.PublishedAt = published, by, &at
	return nil
}

// retire takes a form out of use; what was answered on it stays.
func (t *Template) retire(at time.Time) error {
	if err := t.can("retired", draft, published); err != nil {
		return err
	}
	t.Status, t.EndedAt = retired, &at
	return nil
}

// Startable tells that something new may be answered on the form; 422 if not.
func (f *Form) Startable() error {
	if f.Status != published {
		return fault.InvalidField("/form_id", "form_not_published", "Answers are given on a published form; this one is %s.", f.Status)
	}
	return nil
}
