package centre

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/codelist"
)

// GetCentreCodelist returns a list as the centre uses it.
func (Handlers) GetCentreCodelist(ctx context.Context, req api.GetCentreCodelistRequestObject) (api.GetCentreCodelistResponseObject, error) {
	s, err := readSelection(ctx, req.List)
	if err != nil {
		return nil, err
	}
	lang := codelist.LanguageFrom(ctx)
	return api.GetCentreCodelist200JSONResponse{Body: s.toAPI(lang, req.Params.Labels != nil, req.Params.Active), Headers: api.GetCentreCodelist200ResponseHeaders{
		ETag: s.tag(lang), ContentLanguage: lang, Vary: codelist.Vary,
	}}, nil
}

// UpdateCentreCodelist switches codes on and off and relabels them.
func (h Handlers) UpdateCentreCodelist(ctx context.Context, req api.UpdateCentreCodelistRequestObject) (api.UpdateCentreCodelistResponseObject, error) {
	s, err := updateSelection(ctx, req.List, req.Params.IfMatch, fromWishes(*req.Body))
	if err != nil {
		return nil, err
	}
	h.Codes.forget(req.CentreID)
	lang := codelist.LanguageFrom(ctx)
	return api.UpdateCentreCodelist200JSONResponse{Body: s.toAPI(lang, true, nil), Headers: api.UpdateCentreCodelist200ResponseHeaders{
		ETag: s.tag(lang), ContentLanguage: lang, Vary: codelist.Vary,
	}}, nil
}
