package httpd

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/fnv"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// How long a stored answer is kept: for an Idempotency-Key, and for an id that the client chose
// (a device may be offline for weeks).
const (
	keepKey = 24 * time.Hour
	keepID  = 90 * 24 * time.Hour
)

// transact runs a request in one transaction. The answer is written only after the commit; a
// lost race runs the work again, which is safe because handlers have no effect outside the
// transaction; a repeated request gets its stored answer.
func (s *Server) transact(c echo.Context, r *request, next echo.HandlerFunc) error {
	if stateOf(c).stream {
		ctx := s.db.Session(r.scope).Bind(c.Request().Context())
		if err := s.gate(ctx, r); err != nil {
			return err
		}
		c.SetRequest(c.Request().WithContext(ctx))
		return s.moved(c, r, next(c))
	}
	out := buffers.Get().(*answer)
	defer out.free()
	for attempt := 1; ; attempt++ {
		err := s.attempt(c, r, next, out)
		if err == nil {
			return out.send(c)
		}
		again := db.Retryable(err) || (r.scope.ReadOnly && db.Broken(err))
		if !again || attempt == 4 || c.Request().Context().Err() != nil {
			return s.moved(c, r, s.told(c.Request().Context(), r, err))
		}
	}
}

// moved turns the refusal of an operation on a person who was merged into the way to the survivor: the same path
// and query with the other id. A person who is in use costs nothing.
func (s *Server) moved(c echo.Context, r *request, refusal error) error {
	var f *fault.Error
	if refusal == nil || s.survivor == nil || !r.op.Person || r.subject == uuid.Nil || !errors.As(db.Fault(refusal), &f) ||
		!slices.Contains([]fault.Kind{fault.NotFound, fault.Conflict, fault.Stale, fault.Invalid}, f.Kind) {
		return refusal
	}
	ctx, scope := c.Request().Context(), r.scope
	scope.AuditReads = false // ids of records, nothing of a person
	var survivor uuid.UUID
	err := s.db.InTx(ctx, scope, func(ctx context.Context) (err error) {
		survivor, err = s.survivor(ctx, r.subject)
		return err
	})
	if err != nil || survivor == uuid.Nil {
		return cmp.Or(err, refusal)
	}
	return fault.New(fault.Moved, "moved", "The record was merged into another. Repeat the request there; Location has the way.").
		At(strings.Replace(r.path, "/beneficiaries/"+c.Param("id"), "/beneficiaries/"+survivor.String(), 1)).With("survivor_id", survivor)
}

// told writes the line of a refusal that tells about people, in a transaction of its own: the
// request's is undone. Without the line nothing is told.
func (s *Server) told(ctx context.Context, r *request, refusal error) error {
	var f *fault.Error
	if !errors.As(refusal, &f) || f.Told == nil {
		return refusal
	}
	err := s.db.InTx(ctx, r.scope, func(ctx context.Context) error { return db.Told(ctx, f.Told.Resource, f.Told.IDs...) })
	if err != nil {
		return err
	}
	return refusal
}

func (s *Server) attempt(c echo.Context, r *request, next echo.HandlerFunc, out *answer) error {
	original, response := c.Request(), c.Response()
	defer func() { c.SetRequest(original); c.SetResponse(response) }()

	session := s.db.Session(r.scope)
	defer session.Rollback()
	ctx := session.Bind(original.Context())
	repeat, err := recall(ctx, r, out)
	if err != nil || repeat {
		return err
	}
	if err := s.gate(ctx, r); err != nil { // after recall: what was accepted once is answered as it was
		return err
	}
	out.reset()
	c.SetRequest(r.rewind(original.WithContext(ctx)))
	c.SetResponse(echo.NewResponse(out, c.Echo()))
	if err := next(c); err != nil {
		return err
	}
	if err := out.seal(session, original.URL); err != nil {
		return err
	}
	if r.op.Audit && !session.Audited {
		if err := auditRead(ctx, r); err != nil {
			return err
		}
	}
	if err := remember(ctx, r, out); err != nil {
		return err
	}
	return session.Commit(ctx)
}

// rewind gives a copy of the request its body anew, as it was validated.
func (r *request) rewind(req *http.Request) *http.Request {
	raw := io.NopCloser(bytes.NewReader(r.body))
	kept, validated := req.Body.(interface{ ValidatedValue() any })
	switch {
	case r.op.Ordered && validated:
		req.Body, req.Header = raw, req.Header.Clone()
		req.Header.Set(echo.HeaderContentType, echo.MIMEApplicationJSON) // a merge patch is bound likewise
	case validated:
		req.Body = rewound{raw, kept.ValidatedValue()}
	case r.op.Form:
		req.Body = raw
	}
	return req
}

// gate asks for every write inside a centre whether the centre uses the submitted codes.
func (s *Server) gate(ctx context.Context, r *request) error {
	if s.codes == nil || r.centre == uuid.Nil || len(r.codes) == 0 || r.op.Method == http.MethodGet {
		return nil
	}
	return s.codes(ctx, r.centre, r.codes)
}

// rewound is a body that can be bound again.
type rewound struct {
	io.ReadCloser
	value any
}

func (r rewound) ValidatedValue() any { return r.value }

// auditRead leaves the line of a read whose rows did not come through db.Find.
func auditRead(ctx context.Context, r *request) error {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	subjects := []uuid.UUID{}
	if r.subject != uuid.Nil {
		subjects = append(subjects, r.subject)
	}
	_, err = tx.Exec(ctx, "insert into audit_events (centre_id, action, resource, subject_ids) values ($1, 'read', $2, $3)",
		r.centre, r.op.ID, subjects)
	return err
}

// recall looks for the answer of an earlier, identical request and holds the key until the end
// of the transaction, so that of many at once only one does the work.
func recall(ctx context.Context, r *request, out *answer) (bool, error) {
	if r.key == "" {
		return false, nil
	}
	tx, err := db.Pgx(ctx)
	if err != nil {
		return false, err
	}
	var free bool
	if err := tx.QueryRow(ctx, "select pg_try_advisory_xact_lock($1)", r.lock()).Scan(&free); err != nil {
		return false, err
	}
	if !free {
		f := fault.New(fault.Conflict, "request_in_flight", "The same request is still being worked on. Repeat it shortly.")
		f.RetryAfter = time.Second
		return false, f
	}
	var hash, headers []byte
	var status int
	var stored []byte
	err = tx.QueryRow(ctx, "select request_hash, status, headers, body from stored_answers where operation = $1 and key = $2 and actor_id = $3 and expires_at > now()",
		r.op.ID, r.key, r.scope.ActorID).Scan(&hash, &status, &headers, &stored)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !bytes.Equal(hash, r.hash()) {
		return false, r.mismatch()
	}
	out.reset()
	out.status = status
	if err := json.Unmarshal(headers, &out.header); err != nil {
		return false, err
	}
	out.header.Set("Idempotency-Replayed", "true")
	out.body.Write(stored)
	return true, nil
}

func remember(ctx context.Context, r *request, out *answer) error {
	if r.key == "" || out.status < 200 || out.status > 299 {
		return nil
	}
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	headers, err := json.Marshal(out.header)
	if err != nil {
		return err
	}
	keep := keepKey
	if r.implicit {
		keep = keepID
	}
	_, err = tx.Exec(ctx, `insert into stored_answers (actor_id, operation, key, request_hash, status, headers, body, expires_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (actor_id, operation, key) do update set request_hash = excluded.request_hash, status = excluded.status,
		headers = excluded.headers, body = excluded.body, expires_at = excluded.expires_at`,
		r.scope.ActorID, r.op.ID, r.key, r.hash(), out.status, headers, without(out.body.Bytes(), r.op.Once), db.Now().Add(keep))
	return err
}

// ForgetAnswers deletes the stored answers whose time is over, for a periodic job.
func ForgetAnswers(ctx context.Context) error {
	job := db.Current(ctx)
	scope := job.Scope()
	scope.Network = true
	return job.DB().InTx(ctx, scope, func(ctx context.Context) error {
		tx, err := db.Pgx(ctx)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "delete from stored_answers where expires_at < now()")
		return err
	})
}

// without leaves out the members of an answer that are shown once: a secret that is kept as a
// hash everywhere else must not lie readable among the stored answers.
func without(body []byte, members []string) []byte {
	var object map[string]json.RawMessage
	if len(members) == 0 || json.Unmarshal(body, &object) != nil {
		return append([]byte{}, body...) // never null, not even for an empty body
	}
	for _, name := range members {
		delete(object, name)
	}
	kept, _ := json.Marshal(object) // it was JSON a moment ago
	return kept
}

// request is what the middlewares gathered about one request.
type request struct {
	op       *Operation
	scope    db.Scope
	centre   uuid.UUID // of the path; zero elsewhere
	subject  uuid.UUID // the id of the path; zero elsewhere
	body     []byte
	codes    []codelist.Use // that the body submits
	path     string
	key      string // Idempotency-Key, or the id that the client chose
	implicit bool
	hashKey  []byte
}

// hash is keyed: who reads the table must not be able to try passwords against it.
func (r *request) hash() []byte {
	h := hmac.New(sha256.New, r.hashKey)
	h.Write([]byte(r.path + "\n"))
	h.Write(r.body)
	return h.Sum(nil)
}

func (r *request) lock() int64 {
	h := fnv.New64a()
	_ = binary.Write(h, binary.BigEndian, r.scope.ActorID)
	_, _ = h.Write([]byte(r.op.ID + "\n" + r.key))
	return int64(h.Sum64())
}

func (r *request) mismatch() error {
	if r.implicit {
		return fault.New(fault.Conflict, "id_taken", "Something else was created under this id.").Add("/id", "id_taken", "Choose a new UUID.")
	}
	return fault.New(fault.Invalid, "idempotency_key_reused", "This Idempotency-Key was used for another request.").Add("Idempotency-Key", "idempotency_key_reused", "Choose a new key.")
}

// answer is a response that waits for the commit.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

var buffers = sync.Pool{New: func() any { return &answer{header: http.Header{}} }}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
func (a *answer) reset()                      { clear(a.header); a.status = http.StatusOK; a.body.Reset() }
func (a *answer) free() {
	if a.body.Cap() < 1<<20 {
		a.reset()
		buffers.Put(a)
	}
}

// seal adds what every list answers: the link to its next page.
func (a *answer) seal(s *db.Session, u *url.URL) error {
	if s.NextCursor == "" {
		return nil
	}
	q := u.Query()
	q.Set("cursor", s.NextCursor)
	a.header.Set("Link", "<"+u.Path+"?"+q.Encode()+`>; rel="next"`)
	return nil
}

// unchanged tells whether one of the caller's tags is this one. They are compared weakly (RFC 9110
// section 13.1.2): a proxy that compresses answers makes tags weak on their way.
func unchanged(known []string, tag string) bool {
	for _, value := range known {
		for one := range strings.SplitSeq(value, ",") {
			if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == tag || one == "*" {
				return true
			}
		}
	}
	return false
}

// send writes the answer, or 304 where the caller has this version already.
func (a *answer) send(c echo.Context) error {
	w := c.Response()
	for name, values := range a.header {
		if name == echo.HeaderVary { // CORS has named Origin there
			values = append(w.Header()[name], values...)
		}
		w.Header()[name] = values
	}
	if tag := a.header.Get("Etag"); tag != "" && c.Request().Method == http.MethodGet && unchanged(c.Request().Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if a.body.Len() > 0 { // 204 has none
		w.Header().Set(echo.HeaderContentLength, strconv.Itoa(a.body.Len()))
	}
	w.WriteHeader(a.status)
	_, err := w.Write(a.body.Bytes())
	return err
}
