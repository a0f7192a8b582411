package intake

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/intake/sheet"
	"github.com/waystation/waystation/internal/jobs"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations on imports and their mappings.
type Handlers struct {
	KeepFiles   time.Duration // how long a file may stay, and a row of it that waits for a decision; 0: 30 days
	Permissions *auth.Permissions
	Hub         *events.Hub // which streams of progress listen to
}

const keepFiles = 30 * 24 * time.Hour

func (h Handlers) keep() time.Duration { return cmp.Or(h.KeepFiles, keepFiles) }

func language(header *string) string { return codelist.Negotiate(wire.Value(header)) }

// ListImportMappings returns one page of the mappings that the centre keeps.
func (Handlers) ListImportMappings(ctx context.Context, req api.ListImportMappingsRequestObject) (api.ListImportMappingsResponseObject, error) {
	p := req.Params
	page, err := listMappings(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "name"), p.Active)
	if err != nil {
		return nil, err
	}
	out := api.ImportMappingPage{Data: make([]api.ImportMapping, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toMapping(&page.Rows[i])
	}
	return api.ListImportMappings200JSONResponse(out), nil
}

// CreateImportMapping keeps a mapping.
func (Handlers) CreateImportMapping(ctx context.Context, req api.CreateImportMappingRequestObject) (api.CreateImportMappingResponseObject, error) {
	m := fromMappingCreate(*req.Body)
	if err := m.Validate(language(req.Params.AcceptLanguage)); err != nil {
		return nil, err
	}
	if err := db.Insert(ctx, &m); err != nil {
		return nil, err
	}
	return api.CreateImportMapping201JSONResponse{Body: toMapping(&m), Headers: api.CreateImportMapping201ResponseHeaders{
		ETag: wire.ETag(m.Version), Location: fmt.Sprintf("/v1/centres/%s/import-mappings/%s", req.CentreID, m.ID),
	}}, nil
}

// GetImportMapping returns one mapping.
func (Handlers) GetImportMapping(ctx context.Context, req api.GetImportMappingRequestObject) (api.GetImportMappingResponseObject, error) {
	m, err := db.Get[Mapping](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetImportMapping200JSONResponse{Body: toMapping(m), Headers: api.GetImportMapping200ResponseHeaders{ETag: wire.ETag(m.Version)}}, nil
}

// UpdateImportMapping applies a merge patch.
func (Handlers) UpdateImportMapping(ctx context.Context, req api.UpdateImportMappingRequestObject) (api.UpdateImportMappingResponseObject, error) {
	m, err := db.Lock[Mapping](ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	m.patch(*req.Body)
	if err := m.Validate(language(req.Params.AcceptLanguage)); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, m); err != nil {
		return nil, err
	}
	return api.UpdateImportMapping200JSONResponse{Body: toMapping(m), Headers: api.UpdateImportMapping200ResponseHeaders{ETag: wire.ETag(m.Version)}}, nil
}

// ListImportTemplates returns the mappings that come with the server.
func (Handlers) ListImportTemplates(context.Context, api.ListImportTemplatesRequestObject) (api.ListImportTemplatesResponseObject, error) {
	out := api.ImportTemplateList{Data: []api.ImportTemplate{}}
	for _, name := range sheet.ShippedMappings() {
		m, err := sheet.ShippedMapping(name)
		if err != nil {
			return nil, err
		}
		out.Data = append(out.Data, api.ImportTemplate{Name: name, Definition: toDefinition(m)})
	}
	return api.ListImportTemplates200JSONResponse(out), nil
}

// CheckImportMapping compares a mapping with a header.
func (Handlers) CheckImportMapping(ctx context.Context, req api.CheckImportMappingRequestObject) (api.CheckImportMappingResponseObject, error) {
	m, err := db.Get[Mapping](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	found := m.Definition.V.Check(req.Body.Header, nil)
	return api.CheckImportMapping200JSONResponse{Data: toIssues(found, language(req.Params.AcceptLanguage))}, nil
}

// ProposeImportMapping reads a header by the names that columns usually have.
func (Handlers) ProposeImportMapping(_ context.Context, req api.ProposeImportMappingRequestObject) (api.ProposeImportMappingResponseObject, error) {
	m := sheet.DefaultMapping(req.Body.Header)
	return api.ProposeImportMapping200JSONResponse{
		Definition: toDefinition(m), Notes: toIssues(m.Check(req.Body.Header, nil), language(req.Params.AcceptLanguage)),
	}, nil
}

// ListImports returns one page of the centre's imports.
func (Handlers) ListImports(ctx context.Context, req api.ListImportsRequestObject) (api.ListImportsResponseObject, error) {
	p := req.Params
	page, err := listImports(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), p.Status, p.Mode)
	if err != nil {
		return nil, err
	}
	out := api.ImportPage{Data: make([]api.Import, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toImport(&page.Rows[i], language(p.AcceptLanguage))
	}
	return api.ListImports200JSONResponse(out), nil
}

// CreateImport takes in a file. The upload may take its time: the database is asked before and
// after, never while bytes arrive.
func (h Handlers) CreateImport(ctx context.Context, req api.CreateImportRequestObject) (api.CreateImportResponseObject, error) {
	s, o := db.Current(ctx), fromParams(req.Params, language(req.Params.AcceptLanguage), auth.From(ctx).ID)
	o.Keep = h.keep()
	in := func(ctx context.Context, work func(context.Context) error) error {
		return s.DB().InTx(ctx, s.Scope(), work)
	}
	m, got, err := h.upload(ctx, in, req, o)
	if err != nil {
		return nil, err
	}
	defer got.Close()
	notes, err := fit(m.definition, got.header, o.Language)
	if err != nil {
		return nil, err
	}
	i := newImport(req.CentreID, m, got, notes, o)
	err = in(ctx, func(ctx context.Context) error {
		before, err := repeated(ctx, i)
		if err != nil || before != nil {
			i = cmp.Or(before, i)
			return err
		}
		if err := store(ctx, i, got); err != nil {
			return err
		}
		return jobs.Enqueue(ctx, RunArgs{CentreID: req.CentreID, ImportID: i.ID, ActorID: o.By})
	})
	if err != nil {
		return nil, err
	}
	return api.CreateImport202JSONResponse{Body: toImport(i, o.Language), Headers: api.CreateImport202ResponseHeaders{
		ETag: wire.ETag(i.Version), Location: fmt.Sprintf("/v1/centres/%s/imports/%s", req.CentreID, i.ID),
	}}, nil
}

// upload reads the request: its mapping, by name or in the form, and its file.
func (h Handlers) upload(ctx context.Context, in transaction, req api.CreateImportRequestObject, o Options) (m reading, got *received, err error) {
	err = in(ctx, func(ctx context.Context) (err error) {
		if err = centre.AcceptsRegistrations(ctx); err == nil && req.Params.Mapping != nil {
			m, err = findReading(ctx, *req.Params.Mapping)
		}
		return err
	})
	switch {
	case err != nil:
	case req.MultipartBody != nil:
		m, got, err = fromForm(req, m, o)
	case req.Body == nil:
		err = fault.New(fault.Unsupported, "unsupported_media_type", "Send the file as text/csv, as a spreadsheet, as application/x-ndjson, or as the part file of a multipart/form-data body.")
	case req.Params.Mapping == nil:
		err = fault.InvalidField("mapping", "required", "Name a mapping of the centre or a template, or send one in a form.")
	default:
		o.Format = formats[wire.Sent(ctx)]
		got, err = accept(req.Body, o)
	}
	return m, got, err
}

func fromForm(req api.CreateImportRequestObject, named reading, o Options) (reading, *received, error) {
	f, err := readForm(req.MultipartBody, o)
	switch {
	case err != nil:
		return reading{}, nil, err
	case (f.inline == nil) == (req.Params.Mapping == nil):
		_ = f.file.Close() // nothing of it is wanted
		return reading{}, nil, fault.InvalidField("mapping", "one_mapping", "Name one mapping, or send one in the form.")
	case f.inline == nil:
		return named, f.file, nil
	}
	return fromInline(*f.inline), f.file, nil
}

// GetImport returns an import as it stands.
func (Handlers) GetImport(ctx context.Context, req api.GetImportRequestObject) (api.GetImportResponseObject, error) {
	i, err := db.Get[Import](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetImport200JSONResponse{Body: toImport(i, language(req.Params.AcceptLanguage)), Headers: api.GetImport200ResponseHeaders{ETag: wire.ETag(i.Version)}}, nil
}

// ListImportRows returns one page of what became of the rows.
func (h Handlers) ListImportRows(ctx context.Context, req api.ListImportRowsRequestObject) (api.ListImportRowsResponseObject, error) {
	p := req.Params
	if _, err := db.Get[Import](ctx, req.ID); err != nil {
		return nil, err
	}
	page, err := listRows(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "line"), req.ID, p.Status, p.Code)
	if err != nil {
		return nil, err
	}
	people, err := h.tells(ctx, req.CentreID, page.Rows...)
	if err != nil {
		return nil, err
	}
	out := api.ImportRowPage{Data: make([]api.ImportRow, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toRow(&page.Rows[i], language(p.AcceptLanguage), people)
	}
	return api.ListImportRows200JSONResponse(out), nil
}

// tells says whether the caller may know whom rows may be, and leaves the line in the trail of
// those who are told about.
func (h Handlers) tells(ctx context.Context, centre uuid.UUID, rows ...Row) (bool, error) {
	if !h.Permissions.Allows(auth.From(ctx), centre, "beneficiaries:read") {
		return false, nil
	}
	var about []uuid.UUID
	for _, row := range rows {
		for _, c := range row.Candidates.V {
			if c.BeneficiaryID != nil {
				about = append(about, *c.BeneficiaryID)
			}
		}
	}
	if len(about) == 0 {
		return true, nil
	}
	return true, db.Told(ctx, "beneficiaries", about...)
}

// DecideImportRow settles what becomes of a row that may be a duplicate.
func (h Handlers) DecideImportRow(ctx context.Context, req api.DecideImportRowRequestObject) (api.DecideImportRowResponseObject, error) {
	lang := language(req.Params.AcceptLanguage)
	row, err := decide(ctx, req.ID, req.RowID, decision{verdict: verdict(req.Body.Decision), person: req.Body.BeneficiaryID, acknowledged: req.Body.AcknowledgedDuplicates, language: lang})
	if err != nil {
		return nil, err
	}
	people, err := h.tells(ctx, req.CentreID, *row)
	if err != nil {
		return nil, err
	}
	return api.DecideImportRow200JSONResponse(toRow(row, lang, people)), nil
}

// ExportImportFaults streams every issue of every row.
func (Handlers) ExportImportFaults(ctx context.Context, req api.ExportImportFaultsRequestObject) (api.ExportImportFaultsResponseObject, error) {
	s := db.Current(ctx)
	err := s.DB().InTx(ctx, s.Scope(), func(ctx context.Context) error { return beginExport(ctx, req.CentreID, req.ID) })
	if err != nil {
		return nil, err
	}
	return faultsExport{ctx, req.ID, language(req.Params.AcceptLanguage)}, nil
}

// CommitImport turns a dry run into a real run.
func (h Handlers) CommitImport(ctx context.Context, req api.CommitImportRequestObject) (api.CommitImportResponseObject, error) {
	i, err := db.Lock[Import](ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := i.CommitDryRun(db.Now(), h.keep()); err != nil {
		return nil, err
	}
	if err := deleteRows(ctx, i); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, i); err != nil {
		return nil, err
	}
	if err := jobs.Enqueue(ctx, RunArgs{CentreID: req.CentreID, ImportID: i.ID, ActorID: caller(ctx)}); err != nil {
		return nil, err
	}
	return api.CommitImport200JSONResponse{Body: toImport(i, language(req.Params.AcceptLanguage)), Headers: api.CommitImport200ResponseHeaders{ETag: wire.ETag(i.Version)}}, nil
}

func caller(ctx context.Context) uuid.UUID {
	if p := auth.From(ctx); p != nil {
		return p.ID
	}
	return uuid.Nil
}

// CancelImport stops an import.
func (Handlers) CancelImport(ctx context.Context, req api.CancelImportRequestObject) (api.CancelImportResponseObject, error) {
	i, err := db.LockAny[Import](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	if i.Status != Cancelled {
		if err := i.Cancel(db.Now()); err != nil {
			return nil, err
		}
		if err := deleteFile(ctx, i); err != nil {
			return nil, err
		}
		if err := db.Save(ctx, i); err != nil {
			return nil, err
		}
	}
	return api.CancelImport200JSONResponse{Body: toImport(i, language(req.Params.AcceptLanguage)), Headers: api.CancelImport200ResponseHeaders{ETag: wire.ETag(i.Version)}}, nil
}
