package identity

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/wire"
)

func toDuplicate(d *beneficiary.Duplicate) api.Duplicate {
	return api.Duplicate{
		ID: d.ID, Version: d.Version, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, OneID: d.OneID, OtherID: d.OtherID, Score: d.Score,
		Level: api.DuplicateLevel(d.Level), Reasons: toReasons(d.Reasons.V), FoundBy: api.DuplicateFoundBy(d.FoundBy), Status: api.DuplicateStatus(d.Status),
		AcknowledgedBy: d.AcknowledgedBy, AcknowledgedAt: d.AcknowledgedAt, ReviewOn: wire.ToOptDate(d.ReviewOn), DecidedBy: d.DecidedBy, DecidedAt: d.DecidedAt,
	}
}

func toReasons(reasons []beneficiary.Reason) []api.DuplicateReason {
	out := make([]api.DuplicateReason, len(reasons))
	for i, r := range reasons {
		out[i] = api.DuplicateReason{Evidence: api.DuplicateReasonEvidence(r.Evidence), Agreement: r.Agreement, Weight: r.Weight}
	}
	return out
}

func toCandidate(c *beneficiary.Candidate) api.DuplicateCandidate {
	return api.DuplicateCandidate{
		BeneficiaryID: c.ID, Reference: c.Reference, Score: c.Score, Level: api.DuplicateCandidateLevel(c.Level), Reasons: toReasons(c.Reasons),
	}
}

func fromCheck(b api.DuplicateCheck) beneficiary.Beneficiary {
	return beneficiary.Beneficiary{
		GivenName: wire.Value(b.GivenName), FamilyName: wire.Value(b.FamilyName), OtherNames: b.OtherNames, Sex: wire.Value(b.Sex),
		BirthDate: wire.OptDate(b.BirthDate), BirthDatePrecision: b.BirthDatePrecision, Nationalities: b.Nationalities,
		Phone: wire.Value(b.Phone), DocumentNumber: wire.Value(b.DocumentNumber),
	}
}

func toDecision(d *DuplicateDecision) api.DuplicateDecision {
	return api.DuplicateDecision{
		ID: d.ID, CreatedAt: d.CreatedAt, DuplicateID: d.DuplicateID, Decision: api.DuplicateDecisionDecision(d.Decision), Reason: wire.Opt(d.Reason),
		ReviewOn: wire.ToOptDate(d.ReviewOn), DecidedBy: d.DecidedBy,
	}
}

func toPreview(p preview) api.MergePreview {
	out := api.MergePreview{DuplicateID: p.duplicate.ID, SurvivorID: p.survivor.ID, DuplicateVersion: p.duplicate.Version, SurvivorVersion: p.survivor.Version,
		Differences: wire.Each(p.differences, toDifference), Conflicts: make([]api.MergeConflict, len(p.conflicts))}
	for i, c := range p.conflicts {
		out.Conflicts[i] = api.MergeConflict{Kind: api.MergeConflictKind(c.kind), Rule: c.rule, Scopes: c.scopes}
	}
	return out
}

func toMerge(m *Merge, undoUntil time.Time) api.Merge {
	return api.Merge{ID: m.ID, CreatedAt: m.CreatedAt, DuplicateID: m.DuplicateID, SurvivorID: m.SurvivorID, Reason: m.Reason, MergedBy: m.MergedBy, Taken: wire.Each(m.Taken.V, func(t *taken) string { return t.Field }),
		UndoUntil: undoUntil, UndoneAt: m.UndoneAt, UndoneBy: m.UndoneBy, UndoReason: wire.Opt(m.UndoReason)}
}

func toDifference(d *difference) api.MergeDifference {
	return api.MergeDifference{Field: d.field, Duplicate: d.duplicate, Survivor: d.survivor}
}

func toMergeRow(m *Merge, r *MergeRow) api.MergeRow {
	out := api.MergeRow{ID: r.ID, Resource: r.Relation, Fate: api.MergeRowFate(r.fate(m)), Fields: slices.Sorted(maps.Keys(r.Before.V))}
	if id, err := uuid.Parse(fmt.Sprint(r.RowKey.V["id"])); err == nil {
		out.ResourceID = &id
	}
	return out
}
