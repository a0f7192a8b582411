// Package export lets a person take a list away: all its rows as CSV, as a spreadsheet or as one JSON
// document a line. It is one way for every list that the contract marks x-export: the same filter as the
// list's pages, one snapshot, flat memory, lines in the trail (see db.Stream) and in the ledger
// of disclosures, no cell that runs.
package export

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/formula"
	"github.com/waystation/waystation/internal/wire"
	"github.com/waystation/waystation/internal/xlsx"
)

// List is a list's answer as a stream of all its rows. T is the row in the database, A what the contract
// makes of it: the columns of a sheet are A's fields.
type List[T, A any] struct {
	Ctx   context.Context
	Name  string            // of the file, without its ending
	About map[string]string // what the trail keeps of the filter: codes and dates, no words
	Rows  db.Build          // the rows and their order
	Show  func(*T) A
	First []string // columns that come first; the others follow by name
	Omit  []string // fields that a list never shows
	// People selects whom the rows, told, tell about: SQL for the person and the case whose wall that is behind. Empty: they are about nobody.
	People string
}

// Wanted tells that the caller asked for the rows to take away rather than for a page.
func Wanted(ctx context.Context) bool {
	media := wire.Media(ctx)
	return media != "" && media != wire.JSON
}

// Whole refuses what has no meaning for a list that has all rows: 400.
func Whole(cursor *string, total *bool) error {
	bad := fault.New(fault.Malformed, "parameters_exclude_each_other", "These parameters do not go together; see errors.")
	if cursor != nil {
		bad.Add("cursor", "not_here", "An export has all rows.")
	}
	if wire.Value(total) {
		bad.Add("include_total", "not_here", "An export has all rows.")
	}
	return bad.Err()
}

// Order is the ORDER BY of a list's sort key: the key of sorts, "-" before it for descending.
func Order[T any](sorts db.Sorts[T], sort string) func(q *gorm.DB) *gorm.DB {
	key, direction := sort, ""
	if key[0] == '-' {
		key, direction = key[1:], " desc"
	}
	return func(q *gorm.DB) *gorm.DB { return q.Order(sorts[key].SQL + direction + ", id" + direction) }
}

// stall is how long a receiver may take for the next piece.
const stall = 30 * time.Second

// piece is how many rows are written between two looks at the receiver.
const piece = 500

// Write answers with the rows. Nothing is written before the first row is there; a stream that fails
// later is broken off, so that nobody takes half a list for a whole one.
func (l List[T, A]) Write(w http.ResponseWriter) error {
	out := &stream[T, A]{List: l, w: w, media: wire.Media(l.Ctx), columns: columnsOf[A](l.First, l.Omit)}
	err := db.Stream(l.Ctx, map[string]any{"format": out.media, "filter": l.About}, l.Rows, out.ledger, out.row)
	if err == nil {
		err = out.end()
	}
	if err != nil && out.to != nil {
		slog.WarnContext(l.Ctx, "export broken off", "error", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

// writer is one format. Flush hands on what was written.
type writer interface {
	Row(cells []string) error
	Flush() error
	Close() error
}

type stream[T, A any] struct {
	List[T, A]
	w       http.ResponseWriter
	media   string
	columns []column
	to      writer // nil: nothing is written yet
	json    *json.Encoder
	rows    int
	cells   []string
}

var formats = map[string]struct{ contentType, ending string }{
	wire.CSV:    {"text/csv; charset=utf-8; header=present", ".csv"},
	wire.NDJSON: {wire.NDJSON, ".ndjson"},
	wire.XLSX:   {wire.XLSX, ".xlsx"},
}

// begin writes the head of the answer, once.
func (s *stream[T, A]) begin() (err error) {
	if s.to != nil {
		return nil
	}
	h := s.w.Header()
	h.Set("Content-Type", formats[s.media].contentType)
	h.Set("Content-Disposition", `attachment; filename="`+s.Name+formats[s.media].ending+`"`)
	s.w.WriteHeader(http.StatusOK)
	header := make([]string, len(s.columns))
	for i, c := range s.columns {
		header[i] = c.name
	}
	switch s.media {
	case wire.XLSX:
		s.to, err = xlsx.NewWriter(s.w, s.Name, header)
	case wire.CSV:
		s.to = csvWriter{csv.NewWriter(s.w)}
		err = s.to.Row(header)
	default:
		buffer := bufio.NewWriterSize(s.w, 32<<10)
		s.to, s.json = lines{buffer}, json.NewEncoder(buffer)
	}
	return err
}

func (s *stream[T, A]) row(r *T) error {
	if err := s.begin(); err != nil {
		return err
	}
	if s.rows++; s.rows%piece == 1 {
		if err := s.to.Flush(); err != nil {
			return err
		}
		if err := http.NewResponseController(s.w).SetWriteDeadline(time.Now().Add(stall)); err != nil {
			return err
		}
	}
	shown := s.Show(r)
	if s.json != nil {
		return s.json.Encode(shown)
	}
	s.cells = cells(s.cells[:0], s.columns, shown)
	for i, text := range s.cells {
		s.cells[i] = formula.SafeCell(text)
	}
	return s.to.Row(s.cells)
}

func (s *stream[T, A]) end() error {
	if err := s.begin(); err != nil {
		return err
	}
	if err := s.to.Close(); err != nil {
		return err
	}
	return http.NewResponseController(s.w).SetWriteDeadline(time.Time{}) // the connection goes on
}

type csvWriter struct{ *csv.Writer }

func (c csvWriter) Row(cells []string) error { return c.Write(cells) }
func (c csvWriter) Flush() error             { c.Writer.Flush(); return c.Error() }
func (c csvWriter) Close() error             { return c.Flush() }

// lines are JSON documents, which are written elsewhere.
type lines struct{ *bufio.Writer }

func (lines) Row([]string) error { return nil }
func (l lines) Close() error     { return l.Flush() }
