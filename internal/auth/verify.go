package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"
)

// maxTokenBytes is more than proxies let through in a header; longer tokens are
// refused before anything is decoded.
const maxTokenBytes = 16 << 10

// defaultCacheSize in tokens: at about 1 kB each, ten megabytes.
const defaultCacheSize = 10_000

// VerifierConfig says whose tokens are accepted.
type VerifierConfig struct {
	Issuer      string           // the `iss` of our own tokens
	Keys        *KeySet          // the keys of our own tokens
	Revocations *Revocations     // who has been signed out
	Providers   *Providers       // outside OpenID Connect issuers; nil for none
	CacheSize   int              // verified tokens to remember; 0 means 10 000
	Now         func() time.Time // nil means time.Now
}

// Verifier turns bearer tokens into callers. It is safe for concurrent use.
//
// It remembers verified tokens by their SHA-256: a signature costs a third of
// the budget of a read, remembering costs a hash. Only valid tokens are
// remembered, so that nobody can push them out with rubbish.
type Verifier struct {
	config VerifierConfig
	parser *jwt.Parser
	cache  *lru.Cache[[sha256.Size]byte, grant]
}

// grant is what a verified token gives, and for how long.
type grant struct {
	principal *Principal
	issuedAt  time.Time
	until     time.Time // examine the token again from here on
}

// NewVerifier returns a verifier with an empty cache.
func NewVerifier(c VerifierConfig) (*Verifier, error) {
	if c.Issuer == "" || c.Keys == nil || c.Revocations == nil {
		return nil, errors.New("verifier: issuer, keys and revocations are required")
	}
	if c.CacheSize == 0 {
		c.CacheSize = defaultCacheSize
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	cache, err := lru.New[[sha256.Size]byte, grant](c.CacheSize)
	if err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	parser := newParser(c.Now, jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithIssuer(c.Issuer), jwt.WithAudience(Audience), jwt.WithNotBeforeRequired())
	return &Verifier{config: c, parser: parser, cache: cache}, nil
}

// newParser returns a parser with what holds for every issuer.
func newParser(now func() time.Time, more ...jwt.ParserOption) *jwt.Parser {
	return jwt.NewParser(append(more, jwt.WithTimeFunc(now), jwt.WithLeeway(Leeway), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding())...)
}

// Verify returns the caller whom the token names. The error is
// ErrUnauthenticated for a token that is malformed, forged, expired, revoked, of
// the wrong type or of an unknown issuer, and ErrUnavailable where revocations
// are stale or an outside issuer's keys or the user's memberships could not be read.
func (v *Verifier) Verify(ctx context.Context, token string) (*Principal, error) {
	now := v.config.Now()
	id := sha256.Sum256([]byte(token))
	g, known := v.cache.Get(id)
	if !known || !now.Before(g.until) {
		var err error
		if g, err = v.examine(ctx, token); err != nil {
			return nil, err
		}
		v.cache.Add(id, g)
	}
	if err := v.config.Revocations.check(g.principal, g.issuedAt, now); err != nil {
		return nil, err
	}
	return g.principal, nil
}

// examine checks a token in full, by the rules of the issuer it claims.
func (v *Verifier) examine(ctx context.Context, token string) (grant, error) {
	if len(token) > maxTokenBytes {
		return grant{}, fmt.Errorf("%w: token of %d bytes", ErrUnauthenticated, len(token))
	}
	var unverified jwt.RegisteredClaims
	if _, _, err := v.parser.ParseUnverified(token, &unverified); err != nil {
		return grant{}, unauthenticated(err)
	}
	if unverified.Issuer == v.config.Issuer {
		return v.examineOwn(token)
	}
	if p := v.config.Providers.of(unverified.Issuer); p != nil {
		return p.examine(ctx, token)
	}
	return grant{}, fmt.Errorf("%w: unknown issuer", ErrUnauthenticated)
}

func (v *Verifier) examineOwn(token string) (grant, error) {
	var c claims
	_, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		kid, err := checkHeader(t, tokenType)
		if err != nil {
			return nil, err
		}
		k, ok := v.config.Keys.byID[kid]
		if !ok {
			return nil, errors.New("unknown kid")
		}
		return k, nil
	})
	if err != nil {
		return grant{}, unauthenticated(err)
	}
	return grant{c.principal(), c.IssuedAt.Time, c.ExpiresAt.Add(Leeway)}, nil
}

// checkHeader returns the key id of a token of one of the types; "" stands for
// tokens that do not say. golang-jwt ignores `crit`, but RFC 7515 section 4.1.11
// wants a token refused whose critical extensions we do not know: we know none.
func checkHeader(t *jwt.Token, types ...string) (kid string, err error) {
	if _, ok := t.Header["crit"]; ok {
		return "", errors.New("critical header")
	}
	if kid, _ = t.Header["kid"].(string); kid == "" {
		return "", errors.New("no kid")
	}
	typ, ok := t.Header["typ"].(string)
	if !ok && t.Header["typ"] != nil {
		return "", errors.New("typ is no string")
	}
	typ = strings.TrimPrefix(strings.ToLower(typ), "application/") // RFC 7515 section 4.1.9
	for _, want := range types {
		if typ == want {
			return kid, nil
		}
	}
	return "", errors.New("token is of another type")
}

// unauthenticated keeps the reason for the log; of the library's errors only the
// text survives, so that no caller depends on it.
func unauthenticated(reason error) error {
	if errors.Is(reason, ErrUnavailable) {
		return reason
	}
	return fmt.Errorf("%w: %s", ErrUnauthenticated, reason.Error())
}
