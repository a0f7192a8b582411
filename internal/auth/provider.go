package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// membershipsAge is how long the memberships of an outside token are believed:
// who loses a role loses it within this time.
const membershipsAge = time.Minute

// asymmetric are the algorithms that a provider may use. A shared secret (HS256)
// or no signature at all is never among them.
var asymmetric = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// Provider is an outside OpenID Connect issuer whose tokens we accept.
type Provider struct {
	Issuer   string `json:"issuer"`   // exactly the `iss` of its tokens
	Audience string `json:"audience"` // what `aud` must hold: our name at the issuer
	// JWKSURL is where its keys are; empty means that its
	// /.well-known/openid-configuration tells.
	JWKSURL    string   `json:"jwks_url,omitempty"`
	Algorithms []string `json:"algorithms,omitempty"` // accepted, asymmetric only; empty means RS256

	SubjectClaim string `json:"subject_claim,omitempty"` // empty means sub
	EmailClaim   string `json:"email_claim,omitempty"`   // empty means email
	// AcceptUnverifiedEmail takes an e-mail address whose email_verified is not
	// true. Only for issuers that set the address themselves: elsewhere anyone
	// could write a colleague's address into their own profile.
	AcceptUnverifiedEmail bool `json:"accept_unverified_email,omitempty"`

	// RolesPath points to the issuer's roles in the token (a JSON pointer, RFC 6901,
	// such as "/realm_access/roles"). With it the token decides what the user may
	// do, through Roles; without it our own memberships do.
	RolesPath string               `json:"roles_path,omitempty"`
	Roles     map[string]RoleGrant `json:"roles,omitempty"` // by the issuer's name of the role
}

// RoleGrant is what a role of an issuer means here: a role in one centre or, if
// Network is said, in all of them.
type RoleGrant struct {
	Centre  string `json:"centre,omitempty"` // id or code
	Network bool   `json:"network,omitempty"`
	Role    string `json:"role"` // role code
}

// ReadProviders reads a JSON file with a list of providers. Unknown members are
// an error: a misspelt rule must not be silently absent.
func ReadProviders(file string) ([]Provider, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("providers: %w", err)
	}
	defer f.Close()
	var list []Provider
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("providers: %s: %w", file, err)
	}
	return list, nil
}

// Lookup finds the user whom a provider's subject or e-mail address (empty where
// the token has none that can be trusted) belongs to, with their memberships. It
// returns nil where there is no such active user.
type Lookup func(ctx context.Context, issuer, subject, email string) (*Principal, error)

// ProvidersConfig is what providers need from their surroundings.
type ProvidersConfig struct {
	Lookup Lookup
	// CentreID finds a centre by its code, for [RoleGrant]; the zero id means that
	// there is none, and then the role gives nothing.
	CentreID    func(ctx context.Context, code string) (uuid.UUID, error)
	Development bool             // accept http:// addresses on the machine itself
	Now         func() time.Time // nil means time.Now
}

// Providers verifies the tokens of outside issuers. It is safe for concurrent use.
type Providers struct {
	byIssuer map[string]*provider
}

type provider struct {
	Provider
	config ProvidersConfig
	parser *jwt.Parser
	keys   *remoteKeys
}

// NewProviders checks the configuration of each issuer; it fetches nothing: an
// issuer that is down does not keep us from starting.
func NewProviders(list []Provider, c ProvidersConfig) (*Providers, error) {
	if c.Lookup == nil {
		return nil, errors.New("providers: a lookup is required")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	all := &Providers{byIssuer: map[string]*provider{}}
	for _, p := range list {
		if err := p.check(c); err != nil {
			return nil, fmt.Errorf("provider %q: %w", p.Issuer, err)
		}
		if _, twice := all.byIssuer[p.Issuer]; twice {
			return nil, fmt.Errorf("provider %q: listed twice", p.Issuer)
		}
		all.byIssuer[p.Issuer] = newProvider(p, c)
	}
	return all, nil
}

func newProvider(p Provider, c ProvidersConfig) *provider {
	if len(p.Algorithms) == 0 {
		p.Algorithms = []string{"RS256"} // the default of OpenID Connect Core section 15.1
	}
	if p.SubjectClaim == "" {
		p.SubjectClaim = "sub"
	}
	if p.EmailClaim == "" {
		p.EmailClaim = "email"
	}
	parser := newParser(c.Now, jwt.WithValidMethods(p.Algorithms), jwt.WithIssuer(p.Issuer), jwt.WithAudience(p.Audience))
	return &provider{p, c, parser, newRemoteKeys(p.Issuer, p.JWKSURL, c.Development, c.Now)}
}

// of returns the provider of an issuer, or nil.
func (p *Providers) of(issuer string) *provider {
	if p == nil {
		return nil
	}
	return p.byIssuer[issuer]
}

func (p Provider) check(c ProvidersConfig) error {
	if p.Audience == "" {
		return errors.New("no audience")
	}
	if err := checkURL(p.Issuer, c.Development); err != nil {
		return err
	}
	if p.JWKSURL != "" {
		if err := checkURL(p.JWKSURL, c.Development); err != nil {
			return err
		}
	}
	for _, a := range p.Algorithms {
		if !slices.Contains(asymmetric, a) {
			return fmt.Errorf("algorithm %q is not one of %v", a, asymmetric)
		}
	}
	return p.checkRoles(c)
}

func (p Provider) checkRoles(c ProvidersConfig) error {
	if (p.RolesPath == "") != (len(p.Roles) == 0) {
		return errors.New("roles_path and roles belong together")
	}
	if p.RolesPath != "" && !strings.HasPrefix(p.RolesPath, "/") {
		return errors.New("roles_path is no JSON pointer")
	}
	for name, g := range p.Roles {
		if g.Role == "" || (g.Centre == "") != g.Network {
			return fmt.Errorf("role %q: name a role, and either a centre or the network", name)
		}
		if _, err := uuid.Parse(g.Centre); err != nil && !g.Network && c.CentreID == nil {
			return fmt.Errorf("role %q: no way to find centre %q", name, g.Centre)
		}
	}
	return nil
}

// checkURL wants https, or in development http on the machine itself.
func checkURL(address string, development bool) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%q is no address", address)
	}
	local := slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname())
	if u.Scheme != "https" && !(development && u.Scheme == "http" && local) {
		return fmt.Errorf("%q is not https", address)
	}
	return nil
}

// examine checks a token in full and finds out who its subject is here.
func (p *provider) examine(ctx context.Context, token string) (grant, error) {
	c := jwt.MapClaims{}
	_, err := p.parser.ParseWithClaims(token, c, func(t *jwt.Token) (any, error) {
		kid, err := checkHeader(t, "", "jwt", tokenType)
		if err != nil {
			return nil, err
		}
		return p.keys.find(ctx, kid, t.Method.Alg())
	})
	if err != nil {
		return grant{}, unauthenticated(err)
	}
	issuedAt, _ := c.GetIssuedAt()
	expiresAt, _ := c.GetExpirationTime()
	_, isEvent := c["events"] // a logout token (OpenID Connect Back-Channel Logout section 2.4) signs nobody in
	if issuedAt == nil || expiresAt == nil || isEvent {
		return grant{}, fmt.Errorf("%w: token without iat, or of another type", ErrUnauthenticated)
	}
	principal, err := p.principal(ctx, c)
	if err != nil {
		return grant{}, err
	}
	until := expiresAt.Add(Leeway)
	if latest := p.config.Now().Add(membershipsAge); latest.Before(until) {
		until = latest
	}
	return grant{principal, issuedAt.Time, until}, nil
}

func (p *provider) principal(ctx context.Context, c jwt.MapClaims) (*Principal, error) {
	subject, _ := c[p.SubjectClaim].(string)
	if subject == "" {
		return nil, fmt.Errorf("%w: token without subject", ErrUnauthenticated)
	}
	email, ok := p.email(c)
	if !ok {
		return nil, fmt.Errorf("%w: e-mail address is not verified", ErrUnauthenticated)
	}
	found, err := p.config.Lookup(ctx, p.Issuer, subject, email)
	if err != nil {
		return nil, fmt.Errorf("%w: looking up user: %w", ErrUnavailable, err)
	}
	if found == nil {
		return nil, fmt.Errorf("%w: no such user here", ErrUnauthenticated)
	}
	user := *found
	user.Kind, user.Scopes = User, nil
	if p.RolesPath != "" {
		user.Centres, user.NetworkRoles, err = p.grants(ctx, c)
	}
	return &user, err
}

// email returns the address, "" where there is none, or false where there is one
// that may be somebody else's. Some issuers write email_verified as a string.
func (p *provider) email(c jwt.MapClaims) (string, bool) {
	email, _ := c[p.EmailClaim].(string)
	verified := c["email_verified"] == true || c["email_verified"] == "true"
	return email, email == "" || verified || p.AcceptUnverifiedEmail
}

// grants maps the issuer's roles to ours. Roles without a mapping give nothing.
func (p *provider) grants(ctx context.Context, c jwt.MapClaims) (centres map[uuid.UUID][]string, network []string, err error) {
	centres = map[uuid.UUID][]string{}
	for _, name := range stringsAt(map[string]any(c), p.RolesPath) {
		g, ok := p.Roles[name]
		switch {
		case !ok:
		case g.Network:
			network = append(network, g.Role)
		default:
			id, err := p.centre(ctx, g.Centre)
			if err != nil {
				return nil, nil, fmt.Errorf("%w: looking up centre: %w", ErrUnavailable, err)
			}
			if id != uuid.Nil {
				centres[id] = append(centres[id], g.Role)
			}
		}
	}
	return centres, network, nil
}

func (p *provider) centre(ctx context.Context, idOrCode string) (uuid.UUID, error) {
	if id, err := uuid.Parse(idOrCode); err == nil {
		return id, nil
	}
	return p.config.CentreID(ctx, idOrCode)
}

// stringsAt returns the strings of the list, or the one string, that a JSON
// pointer leads to; none where it leads nowhere.
func stringsAt(value any, pointer string) []string {
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for _, name := range strings.Split(pointer, "/")[1:] {
		object, _ := value.(map[string]any)
		value = object[unescape.Replace(name)]
	}
	if one, ok := value.(string); ok {
		return []string{one}
	}
	var all []string
	list, _ := value.([]any)
	for _, v := range list {
		if s, ok := v.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

// refuseRedirects keeps a fetch at the address that was checked.
func refuseRedirects(*http.Request, []*http.Request) error {
	return errors.New("redirects are not followed")
}
