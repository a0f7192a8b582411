package casework

import (
	"context"
	"net/http"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/export"
)

// exportedCases is the list of cases to take away.
type exportedCases struct {
	export.List[Case, api.Case]
}

// VisitListCasesResponse implements api.ListCasesResponseObject.
func (e exportedCases) VisitListCasesResponse(w http.ResponseWriter) error { return e.Write(w) }

func exportCases(ctx context.Context, f Filter, sort string) exportedCases {
	view, by, order := inView(ctx), caller(ctx), export.Order(caseSorts, sort)
	return exportedCases{export.List[Case, api.Case]{
		Ctx: ctx, Name: "cases", Show: toCase,
		About: export.Told(map[string]any{"status": f.Status, "risk_level": f.RiskLevel, "owner_id": f.OwnerID, "beneficiary_id": f.BeneficiaryID,
			"duplicate_of": f.DuplicateOf, "mine": f.Mine, "overdue": f.Overdue, "updated_since": f.UpdatedSince}),
		Rows:   func(q *gorm.DB) *gorm.DB { return order(f.narrow(view(q), by)) },
		First:  []string{"id", "number", "beneficiary_id", "status", "stage", "risk_level", "sensitivity", "source", "owner_id", "opened_at", "closed_at"},
		People: "select told.beneficiary_id, told.id from told",
	}}
}
