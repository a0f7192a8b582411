package distribution_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

type obj = map[string]any

// hall is a centre where things are given out: who plans and issues, who approves, who keeps the store.
type hall struct {
	*apptest.House
	officer, approver, keeper, registrar, nurse apptest.Person
	at                                          string
	store                                       uuid.UUID
}

func newHall(t *testing.T) *hall {
	h := apptest.New(t)
	c := h.CentreA
	s := &hall{House: h, officer: h.Staff(c, "distribution_officer"), approver: h.Staff(c, "stock_approver"), keeper: h.Staff(c, "storekeeper"),
		registrar: h.Staff(c, "registrar", "caseworker"), nurse: h.Staff(c, "health_worker"), at: "/v1/centres/" + c.String()}
	s.store = s.post(s.keeper, "/stock/locations", obj{"code": "A1", "name": "Store", "kind": "store"}).Want(201).ID()
	return s
}

func (s *hall) post(p apptest.Person, path string, body any, headers ...apptest.Header) *apptest.Response {
	s.T.Helper()
	return s.Call(p, "POST", s.at+path, body, headers...)
}

func with(body obj, more ...obj) obj {
	for _, m := range more {
		for k, v := range m {
			body[k] = v
		}
	}
	return body
}

// item adds an item and receives so much of it.
func (s *hall) item(code, quantity string, more ...obj) uuid.UUID {
	s.T.Helper()
	id := s.post(s.keeper, "/stock/items", with(obj{"code": code, "name": code, "category": "other", "unit": "piece"}, more...)).Want(201).ID()
	if quantity != "" {
		s.receive(id, quantity)
	}
	return id
}

func (s *hall) receive(item uuid.UUID, quantity string, more ...obj) uuid.UUID {
	s.T.Helper()
	line := with(obj{"item_id": item, "location_id": s.store, "quantity": quantity}, more...)
	return s.post(s.keeper, "/stock/receipts", obj{"type": "receipt_donation", "lines": []obj{line}}).Want(201).ID("movements", 0, "lot_id")
}

func (s *hall) rule(item uuid.UUID, more ...obj) uuid.UUID {
	s.T.Helper()
	return s.post(s.approver, "/entitlement-rules", with(obj{"name": "Rule", "item_id": item, "trigger": "arrival", "per": "person", "quantity": "1"}, more...)).Want(201).ID()
}

func (s *hall) plan(more ...obj) *apptest.Response {
	s.T.Helper()
	return s.post(s.officer, "/distributions", with(obj{"title": "March", "location_id": s.store, "scheduled_on": "2026-03-05", "open_list": true}, more...))
}

func byRules(rules ...uuid.UUID) obj {
	var offers []obj
	for _, r := range rules {
		offers = append(offers, obj{"rule_id": r})
	}
	return obj{"offers": offers}
}

// counter opens a distribution.
func (s *hall) counter(more ...obj) string {
	s.T.Helper()
	path := "/distributions/" + s.plan(more...).Want(201).ID().String()
	s.post(s.approver, path+"/approve", nil, apptest.IfMatch(`"1"`)).Want(200)
	s.post(s.officer, path+"/open", obj{"brought": []obj{}}, apptest.IfMatch(`"2"`)).Want(200)
	return path
}

// to asks to issue to somebody.
func to(who uuid.UUID, more ...obj) obj {
	return with(obj{"beneficiary_id": who, "proof": obj{"kind": "witness", "witness": "A. Issoufou"}}, more...)
}

func (s *hall) person(more ...obj) uuid.UUID {
	s.T.Helper()
	name := strings.Map(func(r rune) rune { return 'a' + (r % 26) }, uuid.NewString())
	return s.post(s.registrar, "/beneficiaries", with(obj{"registration_level": "basic", "reception_on": "2026-03-01", "given_name": name, "sex": "2", "age": 27,
		"population_type": "migrant", "consent": obj{"decision": "given", "giver": "individual", "method": "written", "language": "fr"}}, more...)).Want(201).ID()
}

// child is somebody of an age in completed years; how a child consents is another matter.
func (s *hall) child(age int, more ...obj) uuid.UUID {
	s.T.Helper()
	id := s.person(more...)
	s.Exec("update beneficiaries set birth_date = current_date - $2::int * interval '1 year' - interval '10 days' where id = $1", id, age)
	return id
}

func (s *hall) family(members ...uuid.UUID) uuid.UUID {
	s.T.Helper()
	var list []obj
	for i, m := range members {
		list = append(list, obj{"beneficiary_id": m, "relationship": []string{"head", "other_family"}[min(i, 1)]})
	}
	return s.post(s.registrar, "/households", obj{"members": list}).Want(201).ID()
}

func (s *hall) check(who uuid.UUID, query string) *apptest.Response {
	s.T.Helper()
	return s.Call(s.officer, "GET", s.at+"/entitlements/check?beneficiary_id="+who.String()+query, nil).Want(200)
}

func (s *hall) onHand(item uuid.UUID) (sum string) {
	s.T.Helper()
	s.Scan("select trim_scale(coalesce(sum(on_hand), 0))::text from stock_balances where item_id = $1", []any{item}, &sum)
	return sum
}

// says lists what a check answers: "name: reason".
func says(r *apptest.Response) (list []string) {
	for i := range r.Len("entitlements") {
		verdict := "allowed " + r.Text("entitlements", i, "quantity")
		if r.Value("entitlements", i, "allowed") != true {
			verdict = r.Text("entitlements", i, "reason")
		}
		list = append(list, r.Text("entitlements", i, "name")+": "+verdict)
	}
	return list
}

func TestCheck_SaysWhoMayReceiveWhatAndWhyNot(t *testing.T) {
	s := newHall(t)
	item := s.item("pad", "")
	for name, rule := range map[string]obj{
		"a everybody": {}, "b girls and women": {"sexes": []string{"2"}, "age_from": 12, "age_to": 50}, "c infants": {"age_to": 1},
		"d stranded": {"needs": []obj{{"code_system": "migrant_vulnerability", "code": "stranded"}}}, "e screened": {"trigger": "assessment"},
		"f nets": {"per": "group", "group_size": 2, "quantity": "1"}, "g pots": {"per": "household", "quantity": "2", "household_from": 3}, "h summer": {"season": obj{"from": "06-01", "to": "08-31"}},
		"i winter": {"season": obj{"from": "11-01", "to": "03-31"}}, "j leaving": {"trigger": "departure"}, "k not any more": {},
	} {
		s.rule(item, obj{"name": name}, rule)
	}
	r := s.Call(s.approver, "GET", s.at+"/entitlement-rules?sort=-name&limit=1", nil).Want(200)
	s.Call(s.approver, "PATCH", s.at+"/entitlement-rules/"+r.Text("data", 0, "id"), obj{"active": false}, apptest.IfMatch(`"1"`)).Want(200)
	woman, boy, unknown := s.person(), s.child(1, obj{"sex": "1"}), s.person()
	s.Exec("update beneficiaries set birth_date = null, birth_date_precision = null where id = $1", unknown)
	s.post(s.registrar, "/beneficiaries/"+boy.String()+"/needs", obj{"code_system": "migrant_vulnerability", "code": "stranded", "confidence": "observed"}).Want(201)
	s.post(s.registrar, "/beneficiaries/"+woman.String()+"/screenings", obj{"factors": []any{obj{"factor": "individual.age", "polarity": "neutral"}}}).Want(201)
	for _, c := range []struct {
		who  uuid.UUID
		want string
	}{
		{woman, "a everybody: allowed 1, b girls and women: allowed 1, c infants: not_meant, d stranded: not_meant, e screened: allowed 1, f nets: allowed 1, g pots: not_meant, h summer: out_of_season, i winter: allowed 1, j leaving: allowed 1"},
		{boy, "a everybody: allowed 1, b girls and women: not_meant, c infants: allowed 1, d stranded: allowed 1, e screened: not_assessed, f nets: allowed 1, g pots: not_meant, h summer: out_of_season, i winter: allowed 1, j leaving: allowed 1"},
		{unknown, "a everybody: allowed 1, b girls and women: age_unknown, c infants: age_unknown, d stranded: not_meant, e screened: not_assessed, f nets: allowed 1, g pots: not_meant, h summer: out_of_season, i winter: allowed 1, j leaving: allowed 1"},
	} {
		if got := strings.Join(says(s.check(c.who, "&on=2026-03-05")), ", "); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	s.family(woman, boy, unknown)
	home := s.check(woman, "&on=2026-07-01")
	if got := strings.Join(says(home), ", "); !strings.Contains(got, "f nets: allowed 2, g pots: allowed 2, h summer: allowed 1, i winter: out_of_season") {
		t.Errorf("three at home in July: %s", got)
	}
	if home.Text("entitlements", 8, "available_from") != "2026-11-01" || home.Text("entitlements", 7, "available_until") != "2026-08-31" || home.Len("household") != 2 || home.Len("household", 0, "entitlements") == 0 {
		t.Errorf("until when, and the others: %s", home.Raw)
	}
}

func TestRule_RefusesWhatIsNoRule(t *testing.T) {
	s := newHall(t)
	item := s.item("pad", "")
	for name, more := range map[string]obj{
		"a group without its size": {"per": "group"}, "a size without a group": {"group_size": 2}, "an interval of a month": {"trigger": "monthly", "interval_days": 30},
		"nothing": {"quantity": "0"}, "ages": {"age_from": 12, "age_to": 5}, "a household": {"household_from": 4, "household_to": 2}, "no such day": {"season": obj{"from": "02-30", "to": "03-01"}},
		"no such need": {"needs": []obj{{"code_system": "migrant_vulnerability", "code": "none_such"}}}, "no such item": {"item_id": uuid.New()},
		"a restricted need": {"needs": []obj{{"code_system": "migrant_vulnerability", "code": "vot"}}},
	} {
		if r := s.post(s.approver, "/entitlement-rules", with(obj{"name": "x", "item_id": item, "trigger": "arrival", "per": "person", "quantity": "1"}, more)); r.Status != 422 {
			t.Errorf("%s: %d %s", name, r.Status, r.Raw)
		}
	}
	s.post(s.officer, "/entitlement-rules", obj{"name": "x", "item_id": item, "trigger": "arrival", "per": "person", "quantity": "1"}).Want(403)
	id := s.rule(item, obj{"season": obj{"from": "11-01", "to": "03-31"}, "interval_days": 90})
	changed := s.Call(s.approver, "PATCH", s.at+"/entitlement-rules/"+id.String(), obj{"season": nil, "interval_days": nil, "quantity": "2"}, apptest.IfMatch(`"1"`)).Want(200)
	if changed.Value("season") != nil || changed.Value("interval_days") != nil || changed.Text("quantity") != "2" {
		t.Errorf("changed: %s", changed.Raw)
	}
}

// rule 17
func TestIssue_IsOncePerIntervalAndSaysUntilWhen(t *testing.T) {
	s := newHall(t)
	item := s.item("soap", "1000", obj{"unit": "gram"})
	soap := s.rule(item, obj{"name": "a soap", "trigger": "monthly", "quantity": "250"})
	brush := s.rule(item, obj{"name": "b brush", "interval_days": 90})
	kit := s.rule(item, obj{"name": "c kit"})
	at, who := s.counter(byRules(soap, brush, kit)), s.person()
	issued := s.post(s.officer, at+"/issues", to(who)).Want(201)
	if issued.Len("items") != 3 || s.onHand(item) != "748" || issued.Text("issued_by") != s.officer.ID.String() {
		t.Errorf("issued %s, on hand %s", issued.Raw, s.onHand(item))
	}
	r := s.post(s.officer, at+"/issues", to(who)).WantCode(422, "not_entitled")
	if r.Len("errors") != 3 || r.Text("errors", 0, "code") != "already_received" {
		t.Errorf("again: %s", r.Raw)
	}
	got := s.check(who, "")
	now := time.Now().UTC()
	month := time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	if got.Text("entitlements", 0, "available_from") != month || got.Text("entitlements", 1, "available_from") != now.AddDate(0, 0, 90).Format(time.DateOnly) || got.Value("entitlements", 2, "available_from") != nil {
		t.Errorf("until when: %s", got.Raw)
	}
	if got.Text("entitlements", 0, "received", "issue_id") != issued.ID().String() || got.Text("entitlements", 0, "received", "issued_on") != issued.Text("issued_on") {
		t.Errorf("what stands against it: %s", got.Raw)
	}
	later := s.check(who, "&on="+now.AddDate(0, 0, 90).Format(time.DateOnly))
	if strings.Join(says(later), ", ") != "a soap: allowed 250, b brush: allowed 1, c kit: already_received" {
		t.Errorf("ninety days later: %v", says(later))
	}
	s.post(s.registrar, "/visits", obj{"beneficiary_id": who, "arrived_at": now.Add(-time.Minute).Format(time.RFC3339), "access_mode": "always_open"}).Want(201)
	s.Exec("update distribution_issues set issued_on = issued_on - 5; update entitlement_uses set issued_on = issued_on - 5, from_on = from_on - 5")
	if again := s.check(who, "&rule_id="+kit.String()); again.Value("entitlements", 0, "allowed") != true {
		t.Errorf("after another arrival: %s", again.Raw)
	}
	s.post(s.officer, at+"/issues", to(who, obj{"items": []obj{{"rule_id": kit}}})).Want(201)
	s.post(s.officer, at+"/issues", to(who, obj{"items": []obj{{"rule_id": kit}}})).WantCode(422, "not_entitled")
}

// rule 17
func TestIssue_ToAHouseholdIsForAllOfIt(t *testing.T) {
	s := newHall(t)
	pot, cup := s.item("pot", "20"), s.item("cup", "20")
	pots, cups := s.rule(pot, obj{"per": "household", "name": "a pots"}), s.rule(cup, obj{"name": "b cups"})
	at := s.counter(byRules(pots, cups))
	mother, son, lonely := s.person(), s.child(12), s.person()
	home := s.family(mother, son)
	issued := s.post(s.officer, at+"/issues", to(mother)).Want(201)
	if issued.ID("household_id") != home || issued.Len("items") != 2 {
		t.Errorf("issued: %s", issued.Raw)
	}
	check := s.check(son, "")
	if strings.Join(says(check), ", ") != "a pots: household_received, b cups: allowed 1" {
		t.Errorf("the son: %s", check.Raw)
	}
	if others := s.check(mother, ""); others.Len("household", 0, "entitlements") != 1 || others.ID("household", 0, "entitlements", 0, "rule_id") != cups {
		t.Errorf("what the others may still get: %s", others.Raw)
	}
	if r := s.post(s.officer, at+"/issues", to(son)).Want(201); r.Len("items") != 1 {
		t.Errorf("the son received %s", r.Raw)
	}
	// Whoever leaves takes along what the household received.
	member := s.Call(s.registrar, "GET", s.at+"/households/"+home.String()+"/members", nil).Want(200)
	for i := range member.Len("data") {
		if member.ID("data", i, "beneficiary_id") == son {
			s.post(s.registrar, "/households/"+home.String()+"/members/"+member.Text("data", i, "id")+"/end", obj{"left_on": time.Now().UTC().Format(time.DateOnly)}, apptest.IfMatch(`"1"`)).Want(200)
		}
	}
	s.family(lonely, son)
	if got := says(s.check(lonely, "&rule_id="+pots.String())); got[0] != "a pots: household_received" {
		t.Errorf("the other household: %v", got)
	}
}

func TestIssue_AgainstARuleNeedsAReasonAndCounts(t *testing.T) {
	s := newHall(t)
	rule := s.rule(s.item("blanket", "9"), obj{"sexes": []string{"1"}, "interval_days": 30})
	at, who := s.counter(byRules(rule)), s.person()
	named := obj{"items": []obj{{"rule_id": rule}}}
	s.post(s.officer, at+"/issues", to(who, named)).WantCode(422, "not_entitled")
	s.post(s.officer, at+"/issues", to(who, obj{"override_reason": "Cold"})).WantCode(422, "not_entitled") // of what?
	r := s.post(s.officer, at+"/issues", to(who, named, obj{"override_reason": "Slept outside"})).Want(201)
	if r.Value("overridden") != true || r.Value("items", 0, "overridden") != true {
		t.Errorf("overridden: %s", r.Raw)
	}
	man := s.person(obj{"sex": "1"})
	s.post(s.officer, at+"/issues", to(man, named, obj{"override_reason": "For nothing"})).WantCode(422, "invalid")
	for quantity, want := range map[string]int{"2": 422, "0.5": 422} {
		s.post(s.officer, at+"/issues", to(man, obj{"items": []obj{{"rule_id": rule, "quantity": quantity}}})).Want(want)
	}
	s.post(s.officer, at+"/issues", to(man, obj{"items": []obj{{"rule_id": rule, "quantity": "0.5", "reason": "The last half"}}})).Want(201)
	s.post(s.officer, at+"/issues", to(man, named)).WantCode(422, "not_entitled")
	list := s.Call(s.officer, "GET", s.at+at+"/issues?overridden=true", nil).Want(200)
	if list.Len("data") != 1 || list.ID("data", 0, "beneficiary_id") != who {
		t.Errorf("against the rules: %s", list.Raw)
	}
}

func TestIssue_IsProvenAndCollectedByWhoMay(t *testing.T) {
	s := newHall(t)
	at := s.counter(byRules(s.rule(s.item("blanket", "9"))))
	who, other := s.person(), s.person()
	issue := func(body obj) *apptest.Response { return s.post(s.officer, at+"/issues", body) }
	for _, kind := range []string{"token", "signature", "thumbprint", "witness"} {
		issue(obj{"beneficiary_id": who, "proof": obj{"kind": kind}}).WantCode(422, "invalid")
	}
	s.post(s.registrar, "/beneficiaries/"+who.String()+"/card", nil).Want(201)
	token := s.token(who)
	issue(obj{"beneficiary_id": other, "token": token, "proof": obj{"kind": "token"}}).WantCode(422, "invalid")
	issue(obj{"token": token[:len(token)-2] + "AA", "proof": obj{"kind": "token"}}).WantCode(422, "invalid")
	if r := issue(obj{"token": token, "proof": obj{"kind": "token"}}).Want(201); r.ID("beneficiary_id") != who {
		t.Errorf("the card is of %s", r.Raw)
	}
	form, contentType := s.Form(apptest.Part{Name: "kind", Content: []byte("document_scan")}, apptest.Part{Name: "file", FileName: "p.pdf", Type: "application/pdf", Content: []byte("%PDF-1.7")})
	sheet := s.post(s.registrar, "/beneficiaries/"+other.String()+"/attachments", form, contentType).Want(201).ID()
	signed := obj{"proof": obj{"kind": "signature", "attachment_id": sheet}}
	issue(to(s.person(), signed)).WantCode(422, "invalid") // of somebody else
	issue(to(other, obj{"proxy": obj{"name": "A neighbour", "beneficiary_id": other, "authorisation": "A letter"}})).WantCode(422, "invalid")
	r := issue(to(other, signed, obj{"proxy": obj{"name": "A neighbour", "beneficiary_id": who, "authorisation": "A letter"}})).Want(201)
	if r.ID("proxy", "beneficiary_id") != who || r.ID("proof", "attachment_id") != sheet {
		t.Errorf("collected: %s", r.Raw)
	}
}

// token reads the code that a person's card shows.
func (s *hall) token(who uuid.UUID) string {
	s.T.Helper()
	return s.ReadQR(s.Call(s.registrar, "GET", s.at+"/beneficiaries/"+who.String()+"/card", nil, apptest.Header{Name: "Accept", Value: "image/png"}).Want(200).Raw)
}

func TestIssue_TakesWhatExpiresFirstOrSaysWhyNot(t *testing.T) {
	s := newHall(t)
	item := s.item("milk", "", obj{"track_expiry": true})
	early := s.receive(item, "1", obj{"expires_on": time.Now().AddDate(0, 0, 20).Format(time.DateOnly)})
	late := s.receive(item, "5", obj{"expires_on": time.Now().AddDate(0, 0, 90).Format(time.DateOnly)})
	rule := s.rule(item)
	at := s.counter(byRules(rule))
	other := obj{"items": []obj{{"rule_id": rule, "lot_id": late}}}
	r := s.post(s.officer, at+"/issues", to(s.person(), other)).WantCode(422, "invalid")
	if r.Text("errors", 0, "code") != "not_first_expiry" || r.Text("errors", 0, "pointer") != "/items/0/lot_id" {
		t.Errorf("refused: %s", r.Raw)
	}
	s.post(s.officer, at+"/issues", to(s.person(), obj{"items": []obj{{"rule_id": rule, "lot_id": late, "reason": "The other is below"}}})).Want(201)
	s.post(s.officer, at+"/issues", to(s.person())).Want(201)
	var left string
	s.Scan("select trim_scale(on_hand)::text from stock_balances where lot_id = $1", []any{early}, &left)
	if left != "0" {
		t.Errorf("of what expires first %s are left", left)
	}
	for range 4 {
		s.post(s.officer, at+"/issues", to(s.person())).Want(201)
	}
	last := s.person()
	s.post(s.officer, at+"/issues", to(last)).WantCode(422, "invalid")
	if got := says(s.check(last, "")); got[0] != "Rule: allowed 1" {
		t.Errorf("nothing was there and nothing used up, yet: %v", got)
	}
}

func TestIssue_ARepeatIsKnownByItsID(t *testing.T) {
	s := newHall(t)
	item := s.item("blanket", "9")
	at, who, id := s.counter(byRules(s.rule(item))), s.person(), uuid.New()
	first := s.post(s.officer, at+"/issues", to(who, obj{"id": id})).Want(201)
	again := s.post(s.officer, at+"/issues", to(who, obj{"id": id})).Want(201)
	if again.ID() != first.ID() || again.Text("document_id") != first.Text("document_id") || s.onHand(item) != "8" {
		t.Errorf("again: %s", again.Raw)
	}
	s.post(s.officer, at+"/issues", to(s.person(), obj{"id": id})).WantCode(409, "id_taken")
}

func TestIssue_IsTakenBackByAnotherPersonAndFreesTheEntitlement(t *testing.T) {
	s := newHall(t)
	item := s.item("blanket", "9")
	at, who := s.counter(byRules(s.rule(item))), s.person()
	issued := s.post(s.officer, at+"/issues", to(who)).Want(201)
	path, reason := at+"/issues/"+issued.ID().String()+"/reverse", obj{"reason": "Handed to the wrong person"}
	s.post(s.officer, path, reason, apptest.IfMatch(`"1"`)).WantCode(422, "four_eyes")
	var movement uuid.UUID
	s.Scan("select id from stock_movements where document_id = $1", []any{issued.ID("document_id")}, &movement)
	s.post(s.approver, "/stock/movements/"+movement.String()+"/reverse", reason).WantCode(409, "state_conflict") // behind the issue's back
	back := s.post(s.approver, path, reason, apptest.IfMatch(`"1"`)).Want(200)
	if back.Text("reversal_id") == "" || s.onHand(item) != "9" {
		t.Errorf("taken back: %s, on hand %s", back.Raw, s.onHand(item))
	}
	s.post(s.approver, path, reason, apptest.IfMatch(`"2"`)).WantCode(409, "state_conflict")
	s.post(s.officer, at+"/issues", to(who)).Want(201)
}

func TestDistribution_IsApprovedByOneAndIssuedByAnother(t *testing.T) {
	s := newHall(t)
	rule := s.rule(s.item("blanket", "9"))
	manager := s.Staff(s.CentreA, "centre_manager", "distribution_officer", "stock_approver")
	d := s.post(manager, "/distributions", with(obj{"title": "x", "location_id": s.store, "scheduled_on": "2026-03-05"}, byRules(rule))).Want(201)
	path := "/distributions/" + d.ID().String()
	s.post(manager, path+"/approve", nil, apptest.IfMatch(`"1"`)).WantCode(422, "four_eyes")
	s.post(s.officer, path+"/open", obj{"brought": []obj{}}, apptest.IfMatch(`"1"`)).WantCode(409, "state_conflict")
	s.Call(manager, "PATCH", s.at+path, obj{"title": "y"}, apptest.IfMatch(`"1"`)).Want(200)
	both := s.Staff(s.CentreA, "stock_approver", "distribution_officer")
	s.post(both, path+"/approve", nil, apptest.IfMatch(`"2"`)).Want(200)
	s.Call(manager, "PATCH", s.at+path, obj{"title": "z"}, apptest.IfMatch(`"3"`)).WantCode(409, "state_conflict")
	s.post(s.officer, path+"/issues", to(s.person())).WantCode(409, "state_conflict")
	s.post(s.officer, path+"/open", obj{"brought": []obj{{"item_id": uuid.New(), "quantity": "1"}}}, apptest.IfMatch(`"3"`)).WantCode(422, "invalid")
	s.post(s.officer, path+"/open", obj{"brought": []obj{}}, apptest.IfMatch(`"3"`)).Want(200)
	s.post(both, path+"/issues", to(s.person())).WantCode(422, "four_eyes")
	s.post(s.officer, path+"/cancel", obj{"reason": "x"}, apptest.IfMatch(`"4"`)).WantCode(409, "state_conflict")
	s.post(s.officer, path+"/issues", to(uuid.New())).WantCode(422, "invalid")
	other := s.plan(byRules(rule)).Want(201)
	s.post(s.officer, "/distributions/"+other.ID().String()+"/cancel", obj{"reason": "No goods"}, apptest.IfMatch(`"1"`)).Want(200)
	for name, more := range map[string]obj{
		"no rule": {"offers": []obj{{"item_id": uuid.New(), "quantity": "1"}}}, "an unknown rule": byRules(uuid.New()), "twice": byRules(rule, rule), "no such place": with(byRules(rule), obj{"location_id": uuid.New()}),
	} {
		if r := s.plan(more); r.Status != 422 {
			t.Errorf("%s: %d %s", name, r.Status, r.Raw)
		}
	}
}

func TestDistribution_OnePersonDoesItAllWhereTheSOPSaysSo(t *testing.T) {
	s := newHall(t)
	manager, admin := s.Staff(s.CentreA, "centre_manager"), s.Staff(s.CentreA, "tenant_admin")
	draft := s.post(manager, "/sops", obj{"title": "Few staff", "policy": obj{"stock": obj{"backdating_days": 31, "approval_for": []string{}, "nutrition_items": []string{}, "shared_duties": true, "count_tolerance_percent": 0, "consumption_months": 3, "lead_time_days": 30, "safety_days": 15, "over_stock_months": 6, "expiry_notice_days": 60}}}).Want(201)
	s.post(admin, "/sops/"+draft.ID().String()+"/activate", nil, apptest.IfMatch(`"1"`)).Want(200)
	alone := s.Staff(s.CentreA, "distribution_officer", "stock_approver", "storekeeper")
	cup := s.item("cup", "9")
	path := "/distributions/" + s.post(alone, "/distributions", with(obj{"title": "x", "location_id": s.store, "scheduled_on": "2026-03-05", "open_list": true}, byRules(s.rule(cup)))).Want(201).ID().String()
	s.post(alone, path+"/approve", nil, apptest.IfMatch(`"1"`)).Want(200)
	s.post(alone, path+"/open", obj{"brought": []obj{{"item_id": cup, "quantity": "1"}}}, apptest.IfMatch(`"2"`)).Want(200)
	s.post(alone, path+"/issues", to(s.person())).Want(201)
	s.post(alone, path+"/close", nil, apptest.IfMatch(`"3"`)).Want(200)
	s.post(alone, path+"/reconcile", obj{"items": []obj{{"item_id": cup, "returned": "0"}}}, apptest.IfMatch(`"4"`)).Want(200)
}

func TestDistribution_ByHeadcountGivesSoMuchAPerson(t *testing.T) {
	s := newHall(t)
	item := s.item("ration", "100")
	at := s.counter(obj{"mode": "headcount", "offers": []obj{{"item_id": item, "quantity": "1.5"}}})
	counted := func(more ...obj) obj {
		return with(obj{"headcounts": []obj{{"sex": "2", "age_group": "unhcr_18_59", "persons": 12}, {"sex": "1", "age_group": "unhcr_0_4", "persons": 8}}, "proof": obj{"kind": "signature", "reference": "Sheet 1"}}, more...)
	}
	r := s.post(s.officer, at+"/issues", counted()).Want(201)
	if r.Text("items", 0, "quantity") != "30" || r.Text("persons") != "20" || s.onHand(item) != "70" {
		t.Errorf("twenty people at 1.5 each: %s", r.Raw)
	}
	s.post(s.officer, at+"/issues", counted(obj{"items": []obj{{"item_id": item, "quantity": "20"}}})).WantCode(422, "invalid")
	s.post(s.officer, at+"/issues", counted(obj{"items": []obj{{"item_id": item, "quantity": "20", "reason": "Some had eaten"}}})).Want(201)
	s.post(s.officer, at+"/issues", to(s.person())).WantCode(422, "invalid")
	s.post(s.officer, at+"/issues", to(s.person(), counted())).WantCode(422, "invalid")
	twice := counted(obj{"headcounts": []obj{{"sex": "2", "age_group": "unhcr_18_59", "persons": 1}, {"sex": "2", "age_group": "unhcr_18_59", "persons": 2}}})
	s.post(s.officer, at+"/issues", twice).WantCode(422, "invalid")
}

func TestDistribution_InfantFormulaGoesThroughTheHealthRouteOnly(t *testing.T) {
	s := newHall(t)
	formula := s.post(s.keeper, "/stock/items", obj{"catalogue_code": "infant_formula"}).Want(201).ID()
	s.receive(formula, "10", obj{"expires_on": time.Now().AddDate(1, 0, 0).Format(time.DateOnly)})
	kit := s.item("baby_kit", "5")
	s.post(s.keeper, "/stock/kits", obj{"item_id": kit, "components": []obj{{"item_id": formula, "quantity": "1"}}}).Want(201)
	rule, hidden := s.rule(formula, obj{"age_to": 1}), s.rule(kit)
	for _, r := range []uuid.UUID{rule, hidden} {
		if refused := s.plan(byRules(r)).WantCode(422, "invalid"); refused.Text("errors", 0, "code") != "health_route_only" {
			t.Errorf("refused: %s", refused.Raw)
		}
	}
	at := s.counter(byRules(rule), obj{"route": "health_nutrition"})
	infant := s.child(0)
	s.post(s.officer, at+"/issues", to(infant)).Want(403)
	s.post(s.nurse, at+"/issues", to(infant)).Want(201)
}

func TestDistribution_IsOfItsCentreAndItsRoles(t *testing.T) {
	s := newHall(t)
	d := s.plan(byRules(s.rule(s.item("blanket", "9")))).Want(201)
	path := s.at + "/distributions/" + d.ID().String()
	s.Call(s.registrar, "GET", path, nil).Want(403)
	s.Call(s.keeper, "POST", path+"/approve", nil, apptest.IfMatch(`"1"`)).Want(403)
	s.Call(s.officer, "POST", path+"/approve", nil, apptest.IfMatch(`"1"`)).Want(403)
	var lines int
	s.check(s.person(), "")
	s.Scan("select count(*) from audit_events where action = 'read' and operation = 'checkEntitlements'", nil, &lines)
	if lines == 0 {
		t.Error("a check leaves no line in the trail")
	}
}
