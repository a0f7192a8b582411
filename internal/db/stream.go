package db

import (
	"context"
	"encoding/json"
	"reflect"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/fault"
)

// longest is how long one export may run; a receiver who stalls is cut off much earlier.
const longest = "30min"

// Before notes whom the rows of a stream tell about, given the statement that selects them. It works in a
// transaction of its own on their snapshot, which lasts before the first of them leaves.
type Before func(ctx context.Context, rows string, args []any) error

// Stream hands each row that build selects to each, in a transaction of its own: one snapshot, one
// row in memory at a time. The row is reused; keep nothing of it. The trail has a line before the
// first row leaves, with what the caller says about the export, and one at its end with how many
// rows left and whether that was all. At most a quarter of the connections stream at once: 503.
func Stream[T any](ctx context.Context, about map[string]any, build Build, before Before, each func(*T) error) error {
	outer := Current(ctx)
	if outer == nil {
		return ErrOutsideSession
	}
	select {
	case outer.db.streams <- struct{}{}:
		defer func() { <-outer.db.streams }()
	default:
		f := fault.New(fault.Unavailable, "too_many_exports", "Other exports are running. Try again shortly.")
		f.RetryAfter = 10 * time.Second
		return f
	}
	scope := outer.scope
	scope.AuditReads = true // whatever the rows are about, the trail tells that they were taken away
	s := outer.db.Session(scope)
	defer s.Rollback()
	ctx = s.Bind(ctx)
	q, meta, err := statement[T](ctx, s, build)
	if err != nil {
		return err
	}
	if err := s.trail(ctx, "export", meta.Table, about); err != nil {
		return err
	}
	if err := s.freeze(ctx); err != nil {
		return err
	}
	if err := s.noted(ctx, q, before); err != nil {
		return err
	}
	rows := 0
	err = s.query(ctx, q, false, func(r pgx.Rows) error {
		fields, err := fieldsOf(meta, r.FieldDescriptions())
		if err != nil {
			return err
		}
		var row T
		to := destinations(ctx, fields, reflect.ValueOf(&row).Elem(), make([]any, len(fields)))
		for r.Next() {
			var zero T
			row = zero
			if err := r.Scan(to...); err != nil {
				return err
			}
			if err := each(&row); err != nil {
				return err
			}
			rows++
		}
		return r.Err()
	})
	s.Rollback() // nothing was written; the connection is clean again for the line that follows
	ended := s.trail(context.WithoutCancel(ctx), "export_ended", meta.Table, map[string]any{"rows": rows, "complete": err == nil})
	if err != nil {
		return err
	}
	return ended
}

// freeze begins a transaction that reads one snapshot for as long as an export may take.
func (s *Session) freeze(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	_, err := s.tx.Exec(ctx, "set transaction isolation level repeatable read, read only; set local statement_timeout = '"+longest+
		"'; set local idle_in_transaction_session_timeout = '"+longest+"'") // it waits for the note
	return err
}

// noted runs before on the session's snapshot and commits what it wrote.
func (s *Session) noted(ctx context.Context, q query, before Before) error {
	var snapshot string
	if err := s.tx.QueryRow(ctx, "select pg_export_snapshot()").Scan(&snapshot); err != nil {
		return err
	}
	note := s.db.Session(s.scope)
	defer note.Rollback()
	if err := note.begin(ctx); err != nil {
		return err
	}
	if _, err := note.tx.Exec(ctx, "set transaction isolation level repeatable read; set transaction snapshot '"+snapshot+"'; set local statement_timeout = '"+longest+"'"); err != nil {
		return err
	}
	if err := before(note.Bind(ctx), q.sql, q.args); err != nil {
		return err
	}
	return note.Commit(ctx)
}

// trail writes one line as a transaction of its own.
func (s *Session) trail(ctx context.Context, action, resource string, after map[string]any) error {
	raw, err := json.Marshal(after)
	if err != nil {
		return err
	}
	centre := uuid.Nil
	if len(s.scope.Centres) == 1 {
		centre = s.scope.Centres[0]
	}
	s.Audited = true
	return s.pipelined(ctx, query{sql: "insert into audit_events (centre_id, action, resource, after) values ($1, $2, $3, $4)",
		args: []any{centre, action, resource, raw}}, true, func(r pgx.Rows) error { r.Close(); return r.Err() })
}
