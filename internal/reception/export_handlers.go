package reception

import (
	"context"
	"net/http"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/export"
	"github.com/waystation/waystation/internal/headcount"
)

// tallied is a visit with whom it counts, in one row.
type tallied struct {
	Visit
	Tallies db.JSON[[]headcount.Tally] `gorm:"->"`
}

// TableName implements schema.Tabler.
func (tallied) TableName() string { return "visits" }

// exportedVisits is the list of visits to take away.
type exportedVisits struct {
	export.List[tallied, api.Visit]
}

// VisitListVisitsResponse implements api.ListVisitsResponseObject.
func (e exportedVisits) VisitListVisitsResponse(w http.ResponseWriter) error { return e.Write(w) }

func exportVisits(ctx context.Context, p api.ListVisitsParams, f db.Conditions, sort string) exportedVisits {
	order := export.Order(visitSorts, sort)
	return exportedVisits{export.List[tallied, api.Visit]{
		Ctx: ctx, Name: "visits",
		About: export.Told(map[string]any{"status": p.Status, "beneficiary_id": p.BeneficiaryID, "rescue_event_id": p.RescueEventID, "access_mode": p.AccessMode,
			"priority_band": p.PriorityBand, "arrived_from": p.ArrivedFrom, "arrived_to": p.ArrivedTo}),
		Show: func(c *tallied) api.Visit { return toListed(&c.Visit, c.Tallies.V) },
		Rows: func(q *gorm.DB) *gorm.DB {
			return order(f.Apply(q.Select(`visits.*, (select coalesce(jsonb_agg(jsonb_build_object('sex', h.sex, 'age_group', h.age_group, 'persons', h.persons) order by h.sex, h.age_group), '[]')
				from headcounts h where h.centre_id = visits.centre_id and h.visit_id = visits.id) as tallies`)))
		},
		First:  []string{"id", "arrived_on", "arrived_at", "beneficiary_id", "headcount", "headcounts", "access_mode", "arrival_mode", "status", "priority_band", "eligibility"},
		Omit:   []string{"observed_groups", "known_groups", "triage_note", "outcome_note", "note", "exception_reason"},
		People: "select told.beneficiary_id, null::uuid from told where told.beneficiary_id is not null",
	}}
}
