package app

import (
	"context"
	"time"

	"github.com/waystation/waystation/internal/account"
	"github.com/waystation/waystation/internal/attachment"
	"github.com/waystation/waystation/internal/audit"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/family"
	"github.com/waystation/waystation/internal/httpd"
	"github.com/waystation/waystation/internal/identity"
	"github.com/waystation/waystation/internal/intake"
	"github.com/waystation/waystation/internal/jobs"
	"github.com/waystation/waystation/internal/place"
	"github.com/waystation/waystation/internal/referral"
	"github.com/waystation/waystation/internal/servicemap"
	"github.com/waystation/waystation/internal/statistics"
	"github.com/waystation/waystation/internal/stock"
	"github.com/waystation/waystation/internal/transfer"
	"github.com/waystation/waystation/internal/webhook"
	"github.com/waystation/waystation/internal/worklist"
)

// Jobs lists everything that the house works on outside requests; each domain adds its own here.
func (a *App) Jobs(d *db.DB) *jobs.Registry {
	r := jobs.NewRegistry(d)
	r.Every(time.Hour, "httpd.forget_answers", httpd.ForgetAnswers)
	account.Jobs(r)
	centre.Jobs(r)
	beneficiary.Jobs(r)
	family.Jobs(r)
	audit.Jobs(r, a.Issuer.Key)
	intake.Jobs(r)
	identity.Jobs(r)
	statistics.Jobs(r, a.Statistics)
	events.Jobs(r, a.Config.ChangesKept)
	referral.Jobs(r)
	a.files.Jobs(r)
	attachment.Jobs(r)
	transfer.Jobs(r, a.files)
	stock.Jobs(r)
	worklist.Jobs(r)
	servicemap.Jobs(r, a.Config.ServiceReminderDays)
	place.Jobs(r)
	webhook.NewTeller(a.webhookSettings(), a.vault, a.feeds.Permissions).Jobs(r)
	return r
}

// How long a job's statements may take: bulk work, and nobody waits for an answer.
const (
	jobStatementTimeout = 30 * time.Second
	jobIdleTimeout      = 30 * time.Second
	jobWorkers          = 4
)

// Work works on jobs until ctx ends, beside the requests of this process or without any. It has
// connections of its own, so that no request waits for a job.
func (a *App) Work(ctx context.Context) error {
	return a.WorkAs(ctx, jobs.Options{Workers: jobWorkers, ShutdownTimeout: a.Config.ShutdownTimeout})
}

// WorkAs is Work with options of the caller's.
func (a *App) WorkAs(ctx context.Context, o jobs.Options) error {
	d, err := db.Open(ctx, db.Options{
		URL: a.Config.DatabaseURL.Reveal(), MaxConnections: jobWorkers + 6, ConnectTimeout: a.Config.ConnectTimeout,
		StatementTimeout: jobStatementTimeout, LockTimeout: a.Config.LockTimeout, IdleTimeout: jobIdleTimeout,
	})
	if err != nil {
		return err
	}
	defer d.Close()
	return a.Jobs(d).Work(ctx, o)
}
