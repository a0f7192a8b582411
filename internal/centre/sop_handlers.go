package centre

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// ListSOPs returns one page of the centre's versions.
func (Handlers) ListSOPs(ctx context.Context, req api.ListSOPsRequestObject) (api.ListSOPsResponseObject, error) {
	p := req.Params
	page, err := listSOPs(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-number"), string(wire.Value(p.Status)))
	if err != nil {
		return nil, err
	}
	out := api.SOPPage{Data: make([]api.SOP, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		if out.Data[i], err = toSOP(&page.Rows[i]); err != nil {
			return nil, err
		}
	}
	return api.ListSOPs200JSONResponse(out), nil
}

// CreateSOP drafts a version from an earlier one, the one in force or the defaults.
func (Handlers) CreateSOP(ctx context.Context, req api.CreateSOPRequestObject) (api.CreateSOPResponseObject, error) {
	policy, err := basis(ctx, req.Body.BasedOn)
	if err != nil {
		return nil, err
	}
	if err := policy.replace(req.Body.Policy); err != nil {
		return nil, err
	}
	s := SOP{Record: db.NewRecord(req.Body.ID), Title: req.Body.Title, Policy: db.JSON[Policy]{V: policy}}
	if err := s.draft(ctx, auth.From(ctx).ID); err != nil {
		return nil, err
	}
	body, err := toSOP(&s)
	return api.CreateSOP201JSONResponse{Body: body, Headers: api.CreateSOP201ResponseHeaders{
		ETag: wire.ETag(s.Version), Location: "/v1/centres/" + req.CentreID.String() + "/sops/" + s.ID.String(),
	}}, err
}

// GetActiveSOP returns what is in force, the defaults included.
func (Handlers) GetActiveSOP(ctx context.Context, _ api.GetActiveSOPRequestObject) (api.GetActiveSOPResponseObject, error) {
	s, err := activeSOP(ctx)
	if err != nil {
		return nil, err
	}
	out, tag, policy := api.PolicyInForce{Source: api.PolicyInForceSourceDefault}, `"0"`, DefaultPolicy()
	if s != nil {
		tag, policy = fmt.Sprintf(`"%d.%d"`, s.Number, s.Version), s.Policy.V
		out = api.PolicyInForce{Source: api.PolicyInForceSourceSop, ID: &s.ID, Number: &s.Number, Title: &s.Title, ActivatedAt: s.ActivatedAt}
	}
	out.Policy, err = toPolicy(policy)
	return api.GetActiveSOP200JSONResponse{Body: out, Headers: api.GetActiveSOP200ResponseHeaders{ETag: tag}}, err
}

// GetSOPTexts returns what the policy in force says to a person, in their language.
func (Handlers) GetSOPTexts(ctx context.Context, req api.GetSOPTextsRequestObject) (api.GetSOPTextsResponseObject, error) {
	s, err := activeSOP(ctx)
	if err != nil {
		return nil, err
	}
	tag, policy, out := `"0"`, DefaultPolicy(), api.SOPTexts{}
	if s != nil {
		tag, policy, out = fmt.Sprintf(`"%d.%d"`, s.Number, s.Version), s.Policy.V, api.SOPTexts{SopID: &s.ID, Number: &s.Number}
	}
	in := func(texts []Text) *api.SOPText { return toText(Said(texts, req.Params.Language)) }
	out.Languages = languagesOf(policy.Consent, policy.Orientation, policy.HouseRules)
	out.ConsentStatement, out.Orientation, out.HouseRules = in(policy.Consent), in(policy.Orientation), in(policy.HouseRules)
	return api.GetSOPTexts200JSONResponse{Body: out, Headers: api.GetSOPTexts200ResponseHeaders{ETag: tag}}, nil
}

func toText(t *Text) *api.SOPText {
	if t == nil {
		return nil
	}
	return &api.SOPText{Version: t.Version, Language: t.Language, Text: t.Text}
}

// GetSOP returns one version.
func (Handlers) GetSOP(ctx context.Context, req api.GetSOPRequestObject) (api.GetSOPResponseObject, error) {
	s, err := db.Get[SOP](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	body, err := toSOP(s)
	return api.GetSOP200JSONResponse{Body: body, Headers: api.GetSOP200ResponseHeaders{ETag: wire.ETag(s.Version)}}, err
}

// UpdateSOP replaces parts of a draft.
func (Handlers) UpdateSOP(ctx context.Context, req api.UpdateSOPRequestObject) (api.UpdateSOPResponseObject, error) {
	s, err := db.Lock[SOP](ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	wire.Set(&s.Title, req.Body.Title)
	if err := s.Policy.V.replace(req.Body.Policy); err != nil {
		return nil, err
	}
	if err := s.edit(auth.From(ctx).ID); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, s); err != nil {
		return nil, err
	}
	body, err := toSOP(s)
	return api.UpdateSOP200JSONResponse{Body: body, Headers: api.UpdateSOP200ResponseHeaders{ETag: wire.ETag(s.Version)}}, err
}

// ActivateSOP puts a draft into force.
func (Handlers) ActivateSOP(ctx context.Context, req api.ActivateSOPRequestObject) (api.ActivateSOPResponseObject, error) {
	s, err := activateSOP(ctx, req.ID, req.Params.IfMatch, auth.From(ctx).ID)
	if err != nil {
		return nil, err
	}
	body, err := toSOP(s)
	return api.ActivateSOP200JSONResponse{Body: body, Headers: api.ActivateSOP200ResponseHeaders{ETag: wire.ETag(s.Version)}}, err
}

// DiffSOP compares a version with another one, or with what is in force.
func (Handlers) DiffSOP(ctx context.Context, req api.DiffSOPRequestObject) (api.DiffSOPResponseObject, error) {
	s, err := db.Get[SOP](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	before, err := compared(ctx, req.Params.Against)
	if err != nil {
		return nil, err
	}
	return api.DiffSOP200JSONResponse(toDiff(s.Policy.V.Diff(before))), nil
}

func compared(ctx context.Context, against *uuid.UUID) (Policy, error) {
	if against != nil {
		return PolicyOf(ctx, against)
	}
	p, _, err := ActivePolicy(ctx)
	return p, err
}
