package form

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations on forms.
type Handlers struct{}

// ListForms returns one page of the forms that a centre finds: its own and the network's.
func (Handlers) ListForms(ctx context.Context, req api.ListFormsRequestObject) (api.ListFormsResponseObject, error) {
	p := req.Params
	f := filter{kind: p.Kind, key: p.Key, status: (*string)(p.Status), origin: (*string)(p.Origin), inForce: p.InForce}
	page, err := db.Page(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "key"), sorts, f.narrow)
	if err != nil {
		return nil, err
	}
	out := api.FormPage{Data: []api.FormSummary{}, NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data = append(out.Data, toSummary(&page.Rows[i], wire.Value(p.AcceptLanguage)))
	}
	return api.ListForms200JSONResponse(out), nil
}

// CreateForm begins a draft: a new form, or the next version of one.
func (Handlers) CreateForm(ctx context.Context, req api.CreateFormRequestObject) (api.CreateFormResponseObject, error) {
	t := &Template{Record: db.NewRecord(req.Body.ID), Language: "en", Status: draft, UISchema: Document("{}"), Translations: db.JSON[Translations]{V: Translations{}}}
	if err := t.copyFrom(ctx, req.Body.BasedOn); err != nil {
		return nil, err
	}
	t.create(*req.Body)
	if err := t.named(); err != nil {
		return nil, err
	}
	if err := begin(ctx, t); err != nil {
		return nil, err
	}
	return api.CreateForm201JSONResponse{Body: toForm(own(t)), Headers: api.CreateForm201ResponseHeaders{
		ETag: wire.ETag(t.Version), Location: "/v1/centres/" + t.CentreID.String() + "/forms/" + t.ID.String()}}, nil
}

// copyFrom takes over another form, so that a version says only what it changes.
func (t *Template) copyFrom(ctx context.Context, id *uuid.UUID) error {
	if id == nil {
		return nil
	}
	from, err := Find(ctx, *id)
	if fault.Is(err, fault.NotFound) {
		return fault.InvalidField("/based_on", "unknown_form", "There is no such form here.")
	}
	if err != nil {
		return err
	}
	t.Key, t.Kind, t.Title, t.Description, t.Language = from.Key, from.Kind, from.Title, from.Description, from.Language
	t.Schema, t.UISchema, t.Translations, t.BasedOn = from.Schema, from.UISchema, from.Translations, id
	return nil
}

// named asks a form that is copied from none for what it is.
func (t *Template) named() error {
	rules := fault.Rules()
	for field, missing := range map[string]bool{"key": t.Key == "", "kind": t.Kind == "", "title": t.Title == "", "schema": t.Schema == nil} {
		if missing {
			rules.Add("/"+field, "required", "A form that is based on no other says this.")
		}
	}
	return rules.Err()
}

// GetForm returns a form whole, with all its languages.
func (Handlers) GetForm(ctx context.Context, req api.GetFormRequestObject) (api.GetFormResponseObject, error) {
	f, err := Find(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetForm200JSONResponse{Body: toForm(f), Headers: api.GetForm200ResponseHeaders{ETag: wire.ETag(f.Version)}}, nil
}

// UpdateForm applies a merge patch to a draft.
func (Handlers) UpdateForm(ctx context.Context, req api.UpdateFormRequestObject) (api.UpdateFormResponseObject, error) {
	t, err := lock(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := t.can("changed", draft); err != nil {
		return nil, err
	}
	t.patch(*req.Body)
	if err := t.check(); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, t); err != nil {
		return nil, err
	}
	return api.UpdateForm200JSONResponse{Body: toForm(own(t)), Headers: api.UpdateForm200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}

// PublishForm puts a draft into force for good.
func (Handlers) PublishForm(ctx context.Context, req api.PublishFormRequestObject) (api.PublishFormResponseObject, error) {
	t, err := lock(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := enforce(ctx, t); err != nil {
		return nil, err
	}
	return api.PublishForm200JSONResponse{Body: toForm(own(t)), Headers: api.PublishForm200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}

// RetireForm takes a form out of use.
func (Handlers) RetireForm(ctx context.Context, req api.RetireFormRequestObject) (api.RetireFormResponseObject, error) {
	t, err := lock(ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := t.retire(db.Now()); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, t); err != nil {
		return nil, err
	}
	return api.RetireForm200JSONResponse{Body: toForm(own(t)), Headers: api.RetireForm200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}

// RenderForm returns a form in one language, as a stock form library takes it.
func (Handlers) RenderForm(ctx context.Context, req api.RenderFormRequestObject) (api.RenderFormResponseObject, error) {
	f, err := Find(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	lang := f.Speaks(wire.Value(req.Params.AcceptLanguage))
	body, err := toRendering(f, lang)
	if err != nil {
		return nil, err
	}
	return api.RenderForm200JSONResponse{Body: body, Headers: api.RenderForm200ResponseHeaders{
		ETag: fmt.Sprintf("%q", fmt.Sprintf("%d-%s", f.Version, lang)), ContentLanguage: lang, Vary: codelist.Vary,
	}}, nil
}
