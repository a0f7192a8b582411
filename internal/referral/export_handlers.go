package referral

import (
	"context"
	"net/http"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/export"
)

// exportedReferral is a referral with the needs that the caller may see, in one row.
type exportedReferral struct {
	Referral
	NeedIDs db.UUIDs `gorm:"->"`
}

// TableName implements schema.Tabler.
func (exportedReferral) TableName() string { return "referrals" }

// exportedReferrals is the list of referrals to take away.
type exportedReferrals struct {
	export.List[exportedReferral, api.Referral]
}

// VisitListReferralsResponse implements api.ListReferralsResponseObject.
func (e exportedReferrals) VisitListReferralsResponse(w http.ResponseWriter) error { return e.Write(w) }

const needIDs = "array(select n.need_id from referral_needs n where n.centre_id = referrals.centre_id and n.referral_id = referrals.id order by n.id) as need_ids"

func exportReferrals(ctx context.Context, f filter, sort string) exportedReferrals {
	order := export.Order(referralSorts, sort)
	return exportedReferrals{export.List[exportedReferral, api.Referral]{
		Ctx: ctx, Name: "referrals",
		About: export.Told(map[string]any{"status": f.status, "priority": f.priority, "direction": f.direction, "case_id": f.caseID,
			"organisation_id": f.organisationID, "overdue": f.overdue, "needs_attention": f.needsAttention}),
		Rows: func(q *gorm.DB) *gorm.DB { return order(f.apply(inView(ctx, q)).Select("referrals.*", needIDs)) },
		Show: func(r *exportedReferral) api.Referral {
			for _, id := range r.NeedIDs {
				r.Needs = append(r.Needs, Need{NeedID: id})
			}
			return toReferral(&r.Referral)
		},
		First:  []string{"id", "number", "direction", "status", "priority", "organisation_id", "case_id", "beneficiary_id", "services", "sent_at"},
		People: "select told.beneficiary_id, told.case_id from told where told.beneficiary_id is not null",
	}}
}
