package centre_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/fault"
)

func TestPolicy_DefaultKeepsItsOwnRules(t *testing.T) {
	if err := centre.DefaultPolicy().Validate(); err != nil {
		t.Error(err)
	}
}

func TestPolicy_NamesEachBrokenRule(t *testing.T) {
	timers := func(level string, change func(*centre.RiskTimers)) func(*centre.Policy) {
		return func(p *centre.Policy) {
			t := p.Risk[level]
			change(&t)
			p.Risk[level] = t
		}
	}
	for name, c := range map[string]struct {
		change func(*centre.Policy)
		want   string // "pointer code", or empty
	}{
		"field that is none":        {func(p *centre.Policy) { p.Registration.FullRequires = []string{"languages", "shoe_size"} }, "/policy/registration/full_requires/1 unknown_field_name"},
		"basic field that is none":  {func(p *centre.Policy) { p.Registration.BasicRequires = []string{""} }, "/policy/registration/basic_requires/0 unknown_field_name"},
		"likely is not more":        {func(p *centre.Policy) { p.Registration.Duplicates.Likely = p.Registration.Duplicates.Possible }, "/policy/registration/duplicates/likely out_of_order"},
		"level missing":             {func(p *centre.Policy) { delete(p.Risk, "low") }, "/policy/risk/low required"},
		"level unknown":             {func(p *centre.Policy) { p.Risk["extreme"] = centre.RiskTimers{} }, "/policy/risk/extreme unknown_field"},
		"response before assigning": {timers("high", func(t *centre.RiskTimers) { t.AssignHours = 25 }), "/policy/risk/high/first_response_hours out_of_order"},
		"plan before assessment":    {timers("low", func(t *centre.RiskTimers) { t.PlanDays = 6 }), "/policy/risk/low/plan_days out_of_order"},
		"high waits longer":         {timers("high", func(t *centre.RiskTimers) { t.FollowUpDays = 15 }), "/policy/risk/medium/follow_up_days out_of_order"},
		"no clock is no order":      {timers("medium", func(t *centre.RiskTimers) { *t = centre.RiskTimers{} }), ""},
		"high risk before medium":   {func(p *centre.Policy) { p.People.ScreeningHighFrom = 2 }, "/policy/people/screening_high_from out_of_order"},
		"low weighs more":           {func(p *centre.Policy) { p.Caseload.Weights["low"] = 1.5 }, "/policy/caseload/weights/medium out_of_order"},
		"weight missing":            {func(p *centre.Policy) { delete(p.Caseload.Weights, "high") }, "/policy/caseload/weights/high required"},
		"nobody approves":           {func(p *centre.Policy) { p.Approvals["plan"] = centre.Approval{Required: true} }, "/policy/approvals/plan/roles nobody_may_approve"},
		"unknown approver":          {func(p *centre.Policy) { p.Approvals["plan"] = centre.Approval{Roles: []string{"king"}} }, "/policy/approvals/plan/roles/0 unknown_code"},
		"act missing":               {func(p *centre.Policy) { delete(p.Approvals, "closure") }, "/policy/approvals/closure required"},
		"override alone":            {func(p *centre.Policy) { p.Approvals["consent_override"] = centre.Approval{} }, "/policy/approvals/consent_override/required second_person_needed"},
		"decision before receipt":   {func(p *centre.Policy) { p.Referral.DecisionHours["emergency"] = 3 }, "/policy/referral/decision_hours/emergency out_of_order"},
		"normal before urgent":      {func(p *centre.Policy) { p.Referral.AcknowledgeHours["normal"] = 23 }, "/policy/referral/acknowledge_hours/normal out_of_order"},
		"priority missing":          {func(p *centre.Policy) { delete(p.Referral.DecisionHours, "urgent") }, "/policy/referral/decision_hours/urgent required"},
		"text twice": {func(p *centre.Policy) {
			p.Consent = []centre.Text{{"1", "fr", "a"}, {"1", "ar", "b"}, {"1", "FR", "c"}}
		}, "/policy/consent_statements/2 repeated"},
		"group without a weight": {func(p *centre.Policy) { delete(p.Reception.Weights, "uasc") }, "/policy/reception/weights/uasc required"},
		"weight of no group":     {func(p *centre.Policy) { p.Reception.Weights["friends"] = 900 }, "/policy/reception/weights/friends unknown_field"},
		"urgent before high":     {func(p *centre.Policy) { p.Reception.UrgentFrom = 10 }, "/policy/reception/urgent_from out_of_order"},
		"class missing":          {func(p *centre.Policy) { delete(p.Retention, "consent") }, "/policy/retention_months/consent required"},
	} {
		t.Run(name, func(t *testing.T) {
			p := centre.DefaultPolicy()
			c.change(&p)
			if got := firstField(p.Validate()); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestPolicy_FromBeforeThereWereTermsOfReceptionHasTheDefaultOnes(t *testing.T) {
	var old centre.Policy
	if err := json.Unmarshal([]byte(`{"caseload": {"limit": 20}}`), &old); err != nil {
		t.Fatal(err)
	}
	if old.Caseload.Limit != 20 || old.Reception.Weights["uasc"] != centre.DefaultPolicy().Reception.Weights["uasc"] || old.Reception.OlderFromAge != 60 {
		t.Errorf("%+v", old)
	}
	if err := json.Unmarshal([]byte(`{"reception": {"weights": {"uasc": 7}, "older_from_age": 55}}`), &old); err != nil || old.Reception.Weights["uasc"] != 7 || old.Reception.OlderFromAge != 55 {
		t.Errorf("%v %+v", err, old.Reception)
	}
}

func firstField(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) || len(f.Fields) == 0 {
		return ""
	}
	return f.Fields[0].Pointer + " " + f.Fields[0].Code
}

func TestPolicy_DiffNamesWhatChanged(t *testing.T) {
	before, after := centre.DefaultPolicy(), centre.DefaultPolicy()
	if d := after.Diff(before); len(d) != 0 {
		t.Errorf("nothing changed, yet %v", d)
	}
	after.Caseload.Limit = 20
	after.Registration.FullRequires = []string{"languages"}
	before.Consent = []centre.Text{{"1", "fr", "Oui"}}
	delete(before.Retention, "consent")
	got := fmt.Sprint(after.Diff(before))
	want := "[{/caseload/limit 25 20} {/consent_statements <nil> []} {/consent_statements/0/language fr <nil>} {/consent_statements/0/text Oui <nil>} " +
		"{/consent_statements/0/version 1 <nil>} {/registration/full_requires [nationalities country_of_origin languages marital_status education_level migration_status] [languages]} " +
		"{/retention_months/consent <nil> 120}]"
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestPolicy_AnOlderOneReadsPeopleByTheDefault(t *testing.T) {
	var p centre.Policy
	if err := json.Unmarshal([]byte(`{"caseload": {"limit": 12}}`), &p); err != nil {
		t.Fatal(err)
	}
	if p.People != centre.DefaultPolicy().People || p.Caseload.Limit != 12 {
		t.Errorf("read %+v", p)
	}
	if err := json.Unmarshal([]byte(`{"people": {"majority_notice_days": 0, "functional_cut_off_level": "2", "functional_cut_off_domains": 2, "screening_medium_from": 1, "screening_high_from": 2}}`), &p); err != nil {
		t.Fatal(err)
	}
	if p.People.MajorityNoticeDays != 0 || p.People.FunctionalCutOffLevel != "2" {
		t.Errorf("a section that is there: %+v", p.People)
	}
}
