package intake

import (
	"encoding/hex"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/intake/sheet"
	"github.com/waystation/waystation/internal/wire"
)

func toMapping(m *Mapping) api.ImportMapping {
	return api.ImportMapping{
		ID: m.ID, Version: m.Version, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
		Name: m.Name, SourceSystem: m.SourceSystem, Active: m.Active, Definition: toDefinition(m.Definition.V),
	}
}

func toDefinition(m sheet.Mapping) api.ImportMappingDefinition {
	d := api.ImportMappingDefinition{
		Languages: m.Languages, DateOrder: wire.Opt(api.ImportMappingDefinitionDateOrder(m.DateOrder)), ListSeparator: wire.Opt(m.ListSeparator),
		CallingCode: wire.Opt(m.CallingCode), Columns: make([]api.ImportColumn, len(m.Columns)), Centres: m.Centres,
	}
	for i, c := range m.Columns {
		d.Columns[i] = api.ImportColumn{Source: c.Source, Target: api.ImportField(c.Target), Values: c.Values, Default: wire.Opt(c.Default)}
	}
	if len(m.Constants) > 0 {
		d.Constants = map[string]string{}
	}
	for field, text := range m.Constants {
		d.Constants[string(field)] = text
	}
	return d
}

func fromMappingCreate(b api.ImportMappingCreate) Mapping {
	return Mapping{
		Record: db.NewRecord(b.ID), Name: b.Name, SourceSystem: b.SourceSystem, Active: true,
		Definition: db.JSON[sheet.Mapping]{V: fromDefinition(b.Definition)},
	}
}

func fromDefinition(d api.ImportMappingDefinition) sheet.Mapping {
	m := sheet.Mapping{
		Languages: d.Languages, DateOrder: sheet.DateOrder(wire.Value(d.DateOrder)), ListSeparator: wire.Value(d.ListSeparator),
		CallingCode: wire.Value(d.CallingCode), Columns: make([]sheet.Column, len(d.Columns)), Centres: d.Centres,
	}
	for i, c := range d.Columns {
		m.Columns[i] = sheet.Column{Source: c.Source, Target: sheet.Field(c.Target), Values: c.Values, Default: wire.Value(c.Default)}
	}
	if len(d.Constants) > 0 {
		m.Constants = map[sheet.Field]string{}
	}
	for field, text := range d.Constants {
		m.Constants[sheet.Field(field)] = text
	}
	return m
}

func fromInline(m api.ImportMappingInline) reading {
	return reading{source: m.SourceSystem, definition: fromDefinition(m.Definition)}
}

func (m *Mapping) patch(b api.ImportMappingPatch) {
	wire.Set(&m.Name, b.Name)
	wire.Set(&m.Active, b.Active)
	if b.Definition != nil {
		m.Definition.V = fromDefinition(*b.Definition)
	}
}

// toIssue says an issue in a language.
func toIssue(i sheet.Issue, language string) api.ImportIssue {
	return api.ImportIssue{
		Code: string(i.Code), Severity: api.ImportIssueSeverity(i.Severity), Field: wire.Opt(string(i.Field)), Column: wire.Opt(i.Column),
		Message: i.Text(language),
	}
}

func toIssues(list []sheet.Issue, language string) []api.ImportIssue {
	out := make([]api.ImportIssue, len(list))
	for k, i := range list {
		out[k] = toIssue(i, language)
	}
	return out
}

func toImport(i *Import, language string) api.Import {
	out := api.Import{
		ID: i.ID, Version: i.Version, CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt,
		Mode: api.ImportMode(i.Mode), Atomicity: api.ImportAtomicity(i.Atomicity), Duplicates: api.ImportDuplicates(i.OnDuplicate), Status: api.ImportStatus(i.Status),
		SourceSystem: i.SourceSystem, MappingID: i.MappingID, MappingName: wire.Opt(i.MappingName), CreatedBy: i.CreatedBy,
		File: api.ImportFile{
			Name: wire.Opt(i.FileName), Format: api.ImportFileFormat(i.Format), Sheet: wire.Opt(i.Sheet), Size: i.FileSize, Sha256: hex.EncodeToString(i.FileSha256),
			Encoding: wire.Opt(i.Encoding), Delimiter: i.Delimiter, KeptUntil: i.FileUntil,
		},
		Counts:   toCounts(i),
		Progress: i.Progress(), Errors: toTally(i.Errors.V), Warnings: toTally(i.Warnings.V), Notes: toIssues(i.Notes.V, language),
		StartedAt: i.StartedAt, FinishedAt: i.FinishedAt,
	}
	if i.Failure != nil {
		out.Failure = wire.Ptr(toIssue(i.Failure.V, language))
	}
	return out
}

func toCounts(i *Import) api.ImportCounts {
	return api.ImportCounts{
		Rows: i.Rows, Processed: i.Processed, Accepted: i.Accepted, Created: i.Created, Unchanged: i.Unchanged,
		Changed: i.Changed, Skipped: i.Skipped, Rejected: i.Rejected, WithWarnings: i.WithWarnings,
		Duplicates: i.Duplicates, Linked: i.Linked, LeftOut: i.LeftOut,
	}
}

func toTally(m map[sheet.Code]int) map[string]int {
	out := make(map[string]int, len(m))
	for code, n := range m {
		out[string(code)] = n
	}
	return out
}

// toRow shows a row; whom it may be only to those who may read about people.
func toRow(r *Row, language string, people bool) api.ImportRow {
	out := api.ImportRow{
		ID: r.ID, Line: r.Line, SourceID: wire.Opt(r.SourceID), Status: api.ImportRowStatus(r.Status), BeneficiaryID: r.BeneficiaryID,
		Reference: wire.Opt(r.Reference), Issues: toIssues(r.Issues.V, language), DecideBy: r.HeldUntil,
		Decision: wire.Opt(api.ImportRowDecision(r.Decision)), DecidedBy: r.DecidedBy, DecidedAt: r.DecidedAt,
	}
	if people {
		out.Candidates = toCandidateList(r.Candidates.V)
	}
	return out
}

func toCandidateList(list []Candidate) []api.ImportCandidate {
	out := make([]api.ImportCandidate, len(list))
	for k, c := range list {
		out[k] = api.ImportCandidate{BeneficiaryID: c.BeneficiaryID, Reference: wire.Opt(c.Reference), Line: wire.Opt(c.Line),
			Score: c.Score, Level: api.ImportCandidateLevel(c.Level), Reasons: make([]api.DuplicateReason, len(c.Reasons))}
		for n, r := range c.Reasons {
			out[k].Reasons[n] = api.DuplicateReason{Evidence: api.DuplicateReasonEvidence(r.Evidence), Agreement: r.Agreement, Weight: r.Weight}
		}
	}
	return out
}

// delimiters are the names of the spec.
var delimiters = map[api.CreateImportParamsDelimiter]rune{"": 0, "semicolon": ';', "comma": ',', "tab": '\t', "pipe": '|'}

func fromParams(p api.CreateImportParams, language string, by uuid.UUID) Options {
	return Options{
		Mode: Mode(wire.Value(p.Mode)), Atomicity: Atomicity(wire.Value(p.Atomicity)), Duplicates: OnDuplicate(wire.Value(p.Duplicates)), Encoding: wire.Value(p.Encoding), Sheet: wire.Value(p.Sheet),
		Delimiter: delimiters[wire.Value(p.Delimiter)], FileName: wire.Value(p.FileName), RequestKey: wire.Value(p.IdempotencyKey),
		Language: language, By: by,
	}
}
