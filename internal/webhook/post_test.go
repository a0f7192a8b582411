package webhook_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/config"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/webhook"
)

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
