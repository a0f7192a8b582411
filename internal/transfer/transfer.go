// Package transfer hands cases over to another centre (handbook 3.6). The source asks, the target
// accepts or refuses; ownership moves on acceptance and not before. A transfer is the source's row; the
// target sees a window on it (migration 00028) with a preview that was frozen when it was asked for.
package transfer

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// The statuses. Requested is what the target sees; Accepted, Refused and Withdrawn are terminal.
const (
	AwaitingOverride = "awaiting_override"
	Requested        = "requested"
	Accepted         = "accepted"
	Refused          = "refused"
	Withdrawn        = "withdrawn"
)

// Place is a centre as the other side knows it.
type Place struct {
	Name string `json:"name"`
	Code string `json:"code"`
}

// Preview is what the target sees of the person before it decides: nothing that identifies them.
type Preview struct {
	RiskLevel string   `json:"risk_level"` // code list case_risk_level
	Sex       string   `json:"sex"`        // code list sex
	Child     bool     `json:"child"`      // under 18 when it was asked for
	Languages []string `json:"languages"`  // BCP 47
}

// Transfer is the source's record of a case that is handed over.
type Transfer struct {
	db.Record
	CaseID            uuid.UUID
	BeneficiaryID     uuid.UUID
	TargetCentreID    uuid.UUID
	OrganisationID    uuid.UUID // that runs the target
	Status            string
	Reason            string
	Parts             db.Strings // of the file, that are copied; see wholeFile
	Origin            db.JSON[Place]
	Destination       db.JSON[Place]
	Preview           db.JSON[Preview]
	ConsentID         *uuid.UUID // nil: an override
	OverrideBasis     string     // code list processing_basis
	OverrideReason    string
	OverrideDecidedBy *uuid.UUID
	RequestedBy       uuid.UUID
	DecidedBy         *uuid.UUID // of the target; or who withdrew it
	DecidedAt         *time.Time
	DecisionNote      string
	ContinuityToken   *uuid.UUID // links the two records of the person, and nothing else does
	TargetCaseID      *uuid.UUID
}

// TableName implements schema.Tabler.
func (Transfer) TableName() string { return "case_transfers" }

// Personal implements db.Personal.
func (Transfer) Personal() {}

// Restricted implements db.Restricted.
func (Transfer) Restricted() {}

// Incoming is what the target sees of a transfer.
type Incoming struct {
	db.Record
	Status       string
	Origin       db.JSON[Place]
	Preview      db.JSON[Preview]
	Parts        db.Strings
	DecidedBy    *uuid.UUID
	DecidedAt    *time.Time
	TargetCaseID *uuid.UUID // the case that it became
}

// TableName implements schema.Tabler.
func (Incoming) TableName() string { return "incoming_transfers" }

// Personal implements db.Personal.
func (Incoming) Personal() {}

var (
	_ = db.Constraint("case_transfers_open_key", func() *fault.Error {
		return fault.New(fault.Conflict, "already_requested", "A transfer of this case waits for its answer. Withdraw it first.")
	})
	_ = db.Constraint("case_transfers_four_eyes_check", fourEyes)
	_ = db.Constraint("case_transfers_decided_check", func() *fault.Error { return decided("decided") })
	_ = db.Constraint("case_transfers_version_check", fault.Changed)
	_ = db.Constraint("case_transfers_source_check", func() *fault.Error {
		return fault.New(fault.Conflict, "not_transferable", "The case cannot go over now: it is being closed, or something about it has not ended where it is. Ask the centre that offered it.")
	})
)

func fourEyes() *fault.Error {
	return fault.New(fault.Invalid, "four_eyes", "Whoever asked for it cannot decide it. Another person must.")
}

func decided(status string) *fault.Error {
	return fault.State(status, "This transfer was decided already.")
}

// Override is what a transfer is asked to rest on where the person has not consented.
type Override struct{ Basis, Reason string }

// destination finds the centre with a code: a 422 for none, and for the caller's own.
func destination(ctx context.Context, code string) (id, organisation uuid.UUID, to Place, err error) {
	here, err := tenant.One(ctx)
	if err != nil {
		return id, organisation, to, err
	}
	var found []struct {
		ID, OrganisationID uuid.UUID
		Name               string
	}
	if err = db.Tx(ctx).Raw("select * from transfer_destination(?)", code).Scan(&found).Error; err != nil {
		return id, organisation, to, err
	}
	if len(found) == 0 || found[0].ID == here {
		return id, organisation, to, fault.InvalidField("/centre_code", "unknown_centre", "There is no other centre with this code that takes cases.")
	}
	return found[0].ID, found[0].OrganisationID, Place{found[0].Name, code}, nil
}

// request asks another centre to take a case. 404 out of the caller's view; 409 unless the case is open or
// on hold; 422 while referrals of it are open, and without consent or an override.
func request(ctx context.Context, caseID uuid.UUID, code string, t *Transfer, o *Override) (err error) {
	found, err := casework.Find(ctx, caseID)
	if err != nil {
		return err
	}
	person, err := db.LockAny[beneficiary.Beneficiary](ctx, found.BeneficiaryID)
	if err != nil {
		return err
	}
	c, err := casework.LockCase(ctx, caseID)
	if err != nil {
		return err
	}
	if c.Status != casework.Open && c.Status != casework.OnHold {
		return fault.State(string(c.Status), "A case is transferred while it is open or on hold.").With("allowed_states", []casework.Status{casework.Open, casework.OnHold})
	}
	if c.OpenReferrals > 0 {
		return fault.InvalidField("/case_id", "open_referrals", "Referrals of this case have not ended. End or revoke them first.")
	}
	if t.TargetCentreID, t.OrganisationID, t.Destination.V, err = destination(ctx, code); err != nil {
		return err
	}
	t.CaseID, t.BeneficiaryID, t.RequestedBy = c.ID, person.ID, auth.From(ctx).ID
	if err := t.ground(ctx, o); err != nil {
		return err
	}
	if err := t.freeze(ctx, c, person); err != nil {
		return err
	}
	return db.Insert(ctx, t)
}

// ground finds what the transfer rests on: consent to casework and to sharing with who runs the target,
// else an override that a second person decides (rule 3).
func (t *Transfer) ground(ctx context.Context, o *Override) error {
	now := db.Now()
	care, err := beneficiary.EffectiveConsent(ctx, t.BeneficiaryID, "case_management", nil, now)
	if err != nil {
		return err
	}
	share, err := beneficiary.EffectiveConsent(ctx, t.BeneficiaryID, "share_organisations", &t.OrganisationID, now)
	switch {
	case err != nil:
		return err
	case care != nil && share != nil:
		t.Status, t.ConsentID = Requested, &share.ID
	case o != nil:
		t.Status, t.OverrideBasis, t.OverrideReason = AwaitingOverride, o.Basis, o.Reason
	default:
		return fault.InvalidField("/centre_code", "consent_missing", "The person has not consented to case_management and to share_organisations towards who runs that centre. Record the consent, or ask for an override, which another person approves.")
	}
	return nil
}

// freeze takes the preview: what the record says now is what the target sees.
func (t *Transfer) freeze(ctx context.Context, c *casework.Case, person *beneficiary.Beneficiary) error {
	here, err := db.Get[centre.Centre](ctx, c.CentreID.UUID())
	if err != nil {
		return err
	}
	t.Origin.V = Place{here.Name, here.Code}
	t.Preview.V = Preview{RiskLevel: c.RiskLevel, Sex: person.Sex, Child: person.ChildOn(db.Now()), Languages: append([]string{}, person.Languages...)}
	return nil
}

// decideOverride opens a transfer to its target, or ends it, by a second person.
func (t *Transfer) decideOverride(approve bool, note string, by uuid.UUID) error {
	switch {
	case t.Status != AwaitingOverride:
		return decided(t.Status)
	case t.RequestedBy == by:
		return fourEyes()
	case approve:
		t.Status, t.OverrideDecidedBy = Requested, &by
		return nil
	}
	return t.withdraw(note, by)
}

// withdraw takes a transfer back: the target sees it no more.
func (t *Transfer) withdraw(note string, by uuid.UUID) error {
	if t.Status != AwaitingOverride && t.Status != Requested {
		return decided(t.Status)
	}
	now := db.Now()
	t.Status, t.DecidedBy, t.DecidedAt, t.DecisionNote = Withdrawn, &by, &now, note
	return nil
}

// inView narrows a query to the transfers of cases that the caller may know of.
func inView(ctx context.Context, q *gorm.DB) *gorm.DB {
	return q.Where("case_id in (?)", casework.IDsInView(ctx, q))
}

func find(ctx context.Context, id uuid.UUID) (*Transfer, error) {
	return db.One[Transfer](ctx, func(q *gorm.DB) *gorm.DB { return inView(ctx, q).Where("id = ?", id) })
}

// change holds a transfer that is the caller's to work on, lets do change it and stores it.
func change(ctx context.Context, id uuid.UUID, ifMatch string, do func(*Transfer) error) (*Transfer, error) {
	seen, err := find(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := casework.MayWork(ctx, seen.CaseID); err != nil {
		return nil, err
	}
	t, err := db.Lock[Transfer](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if err := do(t); err != nil {
		return nil, err
	}
	return t, db.Save(ctx, t)
}
