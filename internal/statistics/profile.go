package statistics

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/statistics/disclosure"
)

// The audiences: our own staff, and those outside.
const (
	Internal   = "internal"
	Government = "government"
	Partner    = "partner"
	Public     = "public"
)

// Profile is a row of statistics_profiles: what one audience may see. The defaults are those of handbook 9.6.
type Profile struct {
	Audience           string     `json:"audience" gorm:"primaryKey"`
	OrganisationTypes  db.Strings `json:"-"` // code list organisation_type; whose clients it is for
	Released           bool       `json:"-"`
	MinCell            int64      `json:"min_cell"`
	MinCellRestricted  int64      `json:"min_cell_restricted"`
	UnderAgeMinCell    int64      `json:"under_age_min_cell"`
	Protection         int64      `json:"protection"`
	HideSensitiveZeros bool       `json:"hide_sensitive_zeros"`
	RoundingBase       int64      `json:"rounding_base"`
	RoundingKey        []byte     `json:"rounding_key"`
	MaxDimensions      int        `json:"max_dimensions"`
	EmbargoDays        int        `json:"embargo_days"`
}

// TableName implements schema.Tabler.
func (Profile) TableName() string { return "statistics_profiles" }

func (p Profile) control() disclosure.Profile {
	return disclosure.Profile{
		Audience: p.Audience, MinCell: p.MinCell, MinCellRestricted: p.MinCellRestricted, UnderAgeMinCell: p.UnderAgeMinCell,
		Protection: p.Protection, HideSensitiveZeros: p.HideSensitiveZeros, RoundingBase: p.RoundingBase, RoundingKey: p.RoundingKey,
		MaxDimensions: p.MaxDimensions,
	}
}

// audience decides for whom an answer is: staff are inside; a client's audience is that of its organisation's type.
func (s *Service) audience(ctx context.Context) (string, error) {
	p := auth.From(ctx)
	if p == nil {
		return "", fault.Denied("Figures are for those who sign in.")
	}
	if p.Kind == auth.User {
		return Internal, nil
	}
	kind, err := s.organisationType(ctx, p.OrganisationID)
	if err != nil {
		return "", err
	}
	e, err := s.edition(ctx)
	if err != nil {
		return "", err
	}
	for _, profile := range e.profiles {
		if slices.Contains(profile.OrganisationTypes, kind) {
			return profile.Audience, nil
		}
	}
	return Partner, nil
}

// rememberedType is an organisation's type as it was a moment ago.
type rememberedType struct {
	kind  string
	until time.Time
}

const typesFor = time.Minute

func (s *Service) organisationType(ctx context.Context, id uuid.UUID) (string, error) {
	if known, ok := s.types.Get(id); ok && time.Now().Before(known.until) {
		return known.kind, nil
	}
	type organisation struct{ Type string }
	rows, err := db.Select[organisation](ctx, "select type from organisations where id = $1", id)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	s.types.Add(id, rememberedType{rows[0].Type, time.Now().Add(typesFor)})
	return rows[0].Type, nil
}
