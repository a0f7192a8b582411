package webhook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/webhook"
)

func TestRotation_SignsUnderBothSecretsForATime(t *testing.T) {
	s := begin(t)
	rotated := s.does(s.partner, "rotate-secret").Want(200)
	second := rotated.Text("secret")
	if second == "" || second == s.secret || rotated.Text("previous_secret_until") == "" {
		t.Fatalf("rotated %s", rotated.Raw)
	}
	s.referred()
	s.tell()
	m := s.receiver.got()[0]
	if a, b := genuine(t, s.secret, m), genuine(t, second, m); a != nil || b != nil || len(strings.Fields(m.header.Get("webhook-signature"))) != 2 {
		t.Errorf("before %v, after %v", a, b)
	}
	s.Exec("update webhook_endpoints set previous_secret_until = now()")
	s.referred()
	s.tell()
	m = s.receiver.got()[1]
	if a, b := genuine(t, s.secret, m), genuine(t, second, m); a == nil || b != nil {
		t.Errorf("before %v, after %v", a, b)
	}
}

func TestSecret_IsShownOnceAndStoredNowhereInTheOpen(t *testing.T) {
	s := begin(t)
	id := uuid.Must(uuid.NewV7())
	body := obj{"id": id, "url": s.receiver.URL}
	first := s.Call(s.partner, "POST", "/v1/webhook-endpoints", body, apptest.Key("k")).Want(201).Text("secret")
	if again := s.Call(s.partner, "POST", "/v1/webhook-endpoints", body, apptest.Key("k")).Want(201); first == "" || again.Text("secret") != "" {
		t.Errorf("again %s", again.Raw)
	}
	for _, table := range []string{"webhook_endpoints", "audit_events", "stored_answers", "events"} {
		var n int
		s.Scan("select count(*) from "+table+" t where t::text like '%' || $1 || '%' or t::text like '%' || encode($1::bytea, 'hex') || '%'", []any{first}, &n)
		if n != 0 {
			t.Errorf("%s holds the secret", table)
		}
	}
}

func TestEndpoint_ThatNeverTakesAMessageIsPausedAndLosesNothing(t *testing.T) {
	s := begin(t)
	s.receiver.always(500)
	first, second := s.referred(), s.referred()
	for range 12 {
		s.hasten()
		s.tell()
	}
	if n := len(s.receiver.got()); n != 10 {
		t.Errorf("%d attempts", n)
	}
	if e := s.endpoint(); e.Text("status") != "paused" || e.Text("reason") != "failing" {
		t.Fatalf("endpoint %s", e.Raw)
	}
	third := s.referred()
	s.tell()
	s.receiver.always(200)
	if e := s.does(s.partner, "resume").Want(200); e.Text("status") != "active" || e.Text("reason") != "" {
		t.Errorf("resumed %s", e.Raw)
	}
	s.tell()
	if got := s.receiver.subjects(); !strings.HasSuffix(got, line(first, first, second, third)) || len(s.receiver.got()) != 13 {
		t.Errorf("told of %s", got)
	}
}

func TestEndpoint_ThatIsPausedHearsOfItAllWhenItIsResumed(t *testing.T) {
	s := begin(t)
	s.does(s.partner, "pause").Want(200)
	s.does(s.partner, "pause").WantCode(409, "state_conflict")
	s.Call(s.partner, "POST", s.path("/test"), nil).WantCode(409, "state_conflict")
	missed := s.referred()
	s.tell()
	if n := len(s.receiver.got()); n != 0 {
		t.Errorf("told %d times", n)
	}
	s.does(s.partner, "resume").Want(200)
	s.does(s.partner, "resume").WantCode(409, "state_conflict")
	s.tell()
	if s.receiver.subjects() != line(missed) {
		t.Errorf("told of %s", s.receiver.subjects())
	}
}

func TestGone_DisablesTheEndpoint(t *testing.T) {
	s := begin(t)
	s.receiver.answer(410)
	s.referred()
	s.referred()
	s.tell()
	s.hasten()
	s.tell()
	if e := s.endpoint(); e.Text("status") != "disabled" || e.Text("reason") != "gone" || len(s.receiver.got()) != 1 {
		t.Errorf("endpoint %s", e.Raw)
	}
}

func TestReplay_SendsAgainByEventOrByTimeUnderTheSameID(t *testing.T) {
	s := begin(t)
	first, second := s.referred(), s.referred()
	s.tell()
	got := s.receiver.got()
	replay := func(body obj) *apptest.Response {
		return s.Call(s.partner, "POST", s.path("/replay"), body)
	}
	if r := replay(obj{"event_ids": []string{got[1].value("event_id"), "999999"}}).Want(202); r.Text("messages") != "1" {
		t.Errorf("%s", r.Raw)
	}
	s.tell()
	now := db.Now()
	if r := replay(obj{"from": now.Add(-time.Hour), "until": now.Add(time.Hour)}).Want(202); r.Text("messages") != "2" {
		t.Errorf("%s", r.Raw)
	}
	if r := replay(obj{"from": now.Add(-2 * time.Hour), "until": now.Add(-time.Hour)}).Want(202); r.Text("messages") != "0" {
		t.Errorf("%s", r.Raw)
	}
	s.tell()
	again := s.receiver.got()
	if s.receiver.subjects() != line(first, second, second, first, second) || again[2].id() != got[1].id() || again[3].id() != got[0].id() {
		t.Errorf("told of %s", s.receiver.subjects())
	}
	if err := genuine(t, s.secret, again[4]); err != nil {
		t.Error(err)
	}
	for _, body := range []obj{{}, {"from": now}, {"event_ids": []string{"1"}, "from": now, "until": now.Add(1)}, {"from": now, "until": now}} {
		replay(body).WantCode(422, "invalid")
	}
}

func TestTestEvent_JoinsTheLine(t *testing.T) {
	s := begin(t)
	s.Call(s.partner, "PATCH", s.path(""), obj{"types": []string{"referral.revoked"}}, apptest.IfMatch(`"1"`)).Want(200)
	sent := s.Call(s.partner, "POST", s.path("/test"), nil).Want(202)
	s.referred() // not asked for any more
	s.tell()
	got := s.receiver.got()
	if len(got) != 1 || got[0].id() != sent.Text("id") || got[0].value("type") != "webhook.test" || got[0].value("resource_id") != s.id.String() {
		t.Fatalf("%d messages", len(got))
	}
	if err := genuine(t, s.secret, got[0]); err != nil {
		t.Error(err)
	}
}

func TestEndpoint_IsKeptByItsOwnerAndSeenByItsOwnPeople(t *testing.T) {
	s := begin(t)
	manager, admin := s.Staff(s.CentreA, "centre_manager"), s.Staff(s.CentreA, "tenant_admin")
	made := s.Call(manager, "POST", "/v1/webhook-endpoints", obj{"url": s.receiver.URL, "centre_id": s.CentreA, "description": "Mirror"}).Want(201)
	at := made.Header.Get("Location")
	colleague := s.Client(s.clinic, "partner:webhooks")
	for who, c := range map[string]struct {
		person apptest.Person
		sees   string // of the two endpoints
	}{
		"the owner": {manager, at}, "a colleague": {admin, at}, "an auditor": {s.Staff(s.CentreA, "auditor"), at}, "another centre": {s.Staff(s.CentreB, "centre_manager"), ""},
		"the partner": {s.partner, s.path("")}, "the partner's other system": {colleague, s.path("")}, "another partner": {s.Client(s.IOM, "partner:webhooks"), ""},
	} {
		list, total := s.Call(c.person, "GET", "/v1/webhook-endpoints", nil).Want(200), 0
		for _, path := range []string{at, s.path("")} {
			status := map[bool]int{true: 200, false: 404}[path == c.sees]
			s.Call(c.person, "GET", path, nil).Want(status)
			total += map[int]int{200: 1, 404: 0}[status]
		}
		if list.Len("data") != total {
			t.Errorf("%s sees %s", who, list.Raw)
		}
	}
	s.Call(s.Staff(s.CentreA, "caseworker"), "GET", at, nil).WantCode(403, "forbidden")
	for _, person := range []apptest.Person{admin, colleague} {
		path := map[bool]string{true: at, false: s.path("")}[person == admin]
		s.Call(person, "PATCH", path, obj{"url": "https://elsewhere.example/"}, apptest.IfMatch(`"1"`)).WantCode(403, "forbidden")
		s.Call(person, "POST", path+"/rotate-secret", nil, apptest.IfMatch(`"1"`)).WantCode(403, "forbidden")
		s.Call(person, "POST", path+"/test", nil).WantCode(403, "forbidden")
		s.Call(person, "GET", path+"/deliveries", nil).WantCode(403, "forbidden")
		s.Call(person, "POST", path+"/replay", obj{"event_ids": []string{"1"}}).WantCode(403, "forbidden")
		s.Call(person, "POST", path+"/pause", nil, apptest.IfMatch(`"1"`)).Want(200)
		s.Call(person, "POST", path+"/resume", nil, apptest.IfMatch(`"2"`)).WantCode(403, "forbidden")
	}
	if r := s.Call(manager, "PATCH", at, obj{"description": nil}, apptest.IfMatch(`"2"`)).Want(200); r.Text("description") != "" {
		t.Errorf("%s", r.Raw)
	}
	s.Call(manager, "PATCH", at, obj{"url": "https://x.example/"}, apptest.IfMatch(`"2"`)).WantCode(412, "stale_version")
	for _, c := range []struct {
		person apptest.Person
		body   obj
	}{{manager, obj{}}, {manager, obj{"centre_id": s.CentreB}}, {s.partner, obj{"centre_id": s.CentreA}}} {
		c.body["url"] = s.receiver.URL
		if r := s.Call(c.person, "POST", "/v1/webhook-endpoints", c.body).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != "/centre_id" {
			t.Errorf("%s", r.Raw)
		}
	}
}

func TestLog_IsForgottenInTime(t *testing.T) {
	s := begin(t)
	s.referred()
	s.tell()
	s.receiver.always(500)
	s.referred()
	s.tell()
	s.Tick(webhook.ForgetTick)
	if n := s.Call(s.partner, "GET", s.path("/deliveries"), nil).Want(200).Len("data"); n != 2 {
		t.Errorf("%d are kept", n)
	}
	s.Exec("update webhook_deliveries set ended_at = ended_at - interval '31 days'")
	s.Tick(webhook.ForgetTick)
	if r := s.Call(s.partner, "GET", s.path("/deliveries"), nil).Want(200); r.Len("data") != 1 || r.Text("data", 0, "status") != "pending" {
		t.Errorf("kept %s", r.Raw)
	}
}
