package casework

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

var (
	noon       = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	worker     = db.NewID()
	supervisor = db.NewID()
	inForceNow = db.NewID() // a SOP
	statuses   = of(Draft, Open, OnHold, PendingClosure, Closed, NotOpened, Transferred, Duplicate)
)

func ago(d time.Duration) *time.Time { at := noon.Add(-d); return &at }

// aCase is a case of medium risk that was opened ten days ago.
func aCase(s Status) *Case {
	c := &Case{Record: db.Record{ID: db.NewID(), CreatedAt: *ago(days(10))}, BeneficiaryID: db.NewID(), Status: s, RiskLevel: "medium", OwnerID: &worker, ConsentBasis: "consent"}
	if s != Draft && s != NotOpened {
		c.OpenedAt, c.FollowupFromAt = ago(days(10)), ago(days(10))
		c.reckon(centre.DefaultPolicy())
	}
	switch s {
	case Closed:
		c.ClosedAt = ago(days(1))
	case OnHold:
		c.HeldAt = ago(days(2))
	case Duplicate:
		c.DuplicateOf, c.MergedAt, c.MergedFrom = &supervisor, ago(days(1)), Open
	}
	return c
}

// anAct passes every guard.
func anAct() *Act {
	return &Act{Checklist: []Answer{{Code: centre.PersonInformed, Answer: "yes"}},
		By: &supervisor, Roles: []string{"case_supervisor"}, At: noon, Today: db.NewDate(noon), Policy: centre.DefaultPolicy(),
		Reason: "because", ReasonCode: "plan_completed", ReviewOn: db.NewDate(noon.AddDate(0, 0, 7)), RiskLevel: "high", OwnerID: &supervisor, SOPID: &inForceNow, ToSOP: &inForceNow,
		Survivor: aCase(Open), Consent: true, OwnerFits: true, FollowedUp: true, SamePerson: true, Request: &Approval{Status: requested, RequestedBy: &worker},
	}
}

func TestCase_EveryTransitionFromEveryState(t *testing.T) {
	leads := map[string]Status{
		"draft open": Open, "draft screen-out": NotOpened, "draft assign": Draft, "draft change-risk": Draft,
		"open sop": Open, "on_hold sop": OnHold, "pending_closure sop": PendingClosure,
		"open assign": Open, "open change-risk": Open, "open hold": OnHold, "open request-closure": PendingClosure, "open merge": Duplicate, "open withdraw-consent": PendingClosure,
		"on_hold assign": OnHold, "on_hold change-risk": OnHold, "on_hold resume": Open, "on_hold withdraw-consent": PendingClosure,
		"pending_closure assign": PendingClosure, "pending_closure change-risk": PendingClosure, "pending_closure approve-closure": Closed, "pending_closure close": Closed, "pending_closure reject-closure": Open,
		"closed reopen": Open, "closed merge": Duplicate, "duplicate undo-merge": Open,
	}
	for _, s := range statuses {
		for v := range moves {
			name := string(s) + " " + string(v)
			c := aCase(s)
			row, err := c.apply(v, anAct())
			want, allowed := leads[name]
			if !allowed {
				if !fault.Is(err, fault.Conflict) || c.Status != s {
					t.Errorf("%s: %v, now %s", name, err, c.Status)
				}
				continue
			}
			if err != nil || c.Status != want || row.FromStatus != s || row.ToStatus != want || row.Verb != v {
				t.Errorf("%s: %v, now %s, history %+v", name, err, c.Status, row)
			}
		}
	}
}

// broken returns the codes of the rules that an error names.
func broken(err error) string {
	var f *fault.Error
	if err == nil {
		return ""
	}
	if !errors.As(err, &f) {
		return err.Error()
	}
	codes := []string{}
	for _, field := range f.Fields {
		codes = append(codes, field.Code)
	}
	if len(codes) == 0 {
		codes = append(codes, f.Code)
	}
	slices.Sort(codes)
	return strings.Join(codes, " ")
}

// rule 7, rule 8, rule 9
func TestCase_Guards(t *testing.T) {
	for _, g := range []struct {
		name string
		verb Verb
		in   Status
		set  func(*Case, *Act)
		want string
	}{
		{"open: no risk", VerbOpen, Draft, func(c *Case, _ *Act) { c.RiskLevel = "" }, "risk_level_required"},
		{"open: registration only", VerbOpen, Draft, func(c *Case, _ *Act) { c.RiskLevel = "none" }, "risk_level_required"},
		{"open: nobody owns it", VerbOpen, Draft, func(c *Case, _ *Act) { c.OwnerID = nil }, "owner_required"},
		{"open: the owner left", VerbOpen, Draft, func(_ *Case, a *Act) { a.OwnerFits = false }, "unfit_owner"},
		{"open: no consent", VerbOpen, Draft, func(_ *Case, a *Act) { a.Consent = false }, "consent_required"},
		{"open: another basis", VerbOpen, Draft, func(c *Case, a *Act) { a.Consent, c.ConsentBasis = false, "vital_interest" }, ""},
		{"open: all at once", VerbOpen, Draft, func(c *Case, a *Act) { c.RiskLevel, c.OwnerID, a.Consent = "", nil, false }, "consent_required owner_required risk_level_required"},
		{"assign: to the owner", VerbAssign, Open, func(_ *Case, a *Act) { a.OwnerID = &worker }, "already_owner"},
		{"assign: unfit", VerbAssign, Open, func(_ *Case, a *Act) { a.OwnerFits = false }, "unfit_owner"},
		{"risk: none, while open", VerbChangeRisk, Open, func(_ *Case, a *Act) { a.RiskLevel = "none" }, "risk_level_required"},
		{"risk: none, on a draft", VerbChangeRisk, Draft, func(_ *Case, a *Act) { a.RiskLevel = "none" }, ""},
		{"hold: today", VerbHold, Open, func(_ *Case, a *Act) { a.ReviewOn = a.Today }, "review_out_of_range"},
		{"hold: tomorrow", VerbHold, Open, func(_ *Case, a *Act) { a.ReviewOn = db.NewDate(noon.AddDate(0, 0, 1)) }, ""},
		{"hold: last day", VerbHold, Open, func(_ *Case, a *Act) { a.ReviewOn = db.NewDate(noon.AddDate(0, 0, 30)) }, ""},
		{"hold: a day too long", VerbHold, Open, func(_ *Case, a *Act) { a.ReviewOn = db.NewDate(noon.AddDate(0, 0, 31)) }, "review_out_of_range"},
		{"hold: as the SOP says", VerbHold, Open, func(_ *Case, a *Act) { a.Policy.Case.HoldMaxDays = 3 }, "review_out_of_range"},
		{"closure: unfinished plan", VerbRequestClosure, Open, func(_ *Case, a *Act) { a.OpenActions = 1 }, "unfinished_plan"},
		{"closure: justified", VerbRequestClosure, Open, func(_ *Case, a *Act) { a.OpenActions, a.Justification = 1, "left for Libya" }, ""},
		{"closure: open referral", VerbRequestClosure, Open, func(c *Case, _ *Act) { c.OpenReferrals = 1 }, "open_referrals"},
		{"closure: referral overridden", VerbRequestClosure, Open, func(c *Case, a *Act) { c.OpenReferrals, a.ReferralOverride = 1, "never answered" }, ""},
		{"closure: no final follow-up", VerbRequestClosure, Open, func(_ *Case, a *Act) { a.FollowedUp = false }, "final_follow_up_required"},
		{"closure: SOP wants none", VerbRequestClosure, Open, func(_ *Case, a *Act) { a.FollowedUp, a.Policy.Case.ClosureNeedsFollowUp = false, false }, ""},
		{"closure: nobody asked", VerbRequestClosure, Open, func(_ *Case, a *Act) { a.Checklist = nil }, "unanswered_item"},
		{"closure: death", VerbRequestClosure, Open, func(_ *Case, a *Act) { a.FollowedUp, a.ReasonCode = false, "deceased" }, ""},
		{"lost contact: two attempts", VerbRequestClosure, Open, lost(2, days(15)), "too_few_attempts"},
		{"lost contact: too recent", VerbRequestClosure, Open, lost(3, days(13)), "last_attempt_too_recent"},
		{"lost contact: few and recent", VerbRequestClosure, Open, lost(1, days(1)), "last_attempt_too_recent too_few_attempts"},
		{"lost contact: none", VerbRequestClosure, Open, func(_ *Case, a *Act) { a.ReasonCode = "lost_contact" }, "too_few_attempts"},
		{"lost contact: on the day", VerbRequestClosure, Open, lost(3, days(14)), ""},
		{"approve: asked for it", VerbApproveClosure, PendingClosure, func(_ *Case, a *Act) { a.Request.RequestedBy = &supervisor }, "four_eyes"},
		{"approve: the system asked", VerbApproveClosure, PendingClosure, func(_ *Case, a *Act) { a.Request.RequestedBy = nil }, ""},
		{"approve: role", VerbApproveClosure, PendingClosure, func(_ *Case, a *Act) { a.Roles = []string{"centre_manager"} }, "forbidden"},
		{"approve: the SOP's roles", VerbApproveClosure, PendingClosure, func(_ *Case, a *Act) {
			a.Roles, a.Policy.Approvals["closure"] = []string{"centre_manager"}, centre.Approval{Required: true, Roles: []string{"centre_manager"}}
		}, ""},
		{"approve: a child", VerbApproveClosure, PendingClosure, func(_ *Case, a *Act) { a.Minor = true }, "best_interest_required"},
		{"approve: a child, noted", VerbApproveClosure, PendingClosure, func(_ *Case, a *Act) { a.Minor, a.BestInterestNote = true, "with her aunt" }, ""},
		{"approve: open referral", VerbApproveClosure, PendingClosure, func(c *Case, _ *Act) { c.OpenReferrals = 1 }, "open_referrals"},
		{"approve: overridden", VerbApproveClosure, PendingClosure, func(c *Case, _ *Act) { c.OpenReferrals, c.ReferralOverride = 1, "never answered" }, ""},
		{"reject: asked for it", VerbRejectClosure, PendingClosure, func(_ *Case, a *Act) { a.Request.RequestedBy = &supervisor }, "four_eyes"},
		{"reject: consent is gone", VerbRejectClosure, PendingClosure, func(_ *Case, a *Act) { a.Consent = false }, "consent_required"},
		{"reopen: unknown risk", VerbReopen, Closed, func(_ *Case, a *Act) { a.RiskLevel = "none" }, "risk_level_required"},
		{"reopen: owner", VerbReopen, Closed, func(_ *Case, a *Act) { a.OwnerFits = false }, "unfit_owner"},
		{"reopen: consent", VerbReopen, Closed, func(_ *Case, a *Act) { a.Consent = false }, "consent_required"},
		{"reopen: too late", VerbReopen, Closed, func(c *Case, _ *Act) { c.ClosedAt = ago(days(366 * 5)) }, "retention_over"},
		{"merge: with itself", VerbMerge, Open, func(c *Case, a *Act) { a.Survivor = c }, "unfit_survivor"},
		{"merge: into a duplicate", VerbMerge, Open, func(_ *Case, a *Act) { a.Survivor.Status = Duplicate }, "unfit_survivor"},
		{"merge: into a draft", VerbMerge, Open, func(_ *Case, a *Act) { a.Survivor.Status = Draft }, "unfit_survivor"},
		{"merge: two people", VerbMerge, Open, func(_ *Case, a *Act) { a.SamePerson = false }, "other_person"},
		{"merge: open referral", VerbMerge, Open, func(c *Case, _ *Act) { c.OpenReferrals = 1 }, "open_referrals"},
		{"undo: too late", VerbUndoMerge, Duplicate, func(c *Case, _ *Act) { c.MergedAt = ago(days(31)) }, "too_late"},
		{"undo: consent is gone", VerbUndoMerge, Duplicate, func(_ *Case, a *Act) { a.Consent = false }, "consent_required"},
		{"undo: of a closed one", VerbUndoMerge, Duplicate, func(c *Case, a *Act) { c.MergedFrom, a.Consent = Closed, false }, ""},
		{"withdrawal: another basis", VerbWithdrawConsent, Open, func(c *Case, _ *Act) { c.ConsentBasis = "legal_obligation" }, "other_basis"},
	} {
		t.Run(g.name, func(t *testing.T) {
			c, a := aCase(g.in), anAct()
			g.set(c, a)
			_, err := c.apply(g.verb, a)
			if got := broken(err); got != g.want {
				t.Errorf("broken: %q, want %q (%v)", got, g.want, err)
			}
			if err != nil && c.Status != g.in {
				t.Errorf("refused, and yet %s", c.Status)
			}
		})
	}
}

func lost(attempts int, last time.Duration) func(*Case, *Act) {
	return func(_ *Case, a *Act) {
		a.ReasonCode, a.FollowedUp, a.Attempts, a.LastAttempt = "lost_contact", false, attempts, *ago(last)
	}
}

func (c *Case) dueDates() string {
	show := func(at *time.Time) string {
		if at == nil {
			return "-"
		}
		return at.Sub(noon).String()
	}
	return fmt.Sprint(show(c.AssignDueAt), " ", show(c.ResponseDueAt), " ", show(c.AssessmentDueAt), " ", show(c.PlanDueAt), " ", show(c.FollowupDueAt))
}

func TestCase_ClocksRunByRisk(t *testing.T) {
	for risk, want := range map[string]string{
		"high":   "- 24h0m0s 24h0m0s 72h0m0s 168h0m0s",
		"medium": "- 72h0m0s 72h0m0s 168h0m0s 336h0m0s",
		"low":    "- 168h0m0s 168h0m0s 336h0m0s 720h0m0s",
	} {
		c, a := aCase(Draft), anAct()
		c.RiskLevel = risk
		if _, err := c.apply(VerbOpen, a); err != nil || c.dueDates() != want {
			t.Errorf("%s: %v, clocks %s, want %s", risk, err, c.dueDates(), want)
		}
	}
	draft := aCase(Draft)
	draft.CreatedAt, draft.OwnerID, draft.RiskLevel = noon, nil, "high"
	draft.reckon(centre.DefaultPolicy())
	if want := "1h0m0s - - - -"; draft.dueDates() != want { // rule 5: the clock behind the alert
		t.Errorf("an unassigned draft: %s, want %s", draft.dueDates(), want)
	}
}

// rule 6
func TestCase_FollowUpsComeByTheNewRisk(t *testing.T) {
	c, a := aCase(Open), anAct()
	if c.FollowupDueAt.Sub(noon) != days(4) {
		t.Fatalf("medium: %s", c.dueDates())
	}
	if _, err := c.apply(VerbChangeRisk, a); err != nil || c.FollowupDueAt.Sub(noon) != -days(3) {
		t.Errorf("high, counted from the opening: %v %s", err, c.dueDates())
	}
	a.RiskLevel = "low"
	if _, err := c.apply(VerbChangeRisk, a); err != nil || c.FollowupDueAt.Sub(noon) != days(20) {
		t.Errorf("low: %v %s", err, c.dueDates())
	}
}

func TestCase_HoldPausesTheClockUnlessTheRiskIsHigh(t *testing.T) {
	c, a := aCase(Open), anAct()
	must(t, c, VerbHold, a)
	if c.FollowupDueAt != nil || c.HoldReason != "because" || c.HoldReviewOn == nil {
		t.Errorf("on hold: %+v", c)
	}
	a.At = noon.Add(days(5))
	must(t, c, VerbResume, a)
	if c.FollowupDueAt.Sub(noon) != days(4+5) || c.HeldAt != nil || c.HoldReason != "" || c.HoldReviewOn != nil {
		t.Errorf("the clock goes on five days later: %s", c.dueDates())
	}
	c, a = aCase(Open), anAct()
	must(t, c, VerbChangeRisk, a)
	due := *c.FollowupDueAt
	must(t, c, VerbHold, a)
	a.At = noon.Add(days(5))
	must(t, c, VerbResume, a)
	if *c.FollowupDueAt != due {
		t.Errorf("a high risk is not paused: %s", c.dueDates())
	}
}

func must(t *testing.T, c *Case, v Verb, a *Act) {
	t.Helper()
	if _, err := c.apply(v, a); err != nil {
		t.Fatalf("%s: %v", v, err)
	}
}

func TestCase_FollowUpSetsTheNextOne(t *testing.T) {
	p := centre.DefaultPolicy()
	for need, want := range map[string]time.Duration{"no_further_action": days(13), "ongoing_monitoring": days(13), "urgent_intervention": 0} {
		c := aCase(Open)
		c.heard(&Followup{DoneAt: ago(days(1)), Need: need}, p)
		if c.FollowupDueAt.Sub(noon) != want || !c.FollowedUpAt.Equal(*ago(days(1))) || c.RespondedAt == nil {
			t.Errorf("%s: next in %s", need, c.FollowupDueAt.Sub(noon))
		}
	}
	c := aCase(OnHold)
	c.heard(&Followup{DoneAt: ago(days(1)), Need: urgentIntervention}, p)
	if c.FollowupDueAt == nil {
		t.Error("an urgent need waits for no hold")
	}
	c.heard(&Followup{DoneAt: ago(0), Need: "ongoing_monitoring"}, p)
	if c.FollowupDueAt != nil || c.UrgentDueAt != nil {
		t.Errorf("the urgent need was answered: %s", c.dueDates())
	}
	c = aCase(Open)
	c.heard(nil, p)
	if c.FollowupDueAt.Sub(noon) != days(4) || c.FollowedUpAt != nil {
		t.Errorf("no follow-up: %s", c.dueDates())
	}
}

func TestCase_ReopenedBeginsAgainUnderItsNumber(t *testing.T) {
	c, a := aCase(Closed), anAct()
	c.Number, c.ClosureReason, c.ReferralOverride = "AGZ-C-000045", "plan_completed", "x"
	c.PlannedAt, c.FollowedUpAt, c.RespondedAt, c.PlanDraftedAt = ago(1), ago(1), ago(1), ago(1)
	sop := db.NewID()
	a.SOPID = &sop
	must(t, c, VerbReopen, a)
	if c.Number != "AGZ-C-000045" || c.ReopenedCount != 1 || *c.OwnerID != supervisor || *c.SOPID != sop || c.RiskLevel != "high" {
		t.Errorf("reopened: %+v", c)
	}
	if c.ClosedAt != nil || c.ClosureReason != "" || c.ReferralOverride != "" || c.RespondedAt != nil || c.Stage() != "assessment" {
		t.Errorf("the closure is over: %+v", c)
	}
	if want := "- 24h0m0s 24h0m0s 72h0m0s 168h0m0s"; c.dueDates() != want {
		t.Errorf("clocks %s, want %s", c.dueDates(), want)
	}
}

func TestCase_StageFollowsTheFile(t *testing.T) {
	file := func(s Status, set func(*Case)) *Case { c := aCase(s); set(c); return c }
	for want, c := range map[string]*Case{
		"identification_registration": aCase(Draft),
		"assessment":                  aCase(Open),
		"case_planning":               file(Open, func(c *Case) { c.PlanDraftedAt = ago(1) }),
		"implementation":              file(OnHold, func(c *Case) { c.PlanDraftedAt, c.PlannedAt = ago(1), ago(1) }),
		"follow_up_review":            file(Open, func(c *Case) { c.PlannedAt, c.FollowedUpAt = ago(1), ago(1) }),
		"closure":                     file(PendingClosure, func(c *Case) { c.PlannedAt = ago(1) }),
	} {
		if got := c.Stage(); got != want {
			t.Errorf("stage %s, want %s", got, want)
		}
	}
}

func TestPlan_BecomesActiveOnlyWithThePersonsAgreement(t *testing.T) {
	on := db.NewDate(noon)
	whole := func() *Plan {
		return &Plan{Status: draft, Agreed: true, AgreedOn: &on, ReviewOn: &on, Goals: []Goal{{}}}
	}
	for name, c := range map[string]struct {
		set      func(*Plan, *Act)
		approved bool
		want     string
	}{
		"whole":         {func(*Plan, *Act) {}, false, ""},
		"not agreed":    {func(p *Plan, _ *Act) { p.Agreed = false }, false, "agreement_required"},
		"no date":       {func(p *Plan, _ *Act) { p.AgreedOn = nil }, false, "agreement_required"},
		"no review":     {func(p *Plan, _ *Act) { p.ReviewOn = nil }, false, "review_required"},
		"no goal":       {func(p *Plan, _ *Act) { p.Goals = nil }, false, "goal_required"},
		"not approved":  {func(_ *Plan, a *Act) { a.Policy.Approvals["plan"] = centre.Approval{Required: true} }, false, "approval_required"},
		"approved":      {func(_ *Plan, a *Act) { a.Policy.Approvals["plan"] = centre.Approval{Required: true} }, true, ""},
		"active":        {func(p *Plan, _ *Act) { p.Status = active }, false, "state_conflict"},
		"superseded":    {func(p *Plan, _ *Act) { p.Status = superseded }, false, "state_conflict"},
		"nothing there": {func(p *Plan, _ *Act) { *p = Plan{Status: draft} }, false, "agreement_required goal_required review_required"},
	} {
		p, a := whole(), anAct()
		c.set(p, a)
		if got := broken(p.activate(len(p.Goals), c.approved, a)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestPlan_RevisedKeepsGoalsActionsAndProgress(t *testing.T) {
	goal := Goal{Record: db.NewRecord(nil), Description: "a", Progress: "met"}
	p := &Plan{Record: db.NewRecord(nil), Status: active, Agreed: true, Goals: []Goal{goal}, Actions: []Action{{Record: db.NewRecord(nil), GoalID: &goal.ID, Status: "done"}, {Record: db.NewRecord(nil), Status: "planned"}}}
	next, err := p.revise("changed her mind", nil, &worker)
	if err != nil {
		t.Fatal(err)
	}
	if next.Agreed || next.Status != draft || *next.RevisesID != p.ID || len(next.Goals) != 1 || len(next.Actions) != 2 {
		t.Errorf("the new version: %+v", next)
	}
	g := next.Goals[0]
	if g.ID == goal.ID || *g.CopiedFrom != goal.ID || g.Progress != "met" || g.PlanID != next.ID || *next.Actions[0].GoalID != g.ID || next.Actions[0].Status != "done" || next.Actions[1].GoalID != nil {
		t.Errorf("its contents: %+v %+v", g, next.Actions)
	}
	if p.Goals[0].ID != goal.ID || *p.Actions[0].GoalID != goal.ID {
		t.Errorf("the version before changed: %+v", p)
	}
	if err := p.complete(noon); broken(err) != "unfinished_plan" {
		t.Errorf("completed with a planned action: %v", err)
	}
	p.Actions[1].Status = "dropped"
	if err := p.complete(noon); err != nil || p.Status != completed {
		t.Errorf("complete: %v", err)
	}
}

func TestNote_IsMarkedLate(t *testing.T) {
	for _, c := range []struct {
		behind time.Duration
		limit  int
		late   bool
	}{{time.Hour, 48, false}, {hours(48), 48, false}, {hours(48) + 1, 48, true}, {hours(3), 2, true}, {days(400), 0, false}} {
		n := Note{Record: db.Record{CreatedAt: noon}, OccurredAt: noon.Add(-c.behind)}
		if n.mark(c.limit); n.Late != c.late {
			t.Errorf("%s behind, limit %d h: late = %v", c.behind, c.limit, n.Late)
		}
	}
}

func TestApproval_NeverByWhoAskedForIt(t *testing.T) { // rule 8
	for name, c := range map[string]struct {
		requester *uuid.UUID
		status    string
		want      string
	}{
		"another": {&worker, requested, ""}, "the same": {&supervisor, requested, "four_eyes"}, "the system": {nil, requested, ""}, "decided": {&worker, approved, "state_conflict"},
	} {
		p := &Approval{Status: c.status, RequestedBy: c.requester}
		if got := broken(p.decide(approved, "", anAct())); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
