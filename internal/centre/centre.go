// Package centre keeps a migrant centre: its profile, its life cycle and management over time,
// its standard operating procedures and its selection of codes.
package centre

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Centre is one migrant centre, the tenant of all that happens in it.
type Centre struct {
	db.Global
	OrganisationID    *uuid.UUID // who runs it; the data controller
	Code              string     // begins every reference: AGZ-000123
	Name              string
	Country           string // ISO 3166-1 alpha-3
	Pcode             string // OCHA P-code, opaque
	Latitude          *float64
	Longitude         *float64
	TimeZone          string     // IANA name
	Languages         db.Strings // BCP 47; the first is the default
	Typologies        db.Strings // code list centre_typology
	PrimaryTypology   string
	AccessModes       db.Strings
	Services          db.Strings
	Capacity          *int
	SiteAreaM2        *int
	LivingAreaM2      *int
	Toilets           *int
	Showers           *int
	WaterLitresPerDay *int
	Phase             string // code list centre_lifecycle_phase; what today's row of the history says
	ManagementModel   string // code list centre_management_model; likewise
}

var _ = db.Constraint("centres_code_key", func() *fault.Error {
	return fault.New(fault.Conflict, "code_taken", "A centre with this code exists already.").Add("/code", "code_taken", "Choose another code.")
})

// Validate checks what the spec cannot say.
func (c *Centre) Validate() error {
	rules := fault.Rules()
	if _, err := time.LoadLocation(c.TimeZone); err != nil || c.TimeZone == "" || c.TimeZone == "Local" {
		rules.Add("/time_zone", "unknown_time_zone", "Use an IANA name such as Africa/Niamey.")
	}
	if c.PrimaryTypology != "" && !slices.Contains(c.Typologies, c.PrimaryTypology) {
		rules.Add("/primary_typology", "not_a_typology", "The primary typology must be one of the centre's typologies.")
	}
	if (c.Latitude == nil) != (c.Longitude == nil) {
		rules.Add("/latitude", "incomplete", "Latitude and longitude belong together.")
	}
	return rules.Err()
}

var centreSorts = db.Sorts[Centre]{
	"name":       {SQL: "name", Cast: "text", Value: func(c *Centre) any { return c.Name }},
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(c *Centre) any { return c.CreatedAt }},
}

func listCentres(ctx context.Context, l db.Listing, country, phase *string) (db.Paged[Centre], error) {
	return db.Page(ctx, l, centreSorts, func(c *Centre) uuid.UUID { return c.ID }, func(q *gorm.DB) *gorm.DB {
		if country != nil {
			q = q.Where("country = ?", *country)
		}
		if phase != nil {
			q = q.Where("phase = ?", *phase)
		}
		return q
	})
}
