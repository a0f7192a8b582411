package account_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/config"
)

func TestAPIClient_Life(t *testing.T) {
	h := apptest.New(t)
	operator := h.Network("platform_operator")
	id, secret, made := client(h, operator, map[string]any{"networks": []string{"127.0.0.1/8", "::1/128"}, "description": "Case system"})
	at := made.Header.Get("Location")
	if !strings.HasPrefix(secret, "wss_") || made.Text("networks", 0) != "127.0.0.0/8" {
		t.Errorf("made %s", made.Raw)
	}
	got := h.Call(operator, "GET", at, nil).Want(200)
	if got.Text("secret") != "" || strings.Contains(string(got.Raw), secret) || got.Text("name") != "System" {
		t.Errorf("got %s", got.Raw)
	}
	clientToken(h, h.URL, id, secret).Want(200)
	if used := h.Call(operator, "GET", at, nil).Want(200); used.Text("last_used_at") == "" || used.ETag() != `"1"` {
		t.Errorf("used %s", used.Raw)
	}
	for filter, want := range map[string]int{"": 1, "?revoked=true": 0, "?revoked=false": 1, "?organisation_id=" + uuid.NewString(): 0} {
		if list := h.Call(operator, "GET", "/v1/api-clients"+filter, nil).Want(200); list.Len("data") != want {
			t.Errorf("%q: %s", filter, list.Raw)
		}
	}
	for _, p := range []apptest.Person{h.Staff(h.CentreA, "tenant_admin"), h.Network("network_officer"), h.Client(h.IOM, "me:read")} {
		h.Call(p, "GET", at, nil).WantCode(403, "forbidden")
	}
}

func TestAPIClient_HoldsOnlyWhatClientsMay(t *testing.T) {
	h := apptest.New(t)
	operator := h.Network("platform_operator")
	for name, c := range map[string]struct {
		field   string
		value   any
		pointer string
	}{
		"a scope of staff":     {"scopes", []string{"users:write"}, "/scopes"},
		"one among others":     {"scopes", []string{"me:read", "centres:read"}, "/scopes"},
		"unknown scope":        {"scopes", []string{"no:such"}, "/scopes"},
		"a star":               {"scopes", []string{"*"}, "/scopes"},
		"no scope":             {"scopes", []string{}, "/scopes"},
		"an address":           {"networks", []string{"192.0.2.1"}, "/networks"},
		"unknown organisation": {"organisation_id", uuid.New(), "/organisation_id"},
	} {
		body := map[string]any{"organisation_id": h.IOM, "name": "x", "scopes": []string{"me:read"}, c.field: c.value}
		if r := h.Call(operator, "POST", "/v1/api-clients", body).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != c.pointer {
			t.Errorf("%s: %s", name, r.Raw)
		}
	}
	_, _, made := client(h, operator, nil)
	h.Call(operator, "PATCH", made.Header.Get("Location"), map[string]any{"scopes": []string{"centres:read"}}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid")
}

func TestAPIClient_RotationKeepsTheOldSecretForAWhile(t *testing.T) {
	h := apptest.New(t)
	operator := h.Network("platform_operator")
	id, first, made := client(h, operator, nil)
	at := made.Header.Get("Location")
	rotated := h.Call(operator, "POST", at+"/rotate-secret", nil, apptest.IfMatch(`"1"`), apptest.Key("r")).Want(200)
	second := rotated.Text("secret")
	if second == "" || second == first || rotated.Text("previous_secret_until") == "" {
		t.Fatalf("rotated %s", rotated.Raw)
	}
	if again := h.Call(operator, "POST", at+"/rotate-secret", nil, apptest.IfMatch(`"1"`), apptest.Key("r")).Want(200); again.Text("secret") != "" {
		t.Errorf("the secret is shown again: %s", again.Raw)
	}
	clientToken(h, h.URL, id, first).Want(200)
	clientToken(h, h.URL, id, second).Want(200)
	h.Exec("update api_clients set previous_secret_until = now()")
	wantOAuth(t, clientToken(h, h.URL, id, first), 401, "invalid_client")
	third := h.Call(operator, "POST", at+"/rotate-secret", nil, apptest.IfMatch(rotated.ETag())).Want(200).Text("secret")
	wantOAuth(t, clientToken(h, h.URL, id, first), 401, "invalid_client")
	clientToken(h, h.URL, id, second).Want(200)
	clientToken(h, h.URL, id, third).Want(200)
}

func TestAPIClient_WithoutGraceTheOldSecretEndsAtOnce(t *testing.T) {
	h := apptest.New(t, func(c *config.Config) { c.ClientSecretGrace = 0 })
	operator := h.Network("platform_operator")
	id, first, made := client(h, operator, nil)
	h.Call(operator, "POST", made.Header.Get("Location")+"/rotate-secret", nil, apptest.IfMatch(`"1"`)).Want(200)
	wantOAuth(t, clientToken(h, h.URL, id, first), 401, "invalid_client")
}

func TestAPIClient_ARevokedOneIsShutOutAtOnceOnEveryServer(t *testing.T) {
	h := apptest.New(t)
	other := h.Server()
	operator := h.Network("platform_operator")
	id, secret, made := client(h, operator, nil)
	held := bearer(clientToken(h, h.URL, id, secret).Want(200))
	h.CallAt(other, held, "GET", "/v1/me", nil).Want(200)
	at := made.Header.Get("Location")
	gone := h.Call(operator, "POST", at+"/revoke", nil, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(held, "GET", "/v1/me", nil).WantCode(401, "invalid_token")
	eventually(t, func() bool { return h.CallAt(other, held, "GET", "/v1/me", nil).Status == 401 })
	wantOAuth(t, clientToken(h, h.URL, id, secret), 401, "invalid_client")
	for _, verb := range []string{"/revoke", "/rotate-secret"} {
		h.Call(operator, "POST", at+verb, nil, apptest.IfMatch(gone.ETag())).WantCode(409, "state_conflict")
	}
}

func TestAPIClient_NarrowedScopesEndItsTokens(t *testing.T) {
	h := apptest.New(t)
	operator := h.Network("platform_operator")
	id, secret, made := client(h, operator, nil)
	held := bearer(clientToken(h, h.URL, id, secret).Want(200))
	h.Call(operator, "PATCH", made.Header.Get("Location"), map[string]any{"scopes": []string{"me:read"}, "description": nil}, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(held, "GET", "/v1/organisations", nil).WantCode(401, "invalid_token")
	fresh := bearer(clientToken(h, h.URL, id, secret).Want(200))
	h.Call(fresh, "GET", "/v1/organisations", nil).WantCode(403, "forbidden")
}

func TestAPIClient_SecretIsNowhereInTheDatabase(t *testing.T) {
	h := apptest.New(t)
	operator := h.Network("platform_operator")
	id := uuid.Must(uuid.NewV7())
	body := map[string]any{"id": id, "organisation_id": h.IOM, "name": "System", "scopes": []string{"me:read"}}
	first := h.Call(operator, "POST", "/v1/api-clients", body).Want(201)
	again := h.Call(operator, "POST", "/v1/api-clients", body).Want(201)
	secret := first.Text("secret")
	if secret == "" || again.Text("secret") != "" || again.ID() != id {
		t.Errorf("first %s, again %s", first.Raw, again.Raw)
	}
	for _, table := range []string{"api_clients", "audit_events", "stored_answers", "events"} {
		var n int
		h.Scan("select count(*) from "+table+" t where t::text like '%' || $1 || '%' or t::text like '%' || encode($1::bytea, 'hex') || '%'", []any{secret}, &n)
		if n != 0 {
			t.Errorf("%s holds the secret", table)
		}
	}
}
