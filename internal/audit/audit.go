// Package audit reads, seals and verifies the trail. The lines of the trail are written by the
// database itself, in the transaction of what they tell (see trail_row in the migrations); nothing
// on that way waits for this package.
//
//	seal.go    a job chains new lines in the order of their commits and signs the chain
//	chain.go   what goes into a link of the chain
//	verify.go  walks the chain and names the first link that does not hold
package audit

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Network is the centre that lines about the network's own directory carry.
var Network uuid.UUID

// Entry is one line of the trail as it is shown: who, what, when; of the values only their names.
type Entry struct {
	CentreID       uuid.UUID
	ID             int64
	At             time.Time
	ActorID        *uuid.UUID
	ActorKind      string
	OrganisationID *uuid.UUID
	Operation      string
	RequestID      string
	Purpose        string
	Action         string
	Resource       string
	SubjectIDs     db.UUIDs
	RedactedAt     *time.Time
	ChangedFields  db.Strings `gorm:"->"`
}

// TableName implements schema.Tabler.
func (Entry) TableName() string { return "audit_events" }

// Query narrows a trail. Zero fields do not.
type Query struct {
	ActorID   *uuid.UUID
	SubjectID *uuid.UUID
	Resource  string
	Action    string
	Operation string
	From, To  *time.Time
}

// List returns one page of a centre's trail, newest first, and the cursor of the next.
func List(ctx context.Context, centre uuid.UUID, q Query, limit int, cursor string) ([]Entry, string, error) {
	before, err := decode(cursor)
	if err != nil {
		return nil, "", err
	}
	rows, err := db.Find[Entry](ctx, func(g *gorm.DB) *gorm.DB {
		return q.narrow(g.Where("centre_id = ?", centre)).Where("? = 0 or id < ?", before, before).Select(entryColumns).Order("id desc").Limit(limit + 1)
	})
	if err != nil || len(rows) <= limit {
		return rows, "", err
	}
	next := encode(rows[limit-1].ID)
	db.Current(ctx).NextCursor = next
	return rows[:limit], next, nil
}

// entryColumns leave the values in the database. What every change touches is not worth a name.
const entryColumns = `centre_id, id, at, actor_id, actor_kind, organisation_id, operation, request_id, purpose, action, resource, subject_ids, redacted_at,
	array(select k from jsonb_object_keys(coalesce(after, before)) k where k not in ('version', 'updated_at') order by 1) as changed_fields`

func (q Query) narrow(g *gorm.DB) *gorm.DB {
	for column, value := range map[string]string{"resource": q.Resource, "action": q.Action, "operation": q.Operation} {
		if value != "" {
			g = g.Where(column+" = ?", value)
		}
	}
	if q.ActorID != nil {
		g = g.Where("actor_id = ?", *q.ActorID)
	}
	if q.SubjectID != nil {
		g = g.Joins("join trail_of(?) concerned (event_id) on concerned.event_id = id", *q.SubjectID) // few: they lead the plan
	}
	if q.From != nil {
		g = g.Where("at >= ?", *q.From)
	}
	if q.To != nil {
		g = g.Where("at < ?", *q.To)
	}
	return g
}

func encode(id int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte("a" + strconv.FormatInt(id, 10)))
}

func decode(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil && len(raw) > 1 && raw[0] == 'a' {
		if id, err := strconv.ParseInt(string(raw[1:]), 10, 64); err == nil && id > 0 {
			return id, nil
		}
	}
	return 0, fault.New(fault.Malformed, "invalid_cursor", "The cursor is not one that this list gave out. Begin without a cursor.").
		Add("cursor", "invalid_cursor", "Not a cursor of this list.")
}

// Redact erases the values that the trail of a centre keeps about the given records, as part of the
// erasure of a person's data: that something was done, when, by whom and to which fields, stays,
// and the chain still verifies. It leaves a line itself. It returns how many lines lost their values.
func Redact(ctx context.Context, centre uuid.UUID, subjects ...uuid.UUID) (int64, error) {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return 0, err
	}
	var lines int64
	if err := tx.QueryRow(ctx, "select redact_trail($1, $2)", centre, subjects).Scan(&lines); err != nil {
		return 0, fmt.Errorf("audit: redacting: %w", err)
	}
	return lines, nil
}
