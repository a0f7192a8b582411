package place_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/place"
)

type obj = map[string]any

// shelter is a service with places, two centres that want them, and a case of the first.
type shelter struct {
	*apptest.House
	provider, service, file  uuid.UUID
	system                   apptest.Person // the provider's
	worker, colleague, other apptest.Person // two of centre A, one of centre B
}

func newShelter(t *testing.T, places int) *shelter {
	h := apptest.New(t)
	s := &shelter{House: h, provider: h.Organisation("Abri", "ngo"), worker: h.Staff(h.CentreA, "caseworker"), colleague: h.Staff(h.CentreA, "caseworker"), other: h.Staff(h.CentreB, "caseworker")}
	s.system = h.Client(s.provider, "partner:services", "partner:referrals")
	s.Agrees(s.provider)
	s.service = s.Call(s.system, "POST", "/v1/services", obj{"name": "Beds", "type": "accommodation", "referral_methods": []string{"api"}}).Want(201).ID()
	s.publish(obj{"unit": "bed", "maximum": places}).Want(200)
	person := s.Call(s.Staff(h.CentreA, "registrar"), "POST", "/v1/centres/"+h.CentreA.String()+"/beneficiaries", obj{
		"registration_level": "basic", "reception_on": "2026-03-01", "given_name": "Awa", "family_name": "Diallo", "sex": "2", "age": 27, "population_type": "migrant", "nationalities": []string{"GIN"},
		"consent": obj{"decision": "given", "giver": "individual", "method": "written", "language": "fr"},
	}).Want(201).ID()
	for _, scope := range []string{"case_management", "share_organisations"} {
		s.Exec(`insert into consents (centre_id, id, created_at, updated_at, beneficiary_id, scope, decision, giver, method, given_at) values ($1, $2, now(), now(), $3, $4, 'given', 'individual', 'written', clock_timestamp())`,
			h.CentreA, db.NewID(), person, scope)
	}
	opened := s.Call(s.worker, "POST", s.at("/cases"), obj{"beneficiary_id": person, "source": "walk_in", "risk_level": "low", "owner_id": s.worker.ID, "summary": "x"}).Want(201)
	s.file = opened.ID()
	s.Call(s.worker, "POST", s.at("/cases/"+s.file.String()+"/open"), nil, apptest.IfMatch(opened.ETag())).Want(200)
	return s
}

func (s *shelter) at(path string) string { return "/v1/centres/" + s.CentreA.String() + path }

func (s *shelter) publish(change obj) *apptest.Response {
	s.T.Helper()
	at := "/v1/services/" + s.service.String() + "/capacity"
	return s.Call(s.system, "PATCH", at, change, apptest.IfMatch(s.Call(s.system, "GET", at, nil).Want(200).ETag()))
}

// hold asks for a place in centre A; further fields come on top.
func (s *shelter) hold(further obj) *apptest.Response {
	s.T.Helper()
	body := obj{"service_id": s.service}
	for name, value := range further {
		body[name] = value
	}
	return s.Call(s.worker, "POST", s.at("/holds"), body)
}

// elsewhere asks for a place in centre B, and waits where there is none.
func (s *shelter) elsewhere() *apptest.Response {
	s.T.Helper()
	return s.Call(s.other, "POST", "/v1/centres/"+s.CentreB.String()+"/holds", obj{"service_id": s.service, "wait": true}).Want(201)
}

func (s *shelter) does(verb string, of *apptest.Response) *apptest.Response {
	s.T.Helper()
	at := of.Header.Get("Location")
	if at == "" {
		at = s.at("/holds/" + of.ID().String())
	}
	who := s.worker
	if strings.Contains(at, s.CentreB.String()) {
		who = s.other
	}
	return s.Call(who, "POST", at+"/"+verb, nil, apptest.IfMatch(s.Call(who, "GET", at, nil).Want(200).ETag()))
}

// stands tells the status of a hold and the counts of the service: held, taken, waiting, free.
func (s *shelter) stands(of *apptest.Response) string {
	s.T.Helper()
	var status string
	s.Scan("select status from service_holds where id = $1", []any{of.ID()}, &status)
	return status + " " + s.counts()
}

func (s *shelter) counts() string {
	s.T.Helper()
	r := s.Call(s.worker, "GET", "/v1/services/"+s.service.String()+"/capacity", nil).Want(200)
	return fmt.Sprint(r.Value("held"), r.Value("taken"), r.Value("waiting"), r.Value("free"))
}

func (s *shelter) want(of *apptest.Response, want string) {
	s.T.Helper()
	if got := s.stands(of); got != want {
		s.T.Errorf("stands %q, want %q", got, want)
	}
}

func TestHold_OfTheLastPlaceIsGivenOnce(t *testing.T) {
	s := newShelter(t, 1)
	statuses := apptest.AtOnce(8, func(i int) *apptest.Response {
		who, centre := s.worker, s.CentreA
		if i%2 == 1 {
			who, centre = s.other, s.CentreB
		}
		return s.Call(who, "POST", "/v1/centres/"+centre.String()+"/holds", obj{"service_id": s.service})
	})
	if fmt.Sprint(statuses) != "[201 409 409 409 409 409 409 409]" || s.counts() != "1 0 0 0" {
		t.Errorf("%v, then %s", statuses, s.counts())
	}
}

func TestHold_EveryPlaceGoesToTheLineUnderConcurrency(t *testing.T) {
	s := newShelter(t, 2)
	var asked [9]*apptest.Response
	for i := range asked {
		if asked[i] = s.hold(obj{"wait": true}).Want(201); i%3 == 2 {
			asked[i] = s.elsewhere()
		}
	}
	statuses := apptest.AtOnce(len(asked), func(i int) *apptest.Response { return s.does("release", asked[i]) })
	for _, status := range statuses {
		if status != 200 && status != 412 { // the line moved one on between reading and releasing
			t.Errorf("answered %d", status)
		}
	}
	var wrong int
	s.Scan(`select count(*) from service_capacities c where (held, taken, waiting) <> (select coalesce(sum(places) filter (where status = 'held'), 0),
		coalesce(sum(places) filter (where status = 'taken'), 0), coalesce(sum(places) filter (where status = 'waiting'), 0) from service_holds where service_id = c.id)
		or held + taken > maximum or (waiting > 0 and held + taken < maximum)`, nil, &wrong)
	if wrong > 0 {
		t.Errorf("the counts do not hold: %s", s.counts())
	}
}

func TestHold_IsTakenMissedOrGivenBackAndTheLineMovesOn(t *testing.T) {
	s := newShelter(t, 1)
	first := s.hold(obj{"hours": 5, "case_id": s.file}).Want(201)
	s.want(first, "held 1 0 0 0")
	if until := first.Text("until_at"); until == "" || first.Text("organisation_id") != s.provider.String() || first.Text("case_id") != s.file.String() {
		t.Errorf("%s", first.Raw)
	}
	s.hold(nil).WantCode(409, "no_place_free")
	second, third := s.elsewhere(), s.hold(obj{"wait": true}).Want(201)
	if second.Text("status") != "waiting" || second.Text("position") != "1" || third.Text("position") != "2" || second.Text("until_at") != "" {
		t.Errorf("%s %s", second.Raw, third.Raw)
	}
	s.does("take-up", second).WantCode(409, "state_conflict")
	s.does("take-up", first).Want(200)
	s.want(first, "taken 0 1 2 0")
	s.does("no-show", first).WantCode(409, "state_conflict")
	s.does("release", first).Want(200)
	s.want(second, "held 1 0 1 0")
	s.does("release", first).WantCode(409, "state_conflict")
	s.does("no-show", second).Want(200)
	s.want(third, "held 1 0 0 0")
	s.does("release", third).Want(200)
	s.want(third, "released 0 0 0 1")
}

func TestHold_IsJudgedBesideWhatThereIs(t *testing.T) {
	s := newShelter(t, 2)
	made := s.hold(obj{"places": 2, "hours": 8000}).Want(201)
	var hours int
	s.Scan("select round(extract(epoch from until_at - joined_at) / 3600) from service_holds where id = $1", []any{made.ID()}, &hours)
	if hours != 48 {
		t.Errorf("held for %d hours", hours)
	}
	s.hold(obj{"places": 3, "wait": true}).Want(422)
	s.hold(obj{"service_id": uuid.New()}).Want(422)
	s.hold(obj{"case_id": uuid.New()}).Want(422)
	s.hold(obj{"referral_id": uuid.New()}).Want(422)
	s.hold(obj{"id": made.ID(), "wait": true}).WantCode(409, "id_taken")
	s.Call(s.Staff(s.CentreA, "registrar"), "POST", s.at("/holds"), obj{"service_id": s.service}).WantCode(403, "forbidden")
	s.publish(obj{"maximum": nil}).Want(200)
	s.hold(nil).Want(422)
	if s.Call(s.worker, "GET", "/v1/services/"+s.service.String()+"/capacity", nil).Want(200).Value("free") != nil {
		t.Error("places are left of none")
	}
	s.Exec("update services set status = 'inactive' where id = $1", s.service)
	s.hold(nil).Want(422)
}

func TestCapacity_LetsThoseWhoWaitComeOnWhereThereAreMore(t *testing.T) {
	s := newShelter(t, 1)
	s.hold(nil).Want(201)
	family, alone := s.hold(obj{"places": 1, "wait": true}).Want(201), s.elsewhere()
	s.publish(obj{"maximum": 3, "elsewhere": 2}).Want(200)
	s.want(family, "waiting 1 0 2 0")
	if r := s.publish(obj{"elsewhere": 1}).Want(200); r.Text("held") != "2" || r.Text("waiting") != "1" {
		t.Errorf("answered %s", r.Raw)
	}
	s.want(alone, "waiting 2 0 1 0")
	s.publish(obj{"maximum": 0}).Want(200)
	s.want(family, "held 2 0 1 0") // nobody loses a place
	at := "/v1/services/" + s.service.String() + "/capacity"
	s.Call(s.Client(s.Organisation("Autre", "ngo"), "partner:services"), "PATCH", at, obj{"maximum": 9}, apptest.IfMatch(s.Call(s.worker, "GET", at, nil).ETag())).WantCode(403, "forbidden")
	s.Call(s.worker, "PATCH", at, obj{"maximum": 9}, apptest.IfMatch(`"1"`)).WantCode(403, "forbidden")
	s.Call(s.system, "PATCH", at, obj{"maximum": 9}, apptest.IfMatch(`"1"`)).WantCode(412, "stale_version")
	s.Call(s.Staff(s.CentreA, "service_map_editor"), "PATCH", at, obj{"maximum": 9}, apptest.IfMatch(s.Call(s.worker, "GET", at, nil).ETag())).Want(200)
	s.want(alone, "held 3 0 0 5")
}

func TestHold_ThatRanOutFreesThePlaceAndTheNextIsTold(t *testing.T) {
	s := newShelter(t, 1)
	first, next := s.hold(nil).Want(201), s.hold(obj{"wait": true, "case_id": s.file}).Want(201)
	s.Tick(place.Tick)
	s.want(first, "held 1 0 1 0")
	s.Exec("update service_holds set until_at = now() - interval '1 second' where id = $1", first.ID())
	s.Tick(place.Tick)
	s.Tick(place.Tick)
	s.want(first, "expired 1 0 0 0")
	s.want(next, "held 1 0 0 0")
	tasks := s.Call(s.worker, "GET", s.at("/tasks?kind=place_held"), nil).Want(200)
	if tasks.Len("data") != 1 || tasks.Text("data", 0, "resource_id") != next.ID().String() || tasks.Text("data", 0, "case_id") != s.file.String() {
		t.Errorf("told %s", tasks.Raw)
	}
	if s.Call(s.colleague, "GET", s.at("/tasks?kind=place_held"), nil).Want(200).Len("data") != 0 {
		t.Error("a colleague is told too")
	}
	s.Settle()
	for who, feed := range map[string]string{"centre": "centre_id = '" + s.CentreA.String() + "'", "provider": "organisation_id = '" + s.provider.String() + "'"} {
		var told string
		s.Scan("select string_agg(type, ' ' order by xid, id) from events where resource = 'hold' and "+feed, nil, &told)
		if told != "hold.held hold.waiting hold.expired hold.promoted" {
			t.Errorf("the %s is told %q", who, told)
		}
	}
	s.does("take-up", next).Want(200)
	if s.Call(s.worker, "GET", s.at("/tasks?kind=place_held"), nil).Want(200).Len("data") != 0 {
		t.Error("the task is still open")
	}
}

func TestHold_ThatRanOutOrEndedSettlesItsTask(t *testing.T) {
	s := newShelter(t, 1)
	first, next := s.hold(nil).Want(201), s.hold(obj{"wait": true}).Want(201)
	s.does("release", first).Want(200)
	s.Tick(place.Tick)
	s.Exec("update service_holds set until_at = now() - interval '1 second' where id = $1", next.ID())
	s.Tick(place.Tick)
	var open int
	s.Scan("select count(*) from tasks where kind = 'place_held' and status = 'open'", nil, &open)
	if s.want(next, "expired 0 0 0 1"); open != 0 {
		t.Errorf("%d tasks are open", open)
	}
}

func TestProvider_SeesItsHoldsWithoutWhose(t *testing.T) {
	s := newShelter(t, 1)
	made, waits := s.hold(obj{"case_id": s.file}).Want(201), s.elsewhere()
	at := "/v1/services/" + s.service.String() + "/holds"
	r := s.Call(s.system, "GET", at, nil).Want(200)
	if r.Len("data") != 2 || r.ID("data", 0, "id") != made.ID() || r.Text("data", 1, "position") != "1" {
		t.Fatalf("%s", r.Raw)
	}
	for _, word := range []string{s.CentreA.String(), s.CentreB.String(), s.file.String(), s.worker.ID.String()} {
		if strings.Contains(string(r.Raw), word) {
			t.Errorf("tells %s", r.Raw)
		}
	}
	rival := s.Client(s.Organisation("Autre", "ngo"), "partner:services")
	if s.Call(rival, "GET", at, nil).Want(200).Len("data") != 0 {
		t.Error("another organisation sees holds")
	}
	one := at + "/" + made.ID().String()
	s.Call(rival, "POST", one+"/release", nil, apptest.IfMatch(made.ETag())).WantCode(404, "not_found")
	s.Call(s.worker, "POST", one+"/release", nil, apptest.IfMatch(made.ETag())).WantCode(403, "forbidden")
	s.Call(s.system, "POST", "/v1/services/"+uuid.NewString()+"/holds/"+made.ID().String()+"/release", nil, apptest.IfMatch(made.ETag())).WantCode(404, "not_found")
	s.Call(s.system, "POST", one+"/take-up", nil, apptest.IfMatch(`"9"`)).WantCode(412, "stale_version")
	taken := s.Call(s.system, "POST", one+"/take-up", nil, apptest.IfMatch(made.ETag())).Want(200)
	s.want(made, "taken 0 1 1 0")
	s.Call(s.system, "POST", one+"/no-show", nil, apptest.IfMatch(taken.ETag())).WantCode(409, "state_conflict")
	s.Call(s.system, "POST", one+"/release", nil, apptest.IfMatch(taken.ETag())).Want(200)
	s.want(waits, "held 1 0 0 0")
	s.Call(s.system, "POST", at+"/"+waits.ID().String()+"/no-show", nil, apptest.IfMatch(fmt.Sprintf("%q", s.Call(s.system, "GET", at+"?status=held", nil).Text("data", 0, "version")))).Want(200)
	s.want(waits, "no_show 0 0 0 1")
}

func TestHold_OfARestrictedCaseIsItsTeamsAlone(t *testing.T) {
	s := newShelter(t, 1)
	s.Exec("update cases set sensitivity = 'restricted' where id = $1", s.file)
	made := s.hold(obj{"case_id": s.file}).Want(201)
	s.Call(s.colleague, "GET", made.Header.Get("Location"), nil).WantCode(404, "not_found")
	s.Call(s.colleague, "POST", made.Header.Get("Location")+"/release", nil, apptest.IfMatch(made.ETag())).WantCode(404, "not_found")
	if s.Call(s.colleague, "GET", s.at("/holds"), nil).Want(200).Len("data") != 0 || s.Call(s.worker, "GET", s.at("/holds"), nil).Want(200).Len("data") != 1 {
		t.Error("the wall does not stand")
	}
	var centre, provider int
	s.Scan("select count(*) filter (where centre_id = $1), count(*) filter (where organisation_id = $2) from events where resource = 'hold'", []any{s.CentreA, s.provider}, &centre, &provider)
	if centre != 0 || provider != 1 {
		t.Errorf("the centre is told %d times, the provider %d", centre, provider)
	}
}

// refer drafts a referral to the service and holds a place for it.
func (s *shelter) refer() (referral uuid.UUID, hold *apptest.Response) {
	s.T.Helper()
	referral = s.Call(s.worker, "POST", s.at("/referrals"), obj{"case_id": s.file, "organisation_id": s.provider, "service_id": s.service, "priority": "normal", "reasons": []string{"shelter"},
		"services": []string{"accommodation"}, "client_mode": "anonymous"}).Want(201).ID()
	return referral, s.hold(obj{"referral_id": referral, "wait": true}).Want(201)
}

func (s *shelter) moves(referral uuid.UUID, verb string) {
	s.T.Helper()
	var tag string
	s.Scan(`select '"' || version || '"' from referrals where id = $1`, []any{referral}, &tag)
	who, at := s.system, "/v1/partner/referrals/"+referral.String()+"/"+verb
	if verb == "send" || verb == "revoke" {
		who, at = s.worker, s.at("/referrals/"+referral.String()+"/"+verb)
	}
	body := map[string]any{"accept": obj{"appointment_at": "2030-03-04T09:00:00Z"}, "decline": obj{"reason": "no_capacity"}, "revoke": obj{"reason": "Housed elsewhere"},
		"complete": obj{"feedback": "Stayed a week", "delivered_on": db.NewDate(db.Now()).String()}, "not-delivered": obj{"reason": "person_did_not_attend"}}[verb]
	s.Call(who, "POST", at, body, apptest.IfMatch(tag)).Want(200)
}

func TestHold_GoesWithItsReferral(t *testing.T) {
	s := newShelter(t, 1)
	for verbs, want := range map[string]string{
		"send":                             "held 1 0 0 0",
		"send decline":                     "released 0 0 0 1",
		"send revoke":                      "released 0 0 0 1",
		"send accept":                      "held 1 0 0 0",
		"send accept start":                "taken 0 1 0 0",
		"send accept start complete":       "released 0 0 0 1",
		"send accept not-delivered":        "no_show 0 0 0 1",
		"send accept start not-delivered":  "released 0 0 0 1",
		"send acknowledge accept waitlist": "held 1 0 0 0",
	} {
		referral, hold := s.refer()
		for _, verb := range strings.Fields(verbs) {
			s.moves(referral, verb)
		}
		if got := s.stands(hold); got != want {
			t.Errorf("%s: %q, want %q", verbs, got, want)
		}
		if strings.HasSuffix(verbs, "send") || strings.HasSuffix(verbs, "accept") {
			var kept bool
			s.Scan("select until_at >= case r.status when 'sent' then r.decision_due_at else r.appointment_at end from service_holds, referrals r where service_holds.id = $1 and r.id = $2", []any{hold.ID(), referral}, &kept)
			if !kept {
				t.Errorf("%s: the place is not kept as long as it is needed", verbs)
			}
		}
		s.Exec("update service_holds set status = 'released' where status in ('held', 'taken')")
	}
}

func TestHold_EndsWithAReferralThatExpires(t *testing.T) {
	s := newShelter(t, 1)
	referral, hold := s.refer()
	s.moves(referral, "send")
	waits := s.elsewhere()
	s.Exec("update referrals set expires_at = now() - interval '1 hour' where id = $1", referral)
	s.Tick("referral.expire")
	s.want(hold, "released 1 0 0 0")
	s.want(waits, "held 1 0 0 0")
	s.hold(obj{"referral_id": referral, "wait": true}).Want(422)
}
