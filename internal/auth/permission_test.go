package auth_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
)

var permissions = auth.NewPermissions(map[string][]string{
	"cases:read":      {"caseworker", "case_supervisor"},
	"cases:approve":   {"case_supervisor"},
	"stock:write":     {"storekeeper"},
	"centres:read":    {"caseworker", "case_supervisor", "storekeeper", "network_manager"},
	"referrals:inbox": {},
	"me:read":         {auth.SignedIn},
})

func TestPermissions_Allows(t *testing.T) {
	here, there, elsewhere := uuid.New(), uuid.New(), uuid.New()
	worker := auth.Principal{Kind: auth.User, Centres: map[uuid.UUID][]string{here: {"caseworker"}, there: {"storekeeper", "no_such_role"}}}
	manager := auth.Principal{Kind: auth.User, NetworkRoles: []string{"network_manager"}}
	client := auth.Principal{Kind: auth.Client, Scopes: []string{"referrals:inbox", "no_such:scope"}}
	sly := client
	sly.Centres, sly.NetworkRoles = map[uuid.UUID][]string{here: {"case_supervisor"}}, []string{"case_supervisor"}
	slyWorker := worker
	slyWorker.Scopes = []string{"cases:approve"}
	system := worker
	system.Kind = auth.System
	for _, c := range []struct {
		name   string
		caller *auth.Principal
		centre uuid.UUID
		scope  string
		want   bool
	}{
		{"a role in the centre", &worker, here, "cases:read", true},
		{"not granted to the role", &worker, here, "cases:approve", false},
		{"a role in another centre", &worker, there, "cases:read", false},
		{"the other centre's own role", &worker, there, "stock:write", true},
		{"no member", &worker, elsewhere, "cases:read", false},
		{"outside centres, from the one", &worker, uuid.Nil, "cases:read", true},
		{"outside centres, from the other", &worker, uuid.Nil, "stock:write", true},
		{"outside centres, from none", &worker, uuid.Nil, "cases:approve", false},
		{"unknown scope", &worker, here, "cases:burn", false},
		{"empty scope", &worker, here, "", false},
		{"a user's own scopes count for nothing", &slyWorker, here, "cases:approve", false},
		{"network role in any centre", &manager, elsewhere, "centres:read", true},
		{"network role outside centres", &manager, uuid.Nil, "centres:read", true},
		{"network role without the scope", &manager, elsewhere, "cases:read", false},
		{"client outside centres", &client, uuid.Nil, "referrals:inbox", true},
		{"client in a centre", &client, here, "referrals:inbox", false},
		{"client without the scope", &client, uuid.Nil, "cases:read", false},
		{"client with an unknown scope", &client, uuid.Nil, "no_such:scope", false},
		{"a client's roles count for nothing", &sly, here, "cases:read", false},
		{"a client's network roles count for nothing", &sly, uuid.Nil, "cases:read", false},
		{"system", &system, here, "cases:read", false},
		{"no kind", &auth.Principal{Centres: worker.Centres}, here, "cases:read", false},
		{"nobody", nil, here, "cases:read", false},
		{"anybody's scope, with a role", &worker, uuid.Nil, "me:read", true},
		{"anybody's scope, without any", &auth.Principal{Kind: auth.User}, uuid.Nil, "me:read", true},
		{"anybody's scope is not a client's", &client, uuid.Nil, "me:read", false},
		{"nor nobody's", nil, uuid.Nil, "me:read", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := permissions.Allows(c.caller, c.centre, c.scope); got != c.want {
				t.Errorf("got %v", got)
			}
			if got := slices.Contains(permissions.ScopesIn(c.caller, c.centre), c.scope); got != c.want {
				t.Errorf("ScopesIn says %v", got)
			}
		})
	}
}

func TestPermissions_ScopesIn(t *testing.T) {
	here := uuid.New()
	p := &auth.Principal{Kind: auth.User, Centres: map[uuid.UUID][]string{here: {"case_supervisor", "storekeeper"}}}
	want := []string{"cases:approve", "cases:read", "centres:read", "me:read", "stock:write"}
	if got := permissions.ScopesIn(p, here); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := permissions.ScopesIn(p, uuid.New()); len(got) != 1 || got[0] != "me:read" {
		t.Errorf("got %#v, want what anybody may", got)
	}
}

func TestPermissions_Centres(t *testing.T) {
	a, b, c := uuid.UUID{1}, uuid.UUID{2}, uuid.UUID{3}
	user := auth.Principal{Kind: auth.User, Centres: map[uuid.UUID][]string{c: {"caseworker"}, a: {"case_supervisor"}, b: {"storekeeper"}}}
	network := user
	network.NetworkRoles = []string{"network_manager"}
	client := auth.Principal{Kind: auth.Client, Scopes: []string{"cases:read"}, Centres: user.Centres, NetworkRoles: []string{"caseworker"}}
	for _, x := range []struct {
		name   string
		caller *auth.Principal
		scope  string
		ids    []uuid.UUID
		all    bool
	}{
		{"two centres", &user, "cases:read", []uuid.UUID{a, c}, false},
		{"one centre", &user, "stock:write", []uuid.UUID{b}, false},
		{"none", &user, "referrals:inbox", nil, false},
		{"anybody's scope", &user, "me:read", []uuid.UUID{a, b, c}, false},
		{"unknown scope", &user, "cases:burn", nil, false},
		{"network role", &network, "centres:read", []uuid.UUID{a, b, c}, true},
		{"network role without the scope", &network, "cases:approve", []uuid.UUID{a}, false},
		{"client", &client, "cases:read", nil, false},
		{"nobody", nil, "cases:read", nil, false},
	} {
		ids, all := permissions.Centres(x.caller, x.scope)
		if !slices.Equal(ids, x.ids) || all != x.all {
			t.Errorf("%s: %v, %v; want %v, %v", x.name, ids, all, x.ids, x.all)
		}
	}
}

func TestPermissions_KnowsItsNames(t *testing.T) {
	if want := []string{"case_supervisor", "caseworker", "network_manager", "storekeeper"}; !slices.Equal(permissions.Roles(), want) {
		t.Errorf("roles %v", permissions.Roles())
	}
	if want := []string{"cases:approve", "cases:read", "centres:read", "me:read", "referrals:inbox", "stock:write"}; !slices.Equal(permissions.Scopes(), want) {
		t.Errorf("scopes %v", permissions.Scopes())
	}
	if !permissions.HasScope("referrals:inbox") || permissions.HasScope("cases:burn") {
		t.Error("HasScope")
	}
}

func TestPermissions_AllowsDoesNotAllocate(t *testing.T) {
	here := uuid.New()
	p := &auth.Principal{Kind: auth.User, Centres: map[uuid.UUID][]string{here: {"storekeeper", "case_supervisor"}}}
	if n := testing.AllocsPerRun(100, func() { permissions.Allows(p, here, "cases:approve") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAllows(b *testing.B) {
	here := uuid.New()
	p := &auth.Principal{Kind: auth.User, Centres: map[uuid.UUID][]string{here: {"storekeeper", "case_supervisor"}}}
	for b.Loop() {
		permissions.Allows(p, here, "cases:approve")
	}
}
