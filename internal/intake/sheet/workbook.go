package sheet

import (
	"errors"
	"io"

	"github.com/waystation/waystation/internal/xlsx"
)

// WorkbookOptions choose the sheet and set limits. The zero value reads the first sheet with the default limits.
type WorkbookOptions struct {
	Sheet   string // by name
	MaxCell int    // bytes in a cell, default 10,000
	MaxRows int    // default 200,000
}

// What a workbook may unpack to. 100 to 1 is what Apache POI takes for a bomb.
const (
	maxUnpacked  = 1 << 30
	maxRatio     = 100
	maxTextBytes = 48 << 20 // of texts that stand in cells; they are held in memory
)

// Workbook reads one sheet of an .xlsx file as a stream. Its first row that is not blank is the header.
type Workbook struct {
	in      *xlsx.Reader
	options WorkbookOptions
	header  []string
	rows    int
}

// NewWorkbook opens a sheet and reads its header. The error is a *ReadError: broken_workbook, unpacks_too_large,
// unknown_sheet or one of the header.
func NewWorkbook(file io.ReaderAt, size int64, o WorkbookOptions) (*Workbook, error) {
	if o.MaxCell == 0 {
		o.MaxCell = defaultMaxCell
	}
	if o.MaxRows == 0 {
		o.MaxRows = defaultMaxRows
	}
	in, err := xlsx.NewReader(file, size, o.Sheet, xlsx.Limits{Part: maxUnpacked, Ratio: maxRatio, Texts: maxTextBytes, Cell: o.MaxCell})
	if err != nil {
		return nil, workbookFault(err)
	}
	w := &Workbook{in: in, options: o}
	rec, err := w.record()
	if errors.Is(err, io.EOF) {
		err = &ReadError{Code: EmptyFile}
	}
	if err == nil {
		w.header, err = headerOf(rec)
	}
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return w, nil
}

// Sheet is the name of the sheet that is read.
func (w *Workbook) Sheet() string { return w.in.Sheet() }

// Header implements Records.
func (w *Workbook) Header() []string { return w.header }

// Close lets the file go.
func (w *Workbook) Close() error { return w.in.Close() }

// Next implements Records. Cells at the end of a row that are blank are not in the file.
func (w *Workbook) Next() (Record, error) {
	rec, err := w.record()
	if err != nil {
		return Record{}, err
	}
	if w.rows++; w.rows > w.options.MaxRows {
		return Record{}, &ReadError{Code: TooManyRows, Line: rec.Line, Limit: int64(w.options.MaxRows)}
	}
	rec.Cells = trimEmpty(rec.Cells, len(w.header))
	for len(rec.Cells) < len(w.header) {
		rec.Cells = append(rec.Cells, "")
	}
	if len(rec.Cells) > len(w.header) {
		rec.Problems = []Problem{{Cell: -1, Code: RowWidth}}
	}
	return rec, nil
}

// record reads the next row that is not blank.
func (w *Workbook) record() (Record, error) {
	for {
		row, err := w.in.Next()
		if errors.Is(err, io.EOF) {
			return Record{}, err
		}
		if err != nil {
			return Record{}, workbookFault(err)
		}
		rec := Record{Line: row.Line, Cells: row.Cells}
		for _, f := range row.Faults {
			rec.Problems = append(rec.Problems, w.problem(f))
		}
		if !blank(rec) {
			return rec, nil
		}
	}
}

func (w *Workbook) problem(f xlsx.CellFault) Problem {
	if f.Kind == xlsx.NoResult {
		return Problem{Cell: f.Cell, Code: FormulaNoResult}
	}
	return Problem{Cell: f.Cell, Code: CellTooLong, Limit: w.options.MaxCell}
}

func workbookFault(err error) error {
	code := BrokenWorkbook
	switch {
	case errors.Is(err, xlsx.ErrTooLarge):
		code = UnpacksTooLarge
	case errors.Is(err, xlsx.ErrNoSheet):
		code = UnknownSheet
	}
	return &ReadError{Code: code}
}
