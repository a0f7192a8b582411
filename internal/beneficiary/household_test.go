package beneficiary_test

import (
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

func TestHousehold_Life(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	head, wife, son := register(h, p, nil).ID(), register(h, p, nil).ID(), register(h, p, nil).ID()
	made := h.Call(p, "POST", households(h), body{"declared_size": 4, "members": []body{{"beneficiary_id": head, "relationship": "head"}, {"beneficiary_id": wife, "relationship": "wife"}}}).Want(201)
	at := made.Header.Get("Location")
	if at != households(h)+"/"+made.ID().String() || made.Text("reference") != "AGZ-H-000001" || made.Text("head_id") != head.String() || made.Text("size") != "2" {
		t.Fatalf("%v %s", made.Header, made.Raw)
	}
	if got := h.Call(p, "GET", at, nil).Want(200); string(got.Raw) != string(made.Raw) {
		t.Errorf("create answered %s, read answers %s", made.Raw, got.Raw)
	}
	added := h.Call(p, "POST", at+"/members", body{"beneficiary_id": son, "relationship": "son", "joined_on": "2026-03-05"}).Want(201)
	if got := h.Call(p, "GET", added.Header.Get("Location"), nil).Want(200); string(got.Raw) != string(added.Raw) {
		t.Errorf("add answered %s, read answers %s", added.Raw, got.Raw)
	}
	now := h.Call(p, "GET", at, nil).Want(200)
	if now.Text("size") != "3" || now.ETag() != `"2"` {
		t.Errorf("three are %s", now.Raw)
	}
	if r := h.Call(p, "GET", households(h)+"?beneficiary_id="+son.String(), nil).Want(200); r.Len("data") != 1 || r.ID("data", 0, "id") != made.ID() {
		t.Errorf("by member: %s", r.Raw)
	}
	h.Call(p, "PATCH", at, body{"head_id": wife, "declared_size": nil}).WantCode(428, "if_match_required")
	h.Call(p, "PATCH", at, body{"head_id": wife}, apptest.IfMatch(`"1"`)).WantCode(412, "stale_version")
	changed := h.Call(p, "PATCH", at, body{"head_id": wife, "declared_size": nil, "note": "together since Gao"}, apptest.IfMatch(`"2"`)).Want(200)
	if changed.Text("head_id") != wife.String() || changed.Value("declared_size") != nil {
		t.Errorf("patched %s", changed.Raw)
	}
	members := h.Call(p, "GET", at+"/members", nil).Want(200)
	if members.Len("data") != 3 || members.ID("data", 0, "beneficiary_id") != head {
		t.Errorf("members %s", members.Raw)
	}
	end := at + "/members/" + members.Text("data", 1, "id") + "/end"
	for day, code := range map[string]string{"2020-01-01": "before_joining", "2999-01-01": "in_the_future"} {
		if r := h.Call(p, "POST", end, body{"left_on": day}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid"); r.Text("errors", 0, "code") != code {
			t.Errorf("%s: %s", day, r.Raw)
		}
	}
	h.Call(p, "POST", end, body{}, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(p, "POST", end, body{}, apptest.IfMatch(`"2"`)).WantCode(409, "state_conflict")
	now = h.Call(p, "GET", at, nil).Want(200)
	if now.Text("size") != "2" || now.Value("head_id") != nil {
		t.Errorf("without its head: %s", now.Raw)
	}
	if r := h.Call(p, "GET", at+"/members?active=false", nil).Want(200); r.Len("data") != 1 || r.Text("data", 0, "left_on") == "" {
		t.Errorf("who left: %s", r.Raw)
	}
	h.Call(p, "POST", at+"/members", body{"beneficiary_id": wife, "relationship": "head"}).Want(201) // and is back
	void := h.Call(p, "POST", at+"/void", body{"reason": "wrong family"}, apptest.IfMatch(`"5"`)).Want(200)
	if void.Text("status") != "void" || void.Text("size") != "0" || h.Call(p, "GET", at+"/members", nil).Want(200).Len("data") != 0 {
		t.Errorf("voided %s", void.Raw)
	}
	h.Call(p, "POST", at+"/void", body{"reason": "x"}, apptest.IfMatch(`"6"`)).WantCode(409, "state_conflict")
	h.Call(p, "PATCH", at, body{"note": "x"}, apptest.IfMatch(`"6"`)).WantCode(409, "state_conflict")
	h.Call(p, "POST", at+"/members", body{"beneficiary_id": wife, "relationship": "wife"}).WantCode(409, "state_conflict")
	if n := h.Call(p, "GET", households(h), nil).Want(200).Len("data"); n != 0 {
		t.Errorf("%d void households listed", n)
	}
	h.Call(p, "POST", households(h), body{"members": []body{{"beneficiary_id": wife, "relationship": "head"}}}).Want(201)
}

func TestHousehold_RefusesWhatBreaksARule(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	a, b := register(h, p, nil).ID(), register(h, p, nil).ID()
	stranger := h.Call(h.Staff(h.CentreB, "registrar"), "POST", "/v1/centres/"+h.CentreB.String()+"/beneficiaries", basic()).Want(201).ID()
	member := func(id uuid.UUID, relationship string) body {
		return body{"beneficiary_id": id, "relationship": relationship}
	}
	post := func(members ...body) *apptest.Response {
		return h.Call(p, "POST", households(h), body{"members": members})
	}
	if r := post(member(a, "head"), member(b, "head")).WantCode(422, "invalid"); found(r) != "head_taken /members/1/relationship" {
		t.Errorf("two heads: %s", r.Raw)
	}
	post(member(stranger, "head")).WantCode(404, "not_found")
	post(member(uuid.New(), "head")).WantCode(404, "not_found")
	post(member(a, "king")).WantCode(422, "invalid")
	post(member(a, "head").with(body{"joined_on": "2999-01-01"})).WantCode(422, "invalid")
	post(member(a, "head"), member(a, "brother")).WantCode(409, "in_another_household")
	at := post(member(a, "head")).Want(201).Header.Get("Location")
	post(member(a, "head")).WantCode(409, "in_another_household")
	h.Call(p, "POST", at+"/members", member(b, "head")).WantCode(422, "invalid")
	h.Call(p, "POST", at+"/members", member(stranger, "wife")).WantCode(404, "not_found")
	r := h.Call(p, "PATCH", at, body{"head_id": b}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid")
	if found(r) != "not_a_member /head_id" {
		t.Errorf("head: %s", r.Raw)
	}
	h.Call(p, "POST", people(h)+"/"+b.String()+"/void", body{"reason": "x"}, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(p, "POST", at+"/members", member(b, "wife")).WantCode(409, "state_conflict")
	empty := h.Call(p, "POST", households(h), body{}).Want(201)
	if empty.Text("size") != "0" || empty.Value("head_id") != nil {
		t.Errorf("nobody yet: %s", empty.Raw)
	}
	none := empty.Header.Get("Location")
	if n := h.Call(p, "GET", none+"/members", nil).Want(200).Len("data"); n != 0 {
		t.Errorf("%d members of nobody", n)
	}
	first := h.Call(p, "GET", at+"/members", nil).Want(200).Text("data", 0, "id")
	h.Call(p, "GET", none+"/members/"+first, nil).WantCode(404, "not_found")
	h.Call(p, "POST", none+"/members/"+first+"/end", body{}, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")

	q := h.Staff(h.CentreB, "registrar")
	there := "/v1/centres/" + h.CentreB.String() + "/households/" + h.Call(p, "GET", at, nil).ID().String()
	for _, c := range []struct{ method, path string }{{"GET", ""}, {"PATCH", ""}, {"POST", "/void"}, {"GET", "/members"}, {"POST", "/members"}, {"GET", "/members/" + first}, {"POST", "/members/" + first + "/end"}} {
		var with any
		switch {
		case c.method == "PATCH":
			with = body{"note": "x"}
		case c.path == "/void":
			with = body{"reason": "x"}
		case c.path == "/members" && c.method == "POST":
			with = member(stranger, "wife")
		case c.method == "POST":
			with = body{}
		}
		h.Call(q, c.method, there+c.path, with, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
	}
	h.Call(h.Staff(h.CentreA, "case_supervisor"), "POST", households(h), body{}).WantCode(403, "forbidden")
}

func TestHousehold_OnePersonIsInOneUnderParallelWriters(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	a, b := register(h, p, nil).ID(), register(h, p, nil).ID()
	var wg sync.WaitGroup
	statuses := make([]int, 12)
	for i := range statuses {
		wg.Go(func() {
			first, second := a, b
			if i%2 == 1 {
				first, second = b, a
			}
			statuses[i] = h.Call(p, "POST", households(h), body{"members": []body{{"beneficiary_id": first, "relationship": "head"}, {"beneficiary_id": second, "relationship": "wife"}}}).Status
		})
	}
	wg.Wait()
	formed := 0
	for _, s := range statuses {
		if s == 201 {
			formed++
		} else if s != 409 {
			t.Errorf("status %d", s)
		}
	}
	if formed != 1 {
		t.Errorf("%d households of the same two", formed)
	}
	c := register(h, p, nil).ID()
	at := h.Call(p, "POST", households(h), body{"members": []body{{"beneficiary_id": c, "relationship": "head"}}}).Want(201).Header.Get("Location")
	ids := make([]uuid.UUID, 8)
	for i := range ids {
		ids[i] = register(h, p, nil).ID()
	}
	for _, id := range ids {
		wg.Go(func() {
			h.Call(p, "POST", at+"/members", body{"beneficiary_id": id, "relationship": "cousin"}).Want(201)
		})
	}
	wg.Wait()
	if size := h.Call(p, "GET", at, nil).Want(200).Text("size"); size != "9" {
		t.Errorf("size %s after eight joined one", size)
	}
}
