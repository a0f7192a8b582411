package servicemap

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/jobs"
	"github.com/waystation/waystation/internal/task"
)

// RemindTick is the name of the job that asks for verifications before they are due, and tells of those that fell overdue.
const RemindTick = "servicemap.remind"

// verification is the kind of the task to verify an entry.
const verification = "service_verification"

const editor = "service_map_editor" // of code list staff_role

// Jobs registers the work of this package. A verification is asked for so many days before it is due.
func Jobs(r *jobs.Registry, ahead int) {
	r.Every(time.Hour, RemindTick, func(ctx context.Context) error { return remind(ctx, ahead) })
}

func remind(ctx context.Context, ahead int) error {
	err := jobs.In(ctx, db.Scope{Network: true}, func(ctx context.Context) error { return tell(ctx, ahead) })
	if err != nil {
		return err
	}
	return jobs.EachCentre(ctx, func(ctx context.Context, centre uuid.UUID) error {
		if err := ask(ctx, centre, ahead); err != nil {
			return err
		}
		return settle(ctx, centre, ahead)
	})
}

// reminder is what is told of a service, once for each day that its verification is due on.
type reminder struct {
	ID             uuid.UUID
	Version        int64
	OrganisationID uuid.UUID
	Type           string
}

// tell lets the network and the providers know of verifications that are due soon, and of those that are overdue.
func tell(ctx context.Context, ahead int) error {
	var list []reminder
	err := db.Tx(ctx).Raw(`with told as (insert into service_reminders (service_id, due_on, type)
		select id, next_verification_due_on, case when `+overdue+` then 'service.stale' else 'service.verification_due' end from services
			where next_verification_due_on <= (now() at time zone 'utc')::date + ?::int and status <> ? on conflict do nothing returning service_id, type)
		select s.id, s.version, s.organisation_id, told.type from services s join told on told.service_id = s.id`, ahead, defunct).Scan(&list).Error
	for i := 0; i < len(list) && err == nil; i++ {
		r := list[i]
		err = events.Emit(ctx, events.Event{CentreID: uuid.Nil, Type: r.Type, Resource: "service", SubjectID: r.ID, Version: r.Version, OrganisationID: &r.OrganisationID})
	}
	return err
}

// due is a verification that is asked of whoever made the one before.
type due struct {
	ID         uuid.UUID
	VerifiedBy uuid.UUID
	Day        time.Time
}

// ask gives the editors of a centre who verified an entry last a task to verify it again.
func ask(ctx context.Context, centre uuid.UUID, ahead int) error {
	var list []due
	err := db.Tx(ctx).Raw(`select s.id, s.verified_by, s.next_verification_due_on::timestamptz as day from services s join members m on m.centre_id = ? and m.user_id = s.verified_by and m.ended_at is null
		where s.next_verification_due_on <= (now() at time zone 'utc')::date + ?::int and s.status <> ? and m.role = ?`, centre, ahead, defunct, editor).Scan(&list).Error
	if err != nil {
		return err
	}
	for _, d := range list {
		err := task.Raise(ctx, task.Task{Key: verification + ":" + d.ID.String() + ":" + d.Day.Format(time.DateOnly), Kind: verification, Resource: "service", ResourceID: d.ID,
			Role: editor, UserID: &d.VerifiedBy, DueAt: d.Day})
		if err != nil {
			return err
		}
	}
	return nil
}

// settle ends the tasks of a centre whose entry was verified, or is no more.
func settle(ctx context.Context, centre uuid.UUID, ahead int) error {
	var done []uuid.UUID
	err := db.Tx(ctx).Raw(`select t.resource_id from tasks t join services s on s.id = t.resource_id where t.centre_id = ? and t.kind = ? and t.status = ?
		and (s.next_verification_due_on > (now() at time zone 'utc')::date + ?::int or s.status = ?)`, centre, verification, task.Open, ahead, defunct).Scan(&done).Error
	for i := 0; i < len(done) && err == nil; i++ {
		err = task.Settle(ctx, verification, done[i], nil)
	}
	return err
}
