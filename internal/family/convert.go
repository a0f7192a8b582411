package family

import (
	"context"

	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// Care as the person of the path sees it, and as it is kept.
var (
	careOf = map[string]string{byRelative: "received", byBeneficiary: "given"}
	careBy = map[string]string{"received": byRelative, "given": byBeneficiary}
)

func toRelationship(r *Relationship) api.Relationship {
	return api.Relationship{
		ID: r.ID, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, BeneficiaryID: r.BeneficiaryID, RelativeID: r.RelativeID, Kind: r.Kind,
		Care: wire.Opt(api.RelationshipCare(careOf[r.Care])), PrimaryCaregiver: r.PrimaryCaregiver, Since: wire.ToOptDate(r.Since), EndedOn: wire.ToOptDate(r.EndedOn),
		VerifiedAt: r.VerifiedAt, VerifiedBy: r.VerifiedBy, Note: wire.Opt(r.Note),
		RecordedBy: r.RecordedBy, VoidedAt: r.VoidedAt, VoidedBy: r.VoidedBy, VoidReason: wire.Opt(r.VoidReason),
	}
}

func fromRelationshipCreate(b api.RelationshipCreate) Relationship {
	return Relationship{Record: db.NewRecord(b.ID), RelativeID: b.RelativeID, Kind: b.Kind, Care: careBy[string(wire.Value(b.Care))],
		PrimaryCaregiver: wire.Value(b.PrimaryCaregiver), Since: wire.OptDate(b.Since), Note: wire.Value(b.Note)}
}

func (r *Relationship) patch(p api.RelationshipPatch) {
	if p.Care.IsSpecified() {
		var care api.RelationshipPatchCare
		wire.Clear(&care, p.Care)
		r.Care = careBy[string(care)]
	}
	wire.Set(&r.PrimaryCaregiver, p.PrimaryCaregiver)
	if p.Since.IsSpecified() {
		var since *openapi_types.Date
		wire.SetNull(&since, p.Since)
		r.Since = wire.OptDate(since)
	}
	wire.Clear(&r.Note, p.Note)
}

// dayOr is the day that was given, or today where the centre is.
func dayOr(ctx context.Context, d *openapi_types.Date) (db.Date, error) {
	if d != nil {
		return wire.Date(*d), nil
	}
	return beneficiary.Today(ctx)
}

func toCare(a *CareArrangement) api.CareArrangement {
	return api.CareArrangement{
		ID: a.ID, Version: a.Version, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, BeneficiaryID: a.BeneficiaryID, Arrangement: a.Arrangement,
		Since: wire.ToDate(a.Since), EndedOn: wire.ToOptDate(a.EndedOn), CaregiverID: a.CaregiverID, CaregiverName: wire.Opt(a.CaregiverName), Place: wire.Opt(a.Place),
		AgainstCaregiversWill: a.AgainstCaregiversWill, BestInterestNote: wire.Opt(a.BestInterestNote),
		WithoutProcedureReason: wire.Opt(a.WithoutProcedureReason), Note: wire.Opt(a.Note),
		RecordedBy: a.RecordedBy, VoidedAt: a.VoidedAt, VoidedBy: a.VoidedBy, VoidReason: wire.Opt(a.VoidReason),
	}
}

func fromCareCreate(b api.CareArrangementCreate, since db.Date) CareArrangement {
	return CareArrangement{Record: db.NewRecord(b.ID), Arrangement: b.Arrangement, Since: since, CaregiverID: b.CaregiverID, CaregiverName: wire.Value(b.CaregiverName),
		Place: wire.Value(b.Place), AgainstCaregiversWill: wire.Value(b.AgainstCaregiversWill), BestInterestNote: wire.Value(b.BestInterestNote),
		WithoutProcedureReason: wire.Value(b.WithoutProcedureReason), Note: wire.Value(b.Note)}
}

func toSeparation(s *Separation) api.Separation {
	return api.Separation{
		ID: s.ID, Version: s.Version, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, BeneficiaryID: s.BeneficiaryID, Status: s.Status,
		TracingStatus: wire.Opt(s.TracingStatus), Since: wire.ToDate(s.Since), EndedOn: wire.ToOptDate(s.EndedOn), Note: wire.Opt(s.Note),
		RecordedBy: s.RecordedBy, VoidedAt: s.VoidedAt, VoidedBy: s.VoidedBy, VoidReason: wire.Opt(s.VoidReason),
	}
}

func fromSeparationCreate(b api.SeparationCreate, since db.Date) Separation {
	return Separation{Record: db.NewRecord(b.ID), Status: b.Status, TracingStatus: wire.Value(b.TracingStatus), Since: since, Note: wire.Value(b.Note)}
}
