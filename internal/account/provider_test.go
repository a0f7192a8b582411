package account_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/account"
	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/config"
)

// issuer is an outside OpenID Connect provider.
type issuer struct {
	url string
	key *rsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	jwk := map[string]any{"kty": "RSA", "kid": "k", "use": "sig", "alg": "RS256",
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{jwk}})
	}))
	t.Cleanup(server.Close)
	return &issuer{server.URL, key}
}

// file writes the configuration that accepts the issuer.
func (i *issuer) file(t *testing.T) string {
	t.Helper()
	raw, err := json.Marshal([]auth.Provider{{Issuer: i.url, Audience: "waystation", JWKSURL: i.url + "/keys"}})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "issuers.json")
	if err := os.WriteFile(name, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func (i *issuer) token(t *testing.T, subject, email string, verified bool) apptest.Person {
	t.Helper()
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"iss": i.url, "aud": "waystation", "sub": subject, "email": email,
		"email_verified": verified, "iat": now.Add(-time.Second).Unix(), "exp": now.Add(time.Hour).Unix()})
	token.Header["kid"] = "k"
	signed, err := token.SignedString(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return apptest.Person{Token: signed}
}

func TestOutsideIssuer_ItsVerifiedUsersAreOurs(t *testing.T) {
	outside := newIssuer(t)
	h := apptest.New(t, func(c *config.Config) { c.Issuers = outside.file(t) })
	worker := h.Staff(h.CentreA, "caseworker")
	email := worker.ID.String() + "@demo.example"
	h.Call(outside.token(t, "s1", email, false), "GET", "/v1/me", nil).WantCode(401, "invalid_token")
	in := outside.token(t, "s1", email, true)
	me := h.Call(in, "GET", "/v1/me", nil).Want(200)
	if me.ID() != worker.ID || me.Text("memberships", 0, "roles", 0) != "caseworker" {
		t.Errorf("me %s", me.Raw)
	}
	h.Call(outside.token(t, "thief", email, true), "GET", "/v1/me", nil).WantCode(401, "invalid_token")
	user := h.Call(h.Staff(h.CentreA, "tenant_admin"), "GET", "/v1/users/"+worker.ID.String(), nil).Want(200)
	if user.Text("signs_in_with", 0) != "outside_issuer" {
		t.Errorf("user %s", user.Raw)
	}
	h.Call(in, "POST", "/v1/auth/password", map[string]any{"current_password": "x", "new_password": password}).WantCode(409, "no_password")
	h.Call(in, "POST", "/v1/auth/sign-out", nil).Want(204)
	h.Call(in, "GET", "/v1/me", nil).WantCode(401, "invalid_token")
}

func TestDevelopmentToken_IsThatOfAUserOrAClient(t *testing.T) {
	h := apptest.New(t)
	ctx := context.Background()
	worker, partner := h.Staff(h.CentreA, "caseworker"), h.Client(h.IOM, "me:read")
	for who, kind := range map[string]string{worker.ID.String() + "@demo.example": "user", partner.ID.String(): "client"} {
		token, err := account.DevelopmentToken(ctx, h.App.DB, h.App.Issuer, who, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if me := h.Call(apptest.Person{Token: token}, "GET", "/v1/me", nil).Want(200); me.Text("kind") != kind {
			t.Errorf("%s: %s", who, me.Raw)
		}
	}
	h.Exec("update users set active = false")
	h.Exec("update api_clients set revoked_at = now()")
	for _, who := range []string{worker.ID.String() + "@demo.example", partner.ID.String(), uuid.NewString(), "nobody@demo.example"} {
		if _, err := account.DevelopmentToken(ctx, h.App.DB, h.App.Issuer, who, time.Hour); err == nil {
			t.Errorf("%s got a token", who)
		}
	}
}

func TestLookup_LinksASubjectByItsVerifiedAddressOnce(t *testing.T) {
	h := apptest.New(t)
	ctx := context.Background()
	find := account.Lookup(h.App.DB)
	worker := h.Staff(h.CentreA, "caseworker")
	email := worker.ID.String() + "@demo.example"
	who := func(issuer, subject, email string) *auth.Principal {
		p, err := find(ctx, issuer, subject, email)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const issuer = "https://login.example"
	if who(issuer, "s1", "") != nil || who(issuer, "s1", "nobody@demo.example") != nil {
		t.Error("an unknown subject is somebody")
	}
	p := who(issuer, "s1", "  "+email)
	if p == nil || p.ID != worker.ID || p.OrganisationID != h.IOM || p.Centres[h.CentreA][0] != "caseworker" {
		t.Fatalf("found %+v", p)
	}
	if p := who(issuer, "s1", "renamed@demo.example"); p == nil || p.ID != worker.ID {
		t.Errorf("the subject alone finds %+v", p)
	}
	if who(issuer, "s2", email) != nil || who("https://other.example", "s1", email) != nil {
		t.Error("another subject took over a linked account")
	}
	h.Exec("update users set active = false where id = $1", worker.ID)
	if who(issuer, "s1", "") != nil {
		t.Error("a closed account is let in")
	}
	id, err := account.CentreID(h.App.DB)(ctx, "AGZ")
	if err != nil || id != h.CentreA {
		t.Errorf("centre %s, %v", id, err)
	}
	if id, err := account.CentreID(h.App.DB)(ctx, "NOW"); err != nil || id != uuid.Nil {
		t.Errorf("unknown centre %s, %v", id, err)
	}
}
