// Package centre keeps a migrant centre: its profile, its life cycle and management over time,
// its standard operating procedures and its selection of codes.
package centre

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// Centre is one migrant centre, the tenant of all that happens in it.
type Centre struct {
	db.Global
	OrganisationID    *uuid.UUID // who runs it; the controller of its data
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
	Phase             string // code list centre_lifecycle_phase; follows the history, see Advance
	ManagementModel   string // code list centre_management_model; likewise, as OrganisationID
}

var _ = db.Constraint("centres_code_key", func() *fault.Error {
	return fault.New(fault.Conflict, "code_taken", "A centre with this code exists already.").Add("/code", "code_taken", "Choose another code.")
})

// Validate checks what the spec cannot say.
func (c *Centre) Validate() error {
	rules := fault.Rules()
	if _, err := time.LoadLocation(c.TimeZone); err != nil || c.TimeZone == "" || c.TimeZone == "Local" {
		_ = unknownZone(rules)
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

// filter narrows a list of centres; what is nil does not.
type filter struct {
	country, phase, typology *string
	q                        *string // part of the name or the code
}

func (f filter) apply(q *gorm.DB) *gorm.DB {
	if f.country != nil {
		q = q.Where("country = ?", *f.country)
	}
	if f.phase != nil {
		q = q.Where("phase = ?", *f.phase)
	}
	if f.typology != nil {
		q = q.Where("? = any (typologies)", *f.typology)
	}
	if f.q != nil {
		q = q.Where("(strpos(lower(unaccent(name)), lower(unaccent(?))) > 0 or strpos(code, upper(?)) > 0)", *f.q, *f.q)
	}
	return q
}

func listCentres(ctx context.Context, l db.Listing, f filter) (db.Paged[Centre], error) {
	return db.Page(ctx, l, centreSorts, f.apply)
}

// checkTimeZone asks whether the database knows the zone too: it reckons the centre's days.
func (c *Centre) checkTimeZone(ctx context.Context) error {
	err := db.Tx(ctx).Exec("select now() at time zone ?", c.TimeZone).Error
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "22023" {
		return unknownZone(fault.Rules()).Because(err)
	}
	return err
}

func unknownZone(rules *fault.Error) *fault.Error {
	return rules.Add("/time_zone", "unknown_time_zone", "Use an IANA name such as Africa/Niamey.")
}

// found stores a new centre with the first rows of its history, which begin today.
func (c *Centre) found(ctx context.Context) error {
	if err := c.checkTimeZone(ctx); err != nil {
		return err
	}
	if err := db.Insert(ctx, c); err != nil {
		return err
	}
	ctx = tenant.With(ctx, c.ID)
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return err
	}
	today := db.NewDate(db.Now().In(zone))
	if err := db.Insert(ctx, &Phase{Record: db.NewRecord(nil), Phase: c.Phase, StartsOn: today}); err != nil {
		return err
	}
	return db.Insert(ctx, &ManagementModel{Record: db.NewRecord(nil), Model: c.ManagementModel, OrganisationID: c.OrganisationID, StartsOn: today})
}
