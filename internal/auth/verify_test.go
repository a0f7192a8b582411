package auth_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
)

const issuerURL = "https://waystation.example"

var noon = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

type bundle struct {
	*auth.Verifier
	issuer      auth.Issuer
	private     ed25519.PrivateKey
	clock       *clock
	revocations *auth.Revocations
}

func setup(t testing.TB) bundle {
	t.Helper()
	k, private := newKey(t)
	c := &clock{t: noon}
	r := auth.NewRevocations(auth.RevocationsConfig{Keep: time.Hour, StaleAfter: 10 * time.Minute, Now: c.now})
	r.SetFeedAlive(noon)
	v, err := auth.NewVerifier(auth.VerifierConfig{Issuer: issuerURL, Keys: auth.NewKeySet(k.PublicKey), Revocations: r, CacheSize: 100, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return bundle{v, auth.Issuer{URL: issuerURL, Key: k}, private, c, r}
}

func (b bundle) mint(t testing.TB, p auth.Principal, ttl time.Duration) string {
	t.Helper()
	token, err := b.issuer.Mint(p, ttl, b.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func staff() auth.Principal {
	return auth.Principal{
		Kind: auth.User, ID: uuid.New(), OrganisationID: uuid.New(), SessionID: uuid.New(),
		Centres:      map[uuid.UUID][]string{uuid.New(): {"caseworker"}, uuid.New(): {"centre_manager", "storekeeper"}},
		NetworkRoles: []string{"network_analyst"},
	}
}

func partner() auth.Principal {
	return auth.Principal{Kind: auth.Client, ID: uuid.New(), OrganisationID: uuid.New(), Scopes: []string{"referrals:read", "referrals:write"}}
}

func TestVerify_ReturnsWhomMintNamed(t *testing.T) {
	b := setup(t)
	for _, want := range []auth.Principal{staff(), partner()} {
		token := b.mint(t, want, time.Minute)
		for _, way := range []string{"verified", "remembered"} {
			got, err := b.Verify(t.Context(), token)
			if err != nil || !reflect.DeepEqual(*got, want) {
				t.Errorf("%s %s: %+v, %v; want %+v", want.Kind, way, got, err, want)
			}
		}
	}
}

func TestMint_RefusesWhoCannotCarryAToken(t *testing.T) {
	b := setup(t)
	nobody, system := staff(), staff()
	nobody.ID, system.Kind = uuid.Nil, auth.System
	for name, p := range map[string]auth.Principal{"no id": nobody, "system": system, "no kind": {ID: uuid.New()}} {
		if _, err := b.issuer.Mint(p, time.Minute, noon); err == nil {
			t.Errorf("%s: minted", name)
		}
	}
	if _, err := b.issuer.Mint(staff(), 0, noon); err == nil {
		t.Error("no life: minted")
	}
}

func TestMint_KindDecidesWhatTravels(t *testing.T) {
	b := setup(t)
	client := partner()
	client.Centres, client.NetworkRoles = staff().Centres, []string{"network_manager"}
	user := staff()
	user.Scopes = []string{"statistics:read"}
	for _, p := range []auth.Principal{client, user} {
		got, err := b.Verify(t.Context(), b.mint(t, p, time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if p.Kind == auth.Client && (got.Centres != nil || got.NetworkRoles != nil) || p.Kind == auth.User && got.Scopes != nil {
			t.Errorf("%s got %+v", p.Kind, got)
		}
	}
}

// valid returns the header and claims of a good token, for tests to spoil.
func (b bundle) valid() (header, claims map[string]any) {
	at := b.clock.now().Unix()
	return map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": b.issuer.Key.ID}, map[string]any{
		"iss": issuerURL, "aud": "waystation", "sub": uuid.NewString(), "jti": uuid.NewString(), "kind": "user",
		"iat": at, "nbf": at, "exp": at + 60,
	}
}

func sign(t testing.TB, method jwt.SigningMethod, key any, header, claims map[string]any) string {
	t.Helper()
	token := &jwt.Token{Header: header, Claims: jwt.MapClaims(claims), Method: method}
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestVerify_AcceptsWhatTheStandardAllows(t *testing.T) {
	for name, spoil := range map[string]func(h, c map[string]any){
		"as it is":                func(_, _ map[string]any) {},
		"long form of typ":        func(h, _ map[string]any) { h["typ"] = "application/at+jwt" },
		"typ in capitals":         func(h, _ map[string]any) { h["typ"] = "AT+JWT" },
		"several audiences":       func(_, c map[string]any) { c["aud"] = []string{"other", "waystation"} },
		"a clock a little ahead":  func(_, c map[string]any) { c["iat"], c["nbf"] = noon.Unix()+29, noon.Unix()+29 },
		"a clock a little behind": func(_, c map[string]any) { c["exp"] = noon.Unix() - 29 },
		"claims we do not know":   func(_, c map[string]any) { c["colour"] = "green" },
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			h, c := b.valid()
			spoil(h, c)
			if _, err := b.Verify(t.Context(), sign(t, jwt.SigningMethodEdDSA, b.private, h, c)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestVerify_RefusesSignedTokensThatAreNotOurAccessTokens(t *testing.T) {
	set := func(of, name string, value any) func(h, c map[string]any) {
		return func(h, c map[string]any) {
			target := map[string]map[string]any{"header": h, "claim": c}[of]
			if value == nil {
				delete(target, name)
			} else {
				target[name] = value
			}
		}
	}
	for name, spoil := range map[string]func(h, c map[string]any){
		"critical header":          set("header", "crit", []string{"exp"}),
		"empty critical header":    set("header", "crit", []string{}),
		"no kid":                   set("header", "kid", nil),
		"kid of another type":      set("header", "kid", 7),
		"unknown kid":              set("header", "kid", "x"),
		"no typ":                   set("header", "typ", nil),
		"an ID token":              set("header", "typ", "JWT"),
		"a refresh token":          set("header", "typ", "rt+jwt"),
		"a logout token":           set("header", "typ", "logout+jwt"),
		"typ of another type":      set("header", "typ", 1),
		"other issuer":             set("claim", "iss", "https://other.example"),
		"no issuer":                set("claim", "iss", nil),
		"other audience":           set("claim", "aud", "elsewhere"),
		"no audience":              set("claim", "aud", nil),
		"expired":                  set("claim", "exp", noon.Unix()-30),
		"no exp":                   set("claim", "exp", nil),
		"not yet valid":            set("claim", "nbf", noon.Unix()+31),
		"no nbf":                   set("claim", "nbf", nil),
		"issued in the future":     set("claim", "iat", noon.Unix()+31),
		"no iat":                   set("claim", "iat", nil),
		"iat beyond all time":      set("claim", "iat", 1e300),
		"iat before time":          set("claim", "iat", -5),
		"iat as text":              set("claim", "iat", "now"),
		"no jti":                   set("claim", "jti", nil),
		"no sub":                   set("claim", "sub", nil),
		"sub that is no id":        set("claim", "sub", "anna"),
		"no kind":                  set("claim", "kind", nil),
		"kind system":              set("claim", "kind", "system"),
		"centres that are no list": set("claim", "centres", "all"),
		"session that is no id":    set("claim", "sid", "x"),
		"longer than any header":   set("claim", "filler", strings.Repeat("x", 16<<10)),
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			h, c := b.valid()
			spoil(h, c)
			wantUnauthenticated(t, b.Verifier, sign(t, jwt.SigningMethodEdDSA, b.private, h, c))
		})
	}
}

func TestVerify_RefusesForgeries(t *testing.T) {
	b := setup(t)
	_, stranger := newKey(t)
	h, c := b.valid()
	good := sign(t, jwt.SigningMethodEdDSA, b.private, h, c)
	parts := strings.Split(good, ".")
	with := func(alg string) map[string]any {
		other := maps.Clone(h)
		other["alg"] = alg
		return other
	}
	for name, token := range map[string]string{
		"another key":                sign(t, jwt.SigningMethodEdDSA, stranger, h, c),
		"HS256 with the public key":  sign(t, jwt.SigningMethodHS256, []byte(b.issuer.Key.Ed25519), with("HS256"), c),
		"none":                       sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, with("none"), c),
		"no signature":               parts[0] + "." + parts[1] + ".",
		"two parts":                  parts[0] + "." + parts[1],
		"four parts":                 good + ".x",
		"another body":               parts[0] + "." + strings.Split(b.mint(t, staff(), time.Minute), ".")[1] + "." + parts[2],
		"trailing bits in signature": good[:len(good)-1] + nextLetter(good[len(good)-1]),
		"padding":                    good + "==",
		"a space":                    " " + good,
		"nothing":                    "",
		"endless":                    strings.Repeat("a", 1<<20),
		"too long":                   good + strings.Repeat("A", 16<<10),
	} {
		t.Run(name, func(t *testing.T) { wantUnauthenticated(t, b.Verifier, token) })
	}
	if _, err := b.Verify(t.Context(), good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// nextLetter changes only the unused low bits of the last letter of 64 bytes in base64.
func nextLetter(last byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, last)+1])
}

func wantUnauthenticated(t *testing.T, v *auth.Verifier, token string) {
	t.Helper()
	p, err := v.Verify(t.Context(), token)
	if p != nil || !errors.Is(err, auth.ErrUnauthenticated) || errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("got %+v, %v; want ErrUnauthenticated", p, err)
	}
	if err != nil && len(token) > 20 && strings.Contains(err.Error(), token[len(token)-20:]) {
		t.Error("the error holds the token")
	}
}

func TestVerify_KeyRotation(t *testing.T) {
	old, current := setup(t), setup(t)
	token := old.mint(t, staff(), time.Minute)
	both, err := auth.NewVerifier(auth.VerifierConfig{
		Issuer: issuerURL, Revocations: old.revocations, Now: old.clock.now,
		Keys: auth.NewKeySet(current.issuer.Key.PublicKey, old.issuer.Key.PublicKey),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"old": token, "new": current.mint(t, staff(), time.Minute)} {
		if _, err := both.Verify(t.Context(), token); err != nil {
			t.Errorf("token of the %s key: %v", name, err)
		}
	}
	wantUnauthenticated(t, current.Verifier, token)
}

func TestVerify_RemembersOnlyUntilExpiry(t *testing.T) {
	b := setup(t)
	token := b.mint(t, staff(), time.Minute)
	first, err := b.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.Verify(t.Context(), token)
	if err != nil || again != first {
		t.Errorf("verified again instead of remembered: %v", err)
	}
	b.clock.add(time.Minute + auth.Leeway - time.Second)
	if _, err := b.Verify(t.Context(), token); err != nil {
		t.Errorf("within the leeway: %v", err)
	}
	b.clock.add(time.Second)
	wantUnauthenticated(t, b.Verifier, token)
}

func TestVerify_CacheIsBounded(t *testing.T) {
	b := setup(t) // room for 100
	token := b.mint(t, staff(), time.Minute)
	first, _ := b.Verify(t.Context(), token)
	for range 100 {
		if _, err := b.Verify(t.Context(), b.mint(t, partner(), time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if again, err := b.Verify(t.Context(), token); err != nil || again == first {
		t.Errorf("still remembered after 100 others, %v", err)
	}
}

func TestVerify_Revoked(t *testing.T) {
	for name, c := range map[string]struct {
		revoke  func(*auth.Revocations, auth.Principal)
		refused bool
	}{
		"session":             {func(r *auth.Revocations, p auth.Principal) { r.RevokeSession(p.SessionID) }, true},
		"other session":       {func(r *auth.Revocations, p auth.Principal) { r.RevokeSession(uuid.New()) }, false},
		"subject":             {func(r *auth.Revocations, p auth.Principal) { r.RevokeSubject(p.ID, noon.Add(time.Millisecond)) }, true},
		"subject, at minting": {func(r *auth.Revocations, p auth.Principal) { r.RevokeSubject(p.ID, noon.Add(999*time.Microsecond)) }, false},
		"subject, earlier":    {func(r *auth.Revocations, p auth.Principal) { r.RevokeSubject(p.ID, noon.Add(-time.Second)) }, false},
		"subject, late then early": {func(r *auth.Revocations, p auth.Principal) {
			r.RevokeSubject(p.ID, noon.Add(time.Second))
			r.RevokeSubject(p.ID, noon.Add(-time.Second))
		}, true},
		"other subject": {func(r *auth.Revocations, p auth.Principal) { r.RevokeSubject(uuid.New(), noon.Add(time.Second)) }, false},
	} {
		for _, when := range []string{"before first use", "after first use"} {
			t.Run(name+" "+when, func(t *testing.T) {
				b, p := setup(t), staff()
				token := b.mint(t, p, time.Minute)
				if when == "after first use" {
					if _, err := b.Verify(t.Context(), token); err != nil {
						t.Fatal(err)
					}
				}
				c.revoke(b.revocations, p)
				if !c.refused {
					if _, err := b.Verify(t.Context(), token); err != nil {
						t.Error(err)
					}
					return
				}
				wantUnauthenticated(t, b.Verifier, token)
			})
		}
	}
}

func TestVerify_RevokingNoSessionLeavesClientsAlone(t *testing.T) {
	b := setup(t)
	b.revocations.RevokeSession(uuid.Nil)
	if _, err := b.Verify(t.Context(), b.mint(t, partner(), time.Minute)); err != nil {
		t.Error(err)
	}
}

func TestVerify_NewTokenAfterSigningOutEverywhere(t *testing.T) {
	b, p := setup(t), staff()
	b.clock.add(400 * time.Millisecond)
	before := b.mint(t, p, time.Minute)
	b.clock.add(10 * time.Millisecond)
	b.revocations.RevokeSubject(p.ID, b.clock.now())
	after := b.mint(t, p, time.Minute)
	wantUnauthenticated(t, b.Verifier, before)
	if _, err := b.Verify(t.Context(), after); err != nil {
		t.Errorf("minted in the same second, after: %v", err)
	}
}

func TestVerify_FailsClosedWhenRevocationsAreStale(t *testing.T) {
	b := setup(t) // stale after ten minutes
	token := b.mint(t, staff(), time.Hour)
	b.clock.add(10 * time.Minute)
	if _, err := b.Verify(t.Context(), token); err != nil || !b.revocations.Healthy() {
		t.Fatalf("at the limit: %v", err)
	}
	b.clock.add(time.Second)
	for range 2 {
		if _, err := b.Verify(t.Context(), token); !errors.Is(err, auth.ErrUnavailable) || errors.Is(err, auth.ErrUnauthenticated) {
			t.Errorf("stale: %v, want ErrUnavailable", err)
		}
	}
	wantUnauthenticated(t, b.Verifier, "rubbish")
	if b.revocations.Healthy() {
		t.Error("stale and healthy")
	}
	b.revocations.SetFeedAlive(b.clock.now())
	b.revocations.SetFeedAlive(noon) // late news of the past changes nothing
	if _, err := b.Verify(t.Context(), token); err != nil {
		t.Errorf("alive again: %v", err)
	}
}

func TestRevocations_NotHealthyBeforeTheFirstSign(t *testing.T) {
	if auth.NewRevocations(auth.RevocationsConfig{Keep: time.Hour, StaleAfter: time.Minute}).Healthy() {
		t.Error("healthy though nothing was ever heard")
	}
	if !auth.NewRevocations(auth.RevocationsConfig{Keep: time.Hour}).Healthy() {
		t.Error("without a feed there is nothing to wait for")
	}
}

func TestRevocations_ForgetsWhatHasExpired(t *testing.T) {
	c := &clock{t: noon}
	r := auth.NewRevocations(auth.RevocationsConfig{Keep: time.Hour, Now: c.now})
	r.RevokeSession(uuid.New())
	r.RevokeSubject(uuid.New(), c.now())
	r.RevokeSubject(uuid.New(), c.now().Add(3*time.Hour))
	c.add(time.Hour)
	r.RevokeSession(uuid.New())
	if r.Len() != 4 {
		t.Errorf("%d remembered, want 4: tokens of an hour ago may still live", r.Len())
	}
	c.add(3 * time.Minute)
	r.RevokeSession(uuid.New())
	if r.Len() != 3 {
		t.Errorf("%d remembered, want the two young ones and the one in the future", r.Len())
	}
}

func TestVerify_Concurrent(t *testing.T) {
	b := setup(t)
	tokens := make([]string, 20)
	for i := range tokens {
		tokens[i] = b.mint(t, staff(), time.Minute)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range 200 {
				if _, err := b.Verify(context.Background(), tokens[i%len(tokens)]); err != nil {
					t.Error(err)
				}
				b.revocations.RevokeSession(uuid.New())
				b.revocations.RevokeSubject(uuid.New(), noon)
				b.revocations.SetFeedAlive(noon)
			}
		})
	}
	group.Wait()
}

func TestNewVerifier_RefusesWhatIsMissing(t *testing.T) {
	b := setup(t)
	whole := auth.VerifierConfig{Issuer: issuerURL, Keys: auth.NewKeySet(b.issuer.Key.PublicKey), Revocations: b.revocations}
	noIssuer, noKeys, noRevocations, badCache := whole, whole, whole, whole
	noIssuer.Issuer, noKeys.Keys, noRevocations.Revocations, badCache.CacheSize = "", nil, nil, -1
	for i, c := range []auth.VerifierConfig{noIssuer, noKeys, noRevocations, badCache} {
		if _, err := auth.NewVerifier(c); err == nil {
			t.Errorf("configuration %d accepted", i)
		}
	}
	if _, err := auth.NewVerifier(whole); err != nil {
		t.Error(err)
	}
}

func FuzzVerify(f *testing.F) {
	b := setup(f)
	good := b.mint(f, staff(), time.Minute)
	h, c := b.valid()
	c["iat"] = 1e300
	for _, seed := range []string{good, "", ".", "..", "a.b.c", good[:50], sign(f, jwt.SigningMethodEdDSA, b.private, h, c), "eyJhbGciOiJub25lIn0.e30."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		p, err := b.Verify(context.Background(), token)
		if err == nil && token != good {
			t.Errorf("accepted %q as %+v", token, p)
		}
		if err != nil && !errors.Is(err, auth.ErrUnauthenticated) {
			t.Errorf("%q: %v", token, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	bench := setup(b)
	p := staff()
	for range 10 {
		p.Centres[uuid.New()] = []string{"caseworker"}
	}
	tokens := make([]string, 200) // twice the cache: in turn, each is forgotten before it comes again
	for i := range tokens {
		tokens[i] = bench.mint(b, p, time.Hour)
	}
	verify := func(b *testing.B, token string) {
		if _, err := bench.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
	for _, revoked := range []int{0, 10_000} {
		for range revoked {
			bench.revocations.RevokeSession(uuid.New())
			bench.revocations.RevokeSubject(uuid.New(), noon)
		}
		b.Run(fmt.Sprintf("hit/revoked=%d", 2*revoked), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				verify(b, tokens[0])
			}
		})
	}
	b.Run("hit/parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				verify(b, tokens[0])
			}
		})
	})
	b.Run("miss", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			verify(b, tokens[i%len(tokens)])
		}
	})
}
