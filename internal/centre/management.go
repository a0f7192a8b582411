package centre

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// ManagementModel says who runs a centre from a day on. The organisation is the controller of the
// centre's data; it changes with the model (handbook 2.1, 9.4).
type ManagementModel struct {
	db.Record
	Model          string     // code list centre_management_model
	OrganisationID *uuid.UUID // nil only where the centre was founded without one
	StartsOn       db.Date
	Note           string
	Void
}

const managements = "centre_management_models"

// TableName implements schema.Tabler.
func (ManagementModel) TableName() string { return managements }

func (m *ManagementModel) rowID() uuid.UUID { return m.ID }

var _ = db.Constraint("centre_management_models_starts_on_key", func() *fault.Error {
	return fault.New(fault.Conflict, "date_taken", "A change of management is recorded for this date already. Take it back if it is wrong, or choose another date.").
		Add("/starts_on", "date_taken", "Another change is recorded for this date.")
})

var managementSorts = db.Sorts[ManagementModel]{
	"starts_on": {SQL: "starts_on", Cast: "date", Value: func(m *ManagementModel) any { return m.StartsOn }},
}

func listManagementModels(ctx context.Context, l db.Listing, withVoid bool) (db.Paged[ManagementModel], error) {
	return db.Page(ctx, l, managementSorts, func(q *gorm.DB) *gorm.DB {
		if !withVoid {
			q = q.Where("voided_at is null")
		}
		return q
	})
}

// record stores the change and lets the centre follow.
func (m *ManagementModel) record(ctx context.Context) error {
	rules := fault.Rules()
	checkStart(m.StartsOn, rules)
	if err := m.checkOrganisation(ctx, rules); err != nil {
		return err
	}
	if err := rules.Err(); err != nil {
		return err
	}
	return change(ctx, func() error { return db.Insert(ctx, m) })
}

// checkOrganisation wants an organisation that is there and works.
func (m *ManagementModel) checkOrganisation(ctx context.Context, rules *fault.Error) error {
	var active []bool
	err := db.Tx(ctx).Raw("select active from organisations where id = ?", m.OrganisationID).Scan(&active).Error
	if err != nil {
		return err
	}
	switch {
	case len(active) == 0:
		rules.Add("/organisation_id", "unknown_organisation", "There is no such organisation.")
	case !active[0]:
		rules.Add("/organisation_id", "inactive_organisation", "The organisation was retired. Choose one that is active.")
	}
	return nil
}
