package casework_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
)

var wellbeing = obj{"reason": "Cannot sleep", "psychological": obj{"self_harm": "no"}, "urgent_needs": []string{"none"}, "synthesis": "Grief, and a sister near"}

// duty D2
func TestAssessment_CompletedIsImmutableAndAnAmendmentIsANewVersion(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	made := d.Call(d.worker, "POST", d.at(id, "assessments"), obj{"form_id": d.form("biopsychosocial"), "interview_language": "ha", "interpreter_used": true, "answers": obj{"reason": "Cannot sleep"}}).Want(201)
	at := made.Header.Get("Location")
	if made.Text("status") != "draft" || made.Text("kind") != "biopsychosocial" || made.Text("form_origin") != "network" || made.ID("assessor_id") != d.worker.ID || made.Text("interpreter_used") != "true" {
		t.Errorf("made: %s", made.Raw)
	}
	if read := d.Call(d.worker, "GET", at, nil).Want(200); string(read.Raw) != string(made.Raw) {
		t.Errorf("create answered %s, read answers %s", made.Raw, read.Raw)
	}
	refused := d.Call(d.worker, "POST", at+"/complete", obj{"summary": "x"}, match(1)).WantCode(422, "invalid")
	if refused.Text("errors", 0, "code") != "required" || !strings.HasPrefix(refused.Text("errors", 0, "pointer"), "/answers/") {
		t.Errorf("refused: %s", refused.Raw)
	}
	if r := d.Call(d.worker, "PATCH", at, obj{"answers": obj{"psychological": obj{"self_harm": "perhaps"}}}, match(1)).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != "/answers/psychological/self_harm" {
		t.Errorf("a draft may lack answers, not have wrong ones: %s", r.Raw)
	}
	d.Call(d.worker, "PATCH", at, obj{"answers": obj{"psychological": obj{"self_harm": "no", "mood": "Low"}, "strengths": "Prays"}}, match(1)).Want(200)
	merged := d.Call(d.worker, "PATCH", at, obj{"answers": obj{"psychological": obj{"mood": nil}, "urgent_needs": []string{"none"}, "synthesis": "Grief"}}, match(2)).Want(200)
	if merged.Value("answers", "psychological", "mood") != nil || merged.Text("answers", "psychological", "self_harm") != "no" || merged.Text("answers", "strengths") != "Prays" || merged.Text("answers", "reason") != "Cannot sleep" {
		t.Errorf("merged: %s", merged.Raw)
	}
	done := d.Call(d.worker, "POST", at+"/complete", obj{"summary": "Grieves", "outcome": "Plan"}, match(3)).Want(200)
	if done.Text("status") != "completed" || done.Text("completed_at") == "" || done.ID("completed_by") != d.worker.ID {
		t.Errorf("done: %s", done.Raw)
	}
	if d.Call(d.worker, "GET", d.at(id), nil).Want(200).Text("assessed_at") == "" {
		t.Error("the case was not assessed")
	}
	d.Call(d.worker, "PATCH", at, obj{"answers": obj{"reason": "x"}}, match(4)).WantCode(409, "state_conflict")
	d.Call(d.worker, "POST", at+"/complete", obj{"summary": "x"}, match(4)).WantCode(409, "state_conflict")
	for _, sql := range []string{"update case_assessments set answers = '{}' where id = ?", "update case_assessments set summary = '' where id = ?", "update case_assessments set risk_level = 'low' where id = ?", "delete from case_assessments where id = ?"} {
		err := as(d.House, d.worker, "caseworker", func(ctx context.Context) error { return db.Tx(ctx).Exec(sql, made.ID()).Error })
		if err == nil || !strings.Contains(err.Error(), "23001") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	next := d.Call(d.worker, "POST", at+"/amend", obj{"reason": "She told of a second loss"}, match(4)).Want(200)
	if next.Text("status") != "draft" || next.ID("amends_id") != made.ID() || next.Text("answers", "reason") != "Cannot sleep" || next.Text("amend_reason") == "" || next.Text("completed_at") != "" {
		t.Errorf("amendment: %s", next.Raw)
	}
	d.Call(d.worker, "POST", at+"/amend", obj{"reason": "x"}, match(4)).WantCode(409, "amendment_exists")
	if d.Call(d.worker, "GET", at, nil).Want(200).Text("status") != "completed" {
		t.Error("the version before does not hold while it is amended")
	}
	second := d.at(id, "assessments", next.ID())
	d.Call(d.worker, "PATCH", second, obj{"answers": obj{"reason": "Two losses"}}, match(1)).Want(200)
	d.Call(d.worker, "POST", second+"/complete", obj{"summary": "Grieves twice"}, match(2)).Want(200)
	before := d.Call(d.worker, "GET", at, nil).Want(200)
	if before.Text("status") != "superseded" || before.Text("answers", "reason") != "Cannot sleep" {
		t.Errorf("before: %s", before.Raw)
	}
	d.Call(d.worker, "POST", at+"/amend", obj{"reason": "x"}, match(5)).WantCode(409, "state_conflict")
	if n := d.Call(d.worker, "GET", d.at(id, "assessments")+"?kind=biopsychosocial&status=completed", nil).Want(200); n.Len("data") != 1 || n.ID("data", 0, "id") != next.ID() {
		t.Errorf("list: %s", n.Raw)
	}
}

func TestAssessment_TheTrailDoesNotHoldTheAnswers(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	x := d.start(id, "biopsychosocial", obj{"reason": "Zanzibar"})
	d.Call(d.worker, "PATCH", x.Header.Get("Location"), obj{"answers": obj{"strengths": "Zanzibar"}}, match(1)).Want(200)
	d.Call(d.worker, "POST", d.at(id, "problems"), obj{"code": "documentation", "description": "Zanzibar"}).Want(201)
	var told, lines int
	d.Scan("select count(*) filter (where concat(before, after) like '%Zanzibar%'), count(*) from audit_events where resource in ('case_assessments', 'case_problems')", nil, &told, &lines)
	if told != 0 || lines != 3 {
		t.Errorf("%d of %d lines of the trail tell what was answered", told, lines)
	}
}

func TestAssessment_SuggestsARiskAndAPersonDecides(t *testing.T) {
	d := newDesk(t)
	factors := func(severity ...int) obj {
		codes := []string{"individual.age", "individual.sex", "individual.sogi", "individual.literacy"}
		list := []obj{}
		for i, s := range severity {
			polarity := "risk"
			if s < 0 {
				polarity, s = "protective", -s
			}
			list = append(list, obj{"code": codes[i], "polarity": polarity, "severity": s})
		}
		return obj{"individual": list, "household_family": []obj{}, "community": []obj{}, "structural": []obj{}, "balance": "x"}
	}
	for _, c := range []struct {
		answers obj
		want    string
	}{{factors(3, 3, 3, 1), "high"}, {factors(3, 3, 3, -2), "medium"}, {factors(2, 2), "medium"}, {factors(3, -3), "medium"}, {factors(2, 1, -2), "low"}, {factors(), ""}} {
		id := d.open(obj{"risk_level": "low"})
		x := d.start(id, "domv", c.answers)
		done := d.Call(d.worker, "POST", x.Header.Get("Location")+"/complete", obj{"summary": "x"}, match(1)).Want(200)
		if done.Text("suggested_risk") != c.want || done.Text("risk_level") != "" {
			t.Errorf("%v: %s", c.answers["individual"], done.Raw)
		}
		if risk := d.Call(d.worker, "GET", d.at(id), nil).Want(200).Text("risk_level"); risk != "low" {
			t.Errorf("a suggestion made the case %s", risk)
		}
	}
	id := d.open(obj{"risk_level": "low"})
	x := d.start(id, "domv", factors(3, 3, 3, 1))
	d.Call(d.worker, "POST", x.Header.Get("Location")+"/complete", obj{"summary": "x", "risk_level": "medium"}, match(1)).Want(200)
	if risk := d.Call(d.worker, "GET", d.at(id), nil).Want(200).Text("risk_level"); risk != "medium" {
		t.Errorf("the assessor decided medium, the case is %s", risk)
	}
}

// rule 37
func TestAssessment_OfARestrictedFileSaysLanguageAndInterpreter(t *testing.T) {
	d := newDesk(t)
	id := d.open(obj{"sensitivity": "restricted"})
	x := d.start(id, "biopsychosocial", wellbeing)
	at := x.Header.Get("Location")
	if r := d.Call(d.worker, "POST", at+"/complete", obj{"summary": "x"}, match(1)).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "language_required" {
		t.Errorf("refused: %s", r.Raw)
	}
	d.Call(d.worker, "PATCH", at, obj{"interview_language": "ti", "interpreter_used": false}, match(1)).Want(200)
	d.Call(d.worker, "POST", at+"/complete", obj{"summary": "x"}, match(2)).Want(200)
	d.Call(d.supervisor, "GET", at, nil).WantCode(404, "not_found")
}

func TestAssessment_BeginsOnAPublishedForm(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	manager := d.Staff(d.CentreA, "centre_manager")
	forms := "/v1/centres/" + d.CentreA.String() + "/forms"
	mine := d.Call(manager, "POST", forms, obj{"key": "sleep", "kind": "other", "title": "Sleep", "schema": obj{"type": "object", "properties": obj{"hours": obj{"type": "integer", "title": "Hours"}}}}).Want(201)
	start := func(form uuid.UUID) string {
		r := d.Call(d.worker, "POST", d.at(id, "assessments"), obj{"form_id": form})
		return r.Text("status") + r.Text("errors", 0, "code")
	}
	if got := start(mine.ID()); got != "422form_not_published" {
		t.Errorf("on a draft: %s", got)
	}
	if got := start(uuid.New()); got != "422unknown_form" {
		t.Errorf("on nothing: %s", got)
	}
	d.Call(manager, "POST", mine.Header.Get("Location")+"/publish", nil, match(1)).Want(200)
	x := d.Call(d.worker, "POST", d.at(id, "assessments"), obj{"form_id": mine.ID()}).Want(201)
	d.Call(manager, "POST", mine.Header.Get("Location")+"/retire", nil, match(2)).Want(200)
	if got := start(mine.ID()); got != "422form_not_published" {
		t.Errorf("on a retired form: %s", got)
	}
	d.Call(d.worker, "PATCH", x.Header.Get("Location"), obj{"answers": obj{"hours": "many"}}, match(1)).WantCode(422, "invalid")
	d.Call(d.worker, "PATCH", x.Header.Get("Location"), obj{"answers": obj{"hours": 4}}, match(1)).Want(200)
}

func TestPlan_BeginsWithACompletedAssessment(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	d.Call(d.worker, "POST", d.at(id, "plans"), obj{}).WantCode(422, "assessment_required")
	d.start(id, "biopsychosocial", obj{})
	d.Call(d.worker, "POST", d.at(id, "plans"), obj{}).WantCode(422, "assessment_required")
	d.assessed(id)
	plan := d.plan(id)
	action := d.at(id, "actions", plan.ID("actions", 0, "id"))
	if r := d.Call(d.worker, "PATCH", action, obj{"status": "in_progress"}, match(1)).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "agreement_required" {
		t.Errorf("begun before it was agreed: %s", r.Raw)
	}
	d.activate(id, plan)
	d.Call(d.worker, "PATCH", action, obj{"status": "in_progress"}, match(1)).Want(200)
	d.policy(`{}`)
	d.Call(d.worker, "POST", d.at(d.open(nil), "plans"), obj{}).Want(201)
}

func TestPlan_SOPMayAskForAnApprovedAssessment(t *testing.T) {
	d := newDesk(t)
	d.policy(`{"case": {"plan_needs_assessment": true, "hold_max_days": 30}, "approvals": {"assessment": {"required": true, "roles": ["case_supervisor"]}}}`)
	id := d.open(nil)
	x := d.start(id, "biopsychosocial", wellbeing)
	ask := obj{"kind": "assessment", "assessment_id": x.ID(), "reason": "Please read"}
	if r := d.Call(d.worker, "POST", d.at(id, "approvals"), ask).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "completed_required" {
		t.Errorf("of a draft: %s", r.Raw)
	}
	d.Call(d.worker, "POST", x.Header.Get("Location")+"/complete", obj{"summary": "x"}, match(1)).Want(200)
	d.Call(d.worker, "POST", d.at(id, "plans"), obj{}).WantCode(422, "approval_required")
	asked := d.Call(d.worker, "POST", d.at(id, "approvals"), ask).Want(201)
	if asked.ID("assessment_id") != x.ID() {
		t.Errorf("asked: %s", asked.Raw)
	}
	d.Call(d.supervisor, "POST", asked.Header.Get("Location")+"/approve", obj{}, match(1)).Want(200)
	d.Call(d.worker, "POST", d.at(id, "plans"), obj{}).Want(201)
}

// duty D2: a draft is taken back by whoever wrote it, a completed assessment by two people; what it said stays.
func TestAssessment_TakenBackKeepsWhatItSaid(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	colleague := d.Staff(d.CentreA, "caseworker")
	d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": colleague.ID}).Want(201)
	draft := d.start(id, "biopsychosocial", obj{"reason": "Cannot sleep"})
	d.Call(colleague, "POST", draft.Header.Get("Location")+"/void", obj{"reason": "x"}, match(1)).WantCode(403, "forbidden")
	d.Call(d.worker, "POST", draft.Header.Get("Location")+"/void", obj{"reason": "x"}, match(7)).WantCode(412, "stale_version")
	gone := d.Call(d.worker, "POST", draft.Header.Get("Location")+"/void", obj{"reason": "Wrong form"}, match(1)).Want(200)
	if gone.Text("status") != "void" || gone.Text("void_reason") != "Wrong form" || gone.Text("answers", "reason") != "Cannot sleep" || gone.ID("voided_by") != d.worker.ID {
		t.Errorf("gone: %s", gone.Raw)
	}
	for verb, body := range map[string]obj{"void": {"reason": "x"}, "complete": {"summary": "x"}, "amend": {"reason": "x"}} {
		d.Call(d.worker, "POST", draft.Header.Get("Location")+"/"+verb, body, match(2)).WantCode(409, "state_conflict")
	}
	done := d.assessed(id)
	at := d.at(id, "assessments", done.ID())
	d.Call(d.supervisor, "POST", at+"/void", obj{"reason": "x"}, match(2)).WantCode(422, "approval_required")
	asked := d.Call(d.worker, "POST", d.at(id, "approvals"), obj{"kind": "assessment_void", "assessment_id": done.ID(), "reason": "Of her sister"}).Want(201)
	if asked.ID("assessment_id") != done.ID() {
		t.Errorf("asked: %s", asked.Raw)
	}
	d.Call(d.worker, "POST", d.at(id, "approvals"), obj{"kind": "assessment_void", "assessment_id": draft.ID(), "reason": "x"}).WantCode(422, "invalid")
	approve := d.at(id, "approvals", asked.ID(), "approve")
	d.Call(d.worker, "POST", approve, obj{}, match(1)).WantCode(403, "forbidden")
	amendment := d.Call(d.worker, "POST", at+"/amend", obj{"reason": "x"}, match(2)).Want(200)
	d.Call(d.supervisor, "POST", approve, obj{}, match(1)).WantCode(409, "amendment_exists")
	d.Call(d.worker, "POST", d.at(id, "assessments", amendment.ID(), "void"), obj{"reason": "x"}, match(1)).Want(200)
	d.Call(d.supervisor, "POST", approve, obj{"comment": "Seen"}, match(1)).Want(200)
	void := d.Call(d.worker, "GET", at, nil).Want(200)
	if void.Text("status") != "void" || void.Text("summary") != "Well" || void.Text("void_reason") != "Of her sister" || void.ID("voided_by") != d.supervisor.ID {
		t.Errorf("void: %s", void.Raw)
	}
	if head := d.Call(d.worker, "GET", d.at(id), nil).Want(200); head.Text("assessed_at") != "" || head.Text("stage") != "assessment" {
		t.Errorf("the case is assessed: %s", head.Raw)
	}
	if n := d.Call(d.worker, "GET", d.at(id, "assessments"), nil).Want(200).Len("data"); n != 0 {
		t.Errorf("%d are listed", n)
	}
	if n := d.Call(d.worker, "GET", d.at(id, "assessments")+"?status=void", nil).Want(200).Len("data"); n != 3 {
		t.Errorf("%d are void", n)
	}
	err := as(d.House, d.worker, "caseworker", func(ctx context.Context) error {
		return db.Tx(ctx).Exec("update case_assessments set answers = '{}' where id = ?", done.ID()).Error
	})
	if err == nil {
		t.Error("what was taken back was rewritten")
	}
}

// duty D2
func TestAssessment_TheVersionBeforeHoldsAgain(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	first := d.assessed(id)
	next := d.Call(d.worker, "POST", d.at(id, "assessments", first.ID(), "amend"), obj{"reason": "x"}, match(2)).Want(200)
	second := d.Call(d.worker, "POST", d.at(id, "assessments", next.ID(), "complete"), obj{"summary": "Worse"}, match(1)).Want(200)
	d.Call(d.worker, "POST", d.at(id, "assessments", first.ID(), "void"), obj{"reason": "x"}, match(3)).WantCode(409, "state_conflict")
	opinion := d.Call(d.worker, "POST", d.at(id, "approvals"), obj{"kind": "assessment", "assessment_id": second.ID(), "reason": "x"}).Want(201)
	asked := d.Call(d.worker, "POST", d.at(id, "approvals"), obj{"kind": "assessment_void", "assessment_id": second.ID(), "reason": "Mixed up"}).Want(201)
	d.Call(d.supervisor, "POST", d.at(id, "approvals", asked.ID(), "approve"), obj{}, match(1)).Want(200)
	if before := d.Call(d.worker, "GET", d.at(id, "assessments", first.ID()), nil).Want(200); before.Text("status") != "completed" {
		t.Errorf("before: %s", before.Raw)
	}
	if head := d.Call(d.worker, "GET", d.at(id), nil).Want(200); head.Text("assessed_at") != first.Text("completed_at") {
		t.Errorf("the case's clock: %s", head.Raw)
	}
	d.Call(d.supervisor, "POST", d.at(id, "approvals", opinion.ID(), "approve"), obj{}, match(1)).WantCode(422, "invalid")
	d.Call(d.supervisor, "POST", d.at(id, "approvals", opinion.ID(), "reject"), obj{}, match(1)).Want(200)
	d.Call(d.worker, "POST", d.at(id, "assessments", first.ID(), "amend"), obj{"reason": "Once more"}, match(4)).Want(200)
}
