package referral

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// A partner's transaction has no centres, so tenant.ID keeps out of these types: the windows of
// migration 00006 say which rows, which columns and which moves are the partner's.

// PartnerReferral is a referral as the organisation on the other side sees it.
type PartnerReferral struct {
	db.Global
	CentreID uuid.UUID
	Envelope
}

// TableName implements schema.Tabler.
func (PartnerReferral) TableName() string { return "partner_referrals" }

// movable are the columns that a partner's move may change.
var movable = []string{
	"version", "updated_at", "status", "feedback_due_at", "acknowledged_at", "responded_at", "appointment_at", "started_at", "closed_at",
	"delivered_on", "decline_reason", "not_delivered_reason", "revoke_reason", "closing_note",
}

func (p *PartnerReferral) save(ctx context.Context) error {
	p.Version++
	p.UpdatedAt = db.Now()
	done := db.Tx(ctx).Select(movable).Where("centre_id = ?", p.CentreID).Updates(p)
	if done.Error == nil && done.RowsAffected != 1 {
		return gorm.ErrRecordNotFound
	}
	return done.Error
}

// partnerMoves makes a move of the organisation's side: 404 when it has no access, 412, 403, 409, 422.
func partnerMoves(ctx context.Context, id uuid.UUID, ifMatch string, v Verb, a Act) (*PartnerReferral, error) {
	if moves[v].to.ended() {
		if err := db.Tx(ctx).Exec("select partner_hold(?)", id).Error; err != nil {
			return nil, err
		}
	}
	p, err := db.Lock[PartnerReferral](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	a.At = db.Now()
	if err := p.move(v, p.side(true), a); err != nil {
		return nil, err
	}
	return p, p.save(ctx)
}

var partnerSorts = sorts(func(p *PartnerReferral) (*Envelope, db.Global) { return &p.Envelope, p.Global })

func partnerList(ctx context.Context, l db.Listing, f filter) (db.Paged[PartnerReferral], error) {
	return db.Page(ctx, l, partnerSorts, f.apply)
}

// opened returns what the partner may read of the person now, and enters that into the ledger.
// There is nothing to open in a referral that the partner itself handed in.
func (p *PartnerReferral) opened(ctx context.Context) (*Content, error) {
	if p.Direction == Inbound {
		return nil, nil
	}
	tx, err := db.Pgx(ctx)
	if err != nil {
		return nil, err
	}
	var raw []byte
	if err := tx.QueryRow(ctx, "select partner_open($1)", p.ID).Scan(&raw); err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, fault.Missing() // it closed this moment
	}
	var c Content
	return &c, json.Unmarshal(raw, &c)
}

// readMessages enters into the ledger that the partner reads what the centre wrote.
func (p *PartnerReferral) readMessages(ctx context.Context) error {
	return db.Tx(ctx).Exec("select partner_read_messages(?)", p.ID).Error
}

// released tells that the whole content is open to the receiver, not only the preview.
func (e *Envelope) released() bool { return e.Status != Sent && e.Status != Acknowledged }

// Person is somebody as a partner describes them.
type Person struct {
	GivenName          string   `json:"given_name,omitempty"`
	FamilyName         string   `json:"family_name,omitempty"`
	OtherNames         []string `json:"other_names,omitempty"`
	Sex                string   `json:"sex"`
	BirthDate          *db.Date `json:"birth_date,omitempty"`
	BirthDatePrecision string   `json:"birth_date_precision,omitempty"`
	Nationalities      []string `json:"nationalities,omitempty"`
	Languages          []string `json:"languages,omitempty"`
	Phone              string   `json:"phone,omitempty"`
	DocumentType       string   `json:"document_type,omitempty"`
	DocumentNumber     string   `json:"document_number,omitempty"`
	Address            string   `json:"address,omitempty"`
}

// Statement is what the sending agency says of the person's consent.
type Statement struct {
	Given     bool     `json:"given"`
	Statement string   `json:"statement"`
	GivenOn   *db.Date `json:"given_on,omitempty"`
	Basis     string   `json:"basis,omitempty"` // without consent: code list processing_basis
}

// submission is an inbound referral on its way in: written once, by an organisation that cannot
// read the row back.
type submission struct {
	db.Global
	CentreID uuid.UUID
	Envelope
	Explanation      string
	Background       string
	ServicesProvided string
	Person           db.JSON[Person]
	ConsentStatement db.JSON[Statement]
}

// TableName implements schema.Tabler.
func (submission) TableName() string { return "referrals" }

// destination is the centre a submission goes to.
type destination struct {
	CentreID uuid.UUID
	Policy   *string
}

// submit stores an inbound referral. Nothing is looked up about the person: the answer and the work
// are the same whether the centre knows them or not (rule 13).
func submit(ctx context.Context, s *submission, centreID *uuid.UUID, code *string) error {
	rules := fault.Rules()
	s.check(rules)
	if (centreID == nil) == (code == nil) {
		rules.Add("/centre_id", "centre_required", "Name the centre by its id or by its code.")
	}
	if err := rules.Err(); err != nil {
		return err
	}
	var to []destination
	if err := db.Tx(ctx).Raw("select centre_id, policy from referral_destination(?, ?)", centreID, code).Scan(&to).Error; err != nil {
		return err
	}
	if len(to) == 0 {
		return fault.InvalidField("/centre_id", "unknown_centre", "There is no such centre, or it takes no referrals any more.")
	}
	policy := centre.DefaultPolicy().Referral
	if to[0].Policy != nil {
		if err := json.Unmarshal([]byte(*to[0].Policy), &policy); err != nil {
			return err
		}
	}
	now := db.Now()
	s.CentreID, s.OrganisationID = to[0].CentreID, auth.From(ctx).OrganisationID
	s.Direction, s.Status, s.Number, s.Channel, s.SentAt = Inbound, Sent, newNumber(), "api", &now
	s.schedule(policy, now)
	return db.Insert(ctx, s)
}

// check judges what the spec cannot say of a submission.
func (s *submission) check(rules *fault.Error) {
	p, c := s.Person.V, s.ConsentStatement.V
	today := db.NewDate(db.Now().Add(14 * time.Hour)) // anywhere
	if (p.BirthDate == nil) != (p.BirthDatePrecision == "") {
		rules.Add("/person/birth_date_precision", "incomplete", "Birth date and precision belong together.")
	}
	if p.BirthDate != nil && p.BirthDate.After(today.Time) {
		rules.Add("/person/birth_date", "in_the_future", "The birth date lies in the future.")
	}
	if !c.Given && (c.Basis == "" || c.Basis == "consent") {
		rules.Add("/consent/basis", "required", "Without the person's consent a referral needs another basis.")
	}
	if c.GivenOn != nil && c.GivenOn.After(today.Time) {
		rules.Add("/consent/given_on", "in_the_future", "The consent lies in the future.")
	}
}

// PartnerDeletion is a referral whose content the organisation was asked to delete.
type PartnerDeletion struct {
	db.Global
	CentreID            uuid.UUID
	Number              string
	DeletionRequestedAt time.Time
	DeletionConfirmedAt *time.Time
}

// TableName implements schema.Tabler.
func (PartnerDeletion) TableName() string { return "partner_deletions" }

var deletionSorts = db.Sorts[PartnerDeletion]{
	"created_at": {SQL: "deletion_requested_at", Cast: "timestamptz", Value: func(d *PartnerDeletion) any { return d.DeletionRequestedAt }},
}

func deletions(ctx context.Context, l db.Listing, confirmed *bool) (db.Paged[PartnerDeletion], error) {
	return db.Page(ctx, l, deletionSorts, func(q *gorm.DB) *gorm.DB {
		if confirmed != nil {
			q = q.Where("(deletion_confirmed_at is not null) = ?", *confirmed)
		}
		return q
	})
}

// confirmDeletion takes the organisation's word, once.
func confirmDeletion(ctx context.Context, id uuid.UUID) (*PartnerDeletion, error) {
	d, err := db.LockAny[PartnerDeletion](ctx, id)
	if err != nil || d.DeletionConfirmedAt != nil {
		return d, err
	}
	now := db.Now()
	d.DeletionConfirmedAt, d.UpdatedAt = &now, now
	d.Version++
	done := db.Tx(ctx).Select("version", "updated_at", "deletion_confirmed_at").Where("centre_id = ?", d.CentreID).Updates(d)
	return d, done.Error
}
