// Package card issues registration cards: a code that leads staff of the centre to a person and tells
// nobody else anything (handbook 2.1).
package card

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Card is a registration card of a person. They have at most one in use.
type Card struct {
	db.Record
	BeneficiaryID uuid.UUID
	Status        string // active | revoked
	TokenHash     []byte // what a scanned code is found by
	TokenSealed   string // the code itself, for its next print
	IssuedBy      uuid.UUID
	Prints        int
	LastPrintedAt time.Time
	RevokeReason  string
	RevokedAt     *time.Time
	RevokedBy     *uuid.UUID
}

// TableName implements schema.Tabler.
func (Card) TableName() string { return "registration_cards" }

// Personal implements db.Personal.
func (Card) Personal() {}

// Print is a line of the log of prints. It is never changed.
type Print struct {
	db.Record
	BeneficiaryID uuid.UUID
	CardID        uuid.UUID
	PrintedBy     uuid.UUID
	Reason        string // of a reprint
}

// TableName implements schema.Tabler.
func (Print) TableName() string { return "registration_card_prints" }

// Personal implements db.Personal.
func (Print) Personal() {}

const (
	active  = "active"
	revoked = "revoked"
)

var _ = db.Constraint("registration_cards_active_key", func() *fault.Error {
	return fault.New(fault.Conflict, "card_in_use", "The person has a card in use. Print it again, or revoke it and issue another.")
})

// Vault signs and seals the codes of cards; see auth.Vault.
type Vault interface {
	Sign(purpose string, message []byte) []byte
	Verify(purpose string, message, signature []byte) bool
	Seal(secret, context string) string
	Open(text, context string) (string, error)
}

// A code is its prefix, 16 random bytes and half of their signature, in letters that a QR code packs
// closely. What was not signed here is refused before the database is asked.
const (
	prefix         = "WSC1."
	signPurpose    = "registration card"
	randomBytes    = 16
	signatureBytes = 32
)

var letters = base32.StdEncoding.WithPadding(base32.NoPadding)

func newToken(v Vault) string {
	raw := make([]byte, randomBytes, randomBytes+signatureBytes)
	rand.Read(raw) // never fails
	return prefix + letters.EncodeToString(append(raw, v.Sign(signPurpose, raw)...))
}

// genuine tells that a code was signed here.
func genuine(v Vault, token string) bool {
	text, ok := strings.CutPrefix(token, prefix)
	raw, err := letters.DecodeString(text)
	return ok && err == nil && len(raw) == randomBytes+signatureBytes && letters.EncodeToString(raw) == text &&
		v.Verify(signPurpose, raw[:randomBytes], raw[randomBytes:])
}

// issue gives a person a card. Of two at once one finds that there is a card.
func issue(ctx context.Context, v Vault, person uuid.UUID) (*Card, error) {
	if _, err := beneficiary.LockActive(ctx, person); err != nil {
		return nil, err
	}
	token := newToken(v)
	c := &Card{Record: db.NewRecord(nil), BeneficiaryID: person, Status: active, TokenHash: auth.HashSecret(token), IssuedBy: auth.From(ctx).ID}
	c.TokenSealed = v.Seal(token, c.ID.String())
	p := c.print("", c.IssuedBy)
	return c, db.InsertAll(ctx, c, p)
}

// print counts a print and makes its line of the log.
func (c *Card) print(reason string, by uuid.UUID) *Print {
	p := &Print{Record: db.NewRecord(nil), BeneficiaryID: c.BeneficiaryID, CardID: c.ID, PrintedBy: by, Reason: reason}
	c.Prints++
	c.LastPrintedAt = p.CreatedAt
	return p
}

func (c *Card) revoke(reason string, by uuid.UUID, now time.Time) {
	c.Status, c.RevokeReason, c.RevokedAt, c.RevokedBy = revoked, reason, &now, &by
}

// printable answers the 409 of a card that is given out only once its print was recorded.
func (c *Card) printable(p centre.CardPolicy, now time.Time) error {
	if now.Sub(c.LastPrintedAt) <= time.Duration(p.PrintWindowMinutes)*time.Minute {
		return nil
	}
	return fault.New(fault.Conflict, "print_not_recorded", "The last print was recorded too long ago. Record a reprint with its reason, then print.")
}

// current returns the card that a person has in use, or the 404.
func current(ctx context.Context, person uuid.UUID) (*Card, error) {
	return db.One[Card](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("beneficiary_id = ? and status = ?", person, active) })
}

// lockCurrent holds the card that a person has in use: 412 when the caller has seen another version.
func lockCurrent(ctx context.Context, person uuid.UUID, ifMatch string) (*Card, error) {
	c, err := current(ctx, person)
	if err != nil {
		return nil, err
	}
	locked, err := db.Lock[Card](ctx, c.ID, ifMatch)
	if err == nil && locked.Status != active {
		return nil, fault.Missing()
	}
	return locked, err
}

// resolve finds the card of a code and its holder; 404, the same, for whatever leads nowhere.
func resolve(ctx context.Context, v Vault, token string) (*Card, *beneficiary.Beneficiary, error) {
	if !genuine(v, token) {
		return nil, nil, fault.Missing()
	}
	c, err := db.One[Card](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("token_hash = ? and status = ?", auth.HashSecret(token), active)
	})
	if err != nil {
		return nil, nil, err
	}
	b, err := beneficiary.Find(ctx, c.BeneficiaryID)
	if err == nil && b.Status == beneficiary.Void {
		err = fault.Missing()
	}
	return c, b, err
}

// Holder returns whose card a scanned code is of; 404, the same, for whatever leads nowhere.
func Holder(ctx context.Context, v Vault, token string) (uuid.UUID, error) {
	_, b, err := resolve(ctx, v, token)
	if err != nil {
		return uuid.Nil, err
	}
	return b.ID, nil
}

var printSorts = db.Sorts[Print]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(p *Print) any { return p.CreatedAt }},
}

func listPrints(ctx context.Context, person uuid.UUID, l db.Listing) (db.Paged[Print], error) {
	if err := beneficiary.Here(ctx, person); err != nil {
		return db.Paged[Print]{}, err
	}
	return db.Page(ctx, l, printSorts, func(q *gorm.DB) *gorm.DB { return q.Where("beneficiary_id = ?", person) })
}
