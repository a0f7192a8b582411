package statistics

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations on figures.
type Handlers struct{ Figures *Service }

// ListIndicators returns the code list of indicators and which of them are computed.
func (Handlers) ListIndicators(context.Context, api.ListIndicatorsRequestObject) (api.ListIndicatorsResponseObject, error) {
	list, _ := codelist.Get("indicator")
	out := api.IndicatorList{Version: list.Version, Data: make([]api.Indicator, len(list.Entries))}
	for i, e := range list.Entries {
		out.Data[i] = toIndicator(e)
	}
	return api.ListIndicators200JSONResponse(out), nil
}

// ListCubes returns every cube with the caller's profile.
func (h Handlers) ListCubes(ctx context.Context, _ api.ListCubesRequestObject) (api.ListCubesResponseObject, error) {
	_, p, err := h.Figures.caller(ctx)
	if err != nil {
		return nil, err
	}
	out := api.CubeList{Data: make([]api.Cube, len(Cubes))}
	for i, c := range Cubes {
		out.Data[i] = toCube(c, p)
	}
	return api.ListCubes200JSONResponse(out), nil
}

// GetCube returns one cube with the caller's profile.
func (h Handlers) GetCube(ctx context.Context, req api.GetCubeRequestObject) (api.GetCubeResponseObject, error) {
	c, ok := cubeOf(req.Cube)
	if !ok {
		return nil, fault.Missing()
	}
	_, p, err := h.Figures.caller(ctx)
	return api.GetCube200JSONResponse(toCube(c, p)), err
}

// GetCubeData returns figures for whichever audience the caller is.
func (h Handlers) GetCubeData(ctx context.Context, req api.GetCubeDataRequestObject) (api.GetCubeDataResponseObject, error) {
	c, ok := cubeOf(req.Cube)
	if !ok {
		return nil, fault.Missing()
	}
	e, p, err := h.Figures.caller(ctx)
	if err != nil {
		return nil, err
	}
	if !p.Released {
		return nil, fault.New(fault.Forbidden, "not_released_to_audience", "Nothing is released to this audience.")
	}
	return h.Figures.answer(ctx, e, p, c, req.Params)
}

// caller returns what there is, and the profile of whoever asks.
func (s *Service) caller(ctx context.Context) (*edition, Profile, error) {
	audience, err := s.audience(ctx)
	if err != nil {
		return nil, Profile{}, err
	}
	e, err := s.edition(ctx)
	if err != nil {
		return nil, Profile{}, err
	}
	return e, e.profiles[audience], nil
}

func (s *Service) answer(ctx context.Context, e *edition, p Profile, c *Cube, params api.GetCubeDataParams) (rendered, error) {
	last := MonthOf(s.Now())
	if p.Audience != Internal {
		last = released(s.Now(), p.EmbargoDays)
	}
	q, err := understand(c, params, p.Audience, last)
	if err != nil {
		return rendered{}, err
	}
	if p.Audience == Internal {
		a, err := s.inside(ctx, p, q)
		if err != nil {
			return rendered{}, err
		}
		return a.render(q.csv)
	}
	key := strings.Join([]string{e.stamp, p.Audience, last.String(), q.key()}, "|")
	if r, ok := s.answers.Get(key); ok {
		return r, nil
	}
	a, err := s.outside(ctx, e, p.Audience, q)
	if err != nil {
		return rendered{}, err
	}
	r, err := a.render(q.csv)
	if err == nil && len(r.body) <= maxAnswer {
		s.answers.Add(key, r)
	}
	return r, err
}

// inside answers staff with the present counts of their centres.
func (s *Service) inside(ctx context.Context, p Profile, q query) (answer, error) {
	a := answer{dimensions: q.dimensions, meta: metaOf(q, p)}
	a.meta.Period = &api.CubePeriod{From: q.from.String(), To: q.to.String()}
	for _, id := range q.centres {
		if !slices.Contains(db.Current(ctx).Scope().Centres, id) {
			return a, fault.Missing()
		}
	}
	figures, err := inside(ctx, q)
	for _, f := range figures {
		a.rows = append(a.rows, row{codes: f.Codes, value: f.N})
	}
	return a, err
}

// ListPublications returns when and how tables were published.
func (h Handlers) ListPublications(ctx context.Context, req api.ListPublicationsRequestObject) (api.ListPublicationsResponseObject, error) {
	audience, err := h.Figures.audience(ctx)
	if err != nil {
		return nil, err
	}
	if audience == Internal {
		audience = "" // the history of all
	}
	p := req.Params
	rows, err := h.Figures.publicationsOf(ctx, audience, wire.Value(p.Country), wire.Value(p.Year), wire.Value(p.Limit))
	if err != nil {
		return nil, err
	}
	out := api.PublicationList{Data: make([]api.Publication, len(rows))}
	for i := range rows {
		out.Data[i] = toPublication(&rows[i])
	}
	return api.ListPublications200JSONResponse(out), nil
}

// GetPublication returns what is known of one publication.
func (h Handlers) GetPublication(ctx context.Context, req api.GetPublicationRequestObject) (api.GetPublicationResponseObject, error) {
	audience, err := h.Figures.audience(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := h.Figures.publication(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 || audience != Internal && audience != rows[0].Audience {
		return nil, fault.Missing()
	}
	return api.GetPublication200JSONResponse(toPublication(&rows[0])), nil
}

// PublishStatistics brings one table up to date, on the word of network staff.
func (h Handlers) PublishStatistics(ctx context.Context, req api.PublishStatisticsRequestObject) (api.PublishStatisticsResponseObject, error) {
	if len(auth.From(ctx).NetworkRoles) == 0 {
		return nil, fault.Denied("Tables cover all centres of a country: only network staff publish them.")
	}
	c, ok := cubeOf(req.Body.Cube)
	if !ok {
		return nil, fault.InvalidField("/cube", "unknown_cube", "There is no such cube.")
	}
	b := block{c.Code, c.Version, string(req.Body.Audience), req.Body.Country, req.Body.Year}
	p, outcome, err := h.Figures.publish(ctx, b)
	if err != nil {
		return nil, err
	}
	switch outcome {
	case Held:
		return nil, fault.New(fault.Conflict, "revision_held", "Beside what is published, the new counts would tell of single persons. The table stays until more has changed.").
			With("in_force", p.ID)
	case Published:
		return api.PublishStatistics201JSONResponse{Body: toPublication(p), Headers: api.PublishStatistics201ResponseHeaders{Location: location(p.ID)}}, nil
	}
	return api.PublishStatistics200JSONResponse(toPublication(p)), nil
}

func location(id uuid.UUID) string { return "/v1/statistics/publications/" + id.String() }
