package db

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/waystation/waystation/internal/tenant"
)

// Scope is what row-level security and the audit trail know of a request.
type Scope struct {
	Centres        []uuid.UUID // the centres in reach; none for partners and governments
	ActorID        uuid.UUID   // user, API client, or zero for the system
	ActorKind      string      // user | client | system
	OrganisationID uuid.UUID   // the partner organisation of a client
	Network        bool        // an operator who keeps the network's directory of users and centres
	RequestID      string
	Operation      string // operationId, or the name of the job
	Purpose        string
	ReadOnly       bool // refuse every write
	AuditReads     bool // each row that is read leaves a line in the audit trail
}

// settings are the session variables of the scope, in the order of setNames.
func (s Scope) settings() [5]string {
	ids := make([]string, len(s.Centres))
	for i, c := range s.Centres {
		ids[i] = c.String()
	}
	network := ""
	if s.Network {
		network = "on"
	}
	return [5]string{strings.Join(ids, ","), text(s.ActorID), text(s.OrganisationID), network, s.trail()}
}

// trail is the JSON from which triggers take who does what, and why.
func (s Scope) trail() string {
	b := make([]byte, 0, 160)
	for i, member := range [...][2]string{{"actor_kind", s.ActorKind}, {"operation", s.Operation}, {"purpose", s.Purpose}, {"request_id", s.RequestID}} {
		b = append(b, "{,,,"[i], '"')
		b = append(append(b, member[0]...), `":`...)
		b = appendText(b, member[1])
	}
	return string(append(b, '}'))
}

var setNames = [5]string{"app.centre_ids", "app.actor_id", "app.organisation_id", "app.network", "app.trail"}

func text(id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return id.String()
}

// beginQuery opens the transaction and its scope in one message.
func (s Scope) beginQuery() string {
	var b strings.Builder
	b.WriteString("begin")
	if s.ReadOnly {
		b.WriteString(" read only")
	}
	for i, value := range s.settings() {
		b.WriteString("; set local " + setNames[i] + " = '" + strings.ReplaceAll(value, "'", "''") + "'")
	}
	return b.String()
}

// Session is one transaction, begun at first use. It serves one goroutine.
type Session struct {
	db    *DB
	scope Scope
	conn  *sql.Conn
	tx    pgx.Tx
	// Audited tells that a read has left its line in the trail.
	Audited bool
	// NextCursor is where the page that was read goes on; it becomes the Link header.
	NextCursor string
}

// Session prepares a transaction inside a scope.
func (d *DB) Session(s Scope) *Session { return &Session{db: d, scope: s} }

type sessionKey struct{}

// Bind returns a context in which Tx, Find and the rest work inside this session.
func (s *Session) Bind(ctx context.Context) context.Context {
	return context.WithValue(tenant.With(ctx, s.scope.Centres...), sessionKey{}, s)
}

// Current returns the context's session, or nil.
func Current(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}

// Scope returns the session's scope.
func (s *Session) Scope() Scope { return s.scope }

// DB returns the pool behind the session, for work that must outlive it.
func (s *Session) DB() *DB { return s.db }

func (s *Session) begin(ctx context.Context) error {
	if s.tx != nil {
		return nil
	}
	conn, err := s.db.sql.Conn(ctx)
	if err != nil {
		return err
	}
	err = conn.Raw(func(c any) error {
		s.tx, err = c.(*stdlib.Conn).Conn().BeginTx(ctx, pgx.TxOptions{BeginQuery: s.scope.beginQuery()})
		return err
	})
	if err != nil {
		s.tx = nil
		_ = conn.Close()
		return err
	}
	s.conn = conn
	return nil
}

// Commit makes the session's work last. Nothing was begun, nothing is sent.
func (s *Session) Commit(ctx context.Context) error {
	if s.tx == nil {
		return nil
	}
	err := s.tx.Commit(ctx)
	s.release()
	return err
}

// Rollback undoes what was not committed. It is safe to call after Commit.
func (s *Session) Rollback() {
	if s.tx == nil {
		return
	}
	// The request's context may be over; the connection must come back clean all the same.
	if err := s.tx.Rollback(context.Background()); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
		_ = s.conn.Raw(func(c any) error { return c.(*stdlib.Conn).Conn().Close(context.Background()) })
	}
	s.release()
}

func (s *Session) release() {
	_ = s.conn.Close()
	s.tx, s.conn = nil, nil
}
