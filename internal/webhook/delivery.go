package webhook

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/fault"
)

// States of a message.
const (
	pending   = "pending"
	delivered = "delivered"
	dropped   = "dropped"
)

const testType = "webhook.test"

const logKept = 20 // attempts

// Delivery is one message of an endpoint.
type Delivery struct {
	ID            uuid.UUID `gorm:"primaryKey;<-:create"` // webhook-id
	EndpointID    uuid.UUID `gorm:"<-:create"`
	EventID       *int64    `gorm:"<-:create"` // nil: a test
	At            time.Time `gorm:"<-:create"` // when it happened
	Type          string    `gorm:"<-:create"`
	Payload       string    `gorm:"<-:create"` // the body, as it is signed
	SubjectID     uuid.UUID `gorm:"<-:create"`
	Resource      string    `gorm:"<-:create"`
	Status        string
	Attempts      int // since it was last put in line
	NextAttemptAt time.Time
	EndedAt       *time.Time
	Log           db.JSON[[]Attempt]
}

// RowID implements db.Row.
func (d *Delivery) RowID() uuid.UUID { return d.ID }

// TableName implements schema.Tabler.
func (Delivery) TableName() string { return "webhook_deliveries" }

// Attempt is one try at a message.
type Attempt struct {
	At           time.Time `json:"at"`
	Status       int       `json:"status,omitempty"` // HTTP; 0: none
	Error        string    `json:"error,omitempty"`  // empty: received
	Milliseconds int64     `json:"milliseconds"`

	retryAfter time.Duration // what the receiver asked for
}

// Why an attempt failed.
const (
	notTaken       = "not_taken"
	timedOut       = "timeout"
	refusedAddress = "refused_address"
	unreachable    = "unreachable"
)

// message is the body of the standard: thin, what happened and to which resource.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      content   `json:"data"`
}

type content struct {
	EventID    string         `json:"event_id,omitempty"`
	Resource   string         `json:"resource"`
	ResourceID uuid.UUID      `json:"resource_id"`
	CentreID   *uuid.UUID     `json:"centre_id,omitempty"`
	Version    *int64         `json:"version,omitempty"`
	Gone       bool           `json:"gone"`
	Details    map[string]any `json:"details,omitempty"` // further ids and codes
}

// telling is the message of a change.
func telling(e *Endpoint, c *events.Change) (*Delivery, error) {
	data := content{
		EventID: strconv.FormatInt(c.ID, 10), Resource: c.Resource, ResourceID: c.SubjectID, Version: c.Version, Gone: c.Gone(), Details: c.Data,
	}
	if c.CentreID != uuid.Nil {
		data.CentreID = &c.CentreID
	}
	d, err := newDelivery(e, c.Type, c.At, data)
	d.EventID = &c.ID
	return d, err
}

// testing is a message that tells of nothing but itself.
func testing(e *Endpoint) (*Delivery, error) {
	return newDelivery(e, testType, db.Now(), content{Resource: "webhook_endpoint", ResourceID: e.ID})
}

func newDelivery(e *Endpoint, kind string, at time.Time, data content) (*Delivery, error) {
	body, err := json.Marshal(message{kind, at.UTC(), data})
	d := &Delivery{
		ID: db.NewID(), EndpointID: e.ID, At: at, Type: kind, Payload: string(body), SubjectID: data.ResourceID, Resource: data.Resource,
		Status: pending, NextAttemptAt: db.Now(),
	}
	d.Log.V = []Attempt{}
	return d, err
}

// ends tells that after a change nothing older about its subject is to be told any more.
func ends(c *events.Change) bool { return c.Gone() || c.Type == "referral.revoked" }

// schedule is the one that the standard publishes: how long after each failed attempt the next one follows.
var schedule = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// longestWait bounds what a receiver may ask for by Retry-After.
const longestWait = 24 * time.Hour

// next is how long to wait after the nth attempt failed, of which jitter, from 0 to 1, spreads a tenth; not ok when
// there is no further attempt.
func next(n int, asked time.Duration, jitter float64) (wait time.Duration, ok bool) {
	if n > len(schedule) {
		return 0, false
	}
	wait = schedule[n-1]
	wait += time.Duration(jitter * float64(wait) / 10)
	return max(wait, min(asked, longestWait)), true
}

// tried notes an attempt; not ok when it was the last.
func (d *Delivery) tried(a Attempt, jitter float64) (ok bool) {
	d.Attempts++
	d.Log.V = append(d.Log.V, a)
	d.Log.V = d.Log.V[max(0, len(d.Log.V)-logKept):]
	if a.Error == "" {
		d.end(delivered, a.At)
		return true
	}
	wait, ok := next(d.Attempts, a.retryAfter, jitter)
	d.NextAttemptAt = a.At.Add(wait)
	return ok
}

func (d *Delivery) end(status string, at time.Time) { d.Status, d.EndedAt = status, &at }

var deliverySorts = db.Sorts[Delivery]{
	"at": {SQL: "at", Cast: "timestamptz", Value: func(d *Delivery) any { return d.At }},
}

func listDeliveries(ctx context.Context, l db.Listing, f db.Conditions) (db.Paged[Delivery], error) {
	return db.Page(ctx, l, deliverySorts, f.Apply)
}

// head returns the message at the head of an endpoint's line, nil where none stands in it.
func head(ctx context.Context, endpoint uuid.UUID) (*Delivery, error) {
	line, err := db.Find[Delivery](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("endpoint_id = ? and status = ?", endpoint, pending).Order("seq").Limit(1)
	})
	if err != nil || len(line) == 0 {
		return nil, err
	}
	return &line[0], nil
}

// drop takes what waits about some subjects out of an endpoint's line.
func drop(ctx context.Context, endpoint uuid.UUID, subjects db.UUIDs) error {
	return db.Tx(ctx).Exec("update webhook_deliveries set status = ?, ended_at = ? where endpoint_id = ? and status = ? and subject_id = any (?)",
		dropped, db.Now(), endpoint, pending, subjects).Error
}

// again puts the head of the line at the beginning of the schedule.
func again(ctx context.Context, endpoint uuid.UUID) error {
	return db.Tx(ctx).Exec("update webhook_deliveries set attempts = 0, next_attempt_at = ? where endpoint_id = ? and status = ? and attempts > 0",
		db.Now(), endpoint, pending).Error
}

// selection says what is to be sent again: events by their numbers, or all of a time.
type selection struct {
	events      []int64
	from, until *time.Time
}

func (s selection) validate() error {
	ranged := s.from != nil && s.until != nil
	if (s.from == nil) != (s.until == nil) || ranged == (len(s.events) > 0) {
		return fault.InvalidField("", "events_or_range", "Name events, or a time from and until.")
	}
	if ranged && !s.from.Before(*s.until) {
		return fault.InvalidField("/until", "ends_before", "The time ends before it begins.")
	}
	return nil
}

// replay puts received messages in line again, where they stood, and returns how many.
func (s selection) replay(ctx context.Context, endpoint uuid.UUID) (int64, error) {
	q := db.Tx(ctx).Model(&Delivery{}).Where("endpoint_id = ? and status = ? and event_id is not null", endpoint, delivered)
	if s.from != nil {
		q = q.Where("at >= ? and at < ?", *s.from, *s.until)
	} else {
		q = q.Where("event_id in ?", s.events)
	}
	done := q.Updates(map[string]any{"status": pending, "attempts": 0, "next_attempt_at": db.Now(), "ended_at": nil})
	return done.RowsAffected, done.Error
}
