package db

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/fault"
)

// constraints maps a constraint's name to the fault its violation answers with.
var constraints = map[string]func() *fault.Error{}

// Constraint registers what the violation of a constraint means. Domain packages call it in
// package variables: the names are part of the error contract.
func Constraint(name string, f func() *fault.Error) struct{} {
	constraints[name] = f
	return struct{}{}
}

// Retryable tells that the same work may simply run again: a lost race, or a connection that
// broke before anything was sent.
func Retryable(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "40001" || pg.Code == "40P01"
	}
	return pgconn.SafeToRetry(err)
}

// Broken tells that the connection was lost. Work that only reads may run again on another one.
func Broken(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code[:2] == "57" && pg.Code != "57014"
	}
	var op *net.OpError
	return errors.As(err, &op) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// Fault turns a database error into what the caller may know of it. Faults and foreign errors pass.
func Fault(err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return fault.Missing().Because(err)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return fromPostgres(pg)
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) || errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err) || Broken(err) {
		return unavailable(err)
	}
	return err
}

func fromPostgres(pg *pgconn.PgError) error {
	if f, ok := constraints[pg.ConstraintName]; ok && pg.ConstraintName != "" {
		return f().Because(pg)
	}
	switch pg.Code {
	case "23505", "23P01":
		return fault.New(fault.Conflict, "already_exists", "The same entry exists already.").With("constraint", pg.ConstraintName).Because(pg)
	case "23503":
		return fault.New(fault.Invalid, "unknown_reference", "Something that the request refers to does not exist here.").With("constraint", pg.ConstraintName).Because(pg)
	case "23514":
		return fault.New(fault.Invalid, "rule_broken", "The entry breaks a rule of the data.").With("constraint", pg.ConstraintName).Because(pg)
	case "22021", "22P05":
		return fault.New(fault.Invalid, "invalid_text", "A text holds a character that cannot be stored.").Because(pg)
	case "40001", "40P01", "55P03", "57014":
		return unavailable(pg)
	}
	switch pg.Code[:2] {
	case "08", "53", "57", "58":
		return unavailable(pg)
	}
	return pg
}

func unavailable(err error) error {
	f := fault.New(fault.Unavailable, "temporarily_unavailable", "The service cannot answer right now. Nothing was changed; try again shortly.").Because(err)
	f.RetryAfter = 2 * time.Second
	return f
}
