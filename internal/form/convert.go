package form

import (
	"encoding/json"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// own shows a template of the centre as a form.
func own(t *Template) *Form {
	return &Form{Template: *t, Origin: Centre, InForce: t.Status == published}
}

func toForm(f *Form) api.Form {
	return api.Form{
		ID: f.ID, Version: f.Version, CreatedAt: f.CreatedAt, UpdatedAt: f.UpdatedAt,
		Key: f.Key, Number: f.Number, Kind: f.Kind, Origin: api.FormOrigin(f.Origin), Status: api.FormStatus(f.Status), InForce: f.InForce,
		Title: f.Title, Description: wire.Opt(f.Description), Language: f.Language, Languages: f.Languages(),
		Schema: json.RawMessage(f.Schema), UISchema: json.RawMessage(f.UISchema), Translations: f.Translations.V,
		BasedOn: f.BasedOn, CreatedBy: f.CreatedBy, PublishedBy: f.PublishedBy, PublishedAt: f.PublishedAt, EndedAt: f.EndedAt,
	}
}

// toSummary tells of a form in the reader's language.
func toSummary(f *Form, acceptLanguage string) api.FormSummary {
	lang := f.Speaks(acceptLanguage)
	return api.FormSummary{
		ID: f.ID, Version: f.Version, Key: f.Key, Number: f.Number, Kind: f.Kind, Origin: api.FormSummaryOrigin(f.Origin), Status: api.FormSummaryStatus(f.Status),
		InForce: f.InForce, Title: f.in(lang, f.Title), Description: wire.Opt(f.in(lang, f.Description)), Languages: f.Languages(), PublishedAt: f.PublishedAt,
	}
}

func toRendering(f *Form, lang string) (api.FormRendering, error) {
	schema, ui, err := f.Render(lang)
	return api.FormRendering{
		ID: f.ID, Key: f.Key, Number: f.Number, Kind: f.Kind, Language: lang, Title: f.in(lang, f.Title), Description: wire.Opt(f.in(lang, f.Description)),
		Schema: json.RawMessage(schema), UISchema: json.RawMessage(ui),
	}, err
}

// create writes what the caller says over what was copied.
func (t *Template) create(b api.FormCreate) {
	wire.Set(&t.Key, b.Key)
	wire.Set(&t.Kind, b.Kind)
	t.say(b.Title, b.Language, b.Schema, b.UISchema, b.Translations)
	wire.Set(&t.Description, b.Description)
}

func (t *Template) patch(b api.FormPatch) {
	wire.Set(&t.Kind, b.Kind)
	t.say(b.Title, b.Language, b.Schema, b.UISchema, b.Translations)
	wire.Clear(&t.Description, b.Description)
}

func (t *Template) say(title, language *string, schema, ui *json.RawMessage, translations map[string]map[string]string) {
	wire.Set(&t.Title, title)
	wire.Set(&t.Language, language)
	wire.Set(&t.Schema, (*Document)(schema))
	wire.Set(&t.UISchema, (*Document)(ui))
	if translations != nil {
		t.Translations = db.JSON[Translations]{V: translations}
	}
}
