package distribution_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// approveAndOpen takes a plan to its open counter, whatever version it has.
func (s *hall) approveAndOpen(path string, brought ...obj) {
	s.T.Helper()
	s.post(s.approver, path+"/approve", nil, apptest.IfMatch(s.Call(s.officer, "GET", s.at+path, nil).ETag())).Want(200)
	s.post(s.officer, path+"/open", obj{"brought": append([]obj{}, brought...)}, apptest.IfMatch(s.Call(s.officer, "GET", s.at+path, nil).ETag())).Want(200)
}

func TestList_IsDrawnUpByTheRulesAndOnlyItIsServed(t *testing.T) {
	s := newHall(t)
	pot, cup := s.item("pot", ""), s.item("cup", "")
	early, late := s.receive(cup, "2"), s.receive(cup, "9")
	s.receive(pot, "1")
	pots, cups := s.rule(pot, obj{"per": "household"}), s.rule(cup, obj{"quantity": "2", "sexes": []string{"2"}})
	path := "/distributions/" + s.plan(byRules(pots, cups), obj{"open_list": false, "scheduled_on": time.Now().Format(time.DateOnly)}).Want(201).ID().String()
	mother, daughter, man, stranger := s.person(), s.person(), s.person(obj{"sex": "1"}), s.person()
	s.family(mother, daughter)
	r := s.post(s.officer, path+"/lines", obj{"beneficiary_ids": []uuid.UUID{mother, daughter, man, uuid.New()}}).Want(200)
	if r.Len("lines") != 3 || r.Len("left_out") != 1 || r.Text("left_out", 0, "reason") != "unknown" {
		t.Fatalf("listed: %s", r.Raw)
	}
	if r.Len("lines", 0, "items") != 2 || r.Len("lines", 1, "items") != 1 || r.Len("lines", 2, "items") != 1 {
		t.Errorf("the pot stands on one line of the family: %s", r.Raw)
	}
	if again := s.post(s.officer, path+"/lines", obj{"beneficiary_ids": []uuid.UUID{mother}}).Want(200); again.Len("lines") != 0 || again.Text("left_out", 0, "reason") != "listed" {
		t.Errorf("again: %s", again.Raw)
	}
	pick := s.Call(s.keeper, "GET", s.at+path+"/pick-list", nil).Want(200)
	for i := range pick.Len("items") {
		got := pick.Text("items", i, "quantity") + " short " + pick.Text("items", i, "short")
		switch pick.ID("items", i, "item_id") {
		case pot:
			if got != "2 short 1" {
				t.Errorf("pots: %s", pick.Raw)
			}
		case cup:
			if got != "4 short 0" || pick.ID("items", i, "lots", 0, "lot_id") != early || pick.ID("items", i, "lots", 1, "lot_id") != late || pick.Text("items", i, "lots", 1, "quantity") != "2" {
				t.Errorf("cups: %s", pick.Raw)
			}
		}
	}
	s.post(s.officer, path+"/lines/"+r.Text("lines", 2, "id")+"/remove", obj{"reason": "Left"}, apptest.IfMatch(`"1"`)).Want(200)
	s.approveAndOpen(path)
	s.post(s.officer, path+"/lines", obj{"beneficiary_ids": []uuid.UUID{stranger}}).WantCode(409, "state_conflict")
	for _, who := range []uuid.UUID{man, stranger} {
		if refused := s.post(s.officer, path+"/issues", to(who)).WantCode(422, "invalid"); refused.Text("errors", 0, "code") != "not_on_list" {
			t.Errorf("refused: %s", refused.Raw)
		}
	}
	issued := s.post(s.officer, path+"/issues", to(mother)).Want(201)
	list := s.Call(s.officer, "GET", s.at+path+"/lines?issued=true", nil).Want(200)
	if list.Len("data") != 1 || list.ID("data", 0, "issue_id") != issued.ID() {
		t.Errorf("who received: %s", list.Raw)
	}
	s.post(s.approver, path+"/issues/"+issued.ID().String()+"/reverse", obj{"reason": "Wrong"}, apptest.IfMatch(`"1"`)).Want(200)
	if list := s.Call(s.officer, "GET", s.at+path+"/lines?issued=false", nil).Want(200); list.Len("data") != 2 {
		t.Errorf("who has not: %s", list.Raw)
	}
}

// rule 18
func TestReconcile_EndsAtNothingOrIsExplained(t *testing.T) {
	s := newHall(t)
	soap, cup := s.item("soap", "100"), s.item("cup", "100")
	path := "/distributions/" + s.plan(byRules(s.rule(soap, obj{"quantity": "3"}), s.rule(cup))).Want(201).ID().String()
	s.approveAndOpen(path, obj{"item_id": soap, "quantity": "50"}, obj{"item_id": cup, "quantity": "10"})
	for range 4 {
		s.post(s.officer, path+"/issues", to(s.person())).Want(201)
	}
	wrong := s.post(s.officer, path+"/issues", to(s.person())).Want(201)
	s.post(s.approver, path+"/issues/"+wrong.ID().String()+"/reverse", obj{"reason": "Wrong"}, apptest.IfMatch(`"1"`)).Want(200)
	s.post(s.keeper, path+"/reconcile", obj{"items": []obj{}}, apptest.IfMatch(`"3"`)).WantCode(409, "state_conflict")
	s.post(s.officer, path+"/close", nil, apptest.IfMatch(`"3"`)).Want(200)
	s.post(s.officer, path+"/issues", to(s.person())).WantCode(409, "state_conflict")
	count := func(p apptest.Person, rows ...obj) *apptest.Response {
		return s.post(p, path+"/reconcile", obj{"items": rows}, apptest.IfMatch(`"4"`))
	}
	some := func(item uuid.UUID, returned string, more ...obj) obj {
		return with(obj{"item_id": item, "returned": returned}, more...)
	}
	for code, rows := range map[string][]obj{
		"unexplained": {some(soap, "36"), some(cup, "6")}, "not_counted": {some(soap, "38")}, "not_brought": {some(soap, "38"), some(cup, "6"), some(uuid.New(), "1")},
	} {
		if r := count(s.keeper, rows...).WantCode(422, "invalid"); r.Text("errors", 0, "code") != code {
			t.Errorf("%s: %s", code, r.Raw)
		}
	}
	both := []obj{some(soap, "36", obj{"explanation": "Two fell into the mud"}), some(cup, "7", obj{"explanation": "One family gave theirs back"})}
	count(s.approver, both...).WantCode(422, "four_eyes")
	r := count(s.keeper, both...).Want(200)
	if r.Text("status") != "reconciled" || r.Text("reconciliation", 0, "variance") != "2" || r.Text("reconciliation", 0, "issued") != "12" || r.Text("reconciliation", 1, "variance") != "-1" {
		t.Errorf("reconciled: %s", r.Raw)
	}
	adjustment := "/stock/documents/" + r.Text("adjustment_id")
	waits := s.Call(s.keeper, "GET", s.at+adjustment, nil).Want(200)
	if waits.Text("status") != "requested" || s.onHand(soap) != "88" {
		t.Errorf("the adjustment: %s", waits.Raw)
	}
	s.post(s.approver, adjustment+"/approve", obj{}, apptest.IfMatch(`"1"`)).Want(200)
	if s.onHand(soap) != "86" || s.onHand(cup) != "97" {
		t.Errorf("%s soap and %s cups are in the books", s.onHand(soap), s.onHand(cup))
	}
	issues := s.Call(s.officer, "GET", s.at+path+"/issues", nil).Want(200)
	s.post(s.approver, path+"/issues/"+issues.Text("data", 1, "id")+"/reverse", obj{"reason": "x"}, apptest.IfMatch(issues.Text("x"))).Want(400)
}

func TestReconcile_ToZeroPostsNothing(t *testing.T) {
	s := newHall(t)
	cup := s.item("cup", "9")
	path := "/distributions/" + s.plan(byRules(s.rule(cup))).Want(201).ID().String()
	s.approveAndOpen(path, obj{"item_id": cup, "quantity": "5"})
	s.post(s.officer, path+"/issues", to(s.person())).Want(201)
	s.post(s.officer, path+"/close", nil, apptest.IfMatch(`"3"`)).Want(200)
	r := s.post(s.keeper, path+"/reconcile", obj{"items": []obj{{"item_id": cup, "returned": "4"}}}, apptest.IfMatch(`"4"`)).Want(200)
	if r.Value("adjustment_id") != nil || r.Text("reconciliation", 0, "variance") != "0" {
		t.Errorf("nothing is missing: %s", r.Raw)
	}
}

func TestReplay_GivesEachIssueAnOutcomeOfItsOwn(t *testing.T) {
	s := newHall(t)
	item := s.item("blanket", "3")
	path := s.counter(byRules(s.rule(item)))
	one, two, three, four := s.person(), s.person(), s.person(), s.person()
	offline := func(who uuid.UUID, more ...obj) obj {
		return to(who, obj{"id": uuid.New(), "issued_at": time.Now().UTC().Format(time.RFC3339Nano)}, with(obj{}, more...))
	}
	first := offline(one)
	online := obj{"id": first["id"], "beneficiary_id": one, "proof": first["proof"]}
	s.post(s.officer, path+"/issues", online).Want(201) // it went through before the connection broke
	batch := []obj{first, offline(two), offline(two), offline(uuid.New()), offline(three, obj{"proof": obj{"kind": "token"}}), offline(three), offline(four)}
	outcomes := func(r *apptest.Response) (list []string) {
		for i := range r.Len("outcomes") {
			list = append(list, r.Text("outcomes", i, "outcome")+r.Text("outcomes", i, "code"))
		}
		return list
	}
	want := []string{"known", "issued", "refusednot_entitled", "refusedinvalid", "refusedinvalid", "issued", "refusedinvalid"} // none is left for the last
	if got := outcomes(s.post(s.officer, path+"/replay", obj{"issues": batch}).Want(200)); !slices.Equal(got, want) {
		t.Errorf("outcomes %v", got)
	}
	want[1], want[5] = "known", "known"
	if got := outcomes(s.post(s.officer, path+"/replay", obj{"issues": batch}).Want(200)); !slices.Equal(got, want) {
		t.Errorf("once more: %v", got)
	}
	if s.onHand(item) != "0" {
		t.Errorf("%s are left", s.onHand(item))
	}
	s.receive(item, "5")
	late := offline(four)
	s.post(s.officer, path+"/close", nil, apptest.IfMatch(`"3"`)).Want(200)
	after := offline(s.person(), obj{"issued_at": time.Now().UTC().Add(time.Minute).Format(time.RFC3339Nano)})
	if got := outcomes(s.post(s.officer, path+"/replay", obj{"issues": []obj{late, after}}).Want(200)); !slices.Equal(got, []string{"issued", "refusedstate_conflict"}) {
		t.Errorf("after the counter closed: %v", got)
	}
}
