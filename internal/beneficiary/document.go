package beneficiary

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// IdentityDocument is a paper or card that says who somebody is. A person may have several, also of
// one type.
type IdentityDocument struct {
	db.Record
	Entry
	Type           string // code list document_type
	Number         string // empty where it cannot be read
	IssuingCountry string // ISO 3166-1 alpha-3
	IssuedOn       *db.Date
	ExpiresOn      *db.Date
	Note           string
	AttachmentID   *uuid.UUID // the scan that shows it
	VerifiedAt     *time.Time
	VerifiedBy     *uuid.UUID // who saw the document itself
}

func (*IdentityDocument) findable() {}

var _ = IDTaken("identity_documents_pkey")

// Validate implements Recorded.
func (d *IdentityDocument) Validate(latest db.Date) error {
	rules := fault.Rules()
	if d.Type == "none" {
		rules.Add("/type", "no_document", "Record no document for somebody who has none: answer documents in the person's record.")
	}
	CheckPast(rules, "/issued_on", d.IssuedOn, latest)
	switch {
	case d.ExpiresOn == nil:
	case d.ExpiresOn.Year() < firstYear || d.ExpiresOn.Year() > lastYear:
		rules.Add("/expires_on", "impossible_date", "Use a date between 1900 and 2199.")
	case d.IssuedOn != nil && d.ExpiresOn.Before(d.IssuedOn.Time):
		rules.Add("/expires_on", "before_issue", "The document cannot expire before it was issued.")
	}
	return rules.Err()
}

// amend lets change alter the document; what was verified about another paper is not true of this one.
func (d *IdentityDocument) amend(change func()) {
	before := *d
	change()
	if d.Type != before.Type || d.Number != before.Number || d.IssuingCountry != before.IssuingCountry {
		d.VerifiedAt, d.VerifiedBy = nil, nil
	}
}

// shown wants the scan to be one of the same person, as far as the caller sees it.
func (d *IdentityDocument) shown(ctx context.Context) error {
	if d.AttachmentID == nil {
		return nil
	}
	var there bool
	err := db.Tx(ctx).Raw(`select exists (select 1 from attachments where centre_id = any (scope_centres()) and id = ? and beneficiary_id = ?
		and kind = 'document_scan' and voided_at is null)`, *d.AttachmentID, d.BeneficiaryID).Scan(&there).Error
	if err == nil && !there {
		return fault.InvalidField("/attachment_id", "unknown_scan", "No scan of a document is attached to the person under this id.")
	}
	return err
}

// verify records who saw the document itself: 409 when somebody did before.
func (d *IdentityDocument) verify(by *uuid.UUID, at time.Time) error {
	if d.VerifiedAt != nil {
		return fault.State("verified", "The document is verified already.")
	}
	d.VerifiedAt, d.VerifiedBy = &at, by
	return nil
}

var documentSorts = db.Sorts[IdentityDocument]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(d *IdentityDocument) any { return d.CreatedAt }},
}
