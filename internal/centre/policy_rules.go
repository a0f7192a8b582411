package centre

import (
	"fmt"
	"slices"
	"strings"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/fault"
)

// What a policy is keyed by, the most pressing first. Cases of code list case_risk_level `none`
// have no clocks.
var (
	riskLevels       = []string{"high", "medium", "low"}
	priorities       = []string{"emergency", "urgent", "normal"}
	approvalActs     = []string{"closure", "plan", "assessment", "consent_override"}
	retentionClasses = []string{"case_closed", "registration_without_case", "consent", "stock_documents"}
)

// RegistrationFields returns the names of the fields that a policy may require of a registration.
// They are the names of the API.
func RegistrationFields() []string {
	return []string{
		"given_name", "family_name", "gender_identity", "birth_date", "nationalities", "country_of_origin",
		"languages", "interview_language", "interpreter_used", "marital_status", "education_level", "migration_status",
		"migration_reasons", "intended_destination", "phone", "document_type", "document_number",
		"documents", "contacts", "journey", "specific_needs", "functional_difficulties", "screening", "household",
		"caregiver", "separation_status", "care_arrangement", // of children
	}
}

// StockApprovals returns the kinds of stock documents that a policy may ask a second person to decide.
func StockApprovals() []string { return []string{"loss", "disposal", "adjustment"} }

// Validate checks what the spec cannot say of a policy: that it is whole, names what exists, and
// that its parts agree. It answers a 422 with a pointer for each broken rule.
func (p Policy) Validate() error {
	rules := fault.Rules()
	p.Registration.check(rules)
	rising(rules, step{"/policy/people/screening_medium_from", float64(p.People.ScreeningMediumFrom)}, step{"/policy/people/screening_high_from", float64(p.People.ScreeningHighFrom)})
	if keyed(rules, "/policy/risk", p.Risk, riskLevels) {
		checkTimers(rules, p.Risk)
	}
	p.Caseload.check(rules)
	rising(rules, step{"/policy/alerts/supervisor_after_hours", float64(p.Alerts.SupervisorAfterHours)}, step{"/policy/alerts/manager_after_hours", float64(p.Alerts.ManagerAfterHours)})
	if keyed(rules, "/policy/approvals", p.Approvals, approvalActs) {
		checkApprovals(rules, p.Approvals)
	}
	p.Referral.check(rules)
	p.Reception.check(rules)
	checkTexts(rules, "/policy/consent_statements", p.Consent)
	checkTexts(rules, "/policy/orientation", p.Orientation)
	checkTexts(rules, "/policy/house_rules", p.HouseRules)
	checkChecklist(rules, p.Closure)
	keyed(rules, "/policy/retention_months", p.Retention, retentionClasses)
	return rules.Err()
}

// keyed wants exactly the given keys.
func keyed[V any](rules *fault.Error, pointer string, m map[string]V, keys []string) bool {
	whole := true
	for _, k := range keys {
		if _, ok := m[k]; !ok {
			rules.Add(pointer+"/"+k, "required", "This field is required.")
			whole = false
		}
	}
	for k := range m {
		if !slices.Contains(keys, k) {
			rules.Add(pointer+"/"+k, "unknown_field", "There is no such field here.")
			whole = false
		}
	}
	return whole
}

func (r RegistrationPolicy) check(rules *fault.Error) {
	allowed := RegistrationFields()
	for list, names := range map[string][]string{"basic_requires": r.BasicRequires, "full_requires": r.FullRequires} {
		for i, name := range names {
			if !slices.Contains(allowed, name) {
				rules.Add(fmt.Sprintf("/policy/registration/%s/%d", list, i), "unknown_field_name",
					"Not a field that can be required. Use one of: "+strings.Join(allowed, ", ")+".")
			}
		}
	}
	if d := r.Duplicates; d != nil && d.Possible >= d.Likely {
		rules.Add("/policy/registration/duplicates/likely", "out_of_order", "Must be more than /policy/registration/duplicates/possible.")
	}
}

// step is one value in a row of values that must not fall. Zero stands for "no clock" and is left out.
type step struct {
	pointer string
	value   float64
}

// rising reports each value below the one before it.
func rising(rules *fault.Error, steps ...step) {
	var last step
	for _, s := range steps {
		if s.value == 0 {
			continue
		}
		if s.value < last.value {
			rules.Add(s.pointer, "out_of_order", "Must not be less than "+last.pointer+".")
		}
		last = s
	}
}

// timer is one of the clocks of a risk level, in hours.
type timer struct {
	name  string
	hours func(RiskTimers) int
}

// timers run in this order in a case; the follow-up clock runs beside them.
var timers = []timer{
	{"assign_hours", func(t RiskTimers) int { return t.AssignHours }},
	{"first_response_hours", func(t RiskTimers) int { return t.FirstResponseHours }},
	{"assessment_hours", func(t RiskTimers) int { return t.AssessmentHours }},
	{"plan_days", func(t RiskTimers) int { return 24 * t.PlanDays }},
	{"follow_up_days", func(t RiskTimers) int { return 24 * t.FollowUpDays }},
}

func (t timer) at(risk map[string]RiskTimers, level string) step {
	return step{"/policy/risk/" + level + "/" + t.name, float64(t.hours(risk[level]))}
}

// checkTimers wants the steps of a case in their order, and a higher risk never later than a lower.
func checkTimers(rules *fault.Error, risk map[string]RiskTimers) {
	for _, level := range riskLevels {
		var steps []step
		for _, t := range timers[:4] {
			steps = append(steps, t.at(risk, level))
		}
		rising(rules, steps...)
	}
	for _, t := range timers {
		var steps []step
		for _, level := range riskLevels {
			steps = append(steps, t.at(risk, level))
		}
		rising(rules, steps...)
	}
}

func (c CaseloadPolicy) check(rules *fault.Error) {
	if !keyed(rules, "/policy/caseload/weights", c.Weights, riskLevels) {
		return
	}
	var steps []step
	for _, level := range slices.Backward(riskLevels) {
		steps = append(steps, step{"/policy/caseload/weights/" + level, c.Weights[level]})
	}
	rising(rules, steps...)
}

// checkApprovals wants somebody who may approve, wherever an approval is required. Overriding a
// refused consent always takes a second person (handbook 9.2).
func checkApprovals(rules *fault.Error, approvals map[string]Approval) {
	for _, act := range approvalActs {
		a, at := approvals[act], "/policy/approvals/"+act
		if act == "consent_override" && !a.Required {
			rules.Add(at+"/required", "second_person_needed", "An override of consent always needs a second person.")
		}
		if a.Required && len(a.Roles) == 0 {
			rules.Add(at+"/roles", "nobody_may_approve", "Name at least one role that may approve.")
		}
		for i, role := range a.Roles {
			if !codelist.Known("staff_role", role) {
				rules.Add(fmt.Sprintf("%s/roles/%d", at, i), "unknown_code", "Not a code of the list staff_role.")
			}
		}
	}
}

func (r ReferralPolicy) check(rules *fault.Error) {
	const acknowledge, decision = "/policy/referral/acknowledge_hours", "/policy/referral/decision_hours"
	if !keyed(rules, acknowledge, r.AcknowledgeHours, priorities) || !keyed(rules, decision, r.DecisionHours, priorities) {
		return
	}
	var first, second []step
	for _, p := range priorities {
		a := step{acknowledge + "/" + p, float64(r.AcknowledgeHours[p])}
		d := step{decision + "/" + p, float64(r.DecisionHours[p])}
		rising(rules, a, d)
		first, second = append(first, a), append(second, d)
	}
	rising(rules, first...)
	rising(rules, second...)
}

// check wants a weight for every priority group, and the bands in their order.
func (r ReceptionPolicy) check(rules *fault.Error) {
	groups, _ := codelist.Get("reception_priority_group")
	codes := make([]string, len(groups.Entries))
	for i, e := range groups.Entries {
		codes[i] = e.Code
	}
	keyed(rules, "/policy/reception/weights", r.Weights, codes)
	rising(rules, step{"/policy/reception/high_from", float64(r.HighFrom)}, step{"/policy/reception/urgent_from", float64(r.UrgentFrom)})
}
