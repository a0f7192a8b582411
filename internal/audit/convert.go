package audit

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/wire"
)

func query(p api.ListAuditEventsParams) Query {
	return Query{
		ActorID: p.ActorID, SubjectID: p.SubjectID, Resource: wire.Value(p.Resource), Action: string(wire.Value(p.Action)),
		Operation: wire.Value(p.Operation), From: p.From, To: p.To,
	}
}

func toEvent(e *Entry) api.AuditEvent {
	return api.AuditEvent{
		ID: strconv.FormatInt(e.ID, 10), At: e.At.UTC(), ActorID: e.ActorID, ActorKind: e.ActorKind, OrganisationID: e.OrganisationID,
		Operation: wire.Opt(e.Operation), RequestID: wire.Opt(e.RequestID), Purpose: wire.Opt(e.Purpose),
		Action: api.AuditAction(e.Action), Resource: e.Resource, SubjectIds: wire.List([]uuid.UUID(e.SubjectIDs)),
		ChangedFields: wire.List([]string(e.ChangedFields)), RedactedAt: e.RedactedAt,
	}
}

func toVerification(v *Verdict) api.AuditVerification {
	out := api.AuditVerification{Intact: v.Broken == nil, Lines: v.Lines, Redacted: v.Redacted, Unsealed: v.Unsealed}
	if b := v.Broken; b != nil {
		out.Broken = &api.AuditBreak{Reason: api.AuditBreakReason(b.Reason), Detail: b.Detail, Seq: wire.Opt(b.Seq)}
		if b.Line != 0 {
			out.Broken.LineID = wire.Ptr(strconv.FormatInt(b.Line, 10))
		}
	}
	if l := v.Sealed; l != nil {
		out.Sealed = &api.AuditLink{Seq: l.Seq, Hash: hex.EncodeToString(l.Hash), LineID: strconv.FormatInt(l.Line, 10), At: l.At.UTC()}
	}
	if c := v.Signed; c != nil {
		out.Signed = &api.AuditCheckpoint{
			Seq: c.Seq, Hash: hex.EncodeToString(c.Hash), KeyID: c.KeyID,
			Signature: base64.RawURLEncoding.EncodeToString(c.Signature), SignedAt: c.SignedAt.UTC(),
		}
	}
	return out
}
