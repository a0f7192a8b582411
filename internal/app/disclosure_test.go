package app_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/internal/app/apptest"
)

// recorded are the operations by which personal data leaves a centre, with the act that the ledger of disclosures has of each.
// Tests of their packages show the lines.
var recorded = map[string]string{
	"sendReferral":            "send",
	"createReferralMessage":   "send",
	"printReferralForm":       "print",
	"requestTransfer":         "send: the preview",
	"approveTransferOverride": "send: the preview",
	"acceptTransfer":          "transfer",
	"getPartnerReferral":      "view",
	"getPartnerReferralFHIR":  "view",
	"listPartnerMessages":     "view",
	"listReferralInbox":       "view: of the sending centre",
	"getReferralInboxItem":    "view: of the sending centre",
	"listBeneficiaries":       "export",
	"listHouseholds":          "export",
	"listVisits":              "export",
	"listCases":               "export",
	"listReferrals":           "export",
}

// unrecorded look like ways out and are none, each for a reason.
var unrecorded = map[string]string{
	"getRegistrationCard":        "printed for the person",
	"printCasePlan":              "printed for the person; that the copy was given is in the plan",
	"downloadAttachment":         "read by the centre's own people; each look is in the trail",
	"downloadCaseAttachment":     "likewise",
	"getAttachmentThumbnail":     "likewise",
	"getCaseAttachmentThumbnail": "likewise",
	"followAttachmentLink":       "a look of whoever of the centre made the link, for as long as they may look",
	"exportImportFaults":         "what was handed in and not taken, back to who handed it in",
	"listServices":               "the service map, which is about nobody",
	"listLocations":              "likewise; of a confidential one its region alone",
	"getCubeData":                "figures, through disclosure control",
	"getCaseloadReport":          "figures",
	"getOutcomesReport":          "figures",
	"getReopenedReport":          "figures",
	"getTimelinessReport":        "figures",
	"listPartnerReferrals":       "envelopes: nothing of the person",
	"submitReferral":             "comes in; nothing is looked up",
	"createPartnerMessage":       "comes in",
	"acknowledgeReferral":        "answers the envelope",
	"acceptReferral":             "answers the envelope",
	"waitlistReferral":           "answers the envelope",
	"declineReferral":            "answers the envelope",
	"startReferral":              "answers the envelope",
	"completeReferral":           "answers the envelope",
	"failReferral":               "answers the envelope",
	"revokePartnerReferral":      "answers the envelope",
	"listDeletionRequests":       "numbers of referrals",
	"confirmReferralDeletion":    "numbers of referrals",
	"listIncomingTransfers":      "the preview, which asking for the transfer told",
	"getIncomingTransfer":        "the preview, which asking for the transfer told",
	"listTransfers":              "what the centre itself asked for",
	"getTransfer":                "what the centre itself asked for",
	"refuseTransfer":             "the preview, which asking for the transfer told",
}

// outside are the scopes of whoever is not of the centre.
var outside = []string{"partner:referrals"}

// harmless scopes of API clients open entries of the service map, endpoints, code lists, the directory and figures.
var harmless = []string{"partner:services", "partner:webhooks", "codelists:read", "stats:read", "me:read", "organisations:read"}

// waysOut are the operations that hand something to somebody outside, or as a file that goes anywhere.
func waysOut(t *testing.T) []string {
	doc, ops := specOperations(t)
	for _, scope := range clientScopes(doc.Components.SecuritySchemes["oauth2"].Value) {
		if !slices.Contains(slices.Concat(outside, harmless), scope) {
			t.Errorf("clients may be granted %s: say whether it opens anything about a person", scope)
		}
	}
	found := map[string]bool{}
	for _, op := range ops {
		for _, either := range *op.Security {
			for _, scope := range either["oauth2"] {
				found[op.OperationID] = found[op.OperationID] || slices.Contains(outside, scope) && !strings.Contains(op.path, "/agreements")
			}
		}
		for code, answer := range op.Responses.Map() {
			for media := range answer.Value.Content {
				if strings.HasPrefix(code, "2") && !strings.HasSuffix(media, "json") && media != "text/event-stream" && media != "text/html" && media != "text/plain" {
					found[op.OperationID] = true
				}
			}
		}
		if strings.Contains(strings.ToLower(op.OperationID), "transfer") && op.Extensions["x-audit-read"] != nil {
			found[op.OperationID] = true
		}
	}
	maps.DeleteFunc(found, func(_ string, out bool) bool { return !out })
	return slices.Sorted(maps.Keys(found))
}

func TestDisclosures_EveryWayOutOfACentreIsDecided(t *testing.T) {
	ways := waysOut(t)
	if len(ways) < 20 {
		t.Fatalf("found only %v", ways)
	}
	for _, way := range ways {
		if (recorded[way] == "") == (unrecorded[way] == "") {
			t.Errorf("%s lets something out: say whether the ledger of disclosures has it, or why not", way)
		}
	}
	_, ops := specOperations(t)
	for _, list := range []map[string]string{recorded, unrecorded} {
		for id := range list {
			if !slices.ContainsFunc(ops, func(op specOperation) bool { return op.OperationID == id }) {
				t.Errorf("%s does not exist", id)
			}
		}
	}
}

// windows are what lets somebody outside a centre reach its rows in the database, each with what the ledger has of it.
var windows = map[string]string{
	"referrals.window_read":          "the envelope; what opens of the person is a line",
	"referral_messages.partner_read": "a look is a line",
	"case_transfers.target":          "the preview, which asking for the transfer told",
	"events.events_read":             "ids and codes",
}

func TestDisclosures_EveryWindowInTheDatabaseIsDecided(t *testing.T) {
	h := apptest.New(t)
	type policy struct{ table, name string }
	for _, p := range collect[policy](t, h, `select tablename, policyname from pg_policies where schemaname = 'public' and permissive = 'PERMISSIVE' and not roles && '{waystation_search,waystation_stats}' and cmd in ('ALL', 'SELECT') and policyname <> 'tenant'
		and exists (select from information_schema.columns c where c.table_schema = 'public' and c.table_name = tablename and c.column_name in ('beneficiary_id', 'case_id', 'referral_id'))
		order by 1, 2`, func(p *policy) []any { return []any{&p.table, &p.name} }) {
		if windows[p.table+"."+p.name] == "" {
			t.Errorf("the policy %s on %s opens rows about people to somebody: say what the ledger of disclosures has of it", p.name, p.table)
		}
	}
}
