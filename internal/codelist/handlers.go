package codelist

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"

	"github.com/oapi-codegen/nullable"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/fault"
)

// Handlers answer the operations on the shipped code lists.
type Handlers struct{}

// Vary is what every answer with labels depends on beside its path.
const Vary = "Accept-Language"

// ListCodelists tells of every list.
func (Handlers) ListCodelists(ctx context.Context, req api.ListCodelistsRequestObject) (api.ListCodelistsResponseObject, error) {
	lang := LanguageFrom(ctx)
	out := api.CodelistPage{Data: []api.CodelistSummary{}, NextCursor: nullable.NewNullNullable[string]()}
	for _, l := range shipped.lists {
		if req.Params.Topic == nil || *req.Params.Topic == l.Topic {
			out.Data = append(out.Data, api.CodelistSummary{Name: l.Name, Title: l.Title(lang), Topic: l.Topic, Version: l.Version, Codes: len(l.Entries)})
		}
	}
	return api.ListCodelists200JSONResponse{Body: out, Headers: api.ListCodelists200ResponseHeaders{
		ETag: tag(catalogueVersion(), lang), ContentLanguage: lang, Vary: Vary,
	}}, nil
}

// GetCodelist returns one list, whole.
func (Handlers) GetCodelist(ctx context.Context, req api.GetCodelistRequestObject) (api.GetCodelistResponseObject, error) {
	l, ok := Get(req.List)
	if !ok {
		return nil, fault.Missing()
	}
	lang := LanguageFrom(ctx)
	return api.GetCodelist200JSONResponse{Body: toCodelist(l, lang, req.Params.Labels != nil), Headers: api.GetCodelist200ResponseHeaders{
		ETag: tag(l.Version, lang), ContentLanguage: lang, Vary: Vary,
	}}, nil
}

// tag is the entity tag of a list in one language.
func tag(version, lang string) string { return `"` + version + "-" + lang + `"` }

// catalogueVersion changes when any list does.
var catalogueVersion = sync.OnceValue(func() string {
	h := sha256.New()
	for _, l := range shipped.lists {
		h.Write([]byte(l.Name + " " + l.Version + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
})

func toCodelist(l List, lang string, all bool) api.Codelist {
	out := api.Codelist{Name: l.Name, Title: l.Title(lang), Topic: l.Topic, Version: l.Version, Fixed: l.Fixed,
		ParentList: given(l.ParentList), Entries: make([]api.CodelistEntry, len(l.Entries))}
	for i, e := range l.Entries {
		out.Entries[i] = api.CodelistEntry{Code: e.Code, Label: inLanguage(e.Labels, lang), Parent: given(e.Parent), Note: given(e.Note),
			Source: e.Source, Basis: e.Basis, Extra: e.Extra}
		if all {
			out.Entries[i].Labels = ToLabels(e.Labels)
		}
	}
	return out
}

// ToLabels writes labels in every language.
func ToLabels(labels map[string]string) *api.CodeLabels {
	return &api.CodeLabels{En: labels[English], Fr: labels[French], Ar: labels[Arabic], Es: labels[Spanish]}
}

// given writes a text that is left out when empty. The package stands below wire.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
