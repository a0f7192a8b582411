package beneficiary

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Consent is one line of the consent ledger (handbook 9.2): what a person, or who speaks for them,
// decided for one scope. Lines are only ever added.
type Consent struct {
	db.Record
	BeneficiaryID    uuid.UUID
	Scope            string // code list consent_scope
	Decision         string // code list consent_decision: given | refused | withdrawn
	Giver            string // code list consent_giver
	GiverName        string
	Method           string // code list consent_method
	Language         string // BCP 47, in which it was explained
	InterpreterUsed  *bool
	StatementVersion string    // of the SOP's statement that was read out
	RecipientIDs     db.UUIDs  `gorm:"column:recipient_ids"` // organisations it is limited to; none: as the scope says
	ExcludedIDs      db.UUIDs  `gorm:"column:excluded_ids"`  // organisations it must be withheld from
	ExclusionReason  string    // code list information_withholding_reason
	ValidUntil       *db.Date  // its last day
	GivenAt          time.Time // when it was decided
	CertifiedBy      string    // who certified a verbal decision in writing
	CertifiedAt      *time.Time
	Note             string
	EvidenceID       *uuid.UUID // the attachment that shows it
	RecordedBy       *uuid.UUID
}

// Personal implements db.Personal.
func (Consent) Personal() {}

// The decisions, and the giver whose word stands beside a consent but is none.
const (
	Given     = "given"
	Refused   = "refused"
	Withdrawn = "withdrawn"

	Assent = "assent_child"
)

var _ = db.Constraint("consents_pkey", func() *fault.Error {
	return fault.New(fault.Conflict, "id_taken", "A decision is recorded under this id already.").Add("/id", "id_taken", "Choose a new UUID.")
})

// skew is by how much the clock of a device that records a decision may be ahead of ours. Such a
// decision is taken as made now, so that it holds at once.
const skew = 5 * time.Minute

func (c *Consent) settle(now time.Time) {
	if c.GivenAt.IsZero() || c.GivenAt.After(now) && !c.GivenAt.After(now.Add(skew)) {
		c.GivenAt = now
	}
}

// check judges one decision of a person; pointer says where it stands in the body, and child whether
// a child is decided for.
func (c *Consent) check(rules *fault.Error, pointer string, b *Beneficiary, child bool, now time.Time) {
	if c.Method == "verbal_certified" {
		if c.CertifiedBy == "" {
			rules.Add(pointer+"/certified_by", "required", "A verbal decision needs the name of who certified it in writing.")
		}
		if c.CertifiedAt == nil {
			rules.Add(pointer+"/certified_at", "required", "A verbal decision needs the moment at which it was certified.")
		}
	}
	if c.GivenAt.After(now.Add(skew)) {
		rules.Add(pointer+"/given_at", "in_the_future", "The decision lies in the future.")
	}
	if c.CertifiedAt != nil && c.CertifiedAt.After(now.Add(skew)) {
		rules.Add(pointer+"/certified_at", "in_the_future", "The certification lies in the future.")
	}
	if c.ValidUntil != nil && c.ValidUntil.Before(db.NewDate(c.GivenAt.UTC()).Time) {
		rules.Add(pointer+"/valid_until", "before_decision", "The last day lies before the decision.")
	}
	c.checkGiver(rules, pointer, b, child)
	c.checkLimits(rules, pointer)
}

// checkGiver wants a caregiver or guardian to speak for a child (handbook 3.7).
func (c *Consent) checkGiver(rules *fault.Error, pointer string, b *Beneficiary, child bool) {
	switch {
	case child && c.Decision == Given && c.Giver != "caregiver" && c.Giver != "guardian" && c.Giver != Assent:
		rules.Add(pointer+"/giver", "child_needs_caregiver", "For a child a caregiver or guardian consents, or the basis is the child's best interests; the child's assent is recorded beside it.")
	case !child && b.BirthDate != nil && c.Giver == Assent:
		rules.Add(pointer+"/giver", "not_a_child", "Only a child gives assent.")
	}
}

func (c *Consent) checkLimits(rules *fault.Error, pointer string) {
	if len(c.ExcludedIDs) > 0 && c.ExclusionReason == "" {
		rules.Add(pointer+"/exclusion_reason", "required", "Withholding from an organisation needs the reason.")
	}
	for _, id := range c.ExcludedIDs {
		if slices.Contains(c.RecipientIDs, id) {
			rules.Add(pointer+"/excluded_ids", "also_recipient", "An organisation cannot be a recipient and excluded.")
			return
		}
	}
}

// RecordConsent adds a line to the ledger of a person who is held locked until the transaction
// ends: 404 when there is none, 409 when the record was voided or merged, 422 when the decision
// breaks a rule. The id, the moment and who records are filled in where they are missing.
func RecordConsent(ctx context.Context, c *Consent) error {
	b, err := LockActive(ctx, c.BeneficiaryID)
	if err != nil {
		return err
	}
	if c.ID == uuid.Nil {
		c.Record = db.NewRecord(nil)
	}
	now := db.Now()
	c.settle(now)
	if c.RecordedBy == nil {
		c.RecordedBy = actor(ctx)
	}
	rules := fault.Rules()
	c.check(rules, "", b, b.childOn(c.GivenAt), now)
	if err := c.checkEvidence(ctx, rules); err != nil {
		return err
	}
	if err := rules.Err(); err != nil {
		return err
	}
	return db.InsertAll(ctx, c)
}

// checkEvidence wants what shows the decision to be an attachment of the same person.
func (c *Consent) checkEvidence(ctx context.Context, rules *fault.Error) error {
	if c.EvidenceID == nil {
		return nil
	}
	var there bool
	err := db.Tx(ctx).Raw(`select exists (select 1 from attachments where centre_id = any (scope_centres()) and id = ? and beneficiary_id = ?
		and voided_at is null)`, *c.EvidenceID, c.BeneficiaryID).Scan(&there).Error
	if err == nil && !there {
		rules.Add("/evidence_id", "unknown_attachment", "Nothing is attached to the person under this id.")
	}
	return err
}

// EffectiveConsent returns the entry by which a scope is consented to at a moment, towards one
// recipient organisation or, with none named, in general. It is nil when nobody decided, when
// consent was refused, withdrawn or has expired, and when it is withheld from that recipient.
func EffectiveConsent(ctx context.Context, beneficiaryID uuid.UUID, scope string, recipient *uuid.UUID, at time.Time) (*Consent, error) {
	entries, err := ledger(ctx, beneficiaryID, scope, at)
	if err != nil {
		return nil, err
	}
	if c, status := standing(entries, recipient, at); status == Given {
		return c, nil
	}
	return nil, nil
}

// TakenBack tells from whom an entry that was just recorded takes consent away: from all, or from
// organisations by name. An entry that tells of the past, and was followed by another decision,
// takes nothing away.
func TakenBack(ctx context.Context, c *Consent) (all bool, from []uuid.UUID, err error) {
	named := c.ExcludedIDs
	if c.Decision != Given {
		named = c.RecipientIDs
	}
	general := c.Decision != Given && len(named) == 0
	if c.Giver == Assent || !general && len(named) == 0 {
		return false, nil, nil
	}
	now := db.Now()
	entries, err := ledger(ctx, c.BeneficiaryID, c.Scope, now)
	if err != nil {
		return false, nil, err
	}
	for _, id := range named {
		if _, status := standing(entries, &id, now); status != Given {
			from = append(from, id)
		}
	}
	_, status := standing(entries, nil, now)
	return general && status != Given, from, nil
}

// ledger returns a person's decisions up to a moment, the latest first; all scopes when scope is empty.
func ledger(ctx context.Context, beneficiaryID uuid.UUID, scope string, at time.Time) ([]Consent, error) {
	return db.Find[Consent](ctx, func(q *gorm.DB) *gorm.DB {
		q = q.Where("beneficiary_id = ? and given_at <= ?", beneficiaryID, at)
		if scope != "" {
			q = q.Where("scope = ?", scope)
		}
		return q.Order("scope, given_at desc, id desc")
	})
}

// Expired is the standing of a consent whose last day has passed.
const Expired = "expired"

// standing finds the entry that decides, among those of one scope with the latest first, and what
// it comes to: given, refused, withdrawn, expired, or "" when nothing was decided. The latest entry
// that speaks of the recipient, or of all, decides; but a no that names the recipient is outlived
// only by a yes that names them, never by a general one. A child's assent decides nothing.
func standing(entries []Consent, recipient *uuid.UUID, at time.Time) (*Consent, string) {
	var general *Consent
	for i := range entries {
		c := &entries[i]
		if c.Giver == Assent {
			continue
		}
		switch named := recipient != nil && c.names(*recipient); {
		case named && general == nil:
			return c, c.status(recipient, at)
		case named && c.status(recipient, at) != Given && c.status(recipient, at) != Expired:
			return c, c.status(recipient, at)
		case named:
			return general, general.status(recipient, at)
		case len(c.RecipientIDs) > 0 || general != nil:
			continue // of others, or older than what decides in general
		case recipient == nil || c.Decision != Given:
			return c, c.status(recipient, at)
		default:
			general = c
		}
	}
	if general == nil {
		return nil, ""
	}
	return general, general.status(recipient, at)
}

// names tells that the entry speaks of an organisation by name.
func (c *Consent) names(organisation uuid.UUID) bool {
	return slices.Contains(c.RecipientIDs, organisation) || slices.Contains(c.ExcludedIDs, organisation)
}

func (c *Consent) status(recipient *uuid.UUID, at time.Time) string {
	switch {
	case c.Decision != Given:
		return c.Decision
	case recipient != nil && slices.Contains(c.ExcludedIDs, *recipient):
		return Refused
	case c.ValidUntil != nil && db.NewDate(at.UTC()).After(c.ValidUntil.Time):
		return Expired
	}
	return Given
}

// Standing is what a person's decisions on one scope come to at a moment.
type Standing struct {
	Scope      string
	Status     string   // given, refused, withdrawn, expired; empty: decided only towards recipients
	Entry      *Consent // the entry that decides; nil when Status is empty
	Recipients []Towards
}

// Towards is the standing towards one organisation that the decisions name.
type Towards struct {
	OrganisationID uuid.UUID
	Status         string
	Entry          *Consent
}

// Standings returns the standing of every scope that the person decided on.
func Standings(ctx context.Context, beneficiaryID uuid.UUID, at time.Time) ([]Standing, error) {
	entries, err := ledger(ctx, beneficiaryID, "", at)
	if err != nil {
		return nil, err
	}
	out := []Standing{}
	for _, of := range byScope(entries) {
		s := Standing{Scope: of[0].Scope}
		s.Entry, s.Status = standing(of, nil, at)
		for _, id := range named(of) {
			entry, status := standing(of, &id, at)
			s.Recipients = append(s.Recipients, Towards{id, status, entry})
		}
		out = append(out, s)
	}
	return out, nil
}

// byScope cuts entries, in order of scope, into one list a scope.
func byScope(entries []Consent) [][]Consent {
	var out [][]Consent
	for start := 0; start < len(entries); {
		end := start + 1
		for end < len(entries) && entries[end].Scope == entries[start].Scope {
			end++
		}
		out = append(out, entries[start:end])
		start = end
	}
	return out
}

func named(entries []Consent) []uuid.UUID {
	var ids []uuid.UUID
	for _, c := range entries {
		ids = append(append(ids, c.RecipientIDs...), c.ExcludedIDs...)
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(ids)
}
