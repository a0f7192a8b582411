package beneficiary

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/formula"
	"github.com/waystation/waystation/internal/wire"
)

// export is a list's answer as a stream of all its rows.
type export struct {
	ctx    context.Context
	media  string
	filter Filter
	sort   string
}

// stall is how long a receiver may take for the next piece.
const stall = 30 * time.Second

// piece is how many rows are written between two looks at the receiver.
const piece = 500

// VisitListBeneficiariesResponse implements api.ListBeneficiariesResponseObject. Nothing is written
// before the first row is there; a stream that fails later is broken off, so that nobody takes
// half a list for a whole one.
func (e export) VisitListBeneficiariesResponse(w http.ResponseWriter) error {
	out := newSheet(w, e.media)
	err := db.Stream(e.ctx, map[string]any{"format": e.media, "filter": e.filter.told()}, func(q *gorm.DB) *gorm.DB {
		return e.filter.where(q).Order(e.order())
	}, out.row)
	if err == nil {
		err = out.close()
	}
	if err != nil && out.begun {
		slog.WarnContext(e.ctx, "export broken off", "error", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

func (e export) order() string {
	key, descending := strings.CutPrefix(e.sort, "-")
	if key == "" {
		return "created_at desc, id desc"
	}
	if descending {
		return sorts[key].SQL + " desc, id desc"
	}
	return sorts[key].SQL + ", id"
}

// told is what the trail keeps of a filter: dates, codes, and how many people were asked for by id.
func (f Filter) told() map[string]string {
	told := map[string]string{"status": f.Status}
	if f.IDs != nil {
		told["ids"] = strconv.Itoa(len(f.IDs))
	}
	for name, date := range map[string]*db.Date{"registered_from": f.RegisteredFrom, "registered_to": f.RegisteredTo, "reception_from": f.ReceptionFrom, "reception_to": f.ReceptionTo} {
		if date != nil {
			told[name] = date.String()
		}
	}
	for name, code := range map[string]*string{"sex": f.Sex, "nationality": f.Nationality, "country_of_origin": f.CountryOfOrigin, "population_type": f.PopulationType, "registration_level": f.RegistrationLevel} {
		if code != nil {
			told[name] = *code
		}
	}
	return told
}

// sheet writes people to a receiver, as CSV or one JSON document a line.
type sheet struct {
	w     http.ResponseWriter
	media string
	buf   *bufio.Writer
	csv   *csv.Writer
	json  *json.Encoder
	cells []string
	begun bool
	rows  int
}

func newSheet(w http.ResponseWriter, media string) *sheet {
	s := &sheet{w: w, media: media, buf: bufio.NewWriterSize(w, 32<<10), cells: make([]string, len(columns))}
	s.csv, s.json = csv.NewWriter(s.buf), json.NewEncoder(s.buf)
	return s
}

func (s *sheet) begin() error {
	s.begun = true
	contentType, name := "text/csv; charset=utf-8; header=present", "beneficiaries.csv"
	if s.media == wire.NDJSON {
		contentType, name = wire.NDJSON, "beneficiaries.ndjson"
	}
	s.w.Header().Set("Content-Type", contentType)
	s.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	s.w.WriteHeader(http.StatusOK)
	if s.media == wire.NDJSON {
		return nil
	}
	for i, c := range columns {
		s.cells[i] = c.name
	}
	return s.csv.Write(s.cells)
}

func (s *sheet) row(b *Beneficiary) error {
	if !s.begun {
		if err := s.begin(); err != nil {
			return err
		}
	}
	if s.rows++; s.rows%piece == 1 {
		if err := http.NewResponseController(s.w).SetWriteDeadline(time.Now().Add(stall)); err != nil {
			return err
		}
	}
	if s.media == wire.NDJSON {
		return s.json.Encode(toListed(b))
	}
	for i, c := range columns {
		s.cells[i] = formula.SafeCell(c.text(b))
	}
	return s.csv.Write(s.cells)
}

func (s *sheet) close() error {
	if !s.begun {
		if err := s.begin(); err != nil {
			return err
		}
	}
	s.csv.Flush()
	if err := errors.Join(s.csv.Error(), s.buf.Flush()); err != nil {
		return err
	}
	return http.NewResponseController(s.w).SetWriteDeadline(time.Time{}) // the connection goes on
}

// columns are the columns of the CSV: the fields of a listed Beneficiary under their names; see toListed.
var columns = []struct {
	name string
	text func(*Beneficiary) string
}{
	{"id", func(b *Beneficiary) string { return b.ID.String() }},
	{"reference", func(b *Beneficiary) string { return b.Reference }},
	{"registration_level", func(b *Beneficiary) string { return b.RegistrationLevel }},
	{"registered_on", func(b *Beneficiary) string { return b.RegisteredOn.String() }},
	{"reception_on", func(b *Beneficiary) string { return b.ReceptionOn.String() }},
	{"given_name", func(b *Beneficiary) string { return b.GivenName }},
	{"family_name", func(b *Beneficiary) string { return b.FamilyName }},
	{"other_names", func(b *Beneficiary) string { return strings.Join(b.OtherNames, ";") }},
	{"sex", func(b *Beneficiary) string { return b.Sex }},
	{"birth_date", func(b *Beneficiary) string {
		if b.BirthDate == nil {
			return ""
		}
		return b.BirthDate.String()
	}},
	{"birth_date_precision", func(b *Beneficiary) string { return wire.Value(b.BirthDatePrecision) }},
	{"population_type", func(b *Beneficiary) string { return b.PopulationType }},
	{"nationalities", func(b *Beneficiary) string { return strings.Join(b.Nationalities, ";") }},
	{"country_of_origin", func(b *Beneficiary) string { return b.CountryOfOrigin }},
	{"languages", func(b *Beneficiary) string { return strings.Join(b.Languages, ";") }},
	{"interview_language", func(b *Beneficiary) string { return b.InterviewLanguage }},
	{"interpreter_used", func(b *Beneficiary) string {
		if b.InterpreterUsed == nil {
			return ""
		}
		return strconv.FormatBool(*b.InterpreterUsed)
	}},
	{"marital_status", func(b *Beneficiary) string { return b.MaritalStatus }},
	{"education_level", func(b *Beneficiary) string { return b.EducationLevel }},
	{"intended_destination", func(b *Beneficiary) string { return b.IntendedDestination }},
	{"phone", func(b *Beneficiary) string { return b.Phone }},
	{"document_type", func(b *Beneficiary) string { return b.DocumentType }},
	{"document_number", func(b *Beneficiary) string { return b.DocumentNumber }},
	{"remarks", func(b *Beneficiary) string { return b.Remarks }},
	{"answers", func(b *Beneficiary) string {
		var told []string
		for _, field := range slices.Sorted(maps.Keys(b.Answers.V)) {
			told = append(told, field+"="+b.Answers.V[field])
		}
		return strings.Join(told, ";")
	}},
	{"basis", func(b *Beneficiary) string { return b.Basis }},
	{"basis_reason", func(b *Beneficiary) string { return b.BasisReason }},
	{"source", func(b *Beneficiary) string { return b.Source }},
	{"status", func(b *Beneficiary) string { return b.Status }},
	{"version", func(b *Beneficiary) string { return strconv.FormatInt(b.Version, 10) }},
	{"created_at", func(b *Beneficiary) string { return b.CreatedAt.UTC().Format(time.RFC3339Nano) }},
	{"updated_at", func(b *Beneficiary) string { return b.UpdatedAt.UTC().Format(time.RFC3339Nano) }},
}
