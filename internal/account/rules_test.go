package account

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
)

func day(text string) db.Date {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return db.NewDate(t)
}

func optDay(text string) *db.Date {
	if text == "" {
		return nil
	}
	d := day(text)
	return &d
}

func TestUser_LocksGrowUpToADay(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		failures int
		first    time.Duration
		want     time.Duration
	}{
		{4, 15 * time.Minute, 0}, {5, 15 * time.Minute, 15 * time.Minute}, {6, 15 * time.Minute, 30 * time.Minute},
		{8, 15 * time.Minute, 2 * time.Hour}, {12, 15 * time.Minute, 24 * time.Hour}, {1000, 15 * time.Minute, 24 * time.Hour},
		{5, 72 * time.Hour, 72 * time.Hour}, {99, 72 * time.Hour, 72 * time.Hour},
	} {
		u := &User{}
		for range c.failures {
			u.fail(now, 5, c.first)
		}
		if locked := u.LockedUntil != nil; locked != (c.want > 0) {
			t.Errorf("%d failures: locked %v", c.failures, locked)
		} else if locked && u.LockedUntil.Sub(now) != c.want {
			t.Errorf("%d failures lock for %s, want %s", c.failures, u.LockedUntil.Sub(now), c.want)
		}
		if u.succeed(); u.locked(now) || u.FailedSignIns != 0 {
			t.Errorf("%d failures are remembered", c.failures)
		}
	}
}

func TestMember_HeldFromTheFirstToTheLastDay(t *testing.T) {
	ended := time.Now()
	for _, c := range []struct {
		starts, expires string
		ended           *time.Time
		day             string
		want            bool
	}{
		{"2026-01-05", "", nil, "2026-01-04", false}, {"2026-01-05", "", nil, "2026-01-05", true}, {"2026-01-05", "", nil, "2099-01-01", true},
		{"2026-01-05", "2026-02-01", nil, "2026-02-01", true}, {"2026-01-05", "2026-02-01", nil, "2026-02-02", false},
		{"2026-01-05", "", &ended, "2026-01-06", false},
	} {
		m := Member{StartsOn: day(c.starts), ExpiresOn: optDay(c.expires), EndedAt: c.ended}
		if got := m.heldOn(day(c.day)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestMember_BeyondIsAnyNewDay(t *testing.T) {
	for _, c := range []struct {
		starts, expires, newStarts, newExpires string
		want                                   bool
	}{
		{"2026-01-05", "2026-06-01", "2026-01-05", "2026-06-01", false}, {"2026-01-05", "2026-06-01", "2026-01-05", "2026-05-01", false},
		{"2026-01-05", "2026-06-01", "2026-01-05", "2026-06-02", true}, {"2026-01-05", "2026-06-01", "2026-01-05", "", true},
		{"2026-01-05", "2026-06-01", "2026-01-04", "2026-06-01", true}, {"2026-01-05", "", "2026-01-06", "2026-06-01", false},
		{"2026-01-05", "", "2026-01-05", "", false},
	} {
		before := Member{StartsOn: day(c.starts), ExpiresOn: optDay(c.expires)}
		after := Member{StartsOn: day(c.newStarts), ExpiresOn: optDay(c.newExpires)}
		if got := after.beyond(before); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestTraining_ValidFromCompletionToTheLastDay(t *testing.T) {
	bounded, open := Training{CompletedOn: day("2026-01-05"), ValidUntil: optDay("2026-06-01")}, Training{CompletedOn: day("2026-01-05")}
	for text, want := range map[string][2]bool{"2026-01-04": {false, false}, "2026-01-05": {true, true}, "2026-06-01": {true, true}, "2026-06-02": {false, true}} {
		if got := [2]bool{bounded.validOn(day(text)), open.validOn(day(text))}; got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestAPIClient_CallsFromItsNetworksOnly(t *testing.T) {
	c := APIClient{Scopes: db.Strings{"me:read"}, Networks: db.Strings{"192.0.2.130/25", "2001:db8::/32"}}
	if err := c.Validate([]string{"me:read"}); err != nil || c.Networks[0] != "192.0.2.128/25" {
		t.Fatalf("%v, %v", c.Networks, err)
	}
	for text, want := range map[string]bool{"192.0.2.129": true, "192.0.2.127": false, "2001:db8::1": true, "2001:db9::1": false, "::ffff:192.0.2.129": false} {
		if got := c.callsFrom(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if c.callsFrom(netip.Addr{}) {
		t.Error("an unknown address may call")
	}
	if open := (APIClient{}); !open.callsFrom(netip.Addr{}) {
		t.Error("a client without networks is bound to some")
	}
}

func TestAPIClient_KnowsItsSecrets(t *testing.T) {
	c, now := APIClient{}, time.Now()
	if c.knows("", now) {
		t.Error("a client without a secret knows the empty one")
	}
	first := c.secret(nil)
	until := now.Add(time.Hour)
	second := c.secret(&until)
	if !c.knows(first, now) || !c.knows(second, now) || c.knows(first, until) || c.knows("wss_x", now) {
		t.Error("wrong about its secrets")
	}
	third := c.secret(nil)
	if c.knows(second, now) || !c.knows(third, now) {
		t.Error("a rotation without grace keeps the old secret")
	}
}

func TestNarrow_NeverWidens(t *testing.T) {
	granted := []string{"b:read", "a:read"}
	for asked, want := range map[string][]string{"": granted, "  ": granted, "a:read": {"a:read"}, "b:read a:read b:read": {"a:read", "b:read"}, "c:read": nil, "a:read c:read": nil, "A:READ": nil} {
		got, refused := narrow(granted, asked)
		if !slices.Equal(got, want) || (refused == nil) != (want != nil) {
			t.Errorf("%q: %v, %v", asked, got, refused)
		}
	}
}

func TestSetNetworkRoles_AsksForAnOperatorOfOthers(t *testing.T) {
	operates := &auth.Principal{ID: uuid.New(), NetworkRoles: []string{operator}}
	officer := &auth.Principal{ID: uuid.New(), NetworkRoles: []string{"network_officer"}}
	for _, c := range []struct {
		name   string
		caller *auth.Principal
		user   uuid.UUID
		roles  []string
		want   bool
	}{
		{"operator", operates, uuid.New(), []string{"network_officer"}, true}, {"operator takes all", operates, uuid.New(), []string{}, true},
		{"officer", officer, uuid.New(), []string{"network_officer"}, false}, {"oneself", operates, operates.ID, []string{operator}, false},
		{"a centre's role", operates, uuid.New(), []string{"tenant_admin"}, false}, {"not asked", officer, uuid.New(), nil, true},
	} {
		u := &User{NetworkRoles: db.Strings{"network_officer", "platform_operator"}}
		u.ID = c.user
		if err := u.setNetworkRoles(c.caller, c.roles); (err == nil) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestPrintable_KeepsWhatMayBeStoredAndShown(t *testing.T) {
	if got := printable("a\x00b\nc\xff é"); got != "abc é" {
		t.Errorf("%q", got)
	}
	if got := printable(string(make([]byte, 10))); got != "" {
		t.Errorf("%q", got)
	}
	long := make([]rune, 500)
	for i := range long {
		long[i] = 'é'
	}
	if got := printable(string(long)); len([]rune(got)) != maxUserAgent {
		t.Errorf("%d characters", len([]rune(got)))
	}
}
