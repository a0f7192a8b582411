package statistics

import (
	"slices"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/wire"
)

func toIndicator(e codelist.Entry) api.Indicator {
	out := api.Indicator{Code: e.Code, Labels: e.Labels, Formula: e.Extra["formula"], Unit: e.Extra["unit"], Hxl: wire.Opt(e.Extra["hxl"])}
	i := slices.IndexFunc(Cubes, func(c *Cube) bool { return c.Indicator == e.Code })
	if i >= 0 {
		out.Computed, out.Cube = true, wire.Ptr(Cubes[i].Code)
	}
	return out
}

func toCube(c *Cube, p Profile) api.Cube {
	out := api.Cube{
		Code: c.Code, Version: c.Version, Title: c.Title, Methodology: c.Methodology, Profile: toProfile(p),
		Measures: []api.CubeMeasure{{Code: c.Measure, Unit: c.Unit, Indicator: c.Indicator}},
	}
	for _, d := range c.Dimensions {
		out.Dimensions = append(out.Dimensions, api.CubeDimension{
			Code: d.Code, Kind: api.CubeDimensionKind(d.Kind), Codelist: wire.Opt(d.Codelist), Members: d.Members(), Released: d.Released,
		})
	}
	for i, note := range c.Changes {
		out.Changes = append(out.Changes, api.CubeChange{Version: i + 1, Note: note})
	}
	return out
}

func toProfile(p Profile) api.DisclosureProfile {
	return api.DisclosureProfile{
		Audience: api.DisclosureProfileAudience(p.Audience), Released: p.Released, MinCell: int(p.MinCell), MinCellRestricted: int(p.MinCellRestricted),
		MinCellMinors: int(p.UnderAgeMinCell), RoundingBase: wire.Opt(int(p.RoundingBase)), MaxDimensions: p.MaxDimensions, EmbargoDays: p.EmbargoDays,
	}
}

func toPublication(p *Publication) api.Publication {
	return api.Publication{
		ID: p.ID, Cube: p.Cube, Version: p.CubeVersion, Audience: api.PublicationAudience(p.Audience), Country: p.Country, Year: p.Year,
		Number: p.Number, Kind: api.PublicationKind(p.Kind), ReleasedTo: p.released().String(), PublishedAt: p.PublishedAt,
	}
}
