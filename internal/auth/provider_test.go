package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
)

// Keys are made once: RSA takes its time.
var (
	rsaKey, _    = rsa.GenerateKey(rand.Reader, 2048)
	rsaNext, _   = rsa.GenerateKey(rand.Reader, 2048)
	rsaSmall, _  = rsa.GenerateKey(rand.Reader, 1024)
	ecKey, _     = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	amina        = uuid.New()
	aminasCentre = uuid.New()
)

// idp is an outside OpenID Connect issuer.
type idp struct {
	*httptest.Server
	fetches atomic.Int64
	mu      sync.Mutex
	keys    []jwkset.JWKMarshal
	down    bool
	issuer  string // what discovery says; empty means the truth
}

func newIDP(t testing.TB) *idp {
	t.Helper()
	i := &idp{}
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	return i
}

func (i *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.down:
		http.Error(w, "down", http.StatusBadGateway)
	case r.URL.Path == "/.well-known/openid-configuration":
		issuer := i.issuer
		if issuer == "" {
			issuer = i.URL
		}
		json.NewEncoder(w).Encode(map[string]string{"issuer": issuer, "jwks_uri": i.URL + "/keys"})
	case r.URL.Path == "/keys":
		i.fetches.Add(1)
		json.NewEncoder(w).Encode(jwkset.JWKSMarshal{Keys: i.keys})
	case r.URL.Path == "/moved":
		http.Redirect(w, r, "/keys", http.StatusFound)
	default:
		http.NotFound(w, r)
	}
}

func (i *idp) set(down bool, keys ...jwkset.JWKMarshal) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down, i.keys = down, keys
}

func jwk(t testing.TB, kid string, private crypto.Signer, spoil ...func(*jwkset.JWKMarshal)) jwkset.JWKMarshal {
	t.Helper()
	k, err := jwkset.NewJWKFromKey(private.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid, USE: jwkset.UseSig}})
	if err != nil {
		t.Fatal(err)
	}
	m := k.Marshal()
	for _, s := range spoil {
		s(&m)
	}
	return m
}

type outside struct {
	bundle
	*auth.Verifier
	idp     *idp
	lookups *atomic.Int64
}

// federated returns a verifier that knows the provider, and Amina.
func federated(t testing.TB, change ...func(*auth.Provider)) outside {
	t.Helper()
	b, i, lookups := setup(t), newIDP(t), new(atomic.Int64)
	i.set(false, jwk(t, "rsa", rsaKey), jwk(t, "ec", ecKey))
	p := auth.Provider{Issuer: i.URL, Audience: "waystation-front", Algorithms: []string{"RS256", "ES256"}}
	for _, c := range change {
		c(&p)
	}
	providers, err := auth.NewProviders([]auth.Provider{p}, auth.ProvidersConfig{
		Development: true, Now: b.clock.now,
		Lookup: func(_ context.Context, issuer, subject, email string) (*auth.Principal, error) {
			lookups.Add(1)
			switch {
			case subject == "database-down":
				return nil, errors.New("no connection")
			case issuer == i.URL && (subject == "amina-at-idp" || email == "amina@example.org"):
				return &auth.Principal{Kind: auth.User, ID: amina, Centres: map[uuid.UUID][]string{aminasCentre: {"caseworker"}}}, nil
			}
			return nil, nil
		},
		CentreID: func(_ context.Context, code string) (uuid.UUID, error) {
			switch code {
			case "AGZ":
				return uuid.UUID{7}, nil
			case "BROKEN":
				return uuid.Nil, errors.New("no connection")
			}
			return uuid.Nil, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := auth.NewVerifier(auth.VerifierConfig{Issuer: issuerURL, Keys: auth.NewKeySet(b.issuer.Key.PublicKey), Revocations: b.revocations, Providers: providers, Now: b.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	return outside{b, v, i, lookups}
}

func (o outside) Verify(ctx context.Context, token string) (*auth.Principal, error) {
	return o.Verifier.Verify(ctx, token)
}

func (o outside) claims() map[string]any {
	at := o.clock.now().Unix()
	return map[string]any{"iss": o.idp.URL, "aud": "waystation-front", "sub": "amina-at-idp", "iat": at, "exp": at + 3600,
		"email": "amina@example.org", "email_verified": true}
}

func (o outside) sign(t testing.TB, method jwt.SigningMethod, kid string, key any, changes ...map[string]any) string {
	t.Helper()
	c := o.claims()
	for _, change := range changes {
		for name, v := range change {
			c[name] = v
			if v == nil {
				delete(c, name)
			}
		}
	}
	return sign(t, method, key, map[string]any{"alg": method.Alg(), "typ": "JWT", "kid": kid}, c)
}

func (o outside) rs256(t testing.TB, changes ...map[string]any) string {
	t.Helper()
	return o.sign(t, jwt.SigningMethodRS256, "rsa", rsaKey, changes...)
}

func wantAmina(t *testing.T, o outside, token string) *auth.Principal {
	t.Helper()
	p, err := o.Verify(t.Context(), token)
	if err != nil || p.ID != amina || p.Kind != auth.User {
		t.Fatalf("got %+v, %v; want Amina", p, err)
	}
	return p
}

func TestProvider_AcceptsItsAlgorithms(t *testing.T) {
	o := federated(t)
	for name, token := range map[string]string{
		"RS256":         o.rs256(t),
		"ES256":         o.sign(t, jwt.SigningMethodES256, "ec", ecKey),
		"no typ":        sign(t, jwt.SigningMethodRS256, rsaKey, map[string]any{"alg": "RS256", "kid": "rsa"}, o.claims()),
		"access token":  sign(t, jwt.SigningMethodRS256, rsaKey, map[string]any{"alg": "RS256", "kid": "rsa", "typ": "at+jwt"}, o.claims()),
		"two audiences": o.rs256(t, map[string]any{"aud": []string{"other", "waystation-front"}}),
	} {
		t.Run(name, func(t *testing.T) {
			p := wantAmina(t, o, token)
			if !reflect.DeepEqual(p.Centres, map[uuid.UUID][]string{aminasCentre: {"caseworker"}}) {
				t.Errorf("centres %v", p.Centres)
			}
		})
	}
	if n := o.idp.fetches.Load(); n != 1 {
		t.Errorf("keys fetched %d times, want once", n)
	}
	if _, err := o.Verify(t.Context(), o.mint(t, staff(), time.Minute)); err != nil {
		t.Errorf("our own tokens: %v", err)
	}
}

func TestProvider_Refuses(t *testing.T) {
	o := federated(t)
	der, _ := x509.MarshalPKIXPublicKey(rsaKey.Public())
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	header := func(name string, value any) map[string]any {
		return map[string]any{"alg": "RS256", "typ": "JWT", "kid": "rsa", name: value}
	}
	change := func(name string, value any) string { return o.rs256(t, map[string]any{name: value}) }
	for name, token := range map[string]string{
		"HS256 with the public key":       o.sign(t, jwt.SigningMethodHS256, "rsa", publicPEM),
		"HS256 with the public key's DER": o.sign(t, jwt.SigningMethodHS256, "rsa", der),
		"none":                            o.sign(t, jwt.SigningMethodNone, "rsa", jwt.UnsafeAllowNoneSignatureType),
		"an algorithm not listed":         o.sign(t, jwt.SigningMethodPS256, "rsa", rsaKey),
		"a key of another type":           sign(t, jwt.SigningMethodRS256, rsaKey, header("kid", "ec"), o.claims()),
		"another key":                     o.sign(t, jwt.SigningMethodRS256, "rsa", rsaNext),
		"unknown kid":                     o.sign(t, jwt.SigningMethodRS256, "other", rsaKey),
		"no kid":                          sign(t, jwt.SigningMethodRS256, rsaKey, map[string]any{"alg": "RS256"}, o.claims()),
		"critical header":                 sign(t, jwt.SigningMethodRS256, rsaKey, header("crit", []string{"b64"}), o.claims()),
		"logout token by typ":             sign(t, jwt.SigningMethodRS256, rsaKey, header("typ", "logout+jwt"), o.claims()),
		"logout token by claim":           change("events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}),
		"wrong audience":                  change("aud", "another-front"),
		"our own audience":                change("aud", "waystation"),
		"no audience":                     change("aud", nil),
		"expired":                         change("exp", noon.Unix()-60),
		"no exp":                          change("exp", nil),
		"issued in the future":            change("iat", noon.Unix()+60),
		"no iat":                          change("iat", nil),
		"not yet valid":                   change("nbf", noon.Unix()+60),
		"unknown issuer":                  change("iss", "https://login.example.net"),
		"issuer with a slash more":        change("iss", o.idp.URL+"/"),
		"our own issuer":                  change("iss", issuerURL),
		"no subject":                      change("sub", nil),
		"unverified e-mail":               change("email_verified", false),
		"e-mail of unknown state":         change("email_verified", nil),
		"nobody here":                     o.rs256(t, map[string]any{"sub": "stranger", "email": "stranger@example.org"}),
		"nobody here, no e-mail":          o.rs256(t, map[string]any{"sub": "stranger", "email": nil}),
		"own token of the wrong issuer":   o.mintAs(t, o.idp.URL),
	} {
		t.Run(name, func(t *testing.T) { wantUnauthenticated(t, o.Verifier, token) })
	}
	wantAmina(t, o, o.rs256(t))
}

// mintAs signs with our own key a token that claims another issuer.
func (o outside) mintAs(t *testing.T, issuer string) string {
	t.Helper()
	token, err := auth.Issuer{URL: issuer, Key: o.issuer.Key}.Mint(staff(), time.Minute, o.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestProvider_FindsTheUser(t *testing.T) {
	t.Run("by subject alone", func(t *testing.T) {
		o := federated(t)
		wantAmina(t, o, o.rs256(t, map[string]any{"email": nil, "email_verified": nil}))
	})
	t.Run("by e-mail", func(t *testing.T) {
		o := federated(t)
		wantAmina(t, o, o.rs256(t, map[string]any{"sub": "new-at-idp"}))
	})
	t.Run("by e-mail verified in words", func(t *testing.T) {
		o := federated(t)
		wantAmina(t, o, o.rs256(t, map[string]any{"sub": "new-at-idp", "email_verified": "true"}))
	})
	t.Run("by unverified e-mail where configured", func(t *testing.T) {
		o := federated(t, func(p *auth.Provider) { p.AcceptUnverifiedEmail = true })
		wantAmina(t, o, o.rs256(t, map[string]any{"sub": "new-at-idp", "email_verified": nil}))
	})
	t.Run("by claims of other names", func(t *testing.T) {
		o := federated(t, func(p *auth.Provider) { p.SubjectClaim, p.EmailClaim = "oid", "upn" })
		wantAmina(t, o, o.rs256(t, map[string]any{"sub": "x", "email": nil, "oid": "amina-at-idp"}))
		wantAmina(t, o, o.rs256(t, map[string]any{"sub": "x", "email": nil, "oid": "y", "upn": "amina@example.org"}))
	})
	t.Run("when the database is down", func(t *testing.T) {
		o := federated(t)
		if _, err := o.Verify(t.Context(), o.rs256(t, map[string]any{"sub": "database-down"})); !errors.Is(err, auth.ErrUnavailable) {
			t.Errorf("%v, want ErrUnavailable", err)
		}
	})
}

func TestProvider_MembershipsAreBelievedAMinute(t *testing.T) {
	o := federated(t)
	token := o.rs256(t)
	for range 3 {
		wantAmina(t, o, token)
	}
	o.clock.add(59 * time.Second)
	wantAmina(t, o, token)
	if n := o.lookups.Load(); n != 1 {
		t.Errorf("%d lookups within the minute, want 1", n)
	}
	o.clock.add(time.Second)
	wantAmina(t, o, token)
	if n := o.lookups.Load(); n != 2 {
		t.Errorf("%d lookups after the minute, want 2", n)
	}
}

func TestProvider_Revoked(t *testing.T) {
	o := federated(t)
	token := o.rs256(t)
	wantAmina(t, o, token)
	o.revocations.RevokeSubject(amina, noon.Add(time.Second))
	wantUnauthenticated(t, o.Verifier, token)
}

func TestProvider_Roles(t *testing.T) {
	id := uuid.New()
	mapped := func(p *auth.Provider) {
		p.RolesPath = "/realm~1access/roles"
		p.Roles = map[string]auth.RoleGrant{
			"agadez-work":  {Centre: "AGZ", Role: "caseworker"},
			"agadez-stock": {Centre: "AGZ", Role: "storekeeper"},
			"by-id":        {Centre: id.String(), Role: "caseworker"},
			"no-centre":    {Centre: "GONE", Role: "caseworker"},
			"broken":       {Centre: "BROKEN", Role: "caseworker"},
			"analyst":      {Network: true, Role: "network_analyst"},
		}
	}
	for name, c := range map[string]struct {
		roles   any
		centres map[uuid.UUID][]string
		network []string
	}{
		"two in one centre, by code": {[]string{"agadez-work", "agadez-stock"}, map[uuid.UUID][]string{{7}: {"caseworker", "storekeeper"}}, nil},
		"by id":                      {[]string{"by-id"}, map[uuid.UUID][]string{id: {"caseworker"}}, nil},
		"network":                    {[]string{"analyst"}, map[uuid.UUID][]string{}, []string{"network_analyst"}},
		"one as text":                {"by-id", map[uuid.UUID][]string{id: {"caseworker"}}, nil},
		"a centre that is not there": {[]string{"no-centre"}, map[uuid.UUID][]string{}, nil},
		"without a mapping":          {[]string{"offline_access"}, map[uuid.UUID][]string{}, nil},
		"of another shape":           {[]any{7, nil, map[string]any{}}, map[uuid.UUID][]string{}, nil},
		"none":                       {nil, map[uuid.UUID][]string{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := federated(t, mapped)
			p := wantAmina(t, o, o.rs256(t, map[string]any{"realm/access": map[string]any{"roles": c.roles}}))
			if !reflect.DeepEqual(p.Centres, c.centres) || !reflect.DeepEqual(p.NetworkRoles, c.network) {
				t.Errorf("centres %v, network %v; want %v, %v", p.Centres, p.NetworkRoles, c.centres, c.network)
			}
		})
	}
	t.Run("no claim at all", func(t *testing.T) {
		o := federated(t, mapped)
		if p := wantAmina(t, o, o.rs256(t)); len(p.Centres) != 0 {
			t.Errorf("our own memberships %v stand in for the token's roles", p.Centres)
		}
	})
	t.Run("when the database is down", func(t *testing.T) {
		o := federated(t, mapped)
		_, err := o.Verify(t.Context(), o.rs256(t, map[string]any{"realm/access": map[string]any{"roles": "broken"}}))
		if !errors.Is(err, auth.ErrUnavailable) {
			t.Errorf("%v, want ErrUnavailable", err)
		}
	})
}

func TestProvider_KeyRotation(t *testing.T) {
	o := federated(t)
	wantAmina(t, o, o.rs256(t))
	o.idp.set(false, jwk(t, "next", rsaNext))
	next := o.sign(t, jwt.SigningMethodRS256, "next", rsaNext)
	wantUnauthenticated(t, o.Verifier, next) // fetched a moment ago: the limit holds
	o.clock.add(10 * time.Second)
	wantAmina(t, o, next)
	wantUnauthenticated(t, o.Verifier, o.rs256(t, map[string]any{"nonce": "1"})) // the old key is gone
	if n := o.idp.fetches.Load(); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
}

func TestProvider_InventedKeyIDsDoNotFloodTheIssuer(t *testing.T) {
	o := federated(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 25 {
				o.Verify(context.Background(), o.sign(t, jwt.SigningMethodRS256, uuid.NewString(), rsaNext))
			}
		})
	}
	group.Wait()
	if n := o.idp.fetches.Load(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
}

func TestProvider_Unreachable(t *testing.T) {
	o := federated(t)
	o.idp.set(true)
	token := o.rs256(t)
	for range 2 {
		if _, err := o.Verify(t.Context(), token); !errors.Is(err, auth.ErrUnavailable) || errors.Is(err, auth.ErrUnauthenticated) {
			t.Errorf("keys never seen: %v, want ErrUnavailable", err)
		}
	}
	if _, err := o.Verify(t.Context(), o.mint(t, staff(), time.Minute)); err != nil {
		t.Errorf("our own tokens: %v", err)
	}
	o.idp.set(false, jwk(t, "rsa", rsaKey))
	o.clock.add(10 * time.Second)
	wantAmina(t, o, token)

	o.idp.set(true)
	for range 3 { // hours later, still down: the keys are kept
		o.clock.add(2 * time.Hour)
		o.revocations.SetFeedAlive(o.clock.now())
		wantAmina(t, o, o.rs256(t))
	}
	o.idp.Close()
	o.clock.add(2 * time.Hour)
	o.revocations.SetFeedAlive(o.clock.now())
	wantAmina(t, o, o.rs256(t))
}

func TestProvider_WithdrawnKeyIsForgottenWithinTheHour(t *testing.T) {
	o := federated(t)
	wantAmina(t, o, o.rs256(t))
	o.idp.set(false, jwk(t, "next", rsaNext))
	o.clock.add(59 * time.Minute)
	o.revocations.SetFeedAlive(o.clock.now())
	wantAmina(t, o, o.rs256(t))
	o.clock.add(time.Minute)
	if n := o.idp.fetches.Load(); n != 1 {
		t.Errorf("%d fetches within the hour, want 1", n)
	}
	wantAmina(t, o, o.rs256(t)) // served by the old keys while the new ones are fetched
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := o.Verify(t.Context(), o.rs256(t, map[string]any{"nonce": uuid.NewString()})); errors.Is(err, auth.ErrUnauthenticated) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the withdrawn key is still good")
		}
	}
}

func TestProvider_SkipsKeysItCannotUse(t *testing.T) {
	o := federated(t)
	secret := jwkset.JWKMarshal{KTY: jwkset.KtyOct, KID: "secret", K: "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}
	o.idp.set(false,
		secret, jwkset.JWKMarshal{KTY: "XYZ", KID: "odd"}, jwk(t, "", rsaNext), jwk(t, "small", rsaSmall),
		jwk(t, "encrypts", rsaNext, func(m *jwkset.JWKMarshal) { m.USE = jwkset.UseEnc }),
		jwk(t, "for-512", rsaNext, func(m *jwkset.JWKMarshal) { m.ALG = jwkset.AlgRS512 }),
		jwk(t, "rsa", rsaKey))
	wantAmina(t, o, o.rs256(t))
	for kid, key := range map[string]*rsa.PrivateKey{"small": rsaSmall, "encrypts": rsaNext, "for-512": rsaNext, "odd": rsaNext} {
		wantUnauthenticated(t, o.Verifier, o.sign(t, jwt.SigningMethodRS256, kid, key))
	}
	wantUnauthenticated(t, o.Verifier, o.sign(t, jwt.SigningMethodHS256, "secret", []byte("secret-secret-secret-secret-secret")))
}

func TestProvider_WhereTheKeysAre(t *testing.T) {
	at := func(path string) func(*auth.Provider) {
		return func(p *auth.Provider) { p.JWKSURL = p.Issuer + path }
	}
	discovered := func(*auth.Provider) {}
	truth, lie, empty := func(*idp) {}, func(i *idp) { i.issuer = "https://liar.example" }, func(i *idp) { i.set(false) }
	for name, c := range map[string]struct {
		configure func(*auth.Provider)
		change    func(*idp)
		available bool
	}{
		"discovered":                 {discovered, truth, true},
		"discovery names another":    {discovered, lie, false},
		"said in the configuration":  {at("/keys"), lie, true},
		"moved":                      {at("/moved"), truth, false},
		"not there":                  {at("/none"), truth, false},
		"there, but nothing in them": {at("/keys"), empty, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := federated(t, c.configure)
			c.change(o.idp)
			_, err := o.Verify(t.Context(), o.rs256(t))
			if c.available && err != nil || !c.available && !errors.Is(err, auth.ErrUnavailable) {
				t.Errorf("got %v, available %v", err, c.available)
			}
		})
	}
}

func TestNewProviders_RefusesUnsafeConfiguration(t *testing.T) {
	lookup := func(context.Context, string, string, string) (*auth.Principal, error) { return nil, nil }
	roles := func(g auth.RoleGrant) func(*auth.Provider, *auth.ProvidersConfig) {
		return func(p *auth.Provider, _ *auth.ProvidersConfig) {
			p.RolesPath, p.Roles = "/roles", map[string]auth.RoleGrant{"x": g}
		}
	}
	for name, c := range map[string]struct {
		change func(*auth.Provider, *auth.ProvidersConfig)
		good   bool
	}{
		"as it should be": {func(*auth.Provider, *auth.ProvidersConfig) {}, true},
		"loopback in development": {func(p *auth.Provider, c *auth.ProvidersConfig) {
			p.Issuer, c.Development = "http://localhost:8080", true
		}, true},
		"loopback, IPv6":         {func(p *auth.Provider, c *auth.ProvidersConfig) { p.Issuer, c.Development = "http://[::1]:8080", true }, true},
		"loopback in production": {func(p *auth.Provider, _ *auth.ProvidersConfig) { p.Issuer = "http://localhost:8080" }, false},
		"http elsewhere":         {func(p *auth.Provider, c *auth.ProvidersConfig) { p.Issuer, c.Development = "http://idp.example", true }, false},
		"http under a loopback's name": {func(p *auth.Provider, c *auth.ProvidersConfig) {
			p.Issuer, c.Development = "http://localhost.example", true
		}, false},
		"keys over http":              {func(p *auth.Provider, _ *auth.ProvidersConfig) { p.JWKSURL = "http://idp.example/keys" }, false},
		"no issuer":                   {func(p *auth.Provider, _ *auth.ProvidersConfig) { p.Issuer = "" }, false},
		"no audience":                 {func(p *auth.Provider, _ *auth.ProvidersConfig) { p.Audience = "" }, false},
		"a shared secret":             {func(p *auth.Provider, _ *auth.ProvidersConfig) { p.Algorithms = []string{"RS256", "HS256"} }, false},
		"none":                        {func(p *auth.Provider, _ *auth.ProvidersConfig) { p.Algorithms = []string{"none"} }, false},
		"no lookup":                   {func(_ *auth.Provider, c *auth.ProvidersConfig) { c.Lookup = nil }, false},
		"a role in a centre by id":    {roles(auth.RoleGrant{Centre: uuid.NewString(), Role: "caseworker"}), true},
		"a role in the network":       {roles(auth.RoleGrant{Network: true, Role: "caseworker"}), true},
		"a role of nowhere":           {roles(auth.RoleGrant{Role: "caseworker"}), false},
		"a role of both":              {roles(auth.RoleGrant{Centre: uuid.NewString(), Network: true, Role: "caseworker"}), false},
		"a centre but no role":        {roles(auth.RoleGrant{Centre: uuid.NewString()}), false},
		"a code that cannot be found": {roles(auth.RoleGrant{Centre: "AGZ", Role: "caseworker"}), false},
		"roles without a path": {func(p *auth.Provider, _ *auth.ProvidersConfig) {
			p.Roles = map[string]auth.RoleGrant{"x": {Network: true, Role: "r"}}
		}, false},
		"a path without roles": {func(p *auth.Provider, _ *auth.ProvidersConfig) { p.RolesPath = "/roles" }, false},
		"a path with dots": {func(p *auth.Provider, _ *auth.ProvidersConfig) {
			p.RolesPath, p.Roles = "realm_access.roles", map[string]auth.RoleGrant{"x": {Network: true, Role: "r"}}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p, config := auth.Provider{Issuer: "https://idp.example", Audience: "waystation"}, auth.ProvidersConfig{Lookup: lookup}
			c.change(&p, &config)
			if _, err := auth.NewProviders([]auth.Provider{p}, config); (err == nil) != c.good {
				t.Errorf("got %v", err)
			}
		})
	}
	twice := auth.Provider{Issuer: "https://idp.example", Audience: "waystation"}
	if _, err := auth.NewProviders([]auth.Provider{twice, twice}, auth.ProvidersConfig{Lookup: lookup}); err == nil {
		t.Error("one issuer twice was accepted")
	}
}

func TestReadProviders(t *testing.T) {
	read := func(text string) ([]auth.Provider, error) {
		file := filepath.Join(t.TempDir(), "providers.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return auth.ReadProviders(file)
	}
	got, err := read(`[{"issuer": "https://idp.example", "audience": "waystation", "algorithms": ["ES256"],
		"roles_path": "/groups", "roles": {"agadez": {"centre": "AGZ", "role": "caseworker"}, "hq": {"network": true, "role": "network_analyst"}}}]`)
	want := []auth.Provider{{Issuer: "https://idp.example", Audience: "waystation", Algorithms: []string{"ES256"}, RolesPath: "/groups",
		Roles: map[string]auth.RoleGrant{"agadez": {Centre: "AGZ", Role: "caseworker"}, "hq": {Network: true, Role: "network_analyst"}}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{`[{"isuer": "x"}]`, `{}`, ``} {
		if _, err := read(text); err == nil {
			t.Errorf("%s accepted", text)
		}
	}
	if _, err := auth.ReadProviders(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "providers") {
		t.Errorf("a file that is not there: %v", err)
	}
}
