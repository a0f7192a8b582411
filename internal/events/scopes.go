package events

import (
	"slices"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
)

// readScopes is the one place that says which scope opens the changes of which resource: the one
// that reading the resource itself asks for. A resource that is not here is hidden from everybody.
var readScopes = map[string]string{
	"organisation":            "organisations:read",
	"user":                    "users:read",
	"centre":                  "centres:read",
	"centre_phase":            "centres:read",
	"centre_management_model": "centres:read",
	"centre_code":             "codelists:read",
	"sop":                     "sops:read",
	"form":                    "forms:read",
	"member":                  "members:read",
	"beneficiary":             "beneficiaries:read",
	"duplicate":               "duplicates:read",
	"specific_need":           "needs:read",
	"visit":                   "visits:read",
	"rescue_event":            "rescue_events:read",
	"rescue_event_person":     "rescue_events:read",
	"service_contact":         "service_contacts:read",
	"mhpss_session":           "mhpss:read",
	"agreement":               "agreements:read",
	"service":                 "services:read",
	"service_location":        "services:read",
	"beneficiary_name":        "beneficiaries:read",
	"identity_document":       "beneficiaries:read",
	"contact":                 "beneficiaries:read",
	"journey_leg":             "beneficiaries:read",
	"functional_assessment":   "needs:read",
	"vulnerability_screening": "needs:read",
	"relationship":            "households:read",
	"care_arrangement":        "children:read",
	"separation":              "children:read",
	"task":                    "tasks:read",
	"attachment":              "attachments:read",
	"registration_card":       "cards:read",
	"case_attachment":         "case_files:read",
	"household":               "households:read",
	"household_member":        "households:read",
	"consent":                 "consents:read",
	"import":                  "imports:read",
	"case":                    "cases:read",
	"case_team_member":        "cases:read",
	"case_assessment":         "case_files:read",
	"case_problem":            "case_files:read",
	"case_plan":               "case_files:read",
	"case_goal":               "case_files:read",
	"case_action":             "case_files:read",
	"case_note":               "case_files:read",
	"case_followup":           "case_files:read",
	"case_approval":           "cases:read",
	"case_evaluation":         "case_files:read",
	"best_interest_procedure": "case_files:read",
	"case_wall":               "cases:read",
	"case_conference":         "case_files:read",
	"case_visit":              "case_files:read",
	"case_invitation":         "case_files:read",
	"break_glass_grant":       "break_glass:review",
	"case_transfer":           "transfers:read",
	"incoming_transfer":       "transfers:receive",
	"referral":                "referrals:read",
	"hold":                    "referrals:read",
	"service_capacity":        "services:read",
	"stock_item":              "stock:read",
	"stock_kit":               "stock:read",
	"stock_location":          "stock:read",
	"stock_lot":               "stock:read",
	"stock_document":          "stock:read",
	"stock_movement":          "stock:read",
	"stock_alert":             "stock:read",
	"stock_count":             "stock:read",
	"stock_transfer":          "stock:read",
	"incoming_stock_transfer": "stock:read",
	"stock_period":            "stock:read",
	"stock_recount":           "stock:read",
	"entitlement_rule":        "entitlement_rules:read",
	"distribution":            "distributions:read",
	"distribution_issue":      "distributions:read",
}

// Resources returns which scope opens the changes of each resource.
func Resources() map[string]string { return readScopes }

// readable lists the resources whose changes a caller may see in a centre; the zero centre stands
// for what network roles give everywhere. wanted narrows it.
func readable(may *auth.Permissions, caller *auth.Principal, centre uuid.UUID, wanted []string) []string {
	list := []string{}
	for resource, scope := range readScopes {
		if may.Allows(caller, centre, scope) && (len(wanted) == 0 || slices.Contains(wanted, resource)) {
			list = append(list, resource)
		}
	}
	slices.Sort(list)
	return list
}
