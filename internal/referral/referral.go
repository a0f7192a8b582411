// Package referral asks other providers for services and answers those who ask us.
//
// A referral has two sides: a centre and a partner organisation. Outbound, the centre sends and the
// partner receives; inbound it is the other way round. Both see one envelope and its life (see
// moves.go); what is told of the person is frozen when it is sent and opens to the partner step by
// step (see disclose.go). A partner works through the windows of migration 00006, never on the
// table.
package referral

import (
	"crypto/rand"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// The directions, seen from the centre.
const (
	Outbound = "outbound"
	Inbound  = "inbound"
)

// Status is where a referral stands: code list referral_status.
type Status string

// The statuses. The last five are terminal.
const (
	Draft        Status = "draft"
	Sent         Status = "sent"
	Acknowledged Status = "acknowledged"
	Accepted     Status = "accepted"
	Waitlisted   Status = "waitlisted"
	InProgress   Status = "in_progress"
	Completed    Status = "completed"
	Declined     Status = "declined"
	NotDelivered Status = "not_delivered"
	Revoked      Status = "revoked"
	Expired      Status = "expired"
)

// open are the statuses in which a referral was sent and has not ended.
var open = []Status{Sent, Acknowledged, Accepted, Waitlisted, InProgress}

// ended tells that the status is terminal.
func (s Status) ended() bool { return s != Draft && !slices.Contains(open, s) }

// Contact is the sender's focal point, whom the receiver asks.
type Contact struct {
	Name     string `json:"name,omitempty"`
	Position string `json:"position,omitempty"`
	Phone    string `json:"phone,omitempty"`
	Email    string `json:"email,omitempty"`
}

// Origin is the sending centre as it was when the referral was sent.
type Origin struct {
	Centre  string `json:"centre,omitempty"`
	Code    string `json:"code,omitempty"`
	Country string `json:"country,omitempty"`
	Pcode   string `json:"pcode,omitempty"`
}

// Envelope is what both sides see: what is asked for, how urgently, and how it went. It tells
// nothing about the person.
type Envelope struct {
	Direction          string // outbound | inbound
	Number             string // R-7F3K9QXM
	Status             Status
	Priority           string // code list referral_priority
	OrganisationID     uuid.UUID
	Reasons            db.Strings // code list referral_reason
	Services           db.Strings // code list service_type
	Channel            string     // code list referral_channel
	FollowUpOn         *db.Date   // follow-up expected by
	FeedbackWanted     bool
	Contact            db.JSON[Contact]
	Origin             db.JSON[Origin]
	ClientMode         string // code list referral_client_mode; empty: inbound
	SentAt             *time.Time
	AcknowledgeDueAt   *time.Time
	DecisionDueAt      *time.Time
	FeedbackDueAt      *time.Time // from acceptance on
	ExpiresAt          *time.Time // without an acknowledgement
	FeedbackDays       int        // of the policy it was sent under
	AccessDays         int        // likewise
	AcknowledgedAt     *time.Time
	RespondedAt        *time.Time // accepted or declined
	AppointmentAt      *time.Time
	StartedAt          *time.Time
	ClosedAt           *time.Time
	DeliveredOn        *db.Date
	DeclineReason      string // code list referral_decline_reason
	NotDeliveredReason string // code list not_delivered_reason
	RevokeReason       string // sender | consent_withdrawn
	ClosingNote        string
}

// Why a referral was revoked.
const (
	bySender         = "sender"
	consentWithdrawn = "consent_withdrawn"
)

// Place is the receiving centre, where it is one of the network.
type Place struct {
	Name string `json:"name,omitempty"`
	Code string `json:"code,omitempty"`
}

// Referral is a centre's record of a referral, sent or received.
type Referral struct {
	db.Record
	Envelope
	Explanation         string
	Background          string
	ServicesProvided    string
	CaseID              *uuid.UUID
	BeneficiaryID       *uuid.UUID
	ActionID            *uuid.UUID // of the case's plan
	ServiceID           *uuid.UUID // of the service map, where one is named
	PreviousID          *uuid.UUID // the referral that this one replaces
	TwinCentreID        *uuid.UUID // the centre on the other side, where it is one
	Destination         db.JSON[Place]
	ClientCode          string
	DisclosedFields     db.Strings
	NeedCount           int               // of Needs, those hidden from the reader included
	Snapshot            *db.JSON[Content] // frozen at send; the needs stand in referral_needs
	ConsentID           *uuid.UUID        // what it was sent on; nil: an override
	AgreementID         *uuid.UUID        // under which it was sent; nil: none is in force
	CreatedBy           *uuid.UUID
	SentBy              *uuid.UUID
	OverrideStatus      string // requested | approved | rejected
	OverrideBasis       string // code list processing_basis
	OverrideReason      string
	OverrideRequestedBy *uuid.UUID
	OverrideRequestedAt *time.Time
	OverrideDecidedBy   *uuid.UUID
	OverrideDecidedAt   *time.Time
	Person              *db.JSON[Person]    // inbound, as the partner described them
	ConsentStatement    *db.JSON[Statement] // inbound
	DeletionRequestedAt *time.Time
	DeletionConfirmedAt *time.Time
	ResolvedAt          *time.Time
	ResolvedBy          *uuid.UUID
	Resolution          string
	Needs               []Need `gorm:"-"` // those that the caller may see
}

// Personal marks what a referral tells as personal data.
func (Referral) Personal() {}

// Need is one specific need that goes out with a referral, frozen when it is sent.
type Need struct {
	db.Record
	ReferralID  uuid.UUID
	NeedID      uuid.UUID
	CodeSystem  string
	Code        string
	Sensitivity string
	Since       *db.Date
}

// TableName implements schema.Tabler.
func (Need) TableName() string { return "referral_needs" }

// Personal marks needs as personal data.
func (Need) Personal() {}

var (
	_ = db.Constraint("referrals_pkey", func() *fault.Error {
		return fault.New(fault.Conflict, "id_taken", "A referral has this id already.").Add("/id", "id_taken", "Choose a new UUID.")
	})
	_ = db.Constraint("referrals_action_fk", func() *fault.Error {
		return fault.InvalidField("/action_id", "unknown_action", "The plan of this case has no such action.")
	})
	_ = db.Constraint("referrals_move_check", func() *fault.Error {
		return fault.New(fault.Conflict, "state_conflict", "The referral's state does not allow this. Read it again.")
	})
	_ = db.Constraint("referrals_destination_check", func() *fault.Error {
		return fault.InvalidField("/centre_code", "unknown_centre", "The receiving centre takes no referrals any more. Choose another receiver.")
	})
	_ = db.Constraint("referral_messages_pkey", func() *fault.Error {
		return fault.New(fault.Conflict, "id_taken", "A message has this id already.").Add("/id", "id_taken", "Choose a new UUID.")
	})
)

// alphabet has no letter that is taken for another one, or for a digit, on the telephone.
const alphabet = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

// random returns n letters that tell nothing: neither how many referrals there are nor of whom.
func random(n int) string {
	out := make([]byte, 0, n)
	for buf := make([]byte, 2*n); len(out) < n; {
		_, _ = rand.Read(buf) // never fails
		for _, b := range buf {
			if int(b) < 256/len(alphabet)*len(alphabet) && len(out) < n {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out)
}

func newNumber() string { return "R-" + random(8) }

func newCode() string { return random(4) + "-" + random(4) }

// nextDue is the deadline that runs now; nil when none does.
func (e *Envelope) nextDue() *time.Time {
	switch e.Status {
	case Sent:
		return e.AcknowledgeDueAt
	case Acknowledged:
		return e.DecisionDueAt
	case Accepted, Waitlisted, InProgress:
		return e.FeedbackDueAt
	}
	return nil
}

// nextDueSQL is nextDue in SQL.
const nextDueSQL = `case when status = 'sent' then acknowledge_due_at when status = 'acknowledged' then decision_due_at
	when status in ('accepted', 'waitlisted', 'in_progress') then feedback_due_at end`

// Overdue tells that the deadline that runs now has passed.
func (e *Envelope) Overdue(now time.Time) bool {
	due := e.nextDue()
	return due != nil && due.Before(now)
}

// accessUntil is when the partner's access to an outbound referral ends; nil while it is open. The
// view partner_referrals says the same.
func (e *Envelope) accessUntil() *time.Time {
	if e.ClosedAt == nil || e.Direction == Inbound {
		return nil
	}
	until := *e.ClosedAt
	if e.Status == Completed {
		until = until.AddDate(0, 0, e.AccessDays)
	}
	return &until
}

// partnerSees tells that the partner can reach the referral at a moment.
func (e *Envelope) partnerSees(now time.Time) bool {
	until := e.accessUntil()
	return e.Direction == Inbound || e.Status != Draft && (until == nil || until.After(now))
}

// unserved are the ends after which the sender has to find another way (handbook 5.3).
var unserved = []Status{Declined, NotDelivered, Expired}

// NeedsAttention tells that the person was not served and nobody here has dealt with it.
func (r *Referral) NeedsAttention() bool {
	return r.Direction == Outbound && slices.Contains(unserved, r.Status) && r.ResolvedAt == nil
}

const needsAttentionSQL = "direction = 'outbound' and status in ('declined', 'not_delivered', 'expired') and resolved_at is null"
