package webhook

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/jobs"
)

// Names of the periodic jobs.
const (
	FollowTick = "webhook.follow"
	ForgetTick = "webhook.forget"
)

// The measures of telling.
const (
	followEvery = 5 * time.Second
	batch       = 200              // changes put in line in one transaction
	batches     = 25               // of one endpoint at a time; the next tick goes on
	moveAfter   = time.Minute      // how far an endpoint's place may stay behind a feed that has nothing for it
	sendFor     = 40 * time.Second // one job at one endpoint; the next tick goes on
	forgetBatch = 2000
)

// Teller puts changes in the lines of endpoints and sends them.
type Teller struct {
	poster
	settings Settings
	may      *auth.Permissions
}

// NewTeller returns the part that works outside requests.
func NewTeller(s Settings, v *auth.Vault, may *auth.Permissions) *Teller {
	return &Teller{poster{s.client(), v}, s, may}
}

// Jobs registers the work of this package.
func (t *Teller) Jobs(r *jobs.Registry) {
	jobs.Handle(r, t.send)
	r.Every(followEvery, FollowTick, t.follow)
	r.Every(time.Hour, ForgetTick, t.forget)
}

// sendArgs ask for what stands in the line of one endpoint to be sent. A job that fails is not repeated: the tick asks again
// while something is due.
type sendArgs struct {
	EndpointID uuid.UUID `json:"endpoint_id"`
}

// Kind implements river.JobArgs.
func (sendArgs) Kind() string { return "webhook.send" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (sendArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: jobs.Outgoing, MaxAttempts: 1}
}

// network is the scope in which all endpoints are seen, and the feeds of the owner's part of the network.
func network(e *Endpoint) db.Scope {
	s := db.Scope{Network: true}
	if e.Follows != nil {
		s.Centres = []uuid.UUID{*e.Follows}
	} else {
		s.OrganisationID = *e.OrganisationID
	}
	return s
}

// follow puts what is new in line, endpoint by endpoint, and has sent what is due.
func (t *Teller) follow(ctx context.Context) error {
	var endpoints []Endpoint
	err := jobs.In(ctx, db.Scope{Network: true, ReadOnly: true}, func(ctx context.Context) (err error) {
		endpoints, err = activeEndpoints(ctx)
		return err
	})
	for i := range endpoints {
		if failure := t.catchUp(ctx, &endpoints[i]); failure != nil {
			err = errors.Join(err, fmt.Errorf("endpoint %s: %w", endpoints[i].ID, failure))
		}
	}
	return errors.Join(err, jobs.In(ctx, db.Scope{Network: true}, enqueueDue))
}

func (t *Teller) catchUp(ctx context.Context, e *Endpoint) error {
	for range batches {
		var more bool
		err := jobs.In(ctx, network(e), func(ctx context.Context) (err error) {
			more, err = t.advance(ctx, e)
			return err
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// advance puts the next changes in line together with the endpoint's new place in the feed.
func (t *Teller) advance(ctx context.Context, e *Endpoint) (more bool, err error) {
	s, err := t.sightOf(ctx, e)
	if err != nil {
		return false, err
	}
	if s == nil {
		return false, halt(ctx, e.ID, paused, noRights)
	}
	page, err := s.page(ctx, e)
	if err != nil || (len(page.Changes) == 0 && !page.More && db.Now().Sub(e.CursorAt) < moveAfter) {
		return false, err
	}
	moved := db.Tx(ctx).Exec("update webhook_endpoints set cursor = ?, cursor_at = ? where id = ? and cursor = ? and status = ?", page.Next, db.Now(), e.ID, e.Cursor, active)
	if moved.Error != nil || moved.RowsAffected == 0 { // another process was first, or it was stopped
		return false, moved.Error
	}
	e.Cursor, e.CursorAt = page.Next, db.Now()
	return page.More, queue(ctx, e, page.Changes)
}

// queue appends changes to an endpoint's line, and takes out what they make void.
func queue(ctx context.Context, e *Endpoint, changes []events.Change) error {
	var line []Delivery
	for i := range changes {
		c := &changes[i]
		if ends(c) {
			line = slices.DeleteFunc(line, func(d Delivery) bool { return d.SubjectID == c.SubjectID })
			if err := drop(ctx, e.ID, db.UUIDs{c.SubjectID}); err != nil {
				return err
			}
		}
		d, err := telling(e, c)
		if err != nil {
			return err
		}
		line = append(line, *d)
	}
	if len(line) == 0 {
		return nil
	}
	return db.InsertAll(ctx, &line)
}

// enqueueDue asks for the sending of every line whose head is due.
func enqueueDue(ctx context.Context) error {
	var due []uuid.UUID
	err := db.Tx(ctx).Raw(`select e.id from webhook_endpoints e cross join lateral (select next_attempt_at from webhook_deliveries d
		where d.endpoint_id = e.id and d.status = 'pending' order by d.seq limit 1) head where e.status = ? and head.next_attempt_at <= ?`, active, db.Now()).Scan(&due).Error
	for _, id := range due {
		if err := jobs.Enqueue(ctx, sendArgs{id}, jobs.Unique()); err != nil {
			return err
		}
	}
	return err
}

// send works on the line of one endpoint from its head until nothing is due, something fails, or its time is over.
func (t *Teller) send(ctx context.Context, args sendArgs) error {
	for end := db.Now().Add(sendFor - t.settings.Timeout); db.Now().Before(end); {
		e, d, err := t.take(ctx, args.EndpointID)
		if err != nil || d == nil {
			return err
		}
		a, err := t.post(ctx, e, d)
		if err != nil {
			return err
		}
		if err := record(ctx, e.ID, d, a); err != nil || a.Error != "" {
			return err
		}
	}
	return nil
}

// take returns the message to be sent now; none where there is none.
func (t *Teller) take(ctx context.Context, id uuid.UUID) (e *Endpoint, d *Delivery, err error) {
	err = jobs.In(ctx, db.Scope{Network: true}, func(ctx context.Context) (err error) {
		if e, err = db.Get[Endpoint](ctx, id); err != nil || e.Status != active {
			return err
		}
		s, err := t.sightOf(ctx, e)
		if err != nil {
			return err
		}
		if s == nil {
			return halt(ctx, id, paused, noRights)
		}
		if d, err = s.head(ctx, id); d != nil && d.NextAttemptAt.After(db.Now()) {
			d = nil
		}
		return err
	})
	return e, d, err
}

// head returns the first message in line that the owner may still see, nil where there is none; what stands before it
// is dropped.
func (s *sight) head(ctx context.Context, endpoint uuid.UUID) (*Delivery, error) {
	for {
		d, err := head(ctx, endpoint)
		if err != nil || d == nil || s.shows(d) {
			return d, err
		}
		d.end(dropped, db.Now())
		if err := db.Tx(ctx).Select("status", "ended_at").Updates(d).Error; err != nil {
			return nil, err
		}
	}
}

// record stores what came of an attempt, unless the message has left the line or was put in it anew meanwhile.
func record(ctx context.Context, endpoint uuid.UUID, sent *Delivery, a Attempt) error {
	return jobs.In(ctx, db.Scope{Network: true}, func(ctx context.Context) error {
		e, err := db.LockAny[Endpoint](ctx, endpoint)
		if err != nil {
			return err
		}
		d, err := db.LockAny[Delivery](ctx, sent.ID)
		if err != nil {
			return err
		}
		if d.Status != pending || d.Attempts != sent.Attempts {
			return nil
		}
		goesOn := d.tried(a, rand.Float64())
		if err := db.Tx(ctx).Select("status", "attempts", "next_attempt_at", "ended_at", "log").Updates(d).Error; err != nil {
			return err
		}
		if err := noteHealth(ctx, endpoint, a); err != nil {
			return err
		}
		return judge(ctx, e, a, goesOn)
	})
}

func noteHealth(ctx context.Context, endpoint uuid.UUID, a Attempt) error {
	if a.Error == "" {
		return db.Tx(ctx).Exec("update webhook_endpoints set succeeded_at = ?, failing_since = null where id = ?", a.At, endpoint).Error
	}
	return db.Tx(ctx).Exec("update webhook_endpoints set failing_since = coalesce(failing_since, ?) where id = ?", a.At, endpoint).Error
}

// judge stops an endpoint that wants no more, or that did not take a message at the last repeat.
func judge(ctx context.Context, e *Endpoint, a Attempt, goesOn bool) error {
	switch {
	case a.Status == 410:
		e.stop(disabled, gone)
	case !goesOn:
		e.stop(paused, failing)
	default:
		return nil
	}
	return db.Save(ctx, e)
}

// halt stops an active endpoint.
func halt(ctx context.Context, id uuid.UUID, status, reason string) error {
	e, err := db.LockAny[Endpoint](ctx, id)
	if err != nil || e.Status != active {
		return err
	}
	e.stop(status, reason)
	return db.Save(ctx, e)
}

// forget deletes messages that ended long ago.
func (t *Teller) forget(ctx context.Context) error {
	for deleted := int64(1); deleted > 0; {
		err := jobs.In(ctx, db.Scope{Network: true}, func(ctx context.Context) error {
			done := db.Tx(ctx).Exec("delete from webhook_deliveries where id in (select id from webhook_deliveries where ended_at < ? limit ?)", db.Now().Add(-t.settings.Kept), forgetBatch)
			deleted = done.RowsAffected
			return done.Error
		})
		if err != nil {
			return err
		}
	}
	return nil
}
