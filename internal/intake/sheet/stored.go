package sheet

import (
	"encoding/json"
	"errors"
	"io"
)

// A sheet is kept in one form whatever it was: a line of JSON for the header, and one for each row.
// Where rows stand in the file that was sent, and what was wrong with their cells, stays known.

// storedRow is one line.
type storedRow struct {
	Line     int       `json:"n"`
	Cells    []string  `json:"c"`
	Problems []Problem `json:"p,omitempty"`
}

// StoreRows reads a sheet to its end, writes its rows and counts them. An error is that of the sheet, a
// *ReadError or its source's, or the writer's.
func StoreRows(w io.Writer, rows Records) (n int, err error) {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for ; ; n++ {
		rec, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if err := out.Encode(storedRow(rec)); err != nil {
			return n, err
		}
	}
}

// StoreHeader writes what has to stand before the rows; of some formats it is known after them.
func StoreHeader(w io.Writer, header []string) error { return json.NewEncoder(w).Encode(header) }

// Stored reads a stored sheet.
type Stored struct {
	in     *json.Decoder
	header []string
}

// OpenStored reads the header of a stored sheet.
func OpenStored(r io.Reader) (*Stored, error) {
	s := &Stored{in: json.NewDecoder(r)}
	return s, s.in.Decode(&s.header)
}

// Header implements Records.
func (s *Stored) Header() []string { return s.header }

// Next implements Records. A row that was read before a later one brought a further column has no cell for it yet.
func (s *Stored) Next() (Record, error) {
	var row storedRow
	if err := s.in.Decode(&row); err != nil {
		return Record{}, err
	}
	for len(row.Cells) < len(s.header) {
		row.Cells = append(row.Cells, "")
	}
	return Record(row), nil
}
