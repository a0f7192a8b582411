package reception_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// convoy is a rescue of one group: men, and one woman.
func convoy(men int) body {
	return body{"kind": "desert_rescue", "occurred_at": "2026-03-01T16:00:00Z", "place": "Assamaka road", "visits": []any{
		body{"arrived_at": "2026-03-02T05:50:00Z", "access_mode": "always_open", "arrival_mode": "rescued", "headcounts": []any{people("1", "unhcr_18_59", men), people("2", "unhcr_18_59", 1)}},
	}}
}

// counts reads what an event answers of its counts.
func counts(r *apptest.Response) string {
	return fmt.Sprint(r.Text("headcount"), " ", r.Text("registered"), " ", r.Text("to_register"), " ", r.Text("surplus"))
}

func TestRescueEvent_AConvoyArrivesInOneCall(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	groups := convoy(40)["visits"].([]any)
	bus := groups[0].(body).with(body{"arrived_at": "2026-03-02T06:30:00Z", "headcounts": []any{people("1", "unhcr_18_59", 3), people("1", "broad_0_17", 2)},
		"triage": body{"groups": []string{"physical_pain"}, "eligibility": "eligible"}})
	made := h.Call(p, "POST", in(h, "/rescue-events"), convoy(40).with(body{"visits": append(groups, bus), "organisation_id": h.IOM})).Want(201)
	if counts(made) != "46 0 46 0" || made.Len("visit_ids") != 2 || made.Len("headcounts") != 3 || made.ETag() != `"1"` {
		t.Fatalf("%s", made.Raw)
	}
	if got := h.Call(p, "GET", path(made), nil).Want(200); string(got.Raw) != string(made.Raw) {
		t.Errorf("received %s, reads %s", made.Raw, got.Raw)
	}
	if n := h.Call(p, "GET", in(h, "/visits?rescue_event_id="+made.ID().String()), nil).Want(200).Len("data"); n != 2 {
		t.Errorf("%d visits", n)
	}
	if got := waiting(h, p, ""); len(got) != 2 || got[0] != made.ID("visit_ids", 1) {
		t.Errorf("the bus with the wounded is not first: %v", got)
	}
	group := h.Call(p, "GET", in(h, "/visits/"+made.ID("visit_ids", 1).String()), nil).Want(200)
	if group.Text("headcount") != "5" || group.ID("rescue_event_id") != made.ID() || fmt.Sprint(group.Value("known_groups")) != "[family_with_children]" {
		t.Errorf("%s", group.Raw)
	}
	h.Call(p, "PATCH", in(h, "/visits/"+group.ID().String()), body{"headcounts": []any{people("1", "unhcr_18_59", 4)}}, apptest.IfMatch(group.ETag())).Want(200)
	if got := h.Call(p, "GET", path(made), nil, apptest.Header{Name: "If-None-Match", Value: made.ETag()}).Want(200); counts(got) != "45 0 45 0" {
		t.Errorf("after a recount %s", got.Raw)
	}
}

func TestRescueEvent_IsAllOrNothing(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	taken := receive(h, p, nil).ID()
	good := convoy(3)["visits"].([]any)[0].(body)
	ahead := time.Now().Add(time.Hour).Format(time.RFC3339)
	for name, c := range map[string]struct {
		group body
		more  body
		want  string
	}{
		"a group counted twice":  {good.with(body{"headcounts": []any{people("1", "unknown", 1), people("1", "unknown", 1)}}), nil, "repeated /visits/1/headcounts/1"},
		"a group of tomorrow":    {good.with(body{"arrived_at": ahead}), nil, "in_the_future /visits/1/arrived_at"},
		"a rescue of tomorrow":   {good, body{"occurred_at": ahead}, "in_the_future /occurred_at"},
		"triage before arriving": {good.with(body{"triage": seen.with(body{"occurred_at": "2026-03-01T00:00:00Z"})}), nil, "out_of_order /visits/1/triage/occurred_at"},
		"a group of nobody":      {good.with(body{"headcounts": nil}), nil, "required /visits/1/headcounts"},
		"an unknown rescuer":     {good, body{"organisation_id": uuid.New()}, "unknown_organisation /organisation_id"},
	} {
		r := h.Call(p, "POST", in(h, "/rescue-events"), convoy(3).with(body{"visits": []any{good, c.group}}).with(c.more)).WantCode(422, "invalid")
		if got := found(r); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	h.Call(p, "POST", in(h, "/rescue-events"), convoy(3).with(body{"visits": []any{good, good.with(body{"id": taken})}})).WantCode(409, "id_taken")
	var events, visits, counted int
	h.Scan("select (select count(*) from rescue_events), (select count(*) from visits), (select count(*) from headcounts)", nil, &events, &visits, &counted)
	if events != 0 || visits != 1 || counted != 1 {
		t.Errorf("left behind: %d events, %d visits, %d headcounts", events, visits, counted)
	}
}

func TestRescueEvent_PeopleAreRegisteredAgainstIt(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	made := h.Call(p, "POST", in(h, "/rescue-events"), convoy(1)).Want(201)
	one, two, three := register(h, p, nil), register(h, p, nil), register(h, p, nil)
	linked := h.Call(p, "POST", path(made)+"/people", body{"beneficiary_id": one.ID()}).Want(201)
	if got := h.Call(p, "GET", path(linked), nil).Want(200); string(got.Raw) != string(linked.Raw) || linked.ID("linked_by") != p.ID {
		t.Errorf("%s", got.Raw)
	}
	h.Call(p, "POST", path(made)+"/people", body{"beneficiary_id": one.ID()}).WantCode(409, "already_linked")
	h.Call(p, "POST", path(made)+"/people", body{"beneficiary_id": uuid.New()}).WantCode(404, "not_found")
	read := func(want string) *apptest.Response {
		t.Helper()
		r := h.Call(p, "GET", path(made), nil).Want(200)
		if counts(r) != want {
			t.Errorf("%s, want %s", counts(r), want)
		}
		return r
	}
	read("2 1 1 0")
	receive(h, p, ofPerson(one.ID()).with(body{"rescue_event_id": made.ID()})) // is linked already, and counts once
	receive(h, p, ofPerson(two.ID()).with(body{"rescue_event_id": made.ID()}))
	read("2 2 0 0")
	third := receive(h, p, ofPerson(three.ID()))
	h.Call(p, "PATCH", path(third), body{"rescue_event_id": made.ID()}, apptest.IfMatch(third.ETag())).Want(200)
	over := read("2 3 0 1") // more than were counted: told, not refused
	if n := h.Call(p, "GET", path(made)+"/people?include_total=true", nil).Want(200).Text("total"); n != "3" {
		t.Errorf("%s people", n)
	}
	other := h.Call(p, "POST", in(h, "/rescue-events"), convoy(1)).Want(201)
	moved := h.Call(p, "GET", path(third), nil).Want(200)
	if got := found(h.Call(p, "PATCH", path(third), body{"rescue_event_id": other.ID()}, apptest.IfMatch(moved.ETag())).WantCode(422, "invalid")); got != "in_another_event /rescue_event_id" {
		t.Error(got)
	}
	h.Call(p, "POST", path(made)+"/void", body{"reason": "x"}, apptest.IfMatch(over.ETag())).WantCode(422, "people_linked")

	link := h.Call(p, "GET", path(linked), nil).Want(200)
	void := h.Call(p, "POST", path(linked)+"/void", body{"reason": "another convoy"}, apptest.IfMatch(link.ETag())).Want(200)
	h.Call(p, "POST", path(linked)+"/void", body{"reason": "again"}, apptest.IfMatch(void.ETag())).WantCode(409, "state_conflict")
	h.Call(p, "POST", in(h, "/rescue-events/"+other.ID().String()+"/people/"+linked.ID().String()+"/void"), body{"reason": "x"}, apptest.IfMatch(void.ETag())).WantCode(404, "not_found")
	h.Call(p, "GET", in(h, "/rescue-events/"+other.ID().String()+"/people/"+linked.ID().String()), nil).WantCode(404, "not_found")
	h.Call(p, "GET", in(h, "/rescue-events/"+uuid.NewString()+"/people"), nil).WantCode(404, "not_found")
	read("2 2 0 0")
	h.Call(p, "POST", path(made)+"/people", body{"beneficiary_id": one.ID()}).Want(201)
	before := read("2 3 0 1")
	h.Call(p, "POST", path(three)+"/void", body{"reason": "twice"}, apptest.IfMatch(three.ETag())).WantCode(422, "has_dependents") // is here
	act(h, p, h.Call(p, "GET", path(third), nil).Want(200), "leave", body{}).Want(200)
	h.Call(p, "POST", path(three)+"/void", body{"reason": "twice"}, apptest.IfMatch(three.ETag())).Want(200)
	if after := read("2 2 0 0"); after.ETag() == before.ETag() {
		t.Error("the event changed and its ETag did not")
	}
	h.Exec("update beneficiaries set status = 'merged', merged_into = $1 where id = $2", one.ID(), two.ID())
	read("2 1 1 0")
}

func TestRescueEvent_VoidTakesItsGroupsAlong(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	made := h.Call(p, "POST", in(h, "/rescue-events"), convoy(4)).Want(201)
	patched := h.Call(p, "PATCH", path(made), body{"place": nil, "kind": "expulsion_convoy"}, apptest.IfMatch(made.ETag())).Want(200)
	if patched.Value("place") != nil || patched.Text("kind") != "expulsion_convoy" || counts(patched) != "5 0 5 0" {
		t.Errorf("%s", patched.Raw)
	}
	h.Call(p, "POST", path(made)+"/void", body{"reason": "x"}, apptest.IfMatch(made.ETag())).WantCode(412, "stale_version")
	void := h.Call(p, "POST", path(made)+"/void", body{"reason": "entered by two desks"}, apptest.IfMatch(patched.ETag())).Want(200)
	if void.Text("status") != "void" || counts(void) != "0 0 0 0" || void.Len("visit_ids") != 0 {
		t.Errorf("%s", void.Raw)
	}
	if got := waiting(h, p, ""); len(got) != 0 {
		t.Errorf("still waiting: %v", got)
	}
	h.Call(p, "POST", path(made)+"/void", body{"reason": "again"}, apptest.IfMatch(void.ETag())).WantCode(409, "state_conflict")
	h.Call(p, "PATCH", path(made), body{"place": "x"}, apptest.IfMatch(void.ETag())).WantCode(409, "state_conflict")
	h.Call(p, "POST", path(made)+"/people", body{"beneficiary_id": register(h, p, nil).ID()}).WantCode(409, "state_conflict")
	h.Call(p, "POST", in(h, "/visits"), walkIn().with(body{"rescue_event_id": made.ID()})).WantCode(409, "state_conflict")
	for query, want := range map[string]int{"": 0, "?status=void": 1, "?kind=sea_rescue": 0} {
		if n := h.Call(p, "GET", in(h, "/rescue-events"+query), nil).Want(200).Len("data"); n != want {
			t.Errorf("%q lists %d", query, n)
		}
	}
}

// A device that met a convoy without a network hands in everything at once.
func TestRescueEvent_ADeviceHandsInTheConvoyWithItsPeople(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	person := body{"registration_level": "basic", "reception_on": "2026-03-02", "sex": "1", "age": 30, "population_type": "migrant",
		"consent": body{"decision": "given", "giver": "individual", "method": "written"}, "answers": body{"given_name": "declined"}}
	entries := func(event string) []any {
		return []any{
			body{"as": "$convoy", "path": "/rescue-events", "body": convoy(2)},
			body{"as": "$first", "path": "/beneficiaries", "body": person},
			body{"as": "$second", "path": "/beneficiaries", "body": person},
			body{"path": "/rescue-events/$convoy/people", "body": body{"beneficiary_id": "$first"}},
			body{"path": "/visits", "body": walkIn().with(body{"headcounts": nil, "beneficiary_id": "$second", "rescue_event_id": event})},
			body{"path": "/service-contacts", "body": told()},
		}
	}
	h.Call(p, "POST", in(h, "/bundles"), body{"entries": entries(uuid.NewString())}).WantCode(422, "invalid")
	if n := h.Call(p, "GET", in(h, "/rescue-events"), nil).Want(200).Len("data"); n != 0 {
		t.Errorf("%d convoys of a bundle that failed", n)
	}
	made := h.Call(p, "POST", in(h, "/bundles"), body{"entries": entries("$convoy")}).Want(200)
	if got := counts(h.Call(p, "GET", in(h, "/rescue-events/"+made.ID("entries", 0, "id").String()), nil).Want(200)); got != "3 2 1 0" {
		t.Error(got)
	}
}

// Two desks register against one convoy at once, and a third counts it anew: nobody is lost.
func TestRescueEvent_TwoDesksAtOnceLoseNobody(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	made := h.Call(p, "POST", in(h, "/rescue-events"), convoy(19)).Want(201)
	var wait sync.WaitGroup
	const each = 6
	var ids [2 * each]uuid.UUID
	for i := range ids {
		ids[i] = register(h, p, nil).ID()
	}
	answers := make([]*apptest.Response, 3*each)
	for i := range each {
		for n, call := range []func() *apptest.Response{
			func() *apptest.Response {
				return h.Call(p, "POST", path(made)+"/people", body{"beneficiary_id": ids[i]})
			},
			func() *apptest.Response {
				return h.Call(p, "POST", in(h, "/visits"), walkIn().with(ofPerson(ids[each+i])).with(body{"rescue_event_id": made.ID()}))
			},
			func() *apptest.Response {
				return h.Call(p, "POST", in(h, "/visits"), walkIn().with(body{"rescue_event_id": made.ID()}))
			},
		} {
			wait.Add(1)
			go func() { defer wait.Done(); answers[3*i+n] = call() }()
		}
	}
	wait.Wait()
	for _, r := range answers {
		r.Want(201)
	}
	after := h.Call(p, "GET", path(made), nil).Want(200)
	if counts(after) != "26 12 14 0" || after.ETag() != fmt.Sprintf(`"%d"`, 1+len(answers)) {
		t.Errorf("%s with %s", counts(after), after.ETag())
	}
}

func TestRescueEvent_OnePersonLinkedTwiceAtOnceCountsOnce(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	made := h.Call(p, "POST", in(h, "/rescue-events"), convoy(1)).Want(201)
	person := register(h, p, nil).ID()
	var wait sync.WaitGroup
	answers := make([]*apptest.Response, 4)
	for i := range answers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			answers[i] = h.Call(p, "POST", path(made)+"/people", body{"beneficiary_id": person})
		}()
	}
	wait.Wait()
	linked := 0
	for _, r := range answers {
		if r.Status == http.StatusCreated {
			linked++
		} else {
			r.WantCode(409, "already_linked")
		}
	}
	if got := counts(h.Call(p, "GET", path(made), nil).Want(200)); linked != 1 || got != "2 1 1 0" {
		t.Errorf("linked %d times: %s", linked, got)
	}
}

func TestRescueEvents_AManagerReadsTheCountsAndReceivesNobody(t *testing.T) {
	h := apptest.New(t)
	made := h.Call(h.Staff(h.CentreA, "registrar"), "POST", in(h, "/rescue-events"), convoy(1)).Want(201)
	manager := h.Staff(h.CentreA, "centre_manager")
	h.Call(manager, "GET", path(made), nil).Want(200)
	h.Call(manager, "POST", in(h, "/rescue-events"), convoy(1)).WantCode(403, "forbidden")
	h.Call(manager, "GET", in(h, "/visits/"+made.ID("visit_ids", 0).String()), nil).WantCode(403, "forbidden")
}
