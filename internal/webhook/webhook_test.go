package webhook_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

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
