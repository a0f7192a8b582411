package account_test

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/config"
)

var formType = apptest.Header{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}

func form(h *apptest.House, base, path string, values url.Values, headers ...apptest.Header) *apptest.Response {
	return h.CallAt(base, nobody, "POST", path, values.Encode(), append([]apptest.Header{formType}, headers...)...)
}

func refresh(h *apptest.House, base string, r *apptest.Response) *apptest.Response {
	return form(h, base, "/v1/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {r.Text("refresh_token")}})
}

// client adds an API client over HTTP and returns its id and secret.
func client(h *apptest.House, operator apptest.Person, more map[string]any) (id, secret string, made *apptest.Response) {
	body := map[string]any{"organisation_id": h.IOM, "name": "System", "scopes": []string{"me:read", "organisations:read"}}
	for k, v := range more {
		body[k] = v
	}
	made = h.Call(operator, "POST", "/v1/api-clients", body).Want(201)
	return made.Text("id"), made.Text("secret"), made
}

func clientToken(h *apptest.House, base, id, secret string, more ...string) *apptest.Response {
	values := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
	for i := 0; i < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	return form(h, base, "/v1/oauth/token", values)
}

func wantOAuth(t *testing.T, r *apptest.Response, status int, code string) {
	t.Helper()
	if r.Status != status || r.Text("error") != code || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %s (%v), want %d %s", r.Status, r.Raw, r.Header, status, code)
	}
}

func TestClientCredentials_GiveATokenThatWorks(t *testing.T) {
	h := apptest.New(t)
	id, secret, _ := client(h, h.Network("platform_operator"), nil)
	got := clientToken(h, h.URL, id, secret).Want(200)
	if got.Text("scope") != "me:read organisations:read" || got.Text("refresh_token") != "" {
		t.Errorf("token %s", got.Raw)
	}
	me := h.Call(bearer(got), "GET", "/v1/me", nil).Want(200)
	if me.Text("kind") != "client" || me.ID().String() != id || me.Len("network_scopes") != 2 {
		t.Errorf("me %s", me.Raw)
	}
	h.Call(bearer(got), "GET", "/v1/organisations", nil).Want(200)
	h.Call(bearer(got), "PATCH", "/v1/me", map[string]any{"name": "x"}, apptest.IfMatch(`"1"`)).WantCode(403, "forbidden")
	basic := apptest.Header{Name: "Authorization", Value: "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}
	form(h, h.URL, "/v1/oauth/token", url.Values{"grant_type": {"client_credentials"}}, basic).Want(200)
	wantOAuth(t, form(h, h.URL, "/v1/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}, basic), 400, "invalid_request")
}

func TestClientCredentials_ScopeNarrowsAndNeverWidens(t *testing.T) {
	h := apptest.New(t)
	id, secret, _ := client(h, h.Network("platform_operator"), nil)
	narrow := clientToken(h, h.URL, id, secret, "scope", "me:read").Want(200)
	if narrow.Text("scope") != "me:read" {
		t.Errorf("scope %s", narrow.Text("scope"))
	}
	h.Call(bearer(narrow), "GET", "/v1/organisations", nil).WantCode(403, "forbidden")
	for _, wider := range []string{"me:read centres:read", "users:write", "me:read organisations:read clients:write"} {
		wantOAuth(t, clientToken(h, h.URL, id, secret, "scope", wider), 400, "invalid_scope")
	}
}

func TestClientCredentials_RefuseAlikeWhateverIsWrong(t *testing.T) {
	h := apptest.New(t)
	operator := h.Network("platform_operator")
	id, secret, _ := client(h, operator, nil)
	elsewhere, elsewhereSecret, _ := client(h, operator, map[string]any{"networks": []string{"198.51.100.0/24"}})
	gone := h.Organisation("Gone", "ngo")
	retired, retiredSecret, _ := client(h, operator, map[string]any{"organisation_id": gone})
	h.Exec("update organisations set active = false where id = $1", gone)
	want := clientToken(h, h.URL, id, "wss_wrong")
	for name, r := range map[string]*apptest.Response{
		"wrong secret":       want,
		"unknown client":     clientToken(h, h.URL, uuid.NewString(), secret),
		"no id":              clientToken(h, h.URL, "nonsense", secret),
		"another's secret":   clientToken(h, h.URL, elsewhere, secret),
		"outside networks":   clientToken(h, h.URL, elsewhere, elsewhereSecret),
		"organisation ended": clientToken(h, h.URL, retired, retiredSecret),
		"empty secret":       clientToken(h, h.URL, id, ""),
	} {
		wantOAuth(t, r, 401, "invalid_client")
		if string(r.Raw) != string(want.Raw) || !strings.HasPrefix(r.Header.Get("Www-Authenticate"), "Basic ") {
			t.Errorf("%s: %s %v", name, r.Raw, r.Header)
		}
	}
	var lines int
	h.Scan("select count(*) from audit_events where action = 'sign_in_refused' and resource = 'api_clients' and subject_ids = array[$1::uuid]", []any{id}, &lines)
	if lines != 2 { // a wrong secret and an empty one
		t.Errorf("%d refusals in the trail", lines)
	}
}

func TestClientCredentials_NetworksAreThoseOfTheCallerBehindOurProxies(t *testing.T) {
	h := apptest.New(t, func(c *config.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	id, secret, _ := client(h, h.Network("platform_operator"), map[string]any{"networks": []string{"198.51.100.7/24"}})
	values := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
	for address, status := range map[string]int{"198.51.100.9": 200, "203.0.113.5": 401, "198.51.100.9, 203.0.113.5": 401} {
		form(h, h.URL, "/v1/oauth/token", values, apptest.Header{Name: "X-Forwarded-For", Value: address}).Want(status)
	}
}

func TestTokenEndpoint_AnswersMalformedRequestsInTheWordsOfTheStandard(t *testing.T) {
	h := apptest.New(t)
	raw := func(body string, headers ...apptest.Header) *apptest.Response {
		return h.Call(nobody, "POST", "/v1/oauth/token", body, append([]apptest.Header{formType}, headers...)...)
	}
	wantOAuth(t, raw("grant_type=client_credentials&grant_type=password"), 400, "invalid_request")
	wantOAuth(t, raw("grant_type=%zz"), 400, "invalid_request")
	wantOAuth(t, raw(""), 400, "invalid_request")
	wantOAuth(t, raw("grant_type=refresh_token"), 400, "invalid_request")
	wantOAuth(t, raw("grant_type=password&username=a&password=b"), 400, "unsupported_grant_type")
	wantOAuth(t, raw("grant_type=client_credentials"), 401, "invalid_client")
	wantOAuth(t, raw("grant_type=refresh_token&refresh_token=a%00b"), 400, "invalid_grant")
	wantOAuth(t, raw("grant_type=refresh_token&refresh_token=x&scope=users:write"), 400, "invalid_scope")
	wantOAuth(t, raw(`{"grant_type":"client_credentials"}`, apptest.Header{Name: "Content-Type", Value: "application/json"}), 400, "invalid_request")
	wantOAuth(t, raw("grant_type="+strings.Repeat("x", 2<<20)), 400, "invalid_request")
	wantOAuth(t, h.Call(nobody, "POST", "/v1/oauth/revoke", "token=", formType), 400, "invalid_request")
}

func TestRefresh_RotatesAndCarriesTheRightsOfTheMoment(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	in := signIn(h, h.URL, credential(h, worker), password).Want(200)
	h.Exec("update members set role = 'registrar' where user_id = $1", worker.ID)
	next := refresh(h, h.URL, in).Want(200)
	if next.Text("refresh_token") == in.Text("refresh_token") || next.Text("session_id") != in.Text("session_id") {
		t.Errorf("refreshed %s", next.Raw)
	}
	if me := h.Call(bearer(next), "GET", "/v1/me", nil).Want(200); me.Text("memberships", 0, "roles", 0) != "registrar" {
		t.Errorf("me %s", me.Raw)
	}
	refresh(h, h.URL, next).Want(200)
}

func TestRefresh_AUsedTokenEndsTheWholeSession(t *testing.T) {
	h := apptest.New(t)
	email := credential(h, h.Staff(h.CentreA, "caseworker"))
	in, other := signIn(h, h.URL, email, password).Want(200), signIn(h, h.URL, email, password).Want(200)
	next := refresh(h, h.URL, in).Want(200)
	wantOAuth(t, refresh(h, h.URL, in), 400, "invalid_grant")
	wantOAuth(t, refresh(h, h.URL, next), 400, "invalid_grant")
	for _, r := range []*apptest.Response{in, next} {
		h.Call(bearer(r), "GET", "/v1/me", nil).WantCode(401, "invalid_token")
	}
	h.Call(bearer(other), "GET", "/v1/me", nil).Want(200)
	var reason string
	h.Scan("select end_reason from sessions where id = $1", []any{in.Text("session_id")}, &reason)
	if reason != "refresh_token_reused" {
		t.Errorf("ended because of %q", reason)
	}
}

func TestRefresh_OfManyAtOnceAtMostOneGetsATokenAndTheSessionEnds(t *testing.T) {
	h := apptest.New(t)
	in := signIn(h, h.URL, credential(h, h.Staff(h.CentreA, "caseworker")), password).Want(200)
	statuses := apptest.AtOnce(8, func(int) *apptest.Response { return refresh(h, h.URL, in) })
	if !slices.Equal(statuses, []int{200, 400, 400, 400, 400, 400, 400, 400}) {
		t.Errorf("answers %v", statuses)
	}
	h.Call(bearer(in), "GET", "/v1/me", nil).Want(401)
}

func TestRefresh_RefusesWhatIsOver(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	email := credential(h, worker)
	for _, over := range []string{
		"update refresh_tokens set expires_at = now()", "update sessions set expires_at = now()", "update users set active = false",
	} {
		in := signIn(h, h.URL, email, password).Want(200)
		h.Exec(over)
		wantOAuth(t, refresh(h, h.URL, in), 400, "invalid_grant")
	}
	wantOAuth(t, form(h, h.URL, "/v1/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"wsr_made_up"}}), 400, "invalid_grant")
}

func TestRevoke_EndsTheSessionOfARefreshToken(t *testing.T) {
	h := apptest.New(t)
	in := signIn(h, h.URL, credential(h, h.Staff(h.CentreA, "caseworker")), password).Want(200)
	wantOAuth(t, form(h, h.URL, "/v1/oauth/revoke", url.Values{"token": {in.Text("access_token")}}), 400, "unsupported_token_type")
	form(h, h.URL, "/v1/oauth/revoke", url.Values{"token": {"wsr_unknown"}}).Want(200)
	h.Call(bearer(in), "GET", "/v1/me", nil).Want(200)
	form(h, h.URL, "/v1/oauth/revoke", url.Values{"token": {in.Text("refresh_token")}, "token_type_hint": {"refresh_token"}}).Want(200)
	h.Call(bearer(in), "GET", "/v1/me", nil).Want(401)
	wantOAuth(t, refresh(h, h.URL, in), 400, "invalid_grant")
}

func TestWellKnown_TellsKeysAndEndpoints(t *testing.T) {
	h := apptest.New(t)
	keys := h.Call(nobody, "GET", "/.well-known/jwks.json", nil).Want(200)
	if keys.Text("keys", 0, "kid") != h.App.Issuer.Key.ID || keys.Text("keys", 0, "crv") != "Ed25519" || keys.Text("keys", 0, "d") != "" {
		t.Errorf("keys %s", keys.Raw)
	}
	meta := h.Call(nobody, "GET", "/.well-known/oauth-authorization-server", nil).Want(200)
	if meta.Text("issuer") != "http://waystation.test" || meta.Text("token_endpoint") != "http://waystation.test/v1/oauth/token" {
		t.Errorf("metadata %s", meta.Raw)
	}
}

func TestTokens_ExpireInTime(t *testing.T) {
	h := apptest.New(t, func(c *config.Config) { c.AccessTokenTTL = time.Minute })
	in := signIn(h, h.URL, credential(h, h.Staff(h.CentreA, "caseworker")), password).Want(200)
	ends, err := time.Parse(time.RFC3339, in.Text("expires_at"))
	if err != nil || in.Text("expires_in") != "60" || time.Until(ends) > time.Minute || time.Until(ends) < 50*time.Second {
		t.Errorf("token %s: %v", in.Raw, err)
	}
}
