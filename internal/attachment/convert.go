package attachment

import (
	"encoding/hex"

	"github.com/oapi-codegen/nullable"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

func toAttachment(a *Attachment) api.Attachment {
	return api.Attachment{
		ID: a.ID, Version: a.Version, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, BeneficiaryID: a.BeneficiaryID, CaseID: a.CaseID, AssessmentID: a.AssessmentID,
		Kind: a.Kind, Sensitivity: api.AttachmentSensitivity(a.Sensitivity), Label: wire.Opt(a.Label), FileName: a.FileName, MediaType: a.MediaType,
		Size: a.Size, Sha256: hex.EncodeToString(a.SHA256), ReceivedSha256: hex.EncodeToString(a.ReceivedSHA256),
		Width: a.Width, Height: a.Height, Thumbnail: a.ThumbnailID != nil, UploadedBy: a.UploadedBy, VerifiedAt: a.VerifiedAt, VerifiedBy: a.VerifiedBy,
		VoidReason: wire.Opt(a.VoidReason), VoidedAt: a.VoidedAt, VoidedBy: a.VoidedBy, ContentDeletedAt: a.ContentDeletedAt,
	}
}

func toPage(page db.Paged[Attachment]) api.AttachmentPage {
	out := api.AttachmentPage{Data: make([]api.Attachment, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toAttachment(&page.Rows[i])
	}
	return out
}

// patch is what may be corrected of an attachment; absent leaves what is there.
type patch struct {
	kind, sensitivity *string
	label             nullable.Nullable[string]
}

func fromPatch(p api.AttachmentPatch) patch {
	return patch{kind: p.Kind, sensitivity: (*string)(p.Sensitivity), label: p.Label}
}

func fromCasePatch(p api.CaseAttachmentPatch) patch { return patch{kind: p.Kind, label: p.Label} }
