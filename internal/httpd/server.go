// Package httpd carries a request from the socket to a handler and its answer back: request id,
// log, limits, token, permission, validation against the spec, transaction. Everything it knows
// of an operation comes from the spec.
package httpd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Verifier turns a bearer token into its principal, or fails with a fault.
type Verifier interface {
	Verify(ctx context.Context, token string) (*auth.Principal, error)
}

// CodeGate refuses, with a fault that names fields and lists, the codes that a centre has switched
// off. It is asked inside the session of the write that submits them.
type CodeGate func(ctx context.Context, centre uuid.UUID, submitted []codelist.Use) error

// Survivor answers into whom a person of the session's centre was merged, at the end of the chain; the zero id
// for one who was not. It is asked inside a session.
type Survivor func(ctx context.Context, id uuid.UUID) (uuid.UUID, error)

// Options configure a server. Spec, DB, Verifier and Permissions are required.
type Options struct {
	Spec           *openapi3.T
	DB             *db.DB
	Verifier       Verifier
	Permissions    *auth.Permissions
	Centres        func(context.Context) ([]uuid.UUID, error) // every centre there is
	Codes          CodeGate                                   // which codes a centre uses; nil: all
	Survivor       Survivor                                   // who a merged person is now; nil: nobody is merged
	MaxBody        int64                                      // bytes; 0: 1 MiB
	MaxUploads     int                                        // files taken in at a time; 0: any number
	Timeout        time.Duration                              // of one request; 0: 4.5 s
	RateLimit      int                                        // requests a minute per caller; 0: none
	GuardedLimit   int                                        // likewise for operations that take a secret; 0: none
	HashKey        []byte                                     // keys the hashes of stored requests, which may hold passwords
	Origins        []string                                   // browsers' origins that may call; none: same origin only
	TrustedProxies []netip.Prefix                             // whose X-Forwarded-For is believed
	Registry       *prometheus.Registry
}

// Server is the HTTP side of the product.
type Server struct {
	Echo       *echo.Echo
	Operations Operations

	db       *db.DB
	verifier Verifier
	may      *auth.Permissions
	centres  func(context.Context) ([]uuid.UUID, error)
	codes    CodeGate
	survivor Survivor
	maxBody  int64
	timeout  time.Duration
	perMin   int
	guarded  int
	grace    time.Duration // see pace
	hashKey  []byte
	callers  *lru.Cache[string, *rate.Limiter]
	uploads  *uploads
	served   map[*Operation]prometheus.ObserverVec // by status; nil: what is none of the API's
}

// New builds the middleware chain. Routes are added to Echo afterwards.
func New(o Options) (*Server, error) {
	operations, err := NewOperations(o.Spec)
	if err != nil {
		return nil, err
	}
	s := &Server{Echo: echo.New(), Operations: operations, db: o.DB, verifier: o.Verifier, may: o.Permissions, centres: o.Centres,
		codes: o.Codes, survivor: o.Survivor, maxBody: o.MaxBody, timeout: o.Timeout, perMin: o.RateLimit, guarded: o.GuardedLimit, grace: paceGrace, hashKey: o.HashKey}
	if s.maxBody == 0 {
		s.maxBody = 1 << 20
	}
	if s.timeout == 0 {
		s.timeout = 4500 * time.Millisecond
	}
	s.uploads = newUploads(o.MaxUploads)
	s.callers, _ = lru.New[string, *rate.Limiter](10_000)
	served := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "waystation_request_seconds", Help: "Duration of requests by operation and status.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	}, []string{"operation", "status"})
	if o.Registry != nil {
		o.Registry.MustRegister(served)
	}
	s.served = map[*Operation]prometheus.ObserverVec{nil: served.MustCurryWith(prometheus.Labels{"operation": "none"})}
	for _, op := range operations {
		s.served[op] = served.MustCurryWith(prometheus.Labels{"operation": op.ID})
	}
	s.Echo.HideBanner, s.Echo.HidePort = true, true
	s.Echo.HTTPErrorHandler = Problem
	s.Echo.IPExtractor = clientAddress(o.TrustedProxies)
	s.Echo.Use(s.identify, s.pace, s.observe, middleware.RecoverWithConfig(middleware.RecoverConfig{DisablePrintStack: true, LogErrorFunc: logPanic}), secure)
	if len(o.Origins) > 0 {
		s.Echo.Use(middleware.CORSWithConfig(middleware.CORSConfig{
			AllowOrigins:  o.Origins,
			AllowMethods:  []string{"GET", "POST", "PATCH", "PUT", "DELETE"},
			AllowHeaders:  []string{"Authorization", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key", "Accept-Language", "X-Purpose"},
			ExposeHeaders: []string{"ETag", "Location", "Link", "Retry-After", "X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"},
			MaxAge:        600,
		}))
	}
	s.Echo.Use(s.admit)
	return s, nil
}

// clientAddress believes a forwarded address only where a known proxy wrote it.
func clientAddress(proxies []netip.Prefix) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		_, network, _ := net.ParseCIDR(p.Masked().String())
		trust = append(trust, echo.TrustIPRange(network))
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

const stateKey = "state"

// state is what a request's log line tells; it is filled in on the way down.
type state struct {
	id     string // quoted in problems, logs and the trail
	op     *Operation
	stream bool // answers while it works; see negotiate
	caller *auth.Principal
	centre uuid.UUID
}

func requestID(c echo.Context) string { return stateOf(c).id }

// identify gives each request an id of ours.
func (s *Server) identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := uuid.Must(uuid.NewV7()).String()
		c.Set(stateKey, &state{id: id})
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		return next(c)
	}
}

func stateOf(c echo.Context) *state {
	if st, ok := c.Get(stateKey).(*state); ok {
		return st
	}
	return &state{} // before identify
}

// observe logs and measures. Ids only: no value that a person could be known by.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		if err := next(c); err != nil {
			c.Error(err)
		}
		took, st, name := time.Since(start), stateOf(c), "none"
		if st.op != nil {
			name = st.op.ID
		}
		status := c.Response().Status
		s.served[st.op].WithLabelValues(strconv.Itoa(status)).Observe(took.Seconds())
		ctx, log := c.Request().Context(), slog.Default().Handler()
		if !log.Enabled(ctx, slog.LevelInfo) {
			return nil
		}
		said := append(make([]slog.Attr, 0, 7), slog.String("request_id", st.id), slog.String("operation", name), slog.String("method", c.Request().Method),
			slog.Int("status", status), slog.Int64("ms", took.Milliseconds()))
		if st.caller != nil {
			said = append(said, slog.String("actor_id", st.caller.ID.String()))
		}
		if st.centre != uuid.Nil {
			said = append(said, slog.String("centre_id", st.centre.String()))
		}
		line := slog.NewRecord(time.Now(), slog.LevelInfo, "request", 0) // nobody asks from where in the program
		line.AddAttrs(said...)
		_ = log.Handle(ctx, line)
		return nil
	}
}

func logPanic(c echo.Context, err error, stack []byte) error {
	slog.Error("panic", "request_id", requestID(c), "path", c.Path(), "error", err, "stack", string(stack))
	return err
}

// secured are the headers of every answer; confidential those of the API's own, too.
var (
	secured      = http.Header{"X-Content-Type-Options": {"nosniff"}, "Referrer-Policy": {"no-referrer"}, "X-Frame-Options": {"DENY"}}
	confidential = http.Header{echo.HeaderCacheControl: {"no-store"}}
)

func secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		maps.Copy(h, secured)
		if strings.HasPrefix(c.Request().URL.Path, "/v1/") {
			maps.Copy(h, confidential)
		}
		return next(c)
	}
}

// admit is the way to every operation: who calls, may they, is the request as the spec says.
func (s *Server) admit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		op := s.Operations.at(c)
		if op == nil {
			if c.Request().Method == http.MethodTrace {
				return echo.ErrMethodNotAllowed
			}
			return next(c) // not of the API: docs, metrics, or echo's own 404 and 405
		}
		stateOf(c).op = op
		ctx, streams := negotiate(c, op)
		if !streams {
			timed, cancel := context.WithTimeout(ctx, s.timeout)
			defer cancel()
			ctx = timed
		}
		ctx = codelist.WithLanguage(ctx, codelist.Negotiate(c.Request().Header.Get("Accept-Language")))
		ctx, r, err := s.authorise(ctx, c, op)
		c.SetRequest(c.Request().WithContext(ctx)) // once: every copy of a request costs
		if err != nil {
			return err
		}
		if op.MaxBody > 0 {
			leave, err := s.uploads.enter(r.scope.ActorID.String())
			if err != nil {
				return err
			}
			defer leave()
		}
		if r.body, err = body(c, op, s.maxBody); err != nil {
			return err
		}
		if r.codes, err = validate(c, op, r.body); err != nil {
			return err
		}
		r.repeatable(c)
		return s.transact(c, r, next)
	}
}

// authorise answers who calls, which the context then tells, and opens the scope that the call may work in.
func (s *Server) authorise(ctx context.Context, c echo.Context, op *Operation) (context.Context, *request, error) {
	r := &request{op: op, path: c.Request().URL.RequestURI(), hashKey: s.hashKey}
	r.scope = db.Scope{RequestID: requestID(c), Operation: op.ID, ReadOnly: op.Method == http.MethodGet && !op.Audit, AuditReads: op.Audit}
	r.subject, _ = uuid.Parse(c.Param("id"))
	var err error
	if r.scope.Purpose, err = purpose(c, op); err != nil {
		return ctx, nil, err
	}
	if op.Public() {
		r.scope.Network = op.Network
		return auth.WithOrigin(ctx, origin(c)), r, s.limit(c, op, "ip:"+c.RealIP())
	}
	token, ok := strings.CutPrefix(c.Request().Header.Get(echo.HeaderAuthorization), "Bearer ")
	if !ok {
		return ctx, nil, fault.New(fault.Unauthenticated, "unauthenticated", "This operation needs a bearer token.")
	}
	p, err := s.verifier.Verify(ctx, token)
	if err != nil {
		return ctx, nil, unverified(err)
	}
	stateOf(c).caller = p
	if err := s.limit(c, op, p.ID.String()); err != nil {
		return ctx, nil, err
	}
	r.scope.ActorID, r.scope.ActorKind, r.scope.OrganisationID = p.ID, string(p.Kind), p.OrganisationID
	ctx = auth.With(ctx, p)
	if op.Stream {
		ctx = auth.WithRecheck(ctx, func(ctx context.Context) error {
			_, err := s.verifier.Verify(ctx, token)
			return err
		})
	}
	return ctx, r, s.permit(ctx, c, r, p)
}

// purposes are codes: nobody's name gets into the trail by them.
var purposes = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// purpose is what a call is for, as the trail keeps it with every reading and change (handbook 9.1): the code that the
// caller sends, or the part of the API that it is made to.
func purpose(c echo.Context, op *Operation) (string, error) {
	said := c.Request().Header.Get("X-Purpose")
	if said == "" {
		return op.Purpose, nil
	}
	if !purposes.MatchString(said) {
		return "", fault.New(fault.Malformed, "bad_purpose", "X-Purpose is a code: a small letter, then small letters, figures and underscores, 40 at most.")
	}
	return said, nil
}

// origin is what signing in knows of a caller who has no token yet.
func origin(c echo.Context) auth.Origin {
	address, _ := netip.ParseAddr(c.RealIP())
	user, password, basic := c.Request().BasicAuth()
	return auth.Origin{Address: address.Unmap(), UserAgent: c.Request().UserAgent(), Basic: basic, ClientID: user, ClientSecret: password}
}

// unverified keeps why a token was refused in the log: the caller learns only that it was.
func unverified(err error) error {
	if errors.Is(err, auth.ErrUnauthenticated) {
		return fault.New(fault.Unauthenticated, "invalid_token", "The bearer token is not valid here, or no longer. Sign in again.").Because(err)
	}
	f := fault.New(fault.Unavailable, "sign_in_unavailable", "Nobody can be recognised right now. Try again shortly.").Because(err)
	f.RetryAfter = 2 * time.Second
	return f
}

// permit checks the scopes that the spec asks for. A centre where the caller has no part is
// answered like one that does not exist; a client has no part in any, whichever is asked for.
func (s *Server) permit(ctx context.Context, c echo.Context, r *request, p *auth.Principal) error {
	if !r.op.Centre {
		if !s.allows(p, uuid.Nil, r.op) {
			return missingRight(r.op)
		}
		var err error
		r.scope.Network = r.op.Network || r.op.Operators && s.operates(p, r.op)
		r.scope.Centres, err = s.reach(ctx, p, r.op)
		return err
	}
	centre, err := uuid.Parse(c.Param("centre_id"))
	if p.Kind == auth.Client {
		return missingRight(r.op)
	}
	if err != nil {
		return fault.Missing()
	}
	if works, err := s.worksIn(ctx, p, centre); err != nil || !works {
		return cmp.Or(err, error(fault.Missing()))
	}
	if !s.allows(p, centre, r.op) {
		return missingRight(r.op)
	}
	r.centre, r.scope.Centres = centre, []uuid.UUID{centre}
	r.scope.Network = r.op.Operators && s.operates(p, r.op)
	stateOf(c).centre = centre
	return nil
}

func (s *Server) allows(p *auth.Principal, centre uuid.UUID, op *Operation) bool {
	for _, alternative := range op.Scopes {
		all := true
		for _, scope := range alternative {
			all = all && s.may.Allows(p, centre, scope)
		}
		if all {
			return true
		}
	}
	return false
}

// worksIn tells whether the caller has any part in a centre: a role there, or a network role.
func (s *Server) worksIn(ctx context.Context, p *auth.Principal, centre uuid.UUID) (bool, error) {
	if len(p.Centres[centre]) > 0 {
		return true, nil
	}
	if len(p.NetworkRoles) == 0 {
		return false, nil
	}
	all, err := s.centres(ctx)
	return slices.Contains(all, centre), err
}

// reach lists the centres in which the caller holds the operation's scope.
func (s *Server) reach(ctx context.Context, p *auth.Principal, op *Operation) ([]uuid.UUID, error) {
	var reach []uuid.UUID
	for _, alternative := range op.Scopes {
		for _, scope := range alternative {
			ids, all := s.may.Centres(p, scope)
			if all {
				return s.centres(ctx)
			}
			reach = append(reach, ids...)
		}
	}
	slices.SortFunc(reach, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(reach), nil
}

// operates tells whether a network role gives the caller a scope of the operation.
func (s *Server) operates(p *auth.Principal, op *Operation) bool {
	for _, alternative := range op.Scopes {
		for _, scope := range alternative {
			if _, all := s.may.Centres(p, scope); all {
				return true
			}
		}
	}
	return false
}

func missingRight(op *Operation) error {
	return fault.Denied("This operation needs a right that the caller does not have here.").With("required_scopes", op.Scopes)
}

// repeatable gives a POST its key: the caller's, or the id it chose for what it creates.
func (r *request) repeatable(c echo.Context) {
	if !r.op.Keyed || r.scope.ActorID == uuid.Nil || stateOf(c).stream {
		return
	}
	if r.key = c.Request().Header.Get("Idempotency-Key"); r.key != "" {
		return
	}
	kept, ok := c.Request().Body.(interface{ ValidatedValue() any })
	if !ok {
		return
	}
	if object, ok := kept.ValidatedValue().(map[string]any); ok {
		if id, ok := object["id"].(string); ok {
			r.key, r.implicit = "id:"+id, true
		}
	}
}

// limit keeps one caller from taking everyone's share, and from guessing secrets.
func (s *Server) limit(c echo.Context, op *Operation, caller string) error {
	perMin := s.perMin
	if op.Guarded {
		perMin, caller = s.guarded, op.ID+" "+caller
	}
	if perMin == 0 {
		return nil
	}
	l, ok := s.callers.Get(caller)
	if !ok {
		l = rate.NewLimiter(rate.Limit(float64(perMin)/60), perMin)
		if previous, found, _ := s.callers.PeekOrAdd(caller, l); found {
			l = previous
		}
	}
	allowed := l.Allow()
	h := c.Response().Header()
	h.Set("RateLimit-Limit", strconv.Itoa(perMin))
	h.Set("RateLimit-Remaining", strconv.Itoa(max(0, int(l.Tokens()))))
	h.Set("RateLimit-Reset", strconv.Itoa(max(1, 60/perMin)))
	if !allowed {
		f := fault.New(fault.TooMany, "too_many_requests", "At most %d requests a minute. Wait, then go on.", perMin)
		f.RetryAfter = max(time.Second, time.Minute/time.Duration(perMin))
		return f
	}
	return nil
}
