package app

import (
	"time"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/account"
	"github.com/waystation/waystation/internal/agreement"
	"github.com/waystation/waystation/internal/attachment"
	"github.com/waystation/waystation/internal/audit"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/bundle"
	"github.com/waystation/waystation/internal/card"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/distribution"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/family"
	"github.com/waystation/waystation/internal/form"
	"github.com/waystation/waystation/internal/hsds"
	"github.com/waystation/waystation/internal/identity"
	"github.com/waystation/waystation/internal/intake"
	"github.com/waystation/waystation/internal/mhpss"
	"github.com/waystation/waystation/internal/place"
	"github.com/waystation/waystation/internal/privacy"
	"github.com/waystation/waystation/internal/reception"
	"github.com/waystation/waystation/internal/referral"
	"github.com/waystation/waystation/internal/report"
	"github.com/waystation/waystation/internal/servicemap"
	"github.com/waystation/waystation/internal/statistics"
	"github.com/waystation/waystation/internal/stock"
	"github.com/waystation/waystation/internal/task"
	"github.com/waystation/waystation/internal/timeline"
	"github.com/waystation/waystation/internal/transfer"
	"github.com/waystation/waystation/internal/webhook"
	"github.com/waystation/waystation/internal/worklist"
)

// Each domain's handlers under a name of their own: an embedded field takes its alias' name.
type (
	accounts      = account.Handlers
	attachments   = attachment.Handlers
	audits        = audit.Handlers
	beneficiaries = beneficiary.Handlers
	bundles       = bundle.Handlers
	cards         = card.Handlers
	cases         = casework.Handlers
	centres       = centre.Handlers
	codelists     = codelist.Handlers
	distributions = distribution.Handlers
	families      = family.Handlers
	feeds         = events.Handlers
	forms         = form.Handlers
	identities    = identity.Handlers
	imports       = intake.Handlers
	consents      = privacy.Handlers
	arrivals      = reception.Handlers
	referrals     = referral.Handlers
	reports       = report.Handlers
	figures       = statistics.Handlers
	stores        = stock.Handlers
	timelines     = timeline.Handlers
	tasks         = task.Handlers
	transfers     = transfer.Handlers
	worklists     = worklist.Handlers
	support       = mhpss.Handlers
	directory     = servicemap.Handlers
	webhooks      = webhook.Handlers
	agreements    = agreement.Handlers
	places        = place.Handlers
	facade        = hsds.Handlers
)

// server answers every operation of the spec. An operation that no domain implements does
// not compile.
type server struct {
	system
	accounts
	attachments
	audits
	beneficiaries
	bundles
	cards
	cases
	centres
	codelists
	distributions
	families
	feeds
	forms
	identities
	imports
	consents
	arrivals
	referrals
	reports
	figures
	stores
	timelines
	tasks
	transfers
	worklists
	support
	directory
	webhooks
	agreements
	places
	facade
}

var _ api.StrictServerInterface = server{}

func (a *App) server() server {
	return server{
		system:        system{app: a},
		accounts:      a.accounts,
		centres:       centres{Codes: a.codes, Founded: a.centres.founded},
		figures:       figures{Figures: a.Statistics},
		bundles:       bundles{Part: a.HTTP.Part},
		cards:         cards{Vault: a.vault},
		distributions: distributions{Vault: a.vault},
		audits:        audit.NewHandlers(a.Keys),
		imports:       imports{KeepFiles: time.Duration(a.Config.ImportFileDays) * 24 * time.Hour, Permissions: a.feeds.Permissions, Hub: a.feeds.Hub},
		feeds:         a.feeds,
		timelines:     timelines{Permissions: a.feeds.Permissions},
		worklists:     worklists{Permissions: a.feeds.Permissions},
		tasks:         tasks{CasesInView: casework.IDsInView},
		directory:     directory{Permissions: a.feeds.Permissions, VerifyEvery: a.Config.ServiceVerificationDays},
		facade:        facade{PublicURL: a.Config.PublicURL},
		webhooks:      webhooks{Settings: a.webhookSettings(), Vault: a.vault},
		attachments: attachments{Service: attachment.NewService(attachment.Settings{
			PublicURL: a.Config.PublicURL, MaxSize: int64(a.Config.MaxAttachment), MaxImage: int64(a.Config.MaxImage), MaxPixels: a.Config.MaxImagePixels,
		}, a.files, a.vault)},
	}
}

func (a *App) webhookSettings() webhook.Settings {
	c := a.Config
	return webhook.Settings{Networks: c.WebhookNetworks, PlainHTTP: !c.Production(), Timeout: c.WebhookTimeout, Kept: c.WebhooksKept, SecretGrace: c.ClientSecretGrace}
}
