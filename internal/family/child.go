package family

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// CareArrangement is who takes care of a child over a stretch of time. A child has one at a time.
type CareArrangement struct {
	db.Record
	beneficiary.Entry
	Arrangement            string // code list care_arrangement
	Since                  db.Date
	EndedOn                *db.Date   // nil: the current one
	CaregiverID            *uuid.UUID // a person registered here
	CaregiverName          string     // of somebody who is not
	Place                  string
	AgainstCaregiversWill  bool
	BestInterestNote       string
	WithoutProcedureReason string // why nobody decided in a best-interest procedure before
	Note                   string
}

// Separation is whether a child is with family, and how far tracing is, over a stretch of time.
type Separation struct {
	db.Record
	beneficiary.Entry
	Status        string // code list separation_status
	TracingStatus string // code list tracing_status; empty: nobody is traced
	Since         db.Date
	EndedOn       *db.Date // nil: the current one
	Note          string
}

var (
	_ = beneficiary.IDTaken("care_arrangements_pkey")
	_ = beneficiary.IDTaken("separations_pkey")
	_ = db.Constraint("care_arrangements_current_key", overtaken)
	_ = db.Constraint("separations_current_key", overtaken)
	_ = db.Constraint("care_arrangements_caregiver_fk", func() *fault.Error {
		return fault.InvalidField("/caregiver_id", "unknown_person", "There is no such person here. Give the name of a caregiver who is not registered.")
	})
)

func overtaken() *fault.Error {
	return fault.New(fault.Conflict, "current_exists", "A current entry stands already. Read it, then record the next.")
}

// Validate implements beneficiary.Recorded.
func (a *CareArrangement) Validate(latest db.Date) error {
	rules := fault.Rules()
	beneficiary.CheckPast(rules, "/since", &a.Since, latest)
	if a.CaregiverID != nil && *a.CaregiverID == a.BeneficiaryID {
		rules.Add("/caregiver_id", "self", "A child is not their own caregiver: record independent_living or child_headed_household.")
	}
	if a.AgainstCaregiversWill && a.BestInterestNote == "" { // handbook 3.7
		rules.Add("/best_interest_note", "best_interest_required", "A change against the caregiver's will says how it serves the child's best interests.")
	}
	return rules.Err()
}

// Validate implements beneficiary.Recorded.
func (s *Separation) Validate(latest db.Date) error {
	rules := fault.Rules()
	beneficiary.CheckPast(rules, "/since", &s.Since, latest)
	switch s.TracingStatus {
	case "open", "tracing_in_progress", "verified":
		if s.Status == "accompanied" {
			rules.Add("/tracing_status", "not_separated", "Nobody is traced for a child who is with family: the tracing is reunified or closed.")
		}
	}
	return rules.Err()
}

// spell is a stretch of time of which a child has one that is current.
type spell[T any] interface {
	beneficiary.Recorded[T]
	begins() db.Date
	ended() *db.Date
	endOn(db.Date)
}

func (a *CareArrangement) begins() db.Date  { return a.Since }
func (a *CareArrangement) ended() *db.Date  { return a.EndedOn }
func (a *CareArrangement) endOn(on db.Date) { a.EndedOn = &on }
func (s *Separation) begins() db.Date       { return s.Since }
func (s *Separation) ended() *db.Date       { return s.EndedOn }
func (s *Separation) endOn(on db.Date)      { s.EndedOn = &on }

// record stores what is so from a day on and ends what was so until then. The child is held, so that
// two recorders come one after the other.
// before runs while they are held.
func record[T any, P spell[T]](ctx context.Context, child uuid.UUID, next P, before ...func() error) error {
	return beneficiary.Record(ctx, child, next, func(b *beneficiary.Beneficiary) error {
		if b.BirthDate != nil && !b.ChildOn(next.begins().Time) {
			return fault.New(fault.Invalid, "not_a_child", "The person was of age on that day.")
		}
		for _, check := range before {
			if err := check(); err != nil {
				return err
			}
		}
		return succeed[T](ctx, child, next)
	})
}

func succeed[T any, P spell[T]](ctx context.Context, child uuid.UUID, next P) error {
	latest, err := db.Find[T](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("beneficiary_id = ? and voided_at is null", child).Order("ended_on desc nulls first").Limit(1)
	})
	if err != nil || len(latest) == 0 {
		return err
	}
	last := P(&latest[0])
	switch until := last.ended(); {
	case until != nil && next.begins().Before(until.Time):
		return fault.InvalidField("/since", "before_last", "The last entry lasted longer. Void it where it is wrong.")
	case until != nil:
		return nil
	case next.begins().Before(last.begins().Time):
		return fault.InvalidField("/since", "before_current", "The current entry begins later. Void it where it is wrong.")
	}
	last.endOn(next.begins())
	return db.Save(ctx, last)
}

// parents is the arrangement of a child who is with them: code list care_arrangement.
const parents = "parent_s"

// inBestInterests asks for the decisions that a change of care waits for: against the caregiver's will, and
// away from the parents (handbook 3.7).
func (a *CareArrangement) inBestInterests(ctx context.Context, child uuid.UUID) error {
	act := beneficiary.GuardedAct{Resource: "care_arrangement", ID: a.ID, Child: child, Reason: a.WithoutProcedureReason, Pointer: "/without_procedure_reason"}
	if a.AgainstCaregiversWill {
		act.Triggers = append(act.Triggers, "care_arrangement")
	}
	if a.Arrangement != parents {
		with, err := db.Exists[CareArrangement](ctx, func(q *gorm.DB) *gorm.DB {
			return q.Where("beneficiary_id = ? and voided_at is null and ended_on is null and arrangement = ?", child, parents)
		})
		if err != nil {
			return err
		}
		if with {
			act.Triggers = append(act.Triggers, "separation_from_parents")
		}
	}
	return beneficiary.InBestInterests(ctx, act)
}

// known answers the 422 of a caregiver whose record is not in use.
func (a *CareArrangement) known(ctx context.Context) error {
	if a.CaregiverID == nil {
		return nil
	}
	var active bool
	err := db.Tx(ctx).Raw("select coalesce((select status = ? from beneficiaries where centre_id in ? and id = ?), true)",
		beneficiary.Active, tenant.Centres(ctx), a.CaregiverID).Scan(&active).Error
	if err == nil && !active {
		return fault.InvalidField("/caregiver_id", "record_ended", "This registration was merged or voided. Use the one that is in use.")
	}
	return err // where there is none, the foreign key says so
}

var careSorts = db.Sorts[CareArrangement]{
	"since": {SQL: "since", Cast: "date", Value: func(a *CareArrangement) any { return a.Since }},
}

var separationSorts = db.Sorts[Separation]{
	"since": {SQL: "since", Cast: "date", Value: func(s *Separation) any { return s.Since }},
}
