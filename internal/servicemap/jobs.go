package servicemap

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/jobs"
)

// RemindTick is the name of the job that tells of services whose verification fell overdue.
const RemindTick = "servicemap.remind"

// Jobs registers the work of this package.
func Jobs(r *jobs.Registry) { r.Every(24*time.Hour, RemindTick, remind) }

// remind tells the network and the provider of each service that became stale, once for each time.
func remind(ctx context.Context) error {
	return jobs.In(ctx, db.Scope{Network: true}, func(ctx context.Context) error {
		if _, err := db.Pgx(ctx); err != nil { // begin: more follows
			return err
		}
		lapsed, err := db.Select[Service](ctx, `with told as (insert into service_reminders (service_id, due_on)
			select id, next_verification_due_on from services where `+overdue+` and status <> '`+defunct+`' on conflict do nothing returning service_id)
			select s.id, s.version, s.organisation_id from services s join told on told.service_id = s.id`)
		if err != nil {
			return err
		}
		for _, s := range lapsed {
			told := events.Event{CentreID: uuid.Nil, Type: "service.stale", Resource: "service", SubjectID: s.ID, Version: s.Version, OrganisationID: &s.OrganisationID}
			if err := events.Emit(ctx, told); err != nil {
				return err
			}
		}
		return nil
	})
}
