package sheet

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// NDJSONOptions set limits. The zero value detects the encoding and uses the default limits.
type NDJSONOptions struct {
	Encoding string // a WHATWG name; "" detects, as NewCSV does
	MaxCell  int    // bytes in a value, default 10,000
	MaxRows  int    // default 200,000
	MaxLine  int    // bytes in a line, default 1 MiB
}

const defaultMaxLine = 1 << 20

func (o NDJSONOptions) withDefaults() NDJSONOptions {
	if o.MaxCell == 0 {
		o.MaxCell = defaultMaxCell
	}
	if o.MaxRows == 0 {
		o.MaxRows = defaultMaxRows
	}
	if o.MaxLine == 0 {
		o.MaxLine = defaultMaxLine
	}
	return o
}

// NDJSON reads one JSON object from each line, as a stream. Its keys are the columns: a key that no line
// before had is a further one. null is an empty cell, and what an array lists stands in one cell.
type NDJSON struct {
	options  NDJSONOptions
	encoding detected
	in       *bufio.Reader
	header   []string
	columns  map[string]int
	text     []byte // of the line
	line     int
	rows     int
}

// NewNDJSON detects the encoding.
func NewNDJSON(r io.Reader, o NDJSONOptions) (*NDJSON, error) {
	raw := bufio.NewReaderSize(r, sample)
	enc, err := detect(raw, o.Encoding)
	if err != nil {
		return nil, err
	}
	return &NDJSON{options: o.withDefaults(), encoding: enc, in: bufio.NewReaderSize(enc.reader(raw), sample), columns: map[string]int{}}, nil
}

// Encoding is as that of a CSV.
func (n *NDJSON) Encoding() (name string, guessed bool) { return n.encoding.name, n.encoding.guessed }

// Header lists the keys of the lines that were read so far.
func (n *NDJSON) Header() []string { return n.header }

// Next implements Records; the row has a cell for each column known by then.
func (n *NDJSON) Next() (Record, error) {
	for {
		long, last, err := n.readLine()
		if err != nil {
			return Record{}, n.ended(err)
		}
		if !long && len(bytes.TrimSpace(n.text)) == 0 {
			continue
		}
		if n.rows++; n.rows > n.options.MaxRows {
			return Record{}, &ReadError{Code: TooManyRows, Line: n.line, Limit: int64(n.options.MaxRows)}
		}
		if long {
			return n.faulty(Problem{Cell: -1, Code: LineTooLong, Limit: n.options.MaxLine}), nil
		}
		return n.record(last)
	}
}

func (n *NDJSON) ended(err error) error {
	if errors.Is(err, io.EOF) && n.rows == 0 {
		return &ReadError{Code: EmptyFile}
	}
	return err
}

// readLine reads a line into n.text, no further than a line may be long, and passes over the rest of a longer
// one. last: the file ended without a line end.
func (n *NDJSON) readLine() (long, last bool, err error) {
	n.text = n.text[:0]
	n.line++
	for {
		some, err := n.in.ReadSlice('\n')
		if len(n.text)+len(some) > n.options.MaxLine {
			long = true
		} else {
			n.text = append(n.text, some...)
		}
		switch {
		case err == nil:
			return long, false, nil
		case errors.Is(err, io.EOF) && (long || len(n.text) > 0):
			return long, true, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return false, false, err
		}
	}
}

func (n *NDJSON) faulty(p Problem) Record {
	return Record{Line: n.line, Cells: make([]string, len(n.header)), Problems: []Problem{p}}
}

// member is one key of an object with its value.
type member struct {
	key   string
	value any
}

func (n *NDJSON) record(last bool) (Record, error) {
	members, err := parse(n.text)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && last:
		return Record{}, &ReadError{Code: TruncatedFile, Line: n.line}
	case err != nil:
		return n.faulty(Problem{Cell: -1, Code: NotAnObject}), nil
	}
	for _, m := range members {
		if code := n.addColumn(m.key); code != "" {
			return n.faulty(Problem{Cell: -1, Code: code, Limit: n.options.MaxCell}), nil
		}
	}
	rec := Record{Line: n.line, Cells: make([]string, len(n.header))}
	given := map[int]bool{}
	for _, m := range members {
		at := n.columns[strings.TrimSpace(m.key)]
		text, code := cellText(m.value)
		if code == "" {
			code = n.check(text)
		}
		if given[at] {
			code = DuplicateColumn
		}
		given[at] = true
		if code != "" {
			rec.Problems = append(rec.Problems, Problem{Cell: at, Code: code, Limit: n.options.MaxCell})
			text = ""
		}
		rec.Cells[at] = text
	}
	return rec, nil
}

var errNoObject = errors.New("sheet: the line is no object")

// parse reads the one object of a line in the order in which it is written.
func parse(line []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.Join(errNoObject, err)
	}
	var out []member
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{key: key.(string)} // the decoder takes no other key
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, unexpected(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNoObject
	}
	return out, nil
}

// unexpected: the end of the line is never expected inside an object.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (n *NDJSON) addColumn(key string) Code {
	key = strings.TrimSpace(key)
	if _, known := n.columns[key]; known {
		return ""
	}
	if code := n.check(key); code != "" {
		return code
	}
	if len(n.header) == maxColumns {
		return RowWidth
	}
	n.columns[key] = len(n.header)
	n.header = append(n.header, key)
	return ""
}

// check finds what no cell may hold. The decoder writes U+FFFD for bytes that are no text.
func (n *NDJSON) check(text string) Code {
	switch {
	case len(text) > n.options.MaxCell:
		return CellTooLong
	case strings.ContainsRune(text, utf8.RuneError):
		return InvalidEncoding
	case strings.ContainsRune(text, 0):
		return NULByte
	}
	return ""
}

// itemEnd stands between the items of one cell, where the mapping's list separator belongs.
const itemEnd = "\x1f"

// cellText says a value as a cell would.
func cellText(value any) (string, Code) {
	list, ok := value.([]any)
	if !ok {
		return scalarText(value)
	}
	items := make([]string, len(list))
	for i, v := range list {
		text, code := scalarText(v)
		if code != "" {
			return "", code
		}
		items[i] = text
	}
	return strings.Join(items, itemEnd), ""
}

func scalarText(value any) (string, Code) {
	switch v := value.(type) {
	case nil:
		return "", ""
	case string:
		return v, ""
	case json.Number:
		return v.String(), ""
	case bool:
		if v {
			return "true", ""
		}
		return "false", ""
	}
	return "", NestedValue
}
