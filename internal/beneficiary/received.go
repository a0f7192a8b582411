package beneficiary

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
)

// Receive registers somebody whom another centre hands over with their file: what the file lacks of the
// centre's own requirements is asked later, and likely duplicates are queued for review. Consent is
// the person's decision on casework that comes with them, nil where the work rests on the record's basis.
// A 409 where the centre registers nobody in its phase.
func Receive(ctx context.Context, b Beneficiary, consent *Consent) (*Beneficiary, error) {
	terms, err := TermsOf(ctx)
	if err != nil {
		return nil, err
	}
	terms.Policy.BasicRequires, terms.Policy.FullRequires = nil, nil
	person, consents, err := terms.Admit(Registration{Person: b, Consent: consent})
	if err != nil {
		return nil, err
	}
	if consent != nil {
		casework := *consent
		casework.Record, casework.BeneficiaryID, casework.RecordedBy = db.NewRecord(nil), person.ID, terms.By
		consents = append(consents, casework)
	}
	rows := []any{person}
	for i := range consents {
		rows = append(rows, &consents[i])
	}
	if err := db.InsertAll(ctx, rows...); err != nil {
		return nil, err
	}
	return person, terms.queue(ctx, person)
}

// queue notes whom somebody may be a duplicate of.
func (t Terms) queue(ctx context.Context, b *Beneficiary) error {
	policy := t.Policy.DuplicateRules()
	if !policy.Check {
		return nil
	}
	found, err := Candidates(ctx, policy, Seeking{Person: b})
	if err != nil {
		return err
	}
	for _, c := range found[0] {
		if c.ID == b.ID {
			continue
		}
		pair := Pair(b.ID, c, "registration", t.By)
		if err := db.Insert(ctx, &pair); err != nil {
			return err
		}
	}
	return nil
}

// Strip leaves of a record what goes over to another centre with a file: no id, number or link.
func (b *Beneficiary) Strip() {
	b.Record, b.Reference, b.RegisteredOn = db.Record{}, "", db.Date{}
	b.Source, b.SourceKey, b.Remarks, b.Status, b.MergedInto, b.CreatedBy = "transfer", nil, "", Active, nil, nil
}

// Strip leaves of a decision what goes over with the file that rests on it.
func (c *Consent) Strip() {
	c.Record, c.BeneficiaryID, c.EvidenceID, c.RecipientIDs, c.ExcludedIDs = db.Record{}, uuid.Nil, nil, nil, nil
}
