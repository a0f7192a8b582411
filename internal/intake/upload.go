package intake

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/intake/sheet"
	"github.com/waystation/waystation/internal/tenant"
	"github.com/waystation/waystation/internal/wire"
)

const (
	maxFile    = 64 << 20  // bytes; the spec's x-max-body
	maxMapping = 256 << 10 // bytes of a mapping in a form
	// maxAtomicRows bounds the one transaction of an all_or_nothing import.
	maxAtomicRows = 20_000
)

// Options say how a file is taken in.
type Options struct {
	Mode       Mode         // DryRun where nothing is said
	Atomicity  Atomicity    // PerRow where nothing is said
	Duplicates OnDuplicate  // Hold where nothing is said
	Format     sheet.Format // CSV where nothing is said
	Sheet      string       // of a spreadsheet; empty: the first
	Encoding   string       // WHATWG name; empty: detected
	Delimiter  rune         // 0: detected
	FileName   string
	RequestKey string        // makes a repeat safe
	Keep       time.Duration // how long the file may stay at most
	Language   string        // of messages
	By         uuid.UUID     // who imports; zero: the system
}

// formats are the media types of files.
var formats = map[string]sheet.Format{wire.CSV: sheet.FormatCSV, wire.XLSX: sheet.FormatXLSX, wire.NDJSON: sheet.FormatNDJSON}

// accept reads a file and says at once, in the caller's language, what is wrong with it as a whole.
func accept(file io.Reader, o Options) (*received, error) {
	got, err := receive(file, o)
	var bad *sheet.ReadError
	var large *http.MaxBytesError
	var cut uploadError
	switch {
	case err == nil:
	case errors.As(err, &large), errors.As(err, &bad) && bad.Code == sheet.FileTooLarge:
		return nil, fault.New(fault.TooLarge, string(sheet.FileTooLarge), "The file is larger than %d bytes.", maxFile)
	case errors.As(err, &bad):
		return nil, fault.New(fault.Invalid, string(bad.Code), "%s", bad.Text(o.Language)).Add("file", string(bad.Code), bad.Text(o.Language))
	case errors.As(err, &cut):
		return nil, fault.New(fault.Malformed, "unreadable_body", "The file ended before it was complete.").Because(err)
	default:
		return nil, err
	}
	if o.Atomicity == AllOrNothing && got.rows > maxAtomicRows {
		_ = got.Close() // nothing of it is wanted
		return nil, fault.InvalidField("atomicity", "too_many_rows", "At most %d rows can be imported all_or_nothing; this file has %d. Import it per_row, or in parts.", maxAtomicRows, got.rows)
	}
	return got, nil
}

// fit compares a mapping with the header of a file: an error where it does not fit, and what a
// person should know all the same.
func fit(m sheet.Mapping, header []string, language string) ([]sheet.Issue, error) {
	rules := fault.New(fault.Invalid, "mapping_does_not_fit", "The mapping does not fit the header of this file; see errors.")
	notes := []sheet.Issue{}
	for _, issue := range m.Check(header, nil) {
		if issue.Severity == sheet.Error {
			rules.Add("mapping", string(issue.Code), issue.Text(language))
		} else {
			notes = append(notes, issue)
		}
	}
	return notes, rules.Err()
}

// newImport makes the import of a file that was received.
func newImport(centre uuid.UUID, m reading, got *received, notes []sheet.Issue, o Options) *Import {
	i := &Import{
		Record: db.NewRecord(nil), Mode: o.Mode, Atomicity: o.Atomicity, OnDuplicate: o.Duplicates, Status: Queued,
		MappingID: m.id, MappingName: m.name, SourceSystem: m.source, Definition: db.JSON[sheet.Mapping]{V: m.definition},
		FileName: o.FileName, FileSize: got.size, FileSha256: got.sha256, Format: got.format, Sheet: got.sheet,
		Encoding: got.encoding, Delimiter: got.delimiter,
		Rows: got.rows, Counts: noCounts(), Notes: db.JSON[[]sheet.Issue]{V: append(notes, got.notes...)}, RequestKey: o.RequestKey,
	}
	i.CentreID = tenant.ID(centre)
	until := i.CreatedAt.Add(o.Keep)
	i.FileUntil = &until
	if o.By != uuid.Nil {
		i.CreatedBy = &o.By
	}
	return i
}

// store keeps a new import and its file.
func store(ctx context.Context, i *Import, got *received) error {
	if err := db.Insert(ctx, i); err != nil {
		return err
	}
	return storeFile(ctx, i, got)
}

var _ = db.Constraint("imports_request_key", func() *fault.Error {
	f := fault.New(fault.Conflict, "request_in_flight", "The same request is still being worked on. Repeat it shortly.")
	f.RetryAfter = time.Second
	return f
})

// repeated finds the import that an earlier request of the same key has made: 422 when that one
// brought another file or asked for something else.
func repeated(ctx context.Context, i *Import) (*Import, error) {
	if i.RequestKey == "" || i.CreatedBy == nil {
		return nil, nil
	}
	found, err := db.Find[Import](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("created_by = ? and request_key = ?", *i.CreatedBy, i.RequestKey)
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	before := &found[0]
	if !bytes.Equal(before.FileSha256, i.FileSha256) || before.SourceSystem != i.SourceSystem || before.Sheet != i.Sheet || before.Atomicity != i.Atomicity || before.OnDuplicate != i.OnDuplicate {
		return nil, fault.New(fault.Invalid, "idempotency_key_reused", "This Idempotency-Key was used for another request.").Add("Idempotency-Key", "idempotency_key_reused", "Choose a new key.")
	}
	return before, nil
}

// form takes the parts of an upload by form: the file, and a mapping of its own if it has one.
type form struct {
	inline *api.ImportMappingInline
	file   *received
}

// readForm reads a whole form. Whoever gets one closes its file.
func readForm(r *multipart.Reader, o Options) (*form, error) {
	f := &form{}
	err := f.read(r, o)
	if err == nil && f.file == nil {
		err = fault.InvalidField("file", "required", "The form has no part named file.")
	}
	if err != nil && f.file != nil {
		err = errors.Join(err, f.file.Close())
	}
	return f, err
}

func (f *form) read(r *multipart.Reader, o Options) error {
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.New(fault.Malformed, "invalid_form", "The body is not a form that can be read.").Because(err)
		}
		if err := f.take(part, o); err != nil {
			return err
		}
	}
}

func (f *form) take(part *multipart.Part, o Options) (err error) {
	switch name := part.FormName(); {
	case name == "file" && f.file == nil:
		o.Format = formatOf(part)
		f.file, err = accept(part, o)
		return err
	case name == "mapping" && f.inline == nil:
		f.inline, err = readInline(part)
		return err
	}
	return fault.New(fault.Malformed, "unknown_part", "The form takes one part named file and one named mapping.")
}

// formatOf tells the format of a file in a form: a browser may know no type for it, but its name.
func formatOf(part *multipart.Part) sheet.Format {
	media, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
	return cmp.Or(formats[media], sheet.FormatOf(part.FileName()))
}

var sourceSystem = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,59}$`)

// readInline reads a mapping from a form, which the spec's validator does not see.
func readInline(r io.Reader) (*api.ImportMappingInline, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxMapping+1))
	if err != nil || len(raw) > maxMapping {
		return nil, fault.InvalidField("mapping", "too_large", "The mapping is larger than %d bytes.", maxMapping)
	}
	var m api.ImportMappingInline
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil || bytes.ContainsRune(raw, 0) || bytes.Contains(raw, []byte(`\u0000`)) {
		return nil, fault.InvalidField("mapping", "invalid_json", "The mapping is not the JSON of a mapping; see ImportMappingInline.")
	}
	if !sourceSystem.MatchString(m.SourceSystem) {
		return nil, fault.InvalidField("mapping", "wrong_format", "source_system must match %s.", sourceSystem)
	}
	return &m, nil
}
