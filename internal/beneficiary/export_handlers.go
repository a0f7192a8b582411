package beneficiary

import (
	"context"
	"net/http"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/export"
)

// exportedPeople is the list of people to take away.
type exportedPeople struct {
	export.List[Beneficiary, api.Beneficiary]
}

// VisitListBeneficiariesResponse implements api.ListBeneficiariesResponseObject.
func (e exportedPeople) VisitListBeneficiariesResponse(w http.ResponseWriter) error {
	return e.Write(w)
}

func exportPeople(ctx context.Context, f Filter, sort string) exportedPeople {
	order := export.Order(sorts, sort)
	return exportedPeople{export.List[Beneficiary, api.Beneficiary]{
		Ctx: ctx, Name: "beneficiaries", About: f.told(), Show: toListed,
		Rows: func(q *gorm.DB) *gorm.DB { return order(f.where(q)) },
		First: []string{"id", "reference", "registration_level", "registered_on", "reception_on", "given_name", "family_name", "other_names", "sex",
			"birth_date", "birth_date_precision", "population_type", "nationalities", "country_of_origin", "languages"},
		Omit:   []string{"gender_identity", "migration_status", "migration_reasons", "merged_into", "void_reason", "score"},
		People: "select told.id, null::uuid from told",
	}}
}

// told is what the trail keeps of a filter: dates, codes, and how many people were asked for by id.
func (f Filter) told() map[string]string {
	return export.Told(map[string]any{
		"status": f.Status, "ids": f.IDs, "registered_from": f.RegisteredFrom, "registered_to": f.RegisteredTo, "reception_from": f.ReceptionFrom,
		"reception_to": f.ReceptionTo, "sex": f.Sex, "nationality": f.Nationality, "country_of_origin": f.CountryOfOrigin,
		"population_type": f.PopulationType, "registration_level": f.RegistrationLevel, "updated_since": f.UpdatedSince,
	})
}

// exportedHouseholds is the list of households to take away.
type exportedHouseholds struct {
	export.List[Household, api.Household]
}

// VisitListHouseholdsResponse implements api.ListHouseholdsResponseObject.
func (e exportedHouseholds) VisitListHouseholdsResponse(w http.ResponseWriter) error {
	return e.Write(w)
}

func exportHouseholds(ctx context.Context, f householdFilter, sort string) exportedHouseholds {
	order := export.Order(householdSorts, sort)
	return exportedHouseholds{export.List[Household, api.Household]{
		Ctx: ctx, Name: "households", About: export.Told(map[string]any{"status": f.status, "beneficiary_id": f.beneficiaryID}), Show: toHousehold,
		Rows:  func(q *gorm.DB) *gorm.DB { return order(f.where(q)) },
		First: []string{"id", "reference", "size", "declared_size", "head_id"}, Omit: []string{"void_reason"},
		People: "select m.beneficiary_id, null::uuid from told join household_members m on m.centre_id = told.centre_id and m.household_id = told.id and m.left_on is null",
	}}
}
