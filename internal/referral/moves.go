package referral

import (
	"slices"
	"time"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Verb names a transition, as the path of its operation does.
type Verb string

// The transitions. Withdraw and Expire come about by themselves: a consent was withdrawn, nobody
// answered in time.
const (
	VerbSend         Verb = "send"
	VerbAcknowledge  Verb = "acknowledge"
	VerbAccept       Verb = "accept"
	VerbWaitlist     Verb = "waitlist"
	VerbDecline      Verb = "decline"
	VerbStart        Verb = "start"
	VerbComplete     Verb = "complete"
	VerbNotDelivered Verb = "not-delivered"
	VerbRevoke       Verb = "revoke"
	VerbWithdraw     Verb = "withdraw"
	VerbExpire       Verb = "expire"
)

// Actor is who makes a move: the side that sent, the side that received, or time and the law.
type Actor string

// The actors. Which side a centre is on follows from the direction.
const (
	Sender   Actor = "sender"
	Receiver Actor = "receiver"
	System   Actor = "system"
)

// move is one row of the state machine.
type move struct {
	from   []Status
	to     Status
	by     Actor
	guard  func(*Envelope, Act) error
	effect func(*Envelope, Act)
}

// moves is the state machine of handbook 5.3. What is not here is refused. The database holds the
// same table (function referral_may) and has the last word.
var moves = map[Verb]move{
	VerbSend:         {of(Draft), Sent, Sender, free, send},
	VerbAcknowledge:  {of(Sent), Acknowledged, Receiver, free, acknowledge},
	VerbAccept:       {of(Sent, Acknowledged), Accepted, Receiver, free, accept},
	VerbWaitlist:     {of(Accepted), Waitlisted, Receiver, free, nothing},
	VerbDecline:      {of(Sent, Acknowledged), Declined, Receiver, wantReason, decline},
	VerbStart:        {of(Accepted, Waitlisted), InProgress, Receiver, free, start},
	VerbComplete:     {of(InProgress), Completed, Receiver, wantFeedback, complete},
	VerbNotDelivered: {of(Accepted, Waitlisted, InProgress), NotDelivered, Receiver, wantReason, fail},
	VerbRevoke:       {of(Sent, Acknowledged, Accepted, Waitlisted), Revoked, Sender, wantNote, revoke},
	VerbWithdraw:     {open, Revoked, System, free, withdraw},
	VerbExpire:       {of(Sent), Expired, System, wantLate, closeNow},
}

func of(s ...Status) []Status { return s }

// Act is a transition about to happen: when, and what is said.
type Act struct {
	At            time.Time
	Reason        string // a code
	Note          string
	DeliveredOn   *db.Date
	AppointmentAt *time.Time
}

// side tells which actor a centre or its partner is.
func (e *Envelope) side(partner bool) Actor {
	if partner == (e.Direction == Outbound) {
		return Receiver
	}
	return Sender
}

// can tells whether an actor may make a move now: 403 when it is the other side's to make, 409
// with the state when it is too early or too late.
func (e *Envelope) can(v Verb, by Actor) error {
	m := moves[v]
	if m.by != by {
		return fault.Denied("To %s a referral is for its %s.", v, m.by)
	}
	if !slices.Contains(m.from, e.Status) {
		return fault.State(string(e.Status), "A referral that is %s does not take %s.", e.Status, v).With("allowed_states", m.from)
	}
	return nil
}

// move judges a transition and carries it out: 403, 409, or 422 where a guard is broken.
func (e *Envelope) move(v Verb, by Actor, a Act) error {
	if err := e.can(v, by); err != nil {
		return err
	}
	m := moves[v]
	if err := m.guard(e, a); err != nil {
		return err
	}
	e.Status = m.to
	if m.to.ended() {
		e.ClosedAt = &a.At
	}
	m.effect(e, a)
	return nil
}

func free(*Envelope, Act) error { return nil }

func wantReason(_ *Envelope, a Act) error {
	if a.Reason == "" {
		return fault.InvalidField("/reason", "required", "Say why, with a code.")
	}
	return nil
}

func wantNote(_ *Envelope, a Act) error {
	if a.Note == "" {
		return fault.InvalidField("/reason", "required", "Say why.")
	}
	return nil
}

// wantFeedback asks for what was done and when: no day to come, none before the referral.
func wantFeedback(e *Envelope, a Act) error {
	rules := fault.Rules()
	if a.Note == "" {
		rules.Add("/feedback", "required", "Say what was done.")
	}
	switch latest := db.NewDate(a.At.Add(14 * time.Hour)); { // today, anywhere
	case a.DeliveredOn == nil:
		rules.Add("/delivered_on", "required", "Say on which day the service was given.")
	case a.DeliveredOn.After(latest.Time):
		rules.Add("/delivered_on", "in_the_future", "The service cannot have been given on a day to come.")
	case e.SentAt != nil && a.DeliveredOn.Before(db.NewDate(e.SentAt.Add(-12*time.Hour)).Time):
		rules.Add("/delivered_on", "before_referral", "The service cannot have been given before the referral was sent.")
	}
	return rules.Err()
}

func wantLate(e *Envelope, a Act) error {
	if e.ExpiresAt == nil || e.ExpiresAt.After(a.At) {
		return fault.State(string(e.Status), "The referral has not waited long enough to expire.")
	}
	return nil
}

func nothing(*Envelope, Act)  {}
func closeNow(*Envelope, Act) {}

func send(e *Envelope, a Act) { e.SentAt = &a.At }

// acknowledge stops the first clock. Any answer acknowledges too.
func acknowledge(e *Envelope, a Act) {
	if e.AcknowledgedAt == nil {
		e.AcknowledgedAt = &a.At
	}
}

func accept(e *Envelope, a Act) {
	acknowledge(e, a)
	due := a.At.AddDate(0, 0, e.FeedbackDays)
	e.RespondedAt, e.FeedbackDueAt, e.AppointmentAt = &a.At, &due, a.AppointmentAt
}

func decline(e *Envelope, a Act) {
	acknowledge(e, a)
	e.RespondedAt, e.DeclineReason, e.ClosingNote = &a.At, a.Reason, a.Note
}

func start(e *Envelope, a Act) { e.StartedAt = &a.At }

func complete(e *Envelope, a Act) { e.DeliveredOn, e.ClosingNote = a.DeliveredOn, a.Note }

func fail(e *Envelope, a Act) { e.NotDeliveredReason, e.ClosingNote = a.Reason, a.Note }

func revoke(e *Envelope, a Act) { e.RevokeReason, e.ClosingNote = bySender, a.Note }

func withdraw(e *Envelope, _ Act) { e.RevokeReason = consentWithdrawn }
