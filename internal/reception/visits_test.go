package reception_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
)

// body is a JSON object, of which a test changes what it is about.
type body map[string]any

func (b body) with(more body) body {
	out := maps.Clone(b)
	for k, v := range more {
		if out[k] = v; v == nil {
			delete(out, k)
		}
	}
	return out
}

func in(h *apptest.House, path string) string { return "/v1/centres/" + h.CentreA.String() + path }

func people(sex, age string, persons int) body {
	return body{"sex": sex, "age_group": age, "persons": persons}
}

// walkIn is a visit of one woman who is not registered.
func walkIn() body {
	return body{"arrived_at": "2026-03-02T06:05:00Z", "access_mode": "always_open", "headcounts": []any{people("2", "unhcr_18_59", 1)}}
}

func receive(h *apptest.House, p apptest.Person, more body) *apptest.Response {
	h.T.Helper()
	return h.Call(p, "POST", in(h, "/visits"), walkIn().with(more)).Want(201)
}

// ofPerson is what makes a visit that of a registered person.
func ofPerson(id uuid.UUID) body { return body{"headcounts": nil, "beneficiary_id": id} }

func register(h *apptest.House, p apptest.Person, more body) *apptest.Response {
	h.T.Helper()
	return h.Call(p, "POST", in(h, "/beneficiaries"), body{"registration_level": "basic", "reception_on": "2026-03-01", "given_name": "Mamadou",
		"family_name": "Diallo", "sex": "1", "age": 27, "population_type": "migrant",
		"consent": body{"decision": "given", "giver": "individual", "method": "written"}}.with(more)).Want(201)
}

func found(r *apptest.Response) string {
	return r.Text("errors", 0, "code") + " " + r.Text("errors", 0, "pointer")
}

func path(r *apptest.Response) string { return r.Header.Get("Location") }

// act makes a step on a visit of the version that was answered last.
func act(h *apptest.House, p apptest.Person, visit *apptest.Response, verb string, b body) *apptest.Response {
	h.T.Helper()
	return h.Call(p, "POST", in(h, "/visits/"+visit.ID().String()+"/"+verb), b, apptest.IfMatch(visit.ETag()))
}

var seen = body{"groups": []string{}, "eligibility": "eligible"}

func TestVisit_Life(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	made := receive(h, p, body{"arrival_mode": "expelled", "expelled_from": "DZA", "note": "came on foot",
		"orientation": body{"given_on": "2026-03-02", "language": "ha", "format": "group"}})
	if made.Text("status") != "waiting" || made.Text("arrived_on") != "2026-03-02" || made.Text("headcount") != "1" || made.Text("priority_band") != "normal" ||
		made.Text("expelled_from") != "DZA" || made.Text("orientation", "language") != "ha" {
		t.Fatalf("%s", made.Raw)
	}
	if got := h.Call(p, "GET", path(made), nil).Want(200); string(got.Raw) != string(made.Raw) || path(made) != in(h, "/visits/"+made.ID().String()) {
		t.Errorf("received %s, reads %s", made.Raw, got.Raw)
	}
	act(h, p, made, "admit", body{}).WantCode(422, "triage_required")
	triaged := act(h, p, made, "triage", body{"groups": []string{"physical_pain"}, "eligibility": "eligible", "note": "foot", "occurred_at": "2026-03-02T06:10:00Z"}).Want(200)
	if triaged.Text("priority_band") != "urgent" || triaged.Text("observed_groups", 0) != "physical_pain" || triaged.ID("triaged_by") != p.ID {
		t.Errorf("triaged %s", triaged.Raw)
	}
	admitted := act(h, p, triaged, "admit", body{"occurred_at": "2026-03-02T06:20:00Z"}).Want(200)
	if admitted.Text("status") != "admitted" || admitted.Text("admitted_at") != "2026-03-02T06:20:00Z" || admitted.ID("admitted_by") != p.ID {
		t.Errorf("admitted %s", admitted.Raw)
	}
	act(h, p, admitted, "admit", body{}).WantCode(409, "state_conflict")
	act(h, p, admitted, "turn-away", body{"reason": "other"}).WantCode(409, "state_conflict")
	if got := found(act(h, p, admitted, "leave", body{"occurred_at": "2026-03-02T06:19:59Z"}).WantCode(422, "invalid")); got != "out_of_order /occurred_at" {
		t.Error(got)
	}
	left := act(h, p, admitted, "leave", body{}).Want(200)
	if left.Text("status") != "left" || left.Text("ended_at") == "" || left.ID("ended_by") != p.ID {
		t.Errorf("left %s", left.Raw)
	}
	for _, verb := range []string{"triage", "admit", "refer-out", "turn-away", "leave"} {
		b := map[string]body{"triage": seen, "refer-out": {"reason": "no_capacity"}, "turn-away": {"reason": "no_capacity"}}[verb]
		if r := act(h, p, left, verb, body{}.with(b)).WantCode(409, "state_conflict"); r.Text("current_state") != "left" {
			t.Errorf("%s: %s", verb, r.Raw)
		}
	}
	corrected := h.Call(p, "PATCH", path(made), body{"note": nil, "arrival_mode": "rescued", "expelled_from": nil}, apptest.IfMatch(left.ETag())).Want(200)
	if corrected.Value("note") != nil || corrected.Text("arrival_mode") != "rescued" || corrected.Value("expelled_from") != nil {
		t.Errorf("corrected %s", corrected.Raw)
	}
	void := act(h, p, corrected, "void", body{"reason": "wrong day"}).Want(200)
	act(h, p, void, "void", body{"reason": "again"}).WantCode(409, "state_conflict")
	h.Call(p, "PATCH", path(made), body{"note": "x"}, apptest.IfMatch(void.ETag())).WantCode(409, "state_conflict")
	for query, want := range map[string]int{"": 0, "?status=void": 1, "?status=left": 0} {
		if n := h.Call(p, "GET", in(h, "/visits"+query), nil).Want(200).Len("data"); n != want {
			t.Errorf("%q lists %d", query, n)
		}
	}
}

// handbook 11: a visit needs a person or a headcount.
func TestVisit_RefusesBadInput(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	person := register(h, p, nil).ID()
	ahead := time.Now().Add(time.Hour).Format(time.RFC3339)
	for name, c := range map[string]struct {
		more body
		want string
	}{
		"nobody":               {body{"headcounts": nil}, "person_or_headcount /headcounts"},
		"nobody at all":        {body{"headcounts": []any{}}, "too_few /headcounts"},
		"person and headcount": {body{"beneficiary_id": person}, "person_or_headcount /headcounts"},
		"counted twice":        {body{"headcounts": []any{people("1", "unknown", 2), people("1", "unknown", 3)}}, "repeated /headcounts/1"},
		"tomorrow":             {body{"arrived_at": ahead}, "in_the_future /arrived_at"},
		"triage before":        {body{"triage": seen.with(body{"occurred_at": "2026-03-02T06:04:00Z"})}, "out_of_order /triage/occurred_at"},
		"orientation tomorrow": {body{"orientation": body{"given_on": "2999-01-01", "language": "fr", "format": "group"}}, "in_the_future /orientation/given_on"},
		"no such event":        {body{"rescue_event_id": uuid.New()}, "unknown_rescue_event /rescue_event_id"},
		"no such referral":     {body{"referral_id": uuid.New()}, "unknown_referral /referral_id"},
		"no such mode":         {body{"access_mode": "window"}, "unknown_code /access_mode"},
		"no such arrival":      {body{"arrival_mode": "flew"}, "unknown_code /arrival_mode"},
		"no such group":        {body{"triage": body{"groups": []string{"rich"}, "eligibility": "eligible"}}, "unknown_code /triage/groups/0"},
		"NUL":                  {body{"note": "\x00"}, "invalid_text /note"},
	} {
		if got := found(h.Call(p, "POST", in(h, "/visits"), walkIn().with(c.more)).WantCode(422, "invalid")); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	h.Call(p, "POST", in(h, "/visits"), walkIn().with(ofPerson(uuid.New()))).WantCode(404, "not_found")
	var rows int
	h.Scan("select count(*) from visits", nil, &rows)
	if rows != 0 {
		t.Errorf("%d visits were kept", rows)
	}
	made := receive(h, p, body{"triage": seen})
	for name, c := range map[string]struct {
		verb string
		b    body
		want string
	}{
		"referred for another reason without a note": {"refer-out", body{"reason": "other"}, "required /note"},
		"turned away for another reason without one": {"turn-away", body{"reason": "other"}, "required /note"},
		"turned away as not eligible":                {"turn-away", body{"reason": "not_eligible", "note": "x"}, "eligible /reason"},
		"referred to nobody":                         {"refer-out", body{"reason": "no_capacity", "organisation_id": uuid.New()}, "unknown_organisation /organisation_id"},
		"left tomorrow":                              {"leave", body{"occurred_at": ahead}, "in_the_future /occurred_at"},
		"triaged before the arrival":                 {"triage", seen.with(body{"occurred_at": "2026-03-01T00:00:00Z"}), "out_of_order /occurred_at"},
	} {
		if got := found(act(h, p, made, c.verb, c.b).WantCode(422, "invalid")); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if got := found(h.Call(p, "PATCH", path(made), body{"arrived_at": time.Now().Format(time.RFC3339Nano)}, apptest.IfMatch(made.ETag())).WantCode(422, "invalid")); got != "after_what_followed /arrived_at" {
		t.Error(got)
	}
}

func TestVisit_NobodyIsTurnedAwayUnseenOrWithoutAWord(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	made := receive(h, p, nil)
	for _, verb := range []string{"turn-away", "refer-out"} {
		act(h, p, made, verb, body{"reason": "no_capacity", "note": "full"}).WantCode(422, "triage_required")
	}
	pregnant := act(h, p, made, "triage", body{"groups": []string{"pregnant"}, "eligibility": "not_eligible"}).Want(200)
	act(h, p, pregnant, "admit", body{}).WantCode(422, "not_eligible")
	if got := found(act(h, p, pregnant, "turn-away", body{"reason": "not_eligible"}).WantCode(422, "invalid")); got != "required /note" {
		t.Error(got)
	}
	away := act(h, p, pregnant, "turn-away", body{"reason": "not_eligible", "note": "Taken to the maternity ward"}).Want(200)
	if away.Text("status") != "turned_away" || away.Text("outcome_note") != "Taken to the maternity ward" {
		t.Errorf("%s", away.Raw)
	}
	var told int
	h.Scan("select count(*) from events where type = 'visit.turned_away' and subject_id = $1 and data = '{\"reason\": \"not_eligible\"}'", []any{made.ID()}, &told)
	if told != 1 {
		t.Errorf("told %d times", told)
	}
	referred := act(h, p, receive(h, p, body{"triage": seen}), "refer-out", body{"reason": "specialised_service", "organisation_id": h.IOM}).Want(200)
	if referred.Text("status") != "referred_out" || referred.ID("referred_to") != h.IOM {
		t.Errorf("%s", referred.Raw)
	}
}

func TestVisit_APersonIsHereOnce(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	registered := register(h, p, nil)
	person := registered.ID()
	first := receive(h, p, ofPerson(person))
	h.Call(p, "POST", in(h, "/visits"), walkIn().with(ofPerson(person))).WantCode(409, "already_here")
	act(h, p, receive(h, p, nil), "identify", body{"beneficiary_id": person}).WantCode(409, "already_here")
	act(h, p, first, "leave", body{}).Want(200)
	receive(h, p, ofPerson(person))
	void := register(h, p, nil)
	h.Call(p, "POST", path(void)+"/void", body{"reason": "x"}, apptest.IfMatch(void.ETag())).Want(200)
	if r := h.Call(p, "POST", in(h, "/visits"), walkIn().with(ofPerson(void.ID()))).WantCode(409, "state_conflict"); r.Text("current_state") != "void" {
		t.Errorf("%s", r.Raw)
	}
}

func TestVisit_WhoeverWasCountedIsIdentified(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	old := register(h, p, body{"age": 71}).ID()
	made := receive(h, p, nil)
	act(h, p, made, "identify", body{"beneficiary_id": uuid.New()}).WantCode(404, "not_found")
	named := act(h, p, made, "identify", body{"beneficiary_id": old}).Want(200)
	if named.ID("beneficiary_id") != old || named.Text("headcount") != "1" || named.Len("headcounts") != 1 || named.Text("priority_band") != "high" {
		t.Errorf("%s", named.Raw)
	}
	act(h, p, named, "identify", body{"beneficiary_id": register(h, p, nil).ID()}).WantCode(422, "identified")
	if got := found(h.Call(p, "PATCH", path(made), body{"headcounts": []any{people("1", "unknown", 1)}}, apptest.IfMatch(named.ETag())).WantCode(422, "invalid")); got != "person_or_headcount /headcounts" {
		t.Error(got)
	}
	group := receive(h, p, body{"headcounts": []any{people("1", "unknown", 2)}})
	act(h, p, group, "identify", body{"beneficiary_id": register(h, p, nil).ID()}).WantCode(422, "not_one_person")
}

// rule 35
func TestVisit_TheDayIsThatOfTheCentre(t *testing.T) {
	h := apptest.New(t)
	h.Exec("update centres set time_zone = 'Asia/Tokyo' where id = $1", h.CentreA)
	p := h.Staff(h.CentreA, "registrar")
	made := receive(h, p, body{"arrived_at": "2026-02-28T20:00:00Z"})
	if made.Text("arrived_on") != "2026-03-01" {
		t.Errorf("%s", made.Raw)
	}
	moved := h.Call(p, "PATCH", path(made), body{"arrived_at": "2026-02-28T10:00:00Z"}, apptest.IfMatch(made.ETag())).Want(200)
	if moved.Text("arrived_on") != "2026-02-28" {
		t.Errorf("%s", moved.Raw)
	}
	for query, want := range map[string]int{"?arrived_from=2026-03-01": 0, "?arrived_to=2026-02-28": 1, "?access_mode=always_open": 1, "?access_mode=hotline": 0, "?priority_band=urgent": 0,
		"?beneficiary_id=" + uuid.NewString(): 0, "?rescue_event_id=" + uuid.NewString(): 0} {
		if n := h.Call(p, "GET", in(h, "/visits"+query), nil).Want(200).Len("data"); n != want {
			t.Errorf("%q lists %d", query, n)
		}
	}
}

// rule 31: the phase stops arrivals as it stops registrations, but somebody who cannot wait is received.
func TestVisit_InPhaseOutOnlyWhoCannotWait(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	waiting := receive(h, p, body{"triage": seen, "exception_reason": "thought it was closed"})
	if waiting.Value("exception_reason") != nil {
		t.Errorf("no exception was needed: %s", waiting.Raw)
	}
	h.Exec("update centres set phase = 'phase_out' where id = $1", h.CentreA)
	h.Exec("update centre_phases set phase = 'phase_out' where centre_id = $1", h.CentreA)
	refused := h.Call(p, "POST", in(h, "/visits"), walkIn()).WantCode(409, "state_conflict")
	if refused.Text("current_state") != "phase_out" || !strings.Contains(refused.Text("detail"), "exception_reason") {
		t.Errorf("%s", refused.Raw)
	}
	h.Call(p, "POST", in(h, "/rescue-events"), convoy(3)).WantCode(409, "state_conflict")
	received := receive(h, p, body{"exception_reason": "In labour at the gate"})
	if received.Text("exception_reason") != "In labour at the gate" {
		t.Errorf("%s", received.Raw)
	}
	h.Call(p, "POST", in(h, "/rescue-events"), convoy(3).with(body{"exception_reason": "Left at the gate by night"})).Want(201)
	act(h, p, waiting, "admit", body{}).Want(200) // whoever is here is served to the end
	h.Call(p, "POST", in(h, "/service-contacts"), told()).Want(201)
}

func TestVisits_AreForReceptionAndCaseworkers(t *testing.T) {
	h := apptest.New(t)
	writer := h.Staff(h.CentreA, "registrar")
	made := receive(h, writer, nil)
	for _, role := range []string{"caseworker", "case_supervisor", "health_worker"} {
		h.Call(h.Staff(h.CentreA, role), "GET", path(made), nil).Want(200)
	}
	for name, p := range map[string]apptest.Person{"manager": h.Staff(h.CentreA, "centre_manager", "tenant_admin", "dpo"), "storekeeper": h.Staff(h.CentreA, "storekeeper"),
		"partner": h.Client(h.Organisation("Partner", "ngo"), "partner:referrals"), "government": h.Client(h.Organisation("Ministry", "government"), "stats:read")} {
		for _, at := range []string{path(made), in(h, "/visits"), in(h, "/visits/queue")} {
			if r := h.Call(p, "GET", at, nil); r.Status != 403 && r.Status != 404 {
				t.Errorf("%s: %d", name, r.Status)
			}
		}
	}
	h.Call(h.Staff(h.CentreA, "case_supervisor"), "POST", in(h, "/visits"), walkIn()).WantCode(403, "forbidden")
}

func TestVisits_ReadingOneIsInTheTrailAndWhatWasFoundIsNot(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	person := register(h, p, nil).ID()
	made := receive(h, p, ofPerson(person).with(body{"note": "afraid of the driver", "triage": body{"groups": []string{"mental_health_need"}, "eligibility": "eligible", "note": "cries"}}))
	h.Call(p, "GET", path(made), nil).Want(200)
	queue := h.Call(p, "GET", in(h, "/visits/queue"), nil).Want(200)
	if queue.Text("data", 0, "person", "given_name") != "Mamadou" {
		t.Errorf("%s", queue.Raw)
	}
	list := h.Call(p, "GET", in(h, "/visits"), nil).Want(200)
	for _, r := range []*apptest.Response{queue, list} {
		if s := string(r.Raw); strings.Contains(s, "mental") || strings.Contains(s, "cries") || strings.Contains(s, "afraid") {
			t.Errorf("a list tells what was found: %s", s)
		}
	}
	h.Settle()
	for what, sql := range map[string]string{
		"the visit":                    "select count(*) from audit_events where action = 'read' and resource = 'visits' and operation = 'getVisit' and $1 = any (subject_ids)",
		"the visit in the queue":       "select count(*) from audit_events where action = 'read' and resource = 'visits' and operation = 'listVisitQueue' and $1 = any (subject_ids)",
		"the person behind the visit":  "select count(*) from audit_events where action = 'read' and resource = 'beneficiaries' and operation = 'listVisitQueue' and (select beneficiary_id from visits where id = $1) = any (subject_ids)",
		"the creation":                 "select count(*) from audit_events where action = 'insert' and resource = 'visits' and $1 = any (subject_ids) and after ? 'access_mode'",
		"the event of the change feed": "select count(*) from events where type = 'visit.created' and subject_id = $1 and data = '{}'",
	} {
		var n int
		if h.Scan(sql, []any{made.ID()}, &n); n != 1 {
			t.Errorf("%s: %d lines", what, n)
		}
	}
	var leaks int
	h.Scan("select count(*) from audit_events where resource = 'visits' and (before::text || after::text ~ 'mental|cries|afraid|high' or after::text ~ 'mental|cries|afraid|high')", nil, &leaks)
	if leaks != 0 {
		t.Errorf("%d lines of the trail tell what was found", leaks)
	}
}

func TestVisit_IsOfThisCenturyOrTheLast(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	for name, c := range map[string]struct {
		path string
		body body
		want string
	}{
		"arrival":     {"/visits", walkIn().with(body{"arrived_at": "0001-01-01T00:00:00Z"}), "impossible_date /arrived_at"},
		"orientation": {"/visits", walkIn().with(body{"orientation": body{"given_on": "1202-03-02", "language": "ha", "format": "group"}}), "impossible_date /orientation/given_on"},
		"contact":     {"/service-contacts", body{"occurred_at": "0202-03-02T06:05:00Z", "service_type": "health.consultation", "headcounts": []any{people("2", "unhcr_18_59", 1)}}, "impossible_date /occurred_at"},
	} {
		if r := h.Call(p, "POST", in(h, c.path), c.body).WantCode(422, "invalid"); found(r) != c.want {
			t.Errorf("%s: %s", name, r.Raw)
		}
	}
}

// A referral brings the person that it is about; one behind a wall is not even said to exist.
func TestVisit_IsBroughtByTheVisitorsReferral(t *testing.T) {
	h := apptest.New(t)
	p, partner := h.Staff(h.CentreA, "registrar"), h.Organisation("Clinic", "ngo")
	hers, other := register(h, p, nil).ID(), register(h, p, body{"given_name": "Aminata"}).ID()
	referred := func(kase any) uuid.UUID {
		id := uuid.New()
		h.Exec(`insert into referrals (centre_id, id, version, created_at, updated_at, direction, number, status, priority, organisation_id, reasons, services, beneficiary_id, case_id)
			values ($1, $2, 1, now(), now(), 'inbound', $6, 'accepted', 'urgent', $3, '{}', '{}', $4, $5)`, h.CentreA, id, partner, hers, kase, id.String())
		return id
	}
	kase := uuid.New()
	h.Exec(`insert into cases (centre_id, id, version, created_at, updated_at, number, beneficiary_id, status, risk_level, source, sensitivity)
		values ($1, $2, 1, now(), now(), 'C', $3, 'open', 'medium', 'walk_in', 'restricted')`, h.CentreA, kase, hers)
	known, walled := referred(nil), referred(kase)
	visit := func(person, referral uuid.UUID) *apptest.Response {
		return h.Call(p, "POST", in(h, "/visits"), walkIn().with(ofPerson(person)).with(body{"referral_id": referral}))
	}
	if r := visit(other, known).WantCode(422, "invalid"); found(r) != "other_person /referral_id" {
		t.Errorf("of another person: %s", r.Raw)
	}
	if r := visit(hers, walled).WantCode(422, "invalid"); found(r) != "unknown_referral /referral_id" {
		t.Errorf("behind the wall: %s", r.Raw)
	}
	visit(hers, known).Want(201)
	nameless := receive(h, p, body{"referral_id": known})
	if r := act(h, p, nameless, "identify", body{"beneficiary_id": other}).WantCode(422, "invalid"); found(r) != "other_person /referral_id" {
		t.Errorf("identified: %s", r.Raw)
	}
	mine := receive(h, p, ofPerson(other))
	if r := h.Call(p, "PATCH", path(mine), body{"referral_id": known}, apptest.IfMatch(mine.ETag())).WantCode(422, "invalid"); found(r) != "other_person /referral_id" {
		t.Errorf("corrected: %s", r.Raw)
	}
}

// What reception knew of a visitor who left is not what the register tells today.
func TestVisit_ThatEndedKeepsWhatWasKnown(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	who := register(h, p, nil)
	gone := act(h, p, receive(h, p, ofPerson(who.ID())), "leave", body{}).Want(200)
	h.Call(p, "POST", path(who)+"/needs", body{"code_system": "migrant_vulnerability", "code": "disability", "confidence": "observed"}).Want(201)
	if r := h.Call(p, "PATCH", in(h, "/visits/"+gone.ID().String()), body{"note": "Came on foot"}, apptest.IfMatch(gone.ETag())).Want(200); r.Len("known_groups") != 0 || r.Text("priority_band") != gone.Text("priority_band") {
		t.Errorf("ranked again: %s", r.Raw)
	}
}

// Who told whom the house rules, in which language and under which procedures, and whether they were accepted.
func TestVisit_KeepsWhoAcceptedWhichHouseRules(t *testing.T) {
	h := apptest.New(t)
	registrar, second := h.Staff(h.CentreA, "registrar"), h.Staff(h.CentreA, "registrar")
	at := "/v1/centres/" + h.CentreA.String() + "/visits"
	told := body{"given_on": "2026-03-02", "language": "ha", "format": "individual"}
	made := h.Call(registrar, "POST", at, walkIn().with(body{"orientation": told})).Want(201)
	if made.ID("orientation", "given_by") != registrar.ID || made.Value("orientation", "sop_id") != nil || made.Value("orientation", "house_rules") != nil {
		t.Errorf("before any procedures: %s", made.Raw)
	}
	sop := db.NewID()
	h.Exec(`insert into sops (centre_id, id, version, created_at, updated_at, number, title, status, policy) values ($1, $2, 1, now(), now(), 1, 'SOP', 'active', '{}')`, h.CentreA, sop)
	told["house_rules"] = "accepted"
	changed := h.Call(second, "PATCH", at+"/"+made.ID().String(), body{"orientation": told}, apptest.IfMatch(`"1"`)).Want(200)
	if changed.Text("orientation", "house_rules") != "accepted" || changed.ID("orientation", "given_by") != second.ID || changed.ID("orientation", "sop_id") != sop {
		t.Errorf("recorded: %s", changed.Raw)
	}
	kept := h.Call(registrar, "PATCH", at+"/"+made.ID().String(), body{"note": "Tired"}, apptest.IfMatch(`"2"`)).Want(200)
	if kept.ID("orientation", "given_by") != second.ID {
		t.Errorf("another change: %s", kept.Raw)
	}
	told["house_rules"] = "ignored"
	h.Call(registrar, "POST", at, walkIn().with(body{"orientation": told})).Want(422)
	told["house_rules"], told["given_by"] = "accepted", second.ID
	h.Call(registrar, "POST", at, walkIn().with(body{"orientation": told})).Want(422)
}
