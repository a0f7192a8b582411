package sheet_test

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/waystation/waystation/internal/intake/sheet"
)

// readAll gives the header, the rows and the error that ended the reading.
func readAll(r io.Reader, o sheet.CSVOptions) (header []string, rows []sheet.Record, err error) {
	csv, err := sheet.NewCSV(r, o)
	if err != nil {
		return nil, nil, err
	}
	for {
		rec, err := csv.Next()
		if errors.Is(err, io.EOF) {
			return csv.Header(), rows, nil
		}
		if err != nil {
			return csv.Header(), rows, err
		}
		rows = append(rows, rec)
	}
}

func TestCSV_Encodings(t *testing.T) {
	text := "prénom;âge\r\nSékou’s;2\r\n"
	encode := func(e encoding.Encoding, s string) string {
		out, err := e.NewEncoder().String(s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	arabic := "الاسم;العمر\r\nسارة;2\r\n"
	for name, c := range map[string]struct{ data, declared, header, cell string }{
		"UTF-8":                  {text, "", "prénom", "Sékou’s"},
		"UTF-8 with mark":        {"\ufeff" + text, "", "prénom", "Sékou’s"},
		"mark beats declaration": {"\ufeff" + text, "windows-1252", "prénom", "Sékou’s"},
		"UTF-16 LE":              {encode(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), text), "", "prénom", "Sékou’s"},
		"UTF-16 BE":              {encode(unicode.UTF16(unicode.BigEndian, unicode.UseBOM), text), "", "prénom", "Sékou’s"},
		"UTF-16 LE declared":     {encode(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), text), "utf-16le", "prénom", "Sékou’s"},
		"Windows-1252 detected":  {encode(charmap.Windows1252, text), "", "prénom", "Sékou’s"},
		"Windows-1256 declared":  {encode(charmap.Windows1256, arabic), "windows-1256", "الاسم", "سارة"},
	} {
		header, rows, err := readAll(strings.NewReader(c.data), sheet.CSVOptions{Encoding: c.declared})
		if err != nil || header[0] != c.header || len(rows) != 1 || rows[0].Cells[0] != c.cell {
			t.Errorf("%s: %q %+v %v", name, header, rows, err)
		}
	}
}

// A character that ends beyond the sample of the detection is not an invalid one.
func TestCSV_EncodingAtTheEdgeOfTheSample(t *testing.T) {
	for pad := range 4 {
		data := "a;b\n" + strings.Repeat("x;y\n", (1<<16)/4-2) + strings.Repeat("x", pad) + "ééé;é\n"
		_, rows, err := readAll(strings.NewReader(data), sheet.CSVOptions{})
		last := rows[len(rows)-1]
		if err != nil || last.Cells[1] != "é" || len(last.Problems) > 0 {
			t.Errorf("pad %d: %+v %v", pad, last, err)
		}
	}
}

func TestCSV_Rows(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		o    sheet.CSVOptions
		want string // cells joined by | , problems in brackets
	}{
		"semicolon":          {"a;b\n1;2\n", sheet.CSVOptions{}, "1|2"},
		"comma":              {"a,b\n1,2\n", sheet.CSVOptions{}, "1|2"},
		"tab":                {"a\tb\n1\t2\n", sheet.CSVOptions{}, "1|2"},
		"pipe":               {"a|b\n1|2\n", sheet.CSVOptions{}, "1|2"},
		"commas inside":      {"a;b\n1,5;2,5\n1,5;2,5\n", sheet.CSVOptions{}, "1,5|2,5 1,5|2,5"},
		"declared":           {"a;b,c\n1;2,3\n", sheet.CSVOptions{Delimiter: ','}, "1;2|3"},
		"sep line":           {"sep=|\na|b;c;d\n1|2\n", sheet.CSVOptions{}, "1|2"},
		"old Mac lines":      {"a;b\r1;2\r", sheet.CSVOptions{}, "1|2"},
		"quoted newline":     {"a;b\n\"x\r\ny\";\"2;\"\"3\"\"\"\n", sheet.CSVOptions{}, "x\ny|2;\"3\""},
		"quote inside":       {"a;b\n5\" pipe;2\n", sheet.CSVOptions{}, "5\" pipe|2"},
		"text behind quote":  {"a;b\n\"x\"y;2\n", sheet.CSVOptions{}, "|2[0 bad_quote]"},
		"blank lines":        {"\n\na;b\n\n;\n1;2\n\n", sheet.CSVOptions{}, "1|2"},
		"no last line end":   {"a;b\n1;2", sheet.CSVOptions{}, "1|2"},
		"short row":          {"a;b;c\n1;2\n1;2;3\n", sheet.CSVOptions{}, "1|2[-1 row_width] 1|2|3"},
		"long row":           {"a;b\n1;2;3\n", sheet.CSVOptions{}, "1|2|3[-1 row_width]"},
		"empty cells beyond": {"a;b;;\n1;2;;;\n", sheet.CSVOptions{}, "1|2"},
		"NUL":                {"a;b\n1\x00;2\n", sheet.CSVOptions{}, "|2[0 nul_byte]"},
		"invalid UTF-8":      {"a;b\n1\xff;2\n", sheet.CSVOptions{Encoding: "utf-8"}, "|2[0 invalid_encoding]"},
		"long cell":          {"a;b\n12345;1234\n", sheet.CSVOptions{MaxCell: 4}, "|1234[0 cell_too_long]"},
	} {
		header, rows, err := readAll(strings.NewReader(c.data), c.o)
		if got := show(rows); err != nil || got != c.want {
			t.Errorf("%s: %q of %q, %v; want %q", name, got, header, err, c.want)
		}
	}
}

func show(rows []sheet.Record) string {
	var out []string
	for _, r := range rows {
		s := strings.Join(r.Cells, "|")
		for _, p := range r.Problems {
			s += fmt.Sprintf("[%d %s]", p.Cell, p.Code)
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestCSV_LineNumbers(t *testing.T) {
	_, rows, err := readAll(strings.NewReader("a;b\r\n\"x\ny\";1\r\n\r\nz;2\r\n"), sheet.CSVOptions{})
	if err != nil || rows[0].Line != 2 || rows[1].Line != 5 {
		t.Errorf("%+v %v", rows, err)
	}
}

func TestCSV_Refusals(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		o    sheet.CSVOptions
		code sheet.Code
		line int
	}{
		"empty":             {"", sheet.CSVOptions{}, sheet.EmptyFile, 0},
		"blank":             {"\n;;\n", sheet.CSVOptions{}, sheet.EmptyFile, 0},
		"open quote":        {"a;b\n1;2\n\"3;4\n5;6\n", sheet.CSVOptions{}, sheet.TruncatedFile, 3},
		"short last row":    {"a;b;c\n1;2;3\n4;5", sheet.CSVOptions{}, sheet.TruncatedFile, 3},
		"too many rows":     {"a\n1\n2\n3\n", sheet.CSVOptions{MaxRows: 2}, sheet.TooManyRows, 4},
		"too large":         {"a;b\n1;2\n", sheet.CSVOptions{MaxBytes: 7}, sheet.FileTooLarge, 0},
		"unknown encoding":  {"a;b\n", sheet.CSVOptions{Encoding: "ebcdic"}, sheet.UnknownEncoding, 0},
		"NUL in the header": {"a\x00;b\n", sheet.CSVOptions{}, sheet.NULByte, 1},
	} {
		_, _, err := readAll(strings.NewReader(c.data), c.o)
		var fault *sheet.ReadError
		if !errors.As(err, &fault) || fault.Code != c.code || fault.Line != c.line {
			t.Errorf("%s: %v, want %s on line %d", name, err, c.code, c.line)
		}
	}
	if _, _, err := readAll(strings.NewReader("a;b\n1;2\n"), sheet.CSVOptions{MaxBytes: 8}); err != nil {
		t.Errorf("a file of exactly the limit: %v", err)
	}
}

func TestCSV_SourceFailure(t *testing.T) {
	broken := errors.New("line cut")
	_, _, err := readAll(io.MultiReader(strings.NewReader("a;b\n1;2\n3"), failing{broken}), sheet.CSVOptions{})
	if !errors.Is(err, broken) {
		t.Errorf("%v does not say what failed", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// rowsOf makes a sheet of n rows without holding it.
type rowsOf struct {
	n    int
	rest []byte
}

func (r *rowsOf) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.n == 0 {
			return 0, io.EOF
		}
		r.n--
		r.rest = fmt.Appendf(nil, "%d;05/01/2024;Diop;F;30;Mali;oui;écrit;%s\n", r.n, strings.Repeat("remarque ", 20))
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func TestStream_MemoryStaysFlat(t *testing.T) {
	header := "id;date d'enregistrement;nom;sexe;age;nationalité;consentement;méthode de consentement;observations\n"
	csv, err := sheet.NewCSV(io.MultiReader(strings.NewReader(header), &rowsOf{n: 100_000}), sheet.CSVOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n, issues := sheet.NewNormaliser(sheet.DefaultMapping(csv.Header()), csv.Header(), sheet.Options{Today: today})
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	var sum sheet.Summary
	var samples []uint64
	for r, err := range n.All(csv) {
		if err != nil {
			t.Fatal(err)
		}
		if sum.Add(r); sum.Rows%10_000 == 1 {
			samples = append(samples, heap())
		}
	}
	if sum.Rows != 100_000 || sum.Accepted != 100_000 {
		t.Errorf("%+v", sum)
	}
	if grown := int64(slices.Max(samples)) - int64(samples[0]); grown > 1<<20 {
		t.Errorf("live heap grew by %d bytes over 100,000 rows (over 20 MB of text)", grown)
	}
}

func TestStream_StrayQuoteIsNotHeld(t *testing.T) {
	csv, err := sheet.NewCSV(io.MultiReader(strings.NewReader("a;b\n1;\"2\n"), &rowsOf{n: 100_000}), sheet.CSVOptions{})
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	_, err = csv.Next()
	var fault *sheet.ReadError
	if !errors.As(err, &fault) || fault.Code != sheet.TruncatedFile || fault.Line != 2 {
		t.Errorf("%v", err)
	}
	if grown := int64(heap()) - int64(before); grown > 1<<20 {
		t.Errorf("live heap grew by %d bytes", grown)
	}
	runtime.KeepAlive(csv)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a;b\n1;2\n", "\ufeffa,b\n\"x\ny\",2\n", "\xff\xfea\x00;\x00", "sep=|\na|b\n", "a\x00;b\n", "a;b\n\"", "\"\"\"\r\n;"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		header, rows, _ := readAll(strings.NewReader(string(data)), sheet.CSVOptions{MaxCell: 64})
		line := 0
		for _, r := range rows {
			wide := slices.ContainsFunc(r.Problems, func(p sheet.Problem) bool { return p.Code == sheet.RowWidth })
			if !wide && len(r.Cells) != len(header) {
				t.Fatalf("row of %d cells under %d headers", len(r.Cells), len(header))
			}
			if r.Line <= line {
				t.Fatalf("line %d after line %d", r.Line, line)
			}
			line = r.Line
			for _, cell := range r.Cells {
				if len(cell) > 64 || strings.ContainsRune(cell, 0) {
					t.Fatalf("cell %q passed", cell)
				}
			}
		}
	})
}
