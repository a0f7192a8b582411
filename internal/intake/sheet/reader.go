package sheet

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Records yields the rows of a sheet one after the other, whatever its format.
type Records interface {
	// Header is the first row. The slice must not be changed.
	Header() []string
	// Next gives the next row that is not blank, io.EOF after the last one, or
	// a *ReadError when the rest of the sheet cannot be read.
	Next() (Record, error)
}

// Record is one raw row.
type Record struct {
	Line     int       // where the row begins in the file, counted from 1
	Cells    []string  // as many as the header has, unless a problem says row_width
	Problems []Problem // faults that the reader met
}

// Problem is a fault of one cell, or of the whole row when Cell is -1.
type Problem struct {
	Cell  int
	Code  Code
	Limit int // for cell_too_long, in bytes
}

// ReadError ends the reading of a sheet.
type ReadError struct {
	Code   Code
	Line   int   // the row concerned, 0 when it is the file
	Column int   // the cell of the header concerned, counted from 1
	Limit  int64 // for file_too_large (bytes) and too_many_rows
}

// Error says the fault in English; Text says it in another language.
func (e *ReadError) Error() string { return e.Text("en") }

// Text says the fault in a language of the catalogue.
func (e *ReadError) Text(lang string) string {
	return Message(lang, e.Code, map[string]string{"line": strconv.Itoa(e.Line), "column": strconv.Itoa(e.Column), "limit": strconv.FormatInt(e.Limit, 10)})
}

// CSVOptions declare what should not be detected, and set limits. The zero value
// detects encoding and delimiter and uses the default limits.
type CSVOptions struct {
	Encoding  string // a WHATWG name: utf-8, utf-16le, windows-1252, windows-1256…; "" detects
	Delimiter rune   // 0 detects ; , tab or |
	MaxCell   int    // bytes in a cell, default 10,000
	MaxRows   int    // default 200,000
	MaxBytes  int64  // bytes in the file, default 100 MB
}

const (
	defaultMaxCell  = 10_000
	defaultMaxRows  = 200_000
	defaultMaxBytes = 100 << 20
	maxColumns      = 1_000   // beyond it cells are dropped and the row has the wrong width
	sample          = 1 << 16 // bytes that detection looks at
)

func (o CSVOptions) withDefaults() CSVOptions {
	if o.MaxCell == 0 {
		o.MaxCell = defaultMaxCell
	}
	if o.MaxRows == 0 {
		o.MaxRows = defaultMaxRows
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultMaxBytes
	}
	return o
}

// CSV reads delimited text as a stream: memory does not grow with the file.
// It follows RFC 4180, takes ; , tab or | as delimiter, any line ending, and
// quotes inside an unquoted cell as they stand.
type CSV struct {
	options  CSVOptions
	encoding detected
	scan     *scanner
	header   []string
	rows     int
}

// NewCSV detects encoding and delimiter and reads the header.
//
// Without a declared encoding a byte order mark decides (UTF-8, UTF-16 LE or BE);
// without one, text whose every second byte is NUL is UTF-16, text that is UTF-8
// but for a few bytes is UTF-8, whose faults are those of cells, and all else is
// Windows-1252, which is what French-language Excel writes. That one is a guess.
func NewCSV(r io.Reader, o CSVOptions) (*CSV, error) {
	o = o.withDefaults()
	raw := bufio.NewReaderSize(&limited{r: r, left: o.MaxBytes, limit: o.MaxBytes}, sample)
	enc, err := detect(raw, o.Encoding)
	if err != nil {
		return nil, err
	}
	text := bufio.NewReaderSize(enc.reader(raw), sample)
	if o.Delimiter == 0 {
		if o.Delimiter, err = sniff(text); err != nil {
			return nil, err
		}
	}
	c := &CSV{options: o, encoding: enc, scan: &scanner{in: text, delimiter: o.Delimiter, maxCell: o.MaxCell, line: 1}}
	return c, c.readHeader()
}

// Delimiter is the one declared or detected.
func (c *CSV) Delimiter() rune { return c.options.Delimiter }

// Encoding is the WHATWG name of the one declared or detected; guessed tells that nothing in the file proves it.
func (c *CSV) Encoding() (name string, guessed bool) { return c.encoding.name, c.encoding.guessed }

// Header is the first row that is not blank, without trailing empty cells.
func (c *CSV) Header() []string { return c.header }

// Next implements Records.
func (c *CSV) Next() (Record, error) {
	rec, err := c.scan.record()
	for err == nil && blank(rec) {
		rec, err = c.scan.record()
	}
	if err != nil {
		return Record{}, err
	}
	if c.rows++; c.rows > c.options.MaxRows {
		return Record{}, &ReadError{Code: TooManyRows, Line: rec.Line, Limit: int64(c.options.MaxRows)}
	}
	return c.fit(rec)
}

func (c *CSV) readHeader() error {
	rec, err := c.scan.record()
	for err == nil && blank(rec) {
		rec, err = c.scan.record()
	}
	if errors.Is(err, io.EOF) {
		return &ReadError{Code: EmptyFile}
	}
	if err != nil {
		return err
	}
	c.header, err = headerOf(rec)
	return err
}

// headerOf reads the names of the columns off the first row.
func headerOf(rec Record) ([]string, error) {
	if len(rec.Problems) > 0 {
		p := rec.Problems[0]
		return nil, &ReadError{Code: p.Code, Line: rec.Line, Column: p.Cell + 1, Limit: int64(p.Limit)}
	}
	var header []string
	for _, name := range trimEmpty(rec.Cells, 0) {
		header = append(header, strings.TrimSpace(name))
	}
	return header, nil
}

// fit holds a row to the width of the header. Empty cells beyond it are what
// spreadsheets leave behind; a short last row without a line end was cut off.
func (c *CSV) fit(rec Record) (Record, error) {
	width := len(c.header)
	rec.Cells = trimEmpty(rec.Cells, width)
	if len(rec.Cells) < width && c.scan.ended {
		return Record{}, &ReadError{Code: TruncatedFile, Line: rec.Line}
	}
	if len(rec.Cells) != width {
		rec.Problems = []Problem{{Cell: -1, Code: RowWidth}}
	}
	return rec, nil
}

func blank(rec Record) bool {
	return len(rec.Problems) == 0 && len(trimEmpty(rec.Cells, 0)) == 0
}

// trimEmpty drops empty cells from the end, down to a width.
func trimEmpty(cells []string, width int) []string {
	for len(cells) > width && strings.TrimSpace(cells[len(cells)-1]) == "" {
		cells = cells[:len(cells)-1]
	}
	return cells
}

// sniff consumes Excel's "sep=;" line, or picks the delimiter that splits most of
// the first lines into as many cells as the header.
func sniff(text *bufio.Reader) (rune, error) {
	head, err := text.Peek(sample)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if line, _, _ := bytes.Cut(head, []byte("\n")); len(bytes.TrimSpace(line)) == 5 && bytes.HasPrefix(line, []byte("sep=")) {
		text.Discard(len(line)) // the bytes are in the buffer
		return rune(line[4]), nil
	}
	best, score := ';', 0
	for _, d := range ";,\t|" {
		if s := agreement(head, d); s > score {
			best, score = d, s
		}
	}
	return best, nil
}

// agreement is the number of delimiters of the header times the number of the
// first rows that have as many.
func agreement(head []byte, delimiter rune) int {
	s := scanner{in: bufio.NewReader(bytes.NewReader(head)), delimiter: delimiter, maxCell: sample}
	first, err := s.record()
	for err == nil && blank(first) {
		first, err = s.record()
	}
	same := 1
	for range 20 {
		rec, err := s.record()
		if err != nil {
			break
		}
		if len(rec.Cells) == len(first.Cells) {
			same++
		}
	}
	return (len(first.Cells) - 1) * same
}

// limited refuses a file larger than its limit; io.LimitReader would cut it off
// without a word.
type limited struct {
	r           io.Reader
	left, limit int64
}

func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, &ReadError{Code: FileTooLarge, Limit: l.limit}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("read the sheet: %w", err)
	}
	return n, err
}
