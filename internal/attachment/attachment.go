// Package attachment keeps what is attached to people and to cases: photographs, scans of documents,
// signatures, recorded consent. The bytes lie in internal/files; here is what is known of them, who
// may see them and for how long.
package attachment

import (
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Attachment is a file of a person or of a case. What is attached to a case is seen by whoever sees
// the case; what is restricted of a person, by the person's case team.
type Attachment struct {
	db.Record
	BeneficiaryID    *uuid.UUID // either this
	CaseID           *uuid.UUID // or that
	AssessmentID     *uuid.UUID // of the case, that it was brought to
	Kind             string     // code list attachment_kind
	Sensitivity      string     // normal | sensitive | restricted; of a case, the case's own counts
	Label            string
	FileName         string     // as it was sent, cleaned
	MediaType        string     // of the content as it is kept, as are Size and SHA256
	Size             int64      // bytes
	SHA256           []byte     `gorm:"column:sha256"`
	ReceivedSHA256   []byte     `gorm:"column:received_sha256"` // of the file as it was sent
	Width            *int       // pixels, of images
	Height           *int       //
	FileID           *uuid.UUID // nil: the content was deleted
	ThumbnailID      *uuid.UUID
	RequestKey       *string // Idempotency-Key
	UploadedBy       uuid.UUID
	VerifiedAt       *time.Time // a scan was compared with the document
	VerifiedBy       *uuid.UUID
	VoidReason       string
	VoidedAt         *time.Time
	VoidedBy         *uuid.UUID
	ContentDeletedAt *time.Time
}

// Personal implements db.Personal.
func (Attachment) Personal() {}

// Restricted implements db.Restricted: the file may be, so its read line is on disk first.
func (Attachment) Restricted() {}

var _ = db.Constraint("attachments_pkey", func() *fault.Error {
	return fault.New(fault.Conflict, "id_taken", "Something else is attached under this id already.").Add("id", "id_taken", "Choose a new UUID.")
})

var _ = db.Constraint("attachments_request_key", keyReused)

func keyReused() *fault.Error {
	return fault.New(fault.Invalid, "idempotency_key_reused", "This Idempotency-Key was used for another file.").Add("Idempotency-Key", "idempotency_key_reused", "Choose a new key.")
}

// normal is the sensitivity of what nobody marked.
const normal = "normal"

// scan is the kind whose content is deleted some time after it was compared with the document.
const scan = "document_scan"

// current answers the 409 of an attachment that was voided.
func (a *Attachment) current() error {
	if a.VoidedAt == nil {
		return nil
	}
	return fault.State("void", "This attachment was voided.")
}

// readable answers the 410 of content that is shown to nobody any more.
func (a *Attachment) readable() error {
	switch {
	case a.VoidedAt != nil:
		return fault.New(fault.Gone, "attachment_voided", "This attachment was voided.")
	case a.FileID == nil:
		return fault.New(fault.Gone, "content_deleted", "The content of this attachment is not kept any more.")
	}
	return nil
}

func (a *Attachment) verify(by uuid.UUID, now time.Time) error {
	if err := a.current(); err != nil {
		return err
	}
	switch {
	case a.Kind != scan:
		return fault.New(fault.Invalid, "not_a_scan", "Only the scan of a document is compared with one.")
	case a.VerifiedAt != nil:
		return fault.State("verified", "This scan was verified already.")
	}
	a.VerifiedAt, a.VerifiedBy = &now, &by
	return nil
}

func (a *Attachment) void(reason string, by uuid.UUID, now time.Time) error {
	if err := a.current(); err != nil {
		return err
	}
	a.VoidReason, a.VoidedAt, a.VoidedBy = reason, &now, &by
	return nil
}

// reclassify changes the kind to one that takes this type of file.
func (a *Attachment) reclassify(kind string) error {
	if f, _ := formatOf(a.MediaType); !f.fits(kind) {
		return fault.InvalidField("/kind", "wrong_file_type", "An attachment of this kind is no %s.", a.MediaType)
	}
	if a.Kind != kind {
		a.VerifiedAt, a.VerifiedBy = nil, nil
	}
	a.Kind = kind
	return nil
}

// sameAs tells that another upload brought the same file for the same purpose.
func (a *Attachment) sameAs(b *Attachment) bool {
	return string(a.ReceivedSHA256) == string(b.ReceivedSHA256) && a.Kind == b.Kind && a.Label == b.Label && a.Sensitivity == b.Sensitivity &&
		same(a.BeneficiaryID, b.BeneficiaryID) && same(a.CaseID, b.CaseID) && same(a.AssessmentID, b.AssessmentID)
}

func same(a, b *uuid.UUID) bool { return a == b || a != nil && b != nil && *a == *b }
