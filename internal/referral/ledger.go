package referral

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Disclosure is one line of the ledger of what was shown of a person: to whom, which fields, on what
// ground. Lines are only ever added; a partner's look adds its line in the database (partner_open).
type Disclosure struct {
	db.Record
	BeneficiaryID  uuid.UUID
	ReferralID     *uuid.UUID
	OrganisationID uuid.UUID
	Act            string     // send | view | transfer
	Fields         db.Strings // names of Content's fields
	ConsentID      *uuid.UUID
	Basis          string // code list processing_basis
	ActorID        *uuid.UUID
}

// Entry is a line of the ledger as it is read, those of exports among them.
type Entry struct {
	Disclosure
	List string // of an export: which list
}

// TableName implements schema.Tabler.
func (Entry) TableName() string { return "disclosure_ledger" }

// Personal marks the ledger as personal data.
func (Entry) Personal() {}

var disclosureSorts = db.Sorts[Entry]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(d *Entry) any { return d.CreatedAt }},
}

// disclosures lists the ledger of a person: 404 when there is none.
func disclosures(ctx context.Context, l db.Listing, person uuid.UUID, organisation *uuid.UUID) (db.Paged[Entry], error) {
	if err := beneficiary.Here(ctx, person); err != nil {
		return db.Paged[Entry]{}, err
	}
	return db.Page(ctx, l, disclosureSorts, db.When(db.Conditions{}.And("beneficiary_id = ?", person), "organisation_id = ?", organisation).Apply)
}

// Move is one line of a referral's history. The database writes it.
type Move struct {
	db.Record
	ReferralID uuid.UUID
	FromStatus Status // empty: it began
	ToStatus   Status
	Side       string // centre | partner | system
	ActorID    *uuid.UUID
	Reason     string // a code
}

// TableName implements schema.Tabler.
func (Move) TableName() string { return "referral_history" }

var moveSorts = db.Sorts[Move]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(m *Move) any { return m.CreatedAt }},
}

func history(ctx context.Context, l db.Listing, id uuid.UUID) (db.Paged[Move], error) {
	if _, err := find(ctx, id); err != nil {
		return db.Paged[Move]{}, err
	}
	return db.Page(ctx, l, moveSorts, func(q *gorm.DB) *gorm.DB { return q.Where("referral_id = ?", id) })
}

// Message is what one side writes to the other about a referral. It is never changed. Partners write
// without a centre in scope, so its centre is a plain id that every query names.
type Message struct {
	db.Global
	CentreID       uuid.UUID
	ReferralID     uuid.UUID
	OrganisationID uuid.UUID
	Side           string // centre | partner
	AuthorID       uuid.UUID
	Body           string
}

// TableName implements schema.Tabler.
func (Message) TableName() string { return "referral_messages" }

// Personal marks messages as personal data.
func (Message) Personal() {}

var messageSorts = db.Sorts[Message]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(m *Message) any { return m.CreatedAt }},
}

func messages(ctx context.Context, l db.Listing, centre, referral uuid.UUID) (db.Paged[Message], error) {
	return db.Page(ctx, l, messageSorts, func(q *gorm.DB) *gorm.DB {
		return q.Where("centre_id = ? and referral_id = ?", centre, referral)
	})
}

// post stores a message of the caller's side.
func post(ctx context.Context, id *uuid.UUID, side string, centre, referral, organisation uuid.UUID, body string) (*Message, error) {
	m := &Message{
		Global: db.NewGlobal(id), CentreID: centre, ReferralID: referral, OrganisationID: organisation,
		Side: side, AuthorID: auth.From(ctx).ID, Body: body,
	}
	return m, db.Insert(ctx, m)
}

// writeToPartner keeps what would name the person out of a coded or anonymous referral (rule 14).
func writeToPartner(ctx context.Context, referral uuid.UUID, id *uuid.UUID, body string) (*Message, error) {
	r, err := worked(ctx, referral)
	if err != nil {
		return nil, err
	}
	if !r.partnerSees(time.Now()) || r.TwinCentreID != nil && r.Direction == Inbound && !r.told(time.Now()) {
		return nil, fault.State(string(r.Status), "The partner has no access to this referral.")
	}
	if r.Direction == Outbound && r.ClientMode != Identified {
		if err := r.checkMessage(ctx, body); err != nil {
			return nil, err
		}
	}
	m, err := post(ctx, id, "centre", r.CentreID.UUID(), r.ID, r.OrganisationID, body)
	if err != nil || r.BeneficiaryID == nil { // nobody here is known to be meant
		return m, err
	}
	return m, db.Insert(ctx, r.disclosed(ctx, "send", []string{"message"}))
}

// disclosed is a line of the ledger about the referral.
func (r *Referral) disclosed(ctx context.Context, act string, fields []string) *Disclosure {
	return &Disclosure{
		Record: db.NewRecord(nil), BeneficiaryID: *r.BeneficiaryID, ReferralID: &r.ID, OrganisationID: r.OrganisationID,
		Act: act, Fields: fields, ConsentID: r.ConsentID, Basis: r.basis(), ActorID: actor(ctx),
	}
}

// basis is the sender's ground: the person's consent, or that of an override. The function referral_basis says the same.
func (r *Referral) basis() string {
	switch {
	case r.Direction == Inbound && !r.ConsentStatement.V.Given:
		return r.ConsentStatement.V.Basis
	case r.Direction == Outbound && r.ConsentID == nil:
		return r.OverrideBasis
	}
	return "consent"
}

func (r *Referral) checkMessage(ctx context.Context, body string) error {
	person, err := beneficiary.Find(ctx, *r.BeneficiaryID)
	if err != nil {
		return err
	}
	c, err := casework.LockCase(ctx, *r.CaseID)
	if err != nil {
		return err
	}
	if identifiersOf(person, c.Number).in(body) {
		return fault.InvalidField("/body", "identifies_person", "The message names the person, or a number they are known by; a "+r.ClientMode+" referral must not.")
	}
	return nil
}
