package xlsx

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strconv"
	"time"
)

// Reader reads the rows of one sheet. Its memory is that of the shared texts and of one row.
type Reader struct {
	archive *archive
	name    string
	part    *part
	texts   texts
	dates   []bool // by style
	epoch   time.Time
	line    int
}

// Row is one row that has cells.
type Row struct {
	Line   int // from 1, as the spreadsheet counts
	Cells  []string
	Faults []CellFault
}

// CellFault says why a cell has no text.
type CellFault struct {
	Cell int
	Kind Fault
}

// Fault is what may be wrong with a cell.
type Fault int

// The faults of a cell.
const (
	LongText Fault = iota // longer than Limits.Cell
	NoResult              // a formula that came to an error, or was never computed
)

// NewReader opens a sheet by its name; the first where name is empty.
func NewReader(file io.ReaderAt, size int64, sheet string, l Limits) (*Reader, error) {
	a, err := openArchive(file, size, l)
	if err != nil {
		return nil, err
	}
	var b book
	name, target, err := a.sheet(&b, sheet)
	if err != nil {
		return nil, err
	}
	x := &Reader{archive: a, name: name, epoch: b.epoch()}
	if x.dates, err = a.dates(); err != nil {
		return nil, err
	}
	if x.texts, err = a.texts(); err != nil {
		return nil, err
	}
	if x.part, err = a.part(target); x.part == nil && err == nil {
		err = ErrBroken
	}
	return x, err
}

// Sheet is the name of the sheet that is read.
func (x *Reader) Sheet() string { return x.name }

// Close lets the sheet go.
func (x *Reader) Close() error { return x.part.Close() }

// Next returns the next row that has cells; io.EOF after the last. Formulas are not run: their cell says
// what they came to when the file was saved. A date is written 2006-01-02, whatever its format.
func (x *Reader) Next() (Row, error) {
	for {
		token, err := x.part.next()
		if errors.Is(err, io.EOF) {
			err = ErrBroken // rows end with a closing tag
		}
		if err != nil {
			return Row{}, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if t.Name.Local == "row" {
				return x.row(t)
			}
		case xml.EndElement:
			if t.Name.Local == "sheetData" {
				return Row{}, io.EOF
			}
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// row reads a row, whose tag was read. Its number never goes back.
func (x *Reader) row(start xml.StartElement) (Row, error) {
	x.line++
	if n, err := strconv.Atoi(attribute(start, "r")); err == nil && n != x.line {
		if n < x.line || n > MaxRows {
			return Row{}, ErrBroken
		}
		x.line = n
	}
	row := Row{Line: x.line}
	for {
		token, err := x.part.next()
		if errors.Is(err, io.EOF) {
			err = ErrBroken
		}
		if err != nil {
			return Row{}, err
		}
		switch t := token.(type) {
		case xml.EndElement:
			if t.Name.Local == "row" {
				return row, nil
			}
		case xml.StartElement:
			if t.Name.Local != "c" {
				continue
			}
			if err := x.cell(t, &row); err != nil {
				return Row{}, err
			}
		}
	}
}

// maxColumns is how many columns a spreadsheet has.
const maxColumns = 1 << 14

func (x *Reader) cell(start xml.StartElement, row *Row) error {
	at := column(attribute(start, "r"), len(row.Cells))
	if at >= maxColumns || at < len(row.Cells) {
		return ErrBroken
	}
	kind, style := attribute(start, "t"), attribute(start, "s")
	c, err := x.part.content("c", x.archive.limits.Cell)
	if err != nil {
		return err
	}
	for len(row.Cells) < at {
		row.Cells = append(row.Cells, "")
	}
	text, err := x.text(kind, style, &c)
	switch {
	case err != nil:
		return err
	case kind == "e" && text != "#N/A", c.formula && !c.value:
		row.Faults = append(row.Faults, CellFault{at, NoResult})
		text = ""
	case c.long:
		row.Faults = append(row.Faults, CellFault{at, LongText})
		text = ""
	}
	row.Cells = append(row.Cells, text)
	return nil
}

// column reads the letters of a reference: C5 is 2. A cell without one stands behind the last.
func column(reference string, next int) int {
	n := 0
	for _, r := range reference {
		if r < 'A' || r > 'Z' {
			break
		}
		if n = n*26 + int(r-'A') + 1; n > maxColumns {
			return maxColumns
		}
	}
	if n == 0 {
		return next
	}
	return n - 1
}

// text says a cell by its type (ECMA-376 part 1, 18.18.11).
func (x *Reader) text(kind, style string, c *content) (string, error) {
	value := string(c.text)
	switch kind {
	case "s":
		i, err := strconv.Atoi(value)
		if err != nil || i < 0 || i >= len(x.texts.ends) {
			return "", ErrBroken
		}
		c.long = x.texts.long[i]
		return x.texts.at(i), nil
	case "b":
		return map[string]string{"1": "true", "0": "false"}[value], nil
	case "", "n":
		if s, err := strconv.Atoi(style); err == nil && s >= 0 && s < len(x.dates) && x.dates[s] {
			return x.date(value), nil
		}
		return number(value), nil
	}
	return value, nil
}

// number writes what a person typed: 480012 may be stored as 4.80012E5, and 0.1 as 0.10000000000000001.
func number(value string) string {
	f, err := strconv.ParseFloat(value, 64)
	if err != nil || math.Abs(f) > 1e15 || math.IsNaN(f) {
		return value
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// date reads a number of days. Its time of day is written where it has one.
func (x *Reader) date(value string) string {
	f, err := strconv.ParseFloat(value, 64)
	if err != nil || f < 0 || f >= 2_958_466 { // the year 10,000
		return value
	}
	days, part := math.Modf(f)
	if x.epoch.Year() == 1899 && days < 60 { // before the leap day that 1900 did not have
		days++
	}
	at := x.epoch.AddDate(0, 0, int(days)).Add(time.Duration(math.Round(part*86_400)) * time.Second)
	if at.Equal(at.Truncate(24 * time.Hour)) {
		return at.Format(time.DateOnly)
	}
	return at.Format(time.DateTime)
}
