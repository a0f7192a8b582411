package main

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/db"
)

var lockReferral = `SELECT "partner_referrals"."` + strings.Join(strings.Fields(`id version created_at updated_at centre_id direction number status priority organisation_id reasons
	services channel follow_up_on feedback_wanted contact origin client_mode sent_at acknowledge_due_at decision_due_at feedback_due_at expires_at feedback_days access_days
	acknowledged_at responded_at appointment_at started_at closed_at delivered_on decline_reason not_delivered_reason revoke_reason closing_note`), `","partner_referrals"."`) +
	`" FROM "partner_referrals" WHERE id = $1 LIMIT $2 FOR UPDATE`

const moveReferral = `UPDATE "partner_referrals" SET "version"=$1,"updated_at"=$2,"status"=$3,"feedback_due_at"=$4,"acknowledged_at"=$5,"responded_at"=$6,` +
	`"appointment_at"=$7,"started_at"=$8,"closed_at"=$9,"delivered_on"=$10,"decline_reason"=$11,"not_delivered_reason"=$12,"revoke_reason"=$13,"closing_note"=$14 ` +
	`WHERE centre_id = $15 AND "id" = $16`

// referral is what a partner's window shows of one.
type referral struct {
	id, centre                                               uuid.UUID
	version                                                  int64
	created, updated                                         time.Time
	direction, number, status, priority, channel, clientMode string
	reasons, services                                        []string
	followUpOn, sent, acknowledgeDue, decisionDue            *time.Time
	feedbackDue, expires, acknowledged, responded            *time.Time
	appointment, started, closed, delivered                  *time.Time
	feedbackWanted                                           bool
	contact, origin                                          json.RawMessage
	declined, notDelivered, revoked, note                    string
}

func (r *referral) targets() []any {
	return []any{(*[16]byte)(&r.id), &r.version, &r.created, &r.updated, (*[16]byte)(&r.centre), &r.direction, &r.number, &r.status, &r.priority, nil, &r.reasons,
		&r.services, &r.channel, &r.followUpOn, &r.feedbackWanted, (*[]byte)(&r.contact), (*[]byte)(&r.origin), &r.clientMode, &r.sent, &r.acknowledgeDue, &r.decisionDue,
		&r.feedbackDue, &r.expires, nil, nil, &r.acknowledged, &r.responded, &r.appointment, &r.started, &r.closed, &r.delivered, &r.declined, &r.notDelivered, &r.revoked, &r.note}
}

// acknowledge makes the move in two round trips: lock and read, then change and commit.
func (s *reference) acknowledge(c *call, id string) error {
	key, err := uuid.Parse(id)
	if err != nil {
		return pgx.ErrNoRows
	}
	ctx := c.r.Context()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var r referral
	err = r.lock(ctx, conn.Conn(), c, key)
	if err == nil && (c.r.Header.Get("If-Match") != `"`+strconv.FormatInt(r.version, 10)+`"` || r.status != "sent") {
		err = errRefused
	}
	if err == nil {
		err = r.acknowledge(ctx, conn.Conn())
	}
	if err != nil {
		_, _ = conn.Exec(context.WithoutCancel(ctx), "rollback")
		return err
	}
	c.w.Header()["Etag"] = []string{`"` + strconv.FormatInt(r.version, 10) + `"`}
	c.out = r.append(c.out)
	return nil
}

func (r *referral) lock(ctx context.Context, conn *pgx.Conn, c *call, key uuid.UUID) error {
	b := &pgx.Batch{}
	b.Queue("begin")
	c.scope(b, "acknowledgeReferral", "on")
	b.Queue(lockReferral, key, 1)
	results := conn.SendBatch(ctx, b)
	for range 2 {
		if _, err := results.Exec(); err != nil {
			return errors.Join(err, results.Close())
		}
	}
	return errors.Join(results.QueryRow().Scan(r.targets()...), results.Close())
}

func (r *referral) acknowledge(ctx context.Context, conn *pgx.Conn) error {
	now := db.Now()
	r.version, r.updated, r.status, r.acknowledged = r.version+1, now, "acknowledged", &now
	b := &pgx.Batch{}
	b.Queue(moveReferral, r.version, now, r.status, r.feedbackDue, now, r.responded, r.appointment, r.started, r.closed, r.delivered, r.declined, r.notDelivered,
		r.revoked, r.note, r.centre, r.id)
	b.Queue("commit")
	results := conn.SendBatch(ctx, b)
	changed, err := results.Exec()
	if err == nil && changed.RowsAffected() != 1 {
		err = pgx.ErrNoRows
	}
	if err == nil {
		_, err = results.Exec()
	}
	return errors.Join(err, results.Close())
}

func (r *referral) append(b []byte) []byte {
	b = append(hex36(append(b, `{"id":"`...), r.id), `","centre_id":"`...)
	b = append(hex36(b, r.centre), `","version":`...)
	b = strconv.AppendInt(b, r.version, 10)
	for _, m := range []struct {
		name string
		at   *time.Time
	}{{"created_at", &r.created}, {"updated_at", &r.updated}, {"sent_at", r.sent}, {"acknowledge_due_at", r.acknowledgeDue}, {"decision_due_at", r.decisionDue},
		{"feedback_due_at", r.feedbackDue}, {"expires_at", r.expires}, {"acknowledged_at", r.acknowledged}, {"responded_at", r.responded},
		{"appointment_at", r.appointment}, {"started_at", r.started}, {"closed_at", r.closed}} {
		if m.at != nil {
			b = append(append(append(b, `,"`...), m.name...), `":"`...)
			b = append(m.at.UTC().AppendFormat(b, time.RFC3339Nano), '"')
		}
	}
	b = member(member(b, `,"direction":`, r.direction), `,"number":`, r.number)
	b = member(member(b, `,"status":`, r.status), `,"priority":`, r.priority)
	b = member(member(b, `,"channel":`, r.channel), `,"client_mode":`, r.clientMode)
	b = texts(texts(b, `,"reasons":[`, r.reasons), `,"services":[`, r.services)
	b = document(document(b, `,"origin":`, r.origin), `,"contact":`, r.contact)
	b = strconv.AppendBool(append(b, `,"feedback_wanted":`...), r.feedbackWanted)
	overdue := r.decisionDue != nil && r.decisionDue.Before(time.Now())
	return append(strconv.AppendBool(append(b, `,"overdue":`...), overdue), '}', '\n')
}

// document writes a JSON value as it was stored; an empty object is left out.
func document(b []byte, name string, raw []byte) []byte {
	if len(raw) <= 2 {
		return b
	}
	return append(append(b, name...), raw...)
}
