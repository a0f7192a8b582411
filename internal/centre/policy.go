package centre

import (
	"cmp"
	"encoding/json"
	"time"
)

// Policy is what a centre's standard operating procedures lay down: the timers, guards and
// required fields that the rest of the product reads. Every number is the centre's to set;
// DefaultPolicy carries the handbook's proposals.
type Policy struct {
	Registration RegistrationPolicy    `json:"registration"`
	People       PeoplePolicy          `json:"people"`
	Risk         map[string]RiskTimers `json:"risk"` // by code list case_risk_level: high, medium, low
	Case         CasePolicy            `json:"case"`
	Caseload     CaseloadPolicy        `json:"caseload"`
	Alerts       AlertPolicy           `json:"alerts"`
	Approvals    map[string]Approval   `json:"approvals"` // by act: closure, plan, assessment, consent_override
	Referral     ReferralPolicy        `json:"referral"`
	Reception    ReceptionPolicy       `json:"reception"`
	Stock        StockPolicy           `json:"stock"`
	Consent      []Text                `json:"consent_statements"`
	Orientation  []Text                `json:"orientation"` // what everybody is told who arrives
	HouseRules   []Text                `json:"house_rules"`
	Closure      []ClosureItem         `json:"closure_checklist"`
	Attachments  AttachmentPolicy      `json:"attachments"`
	Card         CardPolicy            `json:"card"`
	Retention    map[string]int        `json:"retention_months"` // by class: case_closed, registration_without_case, consent, stock_documents
}

// RegistrationPolicy says which fields a registration must have, beyond what the API itself asks
// for, and when there is none (handbook 2.1: by policy, not by schema).
type RegistrationPolicy struct {
	BasicRequires  []string `json:"basic_requires"` // of RegistrationFields
	FullRequires   []string `json:"full_requires"`
	ClosedInPhases []string `json:"closed_in_phases"` // of code list centre_lifecycle_phase

	Duplicates *DuplicatePolicy `json:"duplicates,omitempty"` // nil: the handbook's; see DuplicateRules
}

// DuplicateRules returns how the centre looks for people who are registered twice.
func (r RegistrationPolicy) DuplicateRules() DuplicatePolicy {
	if r.Duplicates == nil {
		return defaultDuplicates()
	}
	return *r.Duplicates
}

// DuplicatePolicy says what makes two records likely to be of one person (handbook 11). Every
// evidence speaks with its weight, from all of it for a perfect agreement to a part of it against;
// the sum, at most 1, is the score.
type DuplicatePolicy struct {
	Check        bool             `json:"check"`         // whether a registration looks for likely duplicates
	Possible     float64          `json:"possible"`      // from this score on a pair is queued for review
	Likely       float64          `json:"likely"`        // from this score on a registration stops until somebody has looked
	NearDays     int              `json:"near_days"`     // birth dates this near may be slips of the pen
	EstimateDays int              `json:"estimate_days"` // how far an estimated birth date may be off
	Namesakes    int              `json:"namesakes"`     // where more share name and age, an age says less
	Weights      DuplicateWeights `json:"weights"`
}

// DuplicateWeights are what each evidence counts for.
type DuplicateWeights struct {
	Names       float64 `json:"names"`
	BirthDate   float64 `json:"birth_date"`
	Sex         float64 `json:"sex"`
	Nationality float64 `json:"nationality"`
	Phone       float64 `json:"phone"`
	Document    float64 `json:"document"`
	Household   float64 `json:"household"`
}

// defaultDuplicates was weighed against varied spellings of the demonstration's registrations; the
// test of package identity tells how many of them it finds.
func defaultDuplicates() DuplicatePolicy {
	return DuplicatePolicy{Check: true, Possible: 0.6, Likely: 0.8, NearDays: 31, EstimateDays: 366, Namesakes: 1,
		Weights: DuplicateWeights{Names: 0.5, BirthDate: 0.3, Sex: 0.1, Nationality: 0.1, Phone: 0.25, Document: 0.5, Household: 0.1}}
}

// PeoplePolicy says how what is recorded about people is read: never as a diagnosis or a decision.
type PeoplePolicy struct {
	MajorityNoticeDays      int    `json:"majority_notice_days"`       // before somebody turns 18 (handbook 3.7)
	FunctionalCutOffLevel   string `json:"functional_cut_off_level"`   // code list functional_difficulty_level
	FunctionalCutOffDomains int    `json:"functional_cut_off_domains"` // how many of six must reach it
	ScreeningMediumFrom     int    `json:"screening_medium_from"`      // risks less protective factors, by severity (handbook 3.5)
	ScreeningHighFrom       int    `json:"screening_high_from"`
}

// RiskTimers are the clocks of one risk level (handbook 3.4). Zero: no clock.
type RiskTimers struct {
	AssignHours        int `json:"assign_hours"`
	FirstResponseHours int `json:"first_response_hours"`
	AssessmentHours    int `json:"assessment_hours"`
	PlanDays           int `json:"plan_days"`
	FollowUpDays       int `json:"follow_up_days"`
}

// CasePolicy bounds the transitions of a case (handbook 3.3).
type CasePolicy struct {
	HoldMaxDays          int  `json:"hold_max_days"`
	ReopenWithinMonths   int  `json:"reopen_within_months"`
	LostContactAttempts  int  `json:"lost_contact_attempts"`
	LostContactMinDays   int  `json:"lost_contact_min_days"` // since the last attempt
	UndoMergeWithinDays  int  `json:"undo_merge_within_days"`
	ClosureNeedsFollowUp bool `json:"closure_needs_follow_up"` // a final follow-up must be recorded
	LateNoteHours        int  `json:"late_note_hours"`         // a note written later than this is marked; 0: none is
	PlanNeedsAssessment  bool `json:"plan_needs_assessment"`   // planning begins with a completed assessment
	ActionNeedsAgreement bool `json:"action_needs_agreement"`  // what is planned is begun once the person agreed to the plan
	HighRiskBalance      int  `json:"high_risk_balance"`       // risks less protections, from which high is suggested; 0: never
	MediumRiskBalance    int  `json:"medium_risk_balance"`     // likewise medium

	BreakGlassHours         int `json:"break_glass_hours,omitempty"`          // how long broken glass opens a restricted file; 0: 24
	BreakGlassReviewHours   int `json:"break_glass_review_hours,omitempty"`   // until it is to be reviewed; 0: 72
	BestInterestReviewHours int `json:"best_interest_review_hours,omitempty"` // until an act that went before its best-interest procedure is to be reviewed; 0: 72
	ConferenceReadDays      int `json:"conference_read_days,omitempty"`       // how long after a conference those invited read the file; 0: 7
	ReopenedWithinDays      int `json:"reopened_within_days,omitempty"`       // within which a reopened case counts as come back; 0: 90
	ConsentOverrideDays     int `json:"consent_override_days,omitempty"`      // how long work without consent is allowed at a time; 0: 90
}

// BreakGlass is how long broken glass opens a restricted file (handbook 9.3).
func (p CasePolicy) BreakGlass() time.Duration { return timeOr(p.BreakGlassHours, 24, time.Hour) }

// BreakGlassReview is within which time it is to be reviewed.
func (p CasePolicy) BreakGlassReview() time.Duration {
	return timeOr(p.BreakGlassReviewHours, 72, time.Hour)
}

// BestInterestReview is within which time an act that went before its best-interest procedure is to be reviewed.
func (p CasePolicy) BestInterestReview() time.Duration {
	return timeOr(p.BestInterestReviewHours, 72, time.Hour)
}

// ConferenceRead is how long after a conference those who were invited still read the file (duty D9).
func (p CasePolicy) ConferenceRead() time.Duration {
	return timeOr(p.ConferenceReadDays, 7, 24*time.Hour)
}

// ReopenedWithin is within how many days a reopened case counts as come back (handbook 3.8).
func (p CasePolicy) ReopenedWithin() int { return cmp.Or(p.ReopenedWithinDays, 90) }

// ConsentOverride is for how many days work without consent may be allowed at a time (handbook 9.1, principle 13).
func (p CasePolicy) ConsentOverride() int { return cmp.Or(p.ConsentOverrideDays, 90) }

func timeOr(n, standard int, unit time.Duration) time.Duration {
	if n == 0 {
		n = standard
	}
	return time.Duration(n) * unit
}

// CaseloadPolicy bounds what one caseworker carries (handbook 3.4).
type CaseloadPolicy struct {
	Limit       int                `json:"limit"`
	WarnPercent int                `json:"warn_percent"`
	Weights     map[string]float64 `json:"weights"` // by risk level
}

// Weight is what a case of a risk level counts; one whose risk is not known yet counts as of medium risk.
func (c CaseloadPolicy) Weight(risk string) float64 {
	if w, known := c.Weights[risk]; known {
		return w
	}
	return c.Weights["medium"]
}

// AlertPolicy says how an alert climbs that nobody has settled: from the owner of the case to the
// supervisors, then to the centre's manager. Hours since the clock ran out; 0: it climbs no further.
type AlertPolicy struct {
	SupervisorAfterHours int `json:"supervisor_after_hours"`
	ManagerAfterHours    int `json:"manager_after_hours"`
	ApprovalHours        int `json:"approval_hours"` // within which an approval is decided
}

// Approval says whether an act needs a second person, and of which role.
type Approval struct {
	Required bool     `json:"required"`
	Roles    []string `json:"roles"`
}

// ReferralPolicy holds a referral's deadlines by priority: emergency, urgent, normal (handbook 5.3).
type ReferralPolicy struct {
	AcknowledgeHours map[string]int `json:"acknowledge_hours"`
	DecisionHours    map[string]int `json:"decision_hours"`
	FeedbackDays     int            `json:"feedback_days"` // after acceptance
	ExpiryFactor     int            `json:"expiry_factor"` // expires after acknowledge_hours × this without an answer
	AccessDays       int            `json:"access_days"`   // how long the receiver sees it after completion
	// IdentifiedWithoutAgreement lets referrals name the person to a receiver with whom nothing is agreed (handbook 5.4: no).
	IdentifiedWithoutAgreement bool `json:"identified_without_agreement,omitempty"`
}

// ReceptionPolicy says how urgently an arrival is seen: the weights of the priority groups that it
// belongs to add up (handbook 2.1; the groups are the toolkit's, the weights our proposal).
type ReceptionPolicy struct {
	Weights      map[string]int `json:"weights"` // by code list reception_priority_group; 0: no priority
	UrgentFrom   int            `json:"urgent_from"`
	HighFrom     int            `json:"high_from"`
	OlderFromAge int            `json:"older_from_age"` // in completed years
}

// AttachmentPolicy bounds what is attached to people and cases, and for how long (handbook 9.5).
type AttachmentPolicy struct {
	LinkMinutes    int `json:"link_minutes"`     // how long a link works that needs no token
	ScanKeepDays   int `json:"scan_keep_days"`   // after a scan was compared with the document
	VoidedKeepDays int `json:"voided_keep_days"` // the content of what was voided
	Most           int `json:"most"`             // of one person or case
}

// CardPolicy says what a registration card shows in clear, and how long after a recorded print it is
// given out to be printed.
type CardPolicy struct {
	ShowsName          bool `json:"shows_name"`
	PrintWindowMinutes int  `json:"print_window_minutes"`
}

// StockPolicy bounds what is written into the stock ledger (handbook 7.2 and 14).
type StockPolicy struct {
	BackdatingDays int      `json:"backdating_days"` // how far back a document may be dated, inside the open period
	ApprovalFor    []string `json:"approval_for"`    // kinds of documents that a second person decides: loss, disposal, adjustment
	NutritionItems []string `json:"nutrition_items"` // code list nfi_item: only through the health and nutrition route (handbook 7.2)
	SharedDuties   bool     `json:"shared_duties"`   // one person may plan, approve, issue and count a distribution

	CountTolerancePercent float64 `json:"count_tolerance_percent"` // of what the books have; a count that differs by more is taken again by somebody else
	ConsumptionMonths     int     `json:"consumption_months"`      // that average consumption is taken from
	LeadTimeDays          int     `json:"lead_time_days"`          // from the order to the store
	SafetyDays            int     `json:"safety_days"`             // of consumption, kept as safety stock
	OverStockMonths       int     `json:"over_stock_months"`       // more than this is too much
	ExpiryNoticeDays      int     `json:"expiry_notice_days"`      // how long before it expires a lot that will be left over is told of
}

// UnmarshalJSON reads a policy; one that was laid down before a section was known has the default there.
func (p *Policy) UnmarshalJSON(raw []byte) error {
	type plain Policy
	if err := json.Unmarshal(raw, (*plain)(p)); err != nil {
		return err
	}
	if p.Card == (CardPolicy{}) {
		p.Card = DefaultPolicy().Card
	}
	if p.Reception.Weights == nil {
		p.Reception = DefaultPolicy().Reception
	}
	if p.People == (PeoplePolicy{}) {
		p.People = DefaultPolicy().People
	}
	if p.Alerts == (AlertPolicy{}) {
		p.Alerts = DefaultPolicy().Alerts
	}
	if p.Caseload.Limit == 0 {
		p.Caseload = DefaultPolicy().Caseload
	}
	if p.Stock.ApprovalFor == nil || p.Stock.ConsumptionMonths == 0 {
		p.Stock = DefaultPolicy().Stock
	}
	p.list()
	return nil
}

// DefaultPolicy returns the handbook's proposals, for centres without an active SOP and as the
// start of a first draft.
func DefaultPolicy() Policy {
	duplicates := defaultDuplicates()
	supervisors := []string{"case_supervisor"}
	return Policy{
		Registration: RegistrationPolicy{BasicRequires: []string{}, FullRequires: []string{"nationalities", "country_of_origin", "languages", "marital_status", "education_level", "migration_status"}, ClosedInPhases: []string{"phase_out", "handed_over", "closed"}, Duplicates: &duplicates},
		People:       PeoplePolicy{MajorityNoticeDays: 90, FunctionalCutOffLevel: "3", FunctionalCutOffDomains: 1, ScreeningMediumFrom: 3, ScreeningHighFrom: 6},
		Risk: map[string]RiskTimers{
			"high":   {AssignHours: 1, FirstResponseHours: 24, AssessmentHours: 24, PlanDays: 3, FollowUpDays: 7},
			"medium": {AssignHours: 3, FirstResponseHours: 72, AssessmentHours: 72, PlanDays: 7, FollowUpDays: 14},
			"low":    {AssignHours: 3, FirstResponseHours: 168, AssessmentHours: 168, PlanDays: 14, FollowUpDays: 30},
		},
		Case: CasePolicy{HoldMaxDays: 30, ReopenWithinMonths: 60, LostContactAttempts: 3, LostContactMinDays: 14, UndoMergeWithinDays: 30, ClosureNeedsFollowUp: true, LateNoteHours: 48,
			PlanNeedsAssessment: true, ActionNeedsAgreement: true, HighRiskBalance: 10, MediumRiskBalance: 4},
		Caseload: CaseloadPolicy{Limit: 25, WarnPercent: 80, Weights: map[string]float64{"high": 2, "medium": 1, "low": 0.5}},
		Alerts:   AlertPolicy{SupervisorAfterHours: 24, ManagerAfterHours: 72, ApprovalHours: 48},
		Approvals: map[string]Approval{
			"closure": {Required: true, Roles: supervisors}, "consent_override": {Required: true, Roles: supervisors},
			"plan": {Required: false, Roles: supervisors}, "assessment": {Required: false, Roles: supervisors},
		},
		Referral: ReferralPolicy{
			AcknowledgeHours: map[string]int{"emergency": 4, "urgent": 24, "normal": 48},
			DecisionHours:    map[string]int{"emergency": 24, "urgent": 72, "normal": 336},
			FeedbackDays:     14, ExpiryFactor: 2, AccessDays: 30,
		},
		Reception: ReceptionPolicy{
			Weights: map[string]int{
				"uasc": 60, "physical_pain": 60, "pregnant": 40, "disability": 40, "mental_health_need": 40,
				"family_with_children": 30, "older_person": 30, "other_vulnerability": 20,
			},
			UrgentFrom: 60, HighFrom: 20, OlderFromAge: 60,
		},
		Consent:     []Text{},
		Orientation: []Text{},
		HouseRules:  []Text{},
		Closure:     closureChecklist(),
		Attachments: AttachmentPolicy{LinkMinutes: 5, ScanKeepDays: 90, VoidedKeepDays: 30, Most: 200},
		Card:        CardPolicy{PrintWindowMinutes: 60},
		Retention:   map[string]int{"case_closed": 60, "registration_without_case": 24, "consent": 120, "stock_documents": 84},
		Stock: StockPolicy{BackdatingDays: 31, ApprovalFor: StockApprovals(), NutritionItems: []string{"infant_formula"},
			ConsumptionMonths: 3, LeadTimeDays: 30, SafetyDays: 15, OverStockMonths: 6, ExpiryNoticeDays: 60},
	}
}

// completed fills in the parts that a policy has not got because it was stored before there were any.
func (p Policy) completed() Policy {
	if p.Attachments == (AttachmentPolicy{}) {
		p.Attachments = DefaultPolicy().Attachments
	}
	if p.Reception.Weights == nil {
		p.Reception = DefaultPolicy().Reception
	}
	return p
}
