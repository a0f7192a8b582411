package webhook_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/waystation/waystation/internal/app"
	"github.com/waystation/waystation/internal/config"
)

const victim = "WEBHOOK_TEST_VICTIM"

// TestMain lets this program be the process that is killed while it sends.
func TestMain(m *testing.M) {
	if os.Getenv(victim) != "" {
		work()
	}
	os.Exit(m.Run())
}

func work() {
	c, err := config.Load()
	if err != nil {
		panic(err)
	}
	a, err := app.Open(context.Background(), c)
	if err != nil {
		panic(err)
	}
	panic(a.Work(context.Background()))
}

func TestMessages_OutliveTheProcessThatIsKilledBetweenCommitAndDelivery(t *testing.T) {
	s := begin(t)
	arrived, dead := make(chan struct{}), make(chan struct{})
	s.receiver.answers = append(s.receiver.answers, func(http.ResponseWriter) { close(arrived); <-dead })
	first, second, third := s.referred(), s.referred(), s.referred() // committed, and nobody works yet
	s.Settle()
	c := s.App.Config
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), victim+"=1", "WAYSTATION_DATABASE_URL="+c.DatabaseURL.Reveal(), "WAYSTATION_DATA_DIR="+c.DataDir, "WAYSTATION_WEBHOOK_NETWORKS=127.0.0.0/8")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-arrived:
	case <-time.After(30 * time.Second):
		t.Error("the process sends nothing")
	}
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait() // killed, as it says
	close(dead)
	s.Exec("delete from river.river_job where kind = 'tick'") // the next tick is another one
	s.Exec("update river.river_job set attempted_at = now() - interval '2 minutes' where state = 'running'")
	s.Exec("delete from river.river_leader") // the dead leader's term, which ends after some seconds
	for deadline := time.Now().Add(30 * time.Second); len(s.receiver.got()) < 4 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		s.tell()
	}
	got := s.receiver.got()
	if s.receiver.subjects() != line(first, first, second, third) || got[0].id() != got[1].id() {
		t.Errorf("told of %s", s.receiver.subjects())
	}
	for _, m := range got {
		if err := genuine(t, s.secret, m); err != nil {
			t.Error(err)
		}
	}
}
