// Package servicemap keeps who offers what, where, when and to whom, and when somebody last made sure of it
// (handbook 6, duty D8). It belongs to the network; nothing in it is about a person.
package servicemap

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Service is something that a provider offers.
type Service struct {
	db.Global
	OrganisationID        uuid.UUID // the provider
	Name                  string
	Type                  string // code list service_type
	MHPSSActivity         string `gorm:"column:mhpss_activity"` // code list mhpss_activity_type (IASC 4Ws)
	Description           string
	Languages             db.Strings // BCP 47
	Cost                  string     // in words; empty: not known
	Status                string     // code list service_status_hsds
	Public                bool       // whether the systems of other organisations see it
	Sexes                 db.Strings // empty: any; so are the next two lists
	MinimumAge            *int       // years, inclusive
	MaximumAge            *int       // years, inclusive
	PopulationTypes       db.Strings
	Nationalities         db.Strings
	CoveragePcodes        db.Strings // OCHA P-codes, opaque
	ReferralMethods       db.Strings // code list service_map_referral_method
	ExternalCode          string     // the provider's own name for it, by which files are matched
	MigrationStatuses     db.Strings // code list migration_status; empty: any
	SpecificNeeds         db.Strings // code list specific_need_unhcr; empty: for everybody
	IntakeCriteria        string     // in words
	RegistrationRequired  bool       // with an authority or an agency
	DocumentsRequired     db.Strings // code list document_type
	Interpretation        string     // in words
	AccessModes           db.Strings // walk_in | appointment | outreach | referral_only
	Accessibility         string     // in words
	CoverageExtent        string     // code list service_map_coverage
	Availability          string     // code list service_map_availability
	NextStep              string     // what follows a referral at once
	FeedbackChannel       string     // code list referral_channel
	FeedbackDays          *int
	FundingEndsOn         *db.Date
	Source                string
	ContactOffice         string // a function, never a name
	ContactEmail          string
	ContactPhone          string
	AcknowledgeHours      *int // as the provider publishes it
	DecisionHours         *int
	Sites                 db.JSON[[]Site]
	VerifiedAt            time.Time
	VerifiedBy            *uuid.UUID
	VerificationNote      string
	NextVerificationDueOn db.Date // UTC; stale from the day after
}

// TableName implements schema.Tabler.
func (Service) TableName() string { return "services" }

// Site is where a service is given, and when.
type Site struct {
	LocationID uuid.UUID   `json:"location_id"`
	Hours      []Hours     `json:"hours"`
	Exceptions []Exception `json:"exceptions"` // what holds on a date instead of its weekday's hours
}

// Hours recur as iCalendar says it; the function hours_recur tells on which days. Those that close when they open, or earlier, run past midnight.
type Hours struct {
	Weekday   string   `json:"weekday"`             // BYDAY: MO … SU
	OpensAt   string   `json:"opens_at"`            // 15:04, by the clock of the location
	ClosesAt  string   `json:"closes_at"`           // 15:04
	Frequency string   `json:"frequency,omitempty"` // FREQ: WEEKLY where empty, or MONTHLY
	Interval  int      `json:"interval,omitempty"`  // INTERVAL; 0: 1
	Ordinal   int      `json:"ordinal,omitempty"`   // of BYDAY in a monthly rule, -1: the last
	StartsOn  *db.Date `json:"starts_on,omitempty"` // DTSTART
	EndsOn    *db.Date `json:"ends_on,omitempty"`   // UNTIL
}

// Exception is a date with hours of its own, or with none: closed.
type Exception struct {
	On       db.Date `json:"on"`
	OpensAt  string  `json:"opens_at,omitempty"`
	ClosesAt string  `json:"closes_at,omitempty"`
}

// The codes that rules are about.
const (
	active      = "active"       // service_status_hsds
	defunct     = "defunct"      // service_status_hsds
	notAccepted = "not_accepted" // service_map_referral_method; so are the next two
	byEmail     = "email"
	byPhone     = "phone"
)

var (
	_ = db.Constraint("services_pkey", idTaken)
	_ = db.Constraint("service_locations_pkey", idTaken)
	_ = db.Constraint("services_external_key", func() *fault.Error {
		return fault.New(fault.Conflict, "external_code_taken", "The provider has a service of this external code already.").Add("/external_code", "external_code_taken", "Choose another code, or change the service that exists.")
	})
	_ = db.Constraint("services_name_key", func() *fault.Error {
		return fault.New(fault.Conflict, "name_taken", "The provider has a service of this name already.").Add("/name", "name_taken", "Choose another name, or change the service that exists.")
	})
)

func idTaken() *fault.Error {
	return fault.New(fault.Conflict, "id_taken", "Something is recorded under this id already.").Add("/id", "id_taken", "Choose a new UUID.")
}

// verify records that somebody made sure of the entry; the next time is due so many days later.
func (s *Service) verify(ctx context.Context, note string, days int) {
	s.VerifiedAt, s.VerificationNote = db.Now(), note
	s.VerifiedBy = &auth.From(ctx).ID
	s.NextVerificationDueOn = db.NewDate(s.VerifiedAt.AddDate(0, 0, days))
}

// Stale tells that the verification is overdue: whoever relies on the entry should ask first.
func (s *Service) Stale(now time.Time) bool {
	return s.NextVerificationDueOn.Before(db.NewDate(now.UTC()).Time)
}

// judge refuses what cannot be.
func (s *Service) judge(ctx context.Context) error {
	rules := fault.Rules()
	if s.MinimumAge != nil && s.MaximumAge != nil && *s.MinimumAge > *s.MaximumAge {
		rules.Add("/maximum_age", "out_of_order", "The age range ends before it begins.")
	}
	s.judgeReferral(rules)
	s.judgeSites(rules)
	if err := rules.Err(); err != nil {
		return err
	}
	return s.judgeLocations(ctx)
}

func (s *Service) judgeReferral(rules *fault.Error) {
	uses := func(method string) bool { return slices.Contains(s.ReferralMethods, method) }
	if uses(notAccepted) && len(s.ReferralMethods) > 1 {
		rules.Add("/referral_methods", "contradictory", "Who takes no referrals takes them in no way.")
	}
	if uses(byEmail) && s.ContactEmail == "" {
		rules.Add("/contact_email", "required", "Referrals by e-mail need an address.")
	}
	if uses(byPhone) && s.ContactPhone == "" {
		rules.Add("/contact_phone", "required", "Referrals by telephone need a number.")
	}
}

func (s *Service) judgeSites(rules *fault.Error) {
	seen := map[uuid.UUID]bool{}
	for _, site := range s.Sites.V {
		if seen[site.LocationID] {
			rules.Add("/sites", "repeated", "A location is named twice.")
		}
		seen[site.LocationID] = true
		for _, h := range site.Hours {
			h.judge(rules)
		}
		for _, e := range site.Exceptions {
			if (e.OpensAt == "") != (e.ClosesAt == "") {
				rules.Add("/sites", "half_hours", "An exception has both hours, or none where nobody opens.")
			}
		}
	}
}

const monthly = "MONTHLY"

func (h Hours) judge(rules *fault.Error) {
	if (h.Frequency == monthly) != (h.Ordinal != 0) {
		rules.Add("/sites", "ordinal", "A monthly rule says which weekday of the month it means, and no other does.")
	}
	if h.Interval > 1 && h.StartsOn == nil {
		rules.Add("/sites", "interval_from_when", "An interval is counted from a first day.")
	}
	if h.StartsOn != nil && h.EndsOn != nil && h.EndsOn.Before(h.StartsOn.Time) {
		rules.Add("/sites", "out_of_order", "A rule ends before it begins.")
	}
}

// judgeLocations refuses sites that are not at the provider's own locations.
func (s *Service) judgeLocations(ctx context.Context) error {
	ids := make([]uuid.UUID, len(s.Sites.V))
	for i, site := range s.Sites.V {
		ids[i] = site.LocationID
	}
	if len(ids) == 0 {
		return nil
	}
	var known int64
	err := db.Tx(ctx).Model(&Location{}).Where("id in ? and organisation_id = ?", ids, s.OrganisationID).Count(&known).Error
	if err == nil && int(known) < len(ids) {
		return fault.InvalidField("/sites", "unknown_location", "A site is at no location of the provider. Enter the location first.")
	}
	return err
}

// change holds a service of a version, applies an act and stores it.
func change(ctx context.Context, id uuid.UUID, ifMatch string, act func(*Service)) (*Service, error) {
	s, err := db.Lock[Service](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if err := Keeps(ctx, s.OrganisationID); err != nil {
		return nil, err
	}
	act(s)
	if err := s.judge(ctx); err != nil {
		return nil, err
	}
	return s, db.Save(ctx, s)
}

// Keeps answers the 403 of a partner's system that touches what is another organisation's.
func Keeps(ctx context.Context, provider uuid.UUID) error {
	if p := auth.From(ctx); p.Kind == auth.Client && p.OrganisationID != provider {
		return fault.Denied("A partner's system keeps the entries of its own organisation.")
	}
	return nil
}

// ownerOf is whose entry a row of a file may be about, nil where it does not say.
func ownerOf(ctx context.Context, named *uuid.UUID) *uuid.UUID {
	if p := auth.From(ctx); named == nil && p.Kind == auth.Client {
		return &p.OrganisationID
	}
	return named
}

// providerOf returns whose entry a new one is: a partner's system enters its own organisation's, staff name
// the provider.
func providerOf(ctx context.Context, named *uuid.UUID) (uuid.UUID, error) {
	p := auth.From(ctx)
	switch {
	case named != nil:
		if err := Keeps(ctx, *named); err != nil {
			return uuid.Nil, err
		}
	case p.Kind == auth.Client:
		named = &p.OrganisationID
	default:
		return uuid.Nil, fault.InvalidField("/organisation_id", "required", "Name the organisation that provides it.")
	}
	var works bool
	err := db.Tx(ctx).Raw("select exists (select from organisations where id = ? and active)", *named).Scan(&works).Error
	if err == nil && !works {
		return uuid.Nil, fault.InvalidField("/organisation_id", "unknown_organisation", "The provider is an active organisation of the network.")
	}
	return *named, err
}
