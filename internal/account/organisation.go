// Package account keeps who works in the network: organisations, users, their roles in centres,
// the clients of other systems, and how each of them signs in.
package account

import (
	"context"

	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Organisation is a UN agency, government body, NGO, company, consulate or health facility.
type Organisation struct {
	db.Global
	Name        string
	Type        string // code list organisation_type
	Country     string // ISO 3166-1 alpha-3
	Email       string
	Phone       string
	Website     string
	Description string
	Active      bool
}

var _ = db.Constraint("organisations_name_key", func() *fault.Error {
	return fault.New(fault.Conflict, "name_taken", "An organisation of this name exists already.").Add("/name", "name_taken", "Choose another name, or use the organisation that exists.")
})

var organisationSorts = db.Sorts[Organisation]{
	"name":       {SQL: "name", Cast: "text", Value: func(o *Organisation) any { return o.Name }},
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(o *Organisation) any { return o.CreatedAt }},
}

func listOrganisations(ctx context.Context, l db.Listing, kind *string, active *bool) (db.Paged[Organisation], error) {
	return db.Page(ctx, l, organisationSorts, func(q *gorm.DB) *gorm.DB {
		if kind != nil {
			q = q.Where("type = ?", *kind)
		}
		if active != nil {
			q = q.Where("active = ?", *active)
		}
		return q
	})
}
