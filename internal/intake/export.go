package intake

import (
	"context"
	"encoding/csv"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/formula"
)

// beginExport finds the import, and leaves the line in the trail that a stream cannot leave by itself.
func beginExport(ctx context.Context, centre, id uuid.UUID) error {
	if _, err := db.Get[Import](ctx, id); err != nil {
		return err
	}
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "insert into audit_events (centre_id, action, resource, subject_ids) values ($1, 'read', 'import_rows', array[$2::uuid])", centre, id)
	return err
}

const (
	exportPage = 1000             // how many rows are read at a time: memory does not grow with the file
	stall      = 30 * time.Second // how long a receiver may take for the next page
)

// faultsExport is the answer with every issue of an import's rows.
type faultsExport struct {
	ctx      context.Context
	id       uuid.UUID
	language string
}

// VisitExportImportFaultsResponse implements api.ExportImportFaultsResponseObject. A stream that
// fails is broken off, so that nobody takes half a list for a whole one.
func (e faultsExport) VisitExportImportFaultsResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "text/csv")
	w.WriteHeader(http.StatusOK)
	if err := exportFaults(e.ctx, w, e.id, e.language); err != nil {
		slog.WarnContext(e.ctx, "export broken off", "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// exportFaults writes a line for every issue, in the order of the file.
func exportFaults(ctx context.Context, w http.ResponseWriter, id uuid.UUID, language string) error {
	out, line := csv.NewWriter(w), http.NewResponseController(w)
	_ = out.Write([]string{"line", "source_id", "status", "severity", "code", "field", "column", "message"}) // Error tells below
	s := db.Current(ctx)
	for after := 0; ; {
		var page []Row
		err := s.DB().InTx(ctx, s.Scope(), func(ctx context.Context) (err error) {
			page, err = faultyRows(ctx, id, after, exportPage)
			return err
		})
		if err != nil {
			return err
		}
		if err := line.SetWriteDeadline(time.Now().Add(stall)); err != nil {
			return err
		}
		for _, row := range page {
			after = row.Line
			writeFaults(out, row, language)
		}
		out.Flush()
		if err := out.Error(); err != nil || len(page) < exportPage {
			return err
		}
	}
}

// writeFaults writes the issues of a row; what the sheet itself says cannot run as a formula.
func writeFaults(out *csv.Writer, row Row, language string) {
	for _, i := range row.Issues.V {
		_ = out.Write([]string{strconv.Itoa(row.Line), formula.SafeCell(row.SourceID), string(row.Status), string(i.Severity),
			string(i.Code), string(i.Field), formula.SafeCell(i.Column), formula.SafeCell(i.Text(language))})
	}
}
