package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/statistics"
)

// reference is the server by hand: one function a request, no layers, everything known beforehand.
type reference struct {
	pool     *pgxpool.Pool
	verifier *auth.Verifier
	figures  statistics.Handlers
	house    *db.DB // for the figures
	log      *os.File
}

// serveReference runs it until it is told to stop.
func serveReference(told string) error {
	var s setting
	if err := json.Unmarshal([]byte(told), &s); err != nil {
		return err
	}
	key, err := auth.LoadOrCreateKey(s.KeyFile)
	if err != nil {
		return err
	}
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Issuer: s.Issuer, Keys: auth.NewKeySet(key.PublicKey), Revocations: auth.NewRevocations(auth.RevocationsConfig{})})
	if err != nil {
		return err
	}
	pool, err := referencePool(s.DatabaseURL)
	if err != nil {
		return err
	}
	figures, house, err := referenceFigures(s.DatabaseURL)
	if err != nil {
		return err
	}
	debug.SetGCPercent(400) // as the product does
	return http.ListenAndServe(s.Addr, &reference{pool, verifier, figures, house, os.Stderr})
}

// referencePool connects as the product does: the same role, the same limits.
func referencePool(url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 20
	for name, value := range map[string]string{
		"application_name": "waystation", "statement_timeout": "5000", "lock_timeout": "2000",
		"idle_in_transaction_session_timeout": "10000", "timezone": "UTC", "role": db.AppRole,
	} {
		config.ConnConfig.RuntimeParams[name] = value
	}
	return pgxpool.NewWithConfig(context.Background(), config)
}

// call is one request: who asks, for which centre, and the room its answer is written in.
type call struct {
	w       http.ResponseWriter
	r       *http.Request
	caller  *auth.Principal
	centre  string
	request [36]byte
	out     []byte
}

var calls = sync.Pool{New: func() any { return &call{out: make([]byte, 0, 64<<10)} }}

const (
	peoplePath  = "/beneficiaries"
	figuresPath = "/v1/statistics/cubes/registrations/data"
	partnerPath = "/v1/partner/referrals/"
)

// ServeHTTP answers what the scenarios ask.
func (s *reference) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	c := calls.Get().(*call)
	defer calls.Put(c)
	c.w, c.r, c.out, c.centre = w, r, c.out[:0], ""
	hex36(c.request[:0], uuid.Must(uuid.NewV7()))
	status, operation := s.route(c)
	h := w.Header()
	if h["Content-Type"] == nil {
		h["Content-Type"] = jsonType
	}
	h["X-Request-Id"] = []string{string(c.request[:])}
	w.WriteHeader(status)
	_, _ = w.Write(c.out)
	s.line(c, operation, status, time.Since(start))
}

var jsonType = []string{"application/json"}

func (s *reference) route(c *call) (status int, operation string) {
	token, _ := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	var err error
	if c.caller, err = s.verifier.Verify(c.r.Context(), token); err != nil {
		return http.StatusUnauthorized, "none"
	}
	path := c.r.URL.Path
	if rest, ok := strings.CutPrefix(path, "/v1/centres/"); ok && len(rest) > 36 {
		return s.people(c, rest[:36], rest[36:])
	}
	if rest, ok := strings.CutPrefix(path, partnerPath); ok && c.r.Method == http.MethodPost && slices.Contains(c.caller.Scopes, "partner:referrals") {
		id, _ := strings.CutSuffix(rest, "/acknowledge")
		return s.answer(c, s.acknowledge(c, id), http.StatusOK), "acknowledgeReferral"
	}
	if path == figuresPath && slices.Contains(c.caller.Scopes, "stats:read") {
		return s.answer(c, s.cube(c), http.StatusOK), "getCubeData"
	}
	return http.StatusNotFound, "none"
}

func (s *reference) people(c *call, centre, path string) (status int, operation string) {
	id, err := uuid.Parse(centre)
	if err != nil || len(c.caller.Centres[id]) == 0 {
		return http.StatusNotFound, "none"
	}
	c.centre = centre
	switch {
	case c.r.Method == http.MethodGet && path == peoplePath:
		query := c.r.URL.Query()
		if words := query.Get("q"); words != "" {
			return s.answer(c, s.search(c, words, query.Get("limit")), http.StatusOK), "listBeneficiaries"
		}
		return s.answer(c, s.page(c, query.Get("registered_from"), query.Get("sex"), query.Get("limit")), http.StatusOK), "listBeneficiaries"
	case c.r.Method == http.MethodPost && path == peoplePath:
		return s.answer(c, s.register(c), http.StatusCreated), "createBeneficiary"
	case c.r.Method == http.MethodGet && strings.HasPrefix(path, peoplePath+"/"):
		return s.answer(c, s.read(c, path[len(peoplePath)+1:]), http.StatusOK), "getBeneficiary"
	}
	return http.StatusNotFound, "none"
}

func (s *reference) answer(c *call, err error, status int) int {
	if err == pgx.ErrNoRows {
		return http.StatusNotFound
	}
	if err != nil {
		c.out = fmt.Appendf(c.out[:0], "%q", err.Error())
		return http.StatusInternalServerError
	}
	return status
}

// line writes the request into the log, as the product does.
func (s *reference) line(c *call, operation string, status int, took time.Duration) {
	b := append(make([]byte, 0, 256), "time="...)
	b = append(time.Now().AppendFormat(b, time.RFC3339Nano), ` level=INFO msg=request request_id=`...)
	b = append(append(append(b, c.request[:]...), " operation="...), operation...)
	b = append(append(append(b, " method="...), c.r.Method...), " status="...)
	b = append(strconv.AppendInt(b, int64(status), 10), " ms="...)
	b = append(strconv.AppendInt(b, took.Milliseconds(), 10), " centre_id="...)
	_, _ = s.log.Write(append(append(b, c.centre...), '\n'))
}

const setScope = "select set_config('app.centre_ids', $1, true), set_config('app.actor_id', $2, true), set_config('app.organisation_id', $3, true), " +
	"set_config('app.network', $4, true), set_config('app.trail', $5, true), set_config('transaction_read_only', $6, true), set_config('synchronous_commit', $7, true)"

// scope begins a pipeline with what row-level security and the trail must know.
func (c *call) scope(b *pgx.Batch, operation, commit string) {
	trail := append(make([]byte, 0, 160), `{"actor_kind":"`...)
	trail = append(append(append(trail, c.caller.Kind...), `","operation":"`...), operation...)
	trail = append(append(append(trail, `","purpose":"","request_id":"`...), c.request[:]...), `"}`...)
	b.Queue(setScope, c.centre, c.caller.ID.String(), c.caller.OrganisationID.String(), "", string(trail), "off", commit)
}

func hex36(to []byte, id uuid.UUID) []byte {
	to = append(hex.AppendEncode(to, id[:4]), '-')
	to = append(hex.AppendEncode(to, id[4:6]), '-')
	to = append(hex.AppendEncode(to, id[6:8]), '-')
	to = append(hex.AppendEncode(to, id[8:10]), '-')
	return hex.AppendEncode(to, id[10:])
}
