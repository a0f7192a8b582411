package sheet_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/unicode"

	"github.com/waystation/waystation/internal/intake/sheet"
)

// readLines reads NDJSON, stores it and reads what was stored.
func readLines(data string, o sheet.NDJSONOptions) (header []string, rows []sheet.Record, err error) {
	in, err := sheet.NewNDJSON(strings.NewReader(data), o)
	if err != nil {
		return nil, nil, err
	}
	var body, file bytes.Buffer
	if _, err := sheet.StoreRows(&body, in); err != nil {
		return in.Header(), nil, err
	}
	if err := sheet.StoreHeader(&file, in.Header()); err != nil {
		return nil, nil, err
	}
	stored, err := sheet.OpenStored(io.MultiReader(&file, &body))
	if err != nil {
		return nil, nil, err
	}
	for {
		rec, err := stored.Next()
		if errors.Is(err, io.EOF) {
			return stored.Header(), rows, nil
		}
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, rec)
	}
}

func TestNDJSON_Lines(t *testing.T) {
	o := sheet.NDJSONOptions{MaxCell: 20, MaxLine: 60}
	for name, c := range map[string]struct{ data, header, want string }{
		"scalars":           {`{"a":"x","b":24,"c":true,"d":null,"e":4.80e5}`, "a b c d e", "x|24|true||4.80e5"},
		"order of each":     {"{\"a\":1,\"b\":2}\n{\"b\":4,\"a\":3}\n", "a b", "1|2 3|4"},
		"columns that come": {"{\"a\":1}\n{\"b\":2}\n", "a b", "1| |2"},
		"list":              {`{"a":["x",2]}`, "a", "x\x1f2"},
		"blank lines":       {"\n{\"a\":1}\r\n \n{\"a\":2}", "a", "1 2"},
		"emoji, Arabic":     {`{"a":"👩‍👧 سارة","b":"\ud83d\ude00"}`, "a b", "👩‍👧 سارة|😀"},
		"nested":            {`{"a":{"b":1},"c":[[1]],"d":1}`, "a c d", "||1[0 nested_value][1 nested_value]"},
		"twice":             {`{"a":1,"a":2}`, "a", "[0 duplicate_column]"},
		"no object":         {"{\"a\":1}\n[1]\n7\n{\"a\" 1}\n{\"a\":2} {}\n", "a", "1 [-1 not_an_object] [-1 not_an_object] [-1 not_an_object] [-1 not_an_object]"},
		"NUL":               {`{"a":"x\u0000","b":1}`, "a b", "|1[0 nul_byte]"},
		"half a character":  {`{"a":"\ud83d","b":1}`, "a b", "|1[0 invalid_encoding]"},
		"foreign byte":      {"{\"é\":\"é\xff\",\"b\":1}", "é b", "|1[0 invalid_encoding]"},
		"NUL in a key":      {"{\"a\":1}\n{\"b\\u0000\":1}\n", "a", "1 [-1 nul_byte]"},
		"long value":        {`{"a":"123456789012345678901","b":1}`, "a b", "|1[0 cell_too_long]"},
		"long line":         {"{\"a\":\"" + strings.Repeat("x", 200_000) + "\"}\n{\"a\":1}\n", "a", "[-1 line_too_long] 1"},
	} {
		header, rows, err := readLines(c.data, o)
		if got := show(rows); err != nil || got != c.want || strings.Join(header, " ") != c.header {
			t.Errorf("%s: %q of %q, %v; want %q", name, got, header, err, c.want)
		}
	}
}

func TestNDJSON_Refusals(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		code sheet.Code
		line int
	}{
		"empty":           {" \n\n", sheet.EmptyFile, 0},
		"cut in a text":   {"{\"a\":1}\n{\"a\":\"x", sheet.TruncatedFile, 2},
		"cut in a key":    {"{\"a\":1}\n{\"a", sheet.TruncatedFile, 2},
		"cut behind":      {"{\"a\":1}\n{\"a\":1", sheet.TruncatedFile, 2},
		"cut in a letter": {"{\"é\":1}\n{\"é\":\"\xc3", sheet.TruncatedFile, 2},
		"too many":        {strings.Repeat("{\"a\":1}\n", 4), sheet.TooManyRows, 4},
	} {
		_, _, err := readLines(c.data, sheet.NDJSONOptions{MaxRows: 3})
		var bad *sheet.ReadError
		if !errors.As(err, &bad) || bad.Code != c.code || bad.Line != c.line {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNDJSON_Encodings(t *testing.T) {
	wide := in(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "{\"prénom\":\"Zoé\"}\n")
	for encoding, data := range map[string]string{"utf-8": "\ufeff{\"prénom\":\"Zoé\"}\n", "utf-16le": wide} {
		n, err := sheet.NewNDJSON(strings.NewReader(data), sheet.NDJSONOptions{})
		if err != nil {
			t.Fatal(err)
		}
		rec, err := n.Next()
		if name, _ := n.Encoding(); err != nil || name != encoding || rec.Cells[0] != "Zoé" || n.Header()[0] != "prénom" {
			t.Errorf("%s: %s %+v %v", encoding, name, rec, err)
		}
	}
}

// A line of 64 MB with neither end nor sense is passed over, not held.
func TestNDJSON_EndlessLineIsNotHeld(t *testing.T) {
	long := io.LimitReader(endless{}, 64<<20)
	n, err := sheet.NewNDJSON(io.MultiReader(strings.NewReader(`{"a":"`), long), sheet.NDJSONOptions{})
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	rec, err := n.Next()
	if err != nil || rec.Problems[0].Code != sheet.LineTooLong {
		t.Errorf("%+v %v", rec, err)
	}
	if grown := int64(heap()) - int64(before); grown > 4<<20 {
		t.Errorf("live heap grew by %d bytes", grown)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// What an array lists is read as the cell that lists it.
func TestNDJSON_ListIsReadLikeTheCell(t *testing.T) {
	m := sheet.DefaultMapping([]string{"id", "date d'enregistrement", "nom", "sexe", "age", "nationalité", "consentement", "méthode de consentement", "vulnérabilités"})
	m.ListSeparator = "+"
	const line = `{"id":7,"date d'enregistrement":"05/01/2024","nom":"=1+1","sexe":"F","age":30,"nationalité":["Mali","Niger"],"consentement":"oui","méthode de consentement":"écrit","vulnérabilités":["femme enceinte","MENA"]}`
	header, rows, err := readLines(line, sheet.NDJSONOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n, issues := sheet.NewNormaliser(m, header, sheet.Options{Today: today})
	if n == nil {
		t.Fatal(issues)
	}
	r := n.Row(rows[0])
	if !r.Accepted() || !slices.Equal(r.Row.Nationalities, []string{"MLI", "NER"}) || len(r.Row.Vulnerabilities) != 2 {
		t.Errorf("%+v", r)
	}
	if len(r.Issues) != 1 || r.Issues[0].Code != sheet.FormulaText {
		t.Errorf("a text that looks like a formula: %v", r.Issues)
	}
}

func FuzzNDJSON(f *testing.F) {
	for _, s := range []string{"{\"a\":1}\n", "{\"a\":[1,\"x\"]}\n{\"b\":null}", "{\"a\":{}}\n", "{\"\\u0000\":1}", "[]\n{", "\xff\xfe{\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data string) {
		header, rows, err := readLines(data, sheet.NDJSONOptions{MaxCell: 64})
		if err != nil {
			return
		}
		for _, r := range rows {
			if len(r.Cells) != len(header) {
				t.Fatalf("row of %d cells under %d headers", len(r.Cells), len(header))
			}
			for _, cell := range r.Cells {
				if len(cell) > 64 || strings.ContainsAny(cell, "\x00\ufffd") {
					t.Fatalf("cell %q passed", cell)
				}
			}
		}
	})
}
