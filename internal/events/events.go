// Package events carries what happened to whoever may know it: the change feed and its
// server-sent form. Row changes of a resource are written by the database itself (see the
// function track in the migrations); Emit adds what the work means: a referral was sent.
package events

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
)

// Event is something that happened. It carries ids and codes, never personal data.
type Event struct {
	CentreID       uuid.UUID
	Type           string         // referral.sent
	Resource       string         // referral
	SubjectID      uuid.UUID      // what it happened to
	Version        int64          // of the subject, where it has one
	OrganisationID *uuid.UUID     // a partner that may see it too
	Data           map[string]any // further ids and codes
}

// Emit writes an event in the transaction of the change it tells of.
func Emit(ctx context.Context, e Event) error {
	if e.Data == nil {
		e.Data = map[string]any{}
	}
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "insert into events (centre_id, type, resource, subject_id, version, organisation_id, data) values ($1, $2, $3, $4, nullif($5, 0), $6, $7)",
		e.CentreID, e.Type, e.Resource, e.SubjectID, e.Version, e.OrganisationID, e.Data)
	return err
}
