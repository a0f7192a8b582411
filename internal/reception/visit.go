// Package reception keeps who arrives at a centre and in what order they are seen: visits and their
// queue, convoys after a rescue, and services given to people without a name.
package reception

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Visit is an arrival at a centre: of a registered person, or of people who are counted (handbook 11).
type Visit struct {
	db.Record
	BeneficiaryID       *uuid.UUID
	Headcount           *int // the sum of its headcounts; stays when the one person counted is identified
	RescueEventID       *uuid.UUID
	ReferralID          *uuid.UUID // the referral that brought the person
	ArrivedAt           time.Time
	ArrivedOn           db.Date    // the centre's day of ArrivedAt
	AccessMode          string     // code list centre_access_mode; empty: an import knew of the visit, not of this
	ArrivalMode         string     // code list arrival_mode
	ExpelledFrom        string     // ISO 3166-1 alpha-3
	Status              string     // waiting | admitted | left | referred_out | turned_away | void
	ObservedGroups      db.Strings // code list reception_priority_group: seen at triage
	KnownGroups         db.Strings // likewise: from the register, or from the headcounts
	PriorityBand        string     // code list reception_priority_band
	Eligibility         string     // code list reception_eligibility
	TriageNote          string
	TriagedAt           *time.Time // the last triage
	TriagedBy           *uuid.UUID
	AdmittedAt          *time.Time // called in from the queue
	AdmittedBy          *uuid.UUID
	EndedAt             *time.Time
	EndedBy             *uuid.UUID
	OutcomeReason       string // code list visit_outcome_reason
	OutcomeNote         string
	ReferredTo          *uuid.UUID // an organisation
	OrientationOn       *db.Date   // house rules and information given (handbook 12)
	OrientationLanguage string     // BCP 47
	OrientationFormat   string     // code list orientation_format
	OrientationBy       *uuid.UUID
	OrientationSOPID    *uuid.UUID `gorm:"column:orientation_sop_id"` // whose texts were in force; nil: none had been activated
	HouseRules          string     // accepted | declined; empty: not asked
	ExceptionReason     string     // received in a phase that receives nobody
	Note                string
	VoidReason          string
	CreatedBy           *uuid.UUID
	QueueKey            int64 `gorm:"->"` // band, then arrival; the database works it out
}

// Personal implements db.Personal.
func (Visit) Personal() {}

// The states of a visit.
const (
	Waiting     = "waiting"
	Admitted    = "admitted"
	Left        = "left"
	ReferredOut = "referred_out"
	TurnedAway  = "turned_away"
	Void        = "void"
)

var (
	_ = db.Constraint("visits_pkey", idTaken)
	_ = db.Constraint("visits_one_open_key", func() *fault.Error {
		return fault.New(fault.Conflict, "already_here", "The person is here already. Go on with that visit, or record that it ended.")
	})
	_ = db.Constraint("visits_referral_fk", unknownReferral)
	_ = db.Constraint("visits_referred_to_fkey", unknownOrganisation)
)

func idTaken() *fault.Error {
	return fault.New(fault.Conflict, "id_taken", "Something is recorded under this id already.").Add("/id", "id_taken", "Choose a new UUID.")
}

func unknownReferral() *fault.Error {
	return fault.InvalidField("/referral_id", "unknown_referral", "The centre has no such referral.")
}

func unknownOrganisation() *fault.Error {
	return fault.InvalidField("/organisation_id", "unknown_organisation", "There is no such organisation in the network.")
}

// skew is how far a device's clock may run ahead.
const skew = 5 * time.Minute

// Triage is what reception found when it first looked at somebody.
type Triage struct {
	Groups      []string // code list reception_priority_group
	Eligibility string   // code list reception_eligibility
	Note        string
	At          time.Time
}

// Outcome says why a visit ends without being served here.
type Outcome struct {
	Reason         string // code list visit_outcome_reason
	Note           string
	OrganisationID *uuid.UUID
}

// step is one act on a visit: when, and by whom.
type step struct {
	at, now time.Time
	by      *uuid.UUID
}

// Bygone returns the visit of somebody whose arrival is known from a sheet kept elsewhere: it has
// ended, and stood in no queue. arrived and ended are the centre's days at an instant within them;
// by is who enters it.
func Bygone(person uuid.UUID, arrivalMode, expelledFrom string, arrived, ended Instant, by *uuid.UUID) Visit {
	return Visit{
		Record: db.NewRecord(nil), BeneficiaryID: &person, ArrivedAt: arrived.At, ArrivedOn: arrived.On, ArrivalMode: arrivalMode, ExpelledFrom: expelledFrom,
		Status: Left, PriorityBand: normal, EndedAt: &ended.At, EndedBy: by, CreatedBy: by,
	}
}

// Instant is a moment and the day that it falls on where the centre is.
type Instant struct {
	At time.Time
	On db.Date
}

// Validate checks what the spec cannot say of the visit as it stands.
func (v *Visit) Validate(now time.Time) error {
	rules := fault.Rules()
	past(rules, "/arrived_at", "The arrival", v.ArrivedAt, now)
	for _, later := range []*time.Time{v.TriagedAt, v.AdmittedAt, v.EndedAt} {
		if later != nil && v.ArrivedAt.After(*later) {
			rules.Add("/arrived_at", "after_what_followed", "The arrival lies after what followed it.")
			break
		}
	}
	switch {
	case v.BeneficiaryID == nil && v.Headcount == nil:
		rules.Add("/headcounts", "person_or_headcount", "Say who came or how many: give beneficiary_id or headcounts.")
	case v.BeneficiaryID != nil && v.Headcount != nil && *v.Headcount != 1:
		rules.Add("/headcounts", "one_person", "This is the visit of one person. Receive the others by a visit of their own.")
	}
	beneficiary.CheckPast(rules, "/orientation/given_on", v.OrientationOn, beneficiary.Latest())
	return rules.Err()
}

// past refuses an instant that lies in the future, or so long ago that it is a slip of the pen.
func past(rules *fault.Error, pointer, what string, at, now time.Time) {
	if at.After(now.Add(skew)) {
		rules.Add(pointer, "in_the_future", what+" lies in the future.")
		return
	}
	day := db.NewDate(at)
	beneficiary.CheckPast(rules, pointer, &day, day)
}

// in answers the 409 of a visit that is in none of these states.
func (v *Visit) in(states ...string) error {
	if slices.Contains(states, v.Status) {
		return nil
	}
	return fault.State(v.Status, "A visit that is %s does not take this step.", v.Status)
}

// kept answers the 409 of a visit that was voided.
func (v *Visit) kept() error {
	if v.Status == Void {
		return fault.State(v.Status, "This visit was voided; it takes no more changes.")
	}
	return nil
}

// order answers the 422 of an act before what it follows, or in the future.
func (s step) order(after time.Time) error {
	switch {
	case s.at.After(s.now.Add(skew)):
		return fault.InvalidField("/occurred_at", "in_the_future", "The instant lies in the future.")
	case s.at.Before(after):
		return fault.InvalidField("/occurred_at", "out_of_order", "The instant lies before what it follows.")
	}
	return nil
}

// triage records what reception found, in the place of what it found before.
func (v *Visit) triage(t Triage, s step) error {
	if err := v.in(Waiting, Admitted); err != nil {
		return err
	}
	if err := s.order(v.ArrivedAt); err != nil {
		return err
	}
	v.ObservedGroups, v.Eligibility, v.TriageNote = t.Groups, t.Eligibility, t.Note
	v.TriagedAt, v.TriagedBy = &s.at, s.by
	return nil
}

// triaged answers the 422 of a step that nobody takes unseen.
func (v *Visit) triaged() error {
	if v.TriagedAt == nil {
		return fault.New(fault.Invalid, "triage_required", "Nobody is admitted, referred out or turned away unseen. Record the triage first.")
	}
	return nil
}

// admit calls somebody in from the queue.
func (v *Visit) admit(s step) error {
	if err := v.in(Waiting); err != nil {
		return err
	}
	if err := v.triaged(); err != nil {
		return err
	}
	if v.Eligibility == "not_eligible" {
		return fault.New(fault.Invalid, "not_eligible", "Triage found that the person is not eligible. Refer out, turn away, or record a new triage.")
	}
	if err := s.order(v.ArrivedAt); err != nil {
		return err
	}
	v.Status, v.AdmittedAt, v.AdmittedBy = Admitted, &s.at, s.by
	return nil
}

// leave records that somebody went, received or not.
func (v *Visit) leave(s step) error {
	if err := v.in(Waiting, Admitted); err != nil {
		return err
	}
	return v.end(Left, Outcome{}, s)
}

// referOut sends somebody on to another service.
func (v *Visit) referOut(o Outcome, s step) error {
	if err := v.in(Waiting, Admitted); err != nil {
		return err
	}
	if err := v.triaged(); err != nil {
		return err
	}
	return v.end(ReferredOut, o, s)
}

// turnAway refuses somebody. Whoever has a priority is not refused without a word.
func (v *Visit) turnAway(o Outcome, s step) error {
	if err := v.in(Waiting); err != nil {
		return err
	}
	if err := v.triaged(); err != nil {
		return err
	}
	switch {
	case o.Reason == "not_eligible" && v.Eligibility == "eligible":
		return fault.InvalidField("/reason", "eligible", "Triage found the person eligible. Give the true reason, or record a new triage.")
	case o.Note == "" && v.PriorityBand != normal:
		return fault.InvalidField("/note", "required", "The person has a priority: say what was done instead.")
	}
	return v.end(TurnedAway, o, s)
}

func (v *Visit) end(status string, o Outcome, s step) error {
	after := v.ArrivedAt
	if v.AdmittedAt != nil {
		after = *v.AdmittedAt
	}
	if err := s.order(after); err != nil {
		return err
	}
	if o.Reason == "other" && o.Note == "" {
		return fault.InvalidField("/note", "required", "Another reason needs a note.")
	}
	v.Status, v.EndedAt, v.EndedBy = status, &s.at, s.by
	v.OutcomeReason, v.OutcomeNote, v.ReferredTo = o.Reason, o.Note, o.OrganisationID
	return nil
}

// nameless answers the 422 of a visit that is not that of one person without a name.
func (v *Visit) nameless() error {
	switch {
	case v.BeneficiaryID != nil:
		return fault.New(fault.Invalid, "identified", "The visit has a person already. Where it is the wrong one, void it and receive the right one.")
	case *v.Headcount != 1:
		return fault.New(fault.Invalid, "not_one_person", "The visit is that of a group. Link the person to its rescue event, or receive them by a visit of their own.")
	}
	return nil
}
