package webhook_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/config"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/webhook"
)

func TestPartner_IsToldWhatConcernsItThinlyAndSignedByTheStandard(t *testing.T) {
	s := begin(t)
	other := s.Organisation("Other", "ngo")
	referral := db.NewID()
	s.Exec(`insert into events (centre_id, type, resource, subject_id, version, organisation_id, data) values ($1, 'referral.declined', 'referral', $2, 4, $3, '{"reason": "no_capacity"}')`,
		s.CentreA, referral, s.clinic)
	s.happens(other, "referral.sent", db.NewID())
	s.happens(s.clinic, "service.stale", db.NewID()) // the client has no right to the service map
	s.Exec("insert into events (centre_id, type, resource, subject_id) values ($1, 'beneficiary.created', 'beneficiary', $2)", s.CentreA, db.NewID())
	s.tell()
	got := s.receiver.got()
	if len(got) != 1 {
		t.Fatalf("%d messages", len(got))
	}
	if err := genuine(t, s.secret, got[0]); err != nil {
		t.Error(err)
	}
	var body map[string]any
	if err := json.Unmarshal(got[0].body, &body); err != nil {
		t.Fatal(err)
	}
	data := body["data"].(obj)
	at, err := time.Parse(time.RFC3339Nano, body["timestamp"].(string))
	if err != nil || time.Since(at) > time.Minute || len(body) != 3 || body["type"] != "referral.declined" {
		t.Errorf("%s: %v", got[0].body, err)
	}
	delete(data, "event_id")
	if want := fmt.Sprint(obj{"centre_id": s.CentreA, "details": obj{"reason": "no_capacity"}, "gone": false, "resource": "referral", "resource_id": referral, "version": 4}); fmt.Sprint(data) != want {
		t.Errorf("data %v, want %s", data, want)
	}
	log := s.Call(s.partner, "GET", s.path("/deliveries"), nil).Want(200)
	if log.Len("data") != 1 || log.Text("data", 0, "id") != got[0].id() || log.Text("data", 0, "status") != "delivered" || log.Text("data", 0, "log", 0, "status") != "204" {
		t.Errorf("log %s", log.Raw)
	}
	if e := s.endpoint(); e.Text("succeeded_at") == "" || e.Text("secret") != "" || e.ETag() != `"1"` {
		t.Errorf("endpoint %s", e.Raw)
	}
	s.tell()
	if n := len(s.receiver.got()); n != 1 {
		t.Errorf("told %d times", n)
	}
}

func TestStaff_AreToldWhatTheirRolesShowInTheCentreThatTheyFollow(t *testing.T) {
	s := begin(t)
	manager := s.Staff(s.CentreA, "centre_manager")
	hook := listen(t)
	made := s.Call(manager, "POST", "/v1/webhook-endpoints", obj{"url": hook.URL, "centre_id": s.CentreA, "types": []string{"beneficiary.created", "case_note.created", "sop.created"}}).Want(201)
	person := s.Call(s.Staff(s.CentreA, "registrar"), "POST", "/v1/centres/"+s.CentreA.String()+"/beneficiaries", obj{
		"registration_level": "basic", "reception_on": "2026-03-01", "given_name": "Aïssatou", "family_name": "Diallo", "sex": "2", "age": 27,
		"population_type": "migrant", "nationalities": []string{"GIN"},
		"consent": obj{"decision": "given", "giver": "individual", "method": "written", "language": "fr"},
	}).Want(201)
	for _, e := range [][2]any{{s.CentreA, "case_note.created"}, {s.CentreB, "beneficiary.created"}, {s.CentreA, "beneficiary.updated"}} {
		resource, _, _ := strings.Cut(e[1].(string), ".")
		s.Exec("insert into events (centre_id, type, resource, subject_id) values ($1, $2, $3, $4)", e[0], e[1], resource, db.NewID())
	}
	s.tell()
	if got := hook.subjects(); got != person.ID().String() {
		t.Fatalf("told of %q", got)
	}
	m := hook.got()[0]
	if err := genuine(t, made.Text("secret"), m); err != nil || strings.Contains(string(m.body), "Diallo") {
		t.Errorf("%s: %v", m.body, err)
	}
	hook.always(503)
	s.Exec("insert into events (centre_id, type, resource, subject_id) values ($1, 'sop.created', 'sop', $2)", s.CentreA, db.NewID())
	s.tell()
	s.Exec("update members set ended_at = now() where user_id = $1", manager.ID)
	s.hasten()
	s.tell()
	var status, reason string
	s.Scan("select status, reason from webhook_endpoints where id = $1", []any{made.ID()}, &status, &reason)
	if n := len(hook.got()); n != 2 || status != "paused" || reason != "no_rights" {
		t.Errorf("told %d times after the role had ended: %s, %s", n, status, reason)
	}
}

func TestDelivery_IsDroppedWhenItsReaderMayNoLongerSeeIt(t *testing.T) {
	s := begin(t)
	s.receiver.always(503)
	s.referred()
	s.tell()
	s.Exec("update api_clients set scopes = '{partner:webhooks}' where id = $1", s.partner.ID)
	s.hasten()
	s.tell()
	if log := s.Call(s.partner, "GET", s.path("/deliveries?status=dropped"), nil).Want(200); log.Len("data") != 1 || len(s.receiver.got()) != 1 {
		t.Errorf("log %s", log.Raw)
	}
	s.Exec("update api_clients set revoked_at = now() where id = $1", s.partner.ID)
	s.tell()
	var status string
	s.Scan("select status from webhook_endpoints where id = $1", []any{s.id}, &status)
	if status != "paused" {
		t.Errorf("a revoked client's endpoint is %s", status)
	}
}

// rule 4
func TestRevocation_TakesWhatWaitsAboutTheReferralOutOfTheLine(t *testing.T) {
	s := begin(t)
	s.receiver.answer(503)
	ended, open := s.referred(), s.referred()
	s.happens(s.clinic, "referral.message_posted", ended)
	s.tell()
	s.happens(s.clinic, "referral.message_posted", ended)
	s.happens(s.clinic, "referral.revoked", ended)
	s.hasten()
	s.tell()
	if got := s.receiver.subjects(); got != line(ended, open, ended) || s.receiver.got()[2].value("type") != "referral.revoked" {
		t.Errorf("told of %s", got)
	}
}

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

func TestSchedule_IsThePublishedOneWithJitterAndLaterWhereTheReceiverAsks(t *testing.T) {
	published := []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}
	for i, want := range published {
		if got, ok := webhook.Wait(i+1, 0, 0); !ok || got != want {
			t.Errorf("after attempt %d: %s", i+1, got)
		}
		if got, _ := webhook.Wait(i+1, 0, 1); got != want*11/10 {
			t.Errorf("after attempt %d with all jitter: %s", i+1, got)
		}
	}
	if _, ok := webhook.Wait(10, time.Minute, 0); ok {
		t.Error("there is an eleventh attempt")
	}
	if got, _ := webhook.Wait(1, time.Minute, 0); got != time.Minute {
		t.Errorf("asked for a minute: %s", got)
	}
	if got, _ := webhook.Wait(3, time.Minute, 0); got != 30*time.Minute {
		t.Errorf("asked for less than the schedule: %s", got)
	}
	if got, _ := webhook.Wait(1, 999*time.Hour, 0); got != 24*time.Hour {
		t.Errorf("asked for weeks: %s", got)
	}
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"120": 2 * time.Minute, "Mon, 02 Mar 2026 09:01:00 GMT": time.Minute, "Mon, 02 Mar 2026 08:00:00 GMT": 0, "": 0, "-5": 0, "soon": 0, "99999999999999999999": 0,
	} {
		if got := webhook.RetryAfter(value, now); got != want {
			t.Errorf("Retry-After %q: %s", value, got)
		}
	}
}

func TestFailure_HoldsUpWhatFollowsAndIsRepeatedUnderTheSameID(t *testing.T) {
	s := begin(t)
	s.receiver.answers = append(s.receiver.answers, func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	first, second := s.referred(), s.referred()
	s.tell()
	s.tell()
	if got := s.receiver.subjects(); got != line(first) {
		t.Fatalf("told of %s", got)
	}
	waiting := s.Call(s.partner, "GET", s.path("/deliveries?status=pending&sort=at"), nil).Want(200)
	if at, err := time.Parse(time.RFC3339Nano, waiting.Text("data", 0, "next_attempt_at")); err != nil || time.Until(at) < 59*time.Minute || waiting.Text("data", 0, "log", 0, "error") != "not_taken" {
		t.Errorf("waits %s: %v", waiting.Raw, err)
	}
	if s.endpoint().Text("failing_since") == "" {
		t.Error("the endpoint is well")
	}
	s.hasten()
	s.tell()
	got := s.receiver.got()
	if s.receiver.subjects() != line(first, first, second) || got[0].id() != got[1].id() || got[1].id() == got[2].id() {
		t.Errorf("told of %s", s.receiver.subjects())
	}
	if err := genuine(t, s.secret, got[1]); err != nil {
		t.Error(err)
	}
	if s.endpoint().Text("failing_since") != "" {
		t.Error("the endpoint is not well")
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

func TestAddress_ThatIsNotPublicIsRefusedHoweverItIsNamed(t *testing.T) {
	s := begin(t)
	s.referred()
	elsewhere := apptest.New(t) // where no network is allowed
	client := elsewhere.Client(elsewhere.IOM, "partner:webhooks", "partner:referrals")
	for _, host := range []string{"127.0.0.1", "[::1]", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "[fd00::1]", "[fe80::1]", "[::ffff:127.0.0.1]"} {
		elsewhere.Call(client, "POST", "/v1/webhook-endpoints", obj{"url": "https://" + host + "/"}).WantCode(422, "invalid")
	}
	for _, url := range []string{"ftp://hooks.example/", "hooks.example", "https://", "https://user:secret@hooks.example/", "https://hooks.example/#part"} {
		elsewhere.Call(client, "POST", "/v1/webhook-endpoints", obj{"url": url}).WantCode(422, "invalid")
	}
	named := strings.Replace(s.receiver.URL, "127.0.0.1", "localhost", 1)
	made := elsewhere.Call(client, "POST", "/v1/webhook-endpoints", obj{"url": named}).Want(201)
	elsewhere.Exec("insert into events (centre_id, type, resource, subject_id, organisation_id) values ($1, 'referral.sent', 'referral', $2, $3)", elsewhere.CentreA, db.NewID(), elsewhere.IOM)
	elsewhere.Settle()
	elsewhere.Tick(webhook.FollowTick)
	log := elsewhere.Call(client, "GET", made.Header.Get("Location")+"/deliveries", nil).Want(200)
	if log.Text("data", 0, "log", 0, "error") != "refused_address" || log.Text("data", 0, "log", 0, "status") != "" || len(s.receiver.got()) != 0 {
		t.Errorf("log %s", log.Raw)
	}
}

func TestProduction_SendsOverHTTPSAlone(t *testing.T) {
	s := webhook.Settings{}
	if err := (&webhook.Endpoint{URL: "http://hooks.example/"}).Validate(s); err == nil {
		t.Error("http is taken")
	}
	if err := (&webhook.Endpoint{URL: "https://hooks.example/"}).Validate(s); err != nil {
		t.Error(err)
	}
}

func TestRedirect_IsAFailureAndNotFollowed(t *testing.T) {
	s := begin(t)
	trap := listen(t)
	s.receiver.answers = append(s.receiver.answers, func(w http.ResponseWriter) {
		w.Header().Set("Location", trap.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	s.referred()
	s.tell()
	log := s.Call(s.partner, "GET", s.path("/deliveries"), nil).Want(200)
	if len(trap.got()) != 0 || log.Text("data", 0, "status") != "pending" || log.Text("data", 0, "log", 0, "status") != "307" {
		t.Errorf("log %s", log.Raw)
	}
}

func TestReceiver_ThatIsSlowOrAwayIsTriedAgain(t *testing.T) {
	s := begin(t, func(c *config.Config) { c.WebhookTimeout = 50 * time.Millisecond })
	s.receiver.answers = append(s.receiver.answers, func(http.ResponseWriter) { time.Sleep(200 * time.Millisecond) })
	s.referred()
	s.tell()
	s.Call(s.partner, "PATCH", s.path(""), obj{"url": "http://127.0.0.1:1/"}, apptest.IfMatch(s.endpoint().ETag())).Want(200)
	s.hasten()
	s.tell()
	log := s.Call(s.partner, "GET", s.path("/deliveries"), nil).Want(200)
	if log.Text("data", 0, "log", 0, "error") != "timeout" || log.Text("data", 0, "log", 1, "error") != "unreachable" || log.Text("data", 0, "attempts") != "2" {
		t.Errorf("log %s", log.Raw)
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

func TestLateCommit_IsToldInItsPlace(t *testing.T) {
	s := begin(t)
	slow, err := s.Owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Rollback(t.Context()) }()
	early := db.NewID()
	if _, err := slow.Exec(t.Context(), "insert into events (centre_id, type, resource, subject_id, organisation_id) values ($1, 'referral.sent', 'referral', $2, $3)", s.CentreA, early, s.clinic); err != nil {
		t.Fatal(err)
	}
	late := s.referred()
	s.Tick(webhook.FollowTick)
	if err := slow.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.tell()
	if s.receiver.subjects() != line(early, late) {
		t.Errorf("told of %s", s.receiver.subjects())
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
