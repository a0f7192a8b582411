package casework_test

import (
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/internal/app/apptest"
)

const checklist = `{"closure_checklist": [
	{"code": "keys", "required": true, "labels": {"en": "Keys are back", "fr": "Les clés sont rendues"}, "reasons": ["plan_completed", "consent_withdrawn"]},
	{"code": "safety", "required": true, "labels": {"fr": "Un plan de sécurité existe"}, "risk_levels": ["high"]},
	{"code": "thanks", "required": false, "labels": {"en": "Thanked"}}]}`

func TestCase_ClosureAnswersTheChecklistOfItsSOP(t *testing.T) {
	d := newDesk(t)
	d.policy(checklist)
	id := d.open(obj{"risk_level": "high"})
	d.visited(id, "no_further_action")
	asked := d.Call(d.worker, "GET", d.at(id, "closure-checklist")+"?reason=plan_completed", nil, apptest.Header{Name: "Accept-Language", Value: "fr"}).Want(200)
	if asked.Len("items") != 3 || asked.Text("items", 0, "label") != "Les clés sont rendues" || asked.Text("items", 2, "label") != "Thanked" || asked.Text("sop_id") == "" {
		t.Errorf("asked: %s", asked.Raw)
	}
	refused := d.do(d.worker, id, "request-closure", obj{"reason": "plan_completed", "summary": "x"}).WantCode(422, "invalid")
	if refused.Len("missing_items") != 2 || refused.Text("missing_items", 0) != "keys" || refused.Text("missing_items", 1) != "safety" || refused.Text("errors", 0, "code") != "unanswered_item" ||
		!strings.Contains(refused.Text("errors", 0, "detail"), "Keys are back") {
		t.Errorf("refused: %s", refused.Raw)
	}
	yes := func(codes ...string) (list []obj) {
		for _, c := range codes {
			list = append(list, obj{"code": c, "answer": "yes"})
		}
		return list
	}
	for name, c := range map[string]struct {
		body obj
		want string
	}{
		"twice":      {obj{"reason": "plan_completed", "summary": "x", "checklist": yes("keys", "safety", "keys")}, "repeated"},
		"not asked":  {obj{"reason": "plan_completed", "summary": "x", "checklist": yes("keys", "safety", "shoes")}, "unknown_item"},
		"one alone":  {obj{"reason": "plan_completed", "summary": "x", "checklist": yes("keys")}, "unanswered_item"},
		"other risk": {obj{"reason": "other", "summary": "x", "checklist": yes("keys")}, "unanswered_item"},
	} {
		if r := d.do(d.worker, id, "request-closure", c.body).WantCode(422, "invalid"); r.Text("errors", 0, "code") != c.want {
			t.Errorf("%s: %s", name, r.Raw)
		}
	}
	answers := append(yes("keys"), obj{"code": "safety", "answer": "not_applicable", "note": "Moved away"})
	d.do(d.worker, id, "request-closure", obj{"reason": "plan_completed", "summary": "x", "checklist": answers}).Want(200)
	d.do(d.supervisor, id, "approve-closure", obj{"checklist": []obj{{"code": "keys", "answer": "no", "note": "One is lost"}}}).Want(200)
	kept := d.Call(d.supervisor, "GET", d.at(id, "approvals"), nil).Want(200)
	if kept.Len("data", 0, "checklist") != 2 || kept.Text("data", 0, "checklist", 0, "answer") != "no" || kept.Text("data", 0, "checklist", 1, "note") != "Moved away" {
		t.Errorf("kept: %s", kept.Raw)
	}
}

func TestCase_WhoApprovesAnswersWhatNobodyWasAsked(t *testing.T) {
	d := newDesk(t)
	d.policy(checklist)
	id := d.open(nil)
	d.visited(id, "no_further_action")
	d.do(d.worker, id, "request-closure", obj{"reason": "plan_completed", "summary": "x", "checklist": []obj{{"code": "keys", "answer": "yes"}}}).Want(200)
	var version int
	d.Scan("select version from cases where id = $1", []any{id}, &version)
	d.Call(d.worker, "PATCH", d.at(id), obj{"risk_level": "high", "risk_reason": "Threatened"}, match(version)).Want(200)
	if r := d.do(d.supervisor, id, "approve-closure", obj{}).WantCode(422, "invalid"); r.Text("missing_items", 0) != "safety" {
		t.Errorf("at a higher risk: %s", r.Raw)
	}
	d.do(d.supervisor, id, "approve-closure", obj{"checklist": []obj{{"code": "safety", "answer": "yes"}}}).Want(200)

	left := d.open(nil)
	var who string
	d.Scan("select beneficiary_id::text from cases where id = $1", []any{left}, &who)
	d.Call(d.worker, "POST", strings.TrimSuffix(d.cases, "/cases")+"/beneficiaries/"+who+"/consents",
		obj{"scope": "case_management", "decision": "withdrawn", "giver": "individual", "method": "written", "language": "fr", "given_at": time.Now()}).Want(201)
	if r := d.do(d.supervisor, left, "approve-closure", obj{}).WantCode(422, "invalid"); r.Text("missing_items", 0) != "keys" {
		t.Errorf("after a withdrawal: %s", r.Raw)
	}
	d.do(d.supervisor, left, "approve-closure", obj{"checklist": []obj{{"code": "keys", "answer": "yes"}}}).Want(200)
}

func TestCase_WithoutASOPTheDefaultChecklistAsks(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	d.visited(id, "no_further_action")
	if r := d.do(d.worker, id, "request-closure", obj{"reason": "plan_completed", "summary": "x"}).WantCode(422, "invalid"); r.Text("missing_items", 0) != "person_informed" {
		t.Errorf("refused: %s", r.Raw)
	}
	d.do(d.worker, id, "request-closure", obj{"reason": "plan_completed", "summary": "x", "person_informed": false}).Want(200)
	if kept := d.Call(d.worker, "GET", d.at(id, "approvals"), nil).Want(200); kept.Text("data", 0, "checklist", 0, "answer") != "no" {
		t.Errorf("kept: %s", kept.Raw)
	}
	d.policy(`{}`) // procedures of before there were checklists
	old := d.open(nil)
	d.visited(old, "no_further_action")
	d.do(d.worker, old, "request-closure", obj{"reason": "plan_completed", "summary": "x"}).Want(200)
	if r := d.Call(d.worker, "GET", d.at(old, "closure-checklist")+"?reason=deceased", nil).Want(200); r.Len("items") != 0 {
		t.Errorf("asked: %s", r.Raw)
	}
	d.Call(d.worker, "GET", d.at(old, "closure-checklist")+"?reason=boredom", nil).Want(400)
}
