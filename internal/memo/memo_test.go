package memo

import (
	"errors"
	"testing"
	"time"
)

func TestMemo_AsksAgainWhenTheAnswerIsOldOrForgotten(t *testing.T) {
	clock := time.Now()
	m := New[string, int](10*time.Second, 5*time.Second)
	m.now = func() time.Time { return clock }
	asked := 0
	get := func() int {
		v, err := m.Get("a", func() (int, error) { asked++; return asked, nil })
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	steps := []struct {
		name   string
		after  time.Duration
		forget bool
		want   int
	}{
		{"first", 0, false, 1},
		{"kept", 9 * time.Second, false, 1},
		{"old", 1 * time.Second, false, 2},
		{"forgotten", 1 * time.Second, true, 3},
		{"still in doubt", 4 * time.Second, false, 4},
		{"doubt is over", 1 * time.Second, false, 5},
		{"kept again", 9 * time.Second, false, 5},
	}
	for _, s := range steps {
		clock = clock.Add(s.after)
		if s.forget {
			m.Forget("a")
		}
		if got := get(); got != s.want {
			t.Errorf("%s: %d, want %d", s.name, got, s.want)
		}
	}
}

func TestMemo_AnswerThatWasOvertakenIsNotKept(t *testing.T) {
	m := New[string, int](time.Minute, time.Minute)
	_, _ = m.Get("a", func() (int, error) { m.Forget("a"); return 1, nil })
	if got, _ := m.Get("a", func() (int, error) { return 2, nil }); got != 2 {
		t.Errorf("kept %d, which was read before the change", got)
	}
}

func TestMemo_DoesNotKeepFailures(t *testing.T) {
	m := New[string, int](time.Minute, time.Minute)
	broken := errors.New("broken")
	if _, err := m.Get("a", func() (int, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if got, err := m.Get("a", func() (int, error) { return 3, nil }); got != 3 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
}
